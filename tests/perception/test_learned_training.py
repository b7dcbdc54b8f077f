"""Training: interrupted or not, the same; its weights, and the detector that reads them."""
# ruff: noqa: E501 - messages stand as they are.

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from contracts.perceiver_contract import PerceiverContract
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from labelled_houses import OFTEN, SEEDS, TINY, labelled_houses
from safetensors.torch import load_file, save_file

from embodied_mem.app.cli import OK, USER_ERROR, execute
from embodied_mem.app.train_commands import Train, TrainSegmenter
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import object_types
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import ConfigError, EmbodiedMemError, FrameError, StoreFormatError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Action, Camera, Frame
from perception import Detector, LearnedConfig, Pipeline
from perception.learned.detector import Learned
from perception.learned.generation import STATE_PROPERTIES
from perception.learned.inputs import network_input
from perception.learned.network import parameter_count
from perception.learned.sampling import SamplingConfig
from perception.learned.shards import open_shards
from perception.learned.training import RunConfig, TrainingConfig, learning_rate, train
from perception.learned.weights import SHIPPED, load_weights


def run(
    out: Path,
    config: TrainingConfig = TINY,
    *,
    stop: int | None = None,
    how: RunConfig = OFTEN,
) -> None:
    """Train in a folder; press Ctrl-C in step `stop`."""
    torch.set_num_threads(1)
    shards = open_shards(labelled_houses(), SEEDS)
    for step, _ in train(out, shards[:1], shards[1:], config, how):
        if step == stop:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module", name="trained")
def a_finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(out)
    return out


@pytest.fixture(scope="module", name="view")
def a_view_of_a_house() -> Frame:
    config = HouseholdSimConfig(width=160, height=130, house=HouseSource(seed=900, rooms=1))
    with HouseholdSim(config) as sim:
        sim.reset()
        return sim.step(Action(name="LookDown", arguments={"degrees": 30.0})).frame


def test_an_interrupted_run_ends_like_one_that_was_not(trained: Path, tmp_path: Path):
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop=stop)
    run(tmp_path)
    whole, parted = (load_file(f / "checkpoint.safetensors") for f in (trained, tmp_path))
    assert whole.keys() == parted.keys()
    for name, tensor in whole.items():
        torch.testing.assert_close(parted[name], tensor, rtol=0, atol=0, msg=name)
    steps = [
        [json.loads(line)["step"] for line in (f / "curve.jsonl").open()]
        for f in (trained, tmp_path)
    ]
    assert steps[0] == [1, 2, 2, 3, 4, 4]  # A line for each step, and one for each measurement.
    assert sorted(set(steps[1])) == [1, 2, 3, 4]


def test_a_run_leaves_its_curve_and_its_weights(trained: Path):
    assert {path.name for path in trained.iterdir()} == {
        "checkpoint.safetensors", "curve.jsonl", "curve.png", "segmenter.safetensors",
    }  # fmt: skip
    rows = [json.loads(line) for line in (trained / "curve.jsonl").open()]
    assert all(np.isfinite(row["total"]) for row in rows if "total" in row)
    assert all(0 <= row["miou"] <= 1 for row in rows if "miou" in row)


def test_other_settings_in_the_same_folder_are_refused(trained: Path):
    with pytest.raises(ConfigError, match="begun with other settings"):
        run(trained, msgspec.structs.replace(TINY, learning_rate=1e-4))


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="multiple of 32 px, got 100"):
        TrainingConfig(sampling=SamplingConfig(crop=100))
    for batch, steps in ((1, 10), (2, 0)):
        with pytest.raises(ConfigError, match="2 or more images, and 1 or more steps"):
            TrainingConfig(batch=batch, steps=steps)


def test_a_damaged_checkpoint_is_told(trained: Path, tmp_path: Path):
    data = (trained / "checkpoint.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(StoreFormatError, match="damaged"):
        run(tmp_path)


@given(steps=st.integers(2, 500), warm_up=st.integers(1, 100))
@settings(max_examples=25, deadline=None)
def test_the_learning_rate_rises_then_falls_to_nothing(steps: int, warm_up: int):
    config = TrainingConfig(steps=steps, warm_up=min(warm_up, steps - 1))
    rates = [learning_rate(step, step / steps, config) for step in range(steps + 1)]
    top = int(np.argmax(rates))
    assert np.all(np.diff(rates[: top + 1]) > 0)
    assert np.all(np.diff(rates[top:]) <= 0)
    assert max(rates) == pytest.approx(config.learning_rate)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


def test_a_run_can_begin_with_the_weights_of_another(trained: Path, tmp_path: Path):
    good = str(trained / "segmenter.safetensors")
    still = msgspec.structs.replace(TINY, steps=1, learning_rate=1e-12, begin_with=good)
    run(tmp_path / "same", still)
    before, after = (load_file(p / "segmenter.safetensors") for p in (trained, tmp_path / "same"))
    filters = [name for name, tensor in before.items() if tensor.ndim > 1]
    assert all(torch.equal(before[name], after[name]) for name in filters)
    wider = msgspec.structs.replace(
        still, network=msgspec.structs.replace(TINY.network, fine_width=16)
    )
    with pytest.raises(ConfigError, match="Use the settings that they were trained with"):
        run(tmp_path / "wider", wider)


def test_a_device_that_is_not_there_is_told_in_a_sentence(trained: Path, tmp_path: Path):
    """`cuda:99`, so that it fails on machines with a GPU too."""
    with pytest.raises(ConfigError, match="there is no device 'cuda:99' on this machine"):
        run(tmp_path, how=RunConfig(device="cuda:99"))
    weights = str(trained / "segmenter.safetensors")
    with pytest.raises(ConfigError, match="there is no device 'cuda:99' on this machine"):
        Learned(LearnedConfig(weights=weights, device="cuda:99"))


def test_training_ends_when_its_time_is_up(tmp_path: Path):
    shards = open_shards(labelled_houses(), SEEDS)
    config = msgspec.structs.replace(TINY, steps=10_000, minutes=1 / 60)
    steps = [step for step, _ in train(tmp_path, shards, [], config, RunConfig())]
    assert 1 <= len(steps) < 1000
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert load_weights(tmp_path / "segmenter.safetensors")[0].training["steps"] == steps[-1]
    assert all(row["seconds"] < 30 for row in rows)


def test_weights_that_cannot_be_used_are_told_in_a_sentence(trained: Path, tmp_path: Path):
    good = trained / "segmenter.safetensors"
    half, other, unfit = (tmp_path / f"{n}.safetensors" for n in ("half", "other", "unfit"))
    half.write_bytes(good.read_bytes()[:9000])
    save_file({"a": torch.zeros(1)}, other)
    card, _ = load_weights(good)
    fewer = msgspec.structs.replace(card, kinds=card.kinds[:-1])
    metadata = {"format": "embodied-mem segmenter 1", "card": msgspec.json.encode(fewer).decode()}
    save_file(load_file(good), unfit, metadata=metadata)
    messages = []
    for path in (tmp_path / "none.safetensors", half, other, unfit):
        with pytest.raises(EmbodiedMemError) as caught:
            Learned(LearnedConfig(weights=str(path)))
        messages.append(str(caught.value).replace(str(tmp_path), "FOLDER"))
    assert messages == snapshot(
        [
            "cannot read the segmenter's weights FOLDER/none.safetensors: there is no such file. Train some with `embodied-mem train segmenter`, or choose another perception.",
            "the segmenter's weights FOLDER/half.safetensors are damaged: Error while deserializing header: invalid header length.",
            "FOLDER/other.safetensors holds no segmenter of this version, but 'something else'.",
            "the weights in FOLDER/unfit.safetensors do not fit the network that their card describes. Use the file as it was trained.",
        ]
    )


def test_a_segmenter_forgets_nothing_in_its_file(trained: Path):
    card, network = load_weights(trained / "segmenter.safetensors")
    average = load_file(trained / "checkpoint.safetensors")
    for name, tensor in network.state_dict().items():
        kept = average[f"average/{name}"]
        torch.testing.assert_close(tensor.to(kept.dtype), kept, rtol=2e-3, atol=1e-6, msg=name)
    assert card.states == tuple(STATE_PROPERTIES)


class TestLearnedPipeline(PerceiverContract):
    """The contract holds for weights that know next to nothing, with all that they find kept."""

    @pytest.fixture
    def perceiver(self, trained: Path) -> Perceiver:
        weights = str(trained / "segmenter.safetensors")
        return Pipeline(LearnedConfig(weights=weights, min_score=0.0, min_pixels=1))

    @pytest.fixture
    def frame(self, view: Frame) -> Frame:
        return view


def test_masks_share_no_pixel_and_come_the_largest_first(trained: Path, view: Frame):
    weights = str(trained / "segmenter.safetensors")
    detector = Learned(LearnedConfig(weights=weights, min_score=0.0, min_pixels=1, sure=0.5))
    assert isinstance(detector, Detector)
    found = detector(view)
    assert len(found) > 0
    assert found.masks.sum(axis=0).max() <= 1
    areas = found.masks.reshape(len(found), -1).sum(axis=1)
    assert (np.diff(areas) <= 0).all()
    kinds = {kind.label: kind for kind in detector.card.kinds}
    for label, told in zip(found.labels, found.attributes, strict=True):
        assert set(told) == set(kinds[label].states) | set(kinds[label].constant)
    assert found.source_ids is None


def test_truth_is_not_read(trained: Path, view: Frame):
    detector = Learned(LearnedConfig(weights=str(trained / "segmenter.safetensors"), min_score=0.0))
    with_truth, without = detector(view), detector(replace(view, truth=None))
    np.testing.assert_array_equal(with_truth.masks, without.masks)
    assert with_truth.labels == without.labels


def test_what_a_frame_lacks_is_named(trained: Path, view: Frame):
    detector = Learned(LearnedConfig(weights=str(trained / "segmenter.safetensors")))
    with pytest.raises(FrameError) as caught:
        detector(replace(view, depth=None, T_world_camera=None))
    assert str(caught.value) == snapshot(
        "the frame at 0.20 s has no depth and no T_world_camera, which the learned segmenter looks at beside colour. Use an RGB-D camera with a known pose, or another perception."
    )


def test_heights_are_over_the_floor_and_surfaces_face_where_they_do(view: Frame):
    assert view.depth is not None
    assert view.camera is not None
    assert view.T_world_camera is not None
    image = network_input(view.rgb, view.depth, view.camera, view.T_world_camera.as_matrix())
    up, facing, known = image[5], image[6], image[7] > 0
    assert (np.abs(up) <= 1.001).all()
    assert (facing[known][facing[known] != 0] > -0.2).mean() > 0.99
    floor = known & (image[4] + 1 < 0.01)
    assert floor.sum() > 100
    assert np.median(up[floor]) > 0.95


def test_unknown_depth_is_marked_and_harmless():
    camera = Camera.from_fov(32, 32, 1.0)
    for nothing in (np.nan, 0.0, np.inf, -1.0):
        depth = np.full((32, 32), nothing, np.float32)
        image = network_input(np.zeros((32, 32, 3), np.uint8), depth, camera, np.eye(4))
        assert np.isfinite(image).all()
        assert (image[3:] == 0).all()


def test_held_out_houses_are_not_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    task = TrainSegmenter(data=str(labelled_houses()), out=str(tmp_path), first=10)
    assert execute(Train(task=task)) == USER_ERROR
    assert capsys.readouterr().err == snapshot(
        "embodied-mem: seeds to train on must begin at 912 or later: those below 100 are held out, and those from 900 on are measured on; got 10.\n"
    )


def test_the_command_trains_weights_that_the_detector_reads(tmp_path: Path, view: Frame):
    task = TrainSegmenter(
        data=str(labelled_houses()), out=str(tmp_path), first=SEEDS[0],
        houses=len(SEEDS), validation_houses=0, steps=1, batch=2, crop=32,
    )  # fmt: skip
    assert execute(Train(task=task)) == OK
    found = Learned(LearnedConfig(weights=str(tmp_path / "segmenter.safetensors")))(view)
    assert found.masks.shape[1:] == view.rgb.shape[:2]


def test_it_does_not_matter_who_prepares_the_images(trained: Path, tmp_path: Path):
    run(tmp_path, how=msgspec.structs.replace(OFTEN, workers=1))
    for name, tensor in load_file(trained / "segmenter.safetensors").items():
        other = load_file(tmp_path / "segmenter.safetensors")[name]
        torch.testing.assert_close(other, tensor, rtol=0, atol=0, msg=name)


def test_shipped_weights_are_small_and_know_what_the_houses_hold():
    card, network = load_weights(SHIPPED)
    assert SHIPPED.stat().st_size < 16e6
    assert parameter_count(network) < 8e6
    labels = [kind.label for kind in card.kinds]
    assert len(set(labels)) == len(labels)
    assert set(labels) <= set(object_types())
    assert {"Fridge", "Mug", "Doorway", "CounterTop", "AppleSliced"} <= set(labels)
