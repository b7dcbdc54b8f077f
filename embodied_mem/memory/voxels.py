"""Sets of occupied voxels as sorted int64 keys: pure functions.

A key packs three 21-bit cell numbers, so a set is one sorted array and a test is a binary search.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64

EMPTY = np.zeros(0, np.int64)
"""A set without voxels."""

_BIAS = 1 << 20
_STEPS = np.array([1 << 42, 1 << 21, 1], np.int64)
_ZERO = _BIAS * int(_STEPS.sum())
"""Key of the cell (0, 0, 0)."""
_FACES = np.array([0, 1, -1, 1 << 21, -(1 << 21), 1 << 42, -(1 << 42)], np.int64)


def encode(points: Float[np.ndarray, "p 3"], size: float) -> Int64[np.ndarray, "v"]:
    """Return the voxels of edge `size` [m] that hold at least one finite point."""
    return encode_each([points], size)[0]


def encode_each(
    clouds: Sequence[Float[np.ndarray, "_ 3"]], size: float
) -> list[Int64[np.ndarray, "_"]]:
    """Return the same for each of several clouds, which is faster than one by one."""
    if not clouds:
        return []
    points = np.concatenate(clouds)
    finite = np.isfinite(points).all(axis=1)
    cells = np.floor(points / size)
    if not finite.all():
        cells[~finite] = 0
    keys = cells.astype(np.int64) @ _STEPS + _ZERO
    ends = np.cumsum([len(cloud) for cloud in clouds])[:-1]
    parts = zip(np.split(keys, ends), np.split(finite, ends), strict=True)
    return [_unique(part if known.all() else part[known]) for part, known in parts]


def keys_of(points: Float[np.ndarray, "p 3"], size: float) -> Int64[np.ndarray, "p"]:
    """Return the voxel of edge `size` [m] that holds each point; the points are finite."""
    return np.floor(points / size).astype(np.int64) @ _STEPS + _ZERO


def decode(keys: Int64[np.ndarray, "v"], size: float) -> Float[np.ndarray, "v 3"]:
    """Return the voxels' centres [m]."""
    return (cells(keys) + 0.5) * size


def cells(keys: Int64[np.ndarray, "v"]) -> Int64[np.ndarray, "v 3"]:
    """Return the voxels' cell numbers along x, y and z."""
    found = np.empty((3, len(keys)), np.int64)  # Each axis in one run: several times faster.
    np.right_shift(keys, 42, out=found[0])
    np.right_shift(keys, 21, out=found[1])
    found[2] = keys
    found[1:] &= (1 << 21) - 1
    found -= _BIAS
    return found.T


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
    return _unique((cells(keys) >> 1) @ _STEPS + _ZERO)


def contains(
    keys: Int64[np.ndarray, "v"], wanted: Int64[np.ndarray, "*k"]
) -> Bool[np.ndarray, "*k"]:
    """Tell which of `wanted` are in the sorted set `keys`."""
    if not len(keys):
        return np.zeros(wanted.shape, bool)
    at = np.searchsorted(keys, wanted)
    return keys[np.minimum(at, len(keys) - 1)] == wanted


def touch(keys: Int64[np.ndarray, "v"], wanted: Int64[np.ndarray, "k"]) -> Bool[np.ndarray, "k"]:
    """Tell which of `wanted` are in the sorted set `keys`, or face to face with one of it."""
    return np.asarray(contains(keys, wanted[:, None] + _FACES).any(axis=1))


def share_near(query: Int64[np.ndarray, "q"], keys: Int64[np.ndarray, "v"]) -> float:
    """Return the share of `query` that is in `keys` or face to face with one of them, 0..1."""
    if not len(query) or not len(keys):
        return 0.0
    return float(touch(keys, query).mean())


def _unique(keys: Int64[np.ndarray, "k"]) -> Int64[np.ndarray, "u"]:
    """Sort, in place, and drop repetitions; `np.unique` takes three times as long on so few."""
    keys.sort()
    if len(keys) < 2:
        return keys
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))]


def thin(keys: Int64[np.ndarray, "v"], most: int) -> Int64[np.ndarray, "u"]:
    """Return at most `most` of the keys, evenly spread over the sorted set."""
    return keys if len(keys) <= most else keys[:: -(-len(keys) // most)]


def share_inside(keys: Int64[np.ndarray, "k"], known: Int64[np.ndarray, "v"]) -> float:
    """Return the share of some voxels that are among known ones; 0 for none."""
    return float(contains(known, keys).mean()) if len(keys) else 0.0
