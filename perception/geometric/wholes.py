"""Pieces that are one thing although their borders do not say so.

Panes in their frames, legs under their tops, and the parts of one top on both sides of what stands
before it. What is left along a wall without filling any area, as skirting boards and door frames,
is of the wall.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32
from scipy.spatial import KDTree

from embodied_mem.config import Config
from perception.geometric.planes import Plane, Planes
from perception.geometric.relief import Relief


class WholeConfig(Config, frozen=True):
    """When pieces are of one thing."""

    in_wall: float = 0.9
    """Share of a piece that lies as near to a wall as windows do, if it is in the wall."""
    pane: float = 0.8
    """Share of a patch inside the hull of a frame, if it is a pane of it."""
    trim: float = 0.3
    """What fills less of its hull and is in a wall is trim."""
    leg: float = 0.15
    """Legs are no thicker [m]."""
    apron: float = 0.25
    """What is thin and begins no farther below a top is of it [m]."""
    beside: float = 0.06
    """Legs stand no farther outside the outline of their top [m]."""
    gap: float = 0.25
    """Parts of one top lie no farther apart [m]."""


def panes(
    labels: Int32[np.ndarray, "h w"],
    patches: Bool[np.ndarray, "n"],
    surface: Relief,
    planes: Planes,
    recess: float,
    config: WholeConfig,
) -> Int32[np.ndarray, "h w"]:
    """Give panes to their frames, and trim to the wall.

    Args:
        labels: Piece of each pixel; those up to the last plane's are of the room.
        patches: Which pieces are told from a plane by colour alone.
        surface: Gives the points.
        planes: The first pieces.
        recess: How near to a wall what is in it lies [m].
        config: Thresholds.
    """
    result = labels.copy()
    room, count = len(planes.found) + 1, len(patches)
    sizes = np.bincount(labels.ravel(), minlength=count)
    for number, plane in enumerate(planes.found, start=1):
        if plane.kind != "wall":
            continue
        near = np.abs(surface.points @ plane.normal.astype(np.float32) - plane.offset) < recess
        inside = np.bincount(labels[near], minlength=count)
        own = np.flatnonzero((inside > config.in_wall * sizes) & (np.arange(count) >= room))
        flat = own[patches[own]]
        for frame in own[~patches[own]]:
            mask = labels == frame
            hull = _hull(mask)
            covered = np.bincount(labels[hull], minlength=count)
            glass = flat[covered[flat] >= config.pane * sizes[flat]]
            if len(glass):
                result[np.isin(labels, glass)] = frame
            elif sizes[frame] < config.trim * np.count_nonzero(hull):
                result[mask] = number
    return result


def _hull(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the convex hull of a mask."""
    points = cv2.convexHull(cv2.findNonZero(mask.view(np.uint8)))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, points, 1)
    return filled.view(bool)


def under_tops(
    labels: Int32[np.ndarray, "h w"],
    surface: Relief,
    planes: Planes,
    up: Float[np.ndarray, "3"],
    config: WholeConfig,
) -> Int32[np.ndarray, "h w"]:
    """Give legs to the top that they stand under, and join the parts of one top.

    Args:
        labels: Piece of each pixel; those up to the last plane's are of the room.
        surface: Gives the points.
        planes: Tells which are level.
        up: Upward direction in the camera frame.
        config: Thresholds.
    """
    tops = _tops(labels, planes)
    if not tops:
        return labels
    names = np.arange(labels.max() + 1)
    level = surface.points @ _upright(up).astype(np.float32)  # (h, w, 3): two across, one up.
    legs = _samples(labels, len(planes.found) + 1, level)
    for name, (plane, mask) in tops.items():
        outline = cv2.minAreaRect(level[mask][::3, :2].copy())
        height = float(np.median(level[mask][:, 2]))
        for other, points in legs.items():
            if other in tops:
                same = tops[other][0] is plane and other > name
                if same and _gap(level[mask], points) < config.gap:
                    names[names == names[other]] = names[name]
            elif _is_leg(points, outline, height, config):
                names[names == other] = names[name]
    return names[labels].astype(np.int32)


def _tops(
    labels: Int32[np.ndarray, "h w"], planes: Planes
) -> dict[int, tuple[Plane, Bool[np.ndarray, "h w"]]]:
    """Return the pieces with a level plane in them, with that plane and its pixels there."""
    tops = {}
    for number, plane in enumerate(planes.found, start=1):
        if plane.kind != "support":
            continue
        level = planes.numbers == number
        sizes = np.bincount(labels[level])
        for name in np.flatnonzero(sizes >= 100).tolist():
            if name > len(planes.found):
                tops[name] = plane, level & (labels == name)
    return tops


def _upright(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Return columns of two level directions and the upward one."""
    across = np.cross(up, [0.0, 0.0, 1.0] if abs(up[2]) < 0.9 else [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    return np.stack((across, np.cross(up, across), up), axis=1)


def _samples(
    labels: Int32[np.ndarray, "h w"], first: int, level: Float32[np.ndarray, "h w 3"]
) -> dict[int, Float32[np.ndarray, "p 3"]]:
    """Return some points of each piece from number `first` on."""
    pixels = np.flatnonzero(labels >= first)
    pixels = pixels[np.argsort(labels.ravel()[pixels], kind="stable")]
    numbers, starts = np.unique(labels.ravel()[pixels], return_index=True)
    points = level.reshape(-1, 3)
    return {
        int(number): points[part[:: -(-len(part) // 200)]]
        for number, part in zip(numbers, np.split(pixels, starts[1:]), strict=True)
    }


def _gap(one: Float32[np.ndarray, "p 3"], other: Float32[np.ndarray, "q 3"]) -> float:
    """Return about how far two sets of points are apart [m]."""
    some = one[:: -(-len(one) // 400)]
    return float(np.min(KDTree(some).query(other)[0]))


def _is_leg(
    points: Float32[np.ndarray, "p 3"],
    outline: tuple,
    height: float,
    config: WholeConfig,
) -> bool:
    """Tell whether points stand under a top and are as thin as a leg or an apron.

    Args:
        points: Of the piece: two coordinates across, one up [m].
        outline: Of the top: middle, size [m] and turn [deg] of a rectangle.
        height: Of the top [m].
        config: Thresholds.
    """
    low, high = np.quantile(points[:, 2], (0.02, 0.98))
    if high > height + 0.02 or high - low < 0.03:
        return False
    (_, size, _) = cv2.minAreaRect(points[:, :2].copy())
    thin = max(size) < config.leg or (min(size) < config.leg and high > height - config.apron)
    if not thin:
        return False
    turn = np.radians(outline[2])
    turned = (points[:, :2] - outline[0]) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    reach = np.array(outline[1]) / 2 + config.beside
    return float((np.abs(turned) < reach).all(axis=1).mean()) > 0.8
