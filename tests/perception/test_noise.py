"""The noise model errs as often as it says, and the same way each time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem.errors import ConfigError
from embodied_mem.types import Frame
from perception import Detections, NoiseConfig, NoiseModel
from perception.noise import ALTERNATIVES, CONFUSED

QUIET: dict[str, Any] = {
    "drop": 0.0, "split": 0.0, "mislabel": 0.0, "attribute_error": 0.0, "boundary": 0.0,
    "depth_sigma": 0.0, "depth_dropout": 0.0,
}  # fmt: skip
"""No error at all."""


def only(**levels: float) -> NoiseModel:
    return NoiseModel(NoiseConfig(**{**QUIET, **levels}))


def detections(n: int = 400, side: int = 12) -> Detections:
    masks = np.zeros((n, 40, 40), bool)
    masks[:, 8 : 8 + side, 10 : 10 + side] = True
    return Detections(
        masks=masks,
        labels=("Mug",) * n,
        scores=np.ones(n),
        attributes=({"dirty": True, "temperature": "RoomTemp", "held": False},) * n,
        source_ids=tuple(f"mug{i}" for i in range(n)),
    )


def rate(model: NoiseModel, count, rounds: int = 5) -> float:
    given_ = detections()
    return float(np.mean([count(model.detections(given_)) for _ in range(rounds)]))


def test_without_errors_nothing_changes():
    before = detections(5)
    after = NoiseModel(NoiseConfig(**QUIET)).detections(before)
    np.testing.assert_array_equal(after.masks, before.masks)
    assert after.labels == before.labels
    assert after.attributes == before.attributes


def test_large_masks_are_dropped_as_often_as_said_and_small_ones_more():
    model = only(drop=0.1)
    large = np.mean([len(model.detections(detections(side=30))) for _ in range(5)]) / 400
    small = np.mean([len(model.detections(detections(side=3))) for _ in range(5)]) / 400
    assert 1 - large == pytest.approx(0.1, abs=0.025)
    assert 1 - small == pytest.approx(0.1 * (1 + 2 * np.exp(-9 / 150)), abs=0.03)


def test_masks_split_as_often_as_said_into_two_parts_of_the_whole():
    model = only(split=0.25)
    found = model.detections(detections())
    assert (len(found) - 400) / 400 == pytest.approx(0.25, abs=0.06)
    assert found.source_ids is not None
    extra = found.source_ids[400]
    parts = [m for m, name in zip(found.masks, found.source_ids, strict=True) if name == extra]
    assert len(parts) == 2
    assert not (parts[0] & parts[1]).any()
    np.testing.assert_array_equal(parts[0] | parts[1], detections(1).masks[0])


def test_wrong_labels_come_as_often_as_said_and_are_plausible():
    model = only(mislabel=0.2)
    wrong: set[str] = set()

    def count(found: Detections) -> float:
        wrong.update(found.labels)
        return sum(label != "Mug" for label in found.labels) / len(found)

    assert rate(model, count) == pytest.approx(0.2, abs=0.03)
    assert wrong - {"Mug"} == set(ALTERNATIVES["Mug"])


def test_a_label_outside_the_table_is_taken_for_another_thing_in_view():
    pair = Detections(
        masks=np.ones((2, 4, 4), bool),
        labels=("Gizmo", "Doodad"),
        scores=np.ones(2),
        attributes=({}, {}),
    )
    assert only(mislabel=1.0).detections(pair).labels == ("Doodad", "Gizmo")
    assert only(mislabel=1.0).detections(pair.take([0])).labels == ("Gizmo",)


def test_the_confusion_table_goes_both_ways():
    for first, *others in CONFUSED:
        for other in others:
            assert other in ALTERNATIVES[first]
            assert first in ALTERNATIVES[other]


def test_states_are_misread_as_often_as_said_but_never_what_is_held():
    model = only(attribute_error=0.1)
    found = [model.detections(detections()) for _ in range(4)]
    states = [state for one in found for state in one.attributes]
    assert np.mean([s["dirty"] is False for s in states]) == pytest.approx(0.1, abs=0.025)
    hot = [s["temperature"] for s in states]
    assert np.mean([t != "RoomTemp" for t in hot]) == pytest.approx(0.1, abs=0.025)
    assert set(hot) == {"Cold", "RoomTemp", "Hot"}
    assert not any(s["held"] for s in states)


def test_boundaries_move_by_no_more_than_two_pixels_and_masks_never_vanish():
    found = only(boundary=1.0).detections(detections(50, side=1))
    assert found.masks.any(axis=(1, 2)).all()
    rows, columns = np.nonzero(found.masks.any(axis=0))
    assert rows.min() >= 6
    assert rows.max() <= 10
    assert columns.min() >= 8
    assert columns.max() <= 12


@pytest.mark.parametrize("z", [1.0, 2.0, 4.0])
def test_depth_error_grows_with_the_square_of_depth(z: float):
    model = only(depth_sigma=0.005, depth_dropout=0.02)
    depth = np.full((200, 200), z, np.float32)
    frame = Frame(stamp=0.0, rgb=np.zeros((200, 200, 3), np.uint8), depth=depth)
    noisy = model.frame(frame).depth
    assert noisy is not None
    assert np.isnan(noisy).mean() == pytest.approx(0.02, abs=0.004)
    assert np.nanstd(noisy - z) == pytest.approx(0.005 * z * z, rel=0.05)
    assert np.nanmean(noisy - z) == pytest.approx(0, abs=0.001 * z * z)
    np.testing.assert_array_equal(frame.depth, depth)


def test_a_frame_without_depth_stays_without():
    frame = Frame(stamp=0.0, rgb=np.zeros((4, 4, 3), np.uint8))
    assert NoiseModel().frame(frame) is frame


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_same_seed_errs_the_same_way(seed: int):
    one, two = (NoiseModel(NoiseConfig(seed=seed)) for _ in range(2))
    for _ in range(2):
        a, b = one.detections(detections(20)), two.detections(detections(20))
        np.testing.assert_array_equal(a.masks, b.masks)
        assert (a.labels, a.attributes, a.source_ids) == (b.labels, b.attributes, b.source_ids)
    two.reset()
    first = NoiseModel(NoiseConfig(seed=seed)).detections(detections(20))
    np.testing.assert_array_equal(two.detections(detections(20)).masks, first.masks)


def test_impossible_levels_are_refused():
    messages = []
    for levels in ({"drop": 1.5}, {"depth_sigma": -0.1}):
        with pytest.raises(ConfigError) as caught:
            NoiseConfig(**{**QUIET, **levels})
        messages.append(str(caught.value))
    assert messages == snapshot(
        ["noise.drop must lie in 0..1, got 1.5.", "noise.depth_sigma must be >= 0 m, got -0.1."]
    )


def test_an_image_of_nothing_stays_an_image_of_nothing():
    nothing = Detections(
        masks=np.zeros((0, 6, 6), dtype=bool),
        labels=(),
        scores=np.zeros(0),
        attributes=(),
        source_ids=None,
    )
    assert len(NoiseModel(NoiseConfig(drop=0.5)).detections(nothing)) == 0
