"""A plan gone through in the mind: what holds before and after each skill call.

The rules are those of the symbolic planner (`symbolic.SCHEMAS`), over what is believed of the
things at hand; a condition that fails becomes a sentence that says what to do about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from embodied_mem.goals import Atom
from planners import affordances
from planners.affordances import fits
from planners.grounding import FLOOR, facts_of, pairs_of, wanted_fact
from planners.plan_reply import SkillCall
from planners.referents import Names, show
from planners.symbolic import SCHEMAS, Fact, PlanStep, Schema

_SCHEMAS: Mapping[str, Schema] = {schema.name: schema for schema in SCHEMAS}

STEPS: Mapping[str, str] = {
    "pickup": "pickup", "put": "put", "open": "open", "close": "close", "turn_on": "switch_on",
    "turn_off": "switch_off", "slice": "slice", "wash": "wash", "fill": "fill", "heat": "heat",
    "cook": "cook", "chill": "chill", "empty": "empty", "break": "break", "soil": "soil",
}  # fmt: skip
"""The planner's action for each skill that changes something; `find` and `goto` change nothing."""

_PROBLEMS: Mapping[str, str] = {
    "located": "{0} is in the hand; put it somewhere first",
    "lies": "{0} is not on or in {1}",
    "graspable": "{0} cannot be picked up",
    "accessible": "{0} is closed: open it first",
    "not accessible": "{0} is open: close it first",
    "hand_free": "the hand already holds {held}: put it somewhere first",
    "held": "{0} is not in the hand: pick it up first",
    "fits": "{0} cannot be put on or in {1}",
    "openable": "{0} cannot be opened or closed",
    "toggleable": "{0} cannot be turned on or off",
    "running": "{0} is not on",
    "not running": "{0} is on: turn it off first",
    "knife": "a knife must be in the hand",
    "cuttable": "{0} cannot be sliced",
    "cookable": "{0} cannot be cooked",
    "fillable": "{0} cannot be filled",
    "filled": "there is nothing in {0} to empty",
    "sink": "{1} must be in a sink",
    "microwave": "{1} must be in a microwave",
    "fridge": "{1} must be in a fridge",
    "clean": "{0} is not known to be clean",
}
"""What is wrong where a condition does not hold, by its name."""


class StepError(ValueError):
    """A step cannot be done there; the message is for the model."""


@dataclass(slots=True)
class Rehearsal:
    """What would hold now, if the plan's steps up to here had been carried out."""

    names: Names
    facts: set[Fact] = field(init=False)

    def __post_init__(self) -> None:
        belief = self.names.belief
        things = belief.things
        self.facts = {("hand_free",)} if belief.held is None else set()
        for thing in things.values():
            self.facts |= facts_of(thing, things, belief)
        water = affordances.SINKS | affordances.FAUCETS
        self.facts |= pairs_of({i: t for i, t in things.items() if t.label in water})

    def suppose(self, name: str) -> str:
        """Take a thing for found, somewhere in the open, and return its made-up id."""
        made_up = self.names.suppose(name)
        thing = self.names.thing(made_up)
        self.facts |= facts_of(thing, {made_up: thing}, self.names.belief)
        for other in (*self.names.belief.things.values(), *self.names.supposed.values()):
            for faucet, sink in ((thing, other), (other, thing)):
                if faucet.label in affordances.FAUCETS and sink.label in affordances.SINKS:
                    self.facts.add(("serves", faucet.object_id, sink.object_id))
        return made_up

    def step(self, call: SkillCall, subject: str, place: str) -> PlanStep:  # noqa: PLR0911
        """Return the planner's action that a call means now.

        Args:
            call: What the model asked for.
            subject: Id of the call's object.
            place: Id of its place, for `put`.

        Raises:
            StepError: There is none: something that it needs is not there.
        """
        spot = self._second("located", subject) or subject
        match call.skill:
            case "pickup":
                if ("held", subject) in self.facts:
                    raise StepError(f"{show(subject)} is in the hand already")
                if ("graspable", subject) not in self.facts:
                    raise StepError(f"{show(subject)} cannot be picked up")
                return PlanStep("pickup", (subject, self._second("lies", subject) or FLOOR, spot))
            case "put":
                if not place:
                    raise StepError("`put` needs a `place`")
                if fits(self.names.thing(subject).label, self.names.thing(place).label):
                    self.facts.add(("fits", subject, place))
                return PlanStep("put", (subject, place, self._second("located", place) or place))
            case "turn_on":
                shuts = ("shuts", subject) in self.facts
                return PlanStep("start" if shuts else "switch_on", (subject, spot))
            case "slice":
                knife = self._held()
                if knife is None:
                    raise StepError("a knife must be in the hand: pick one up first")
                return PlanStep("slice", (subject, knife, spot))
            case "wash" | "fill":
                return PlanStep(call.skill, (subject, *self._water(subject)))
            case "heat" | "cook" | "chill":
                return PlanStep(call.skill, (subject, self._second("lies", subject) or FLOOR))
            case _:
                return PlanStep(STEPS[call.skill], (subject, spot))

    def problem(self, step: PlanStep) -> str:
        """Return why an action cannot be done now, in a few words; empty where it can."""
        for literal in _SCHEMAS[step.name].conditions:
            name, arguments, wanted = self._fact(literal, step)
            if name in ("at", "spot") or ((name, *arguments) in self.facts) == wanted:
                continue
            words = [show(argument) for argument in arguments]
            words += [show(step.arguments[0])] * (2 - len(words))
            sentence = _PROBLEMS[name if wanted else f"not {name}"]
            return sentence.format(*words, held=show(self._held() or "something"))
        return ""

    def is_reached(self, step: PlanStep) -> bool:
        """Tell whether everything that an action brings about holds already."""
        return all(
            ((name, *arguments) in self.facts) == wanted
            for name, arguments, wanted in self.effects(step)
        )

    def apply(self, step: PlanStep) -> None:
        """Take an action for done."""
        for name, arguments, wanted in self.effects(step):
            if wanted:
                self.facts.add((name, *arguments))
            else:
                self.facts.discard((name, *arguments))

    def conditions(self, step: PlanStep) -> list[tuple[Fact, bool]]:
        """Return what an action needs."""
        found = [self._fact(literal, step) for literal in _SCHEMAS[step.name].conditions]
        return [((name, *arguments), wanted) for name, arguments, wanted in found if name != "at"]

    def effects(self, step: PlanStep) -> list[tuple[str, tuple[str, ...], bool]]:
        """Return what an action brings about."""
        return [self._fact(literal, step) for literal in _SCHEMAS[step.name].effects]

    def holds(self, atom: Atom, ids: tuple[str, ...]) -> bool:
        """Tell whether a goal's condition holds of these objects."""
        if len(ids) == 2:
            below = self._second("lies", ids[0])
            carried = below is not None and ("graspable", below) in self.facts
            return below == ids[1] or (carried and ("lies", below, ids[1]) in self.facts)
        if atom.predicate == "empty" and ("fillable", *ids) not in self.facts:
            return not any(name == "lies" and rest[1] == ids[0] for name, *rest in self.facts)
        needs = {"open": "openable", "closed": "openable", "on": "toggleable", "off": "toggleable"}
        need = needs.get(atom.predicate)
        fact, value = wanted_fact(atom, ids)
        return (fact in self.facts) == value and (need is None or (need, *ids) in self.facts)

    def _fact(self, literal: str, step: PlanStep) -> tuple[str, tuple[str, ...], bool]:
        negative = literal.startswith("not ")
        name, *parameters = literal.removeprefix("not ").split()
        bound = dict(zip(_SCHEMAS[step.name].parameters, step.arguments, strict=True))
        return name, tuple(bound[parameter] for parameter in parameters), not negative

    def _second(self, name: str, first: str) -> str | None:
        found = sorted(fact[2] for fact in self.facts if fact[:2] == (name, first))
        return found[0] if found else None

    def _held(self) -> str | None:
        return min((fact[1] for fact in self.facts if fact[0] == "held"), default=None)

    def _water(self, subject: str) -> tuple[str, str]:
        """Return the sink that a thing lies in, and its faucet."""
        sink = self._second("lies", subject)
        if sink is None or ("sink", sink) not in self.facts:
            raise StepError(f"{show(subject)} must be in a sink: put it there first")
        taps = sorted(f[1] for f in self.facts if f[0] == "serves" and f[2] == sink)
        if not taps:
            raise StepError(f"no faucet is known at {show(sink)}: find(faucet) comes first")
        return sink, taps[0]
