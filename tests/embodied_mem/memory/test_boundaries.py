"""Boundaries by surprise, and their refinement by modularity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embodied_mem.memory.events import checkpoint
from embodied_mem.memory.events.boundaries import (
    SurpriseBoundaries,
    SurpriseConfig,
    SurpriseState,
    similarity,
    split_modularity,
)


def naive_modularity(alike: np.ndarray, split: int) -> float:
    """Sum Newman's (A_ij - k_i k_j / 2m) / 2m over pairs on the same side."""
    degrees, total = alike.sum(axis=1), alike.sum()
    value = 0.0
    for i in range(len(alike)):
        for j in range(len(alike)):
            if (i < split) == (j < split):
                value += alike[i, j] / total - degrees[i] * degrees[j] / total**2
    return value


@settings(deadline=None)
@given(arrays(float, (9, 3), elements=st.floats(-1, 1)))
def test_prefix_sums_give_the_modularity_of_every_split(vectors: np.ndarray):
    alike = similarity(vectors)
    if alike.sum() < 1e-6:
        return
    gains = split_modularity(alike)
    for split in range(1, len(alike)):
        assert gains[split] == pytest.approx(naive_modularity(alike, split), abs=1e-9)


def scenes(*lengths: int, noise: float = 0.01) -> list[np.ndarray]:
    """Return unit vectors of some scenes, each of so many samples."""
    rng = np.random.default_rng(0)
    rows = []
    for length in lengths:
        centre = rng.normal(size=16)
        for _ in range(length):
            row = centre / np.linalg.norm(centre) + rng.normal(0, noise, 16)
            rows.append(row / np.linalg.norm(row))
    return rows


def boundaries(rows: list[np.ndarray], rate: float = 5.0) -> list[float]:
    finder = SurpriseBoundaries(SurpriseConfig())
    return [at for n, row in enumerate(rows) for at, _ in finder(row, n / rate)]


def test_a_change_of_scene_is_a_boundary_where_it_happens():
    assert boundaries(scenes(60, 50, 60)) == pytest.approx([12.0, 22.0])


def test_one_scene_whose_noise_is_below_the_least_surprise_has_no_boundary():
    assert boundaries(scenes(300, noise=0.002)) == []


def test_a_finder_that_goes_on_from_its_state_finds_the_same():
    rows = scenes(60, 50, 60)
    first = SurpriseBoundaries(SurpriseConfig())
    found = [at for n, row in enumerate(rows[:65]) for at, _ in first(row, n / 5)]
    state = checkpoint.decode(checkpoint.encode(first.state), SurpriseState)
    second = SurpriseBoundaries(SurpriseConfig(), state)
    found += [at for n, row in enumerate(rows[65:], 65) for at, _ in second(row, n / 5)]
    assert found == boundaries(rows)


def test_what_a_finder_keeps_is_bounded():
    finder = SurpriseBoundaries(SurpriseConfig(window=10.0))
    for n, row in enumerate(scenes(500)):
        finder(row, n / 5)
    assert len(finder.state.vectors) <= 51
