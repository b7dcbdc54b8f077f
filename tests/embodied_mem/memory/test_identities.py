"""Tracks become identities by their features, never two that were seen together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.errors import ConfigError
from embodied_mem.memory.identities import IdentityConfig, identify, seen_together, track_scores
from embodied_mem.runtime.identity_scores import adjusted_rand_index, recall_at, same_partition


def tracks(seed: int, things: int = 6, views: int = 4) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return features of tracks of some things, in any order, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(things), views))
    features = {}
    for name in ("clip", "dino"):
        centres = rng.normal(size=(things, 64))
        features[name] = centres[truth] + rng.normal(0, 0.2, (len(truth), 64))
    return features, truth


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_tracks_of_a_thing_are_one_identity(seed: int):
    features, truth = tracks(seed)
    apart = np.zeros((len(truth), len(truth)), bool)
    assert same_partition(identify(features, apart), truth)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_tracks_that_were_seen_together_are_never_one(seed: int):
    features, truth = tracks(seed)
    rng = np.random.default_rng(seed)
    together = rng.random((len(truth), len(truth))) < 0.3
    together |= together.T
    np.fill_diagonal(together, val=False)
    found = identify(features, together)
    assert not (together & (found[:, None] == found[None])).any()


def test_identities_are_numbered_as_they_appear():
    features, truth = tracks(3)
    found = identify(features, np.zeros((len(truth),) * 2, bool))
    firsts = [int(np.flatnonzero(found == number)[0]) for number in range(found.max() + 1)]
    assert firsts == sorted(firsts)


def test_boxes_of_one_frame_are_seen_together():
    frame = np.array([0, 0, 1, 2, 2])
    track = np.array([5, 7, 7, 9, 4])
    assert seen_together([5, 7, 9], frame, track).tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]


def test_one_key_space_does_alone_and_an_unknown_one_does_not():
    features, truth = tracks(1)
    alone = {"dino": features["dino"]}
    assert track_scores(alone, IdentityConfig()).diagonal() == pytest.approx(np.ones(len(truth)))
    with pytest.raises(ConfigError, match="none of the key spaces colour has a weight"):
        identify({"colour": features["clip"]}, np.zeros((len(truth),) * 2, bool))


def test_the_index_is_one_for_equal_partitions_and_about_zero_for_chance():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 8, 400)
    assert adjusted_rand_index(truth, (truth + 3) % 8) == 1.0
    assert abs(adjusted_rand_index(truth, rng.permutation(truth))) < 0.05


def test_recall_counts_queries_that_have_an_answer():
    alike = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    related = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert recall_at(alike, related, 1) == (0.0, 0.5, 2)
    assert recall_at(alike, related, 2)[0] == 1.0
