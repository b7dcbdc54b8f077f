"""Personalised PageRank by sparse power iteration."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array


def personalised_pagerank(
    weights: csr_array,
    restart: Float[np.ndarray, "n"],
    *,
    damping: float = 0.5,
    tolerance: float = 1e-9,
    most: int = 200,
) -> Float[np.ndarray, "n"]:
    """Return how often a walker that keeps going back to the restart is at each node.

    Solves p = (1 - d) s + d (P^T p + (1 . p_dangling) s), with P the rows of `weights` scaled to
    sum to one (Page, Brin, Motwani and Winograd 1998, section 2.6); HippoRAG (arXiv:2405.14831)
    uses d = 1/2 for its multi-hop retrieval. Each iteration shrinks the error by d.

    Args:
        weights: Of the edge from row to column, not negative (n, n).
        restart: Where the walk begins anew, not negative; scaled to sum to one.
        damping: Chance of going on.
        tolerance: Iteration ends when the L1 change is less.
        most: Most iterations.
    """
    total = restart.sum()
    if total <= 0:
        return np.zeros(len(restart))
    start = restart / total
    out = np.asarray(weights.sum(axis=1)).ravel()
    dangling = out <= 0
    scale = np.where(dangling, 0.0, 1.0 / np.where(dangling, 1.0, out))
    back = weights.T.tocsr()  # (to, from)
    at = start.copy()
    for _ in range(most):
        flow = back @ (at * scale)
        fresh = (1 - damping) * start + damping * (flow + at[dangling].sum() * start)
        change = float(np.abs(fresh - at).sum())
        at = fresh
        if change < tolerance:
            break
    return at
