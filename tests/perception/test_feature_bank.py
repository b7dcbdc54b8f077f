"""The bank against a list, its attention against plain loops, and what both are for."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy import stats
from tiny_models import tiny_mask_rcnn
from torch import nn

from embodied_mem.errors import ConfigError, WeightsError
from embodied_mem.types import Frame
from perception import TorchvisionConfig
from perception import torchvision_detector as module
from perception.feature_bank import (
    AlikeReader,
    FeatureBank,
    Reader,
    TrainedReader,
)
from perception.feature_bank_config import FeatureBankConfig
from perception.remembering_head import RememberingLinear, remember
from perception.torchvision_detector import TorchvisionDetector


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count, dtype=torch.float32)[:, None].repeat(1, 2)


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=12), st.integers(0, 5))
def test_a_bank_holds_what_was_written_and_never_more_than_its_capacity(
    capacity: int, writes: list[int], seed: int
):
    bank = FeatureBank(capacity, 2, seed=seed)
    written = 0
    for count in writes:
        before = set(bank.rows[:, 0].tolist())
        bank.write(numbered(written, count))
        kept = bank.rows[:, 0].tolist()
        new = set(range(written, written + min(count, capacity)))
        assert len(kept) == len(set(kept)) == min(len(before) + len(new), capacity)
        assert new <= set(kept)  # What was just written is there, all of it.
        assert set(kept) <= before | new
        if not count:
            assert set(kept) == before
        written += count


@given(st.integers(1, 15), st.integers(0, 40), st.integers(1, 20))
def test_a_draw_gives_different_rows_of_the_bank(capacity: int, count: int, most: int):
    bank = FeatureBank(capacity, 2)
    bank.write(numbered(0, count))
    drawn = bank.draw(most)[:, 0].tolist()
    assert len(drawn) == len(set(drawn)) == min(most, len(bank))
    assert set(drawn) <= set(bank.rows[:, 0].tolist())


def test_the_same_seed_keeps_and_draws_the_same():
    one, two, other = (FeatureBank(10, 2, seed=seed) for seed in (1, 1, 2))
    for bank in (one, two, other):
        for number in range(6):
            bank.write(numbered(10 * number, 7))
    assert torch.equal(one.rows, two.rows)
    assert torch.equal(one.draw(4), two.draw(4))
    assert not torch.equal(one.rows, other.rows)
    one.reset()
    assert len(one) == 0
    for number in range(6):
        one.write(numbered(10 * number, 7))
    assert torch.equal(one.rows, two.rows)


def test_ages_of_rows_are_geometric():
    capacity, each, frames = 4000, 40, 1000
    bank = FeatureBank(capacity, 2, seed=3)
    for frame in range(frames):
        bank.write(torch.full((each, 2), float(frame)))
    ages = frames - 1 - bank.rows[:, 0].numpy()
    # A row survives each write with probability 1 - each / capacity.
    law = stats.geom(each / capacity, loc=-1)
    assert np.abs(np.mean(ages) - law.mean()) < 4 * law.std() / math.sqrt(capacity)
    for age in (10, 50, 100, 200):
        assert np.mean(ages <= age) == pytest.approx(law.cdf(age), abs=0.03)


def naive_alike(x: np.ndarray, keys: np.ndarray, sharpness: float, share: float) -> np.ndarray:
    out = np.zeros_like(x)
    for i, row in enumerate(x):
        weights = [
            math.exp(sharpness * float(row @ key) / np.linalg.norm(row) / np.linalg.norm(key))
            for key in keys
        ]
        read = sum((w * key for w, key in zip(weights, keys, strict=True)), np.zeros(len(row)))
        out[i] = (1 - share) * row + share * read / sum(weights)
    return out


def naive_trained(x: np.ndarray, keys: np.ndarray, reader: TrainedReader) -> np.ndarray:
    def apply(layer: nn.Linear, row: np.ndarray) -> np.ndarray:
        return layer.weight.numpy(force=True) @ row + layer.bias.numpy(force=True)

    width = x.shape[1] // reader.heads
    out = np.zeros_like(x)
    for i, row in enumerate(x):
        read = []
        for head in range(reader.heads):
            part = slice(head * width, (head + 1) * width)
            query = apply(reader.query, row)[part]
            scores = [float(query @ apply(reader.key, key)[part]) for key in keys]
            weights = [math.exp(score / math.sqrt(width)) for score in scores]
            values = [apply(reader.value, key)[part] for key in keys]
            weighted = [w * value for w, value in zip(weights, values, strict=True)]
            read.append(sum(weighted, np.zeros(width)) / sum(weights))
        out[i] = row + apply(reader.out, np.concatenate(read))
    return out


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 1000))
def test_reading_equals_plain_loops(queries: int, keys: int, seed: int):
    torch.manual_seed(seed)
    x, memory = torch.randn(queries, 6).double(), torch.randn(keys, 6).double()
    alike = AlikeReader(sharpness=5.0, share=0.3)
    expected = naive_alike(x.numpy(), memory.numpy(), 5.0, 0.3)
    np.testing.assert_allclose(alike(x, memory).numpy(), expected, rtol=1e-10)
    reader = TrainedReader(6, heads=3).double()
    with torch.no_grad():
        got = reader(x, memory).numpy()
    np.testing.assert_allclose(got, naive_trained(x.numpy(), memory.numpy(), reader), rtol=1e-9)
    assert isinstance(alike, Reader)


def test_noisy_features_of_one_thing_become_clearer():
    """Frames show two things, each time under other noise: as blur and motion do to proposals."""
    torch.manual_seed(0)
    things = nn.functional.normalize(torch.randn(2, 256), dim=1)

    def frame() -> torch.Tensor:
        return things + 0.06 * torch.randn(2, 256)

    bank, reader = FeatureBank(200, 256), AlikeReader(30.0, 0.5)
    for _ in range(50):
        bank.write(frame())
    plain = [frame() for _ in range(50)]
    read = [reader(features, bank.draw(64)) for features in plain]

    def cosine(features: list[torch.Tensor]) -> float:
        alike = [nn.functional.cosine_similarity(f, things, dim=1).mean() for f in features]
        return float(torch.stack(alike).mean())

    assert cosine(read) > cosine(plain) + 0.05


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return what makes tiny detectors with the same weights, with or without a bank."""
    torch.manual_seed(0)
    network = tiny_mask_rcnn(5, score=0.0, most=20)
    path = tmp_path / "tiny.safetensors"
    save_file(network.state_dict(), path)
    monkeypatch.setattr(
        module, "build_network", lambda config: tiny_mask_rcnn(5, score=0.0, most=20)
    )
    classes = ("background", "a", "b", "c", "d")

    def make(bank: FeatureBankConfig | None) -> TorchvisionDetector:
        return TorchvisionDetector(
            TorchvisionConfig(weights=str(path), classes=classes, score=0.0, bank=bank, lift=None)
        )

    return make


def frames(count: int) -> list[Frame]:
    chance = np.random.default_rng(0)
    scene = chance.integers(0, 255, (48, 64, 3))
    return [
        Frame(
            stamp=float(number),
            rgb=np.clip(scene + chance.normal(0, 12, scene.shape), 0, 255).astype(np.uint8),
        )
        for number in range(count)
    ]


def scores(detector: TorchvisionDetector, seen: list[Frame]) -> list[list[float]]:
    return [found.scores.tolist() for found in detector.batch(seen)]


def test_the_first_frame_is_seen_as_without_a_bank_and_later_ones_are_not(build):
    bank = FeatureBankConfig(capacity=50, keys=20, written=10)
    plain, remembering = build(None), build(bank)
    seen = frames(3)
    without, with_bank = scores(plain, seen), scores(remembering, seen)
    np.testing.assert_allclose(with_bank[0], without[0], atol=1e-5)
    assert with_bank[2] != without[2]


def test_a_batch_is_seen_as_the_frames_one_by_one_and_the_bank_stays_bounded(build):
    config = FeatureBankConfig(capacity=25, keys=20, written=10)
    one, other = build(config), build(config)
    seen = frames(5)
    together = scores(one, seen)
    assert together == [scores(other, [frame])[0] for frame in seen]
    (layer,) = one._layers
    assert len(layer.bank) == 25


def test_another_video_begins_with_an_empty_bank(build):
    detector = build(FeatureBankConfig(capacity=25, keys=20, written=10))
    seen = frames(4)
    first = scores(detector, seen)
    assert scores(detector, seen) == first  # Its stamps go back: another video.
    detector.reset()
    assert scores(detector, seen) == first


def test_both_layers_of_the_older_head_get_a_bank_and_trained_weights(tmp_path: Path):
    head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16))
    trained = [TrainedReader(16, 4), TrainedReader(16, 4)]
    save_file(nn.ModuleList(trained).state_dict(), tmp_path / "readers.safetensors")
    config = FeatureBankConfig(weights=str(tmp_path / "readers.safetensors"), heads=4)
    first, second = remember(head, config)
    assert isinstance(head[2], RememberingLinear)
    assert head[2] is second
    assert isinstance(first.reader, TrainedReader)
    assert torch.equal(first.reader.query.weight, trained[0].query.weight)
    with torch.inference_mode():
        head(torch.randn(5, 8))
        assert len(first.bank) == len(second.bank) == 5
        head(torch.randn(0, 8))  # A frame without proposals.
    assert len(first.bank) == 5


def test_settings_and_weights_that_do_not_fit_are_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="at least 1"):
        FeatureBankConfig(keys=0)
    with pytest.raises(ConfigError, match=r"share lies in 0\.\.1"):
        FeatureBankConfig(share=1.5)
    with pytest.raises(ConfigError, match="10 features cannot be divided into 4 heads"):
        TrainedReader(10, 4)
    save_file({"0.query.weight": torch.zeros(2, 2)}, tmp_path / "bad.safetensors")
    bad = FeatureBankConfig(weights=str(tmp_path / "bad.safetensors"), heads=4)
    with pytest.raises(WeightsError, match="missing"):
        remember(nn.Sequential(nn.Linear(4, 8)), bad)
