"""From a goal and a belief to a planning problem over the few things that matter.

Which objects a goal means is decided here (`choose`), which tools are still to be found
(`missing`), and what the planner is told (`ground`).
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from embodied_mem.goals import Atom, Goal, Progress, Term
from planners import affordances
from planners.affordances import fits
from planners.belief import SURE, Belief, Thing
from planners.symbolic import Fact, PlanStep, Problem

_TOOLS: Mapping[str, tuple[frozenset[str], ...]] = {
    "clean": (affordances.SINKS, affordances.FAUCETS),
    "filled": (affordances.SINKS, affordances.FAUCETS),
    "hot": (affordances.MICROWAVES,),
    "cooked": (affordances.MICROWAVES,),
    "cold": (affordances.FRIDGES,),
    "sliced": (affordances.KNIVES,),
}
"""Labels of the tools that bring about a state, one of each set."""

_GOALS: Mapping[str, tuple[str, bool]] = {
    "clean": ("clean", True), "dirty": ("dirty", True), "sliced": ("sliced", True),
    "cooked": ("cooked", True), "hot": ("hot", True), "cold": ("cold", True),
    "filled": ("filled", True), "empty": ("filled", False), "broken": ("broken", True),
    "open": ("accessible", True), "closed": ("accessible", False), "on": ("running", True),
    "off": ("running", False), "held": ("held", True),
}  # fmt: skip
"""The fact that each state predicate asks for, and its value."""

_STEPS_PER_METRE = 4.0
_SURFACES_TO_PUT_DOWN = 2
_DOUBT = 15.0
"""Way that is gone to a thing that is sure rather than to one that is not there at all [m]."""
_DOUBTFUL_TOOL = 30.0
"""The same for tools: where none is, a thing was carried there in vain [m]."""
_RIM = 1.0
"""A sink's basin is meant rather than its rim, if it is not farther by more than this [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a goal's terms stand for."""

    binding: Mapping[Term, str]
    """Object id of each term that has one."""
    progress: Progress
    unmet: tuple[Atom, ...]
    """Conditions not believed to hold."""
    unbound: tuple[Term, ...]
    """Terms for which nothing is known yet."""


def choose(
    goal: Goal,
    belief: Belief,
    distance: Callable[[Thing], float],
    excluded: frozenset[str] = frozenset(),
    barred: Mapping[Term, frozenset[str]] | None = None,
) -> Choice:
    """Choose the objects that a goal's terms stand for: most conditions met, then the nearest.

    Args:
        goal: What is asked for.
        belief: What is known.
        distance: How far a thing is [m].
        excluded: Ids that proved to be of no use; they only count where all asked of them holds.
        barred: Ids that certain terms do not stand for.
    """
    order = {term: _ordered(term, goal, belief, distance, barred or {}) for term in goal.terms()}
    binding, progress = belief.bind(goal, order)
    if excluded and not progress.complete:
        useful = {binding[t] for t in binding if _helps(t, goal, binding, belief)}
        useless = excluded - useful
        order = {term: [i for i in ids if i not in useless] for term, ids in order.items()}
        binding, progress = belief.bind(goal, order)
    unmet = tuple(
        atom
        for atom in goal.atoms
        if any(t not in binding for t in atom.terms)
        or not belief.holds(atom, [binding[t] for t in atom.terms])
    )
    unbound = tuple(term for term in goal.terms() if term not in binding)
    return Choice(binding=binding, progress=progress, unmet=unmet, unbound=unbound)


def _helps(term: Term, goal: Goal, binding: Mapping[Term, str], belief: Belief) -> bool:
    """Tell whether everything asked of a term already holds."""
    atoms = [atom for atom in goal.atoms if term in atom.terms]
    return all(
        all(t in binding for t in atom.terms)
        and belief.holds(atom, [binding[t] for t in atom.terms])
        for atom in atoms
    )


def _ordered(
    term: Term,
    goal: Goal,
    belief: Belief,
    distance: Callable[[Thing], float],
    barred: Mapping[Term, frozenset[str]],
) -> list[str]:
    """Return what a term may stand for, the best first, and no more than can be looked through."""
    found, not_meant = belief.candidates(term.label), barred.get(term, frozenset())
    candidates = [thing for thing in found if thing.object_id not in not_meant]
    partners = [
        other.label
        for atom in goal.atoms
        if len(atom.terms) == 2 and atom.terms[0] == term
        for other in atom.terms[1:]
    ]

    def rank(thing: Thing) -> tuple[bool, float]:
        unfit = any(not _may_be_on(thing, label) for label in partners)
        rim = thing.label in affordances.RIMS  # Things go into the basin, where there is one.
        doubt = _DOUBT * _lack(thing)
        return unfit, -100.0 if thing.held else distance(thing) + _RIM * rim + doubt

    numbers = sum(t.label == term.label for t in goal.terms())
    return [thing.object_id for thing in sorted(candidates, key=rank)[: 8 + numbers]]


def _lack(thing: Thing) -> float:
    """Return how much a thing lacks of being sure, 0..1."""
    return max(SURE - thing.confidence, 0.0)


def _may_be_on(thing: Thing, label: str) -> bool:
    return fits(thing.label, label) or not thing.kind.places


def missing(
    choice: Choice, belief: Belief, excluded: frozenset[str] = frozenset()
) -> list[frozenset[str]]:
    """Return what must still be found: for each need, the labels of which one will do.

    Args:
        choice: What the goal's terms stand for.
        belief: What is known.
        excluded: Ids that proved to be of no use.
    """
    needs = [frozenset((term.label,)) for term in choice.unbound]
    present = {t.label for t in belief.things.values() if t.object_id not in excluded}
    for atom in choice.unmet:
        for labels in _TOOLS.get(atom.predicate, ()) if len(atom.terms) == 1 else ():
            if not labels & present and labels not in needs:
                needs.append(labels)
    return needs


def ground(
    choice: Choice,
    belief: Belief,
    goal: Goal,
    here: np.ndarray,
    excluded: frozenset[str] = frozenset(),
) -> Problem:
    """State what remains to be done as a planning problem.

    Args:
        choice: What the goal's terms stand for; every term is bound.
        belief: What is known.
        goal: What is asked for.
        here: Where the body stands [m].
        excluded: Ids of tools and surfaces that proved to be of no use.
    """
    things = _relevant(choice, belief, here, excluded)
    facts: set[Fact] = {("at", HERE)}
    if belief.held is None:
        facts.add(("hand_free",))
    for thing in things.values():
        facts |= facts_of(thing, things, belief)
    facts |= pairs_of(things, useless=_no_places(choice, goal, things, excluded))
    wanted = [wanted_fact(atom, [choice.binding[t] for t in atom.terms]) for atom in choice.unmet]
    kept = [
        wanted_fact(atom, [choice.binding[t] for t in atom.terms])
        for atom in goal.atoms
        if atom not in choice.unmet
    ]
    goals = [*wanted, *(fact for fact in kept if (fact[0] in facts) == fact[1])]
    spots = {fact[2] for fact in facts if fact[0] == "located"} | {HERE}
    facts |= {("spot", spot) for spot in spots}
    return Problem(
        objects=(HERE, FLOOR, *things),
        facts=frozenset(facts),
        goals=tuple(dict.fromkeys(goals)),
        distances=_distances(spots, things, here),
    )


def _no_places(
    choice: Choice, goal: Goal, things: Mapping[str, Thing], excluded: frozenset[str]
) -> frozenset[str]:
    """Return what nothing is put on or in: what proved useless, and cups that nobody asks to fill.

    What is put down to free the hand would have to be carried along with a cup that it lies in.
    """
    asked = {choice.binding.get(atom.terms[-1], "") for atom in goal.atoms if len(atom.terms) == 2}
    loose = {name for name, thing in things.items() if thing.kind.graspable}
    return (excluded - set(choice.binding.values())) | (loose - asked)


def under_water(belief: Belief) -> dict[str, str]:
    """Return what lies in a sink below running water, and which faucet that comes from."""
    running = [
        thing
        for thing in belief.things.values()
        if thing.label in affordances.FAUCETS and thing.state("on") is True
    ]
    found = {}
    for thing in belief.things.values():
        sink = belief.things.get(thing.parent) if thing.parent is not None else None
        if sink is None or thing.held or sink.label not in affordances.SINKS:
            continue
        gaps = {tap.object_id: _gap(tap.center, sink.center) for tap in running}
        nearest = min(gaps, key=lambda name: gaps[name], default=None)
        if nearest is not None and gaps[nearest] < 1.0:
            found[thing.object_id] = nearest
    return found


def tidy(
    steps: Sequence[PlanStep], swinging: Set[str], wet: Mapping[str, str] | None = None
) -> tuple[PlanStep, ...]:
    """Do what plans leave out: a fridge's door would be in the way, running water fills a cup anew.

    Args:
        steps: A plan.
        swinging: Containers with doors that reach into the room, and shall not stay open.
        wet: What lies under running water, and the faucet that has to be turned off first.
    """
    tidied: list[PlanStep] = []
    opened: dict[str, str] = {}
    for number, step in enumerate(steps):
        if step.name == "goto":
            later = {name for other in steps[number + 1 :] if other.name != "goto"
                     for name in other.arguments}  # fmt: skip
            done_with = [name for name in opened if name not in later]
            tidied += [PlanStep("close", (name, opened.pop(name))) for name in done_with]
        elif step.name == "open" and step.arguments[0] in swinging:
            opened[step.arguments[0]] = step.arguments[1]
        elif step.name == "close":
            opened.pop(step.arguments[0], None)
        elif step.name == "empty" and step.arguments[0] in (wet or {}):
            tidied.append(PlanStep("switch_off", ((wet or {})[step.arguments[0]],) * 2))
        tidied.append(step)
    return tuple(tidied)


HERE = "here"
"""The spot where the body stands at the start."""
FLOOR = "floor"
"""What a thing lies on that lies on nothing known."""


def wanted_fact(atom: Atom, ids: Sequence[str]) -> tuple[Fact, bool]:
    """Return the fact that a condition asks for of these objects, and its value."""
    if len(ids) == 2:
        return ("lies", *ids), True
    fluent, value = _GOALS[atom.predicate]
    return (fluent, *ids), value


def _relevant(
    choice: Choice, belief: Belief, here: np.ndarray, excluded: frozenset[str]
) -> dict[str, Thing]:
    """Return the things that matter: what is spoken of, tools, and what these are on or in."""
    chosen: dict[str, Thing] = {i: belief.things[i] for i in choice.binding.values()}
    for atom in choice.unmet:
        for labels in _TOOLS.get(atom.predicate, ()) if len(atom.terms) == 1 else ():
            target = belief.things[choice.binding[atom.terms[0]]]
            chosen |= _tools(labels, target, belief, here, excluded)
    if belief.held is not None:
        chosen[belief.held] = belief.things[belief.held]
    movers = [t for t in chosen.values() if t.held or t.label in affordances.KNIVES]
    for mover in movers:
        chosen |= _surfaces_for(mover, belief, here, excluded)
    for thing in list(chosen.values()):
        while thing.parent in belief.things and thing.parent not in chosen and not thing.held:
            thing = belief.things[thing.parent]  # noqa: PLW2901 - climbing.
            chosen[thing.object_id] = thing
    return chosen


def _tools(
    labels: frozenset[str],
    target: Thing,
    belief: Belief,
    here: np.ndarray,
    excluded: frozenset[str],
) -> dict[str, Thing]:
    """Return the two best tools of a kind: those that can hold the target, near and sure ones."""
    found = [t for t in belief.things.values() if t.label in labels and t.object_id not in excluded]
    basins = [t for t in found if t.label in affordances.BASINS]

    def rank(tool: Thing) -> tuple[bool, float]:
        unfit = tool.kind.receptacle and not fits(target.label, tool.label)
        rim = tool not in basins and any(_gap(tool.center, b.center) < 0.6 for b in basins)
        way = _gap(tool.center, here) + _gap(tool.center, target.center)
        way += _DOUBTFUL_TOOL * _lack(tool)
        return unfit or (rim and tool.label in affordances.SINKS), way

    return {tool.object_id: tool for tool in sorted(found, key=rank)[:2]}


def _surfaces_for(
    mover: Thing, belief: Belief, here: np.ndarray, excluded: frozenset[str]
) -> dict[str, Thing]:
    """Return the nearest open surfaces on which a thing can be put out of the hand."""
    found = [
        t
        for t in belief.things.values()
        if t.kind.fixture
        and not t.kind.openable
        and fits(mover.label, t.label)
        and t.object_id not in excluded
    ]
    found.sort(key=lambda t: _gap(t.center, here))
    return {t.object_id: t for t in found[:_SURFACES_TO_PUT_DOWN]}


def facts_of(thing: Thing, things: Mapping[str, Thing], belief: Belief) -> set[Fact]:
    """Return what is true of one thing, among those that matter."""
    name, kind = thing.object_id, thing.kind
    facts: set[Fact] = set()
    if thing.held:
        facts.add(("held", name))
    else:
        spot = belief.location(thing).object_id
        facts.add(("located", name, spot if spot in things else name))
        if not kind.fixture:
            parent = thing.parent if thing.parent is not None and thing.parent in things else FLOOR
            facts.add(("lies", name, parent))
            facts.add(("accessible", FLOOR))
    if not kind.openable or not kind.receptacle or thing.state("open") is True:
        facts.add(("accessible", name))
    if kind.openable and not kind.receptacle and thing.state("open") is not True:
        facts.discard(("accessible", name))
    states = {
        "running": thing.state("on") is True, "clean": thing.state("dirty") is False,
        "dirty": thing.state("dirty") is True, "sliced": thing.state("sliced") is True,
        "cooked": thing.state("cooked") is True, "filled": thing.state("filled") is True,
        "hot": thing.state("temperature") == "Hot", "cold": thing.state("temperature") == "Cold",
        "broken": thing.state("broken") is True, "graspable": kind.graspable,
        "openable": kind.openable, "toggleable": kind.toggleable,
        "shuts": kind.container and kind.toggleable, "sink": thing.label in affordances.SINKS,
        "microwave": thing.label in affordances.MICROWAVES,
        "fridge": thing.label in affordances.FRIDGES, "knife": thing.label in affordances.KNIVES,
        "cuttable": kind.sliceable, "cookable": kind.cookable, "fillable": kind.fillable,
    }  # fmt: skip
    return facts | {(fluent, name) for fluent, true in states.items() if true}


def pairs_of(things: Mapping[str, Thing], useless: Set[str] = frozenset()) -> set[Fact]:
    """Return what fits where, and which faucet serves which sink.

    Args:
        things: All that matters.
        useless: What took nothing when it was tried.
    """
    facts: set[Fact] = set()
    for first in things.values():
        for second in things.values():
            if first is second or second.object_id in useless:
                continue
            if first.kind.graspable and fits(first.label, second.label):
                facts.add(("fits", first.object_id, second.object_id))
        if first.label in affordances.FAUCETS:
            sinks = [t for t in things.values() if t.label in affordances.SINKS]
            served = min(sinks, key=lambda sink: _basin_gap(first, sink), default=None)
            if served is not None and _gap(first.center, served.center) < 1.0:
                facts.add(("serves", first.object_id, served.object_id))
    return facts


def _basin_gap(faucet: Thing, sink: Thing) -> tuple[bool, float]:
    """Prefer the basin to the sink that it is set in, then the nearest."""
    return sink.label not in affordances.BASINS, _gap(faucet.center, sink.center)


def _distances(
    spots: set[str], things: Mapping[str, Thing], here: np.ndarray
) -> dict[tuple[str, str], int]:
    places = {name: here if name == HERE else things[name].center for name in sorted(spots)}
    doubts = {name: 0.0 if name == HERE else _DOUBTFUL_TOOL * _lack(things[name]) for name in spots}
    return {
        (a, b): 1 + round(_STEPS_PER_METRE * (_gap(places[a], places[b]) + doubts[b]))
        for a in places
        for b in places
        if a != b
    }


def _gap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the horizontal distance of two points [m]."""
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
