"""Where in the newest image to point at a thing, so that the hand acts on it."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.goals import fold
from planners.behaviour import Situation
from planners.belief import SURE, Thing
from planners.peering import share_seen
from planners.pointing import Pixel, choose_pixel, choose_within, familiar, project

_ARM = 1.45
"""Farthest horizontal distance at which an action is tried [m]."""

_LOOKED_INTO = 0.15
"""Whoever sees less of a container's inside has not looked into it."""

_TALL = 0.3
"""Containers of this height have doors that swing before them [m]."""

_LIKELY = 0.2
"""Least share of a thing's sightings that have the label under which it is seen now."""


class Pointer:
    """Points at what is in view, or where it must be."""

    def __init__(self, situation: Situation):
        self._situation = situation
        self.shut: dict[str, Float[np.ndarray, "2 3"]] = {}
        """What was opened, and its box before that [m]."""

    def sought(self, target: str) -> Thing | None:
        """Return a thing where it may be: all over what it was put into and not seen in since."""
        s = self._situation
        thing = s.belief.things.get(target)
        if thing is None or target not in s.memory.objects.entries:
            return thing
        box = self.shut.get(thing.parent) if thing.parent is not None else None
        if box is None or s.memory.objects[target].released is None:
            return thing
        return replace(thing, box=box)

    def hides_inside(self, target: str) -> bool:
        """Tell whether next to nothing is seen of the inside of what was opened, as by its door.

        What is flat slides out or is looked into from above.
        """
        latest, box = self._situation.memory.latest, self.shut.get(target)
        if latest is None or box is None or box[1, 2] - box[0, 2] < _TALL:
            return False
        return share_seen(latest.frame, box) < _LOOKED_INTO

    def pixel(self, target: str, *, level: bool, avoid: list[Pixel] | None = None) -> Pixel | None:
        """Return where to point at a thing, within the arm's reach, or None.

        Args:
            target: Object id.
            level: Whether something shall be put on it.
            avoid: Points that did not work.
        """
        memory = self._situation.memory
        if memory.latest is None:
            return None
        index = memory.in_view().get(target)
        if index is not None:
            label = memory.latest.labels[index]
            if memory.get(target).label_scores.get(label, 0.0) >= _LIKELY:
                return choose_pixel(
                    memory.latest, index, reach=_ARM, level=level, avoid=avoid or ()
                )
            # What is seen there may be something else, beside it or before it.
        elif not level and (where := self._pixel_where_put(target, avoid or [])) is not None:
            return where
        return self._familiar_pixel(target, level=level, avoid=avoid or [])

    def _familiar_pixel(self, target: str, *, level: bool, avoid: list[Pixel]) -> Pixel | None:
        """Return where furniture shows by its surface, though it is not known again from here."""
        memory, thing = self._situation.memory, self._situation.belief.things.get(target)
        if thing is None or memory.latest is None:
            return None
        if thing.confidence < SURE or not thing.kind.fixture:
            return None  # What is small may have been replaced by something else.
        entry = memory.objects[target]
        frame = memory.latest.frame
        mask = familiar(frame, entry.keys, memory.objects.voxel_size(entry))
        if mask is None:
            return None
        mask &= ~self._others(target)
        return choose_within(frame, mask, reach=_ARM, level=level, avoid=avoid, strict=True)

    def _others(self, target: str) -> Bool[np.ndarray, "h w"]:
        """Return the pixels of the newest percept that show things of other kinds for sure."""
        memory, things = self._situation.memory, self._situation.belief.things
        assert memory.latest is not None, "a percept is looked at"
        label = things[target].label
        others = [
            index
            for name, index in memory.in_view().items()
            if name in things and things[name].label != label and things[name].confidence >= SURE
        ]
        return np.asarray(memory.latest.masks[others].any(axis=0))

    def _pixel_where_put(self, target: str, avoid: list[Pixel]) -> Pixel | None:
        """Return where the hand let go of what was not seen since, as in a dark oven.

        It may have slid to the middle of what it was put into, or be taken for its like there.
        """
        memory, things = self._situation.memory, self._situation.belief.things
        entry = memory.objects[target] if target in memory.objects.entries else None
        if entry is None or entry.released is None or memory.latest is None:
            return None
        parent = entry.placement.parent if entry.placement is not None else None
        if (like := self._like_inside(target, parent)) is not None:
            return choose_pixel(memory.latest, like, reach=_ARM, level=False, avoid=avoid)
        if parent is not None and self.hides_inside(parent):
            return None  # One would point at the door.
        places = [memory.objects.box(entry).mean(axis=0)]
        if parent in things:
            places.append(np.array([*things[parent].center[:2], places[0][2]]))
        shown = [project(memory.latest.frame, place, reach=_ARM) for place in places]
        return next((pixel for pixel in shown if pixel is not None and pixel not in avoid), None)

    def _like_inside(self, target: str, parent: str | None) -> int | None:
        """Return which detection shows something of a thing's label in what it was put into."""
        latest, box = self._situation.memory.latest, self.shut.get(parent or "")
        if latest is None or box is None:
            return None
        label = self._situation.belief.things[target].label
        middles = latest.boxes.mean(axis=1)
        inside = ((middles > box[0]) & (middles < box[1])).all(axis=1)
        alike = [i for i in np.flatnonzero(inside).tolist() if fold(latest.labels[i]) == label]
        return max(alike, key=lambda index: float(latest.scores[index]), default=None)
