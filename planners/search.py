"""Where to look for what is not known yet.

Candidates are the borders of what has been seen, containers not looked into, and surfaces not seen
from near enough. Each has a chance of showing the thing, from where such things usually are, and a
price, the way there; the best ratio goes first. What was looked at is remembered, and forgotten
again for things that have been moved since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from embodied_mem.goals import fold
from embodied_mem.memory import Memory
from embodied_mem.memory.episodes import FRONTIER
from embodied_mem.memory.experience import Hints
from embodied_mem.memory.occupancy import OCCUPIED, UNKNOWN, OccupancyMap
from planners.affordances import DOORS, kind_of, prior, room_match
from planners.behaviour import Situation
from planners.belief import SURE, Thing
from planners.lattice import Node
from planners.navigation import standpoints
from planners.pilot import Pilot

_FRONTIER_CHANCE = 0.6
"""Chance that a large unseen part of the house shows the thing."""
_DOOR_CHANCE = 0.4
"""Chance that a closed door leads to the thing."""
_ROOM = 2.5
"""Things nearer than this tell the kind of room [m]."""
_MISTAKEN = 0.3
"""Chance that what is there and not what its label says is what is looked for."""
_FULL_GAIN = 4.0
"""An unseen part of this area counts in full [m2]."""
_LEAST_GAIN = 0.5
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
_LOOKS = 16
"""Looks kept for a receptacle, beside the nearest."""
_VIEW = 3.0
"""How far around a frontier unseen floor counts as gain [m]."""
_CLEARANCE = 0.15
"""A frontier is this far from obstacles [m]."""
_LEAST_CELLS = 3
"""Shorter frontiers are not worth a visit [cells]."""
NO_HINTS = Hints()
"""What an agent without experience goes by."""
_USUAL_SHOWN = 0.25
"""How often unseen space shows what is looked for, before any experience."""
_CASES_SPACE = 4.0
"""Looks that this counts for."""
_EXPECTED = 0.5
"""Finds in experience from which on a place is looked at thoroughly."""
_CASES_PLACE = 2.0
"""Looks that the usual weight of a receptacle counts for."""
_RAYS = 72
_RAY_STEP = 0.05
"""Spacing of the samples on a ray [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Something worth a look."""

    kind: Literal["frontier", "door", "container", "surface", "thing"]
    value: float
    """Chance over price."""
    nodes: tuple[Node, ...] = ()
    """Where to stand, for a frontier."""
    point: Float[np.ndarray, "2"] | None = None
    """Where to look, for a frontier [m]."""
    target: str = ""
    """Object id, for what is not a frontier."""
    at: str = ""
    """Kind of place, as experience names it."""
    thorough: bool = False
    """Whether experience expects the thing there, so that one look is not enough."""


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
    inspected: set[str] = field(default_factory=set)
    """Things of doubtful label that were looked at from near."""

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
            self.add(object_id, Look(stamp, distance))

    def looked(self, object_id: str, stamp: float) -> None:
        """Note that a receptacle was searched from near."""
        self.add(object_id, Look(stamp, 0.0))

    def add(self, object_id: str, look: Look) -> None:
        """Keep a look, and those of the earlier ones that no newer look was nearer than."""
        looks = self.looks.setdefault(object_id, [])
        while looks and looks[-1].distance >= look.distance:
            looks.pop()
        looks.append(look)
        del looks[1:-_LOOKS]

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
    hints: Hints = NO_HINTS,
) -> list[Lead]:
    """Return what is worth a look for any of some needs, the best first.

    Args:
        situation: What is known.
        pilot: Knows the ways.
        log: What was looked at.
        needs: For each need the labels of which one will do.
        hints: What past episodes showed of where things are found.
    """
    found = [
        *_frontiers(situation, pilot, log, needs, hints),
        *_doors(situation, pilot, log),
        *_receptacles(situation, pilot, log, needs, hints),
        *_doubtful(situation, pilot, log, needs),
    ]
    return sorted(found, key=lambda lead: -lead.value)


def _frontiers(
    situation: Situation,
    pilot: Pilot,
    log: SearchLog,
    needs: Sequence[frozenset[str]],
    hints: Hints,
) -> list[Lead]:
    memory, costs, ground = situation.memory, pilot.costs(), pilot.ground()
    found = []
    for point in _open_borders(memory.occupancy):
        if any(np.linalg.norm(point - other) < 0.3 for other in log.visited):
            continue
        gain = _gain(memory, point)
        if gain < _LEAST_GAIN:
            continue
        box = np.stack((point, point))
        stands = standpoints(ground, costs, box, pilot.config, reach=0.75)
        if not stands:
            continue
        chance = _FRONTIER_CHANCE * min(1.0, gain / _FULL_GAIN)
        suits = _suits(situation, point, needs)
        at = FRONTIER if suits == 1.0 else f"{FRONTIER}:{'like' if suits > 1 else 'unlike'}"
        chance *= suits * _promise(at, needs, hints)
        found.append(
            Lead(
                kind="frontier",
                value=chance / (stands[0].cost + _FIXED_PRICE),
                nodes=tuple(stand.node for stand in stands[:6]),
                point=point,
                at=at,
            )
        )
    return found


def _promise(at: str, needs: Sequence[frozenset[str]], hints: Hints) -> float:
    """Return how much more often than usual unseen space showed what is needed."""
    rates = [hints.look(label, at) for labels in needs for label in labels]
    known = [rate.blended(_USUAL_SHOWN, _CASES_SPACE) for rate in rates if rate.cases]
    return max(known) / _USUAL_SHOWN if known else 1.0


def _open_borders(occupancy: OccupancyMap) -> list[Float[np.ndarray, "2"]]:
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
            found.append(Lead(kind="door", value=value, target=thing.object_id, at=thing.label))
    return found


def _gain(memory: Memory, point: Float[np.ndarray, "2"]) -> float:
    """Return the area of unseen floor that one would look upon from a place [m2].

    Rays go out over the floor plan until they meet an obstacle.
    """
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    radii = np.arange(0.5, _VIEW / _RAY_STEP) * _RAY_STEP
    rays = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    samples = point + rays[:, None] * radii[None, :, None]  # (rays, radii, 2)
    states = memory.occupancy.states_at(samples.reshape(-1, 2)).reshape(len(angles), -1)
    open_so_far = np.logical_and.accumulate(states != OCCUPIED, axis=1)
    areas = radii * _RAY_STEP * (2 * np.pi / _RAYS)
    return float(((states == UNKNOWN) & open_so_far) @ areas @ np.ones(_RAYS))


def _receptacles(
    situation: Situation,
    pilot: Pilot,
    log: SearchLog,
    needs: Sequence[frozenset[str]],
    hints: Hints,
) -> list[Lead]:
    belief = situation.belief
    counts: dict[str, int] = {}
    for thing in belief.things.values():
        counts[thing.label] = counts.get(thing.label, 0) + 1
    born = {known.object_id: known.first_seen for known in situation.memory.known()}
    since = [moved_after(situation.memory, labels) for labels in needs]
    wanted = {label for labels in needs for label in labels}
    kept = {
        label: {place.receptacle: place.probability for place in situation.memory.expected(label)}
        for label in sorted(wanted)
    }
    found = []
    for thing in belief.things.values():
        if not thing.kind.receptacle or thing.held or thing.object_id in log.unreachable:
            continue
        chance = max(
            (
                chance_of(
                    thing,
                    {label: kept[label] for label in sorted(labels)},
                    log,
                    start,
                    born[thing.object_id],
                    counts[thing.label],
                    hints,
                )
                for labels, start in zip(needs, since, strict=True)
            ),
            default=0.0,
        )
        if chance <= 0:
            continue
        expected = any(
            hints.look(label, thing.label).hits >= _EXPECTED for labels in needs for label in labels
        )
        lead = _receptacle_lead(thing, chance, pilot, thorough=expected)
        if lead is not None:
            found.append(lead)
    return found


def _doubtful(
    situation: Situation, pilot: Pilot, log: SearchLog, needs: Sequence[frozenset[str]]
) -> list[Lead]:
    """Return looks at small things that may be what is wanted: seen as it before, or doubtful.

    From afar an apple is taken for a tomato; where an apple is wanted, that is worth a look.
    """
    wanted = {label for labels in needs for label in labels if kind_of(label).graspable}
    if not wanted:
        return []
    votes = {k.object_id: k.label_scores for k in situation.memory.known()}
    found = []
    for thing in situation.belief.things.values():
        name = thing.object_id
        if not thing.kind.graspable or thing.held or thing.label in wanted:
            continue
        if name in log.inspected or name in log.unreachable or situation.belief.shut_in(thing):
            continue
        seen_as = sum(s for label, s in votes.get(name, {}).items() if fold(label) in wanted)
        sure = thing.confidence  # That it is there at all, and that it is what its label says.
        doubt = _MISTAKEN * sure * (1 - sure) if sure < SURE else 0.0
        if (chance := max(seen_as, doubt)) <= 0:
            continue
        stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
        if stands:
            value = chance / (stands[0].cost + _FIXED_PRICE)
            found.append(Lead(kind="thing", value=value, target=name, at=thing.label))
    return found


def _receptacle_lead(thing: Thing, chance: float, pilot: Pilot, *, thorough: bool) -> Lead | None:
    stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
    if not stands:
        return None
    closed = thing.kind.openable and thing.state("open") is not True
    price = stands[0].cost + _FIXED_PRICE + closed * _OPENING_PRICE
    kind = "container" if closed else "surface"
    return Lead(
        kind=kind, value=chance / price, target=thing.object_id, at=thing.label, thorough=thorough
    )


def chance_of(
    thing: Thing,
    kept: Mapping[str, Mapping[str, float]],
    log: SearchLog,
    since: float,
    born: float,
    count: int,
    hints: Hints = NO_HINTS,
) -> float:
    """Return the chance that a closer look at a receptacle shows one of some kinds of things.

    Where the household was seen to keep them counts first; the rest of the belief goes by where
    such things usually are, which counts as so many looks beside those of past episodes.

    Args:
        thing: The receptacle.
        kept: For each kind, the chance of each receptacle id by the household's habits.
        log: What was looked at.
        since: Older looks do not count [s].
        born: When memory first saw the receptacle [s].
        count: Receptacles of this label.
        hints: What past episodes showed of where things are found.
    """
    nearest = log.nearest(thing, since, born)
    best = 0.0
    for label, habit in kept.items():
        weight = prior(label, thing.label)
        if kind_of(label).usual and kind_of(label).fixture:
            weight = kind_of(label).usual.get(thing.label, 0.0)  # Nobody moves furniture.
        doubt = max(0.0, 1.0 - sum(habit.values()))
        chance = habit.get(thing.object_id, 0.0) + doubt * weight / count
        from_here = kind_of(label).recognised_from
        if nearest <= _NEAR:
            missed = 0.0
        elif nearest <= from_here:
            looked_for = max(chance * count, hints.look(label, thing.label).hits)
            missed = _OVERLOOKED if looked_for > _WORTH_A_SECOND_LOOK else 0.0
        else:
            missed = float(np.clip((nearest - from_here) / 3, 0.2, 1.0))
        rate = hints.look(label, thing.label)
        best = max(best, rate.blended(chance, _CASES_PLACE) * missed)
    return best


def _gap(point: Float[np.ndarray, "2"], box: Float[np.ndarray, "2 3"]) -> float:
    """Return the horizontal distance from a point to a box [m]."""
    nearest = np.clip(point, box[0, :2], box[1, :2])
    return float(np.linalg.norm(point - nearest))


def in_words(needs: Sequence[frozenset[str]]) -> str:
    """Return what is looked for, in words."""
    return ", ".join(" or ".join(sorted(labels)) for labels in needs) or "nothing"
