"""Sets of occupied voxels as sorted int64 keys: pure functions.

A key packs three 21-bit cell numbers, so a set is one sorted array and a test is a binary search.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64

EMPTY = np.zeros(0, np.int64)
"""A set without voxels."""

_BIAS = 1 << 20
_STEPS = np.array([1 << 42, 1 << 21, 1], np.int64)
_FACES = np.array([0, 1, -1, 1 << 21, -(1 << 21), 1 << 42, -(1 << 42)], np.int64)


def encode(points: Float[np.ndarray, "p 3"], size: float) -> Int64[np.ndarray, "v"]:
    """Return the voxels of edge `size` [m] that hold at least one finite point."""
    points = points[np.isfinite(points).all(axis=1)]
    cells = np.floor(points / size).astype(np.int64) + _BIAS
    return np.unique(cells @ _STEPS)


def decode(keys: Int64[np.ndarray, "v"], size: float) -> Float[np.ndarray, "v 3"]:
    """Return the voxels' centres [m]."""
    return (cells(keys) + 0.5) * size


def cells(keys: Int64[np.ndarray, "v"]) -> Int64[np.ndarray, "v 3"]:
    """Return the voxels' cell numbers along x, y and z."""
    mask = (1 << 21) - 1
    return np.stack((keys >> 42, (keys >> 21) & mask, keys & mask), axis=1) - _BIAS


def union(keys: Int64[np.ndarray, "v"], more: Int64[np.ndarray, "w"]) -> Int64[np.ndarray, "u"]:
    """Return the voxels of either set."""
    fresh = more[~contains(keys, more)]
    if not len(fresh):
        return keys
    both = np.concatenate((keys, fresh))
    both.sort(kind="stable")  # Two sorted runs: linear.
    return both


def coarsen(keys: Int64[np.ndarray, "v"]) -> Int64[np.ndarray, "u"]:
    """Return the voxels of twice the edge that hold any of `keys`."""
    return np.unique((np.floor_divide(cells(keys), 2) + _BIAS) @ _STEPS)


def contains(
    keys: Int64[np.ndarray, "v"], wanted: Int64[np.ndarray, "*k"]
) -> Bool[np.ndarray, "*k"]:
    """Tell which of `wanted` are in the sorted set `keys`."""
    if not len(keys):
        return np.zeros(wanted.shape, bool)
    at = np.searchsorted(keys, wanted)
    return keys[np.minimum(at, len(keys) - 1)] == wanted


def share_near(query: Int64[np.ndarray, "q"], keys: Int64[np.ndarray, "v"]) -> float:
    """Return the share of `query` that is in `keys` or face to face with one of them, 0..1."""
    if not len(query) or not len(keys):
        return 0.0
    return float(contains(keys, query[:, None] + _FACES).any(axis=1).mean())


def thin(keys: Int64[np.ndarray, "v"], most: int) -> Int64[np.ndarray, "u"]:
    """Return at most `most` of the keys, evenly spread over the sorted set."""
    return keys if len(keys) <= most else keys[:: -(-len(keys) // most)]
