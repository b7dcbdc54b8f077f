"""What the planner takes to be true: memory, and what its own actions must have done since.

Some effects of actions are not seen: an apple turns cold behind the closed door of a fridge. Such
an effect is assumed until memory sees the object again and knows better.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from embodied_mem.goals import Atom, Goal, Progress, Term, best_binding, fold
from embodied_mem.memory import Known, Memory
from embodied_mem.types import AttributeValue
from planners.affordances import Kind, is_piece, kind_of, whole

_GUESSES: Mapping[str, AttributeValue] = {
    "open": False, "on": False, "sliced": False, "cooked": False, "broken": False,
    "filled": False, "temperature": "RoomTemp",
}  # fmt: skip
"""What an unobserved state is taken for."""

STATE_KEYS: Mapping[str, str] = {
    "clean": "dirty", "dirty": "dirty", "sliced": "sliced", "cooked": "cooked", "broken": "broken",
    "filled": "filled", "empty": "filled", "hot": "temperature", "cold": "temperature",
    "open": "open", "closed": "open", "on": "on", "off": "on",
}  # fmt: skip
"""The attribute that each condition on a state reads."""

_RARE = frozenset(("filled", "cooked"))
"""States that things seldom are in before the agent sees to it. What only looks so is mostly not:
the segmenter calls 3 of 100 empty vessels filled, and 30 of 100 full ones."""

SURE = 0.9
"""Things of less confidence may not exist, or be something else."""

BELIEVED = 0.5
"""Things of less confidence meet no condition."""

_DIVIDED = 1 / 3
"""Share of the sightings that is enough to take a thing for what is wanted."""

_REFUSED = 0.8
"""Confidence left to what does not open, though such things do: the hand may have missed it."""

_AJAR = 0.7
"""Share of what looks like a fridge or cupboard left open that is one: people close them."""

_APART = 0.3
"""A thing this far from what it was put on was moved [m]."""


_CRUMBS = 0.6
"""Slices lie this near to where they were cut [m]."""

BASIN = "basin"
"""How the label of a basin ends: what lies in a `sinkbasin` is in the `sink`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """An effect of an own action that was not seen."""

    key: str
    """An attribute, or `parent` for what the object was put on or in."""
    value: AttributeValue
    stamp: float
    """When it was brought about [s]."""


@dataclass(slots=True)
class Assumptions:
    """Effects taken for granted, per object, and what refused to be what it is taken for."""

    entries: dict[str, dict[str, Assumption]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    """How often an object was no such thing when it was acted on."""
    taken: dict[str, str] = field(default_factory=dict)
    """What objects are tried as, which were mostly taken for something else: folded labels."""

    def add(self, object_id: str, key: str, value: AttributeValue, stamp: float) -> None:
        """Take an effect for granted from `stamp` [s] on."""
        self.entries.setdefault(object_id, {})[key] = Assumption(key=key, value=value, stamp=stamp)

    def drop(self, object_id: str, key: str) -> None:
        """Stop taking an effect for granted."""
        self.entries.get(object_id, {}).pop(key, None)

    def attributes(self, known: Known) -> dict[str, AttributeValue]:
        """Return the states of an object; what was seen after an assumption overrules it."""
        states = dict(known.attributes)
        for key in _RARE & known.doubtful:
            if states.get(key) is True:
                del states[key]
        for assumption in self.entries.get(known.object_id, {}).values():
            seen_since = known.last_seen > assumption.stamp and assumption.key in states
            if assumption.key != "parent" and not seen_since:
                states[assumption.key] = assumption.value
        return states

    def parent(self, known: Known) -> str | None:
        """Return what an object is on or in, as far as is known."""
        assumed = self.entries.get(known.object_id, {}).get("parent")
        if assumed is not None and known.status != "held":
            return str(assumed.value)
        return known.placement.parent if known.placement is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object as the planner believes it to be."""

    object_id: str
    label: str
    """Type in the form of goals."""
    kind: Kind
    box: Float[np.ndarray, "2 3"]
    """Lowest and highest corner in the world [m]."""
    attributes: Mapping[str, AttributeValue]
    parent: str | None
    """What it is on or in."""
    status: str
    last_seen: float
    """[s]"""
    confidence: float = 1.0
    """How sure it is that it is there, and what its label says, 0..1."""

    @property
    def held(self) -> bool:
        """Whether it is in the hand."""
        return self.status == "held"

    @property
    def swings(self) -> bool:
        """Whether its door, when open, may be in the body's way: fridges, not wall cabinets."""
        on_floor = bool(self.box[0, 2] < 0.4)
        return self.kind.container and self.kind.fixture and on_floor

    @property
    def center(self) -> Float[np.ndarray, "3"]:
        """Middle of its box [m]."""
        return self.box.mean(axis=0)

    def state(self, key: str) -> AttributeValue | None:
        """Return a state; what was never observed is guessed, None where there is no guess."""
        value = self.attributes.get(key, _GUESSES.get(key))
        if key == "sliced" and is_piece(self.label):
            return True
        if key == "dirty" and value is None:
            return None if self.kind.dirtyable else False
        return value


@dataclass(slots=True)
class Belief:
    """All things believed to exist, by id."""

    things: dict[str, Thing]
    held: str | None
    """What is in the hand."""
    stamp: float
    """Time of the newest percept [s]."""

    @classmethod
    def of(
        cls, memory: Memory, assumptions: Assumptions, sought: Set[str] = frozenset()
    ) -> "Belief":
        """Take stock of a memory; objects that are gone are left out.

        What was cut stays in the belief, in place of its slices, until these are seen.

        Args:
            memory: What was seen.
            assumptions: What was done since.
            sought: Folded labels that are spoken of: where sightings are divided, one of these
                is believed, with so much less confidence.
        """
        things = {
            known.object_id: _thing(known, assumptions, sought)
            for known in memory.known()
            if (known.status != "gone" or known.attributes.get("sliced") is True)
            and (known.status == "held" or np.isfinite(known.box).all())
        }
        _drop_refuted_parents(things, memory)
        held = memory.held
        return cls(things, held.object_id if held is not None else None, memory.stamp)

    def candidates(self, label: str) -> list[Thing]:
        """Return the things that a goal's label may mean: of that type, cut from it, its basin."""
        folded = fold(label)
        found = [
            t
            for t in self.things.values()
            if folded in {t.label, whole(t.label), t.label.removesuffix(BASIN)}
            and not self._is_unlikely(t)
        ]
        cut = {whole(t.label) for t in found if is_piece(t.label)}
        return [t for t in found if t.attributes.get("sliced") is not True or t.label not in cut]

    def _is_unlikely(self, thing: Thing) -> bool:
        """Tell whether a thing is said to be a slice, but for no good reason.

        Slices are rare where nothing was cut: what is taken for one is mostly something else. They
        lie where it was cut; once carried off they are sure.
        """
        if not is_piece(thing.label) or thing.held or thing.confidence >= SURE:
            return False
        return not any(
            other.label == whole(thing.label)
            and other.attributes.get("sliced") is True
            and float(np.linalg.norm(other.center - thing.center)) < _CRUMBS
            for other in self.things.values()
        )

    def location(self, thing: Thing) -> Thing:
        """Return the fixture that a thing is on or in, through trays and boxes, or itself."""
        seen = {thing.object_id}
        while thing.parent in self.things and thing.parent not in seen and not thing.kind.fixture:
            thing = self.things[thing.parent]
            seen.add(thing.object_id)
        return thing

    def shut_in(self, thing: Thing) -> bool:
        """Tell whether a thing is inside of something that is closed."""
        carrier = self.things.get(thing.parent) if thing.parent is not None else None
        seen = {thing.object_id}
        while carrier is not None and carrier.object_id not in seen:
            if carrier.kind.container and carrier.state("open") is not True:
                return True
            seen.add(carrier.object_id)
            carrier = self.things.get(carrier.parent) if carrier.parent is not None else None
        return False

    def holds(self, atom: Atom, ids: Sequence[str]) -> bool:
        """Tell whether a condition is believed to be true of these objects.

        Nothing is of what may well not exist, or be something else.
        """
        things = [self.things[object_id] for object_id in ids]
        if any(thing.confidence < BELIEVED and not thing.held for thing in things):
            return False
        if len(things) == 2:
            return self._is_on(things[0], things[1].object_id)
        return _has_state(things[0], atom.predicate, self)

    def _is_on(self, thing: Thing, receptacle: str) -> bool:
        if thing.held or thing.parent is None:
            return False
        carrier = self.things.get(thing.parent)
        if thing.parent == receptacle or self._is_basin_of(carrier, receptacle):
            return True
        return carrier is not None and carrier.kind.graspable and carrier.parent == receptacle

    def _is_basin_of(self, carrier: Thing | None, receptacle: str) -> bool:
        """Tell whether one of two things is a sink and the other its basin."""
        other = self.things.get(receptacle)
        if carrier is None or other is None or carrier.label == other.label:
            return False
        same = carrier.label.removesuffix(BASIN) == other.label.removesuffix(BASIN)
        return same and float(np.linalg.norm(carrier.center[:2] - other.center[:2])) < _APART

    def bind(
        self, goal: Goal, order: Mapping[Term, Sequence[str]]
    ) -> tuple[dict[Term, str], Progress]:
        """Choose the objects that the goal's terms stand for: most conditions met, first in order.

        Args:
            goal: What is asked for.
            order: Ids that each term may stand for, the preferred ones first.
        """
        return best_binding(goal, order, self.holds)


def _thing(known: Known, assumptions: Assumptions, sought: Set[str]) -> Thing:
    label, share = _label(known, sought)
    if (tried := assumptions.taken.get(known.object_id)) is not None:
        label, share = tried, 1.0
    return Thing(
        object_id=known.object_id,
        label=label,
        kind=kind_of(label),
        box=known.box,
        attributes=assumptions.attributes(known),
        parent=assumptions.parent(known),
        status=known.status,
        last_seen=known.last_seen,
        confidence=_confidence(known, label, assumptions) * share if tried is None else BELIEVED,
    )


def _confidence(known: Known, label: str, assumptions: Assumptions) -> float:
    """Return how sure it is that an object is there, and what it is taken for.

    Few refusals do not shake what was sure before.
    """
    confidence = known.confidence * (_AJAR if _seems_ajar(known, label) else 1.0)
    left = confidence * _REFUSED ** assumptions.refusals.get(known.object_id, 0)
    return left if left < BELIEVED else confidence


def _seems_ajar(known: Known, label: str) -> bool:
    """Tell whether something is said to stand open, but only by images that may be misread."""
    return (
        kind_of(label).container
        and kind_of(label).fixture
        and known.attributes.get("open") is True
        and "open" in known.doubtful
    )


def _label(known: Known, sought: Set[str]) -> tuple[str, float]:
    """Return what a thing is taken for, and how many sightings say so for each of the most."""
    label, most = fold(known.label), max(known.label_scores.values(), default=1.0)
    if label in sought:
        return label, 1.0
    divided = [
        (score / most, fold(name))
        for name, score in known.label_scores.items()
        if score >= _DIVIDED and fold(name) in sought
    ]
    share, other = max(divided, default=(1.0, label))
    return other, min(share, 1.0)


def _drop_refuted_parents(things: dict[str, Thing], memory: Memory) -> None:
    """Believe memory where a thing is seen apart from what it was put on."""
    for name, thing in things.items():
        carrier = things.get(thing.parent) if thing.parent is not None else None
        if carrier is None or carrier.held or thing.held:
            continue
        apart = np.maximum(thing.box[0] - carrier.box[1], carrier.box[0] - thing.box[1])
        if apart.max() > _APART:
            placement = memory.get(name).placement
            seen = placement.parent if placement is not None else None
            things[name] = replace(thing, parent=seen if seen != thing.parent else None)


def _has_state(thing: Thing, predicate: str, belief: Belief) -> bool:  # noqa: PLR0911
    match predicate:
        case "clean":
            return thing.state("dirty") is False
        case "dirty" | "sliced" | "cooked" | "broken" | "filled":
            return thing.state(predicate) is True
        case "hot" | "cold":
            return thing.state("temperature") == predicate.capitalize()
        case "empty":
            contents = any(t.parent == thing.object_id for t in belief.things.values())
            return thing.state("filled") is False if thing.kind.fillable else not contents
        case "open" | "closed":
            return thing.kind.openable and thing.state("open") == (predicate == "open")
        case "on" | "off":
            return thing.kind.toggleable and thing.state("on") == (predicate == "on")
        case "held":
            return thing.object_id == belief.held
        case _:
            raise AssertionError(predicate)
