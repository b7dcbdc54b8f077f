"""Which detection is which known object: pure functions over boxes, voxels, features and labels."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from embodied_mem.config import Config


class AssociationConfig(Config, frozen=True):
    """When a detection may be a known object."""

    pad: float = 0.10
    """Boxes that come closer than this along every axis are compared [m]."""
    min_geometry: float = 0.25
    """Least overlap of points or boxes between sightings of one object, 0..1."""
    min_agreement: float = 0.2
    """Labels agree where at least this share of an object's evidence speaks for the detection's."""
    min_geometry_relabelled: float = 0.5
    """Least share of a detection inside the object when the labels disagree, 0..1."""
    min_cosine: float = 0.3
    """Least similarity of appearance where labels agree."""
    min_cosine_relabelled: float = 0.9
    """The same where they do not."""
    min_iou_relabelled: float = 0.4
    """Boxes that share so much are of one body, whatever its label ..."""
    min_cosine_body: float = 0.6
    """... if it looks as alike as this."""
    feature_weight: float = 0.5
    """Of the cosine, against an overlap of weight 1."""
    label_weight: float = 0.5
    """Of the label's share of the object's evidence."""
    sample: int = 96
    """Voxels of a detection that are compared."""


_AT_ONCE = 1_000_000
"""Pairs that are compared in one go."""


def gate(
    detections: Float[np.ndarray, "n 2 3"], objects: Float[np.ndarray, "m 2 3"], pad: float
) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k"]]:
    """Return the pairs (detection, object) whose boxes come within `pad` [m] of each other.

    NaN boxes pair with nothing.
    """
    none = np.zeros(0, np.int64)
    finite = np.isfinite(detections).all(axis=(1, 2))
    if not finite.any() or not len(objects):
        return none, none
    low, high = detections[:, 0] - pad, detections[:, 1] + pad
    lowest, highest = low[finite].min(axis=0), high[finite].max(axis=0)
    about = np.flatnonzero((objects[:, 0, 0] <= highest[0]) & (objects[:, 1, 0] >= lowest[0]))
    about = about[_meet(objects[about], lowest, highest)]
    local = objects[about]
    if len(low) * len(local) > _AT_ONCE:
        pairs = [about[_meet(local, *ends)] for ends in zip(low, high, strict=True)]
        rows = np.repeat(np.arange(len(detections)), [len(near) for near in pairs])
        return rows, np.concatenate([none, *pairs])
    rows, columns = np.nonzero(_meet(local, low[:, None], high[:, None]))
    return rows, about[columns]


def _meet(
    boxes: Float[np.ndarray, "m 2 3"],
    low: Float[np.ndarray, "*n 3"],
    high: Float[np.ndarray, "*n 3"],
) -> Bool[np.ndarray, "*k"]:
    """Tell which boxes touch those from `low` to `high` [m], which may broadcast against them."""
    meet = (boxes[:, 0, 0] <= high[..., 0]) & (boxes[:, 1, 0] >= low[..., 0])
    for axis in (1, 2):
        meet &= (boxes[:, 0, axis] <= high[..., axis]) & (boxes[:, 1, axis] >= low[..., axis])
    return meet


def overlap_volume(
    a: Float[np.ndarray, "k 2 3"], b: Float[np.ndarray, "k 2 3"]
) -> Float[np.ndarray, "k"]:
    """Return the volume that each pair of boxes shares [m^3]."""
    return np.clip(np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0]), 0, None).prod(
        axis=1
    )


def volume(boxes: Float[np.ndarray, "k 2 3"]) -> Float[np.ndarray, "k"]:
    """Return the boxes' volumes [m^3]."""
    return (boxes[:, 1] - boxes[:, 0]).prod(axis=1)


def box_iou(
    a: Float[np.ndarray, "k 2 3"], b: Float[np.ndarray, "k 2 3"], thicken: float = 0.01
) -> Float[np.ndarray, "k"]:
    """Return intersection over union of pairs of boxes, each first grown by `thicken` [m]."""
    grow = np.array([[-thicken] * 3, [thicken] * 3])
    a, b = a + grow, b + grow
    shared = overlap_volume(a, b)
    return shared / (volume(a) + volume(b) - shared)


def share_of_box(part: Float[np.ndarray, "2 3"], whole: Float[np.ndarray, "2 3"]) -> float:
    """Return the share of a box inside another one, both thickened by a centimetre."""
    pair = np.stack((part, whole)) + np.array([[-0.01] * 3, [0.01] * 3])
    return float(overlap_volume(pair[:1], pair[1:])[0] / volume(pair[:1])[0])


def inside_box(a: Float[np.ndarray, "2 3"], b: Float[np.ndarray, "2 3"]) -> float:
    """Return the share of the smaller box inside the other."""
    grow = np.array([[-0.01] * 3, [0.01] * 3])
    pair = np.stack((a, b)) + grow
    shared = float(overlap_volume(pair[:1], pair[1:])[0])
    return shared / float(volume(pair).min())


def box_gap(a: Float[np.ndarray, "2 3"], b: Float[np.ndarray, "2 3"]) -> float:
    """Return the distance between two boxes [m]; 0 where they touch or overlap."""
    return float(np.linalg.norm(np.clip(np.maximum(a[0] - b[1], b[0] - a[1]), 0, None)))


def assign(
    scores: Float[np.ndarray, "n m"], allowed: Bool[np.ndarray, "n m"]
) -> list[tuple[int, int]]:
    """Pair rows with columns so that the sum of the scores is greatest (Hungarian method).

    Args:
        scores: What a pair is worth, positive.
        allowed: Pairs that may be made at all.
    """
    if not allowed.any():
        return []
    value = np.where(allowed, scores, 0.0)
    rows, columns = linear_sum_assignment(value, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]
