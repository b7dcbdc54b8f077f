"""From where things can be seen: walls part them from places that are near on the floor plan.

The floor plan does not tell high obstacles from low ones. What is known of furniture does: one
looks over what is lower than the eyes. And what was seen from one side of a wall is on that side.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.memory import Memory
from embodied_mem.memory.occupancy import OCCUPIED
from planners.belief import Belief, Thing
from planners.body import Body

_LOW = 1.3
"""One looks over furniture below this height [m]."""
_SPACING = 0.04
"""Distance of the samples on a line of sight [m]."""
_GROWN = 0.07
"""Boxes of furniture are taken for so much larger than seen [m]."""


@dataclass(slots=True)
class Viewpoints:
    """Where each thing was seen from nearest: from behind a wall it is seen from far, if at all."""

    positions: dict[str, Float[np.ndarray, "2"]] = field(default_factory=dict)
    capacity: int = 10_000
    """The oldest are forgotten beyond so many things."""

    def note(self, memory: Memory, body: Body) -> None:
        """Note the place of the newest percept for what it shows."""
        objects = memory.objects
        for object_id in memory.in_view():
            center = objects.centers[objects[object_id].row, :2]
            before = self.positions.pop(object_id, None)
            nearer = before is None or not math.dist(before, center) < math.dist(
                body.position, center
            )
            self.positions[object_id] = body.position if nearer or before is None else before
        while len(self.positions) > self.capacity:
            del self.positions[next(iter(self.positions))]

    def same_side(self, thing: Thing, points: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, "n"]:
        """Tell for places whether they lie on the side from which a thing was seen.

        Things that one can walk around have no sides; those at walls are thin or wide.
        """
        seen_from = self.positions.get(thing.object_id)
        if seen_from is None:
            return np.ones(len(points), bool)
        center = thing.center[:2]
        toward = seen_from - center
        across = (points - center) @ toward
        reach = np.linalg.norm(points - center, axis=1) * np.linalg.norm(toward)
        return across > -0.1 * np.maximum(reach, 1e-9)


def in_sight(
    memory: Memory, belief: Belief, thing: Thing, points: Float[np.ndarray, "n 2"]
) -> Bool[np.ndarray, "n"]:
    """Tell for places whether nothing high stands between them and a thing.

    Args:
        memory: Its floor plan shows what stands anywhere.
        belief: Its things tell what of that is low.
        thing: What is to be seen.
        points: Places to look from [m].
    """
    nearest = np.clip(points, thing.box[0, :2], thing.box[1, :2])
    longest = float(np.linalg.norm(nearest - points, axis=1).max(initial=0.0))
    count = max(int(longest / _SPACING), 2)
    share = np.linspace(0, 1, count)[None, :, None]
    samples = points[:, None] * (1 - share) + nearest[:, None] * share  # (n, count, 2)
    flat = samples.reshape(-1, 2)
    hidden = memory.occupancy.states_at(flat) == OCCUPIED
    for other in _low_things(belief, thing, flat):
        inside = (flat >= other[0, :2] - _GROWN) & (flat <= other[1, :2] + _GROWN)
        hidden &= ~inside.all(axis=1)
    return ~hidden.reshape(samples.shape[:2]).any(axis=1)


def _low_things(
    belief: Belief, thing: Thing, points: Float[np.ndarray, "p 2"]
) -> list[Float[np.ndarray, "2 3"]]:
    """Return the boxes that do not hide a thing: low ones, its own, those of what carries it."""
    low, high = points.min(axis=0), points.max(axis=0)
    carriers = {thing.object_id, thing.parent, belief.location(thing).object_id}
    return [
        other.box
        for other in belief.things.values()
        if (other.box[1, 2] < _LOW or other.object_id in carriers)
        and (other.box[1, :2] >= low - _GROWN).all()
        and (other.box[0, :2] <= high + _GROWN).all()
        and not other.held
    ]
