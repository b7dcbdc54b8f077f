"""A small description of what shape a thing has, from the points that one view shows of it.

Four parts, each of unit length, so that the dot product of two descriptions is a mean of how alike
they are in each: height and both widths, as positions on a scale of logarithms; distances between
pairs of points (D2, Osada et al. 2002, "Shape distributions"), which no rotation changes; and how
wide the thing is at four heights, which tells a bottle from a box. No weights.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

_SCALE = np.linspace(np.log(0.01), np.log(2.5), 14)
"""Marks of the scale of lengths [log m]."""
_BROAD = 0.35
"""How far a length reaches to both sides on it [log]: views from two sides differ by so much."""
_BINS = 8
"""Of distances, as shares of the largest."""
_SLICES = 4
"""Heights at which width is measured."""
_WEIGHTS = np.array([0.3, 0.4, 0.12, 0.18])
"""Of height, widths, distances and profile; sum 1."""

WIDTH = 3 * len(_SCALE) + _BINS + _SLICES
"""Length of the description."""


def shape_features(points: Sequence[Float32[np.ndarray, "_ 3"]]) -> Float32[np.ndarray, "n d"]:
    """Describe the shape of each set of points in the world frame [m]; evenly where it has none."""
    return np.stack([_describe(np.asarray(p, np.float64)) for p in points]).astype(
        np.float32
    ) if len(points) else np.zeros((0, WIDTH), np.float32)  # fmt: skip


def _describe(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "d"]:
    if len(points) < 4:
        return np.full(WIDTH, WIDTH**-0.5)
    across, height = _turned(points)
    widths = np.sort(np.ptp(across, axis=0))
    parts = (
        _on_scale(height),
        np.concatenate([_on_scale(width) for width in widths]) * np.sqrt(0.5),
        _distances(points),
        _profile(across, points[:, 2]),
    )
    weighted = [np.sqrt(w) * part for w, part in zip(_WEIGHTS, parts, strict=True)]
    return np.concatenate(weighted)


def _turned(points: Float[np.ndarray, "p 3"]) -> tuple[Float[np.ndarray, "p 2"], float]:
    """Return level coordinates along the longest and the other level direction, and the height."""
    low, high = np.quantile(points[:, 2], (0.02, 0.98))
    level = points[:, :2] - points[:, :2].mean(axis=0)
    _, axes = np.linalg.eigh(level.T @ level)
    return level @ axes, float(high - low)


def _on_scale(length: float) -> Float[np.ndarray, "m"]:
    """Place a length [m] on the scale, as a bell of unit length."""
    bell = np.exp(-np.square((np.log(max(length, 0.005)) - _SCALE) / _BROAD) / 2) + 1e-6
    return bell / np.linalg.norm(bell)


def _distances(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "b"]:
    """Return a histogram of distances between points, as shares of a large one; unit length."""
    random = np.random.default_rng(0)
    one, other = random.integers(len(points), size=(2, 400))
    apart = np.linalg.norm(points[one] - points[other], axis=1)
    largest = np.quantile(apart, 0.98) + 1e-9
    counts = np.histogram(np.minimum(apart / largest, 0.999), bins=_BINS, range=(0, 1))[0]
    return np.sqrt(counts / counts.sum())


def _profile(
    across: Float[np.ndarray, "p 2"], height: Float[np.ndarray, "p"]
) -> Float[np.ndarray, "s"]:
    """Return the width in slices from the bottom up; unit length."""
    low, high = np.quantile(height, (0.02, 0.98))
    slices = np.clip((height - low) / max(high - low, 1e-6) * _SLICES, 0, _SLICES - 1).astype(int)
    long = across[:, 1]
    wide = np.array(
        [np.ptp(long[slices == k]) if (slices == k).any() else 0 for k in range(_SLICES)]
    )
    wide += 1e-3
    return wide / np.linalg.norm(wide)
