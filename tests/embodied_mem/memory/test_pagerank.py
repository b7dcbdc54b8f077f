"""Personalised PageRank against the linear system that it solves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from embodied_mem.memory.pagerank import personalised_pagerank


def naive(weights: np.ndarray, restart: np.ndarray, damping: float) -> np.ndarray:
    """Solve (I - d M) p = (1 - d) s with dense float64 loops for M."""
    n, start = len(restart), restart / restart.sum()
    moves = np.zeros((n, n))
    for source in range(n):
        total = sum(weights[source])
        for target in range(n):
            moves[target, source] = weights[source, target] / total if total else start[target]
    return np.linalg.solve(np.eye(n) - damping * moves, (1 - damping) * start)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.0, 0.95))
def test_power_iteration_solves_the_linear_system(n: int, seed: int, damping: float):
    rng = np.random.default_rng(seed)
    weights = rng.random((n, n)) * (rng.random((n, n)) < 0.3)  # Some nodes lead nowhere.
    restart = rng.random(n) * (rng.random(n) < 0.6)
    restart[rng.integers(n)] = 1.0
    found = personalised_pagerank(
        csr_array(weights), restart, damping=damping, tolerance=1e-13, most=2000
    )
    np.testing.assert_allclose(found, naive(weights, restart, damping), atol=1e-9)
    assert abs(found.sum() - 1) < 1e-9
    assert (found >= 0).all()


def test_nothing_asked_is_nothing_found():
    assert not personalised_pagerank(csr_array(np.eye(3)), np.zeros(3)).any()


def test_what_is_linked_to_the_restart_comes_before_what_is_far():
    weights = np.zeros((4, 4))
    for a, b in ((0, 1), (1, 2), (2, 3)):
        weights[a, b] = weights[b, a] = 1.0
    found = personalised_pagerank(csr_array(weights), np.array([1.0, 0, 0, 0]))
    assert found[0] > found[1] > found[2] > found[3] > 0
