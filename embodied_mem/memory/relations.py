"""On, in and near, decided by boxes and surface points: pure functions."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int64

from embodied_mem.config import Config
from embodied_mem.memory.association import gate, overlap_volume, volume

_AROUND = 0.15
"""A flat support that is seen so close beside a thing goes on under it [m]."""
_BENEATH, _STRAY = 0.7, 0.05
"""A thing stands on what is smaller than it if this share of that lies under it, and its middle is
no farther beside that than the second [m]."""
_LEAST_BASE = 0.4
"""What a thing stands on has at least this share of its footprint."""
_SURE: tuple[Literal["on", "in"], float] | None = ("on", 0.9)
"""What is said of a thing that stands on something smaller or hangs."""
_THICK = np.array([[-0.01] * 3, [0.01] * 3])
_HUNG = 0.3
"""Least share of a thing's footprint over the hook that it hangs on."""
_FLOOR, _TALL = 0.12, 0.25
"""Things taller than the second stand side by side if their bottoms differ by less than the first
[m]."""


class RelationConfig(Config, frozen=True):
    """When one thing is on, in or near another."""

    rest: float = 0.05
    """A thing rests on a surface within this height of its bottom [m]."""
    footprint: float = 0.5
    """Least share of its footprint over the support, 0..1."""
    containment: float = 0.7
    """Least share of its volume inside the container, 0..1."""
    near: float = 0.5
    """Things whose boxes are closer than this are near [m]."""
    larger: float = 1.5
    """A support or container has at least so many times the thing's footprint or volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """One thing resting on, or lying in, another; indices into the boxes given."""

    child: int
    parent: int
    relation: Literal["on", "in"]
    confidence: float
    """0..1."""


def supports(
    children: Int64[np.ndarray, "n"],
    boxes: Float[np.ndarray, "m 2 3"],
    surfaces: dict[int, Float[np.ndarray, "k 3"]],
    config: RelationConfig,
    *,
    flat: Container[int] = (),
    bare: Container[int] = (),
    hooks: Container[int] = (),
) -> list[Support]:
    """Return for each child its best support or container, if it has one.

    Args:
        children: The things asked about.
        boxes: Boxes of all things [m]; NaN ones take no part.
        surfaces: Surface points [m] of some things; where they are given, a thing rests on the
            points under it and not on the top of the box (shelves, seats, counters with a wall).
        config: Thresholds.
        flat: Things that hold nothing, whatever shape they seem to have: seats, beds, tables.
        bare: Things that neither hold nor carry: windows, paintings.
        hooks: Things that others hang on, which touch them: towel holders.
    """
    rows, parents = gate(boxes[children], boxes, config.rest)
    keep = children[rows] != parents
    child, parents = children[rows][keep], parents[keep]
    small, big = boxes[child], boxes[parents]
    inside = overlap_volume(small + _THICK, big + _THICK) / volume(small + _THICK)
    footprint = _footprint_share(small, big)
    wide = _area(big) >= config.larger * _area(small)
    large = volume(big + _THICK) >= config.larger * volume(small + _THICK)
    height = small[:, 0, 2] - big[:, 1, 2]
    borne = _is_borne(small, big, np.array([int(p) in hooks for p in parents], bool), config)
    found: dict[int, Support] = {}
    for k in np.flatnonzero(((footprint >= config.footprint) & (wide | large)) | borne):
        points = surfaces.get(int(parents[k]))
        if int(parents[k]) in bare or (_stand_alike(small[k], big[k]) and not borne[k]):
            continue
        share, decided = footprint[k], _SURE
        if borne[k]:
            share = 1.0
        elif int(parents[k]) in flat and points is not None and len(points):
            decided = _decide_flat(small[k], height[k], points, config)
        else:
            within = inside[k] if large[k] else 0.0
            decided = _decide(small[k], height[k], within, points, config)
        if decided is None:
            continue
        support = Support(
            child=int(child[k]),
            parent=int(parents[k]),
            relation=decided[0],
            confidence=float(decided[1] * min(1.0, share + 0.2)),
        )
        best = found.get(support.child)
        if best is None or _rank(support, boxes) > _rank(best, boxes):
            found[support.child] = support
    return list(found.values())


def _is_borne(
    small: Float[np.ndarray, "k 2 3"],
    big: Float[np.ndarray, "k 2 3"],
    hooked: Bool[np.ndarray, "k"],
    config: RelationConfig,
) -> Bool[np.ndarray, "k"]:
    """Tell which things stand on something smaller, or hang on what is a hook."""
    height = np.abs(small[:, 0, 2] - big[:, 1, 2])
    stands = _stands_on(small, big) & (height <= config.rest)
    hangs = hooked & (_footprint_share(small, big) >= _HUNG) & (height <= 2 * config.rest)
    return np.asarray(stands | hangs)


def _stands_on(
    small: Float[np.ndarray, "k 2 3"], big: Float[np.ndarray, "k 2 3"]
) -> Bool[np.ndarray, "k"]:
    """Tell which things stand on something smaller, as a pan on a burner."""
    middle = small[:, :, :2].mean(axis=1)
    above = ((middle > big[:, 0, :2] - _STRAY) & (middle < big[:, 1, :2] + _STRAY)).all(axis=1)
    enough = _area(big) >= _LEAST_BASE * _area(small)
    return np.asarray(above & enough & (_footprint_share(big, small) >= _BENEATH))


def _rank(support: Support, boxes: Float[np.ndarray, "m 2 3"]) -> tuple[float, float]:
    """Prefer the surer, then the smaller parent: the plate before the table."""
    size = float(volume(boxes[support.parent][None])[0])
    return round(support.confidence, 1), -size


def _decide(
    box: Float[np.ndarray, "2 3"],
    height: float,
    inside: float,
    points: Float[np.ndarray, "k 3"] | None,
    config: RelationConfig,
) -> tuple[Literal["on", "in"], float] | None:
    """Return the relation to one possible parent, with its confidence."""
    under, above, around = _points_about(box, points, config)
    if inside >= config.containment:
        if under and not above and around < 3:
            return "on", 0.9
        return "in", 0.9 if above or around >= 3 else 0.7
    if abs(height) <= config.rest:
        return "on", 0.9
    if under and height < 0 and inside < config.containment:
        return "on", 0.8
    return None


def _stand_alike(small: Float[np.ndarray, "2 3"], big: Float[np.ndarray, "2 3"]) -> bool:
    """Tell whether two tall things stand on the same floor, one partly under the other."""
    return bool(
        abs(small[0, 2] - big[0, 2]) <= _FLOOR
        and min(np.ptp(small[:, 2]), np.ptp(big[:, 2])) > _TALL
    )


def _decide_flat(
    box: Float[np.ndarray, "2 3"],
    height: float,
    points: Float[np.ndarray, "k 3"],
    config: RelationConfig,
) -> tuple[Literal["on", "in"], float] | None:
    """Return whether a thing rests on something that holds nothing: its points lie under it."""
    if abs(height) <= config.rest:
        return "on", 0.9
    under, _, _ = _points_about(box, points, config, reach=_AROUND)  # It hides what is below it.
    return ("on", 0.8) if under and height < 0 else None


def _points_about(
    box: Float[np.ndarray, "2 3"],
    points: Float[np.ndarray, "k 3"] | None,
    config: RelationConfig,
    reach: float = 0.03,
) -> tuple[bool, bool, int]:
    """Return whether a parent's points lie under a thing, above it, and on how many sides.

    Points within `reach` [m] of a thing's outline count as under or above it.
    """
    if points is None or not len(points):
        return False, False, 0
    x, y, z = points.T
    column = (x > box[0, 0] - reach) & (x < box[1, 0] + reach)
    column &= (y > box[0, 1] - reach) & (y < box[1, 1] + reach)
    under = np.abs(z - box[0, 2]) <= config.rest + 0.02
    level = (z > box[0, 2] + 0.03) & (z < box[1, 2])
    in_x = (x > box[0, 0]) & (x < box[1, 0])
    in_y = (y > box[0, 1]) & (y < box[1, 1])
    sides = (
        level & in_y & (x > box[1, 0]),
        level & in_y & (x < box[0, 0]),
        level & in_x & (y > box[1, 1]),
        level & in_x & (y < box[0, 1]),
    )
    above = column & (z > box[1, 2] + 0.02)
    return bool((column & under).any()), bool(above.any()), sum(bool(s.any()) for s in sides)


def neighbours(
    children: Int64[np.ndarray, "n"],
    boxes: Float[np.ndarray, "m 2 3"],
    config: RelationConfig,
    *,
    most: int,
) -> list[tuple[int, int]]:
    """Return pairs (child, other) of near things, the `most` nearest of each child."""
    rows, others = gate(boxes[children], boxes, config.near)
    child = children[rows]
    keep = child != others
    rows, child, others = rows[keep], child[keep], others[keep]
    apart = np.maximum(boxes[child, 0] - boxes[others, 1], boxes[others, 0] - boxes[child, 1])
    gaps = np.linalg.norm(apart.clip(0), axis=1)
    order = np.lexsort((gaps, rows))
    rank = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    chosen = order[(rank < most) & (gaps[order] <= config.near)]
    return list(zip(child[chosen].tolist(), others[chosen].tolist(), strict=True))


def _area(boxes: Float[np.ndarray, "k 2 3"]) -> Float[np.ndarray, "k"]:
    return (boxes[:, 1, :2] - boxes[:, 0, :2] + 0.02).prod(axis=1)


def _footprint_share(
    small: Float[np.ndarray, "k 2 3"], big: Float[np.ndarray, "k 2 3"]
) -> Float[np.ndarray, "k"]:
    """Return the share of each thing's footprint that lies over the other's."""
    thick = np.array([[-0.01] * 2, [0.01] * 2])
    a, b = small[:, :, :2] + thick, big[:, :, :2] + thick
    shared = np.clip(np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0]), 0, None)
    return shared.prod(axis=1) / (a[:, 1] - a[:, 0]).prod(axis=1)
