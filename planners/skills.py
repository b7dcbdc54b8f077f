"""Plan steps and leads as behaviour trees: go there, look at it, do it, know what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from py_trees.behaviour import Behaviour

from embodied_mem.interfaces import Decision
from embodied_mem.memory import Known
from embodied_mem.types import PASS, Attributes, AttributeValue
from planners.affordances import kind_of
from planners.behaviour import Routine, Situation, Skill, in_order, insist
from planners.body import turn
from planners.hands import SHUT, Hands
from planners.navigation import standpoints
from planners.pilot import Pilot
from planners.search import Lead, SearchLog
from planners.symbolic import PlanStep

_SECOND_LOOKS = 2
"""More places from which one looks into what should hold the thing."""
_ATTEMPTS = 3
"""Times that a plan step is tried, each from other places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a plan step is carried out."""

    action: str
    """AI2-THOR's action; empty where nothing needs to be done."""
    target: int
    """Which argument of the step it points at."""
    level: bool = False
    """Whether it points at a level part."""
    effects: Mapping[str, AttributeValue] | None = None
    """Attributes taken for granted afterwards, of the first argument."""


_MANNERS: Mapping[str, Manner] = {
    "pickup": Manner(action="PickupObject", target=0),
    "put": Manner(action="PutObject", target=1, level=True),
    "open": Manner(action="OpenObject", target=0, effects={"open": True}),
    "close": Manner(action="CloseObject", target=0, effects={"open": False}),
    "switch_on": Manner(action="ToggleObjectOn", target=0, effects={"on": True}),
    "start": Manner(action="ToggleObjectOn", target=0, effects={"on": True}),
    "switch_off": Manner(action="ToggleObjectOff", target=0, effects={"on": False}),
    "wash": Manner(action="ToggleObjectOn", target=2, effects={"dirty": False}),
    "fill": Manner(action="ToggleObjectOn", target=2, effects={"filled": True}),
    "heat": Manner(action="ToggleObjectOn", target=1, effects={"temperature": "Hot"}),
    "cook": Manner(
        action="ToggleObjectOn", target=1, effects={"temperature": "Hot", "cooked": True}
    ),
    "fry": Manner(
        action="ToggleObjectOn", target=3, effects={"temperature": "Hot", "cooked": True}
    ),
    "chill": Manner(action="", target=1, effects={"temperature": "Cold"}),
    "slice": Manner(action="SliceObject", target=0, effects={"sliced": True}),
    "empty": Manner(action="EmptyLiquidFromObject", target=0, effects={"filled": False}),
    "break": Manner(action="BreakObject", target=0, effects={"broken": True}),
    "soil": Manner(action="DirtyObject", target=0, effects={"dirty": True}),
}

_RUNS = frozenset(("wash", "fill", "heat", "cook", "fry"))
"""Steps that leave their appliance running."""

_NEVER = "is not an Openable"
"""What a refusal says when something never opens."""

_DOOR_POSES = 2
"""Places from which a door is looked for that may be none."""

_ENOUGH = ("already open", "already closed", "already on!", "already off!")
"""What a refusal says when what was asked for was so before."""


@dataclass(slots=True)
class Skills:
    """Makes the trees that carry out plan steps and follow leads."""

    situation: Situation
    pilot: Pilot
    hands: Hands
    log: SearchLog
    close_after_search: bool = True
    current: PlanStep | None = None
    """The plan step at work, or the last one that was."""
    done: dict[str, set[str]] = field(default_factory=dict)
    """What was done for the goal: which states of which things were taken for granted since."""

    def begin(self, *, again: bool) -> list[str]:
        """Make ready for a goal.

        Args:
            again: Whether what was done for the last one is doubted.

        Returns:
            What was then handled, and is to be looked at.
        """
        if not again:
            self.hands.forget()
            self.done.clear()
            return []
        self.hands.doubt()
        memory, assumptions = self.situation.memory, self.situation.assumptions
        for name, states in self.done.items():
            assumptions.entries.pop(name, None)
            if name in memory.objects.entries:
                memory.doubt(name, states)
        known = [name for name in self.done if name in memory.objects.entries]
        return [name for name in known if kind_of(memory.objects[name].label).graspable]

    def carry_out(self, step: PlanStep) -> Behaviour:
        """Return the tree of one plan step."""
        name = self.describe(step)
        if step.name == "goto" or step.name not in _MANNERS:
            return Skill(name, self.situation, _nothing)
        manner = _MANNERS[step.name]
        if not manner.action:
            return Skill(name, self.situation, lambda: self._conclude(step, manner))
        return insist(
            name,
            in_order(
                name,
                [
                    Skill(f"reach {name}", self.situation, lambda: self._reach(step, manner)),
                    Skill(name, self.situation, lambda: self._do(step, manner, name)),
                ],
            ),
            1 if step.name == "close" else _ATTEMPTS,  # What seems to be open may not be.
        )

    def describe(self, step: PlanStep) -> str:
        """Return a plan step in words, e.g. `pickup apple countertop`."""
        things = self.situation.belief.things
        words = [things[a].label if a in things else a for a in step.arguments]
        shown = dict.fromkeys(words if step.name != "goto" else words[1:])
        return " ".join((step.name, *shown))

    def _reach(self, step: PlanStep, manner: Manner) -> Routine:
        self.current = step
        if step.arguments[manner.target] in self.hands.hopeless:
            return _fail()
        swing = manner.action in {"OpenObject", "CloseObject"}
        return self.hands.reach(step.arguments[manner.target], level=manner.level, swing=swing)

    def _do(self, step: PlanStep, manner: Manner, reason: str) -> Routine:
        target = step.arguments[manner.target]
        act = (manner.action, target)
        done = yield from self.hands.act(*act, level=manner.level, reason=reason)
        if not done and SHUT in self.situation.message:  # Whatever it looks like.
            self._tell(target, {"open": False})
            if (yield from self.hands.act("OpenObject", target, reason=f"open for {reason}")):
                self._tell(target, {"open": True})
                done = yield from self.hands.act(*act, level=manner.level, reason=reason)
        if not done and not any(words in self.situation.message for words in _ENOUGH):
            return False
        return (yield from self._conclude(step, manner))

    def _conclude(self, step: PlanStep, manner: Manner) -> Routine:
        """Note what a step must have brought about."""
        yield from ()
        s, stamp = self.situation, self.situation.belief.stamp
        subject = step.arguments[0]
        effects = manner.effects or {}
        for key, value in effects.items():
            s.assumptions.add(subject, key, value, stamp)
        self.done.setdefault(subject, set()).update(effects)
        self._tell(subject, effects)
        if step.name in _RUNS:
            s.assumptions.add(step.arguments[manner.target], "on", value=True, stamp=stamp)
            self.done.setdefault(step.arguments[manner.target], set()).add("on")
        if step.name == "pickup":
            s.assumptions.drop(subject, "parent")
        if step.name == "put":
            s.assumptions.add(subject, "parent", step.arguments[1], stamp)
        s.refresh_belief()
        return True

    def _tell(self, subject: str, effects: Attributes) -> None:
        """Let memory know what has changed of what it had seen.

        Else one misread frame that agrees with what was so before would undo what was done.
        """
        memory = self.situation.memory
        if subject in self.situation.belief.things:
            seen = memory.get(subject).attributes
            changed = {k: value for k, value in effects.items() if seen.get(k, value) != value}
            if changed:
                memory.brought_about(subject, changed)

    def check(self, target: str) -> Behaviour:
        """Return the tree that looks again at something known."""
        return Skill(f"check {target}", self.situation, lambda: self._check(target))

    def verify(self, target: str) -> Behaviour:
        """Return the tree that looks whether what was done to something came about."""
        return Skill(f"verify {target}", self.situation, lambda: self._verify(target))

    def revisit(self, lost: Known) -> Behaviour:
        """Return the tree that looks from near at the place of what is no longer seen there."""
        name = f"revisit {lost.object_id}"
        return Skill(name, self.situation, lambda: self._revisit(lost.label, lost.box))

    def follow(self, lead: Lead) -> Behaviour:
        """Return the tree that has a look at something."""
        routines: Mapping[str, Callable[[], Routine]] = {
            "frontier": lambda: self._visit(lead),
            "door": lambda: self._open_door(lead.target),
            "container": lambda: self._look_into(lead),
            "surface": lambda: self._look_over(lead.target),
            "thing": lambda: self._look_closer(lead.target),
        }
        return Skill(f"look at {lead.kind}", self.situation, routines[lead.kind])

    def look_around(self) -> Behaviour:
        """Return the tree of a full turn on the spot, looking slightly down."""
        return Skill("look around", self.situation, self._turn_around)

    def surroundings_known(self) -> bool:
        """Tell whether the floor around the body was seen on all sides."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.stack((np.cos(angles), np.sin(angles)), axis=1)
        body, occupancy = self.situation.body, self.situation.memory.occupancy
        seen = [occupancy.is_known(body.position + radius * ring) for radius in (0.5, 0.75, 1.0)]
        return bool(np.any(seen, axis=0).mean() > 0.8)

    def _check(self, target: str) -> Routine:
        """Look at a thing from near, twice: one look may err."""
        reached = yield from self.hands.reach(target)
        for _ in range(2):
            if reached and target in self.situation.belief.things:
                label = self.situation.belief.things[target].label
                reason = f"looking again at the {label}"
                yield Decision(action=PASS, phase="navigate", reason=reason)
        return reached

    def _verify(self, target: str) -> Routine:
        """Look at a thing from near; what does not show where the hand let go of it is missed."""
        seen = yield from self._check(target)
        memory, things = self.situation.memory, self.situation.belief.things
        entry = memory.objects.entries.get(target)
        if entry is None or entry.released is None or target not in things:
            return seen
        parent = things.get(things[target].parent or "")
        if parent is None or not parent.kind.container:  # What is in something may be hidden.
            memory.miss(target)
            self.situation.refresh_belief()
        return seen

    def _look_closer(self, target: str) -> Routine:
        """Look once, from near, at a thing whose label is doubtful."""
        self.log.inspected.add(target)
        thing = self.situation.belief.things.get(target)
        return thing is not None and (yield from self._revisit(thing.label, thing.box))

    def _revisit(self, label: str, box: Float[np.ndarray, "2 3"]) -> Routine:
        """Look from near at a place [m], whatever is there now."""
        pilot, reason = self.pilot, f"looking again at the {label}"
        stands = standpoints(pilot.ground(), pilot.costs(), box[:, :2], pilot.config)
        if not stands:
            return False
        went = yield from pilot.go({stands[0].node}, phase="explore", reason=reason)
        if not went:
            return False
        return (yield from pilot.face(box.mean(axis=0), phase="explore", reason=reason))

    def _turn_around(self) -> Routine:
        reason = "looking around"
        yield from self.pilot.level(30.0, phase="explore", reason=reason)
        for _ in range(3):
            yield Decision(action=turn(-np.pi / 2), phase="explore", reason=reason)
        return True

    def _visit(self, lead: Lead) -> Routine:
        """Go to a frontier and look beyond it, as long as there is something unseen."""
        assert lead.point is not None, "frontiers have a point"
        s, reason = self.situation, "looking for unseen space"
        yield from self.pilot.level(30.0, phase="explore", reason=reason)
        way = self.pilot.go(set(lead.nodes), phase="explore", reason=reason)
        for decision in way:
            yield decision
            if not self._still_unseen(lead):
                return True
        bearing = s.body.bearing(lead.point)
        if abs(bearing) > np.radians(15):
            yield Decision(action=turn(bearing), phase="explore", reason=reason)
        self.log.visited.append(lead.point)
        return True

    def _still_unseen(self, lead: Lead) -> bool:
        assert lead.point is not None, "frontiers have a point"
        offsets = np.stack(np.meshgrid(*[np.linspace(-0.3, 0.3, 13)] * 2), axis=-1).reshape(-1, 2)
        known = self.situation.memory.occupancy.is_known(lead.point + offsets)
        return bool((~known).mean() > 0.1)

    def _look_over(self, target: str) -> Routine:
        """Go near a surface and look at it, known again from there or not."""
        reached = yield from self.hands.reach(target, level=True, phase="explore", poses=1)
        self._note_looked(target, reached=reached or not self.hands.no_way)
        return True

    def _look_into(self, lead: Lead) -> Routine:
        s, target = self.situation, lead.target
        reached = yield from self.hands.reach(target, swing=True, phase="explore")
        if not reached:
            self._note_looked(target, reached=reached)
            return True
        label = s.belief.things[target].label
        if not (yield from self._open(target, f"looking into the {label}")):
            self._note_looked(target, reached=False)
            return True
        self.log.opened.add(target)
        if self.hands.hides_inside(target):
            yield from self.hands.peer_into(target)
        if lead.thorough:
            yield from self._look_again(target)
        self._note_looked(target, reached=True)
        if self.close_after_search and target in s.belief.things:
            closing = self.hands.act("CloseObject", target, reason=f"closing the {label}")
            yield from _as_exploring(closing)
        return True

    def _look_again(self, target: str) -> Routine:
        """Look into what is open from other places: a door or a shelf may be in the way of one."""
        for _ in range(_SECOND_LOOKS):
            self.hands.step_aside(target)
            if not (yield from self.hands.reach(target, phase="explore")):
                return False
        return True

    def _open_door(self, target: str) -> Routine:
        """Open a door; what is no door from near, or did not open, is not tried again."""
        reached = yield from self.hands.reach(
            target, swing=True, phase="explore", poses=_DOOR_POSES
        )
        if not reached and self.hands.no_way:
            self.log.unreachable[target] = self.situation.belief.stamp
            return True
        opened = reached and (yield from self._open(target, "opening the door"))
        (self.log.doors if opened else self.log.refused).add(target)
        return True

    def _open(self, target: str, reason: str) -> Routine:
        """Open what was reached; from another place if that does not work at once."""
        opened = yield from _as_exploring(self.hands.act("OpenObject", target, reason=reason))
        if opened:
            return True
        if any(_NEVER in message for message in self.hands.refusals):
            return False
        if not (yield from self.hands.reach(target, swing=True, phase="explore")):
            return False
        return (yield from _as_exploring(self.hands.act("OpenObject", target, reason=reason)))

    def _note_looked(self, target: str, *, reached: bool) -> None:
        stamp = self.situation.belief.stamp
        if reached:
            self.log.looked(target, stamp)
        else:
            self.log.unreachable[target] = stamp


def _nothing() -> Routine:
    yield from ()
    return True


def _fail() -> Routine:
    yield from ()
    return False


def _as_exploring(routine: Routine) -> Routine:
    """Pass on a routine's decisions as exploration."""
    while True:
        try:
            decision = next(routine)
        except StopIteration as end:
            return bool(end.value)
        yield Decision(
            action=decision.action,
            phase="explore",
            target=decision.target,
            reason=decision.reason,
        )
