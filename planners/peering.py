"""Looking into what was opened: from its front, past its own door. Pure functions."""

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.types import Frame

_INSIDE = 6
"""Points along each edge of a box at which its inside is looked for."""
_SURFACE = 0.03
"""Depth that ends so little before a point shows it [m]."""
_DOOR = 0.05
"""What reaches so far beyond the closed thing belongs to its open door [m]."""
_LEAST = 5
"""A door shows at least so many points."""
_CLEAR = 0.1
"""A line of sight keeps so far from the door [m]."""
_SHELF = 0.25
"""Share of the depth of a thing, from its front, at which one looks for what is in it."""


def share_seen(frame: Frame, box: Float[np.ndarray, "2 3"]) -> float:
    """Return the share of the room within a box that a frame looks into, 0..1.

    What a door, a shelf or anything before it hides is not seen, nor what lies outside of the
    image. Without depth or poses nothing can be told: 1.
    """
    camera, pose = frame.camera, frame.T_world_camera
    if frame.depth is None or camera is None or pose is None:
        return 1.0
    shares = np.linspace(0.15, 0.85, _INSIDE)
    grid = np.stack(np.meshgrid(shares, shares, shares), axis=-1).reshape(-1, 3)
    x, y, z = pose.inv().apply(box[0] + grid * (box[1] - box[0])).T
    ahead = np.maximum(z, 0.05)
    column = np.floor(x / ahead * camera.fx + camera.cx).astype(int)
    row = np.floor(y / ahead * camera.fy + camera.cy).astype(int)
    shown = (z > 0.05) & (column >= 0) & (column < camera.width) & (row >= 0)
    shown &= row < camera.height
    depth = frame.depth[row[shown], column[shown]]
    return float(np.count_nonzero(depth > z[shown] - _SURFACE) / len(grid))  # NaN: not seen.


def looks_in(
    places: Float[np.ndarray, "n 2"],
    box: Float[np.ndarray, "2 3"],
    surface: Float[np.ndarray, "k 3"],
) -> Bool[np.ndarray, "n"]:
    """Tell from which places one looks into an open thing past its door.

    Its front is where the door reaches out farthest. Where no door shows, all places are as good.

    Args:
        places: On the floor [m].
        box: The thing while it was closed [m].
        surface: Points of it now that it is open [m].
    """
    flat, low, high = surface[:, :2], box[0, :2], box[1, :2]
    over = np.concatenate((low - flat, flat - high), axis=1)  # (k, 4): beyond each side.
    door = flat[(over > _DOOR).any(axis=1)]
    if len(door) < _LEAST:
        return np.ones(len(places), bool)
    side = int(np.quantile(over, 0.95, axis=0).argmax())
    axis, face = side % 2, (low if side < 2 else high)[side % 2]
    sign = -1.0 if side < 2 else 1.0
    target = (low + high) / 2
    target[axis] = face - sign * _SHELF * (high - low)[axis]
    before = sign * (places[:, axis] - face) > 2 * _DOOR
    share = (face - places[:, axis]) / np.where(before, target[axis] - places[:, axis], 1.0)
    across = 1 - axis
    enters = places[:, across] + share * (target[across] - places[:, across])
    through = (enters > low[across]) & (enters < high[across])  # Not through a side wall.
    return before & through & (_distances(places, target, door) > _CLEAR)


def _distances(
    starts: Float[np.ndarray, "n 2"], end: Float[np.ndarray, "2"], points: Float[np.ndarray, "k 2"]
) -> Float[np.ndarray, "n"]:
    """Return how near any point comes to the line from each start to an end [m]."""
    way = end - starts  # (n, 2)
    length = np.maximum(np.square(way).sum(axis=1), 1e-12)
    along = ((points[None] - starts[:, None]) * way[:, None]).sum(axis=2) / length[:, None]
    nearest = starts[:, None] + along.clip(0, 1)[..., None] * way[:, None]
    return np.linalg.norm(points[None] - nearest, axis=2).min(axis=1)
