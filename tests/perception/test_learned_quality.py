"""Scores of detections, on scenes whose scores can be counted by hand."""

import numpy as np
import pytest

from embodied_mem.types import Instance, Truth
from perception.detections import Detections
from perception.learned.quality import PanopticTally, overlaps


def truth(ids: np.ndarray, **labels: str) -> Truth:
    instances = {
        int(name[1:]): Instance(object_id=name, label=label, attributes={"open": True})
        for name, label in labels.items()
    }
    return Truth(ids=ids.astype(np.int32), instances=instances)


def found(*things: tuple[np.ndarray, str], **told: bool) -> Detections:
    masks = np.array([mask for mask, _ in things])
    return Detections(
        masks=masks if things else np.zeros((0, 10, 10), bool),
        labels=tuple(label for _, label in things),
        scores=np.ones(len(things)),
        attributes=tuple(dict(told) for _ in things),
    )


@pytest.fixture(name="ids")
def two_things() -> np.ndarray:
    ids = np.zeros((10, 10), int)
    ids[:4], ids[6:] = 1, 2
    return ids


def test_what_is_found_as_it_is_scores_one(ids: np.ndarray):
    tally = PanopticTally()
    tally.add(
        truth(ids, n1="Mug", n2="Bowl"), found((ids == 1, "Mug"), (ids == 2, "Bowl"), open=True)
    )
    for score in tally.kinds().values():
        assert (score.pq, score.sq, score.recall, score.precision, score.iou) == (1, 1, 1, 1, 1)
    assert tally.states["open", True] == 2


def test_panoptic_quality_is_overlap_over_hits_and_half_of_each_error(ids: np.ndarray):
    mug = ids == 1
    mug[3] = False  # 30 of 40 pixels: an overlap of 0.75.
    tally = PanopticTally()
    tally.add(
        truth(ids, n1="Mug", n2="Mug"),
        found((mug, "Mug"), (ids == 0, "Mug"), open=False),
    )
    score = tally.kinds()["Mug"]
    assert score.pq == pytest.approx(0.75 / (1 + 0.5 + 0.5))
    assert (score.things, score.recall, score.precision) == (2, 0.5, 0.5)
    assert score.iou == pytest.approx(30 / (80 + 20))
    assert tally.states["open", False] == 1


def test_a_wrong_label_is_an_error_of_both_and_yet_found(ids: np.ndarray):
    tally = PanopticTally()
    tally.add(truth(ids, n1="Mug"), found((ids == 1, "Cup")))
    assert tally.kinds()["Mug"].pq == 0
    assert tally.false["Cup"] == 1
    assert tally.found_anyhow["Mug"] == 1


def test_things_too_small_to_count_are_neither_missed_nor_wrongly_found():
    ids = np.zeros((10, 10), int)
    ids[0, :5] = 1
    tally = PanopticTally(min_pixels=16)
    tally.add(truth(ids, n1="Fork"), found((ids == 1, "Fork")))
    tally.add(truth(ids, n1="Fork"), found((ids == 1, "Spoon")))
    tally.add(truth(ids, n1="Fork"), found())
    assert not tally.hits
    assert not tally.missed
    assert not tally.false


def test_frames_without_things_add_nothing():
    tally = PanopticTally()
    tally.add(truth(np.zeros((10, 10), int)), found())
    assert tally.kinds() == {}


def test_overlaps_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    true, masks = rng.random((3, 6, 7)) > 0.5, rng.random((4, 6, 7)) > 0.5
    shared, true_area, found_area = overlaps(true, masks)
    for i, j in np.ndindex(3, 4):
        assert shared[i, j] == (true[i] & masks[j]).sum()
    assert true_area.tolist() == [mask.sum() for mask in true]
    assert found_area.tolist() == [mask.sum() for mask in masks]
