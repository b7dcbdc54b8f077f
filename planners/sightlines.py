"""From where things can be seen: walls part them from places that are near on the floor plan.

One looks over furniture that is lower than the eyes, but not over the wall that it stands at. And
what was seen from one side of a wall is on that side.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.memory import Memory
from embodied_mem.memory.occupancy import OCCUPIED, UNKNOWN
from planners.belief import Belief, Thing
from planners.body import Body

_LOW = 1.3
"""One looks over furniture below this height [m]."""
_SPACING = 0.04
"""Distance of the samples on a line of sight [m]."""
_GROWN = 0.07
"""Boxes of furniture are taken for so much larger than seen [m]."""
_EDGE = 0.08
"""High things so far inside low furniture stand on it; nearer to its edge is a wall [m]."""
_FLAT = 0.25
"""Things of less depth may hang on a wall [m], ..."""
_HOLD = 0.08
"""... which then begins so far before their boxes [m]."""
_UNSEEN = 0.15
"""So much floor that was not seen may have a wall on it [m]."""
_DOUBTFUL = 0.5
"""Of 1 for a place from which a thing is hidden: for one where such floor is between."""


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


def occlusion(
    memory: Memory, belief: Belief, thing: Thing, points: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n"]:
    """Tell for places how surely a thing is hidden from there, 0 to 1.

    Args:
        memory: Its floor plan shows what stands anywhere.
        belief: Its things tell what of that is low.
        thing: What is to be seen.
        points: Places to look from [m].
    """
    nearest = np.clip(points, thing.box[0, :2], thing.box[1, :2])
    distances = np.linalg.norm(nearest - points, axis=1)
    count = max(int(float(distances.max(initial=0.0)) / _SPACING), 2)
    share = np.linspace(0, 1, count)
    samples = points[:, None] * (1 - share[:, None]) + nearest[:, None] * share[:, None]
    flat = samples.reshape(-1, 2)  # (n * count, 2)
    states = memory.occupancy.states_at(flat)
    high, unseen = states == OCCUPIED, states == UNKNOWN
    wall = memory.occupancy.tall_at(flat)
    if float(np.ptp(thing.box[:, :2], axis=0).min()) < _FLAT:
        wall &= (distances[:, None] * (1 - share) > _HOLD).ravel()
    for other in _seen_past(belief, thing, flat):
        near = _within(flat, other.box, _GROWN)
        high &= ~near
        unseen &= ~near
        wall &= ~(near if other.box[1, 2] >= _LOW else _within(flat, other.box, -_EDGE))
    hidden = (high | wall).reshape(samples.shape[:2]).any(axis=1)
    dark = unseen.reshape(samples.shape[:2]).mean(axis=1) * distances > _UNSEEN
    return np.where(hidden, 1.0, np.where(dark, _DOUBTFUL, 0.0))


def _within(
    points: Float[np.ndarray, "p 2"], box: Float[np.ndarray, "2 3"], grown: float
) -> Bool[np.ndarray, "p"]:
    """Tell which points lie above or below a box that is made larger on each side [m]."""
    inside = (points >= box[0, :2] - grown) & (points <= box[1, :2] + grown)
    return np.asarray(inside.all(axis=1))


def _seen_past(belief: Belief, thing: Thing, points: Float[np.ndarray, "p 2"]) -> list[Thing]:
    """Return what does not hide a thing: low ones, itself, and what carries it."""
    low, high = points.min(axis=0), points.max(axis=0)
    carriers = {thing.object_id, thing.parent, belief.location(thing).object_id}
    return [
        other
        for other in belief.things.values()
        if (other.box[1, 2] < _LOW or other.object_id in carriers)
        and (other.box[1, :2] >= low - _GROWN).all()
        and (other.box[0, :2] <= high + _GROWN).all()
        and not other.held
    ]
