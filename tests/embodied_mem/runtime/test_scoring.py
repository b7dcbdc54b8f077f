"""Scores of identity, relations and change: by hand, and against every possible matching."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.runtime import scoring
from embodied_mem.runtime.change_scoring import (
    CLAIMED,
    Belief,
    Event,
    change_counts,
    claims,
    is_place_in_view,
)
from embodied_mem.runtime.scoring import Counts
from embodied_mem.types import Camera

DETECTIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["", "1", "2", "3"])), max_size=12
)


@given(DETECTIONS)
def test_identity_is_the_best_of_all_matchings(pairs):
    truth, found = [t for t, _ in pairs], [f for _, f in pairs]
    best = 0
    for order in permutations("abc"):
        match = dict(zip("123", order, strict=True))
        best = max(best, sum(match.get(f) == t for t, f in pairs))
    counts = scoring.identity_counts(truth, found)
    assert counts.right == best
    assert counts.right + counts.missing == len(truth)
    assert counts.right + counts.wrong == sum(f != "" for f in found)


def test_an_object_that_gets_a_second_id_halfway_loses_the_smaller_half():
    counts = scoring.identity_counts("aaaab", ["1", "1", "1", "2", "3"])
    assert counts == Counts(4, 1, 1)
    assert counts.f1 == pytest.approx(8 / 10)
    assert scoring.identity_switches("aaaab", ["1", "1", "1", "2", "3"]) == 1
    assert scoring.fragmentation("aaaab", ["1", "1", "1", "2", "3"]) == 1


def test_two_objects_under_one_id_are_mixed():
    truth, found = "aaab", ["1", "1", "1", "1"]
    assert scoring.mixed(truth, found) == 1
    assert scoring.owners(truth, found) == {"1": "a"}
    assert scoring.identity_counts(truth, found) == Counts(3, 1, 1)


@given(DETECTIONS)
def test_switches_and_fragments_agree_with_a_loop_over_objects(pairs):
    truth, found = [t for t, _ in pairs], [f for _, f in pairs]
    switches = fragments = 0
    for name in "abc":
        ids = [f for t, f in pairs if t == name and f]
        switches += sum(a != b for a, b in pairwise(ids))
        fragments += max(len(set(ids)) - 1, 0)
    assert scoring.identity_switches(truth, found) == switches
    assert scoring.fragmentation(truth, found) == fragments


def test_surplus_counts_duplicates_and_phantoms():
    assert scoring.surplus(["1", "2", "3"], {"1": "a", "2": "a"}) == 2
    assert scoring.surplus(["1", "2"], {"1": "a", "2": "b"}) == 0


@given(st.lists(st.integers(0, 4), max_size=8), st.lists(st.integers(0, 4), max_size=8))
def test_facts_are_counted_as_multisets(found, truth):
    left, right = list(truth), 0
    for fact in found:
        if fact in left:
            left.remove(fact)
            right += 1
    assert scoring.set_counts(found, truth) == Counts(right, len(found) - right, len(left))


def cube(x: float, y: float = 0.0, z: float = 0.0, edge: float = 0.2) -> np.ndarray:
    middle = np.array([x, y, z])
    return np.stack((middle - edge / 2, middle + edge / 2))


def test_position_errors_are_between_middles_of_what_is_matched_and_placed():
    boxes = {"1": cube(0), "2": cube(np.nan), "3": cube(5)}
    match = {"1": "a", "2": "b", "3": "c", "4": "d"}
    truth = {"a": cube(0.3, 0.4), "b": cube(0), "d": cube(0)}
    assert scoring.position_errors(boxes, match, truth).tolist() == pytest.approx([0.5])


def test_the_bootstrap_covers_the_mean_and_is_repeatable():
    values = np.random.default_rng(3).normal(2.0, 1.0, 60).tolist()

    def mean(sample):
        return float(np.mean(sample))

    first, again = (scoring.bootstrap(values, mean, np.random.default_rng(1)) for _ in range(2))
    assert first == again
    assert first[0] < np.mean(values) < first[1]
    expected = 1.96 * np.std(values) / np.sqrt(60)
    assert (first[1] - first[0]) / 2 == pytest.approx(expected, rel=0.2)


def believe(name: str, x: float, **more) -> Belief:
    return Belief(object_id=name, label="Mug", box=cube(x), **more)


def left(name: str) -> Event:
    return Event(kind="left", object_id=name)


def arrived(name: str) -> Event:
    return Event(kind="arrived", object_id=name)


BEFORE = [believe("m", 0), believe("g", 1), believe("s", 2), believe("lost", 3)]
OWNERS = {"m": "mug", "g": "glass", "s": "spoon", "lost": "fork", "new": "knife"}


def test_claims_are_what_changed_between_two_beliefs():
    after = [believe("m", 4), believe("g", 1, gone=True), believe("s", 2.05), believe("new", 5)]
    said = claims(BEFORE, after, OWNERS, OWNERS)
    assert set(said) == {
        left("mug"), arrived("mug"), left("glass"), left("fork"), arrived("knife")
    }  # fmt: skip


def test_what_is_doubtful_makes_no_claim():
    for confidence, said in ((CLAIMED - 0.05, 0), (CLAIMED + 0.05, 1)):
        after = [*BEFORE, believe("new", 5, confidence=confidence)]
        assert len(claims(BEFORE, after, OWNERS, OWNERS)) == said
        assert claims(BEFORE, after, OWNERS, OWNERS, least=0.7) == []


def test_changes_are_counted_once_each_and_only_when_they_can_be_seen():
    said = [left("mug"), left("mug"), arrived("glass"), left("hidden"), arrived("found late")]
    counts = change_counts(
        said,
        true=[left("mug"), arrived("mug"), left("hidden")],
        noticeable=[left("mug"), arrived("mug")],
        known=["mug", "glass", "hidden"],
    )
    assert counts == Counts(1, 2, 1)


def test_a_place_is_in_view_unless_it_is_hidden_aside_far_or_small():
    camera = Camera.from_fov(200, 200, float(np.pi) / 2)
    wall, pose = np.full((200, 200), 4.0, np.float32), np.eye(4)
    assert is_place_in_view(cube(0, 0, 2), wall, camera, pose)
    assert not is_place_in_view(cube(0, 0, 2), np.full_like(wall, 1.0), camera, pose)
    assert not is_place_in_view(cube(4, 0, 2), wall, camera, pose)
    assert not is_place_in_view(cube(0, 0, -2), wall, camera, pose)
    assert not is_place_in_view(cube(0, 0, 2, edge=0.01), wall, camera, pose)
    assert not is_place_in_view(cube(0, 0, 6), np.full_like(wall, 9.0), camera, pose)
