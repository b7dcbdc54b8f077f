"""Where to drive to, to stand before a thing."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.memory.occupancy import FREE, OccupancyMap

_ANGLES = 32
_ROOM = 0.25
"""Radius of the free floor that a robot needs to stand on [m]."""


def place_before(
    box: Float[np.ndarray, "2 3"],
    occupancy: OccupancyMap,
    body: RigidTransform | None,
    distance: float,
) -> RigidTransform | None:
    """Return a pose on free floor that faces a box; None where there is none.

    The nearest to where the robot is now, among places at the distance from the box's edge, and
    half as far again where there is none.

    Args:
        box: Lowest and highest corner of the thing [m].
        occupancy: Where the floor is free.
        body: Where the robot is; the first place is as good as any when None.
        distance: From the edge of the thing [m].
    """
    middle, half = box.mean(axis=0)[:2], (box[1] - box[0])[:2] / 2
    angles = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    ways = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    edge = np.min(half / np.maximum(np.abs(ways), 1e-6), axis=1)
    for away in (distance, 1.5 * distance):
        places = middle + ways * (edge + away)[:, None]
        fits = [number for number, place in enumerate(places) if _is_free(occupancy, place)]
        if fits:
            here = places[0] if body is None else np.asarray(body.translation)[:2]
            best = min(fits, key=lambda number: float(np.linalg.norm(places[number] - here)))
            yaw = float(angles[best] + np.pi)
            return RigidTransform.from_components(
                [*places[best], 0.0], Rotation.from_euler("z", yaw)
            )
    return None


def _is_free(occupancy: OccupancyMap, place: Float[np.ndarray, "2"]) -> bool:
    offsets = np.linspace(-_ROOM, _ROOM, 5)
    around = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    around = around[np.linalg.norm(around, axis=1) <= _ROOM]
    return bool((occupancy.states_at(place + around) == FREE).all())
