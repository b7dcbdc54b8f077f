"""Where to look for what is not known yet.

Candidates are the borders of what has been seen, containers not looked into, and surfaces not seen
from near enough. Each has a chance of showing the thing, from where such things usually are, and a
price, the way there; the best ratio goes first. What was looked at is remembered, and forgotten
again for things that have been moved since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from embodied_mem.goals import fold
from embodied_mem.memory import Memory
from embodied_mem.memory.episodes import FRONTIER
from embodied_mem.memory.experience import Hints
from planners.affordances import DOORS, kind_of, prior, room_match
from planners.behaviour import Situation
from planners.belief import SURE, Thing
from planners.lattice import Node
from planners.likeness import LEAST_OVERLOOKED, alike, in_place, overlooked, real
from planners.navigation import standpoints
from planners.pilot import Pilot
from planners.unseen import gain, open_borders, unseen_beyond

_FRONTIER_CHANCE = 0.6
"""Chance that a large unseen part of the house shows the thing."""
_DOOR_CHANCE = 0.8
"""Chance that a closed door leads to the thing, if it opens. Whether it does, those tell that were
tried before; before that it is as likely as not (Laplace's rule of succession)."""
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
_WORTH_A_SECOND_LOOK = 0.02
"""Least weight of a usual place for looking again from nearer."""
_NEAR = 1.5
"""A surface looked at from here has been searched [m]."""
_LOOKS = 16
"""Looks kept for a receptacle, beside the nearest."""
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
    doors: set[str] = field(default_factory=set)
    """Doors that opened."""
    refused: set[str] = field(default_factory=set)
    """Doors that did not open when they were tried: doorways may have none."""
    visited: list[Float[np.ndarray, "2"]] = field(default_factory=list)
    """Frontiers gone to [m]."""
    inspected: set[str] = field(default_factory=set)
    """Things of doubtful label that were looked at from near."""
    overlooked: float = LEAST_OVERLOOKED
    """Chance that what lies in plain view was overlooked."""

    def note(self, situation: Situation) -> None:
        """Note the receptacles that are in view; closed containers show nothing."""
        self.overlooked = overlooked(situation.belief)
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
    enough = _enough(situation, log)
    found = []
    for point in open_borders(memory.occupancy):
        if any(np.linalg.norm(point - other) < 0.3 for other in log.visited):
            continue
        area = gain(memory, point)
        if area < _LEAST_GAIN:
            continue
        box = np.stack((point, point))
        stands = standpoints(ground, costs, box, pilot.config, reach=0.75)
        if not stands:
            continue
        chance = _FRONTIER_CHANCE * min(1.0, area / enough)
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


def _enough(situation: Situation, log: SearchLog) -> float:
    """Return the unseen area that is worth as much as a large unseen part of the house [m2].

    Where much was seen and much of that overlooked, a corner that was not seen counts little.
    """
    return max(_FULL_GAIN, log.overlooked * situation.memory.occupancy.seen_area)


def _promise(at: str, needs: Sequence[frozenset[str]], hints: Hints) -> float:
    """Return how much more often than usual unseen space showed what is needed."""
    rates = [hints.look(label, at) for labels in needs for label in labels]
    known = [rate.blended(_USUAL_SHOWN, _CASES_SPACE) for rate in rates if rate.cases]
    return max(known) / _USUAL_SHOWN if known else 1.0


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
    """Return the closed doors that were not tried, and beyond which not all was seen."""
    enough = _enough(situation, log)
    opens = (1 + len(log.doors)) / (2 + len(log.doors) + len(log.refused))
    found = []
    for thing in situation.belief.things.values():
        tried = thing.object_id in log.doors | log.refused | log.unreachable.keys()
        if thing.label not in DOORS or tried or thing.attributes.get("open") is not False:
            continue
        if "open" not in situation.memory.get(thing.object_id).settled:
            continue
        if (unseen := unseen_beyond(situation.memory, thing)) < _LEAST_GAIN:
            continue
        stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
        if stands:
            chance = _DOOR_CHANCE * opens * real(thing) * min(1.0, unseen / enough)
            value = chance / (stands[0].cost + _FIXED_PRICE + _OPENING_PRICE)
            found.append(Lead(kind="door", value=value, target=thing.object_id, at=thing.label))
    return found


def _receptacles(
    situation: Situation,
    pilot: Pilot,
    log: SearchLog,
    needs: Sequence[frozenset[str]],
    hints: Hints,
) -> list[Lead]:
    belief = situation.belief
    counts: dict[str, float] = {}
    for thing in belief.things.values():  # What may not be there shares nothing with the others.
        counts[thing.label] = counts.get(thing.label, 0.0) + real(thing)
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
                    max(round(counts[thing.label]), 1),
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
        doubt *= alike(thing, wanted) * in_place(thing, wanted, situation.belief)
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
    value = real(thing) * chance / price  # What may not be there holds nothing.
    return Lead(kind=kind, value=value, target=thing.object_id, at=thing.label, thorough=thorough)


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
        count: Receptacles of this label; those that may not be there count less.
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
        if nearest <= _NEAR:  # In passing, unless it was looked over on purpose.
            missed = log.overlooked - LEAST_OVERLOOKED if nearest > 0 else 0.0
        elif nearest <= from_here:
            looked_for = max(chance * count, hints.look(label, thing.label).hits)
            missed = log.overlooked if looked_for > _WORTH_A_SECOND_LOOK else 0.0
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
