"""Features of a timm network: what is pooled, and that real networks run."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from box_backend import BoxBackend, furnished_room
from contracts.perceiver_contract import PerceiverContract
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from embodied_mem.errors import ConfigError, DetectorError, WeightsError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Frame
from perception import OracleConfig, Pipeline, TimmFeaturesConfig
from perception.appearance import ColourFeatures, Describer
from perception.timm_features import TimmFeatures, build_network, pool_under

RESNET, VIT = "test_resnet", "test_vit"  # timm's own miniatures.


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in (RESNET, VIT):
        network = build_network(TimmFeaturesConfig(weights="", model=name))
        state = network.state_dict() | {"head.weight": torch.zeros(1000, 3)}
        save_file(state, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in (RESNET, VIT)}


def config(files: dict[str, Path], model: str = RESNET, **changes: object) -> TimmFeaturesConfig:
    base = TimmFeaturesConfig(weights=str(files[model]), model=model, image_size=96)
    return msgspec.structs.replace(base, **changes)


class TestTimmPipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self, weights: dict[str, Path]) -> Perceiver:
        return Pipeline(OracleConfig(), config(weights))

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(96)).reset().frame


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 4))
def test_pooling_is_the_average_over_a_masks_pixels(seed: int, n: int):
    """Against a plain loop, where each cell is a whole number of pixels."""
    random = np.random.default_rng(seed)
    maps = random.normal(size=(5, 3, 4)).astype(np.float32)
    masks = random.random((n, 6, 12)) < random.random()
    found = pool_under(maps, masks)
    assert found.shape == (n, 5)
    assert found.dtype == np.float32
    for mask, feature in zip(masks, found, strict=True):
        total = np.zeros(5)
        for row, column in np.argwhere(mask):
            total += maps[:, row // 2, column // 3]
        expected = total / np.linalg.norm(total) if mask.any() else np.full(5, 5**-0.5)
        np.testing.assert_allclose(feature, expected, atol=1e-4)


def test_things_on_their_own_part_of_the_map_get_its_vector():
    maps = np.zeros((2, 2, 2), np.float32)
    maps[0, :, 0], maps[1, :, 1] = 3, 5
    masks = np.zeros((3, 10, 20), bool)
    masks[0, :, :10] = masks[1, :, 10:] = True
    masks[2, 4, 3] = True  # A single pixel of the left half.
    np.testing.assert_allclose(pool_under(maps, masks), [[1, 0], [0, 1], [1, 0]], atol=1e-6)


@pytest.mark.parametrize(("model", "layer"), [(RESNET, -1), (RESNET, 1), (VIT, -1), (VIT, 2)])
def test_width_is_constant_and_the_same_view_gives_the_same_vector(
    weights: dict[str, Path], model: str, layer: int
):
    describe = TimmFeatures(config(weights, model, layer=layer))
    assert isinstance(describe, Describer)
    widths = set()
    for size in (48, 96):
        frame = BoxBackend(furnished_room(size)).reset().frame
        masks = np.zeros((2, size, size), bool)
        masks[:, : size // 2] = True
        one, other = describe(frame.rgb, masks)
        np.testing.assert_array_equal(one, other)
        assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
        widths.add(len(one))
        assert describe(frame.rgb, masks[:0]).shape == (0, len(one))
    assert len(widths) == 1


def test_a_transformer_takes_other_sizes_than_it_was_made_for(weights: dict[str, Path]):
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    own = TimmFeatures(config(weights, VIT, image_size=160)).maps(rgb)
    small = TimmFeatures(config(weights, VIT, image_size=64)).maps(rgb)
    assert own.shape[1:] == (10, 10)
    assert small.shape[1:] == (4, 4)
    with pytest.raises(ConfigError, match=r"patches of 16 px; .* multiple of that, got 70"):
        TimmFeatures(config(weights, VIT, image_size=70))


def test_half_precision_looks_much_the_same(weights: dict[str, Path]):
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    masks = np.ones((1, 60, 80), bool)
    full = TimmFeatures(config(weights))(rgb, masks)
    half = TimmFeatures(config(weights, precision="bf16"))(rgb, masks)
    assert float(full[0] @ half[0]) > 0.99


def test_the_weights_are_used(weights: dict[str, Path], tmp_path: Path):
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    masks = np.ones((1, 60, 80), bool)
    first, again = (TimmFeatures(config(weights))(rgb, masks) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    torch.manual_seed(9)
    other = build_network(config(weights)).state_dict()
    save_file(other, tmp_path / "other.safetensors")
    changed = TimmFeatures(config(weights, weights=str(tmp_path / "other.safetensors")))
    assert np.abs(changed(rgb, masks) - first).max() > 1e-3


def test_what_cannot_be_is_one_sentence(weights: dict[str, Path]):
    with pytest.raises(ConfigError, match="timm has no model 'resnet1'"):
        TimmFeatures(msgspec.structs.replace(config(weights), model="resnet1"))
    with pytest.raises(WeightsError, match="are not for test_vit"):
        TimmFeatures(msgspec.structs.replace(config(weights), model=VIT))
    with pytest.raises(WeightsError, match="no file of weights"):
        TimmFeatures(config(weights, weights="nowhere.pth"))
    with pytest.raises(ConfigError, match="at least 32 px"):
        TimmFeaturesConfig(weights="a", image_size=8)
    rgb = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ConfigError, match="has no map 99"):
        TimmFeatures(config(weights, layer=99)).maps(rgb)


def test_a_full_device_says_what_to_reduce(
    weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    describe = TimmFeatures(config(weights))

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(describe._network, "forward_intermediates", full)
    with pytest.raises(DetectorError, match="image_size smaller"):
        describe(np.zeros((40, 40, 3), np.uint8), np.ones((1, 40, 40), bool))


def test_colours_stay_the_default():
    assert isinstance(Pipeline()._describe, ColourFeatures)
