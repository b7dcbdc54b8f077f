"""Several rankings into one."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int64


def competition_ranks(scores: Float[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """Return ranks from 1, equal scores sharing the best one; 0 where the score is 0."""
    found = np.flatnonzero(scores > 0)
    ranks = np.zeros(len(scores), np.int64)
    rising = np.sort(scores[found])
    ranks[found] = 1 + len(rising) - np.searchsorted(rising, scores[found], side="right")
    return ranks


def fuse(
    ranks: Mapping[str, Int64[np.ndarray, "n"]],
    weights: Mapping[str, float],
    *,
    constant: float = 60.0,
) -> Float[np.ndarray, "n"]:
    """Return sum_i w_i / (c + rank_i), parts without a rank giving nothing.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009, eq. 1; c = 60).
    """
    length = max((len(r) for r in ranks.values()), default=0)
    total = np.zeros(length)
    for part, rank in ranks.items():
        total += np.where(rank > 0, weights.get(part, 1.0) / (constant + rank), 0.0)
    return total
