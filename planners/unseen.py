"""Floor that was not seen: its borders, and how much of it one would see from where."""

import cv2
import numpy as np
from jaxtyping import Float

from embodied_mem.memory import Memory
from embodied_mem.memory.occupancy import OCCUPIED, UNKNOWN, OccupancyMap
from planners.belief import Thing

_BEYOND = 0.5
"""One who went through a door stands so far behind it [m]."""
_OUTSIDE = 0.5
"""So far beyond what was seen a house may well go on [m]."""
_VIEW = 3.0
"""How far around a frontier unseen floor counts as gain [m]."""
_CLEARANCE = 0.15
"""A frontier is this far from obstacles [m]."""
_LEAST_CELLS = 3
"""Shorter frontiers are not worth a visit [cells]."""
_RAYS = 72
_RAY_STEP = 0.05
"""Spacing of the samples on a ray [m]."""


def open_borders(occupancy: OccupancyMap) -> list[Float[np.ndarray, "2"]]:
    """Return a place in the middle of each frontier, clear of obstacles [m].

    Borders along walls are none: the floor ends there.
    """
    if not occupancy.score.size:
        return []
    clear = cv2.distanceTransform((~occupancy.occupied).astype(np.uint8), cv2.DIST_L2, 5)
    found = []
    for frontier in occupancy.frontiers():
        columns, rows = frontier.cells.T
        cells = frontier.cells[clear[rows, columns] * occupancy.resolution >= _CLEARANCE]
        if len(cells) < _LEAST_CELLS:
            continue
        points = occupancy.cell_to_world(cells)
        middle = np.square(points - points.mean(axis=0)).sum(axis=1).argmin()
        found.append(points[middle])
    return found


def unseen_beyond(memory: Memory, door: Thing) -> float:
    """Return the area of unseen floor of the house on that side of a door where less was seen [m2].

    Houses are compact: what lies outside of the rectangle about all that was seen is hardly a part
    of the house, and the door leads out.
    """
    axis, center = int(np.argmin(door.box[1, :2] - door.box[0, :2])), door.center[:2]
    through = _BEYOND * np.eye(2)[axis]
    side = max((0, 1), key=lambda end: gain(memory, center + (2 * end - 1) * through))
    around = _rectangle(memory.occupancy)
    around[1 - side, axis] = center[axis]  # Not this side of the door.
    return gain(memory, center + (2 * side - 1) * through, around)


def _rectangle(occupancy: OccupancyMap) -> Float[np.ndarray, "2 2"]:
    """Return the lowest and the highest corner of what was seen, and a little more [m]."""
    cells = np.argwhere(~occupancy.unknown)[:, ::-1]
    if not len(cells):
        return np.zeros((2, 2))
    ends = occupancy.cell_to_world(np.stack((cells.min(axis=0), cells.max(axis=0))))
    return ends + np.array([[-_OUTSIDE], [_OUTSIDE]])


def gain(
    memory: Memory,
    point: Float[np.ndarray, "2"],
    around: Float[np.ndarray, "2 2"] | None = None,
) -> float:
    """Return the area of unseen floor that one would look upon from a place [m2].

    Rays go out over the floor plan until they meet an obstacle.

    Args:
        memory: Knows what was seen.
        point: The place [m].
        around: Lowest and highest corner of what counts [m]; everything if not given.
    """
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    radii = np.arange(0.5, _VIEW / _RAY_STEP) * _RAY_STEP
    rays = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    samples = point + rays[:, None] * radii[None, :, None]  # (rays, radii, 2)
    states = memory.occupancy.states_at(samples.reshape(-1, 2)).reshape(len(angles), -1)
    open_so_far = np.logical_and.accumulate(states != OCCUPIED, axis=1)
    if around is not None:
        open_so_far &= ((samples >= around[0]) & (samples <= around[1])).all(axis=-1)
    areas = radii * _RAY_STEP * (2 * np.pi / _RAYS)
    return float(((states == UNKNOWN) & open_so_far) @ areas @ np.ones(_RAYS))
