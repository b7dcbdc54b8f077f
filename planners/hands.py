"""Gets to things and acts on them: stand near, look at it, point, do."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.interfaces import Decision
from embodied_mem.types import Action
from planners.aiming import aim, heights
from planners.behaviour import Routine, Situation
from planners.belief import BELIEVED, SURE, Thing
from planners.navigation import Standpoint, standpoints
from planners.peering import looks_in
from planners.pilot import Pilot
from planners.pointer import Pointer
from planners.pointing import Pixel
from planners.sightlines import occlusion

_Point = Float[np.ndarray, "2"]

_POSES = 4
"""Places to stand that are tried in one go."""

_PIXELS = 2
"""Points of the image that are tried from one place."""

_APART = 0.3
"""A new place to stand is this far from one that did not work, and farther from several [m]."""

_CLOSE = 0.6
"""Best distance for most actions [m]."""

_SWING = 1.1
"""Best distance for opening and closing: doors swing [m]."""

_COMPARED = 160
"""Places to stand that are looked at more closely."""

_HIDDEN = 30.0
"""Price of a place from which a thing seems hidden [moves]."""

_WRONG_SIDE = 15.0
"""Price of a place on the side from which a thing was not seen [moves]."""

_OTHER_SIDE = 200.0
"""Price of a place that is far from where a thing was seen, if one walks [moves]."""

_DETOUR = 1.2
"""A way is a detour if it is so many times as long as the straight one,"""

_ASIDE = 0.8
"""and this much longer still [m]."""

_NEW_VIEW = 12.0
"""Another tilt shows something new if it differs by this much [degrees]."""

_FULL = "No valid positions"
"""What is said of a receptacle that has no room where one points."""

SHUT = "is CLOSED"
"""What is said of a receptacle that must be opened first."""

_NO_SUCH_THING = (
    "is not an Openable object",
    "object is not toggleable",
    "Does not have the CanBeSliced property",
    "is NOT a receptacle",
    "is not a valid Object Type to be placed in",
)
"""What refusals say where there is something else than was taken to be there."""

_DOUBTFUL_POSES = 2
"""Places from which a thing is looked for that may well not exist, or be something else."""

_REFUSALS = 2
"""After so many of these a receptacle is taken to be full."""

_TRAVEL_TILT = 30.0
"""Tilt of the camera on the way [degrees]."""


class Hands:
    """Makes routines that act on things."""

    def __init__(self, situation: Situation, pilot: Pilot):
        self._situation = situation
        self._pilot = pilot
        self._pointer = Pointer(situation)
        self._spoilt: dict[str, list[_Point]] = {}
        self._done: dict[str, list[_Point]] = {}
        """Where the body stood when something worked."""
        self._refusals: dict[str, int] = {}
        self.hopeless: set[str] = set()
        """Receptacles that have no room, and what is hardly what it was taken for."""
        self.refusals: list[str] = []
        """What was said of each try of the last action that failed."""
        self.no_way = False
        """Whether the last thing was not reached for want of a way, as far as is known."""

    def has_way(self, target: str) -> bool:
        """Tell whether there is a place to act on a thing from that was not tried."""
        thing = self._situation.belief.things.get(target)
        return thing is not None and self._stand(thing, swing=False) is not None

    def step_aside(self, target: str) -> None:
        """Let the next way to a thing lead to another place than here."""
        self._spoil(target, self._situation.body.position)

    def doubt(self) -> None:
        """Give every place another chance but those where what was done may have gone wrong."""
        done = dict(self._done)
        self.forget()
        self._spoilt |= done

    def forget(self) -> None:
        """Give every place and point another chance."""
        self._spoilt.clear()
        self._done.clear()
        self._refusals.clear()
        self.hopeless.clear()

    def reach(
        self,
        target: str,
        *,
        level: bool = False,
        swing: bool = False,
        phase: str = "navigate",
        poses: int = _POSES,
    ) -> Routine:
        """Go where a thing can be acted on, and look at it.

        Args:
            target: Object id.
            level: Whether something shall be put on it.
            swing: Whether it shall be opened or closed, which needs room.
            phase: Phase of the decisions.
            poses: Places from which it is looked at, at most.
        """
        s = self._situation
        self.no_way = False
        is_ready = (
            not self._is_spoilt(target) and self._pointer.pixel(target, level=level) is not None
        )
        if is_ready or (yield from self._peer_after(target, level=level, phase=phase)):
            return True
        for attempt in range(poses):
            thing = self._pointer.sought(target)
            if thing is not None and attempt >= _DOUBTFUL_POSES and thing.confidence < SURE:
                return False  # It would have been seen, were it there.
            stand = self._stand(thing, swing=swing) if thing is not None else None
            if thing is None or stand is None or self._is_spent(thing, stand):
                self.no_way = stand is None
                return False
            reason = f"going to the {thing.label}"
            if s.body.horizon < _TRAVEL_TILT - 8 and stand.cost > 4:
                yield from self._pilot.level(_TRAVEL_TILT, phase=phase, reason=reason)
            went = yield from self._pilot.go({stand.node}, phase=phase, reason=reason)
            thing = self._pointer.sought(target)
            if thing is None:
                return False
            if went and (yield from self._look_at(thing, level=level, phase=phase)):
                return True
            self._spoil(target, self._pilot.lattice.point(stand.node))
        return False

    def _peer_after(self, target: str, *, level: bool, phase: str) -> Routine:
        """Look past an open door for what was put behind it, and say whether that is seen."""
        thing = self._situation.belief.things.get(target)
        parent = thing.parent if thing is not None else None
        if parent is None or parent not in self._situation.memory.in_view():
            return False
        if not self._pointer.hides_inside(parent) or not (yield from self.peer_into(parent, phase)):
            return False
        return self._pointer.pixel(target, level=level) is not None

    def act(self, action: str, target: str, *, level: bool = False, reason: str = "") -> Routine:
        """Act on a thing that is in view and near.

        Args:
            action: AI2-THOR's name, one that takes a point of the image.
            target: Object id.
            level: Whether to point at a level part of it.
            reason: Sentence for the record.
        """
        s = self._situation
        tried: list[Pixel] = []
        self.refusals = []
        box = s.belief.things[target].box.copy() if target in s.belief.things else None
        for _ in range(_PIXELS):
            pixel = self._pointer.pixel(target, level=level, avoid=tried)
            if pixel is None:
                break
            tried.append(pixel)
            command = Action(name=action, arguments={"x": pixel[0], "y": pixel[1]})
            yield Decision(action=command, phase="act", target=target, reason=reason)
            if s.succeeded:
                s.assumptions.refusals.pop(target, None)
                self._done.setdefault(target, []).append(s.body.position.copy())
                if action == "OpenObject" and box is not None:  # Later the door may be part of it.
                    self._pointer.shut.setdefault(target, box)
                return True
            self.refusals.append(s.message)
            if SHUT in s.message:
                return False  # No other place will do.
            if any(words in s.message for words in _NO_SUCH_THING):
                counts = s.assumptions.refusals
                counts[target] = counts.get(target, 0) + 1
                if not self._is_likely(target):
                    self.hopeless.add(target)
                    break
            if _FULL in s.message:
                self._refusals[target] = self._refusals.get(target, 0) + 1
                if self._refusals[target] >= _REFUSALS:
                    self.hopeless.add(target)
                    break
        self._spoil(target, s.body.position)
        return False

    def _is_likely(self, target: str) -> bool:
        """Tell whether something still counts as what it is taken for."""
        self._situation.refresh_belief()
        thing = self._situation.belief.things.get(target)
        return thing is not None and thing.confidence >= BELIEVED

    def hides_inside(self, target: str) -> bool:
        """Tell whether next to nothing is seen of the inside of what was opened."""
        return self._pointer.hides_inside(target)

    def peer_into(self, target: str, phase: str = "explore") -> Routine:
        """Go where one looks into what was opened, past its door, and look."""
        box = self._pointer.shut[target]
        reason = "looking past the door"
        surface, tried = np.zeros((0, 3)), np.zeros((0, 2))
        for _ in range(_POSES):  # The way there shows more of the door.
            surface = np.concatenate((surface, self._points(target)))
            stand = self._stand_before(box, surface, tried)
            if stand is None:
                return False
            went = yield from self._pilot.go({stand.node}, phase=phase, reason=reason)
            if went:
                middle = np.array([*box[:, :2].mean(axis=0), min(float(box[:, 2].mean()), 1.2)])
                return (yield from self._pilot.face(middle, phase=phase, reason=reason))
            tried = np.vstack((tried, self._pilot.lattice.point(stand.node)))
        return False

    def _points(self, target: str) -> Float[np.ndarray, "k 3"]:
        """Return what the newest percept shows of a thing's surface [m]."""
        memory = self._situation.memory
        index = memory.in_view().get(target)
        if index is None or memory.latest is None:
            return np.zeros((0, 3))
        return np.asarray(memory.latest.points[index], np.float64)

    def _stand_before(
        self,
        box: Float[np.ndarray, "2 3"],
        surface: Float[np.ndarray, "k 3"],
        tried: Float[np.ndarray, "t 2"],
    ) -> Standpoint | None:
        """Choose the best place for looking into an open thing, away from those tried in vain."""
        pilot = self._pilot
        found = standpoints(
            pilot.ground(), pilot.costs(), box[:, :2], pilot.config, distance=_SWING
        )
        if not found:
            return None
        places = np.array([pilot.lattice.point(stand.node) for stand in found])
        good = looks_in(places, box, surface)
        good &= np.array([(np.linalg.norm(p - tried, axis=1) > _APART).all() for p in places])
        return found[int(np.argmax(good))] if good.any() else None

    def _look_at(self, thing: Thing, *, level: bool, phase: str) -> Routine:
        """Turn to a thing, and try other tilts while it is not in view."""
        for attempt, height in enumerate(heights(thing)):
            body = self._situation.body
            point = aim(thing, body.position, height)
            if attempt and abs(body.tilt_to(point) - body.horizon) < _NEW_VIEW:
                continue
            reason = f"looking at the {thing.label}"
            yield from self._pilot.face(point, phase=phase, reason=reason)
            if self._pointer.pixel(thing.object_id, level=level) is not None:
                return True
        return False

    def _stand(self, thing: Thing, *, swing: bool) -> Standpoint | None:
        """Choose the best place for acting on a thing, away from places that did not work."""
        s, pilot = self._situation, self._pilot
        found = standpoints(
            pilot.ground(),
            pilot.costs(),
            thing.box[:, :2],
            pilot.config,
            distance=_SWING if swing else _CLOSE,
        )
        found = self._unspoilt(found, self._spoilt.get(thing.object_id, []))[:_COMPARED]
        if not found:
            return None
        points = np.array([pilot.lattice.point(stand.node) for stand in found])
        doubts = _HIDDEN * occlusion(s.memory, s.belief, thing, points)
        doubts = doubts + _WRONG_SIDE * ~s.viewpoints.same_side(thing, points)
        doubts = doubts + _OTHER_SIDE * self._far_round(thing, found)
        doubts = doubts + _HIDDEN * ~self._past_door(thing, points)
        return found[int(np.argmin(np.array([stand.cost for stand in found]) + doubts))]

    def _is_spent(self, thing: Thing, stand: Standpoint) -> bool:
        """Tell whether places were tried, and the best of the others is behind a wall."""
        if not self._spoilt.get(thing.object_id):
            return False
        s, point = self._situation, self._pilot.lattice.point(stand.node)
        return bool(occlusion(s.memory, s.belief, thing, point[None])[0] >= 1.0)

    def _past_door(self, thing: Thing, points: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, "n"]:
        """Tell from which places one gets at what is in something open, past its door."""
        memory, parent = self._situation.memory, thing.parent
        box = self._pointer.shut.get(parent) if parent is not None else None
        if parent is None or box is None or parent not in memory.objects.entries:
            return np.ones(len(points), bool)
        return looks_in(points, box, memory.objects.surface(memory.objects[parent]))

    def _unspoilt(self, found: list[Standpoint], spoilt: list[_Point]) -> list[Standpoint]:
        """Leave out what is near to places that did not work.

        The more of them there are, the farther away: a whole side of a thing may be behind a wall.
        """
        if not spoilt or not found:
            return found
        points = np.array([self._pilot.lattice.point(stand.node) for stand in found])
        gaps = np.linalg.norm(points[:, None] - np.array(spoilt)[None], axis=2).min(axis=1)
        apart = _APART * (1 + len(spoilt) // 2)
        usable = gaps > (apart if (gaps > apart).any() else _APART)
        return [stand for stand, is_usable in zip(found, usable, strict=True) if is_usable]

    def _far_round(self, thing: Thing, found: list[Standpoint]) -> Bool[np.ndarray, "n"]:
        """Tell for places whether the way to where a thing was seen from is much of a detour.

        Then a wall is between, however thin: what stands at it was seen from its other side.
        """
        seen_from = self._situation.viewpoints.positions.get(thing.object_id)
        none = np.zeros(len(found), bool)
        ground, lattice = self._pilot.ground(), self._pilot.lattice
        if seen_from is None or not ground.contains(lattice.node(seen_from)):
            return none
        moves = replace(
            ground,
            price_x=np.where(np.isfinite(ground.price_x), 1.0, np.inf),
            price_y=np.where(np.isfinite(ground.price_y), 1.0, np.inf),
        ).costs_from(lattice.node(seen_from))
        ways = np.array([moves[ground.index(stand.node)] for stand in found])
        if not np.isfinite(ways).any():
            return none
        points = np.array([lattice.point(stand.node) for stand in found])
        straight = np.abs(points - seen_from).sum(axis=1)  # Moves go along the axes.
        return ways * lattice.spacing > _DETOUR * straight + _ASIDE

    def _spoil(self, target: str, point: Float[np.ndarray, "2"]) -> None:
        self._spoilt.setdefault(target, []).append(np.asarray(point).copy())

    def _is_spoilt(self, target: str) -> bool:
        position = self._situation.body.position
        return any(np.linalg.norm(position - p) < 0.1 for p in self._spoilt.get(target, []))
