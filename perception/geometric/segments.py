"""Pieces of surface, and which of them are one thing.

Things meet other things at concave creases and at jumps of depth, while their own sides meet at
convex ones (Stein, Schoeler, Papon and Woergoetter 2014, "Object partitioning using local
convexity"). The creases are found pixel by pixel (after Tateno, Tombari and Navab 2015, "Real-time
and scalable incremental segmentation on dense SLAM", eqs. 3-5), the pieces between them are joined
where the border that they share is convex.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from embodied_mem.config import Config
from perception.geometric.colour import difference
from perception.geometric.relief import Relief, nearest_value


class SegmentConfig(Config, frozen=True):
    """Where one thing ends and the next begins."""

    jump: float = 0.02
    """Surfaces that lie farther apart are not connected [m]."""
    crease: float = 0.12
    """Sine of the angle by which both sides of a concave crease rise."""
    convex: float = 0.6
    """Share of a border that must be connected and convex for two pieces to be one thing."""
    colour: float = 14.0
    """On a flat border, pieces whose colours differ by more are two; CIE Lab, lightness half."""
    least: int = 30
    """Smaller pieces are no pieces [px]."""
    border: int = 4
    """Length of a border that is enough to tell [px]."""


def edges(
    relief: Relief, config: SegmentConfig
) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return where depth jumps, and where two surfaces meet in a concave crease."""
    jumps = np.zeros(relief.known.shape, bool)
    creases = np.zeros_like(jumps)
    reach = 1 if relief.noise < 2e-4 else 2
    for before, after, amid in _neighbours(reach):
        rise, fall, length, near = _meeting(relief, before, after)
        least = config.crease * length + near
        creases[amid] |= (rise > least) & (fall > least)
    w = relief.inverse
    # A step of depth s is one of s w^2 in inverse depth.
    most = config.jump * w * w + 4 * relief.noise
    jumps |= _steps(w, most)
    jumps |= _steps(w.T, most.T).T
    return jumps, creases


def _steps(
    w: Float32[np.ndarray, "r c"], most: Float32[np.ndarray, "r c"]
) -> Bool[np.ndarray, "r c"]:
    """Tell between which pixels of each row inverse depth steps by more than `most`.

    On a plane inverse depth rises evenly, also where it is seen aslant: a step is what neither the
    slope before nor the one after explains.
    """
    result = np.zeros(w.shape, bool)
    rise = w[:, 1:] - w[:, :-1]
    here, before, after = rise[:, 1:-1], rise[:, :-2], rise[:, 2:]
    low, high = np.minimum(before, after), np.maximum(before, after)
    step = np.maximum(here - high, low - here) > most[:, 1:-2]
    result[:, 1:-2] |= step
    result[:, 2:-1] |= step
    return result


def _neighbours(reach: int) -> list[tuple[tuple[slice, slice], ...]]:
    """Return the pixels before, after and amid pairs that lie 2 * reach apart, along each axis."""
    all_, first, last = slice(None), slice(None, -2 * reach), slice(2 * reach, None)
    amid = slice(reach, -reach)
    return [
        ((all_, first), (all_, last), (all_, amid)),
        ((first, all_), (last, all_), (amid, all_)),
    ]


def _meeting(
    relief: Relief,
    before: tuple[slice, slice],
    after: tuple[slice, slice],
    at: Bool[np.ndarray, "r c"] | None = None,
) -> tuple[Float32[np.ndarray, "*p"], ...]:
    """Return how far each of two points stands out of the other's tangent plane [m].

    Also the distance between them and what noise makes of all that [m]; of the pairs `at` alone,
    where given.
    """
    pick = slice(None) if at is None else at
    step = relief.points[after][pick] - relief.points[before][pick]
    rise = np.einsum("...d,...d->...", step, relief.normals[before][pick])
    fall = -np.einsum("...d,...d->...", step, relief.normals[after][pick])
    length = np.sqrt(np.einsum("...d,...d->...", step, step))
    z = np.maximum(relief.points[..., 2][before][pick], relief.points[..., 2][after][pick])
    return rise, fall, length, (3 * relief.noise) * z * z


def pieces(
    free: Bool[np.ndarray, "h w"], barrier: Bool[np.ndarray, "h w"], first: int, least: int
) -> Int32[np.ndarray, "h w"]:
    """Number the connected parts of `free` that no barrier crosses, from `first` on.

    Pixels of barriers, and of parts of fewer than `least` pixels, go to the nearest part within
    three pixels.
    """
    inside = (free & ~barrier).view(np.uint8)
    count, found, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    numbers = np.asarray(found, np.int32)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    names = np.where(large, first - 1 + np.cumsum(large), 0).astype(np.int32)
    labels = names[numbers] if count > 1 else np.zeros(free.shape, np.int32)
    return grow(labels, free & (labels == 0), 3)


def grow(
    labels: Int32[np.ndarray, "h w"], open_: Bool[np.ndarray, "h w"], reach: int
) -> Int32[np.ndarray, "h w"]:
    """Give open pixels the number of the nearest numbered one within `reach` pixels."""
    if not labels.any() or not open_.any():
        return labels
    nearest, away = nearest_value(labels, labels > 0)
    return np.where(open_ & (away <= reach), nearest, labels)


def join(
    relief: Relief,
    labels: Int32[np.ndarray, "h w"],
    fixed: Bool[np.ndarray, "n"],
    jumps: Bool[np.ndarray, "h w"],
    lab: Float32[np.ndarray, "h w 3"] | None,
    config: SegmentConfig,
) -> Int32[np.ndarray, "h w"]:
    """Join pieces whose common border is connected, and convex or of one colour.

    Args:
        relief: The surface.
        labels: Piece of each pixel; 0 for none.
        fixed: Whether piece i stays alone (floor, wall); its first entry is for no piece.
        jumps: Where depth jumps.
        lab: Colours; None where they do not count.
        config: When to join.
    """
    count = len(fixed)
    borders, for_it = np.zeros(count * count), np.zeros(count * count)
    for before, after, amid in _neighbours(2):
        a, b = labels[before], labels[after]
        at = (a != b) & (a > 0) & (b > 0) & ~(fixed[a] | fixed[b])
        if not at.any():
            continue
        pair = np.minimum(a, b)[at] * count + np.maximum(a, b)[at]
        rise, fall, length, near = _meeting(relief, before, after, at)
        slack = config.crease * length + near
        convex = (rise < -slack) & (fall < -slack)
        flat = (rise <= slack) | (fall <= slack)
        if lab is not None:
            flat &= difference(lab[before][at], lab[after][at]) <= config.colour
        joined = ~jumps[amid][at] & (convex | flat)
        borders += np.bincount(pair, minlength=len(borders))
        for_it += np.bincount(pair, weights=joined, minlength=len(borders))
    one = np.flatnonzero((borders >= config.border) & (for_it >= config.convex * borders))
    rows, columns = np.divmod(one, count)
    graph = coo_matrix((np.ones(len(one)), (rows, columns)), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    smallest = np.full(groups.max() + 1, count, np.int32)
    np.minimum.at(smallest, groups, np.arange(count, dtype=np.int32))
    return smallest[groups][labels]
