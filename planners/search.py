"""Where to look for what is not known yet.

Candidates are the borders of what has been seen, containers not looked into, and surfaces not seen
from near enough. Each has a chance of showing the thing, from where such things usually are, and a
price, the way there; the best ratio goes first. What was looked at is remembered, and forgotten
again for things that have been moved since.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from embodied_mem.goals import fold
from embodied_mem.memory import Memory
from embodied_mem.memory.occupancy import Frontier
from planners.affordances import DOORS, kind_of, prior, room_match
from planners.behaviour import Situation
from planners.belief import Thing
from planners.lattice import Node
from planners.navigation import standpoints
from planners.pilot import Pilot

_FRONTIER_CHANCE = 0.6
"""Chance that a large unseen part of the house shows the thing."""
_DOOR_CHANCE = 0.4
"""Chance that a closed door leads to the thing."""
_ROOM = 2.5
"""Things nearer than this tell the kind of room [m]."""
_FULL_GAIN = 4.0
"""An unseen part of this area counts in full [m2]."""
_LEAST_GAIN = 0.3
"""Smaller unseen parts are not worth a visit [m2]."""
_FIXED_PRICE = 3.0
"""Price of any look [moves]."""
_OPENING_PRICE = 2.0
"""Price of opening and closing [moves]."""
_OVERLOOKED = 0.04
"""Chance that a thing was overlooked on a surface seen from near enough."""
_WORTH_A_SECOND_LOOK = 0.02
"""Least weight of a usual place for looking again from nearer."""
_NEAR = 1.5
"""A surface looked at from here has been searched [m]."""
_VIEW = 2.0
"""How far around a frontier unseen floor counts as gain [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Something worth a look."""

    kind: Literal["frontier", "door", "container", "surface"]
    value: float
    """Chance over price."""
    nodes: tuple[Node, ...] = ()
    """Where to stand, for a frontier."""
    point: Float[np.ndarray, "2"] | None = None
    """Where to look, for a frontier [m]."""
    target: str = ""
    """Object id, for what is not a frontier."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at or into a receptacle."""

    stamp: float
    distance: float


@dataclass(slots=True)
class SearchLog:
    """What was looked at, when, and from how near."""

    looks: dict[str, list[Look]] = field(default_factory=dict)
    """Nearest looks per receptacle, newest last."""
    opened: set[str] = field(default_factory=set)
    """Containers looked into."""
    unreachable: dict[str, float] = field(default_factory=dict)
    """When a receptacle could not be got at [s]."""
    visited: list[Float[np.ndarray, "2"]] = field(default_factory=list)
    """Frontiers gone to [m]."""

    def note(self, situation: Situation) -> None:
        """Note the receptacles that are in view; closed containers show nothing."""
        position, stamp = situation.body.position, situation.belief.stamp
        for object_id in situation.memory.in_view():
            thing = situation.belief.things.get(object_id)
            if thing is None or not thing.kind.receptacle or thing.held:
                continue
            if thing.kind.openable and thing.state("open") is not True:
                continue
            distance = _gap(position, thing.box)
            if thing.kind.openable and distance < _NEAR:
                self.opened.add(object_id)
            self._add(object_id, Look(stamp, distance))

    def looked(self, object_id: str, stamp: float) -> None:
        """Note that a receptacle was searched from near."""
        self._add(object_id, Look(stamp, 0.0))

    def _add(self, object_id: str, look: Look) -> None:
        """Keep the looks that no newer look was nearer than."""
        looks = self.looks.setdefault(object_id, [])
        while looks and looks[-1].distance >= look.distance:
            looks.pop()
        looks.append(look)

    def nearest(self, thing: Thing, since: float, born: float) -> float:
        """Return the distance of the nearest look at a thing since a time; infinite without one.

        Args:
            thing: A receptacle.
            since: Older looks do not count [s].
            born: When memory first saw the thing; older looks were at another thing of that name.
        """
        looks = [
            k.distance for k in self.looks.get(thing.object_id, ()) if k.stamp >= max(since, born)
        ]
        return min(looks, default=np.inf)


def moved_after(memory: Memory, labels: frozenset[str]) -> float:
    """Return when a thing that is gone was last seen: looks before that say nothing [s]."""
    gone = [k.last_seen for k in memory.known() if k.status == "gone" and fold(k.label) in labels]
    return max(gone, default=-np.inf)


def leads(
    situation: Situation,
    pilot: Pilot,
    log: SearchLog,
    needs: Sequence[frozenset[str]],
) -> list[Lead]:
    """Return what is worth a look for any of some needs, the best first.

    Args:
        situation: What is known.
        pilot: Knows the ways.
        log: What was looked at.
        needs: For each need the labels of which one will do.
    """
    found = [
        *_frontiers(situation, pilot, log, needs),
        *_doors(situation, pilot, log),
        *_receptacles(situation, pilot, log, needs),
    ]
    return sorted(found, key=lambda lead: -lead.value)


def _frontiers(
    situation: Situation, pilot: Pilot, log: SearchLog, needs: Sequence[frozenset[str]]
) -> list[Lead]:
    memory, costs, ground = situation.memory, pilot.costs(), pilot.ground()
    found = []
    for frontier in memory.occupancy.frontiers():
        if any(np.linalg.norm(frontier.center - other) < 0.3 for other in log.visited):
            continue
        gain = _gain(memory, frontier)
        if gain < _LEAST_GAIN:
            continue
        box = np.stack((frontier.center, frontier.center))
        stands = standpoints(ground, costs, box, pilot.config, reach=0.75)
        if not stands:
            continue
        chance = _FRONTIER_CHANCE * min(1.0, gain / _FULL_GAIN)
        chance *= _suits(situation, frontier.center, needs)
        found.append(
            Lead(
                kind="frontier",
                value=chance / (stands[0].cost + _FIXED_PRICE),
                nodes=tuple(stand.node for stand in stands[:6]),
                point=frontier.center,
            )
        )
    return found


def _suits(
    situation: Situation, point: Float[np.ndarray, "2"], needs: Sequence[frozenset[str]]
) -> float:
    """Return a factor for how well what is looked for suits what was seen around a point."""
    around = [
        thing.label
        for thing in situation.belief.things.values()
        if thing.kind.fixture and _gap(point, thing.box) < _ROOM
    ]
    matches = [room_match(label, around) for labels in needs for label in sorted(labels)]
    known = [match for match in matches if match is not None]
    return 0.5 + max(known) if known else 1.0


def _doors(situation: Situation, pilot: Pilot, log: SearchLog) -> list[Lead]:
    """Return the closed doors that were not tried."""
    found = []
    for thing in situation.belief.things.values():
        tried = thing.object_id in log.opened or thing.object_id in log.unreachable
        if thing.label not in DOORS or tried or thing.attributes.get("open") is not False:
            continue
        stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
        if stands:
            value = _DOOR_CHANCE / (stands[0].cost + _FIXED_PRICE + _OPENING_PRICE)
            found.append(Lead(kind="door", value=value, target=thing.object_id))
    return found


def _gain(memory: Memory, frontier: Frontier) -> float:
    """Return the area of unseen floor about a frontier that no obstacle parts from it [m2]."""
    occupancy = memory.occupancy
    reach = int(_VIEW / occupancy.resolution)
    column, row = occupancy.world_to_cell(frontier.center[None])[0]
    states = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    rows, columns = occupancy.shape
    low, high = (max(row - reach, 0), max(column - reach, 0)), (row + reach + 1, column + reach + 1)
    part = occupancy.states[low[0] : min(high[0], rows), low[1] : min(high[1], columns)]
    top, left = low[0] - row + reach, low[1] - column + reach
    states[top : top + part.shape[0], left : left + part.shape[1]] = part
    return _open_unknown(states) * occupancy.resolution**2


def _open_unknown(states: np.ndarray) -> int:
    """Count the unknown cells that a window's middle connects to without crossing obstacles."""
    passable = (states != 2).astype(np.uint8)
    passable = cv2.erode(passable, np.ones((5, 5), np.uint8))  # The body does not fit gaps.
    middle = states.shape[0] // 2
    around = passable[middle - 4 : middle + 5, middle - 4 : middle + 5]
    _, labels = cv2.connectedComponents(passable, connectivity=4)
    ids = np.unique(labels[middle - 4 : middle + 5, middle - 4 : middle + 5][around > 0])
    return int((np.isin(labels, ids) & (states == 0)).sum()) if len(ids) else 0


def _receptacles(
    situation: Situation, pilot: Pilot, log: SearchLog, needs: Sequence[frozenset[str]]
) -> list[Lead]:
    belief = situation.belief
    counts: dict[str, int] = {}
    for thing in belief.things.values():
        counts[thing.label] = counts.get(thing.label, 0) + 1
    born = {known.object_id: known.first_seen for known in situation.memory.known()}
    since = [moved_after(situation.memory, labels) for labels in needs]
    found = []
    for thing in belief.things.values():
        if not thing.kind.receptacle or thing.held or thing.object_id in log.unreachable:
            continue
        chance = max(
            (
                _chance(thing, labels, log, start, born[thing.object_id], counts[thing.label])
                for labels, start in zip(needs, since, strict=True)
            ),
            default=0.0,
        )
        if chance <= 0:
            continue
        lead = _receptacle_lead(thing, chance, pilot)
        if lead is not None:
            found.append(lead)
    return found


def _receptacle_lead(thing: Thing, chance: float, pilot: Pilot) -> Lead | None:
    stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
    if not stands:
        return None
    closed = thing.kind.openable and thing.state("open") is not True
    price = stands[0].cost + _FIXED_PRICE + closed * _OPENING_PRICE
    kind = "container" if closed else "surface"
    return Lead(kind=kind, value=chance / price, target=thing.object_id)


def _chance(
    thing: Thing, labels: frozenset[str], log: SearchLog, since: float, born: float, count: int
) -> float:
    """Return the chance that a closer look at a receptacle shows one of some kinds of things."""
    nearest = log.nearest(thing, since, born)
    best = 0.0
    for label in sorted(labels):
        weight = prior(label, thing.label)
        from_here = kind_of(label).recognised_from
        if nearest <= _NEAR:
            missed = 0.0
        elif nearest <= from_here:
            missed = _OVERLOOKED if weight > _WORTH_A_SECOND_LOOK else 0.0
        else:
            missed = float(np.clip((nearest - from_here) / 3, 0.2, 1.0))
        best = max(best, weight * missed / count)
    return best


def _gap(point: Float[np.ndarray, "2"], box: Float[np.ndarray, "2 3"]) -> float:
    """Return the horizontal distance from a point to a box [m]."""
    nearest = np.clip(point, box[0, :2], box[1, :2])
    return float(np.linalg.norm(point - nearest))


def in_words(needs: Sequence[frozenset[str]]) -> str:
    """Return what is looked for, in words."""
    return ", ".join(" or ".join(sorted(labels)) for labels in needs) or "nothing"
