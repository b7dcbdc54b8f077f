"""The oracle, its pipeline, and what features tell."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace

import numpy as np
import pytest
from box_backend import BoxBackend, furnished_room
from contracts.perceiver_contract import PerceiverContract
from inline_snapshot import snapshot

from embodied_mem.errors import FrameError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Frame, Instance, Truth
from perception import Detector, NoiseConfig, Oracle, OracleConfig, Pipeline
from perception.appearance import WIDTH, colour_features


@pytest.fixture(name="frame")
def a_view() -> Frame:
    return BoxBackend(furnished_room(160)).reset().frame


class TestOraclePipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self) -> Perceiver:
        return Pipeline(OracleConfig())

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(160)).reset().frame


class TestNoisyPipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self) -> Perceiver:
        return Pipeline(OracleConfig(noise=NoiseConfig(seed=3)))

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(160)).reset().frame


def test_the_oracle_is_a_detector():
    assert isinstance(Oracle(), Detector)


def test_every_instance_that_is_large_enough_is_seen_once(frame: Frame):
    percept = Pipeline()(frame)
    assert frame.truth is not None
    counts = {
        frame.truth.instances[int(n)].object_id: int((frame.truth.ids == n).sum())
        for n in np.unique(frame.truth.ids)
        if n > 0
    }
    assert percept.source_ids is not None
    assert sorted(percept.source_ids) == sorted(k for k, c in counts.items() if c >= 12)
    for name, mask in zip(percept.source_ids, percept.masks, strict=True):
        assert mask.sum() == counts[name]


def test_boxes_are_those_of_the_world(frame: Frame):
    world = furnished_room(160)
    percept = Pipeline()(frame)
    assert percept.source_ids is not None
    assert len(percept) >= 2
    for name, box in zip(percept.source_ids, percept.boxes, strict=True):
        true = world.things[name].box
        assert (box[0] >= true[0] - 0.03).all(), name
        assert (box[1] <= true[1] + 0.03).all(), name


def test_states_come_from_the_truth(frame: Frame):
    percept = Pipeline()(frame)
    assert {"dirty": True} in [dict(a) for a in percept.attributes]


def test_small_masks_are_passed_over(frame: Frame):
    few = Pipeline(OracleConfig(min_pixels=10**6))(frame)
    assert len(few) == 0
    assert few.boxes.shape == (0, 2, 3)


def test_numbers_may_be_any_integers():
    rgb = np.zeros((10, 10, 3), np.uint8)
    ids = np.zeros((10, 10), np.int32)
    ids[:5], ids[5:, :5], ids[5:, 5:] = 2_000_000_000, -7, 41
    truth = Truth(
        ids=ids,
        instances={
            2_000_000_000: Instance(object_id="a", label="Mug"),
            -7: Instance(object_id="b", label="Cup"),
        },
    )
    found = Oracle()(Frame(stamp=0.0, rgb=rgb, truth=truth))
    assert found.source_ids == ("b", "a")  # 41 is nobody.


def test_without_lift_no_depth_is_needed(frame: Frame):
    percept = Pipeline(OracleConfig(lift=None))(replace(frame, depth=None, camera=None))
    assert len(percept) > 0
    assert np.isnan(percept.boxes).all()


def test_what_a_frame_lacks_is_named(frame: Frame):
    assert frame.truth is not None
    wrong = replace(frame.truth, ids=frame.truth.ids[:10])
    messages = []
    for broken in (replace(frame, truth=None), replace(frame, truth=wrong)):
        with pytest.raises(FrameError) as caught:
            Pipeline()(broken)
        messages.append(str(caught.value))
    assert messages == snapshot(
        [
            "the frame at 0.20 s carries no instance masks, which the oracle reads. Use a simulator with instance segmentation on, or another perceiver.",
            "instance masks must match rgb, (160, 160), got (10, 160).",
        ]
    )


def test_features_tell_colours_apart_and_not_shades():
    rgb = np.zeros((40, 120, 3), np.uint8)
    rgb[:, :40], rgb[:, 40:80], rgb[:, 80:] = (200, 40, 40), (188, 38, 38), (40, 60, 200)
    masks = np.zeros((3, 40, 120), bool)
    for i in range(3):
        masks[i, :, 40 * i : 40 * i + 40] = True
    red, dark_red, blue = colour_features(rgb, masks)
    assert red.shape == (WIDTH,)
    assert red @ dark_red > 0.8
    assert red @ blue < 0.5


def test_an_empty_mask_has_a_feature_of_unit_length():
    features = colour_features(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4), bool))
    assert np.linalg.norm(features[0]) == pytest.approx(1)
