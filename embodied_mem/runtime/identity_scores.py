"""How well identities, and the features that they rest on, agree with a reference."""

import numpy as np
from jaxtyping import Float, Int


def adjusted_rand_index(found: Int[np.ndarray, "n"], truth: Int[np.ndarray, "n"]) -> float:
    """Return the agreement of two partitions, corrected for chance; 1 for equal ones.

    Hubert and Arabie, Comparing Partitions (1985), eq. 5.
    """
    rows = np.unique(found, return_inverse=True)[1]
    columns = np.unique(truth, return_inverse=True)[1]
    table = np.zeros((rows.max(initial=0) + 1, columns.max(initial=0) + 1))
    np.add.at(table, (rows, columns), 1)
    both, left, right = (
        float((counts * (counts - 1) / 2).sum())
        for counts in (table, table.sum(axis=1), table.sum(axis=0))
    )
    expected = left * right / max(len(found) * (len(found) - 1) / 2, 1)
    most = (left + right) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def same_partition(found: Int[np.ndarray, "n"], truth: Int[np.ndarray, "n"]) -> bool:
    """Return whether two partitions are the same, whatever the names of their parts."""
    pairs = set(zip(found.tolist(), truth.tolist(), strict=True))
    return len(pairs) == len(set(found.tolist())) == len(set(truth.tolist()))


def recall_at(
    alike: Float[np.ndarray, "n n"], related: Float[np.ndarray, "n n"], k: int
) -> tuple[float, float, int]:
    """Return recall and mean reciprocal rank of nearest neighbours, and of how many queries.

    A query counts as answered when one of its k nearest others is related to it; those without
    anything related are left out.

    Args:
        alike: How near each is to each.
        related: Nonzero where an answer is right.
        k: Answers that are looked at.
    """
    nearness = alike.copy()
    np.fill_diagonal(nearness, -np.inf)
    right = related.astype(bool) & ~np.eye(len(related), dtype=bool)
    asked = np.flatnonzero(right.any(axis=1))
    if not len(asked):
        return float("nan"), float("nan"), 0
    order = np.argsort(-nearness[asked], axis=1, kind="stable")
    first = np.argmax(np.take_along_axis(right[asked], order, axis=1), axis=1) + 1
    return float((first <= k).mean()), float((1 / first).mean()), len(asked)
