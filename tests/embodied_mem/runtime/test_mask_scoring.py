"""J and F against loops written from their definitions, and against values known by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embodied_mem.errors import FrameError
from embodied_mem.runtime.mask_scoring import boundary_accuracy, region_similarity, statistics
from embodied_mem.runtime.video_scores import MaskPair, score_sequence, summarise

MASKS = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def naive_j(found: np.ndarray, truth: np.ndarray) -> float:
    both = either = 0.0
    for mine, true in zip(found.ravel(), truth.ravel(), strict=True):
        both += mine and true
        either += mine or true
    return both / either if either else 1.0


def naive_boundary(mask: np.ndarray) -> list[tuple[int, int]]:
    height, width = mask.shape
    edges = []
    for y in range(height):
        for x in range(width):
            others = ((y, x + 1), (y + 1, x), (y + 1, x + 1))
            inside = [(b, a) for b, a in others if b < height and a < width]
            if any(mask[b, a] != mask[y, x] for b, a in inside):
                edges.append((y, x))
    return edges


def naive_f(found: np.ndarray, truth: np.ndarray, reach: float) -> float:
    mine, true = naive_boundary(found), naive_boundary(truth)
    if not mine or not true:
        return float(not mine and not true)

    def share(some: list, others: list) -> float:
        near = [any((y - b) ** 2 + (x - a) ** 2 <= reach**2 for b, a in others) for y, x in some]
        return sum(near) / len(near)

    precision, recall = share(mine, true), share(true, mine)
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


@given(MASKS, st.sampled_from([None, 1.0, 2.0, 3.0]))
@settings(max_examples=60, deadline=None)
def test_measures_are_what_their_definitions_say(masks, tolerance):
    found, truth = masks
    reach = math.ceil(0.008 * math.hypot(*truth.shape)) if tolerance is None else tolerance
    assert region_similarity(found, truth) == pytest.approx(naive_j(found, truth), abs=1e-12)
    measured = boundary_accuracy(found, truth, tolerance=tolerance)
    assert measured == pytest.approx(naive_f(found, truth, reach), abs=1e-12)


@given(MASKS)
@settings(max_examples=40, deadline=None)
def test_measures_are_symmetric_and_one_for_the_same(masks):
    one, other = masks
    for measure in (region_similarity, boundary_accuracy):
        assert 0 <= measure(one, other) <= 1
        assert measure(one, other) == pytest.approx(measure(other, one), abs=1e-12)
        assert measure(one, one) == 1


def square(left: int, side: int = 20, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[30 : 30 + side, left : left + side] = True
    return mask


def test_shifted_squares_have_the_overlap_that_geometry_gives():
    for shift in range(25):
        overlap = max(0, 20 - shift) * 20
        expected = overlap / (800 - overlap)
        assert region_similarity(square(10 + shift), square(10)) == pytest.approx(expected)


def test_boundaries_match_within_the_tolerance_and_not_beyond():
    """In an image of 100x100 the tolerance is ceil(0.008 * 141.4) = 2 px."""
    assert boundary_accuracy(square(12), square(10)) == 1
    beyond = boundary_accuracy(square(13), square(10))
    assert beyond == pytest.approx(naive_f(square(13), square(10), 2))
    assert 0.4 < beyond < 0.8, "the upright sides are missed, the level ones are not"
    assert boundary_accuracy(square(50), square(10)) == 0


def test_empty_masks_agree_and_an_empty_one_with_another_does_not():
    empty, some = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    some[5:9, 5:9] = True
    for measure in (region_similarity, boundary_accuracy):
        assert measure(empty, empty) == 1
        assert measure(some, empty) == measure(empty, some) == 0


def test_statistics_of_series_with_known_answers():
    falling = statistics(np.linspace(1, 0, 9).tolist())
    assert falling.mean == pytest.approx(0.5)
    assert falling.recall == pytest.approx(4 / 9), "one half itself does not count"
    assert falling.decay == pytest.approx((1 + 0.875 + 0.75) / 3 - (0.25 + 0.125 + 0) / 3)
    flat = statistics([0.7] * 300)
    assert (flat.recall, flat.decay) == (1, pytest.approx(0))
    rising = statistics([0.0, 0.0, 1.0, 1.0])
    assert rising.decay == -1, "quarters are frames (1, 2) and (3, 4)"
    one = statistics([0.4])
    assert (one.mean, one.recall, one.decay) == (pytest.approx(0.4), 0, 0)
    with pytest.raises(ValueError, match="at least one frame"):
        statistics([])


def test_decay_is_right_in_videos_longer_than_a_byte_counts():
    series = [1.0] * 500 + [0.0] * 500
    assert statistics(series).decay == 1


def pairs(count: int, found: np.ndarray, truth: np.ndarray) -> list[MaskPair]:
    return [
        MaskPair(frame=str(k), found=found, truth=truth, last=k == count - 1) for k in range(count)
    ]


def ids(*objects: int) -> np.ndarray:
    mask = np.zeros((40, 60), np.int32)
    for place, object_id in enumerate(objects):
        mask[10:20, 5 + 15 * place : 15 + 15 * place] = object_id
    return mask


def test_objects_are_scored_alike_in_any_order():
    truth, found = ids(1, 2, 3), np.roll(ids(1, 2, 3), 3, axis=1)
    renamed = np.array([0, 7, 300, 4])
    one = score_sequence("a", pairs(5, found, truth), [1, 2, 3])
    other = score_sequence("a", pairs(5, renamed[found], renamed[truth]), [300, 4, 7])
    assert [s.object_id for s in other] == [4, 7, 300]
    by_id = {s.object_id: (s.j, s.f) for s in other}
    assert [by_id[int(renamed[s.object_id])] for s in one] == [(s.j, s.f) for s in one]


def test_protocols_count_the_frames_that_they_say():
    """An object that comes in frame 2 of 5 and is found from frame 3 on."""
    nothing, late = ids(1), ids(1, 2)
    truth = [nothing, nothing, late, late, late]
    found = [nothing, nothing, nothing, late, late]
    masks = [
        MaskPair(frame=str(k), found=mine, truth=true, last=k == 4)
        for k, (mine, true) in enumerate(zip(found, truth, strict=True))
    ]
    told = {
        protocol: [(s.frames, s.j) for s in score_sequence("a", masks, [1, 2], protocol=protocol)]
        for protocol in ("davis", "youtube", "long")
    }
    assert told == {
        "davis": [(3, 1.0), (3, pytest.approx(2 / 3))],
        "youtube": [(4, 1.0), (2, 1.0)],
        "long": [(5, 1.0), (5, pytest.approx(4 / 5))],
    }


def test_categories_are_averaged_before_they_are_averaged():
    good, bad = pairs(4, ids(1), ids(1)), pairs(4, ids(), ids(1))
    objects = [
        *score_sequence("a", good, [1], seen={1: True}),
        *score_sequence("b", good, [1], seen={1: True}),
        *score_sequence("c", bad, [1], seen={1: False}),
    ]
    overall = summarise(objects, "davis").overall
    assert (overall["j_seen"], overall["f_seen"]) == (1, 1)
    assert (overall["j_unseen"], overall["f_unseen"]) == (0, 0)
    assert overall["g"] == 0.5
    assert overall["j"] == pytest.approx(2 / 3)


def test_what_is_void_counts_for_nothing():
    truth, found = ids(1, 255), ids(1, 1)
    assert score_sequence("a", pairs(4, found, truth), [1, 255], void=255)[0].j == 1
    assert score_sequence("a", pairs(4, found, truth), [1])[0].j == 0.5


def test_what_cannot_be_scored_is_told():
    with pytest.raises(FrameError, match="frame 0 of a must have the truth's size"):
        score_sequence("a", pairs(3, ids(1)[:20], ids(1)), [1])
    with pytest.raises(FrameError, match="no annotated frame of a counts"):
        score_sequence("a", pairs(2, ids(1), ids(1)), [1])
    with pytest.raises(FrameError, match="shows no objects"):
        summarise([], "davis")
