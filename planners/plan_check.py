"""Whether a model's plan may be carried out: every step possible, needed and allowed.

Possible: its conditions hold after the steps before it. Needed: without it the goal would not be
reached, so that a plan touches nothing that the goal has no use for. Allowed: what cannot be undone
was asked for by the user's own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from embodied_mem.goals import RELATIONS, STATES, Atom, Goal, Term, best_binding
from planners.affordances import kinds
from planners.grounding import wanted_fact
from planners.permissions import IRREVERSIBLE, LASTING, Wishes
from planners.plan_reply import Condition, PlanReply, SkillCall
from planners.quoting import clean
from planners.referents import Aim, Names, UnknownNameError, show
from planners.rehearsal import Rehearsal, StepError
from planners.symbolic import Fact, PlanStep

_MOST_PROBLEMS = 5
"""Sentences given back to the model at once."""
_LOOKING = frozenset(("find", "goto", "open", "close", "put"))
"""What may be done before it is known what to do."""
_HARMLESS = frozenset(("find", "goto", "close"))
"""What a plan may hold although nothing needs it."""
_UNDOING = {"turn_off": frozenset(("turn_on", "wash", "fill", "heat", "cook")),
            "put": frozenset(("pickup",))}  # fmt: skip
"""Skills that may also set right what needed ones did before."""


@dataclass(slots=True)
class CheckedPlan:
    """A plan that may be carried out, or what is wrong with it."""

    aim: Aim
    calls: tuple[SkillCall, ...] = ()
    """The steps that are worth taking: those without effect are left out."""
    bound: dict[Term, str] = field(default_factory=dict)
    """What the plan's labels stand for."""
    problems: tuple[str, ...] = ()
    """Sentences for the model; a plan with any is not carried out."""


def check_plan(reply: PlanReply, goal: Goal, names: Names) -> CheckedPlan:
    """Go through a plan in the mind, and say what is wrong with it.

    Args:
        reply: What the model said.
        goal: What the user asked for; without conditions, the model's reading of it counts.
        names: What is known, and nothing bound yet.
    """
    wishes = Wishes.of(goal)
    aim, problems = Aim(goal), list[str]()
    if not goal.atoms:
        aim, problems = read_aim(reply.goal, goal.text, names, wishes)
    if not reply.steps and not problems and not _is_met(aim, names):
        problems.append("there are no steps, and the goal is not reached yet.")
    walk = _Walk(Rehearsal(names), wishes, reply.steps)
    for number in range(len(reply.steps)):
        walk.take(number)
    problems += walk.problems
    if not problems:
        problems += walk.judge(aim)
    return CheckedPlan(
        aim=aim,
        calls=tuple(call for call, keep in zip(reply.steps, walk.kept, strict=True) if keep),
        bound={term: i for term, i in names.bound.items() if i in names.belief.things},
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )


def read_aim(
    conditions: Sequence[Condition], text: str, names: Names, wishes: Wishes
) -> tuple[Aim, list[str]]:
    """Return the goal as the model reads it, and what is wrong with that reading.

    Args:
        conditions: The model's words.
        text: The user's.
        names: What is known.
        wishes: What the user's words name.
    """
    if not conditions:
        return Aim(Goal((), text)), ["`goal` must state in conditions what the user wants."]
    problems: list[str] = []
    atoms: list[Atom] = []
    pinned: dict[Term, str] = {}
    for condition in conditions:
        try:
            terms = tuple(_goal_term(name, names, pinned) for name in condition.terms)
        except UnknownNameError as error:
            problems.append(f"goal, {condition}: {error}")
            continue
        atom = Atom(condition.predicate, terms)
        problem = _unfit(atom, wishes)
        if problem:
            problems.append(f"goal, {condition}: {problem}")
        atoms.append(atom)
    return Aim(Goal(tuple(dict.fromkeys(atoms)), text), pinned), problems


def _goal_term(name: str, names: Names, pinned: dict[Term, str]) -> Term:
    text = clean(name, 80)
    thing = names.belief.things.get(text)
    if thing is None:
        term = names.term(text)
        if term.label not in kinds() and not names.is_known(text):
            raise UnknownNameError(f"'{text}' is neither known nor a kind of thing.")
        return term
    for term, object_id in pinned.items():
        if object_id == text:
            return term
    taken = [term.number for term in pinned if term.label == thing.label]
    term = Term(thing.label, max(taken, default=10) + 1)  # Above the numbers that a plan uses.
    pinned[term] = text
    return term


def _unfit(atom: Atom, wishes: Wishes) -> str:
    allowed = RELATIONS if len(atom.terms) == 2 else STATES
    if atom.predicate not in allowed:
        return f"`{atom.predicate}` does not take {len(atom.terms)} terms."
    if len(set(atom.terms)) < len(atom.terms):
        return "a thing cannot be on or in itself."
    label = atom.terms[0].label
    asked = frozenset((atom.predicate,))
    if asked <= LASTING and not wishes.allow(asked, label):
        return f"the user did not ask for a {label} that is {atom.predicate}; leave it as it is."
    if not wishes.touch(term.label for term in atom.terms):
        return "the user spoke of other things; the goal is in the user's words alone."
    return ""


def _is_met(aim: Aim, names: Names) -> bool:
    return bool(aim.goal.atoms) and aim.progress(names).complete


@dataclass(slots=True)
class _Walk:
    """One pass through the steps of a plan."""

    mind: Rehearsal
    wishes: Wishes
    calls: Sequence[SkillCall]
    problems: list[str] = field(default_factory=list)
    steps: list[PlanStep | None] = field(default_factory=list)
    """What each call means; None where it changes nothing."""
    kept: list[bool] = field(default_factory=list)
    """Whether each call is worth taking."""

    def take(self, number: int) -> None:
        """Go through one step; what is wrong with it is noted, and its effect assumed anyway."""
        call = self.calls[number]
        step, keep, problem = None, True, ""
        try:
            if call.skill == "find":
                keep = self._find(call)
            else:
                step, keep, problem = self._do(call)
        except (UnknownNameError, StepError) as error:
            problem = str(error)
        if problem:
            self.problems.append(f"step {number + 1}, {call}: {problem.rstrip('.')}.")
        self.steps.append(step)
        self.kept.append(keep)

    def _find(self, call: SkillCall) -> bool:
        names = self.mind.names
        if names.is_known(call.object):
            return False
        label = names.term(call.object).label
        if label not in kinds() and not self.wishes.name(label):
            raise UnknownNameError(f"'{clean(call.object, 80)}' is no kind of thing that is known")
        self.mind.suppose(call.object)
        return True

    def _do(self, call: SkillCall) -> tuple[PlanStep | None, bool, str]:
        names, mind = self.mind.names, self.mind
        subject = names.resolve(call.object)
        place = names.resolve(call.place) if call.skill == "put" and call.place else ""
        if call.skill == "goto":
            return None, True, ""
        label = names.thing(subject).label
        states = IRREVERSIBLE.get(call.skill)
        if states is not None and not self.wishes.allow(states, label):
            wish = " or ".join(sorted(states))
            return None, False, f"the user did not ask for a {label} that is {wish}; leave it out"
        if place and place == subject:
            return None, False, f"{show(subject)} cannot be put on or in itself"
        step = mind.step(call, subject, place)
        if mind.is_reached(step):
            return step, False, ""
        problem = mind.problem(step)
        mind.apply(step)
        return step, True, problem

    def judge(self, aim: Aim) -> list[str]:
        """Say whether the plan reaches the goal, with no step that it does not need."""
        candidates = aim.candidates(self.mind.names)
        binding, progress = best_binding(aim.goal, candidates, self.mind.holds)
        looks = bool(self.calls) and self.calls[-1].skill == "find" and self.kept[-1]
        if not progress.complete and looks:
            return self._judge_looking()
        if not progress.complete:
            lacking = [
                str(atom) for atom in aim.goal.atoms
                if any(term not in binding for term in atom.terms)
                or not self.mind.holds(atom, tuple(binding[term] for term in atom.terms))
            ]  # fmt: skip
            return [
                f"after the last step this would not hold: {', '.join(lacking)}. Add what is "
                "missing, or end with `find` to plan on when more is known."
            ]
        return self._unneeded([
            fact for atom in aim.goal.atoms
            for fact in self._grounds(atom, tuple(binding[term] for term in atom.terms))
        ])  # fmt: skip

    def _judge_looking(self) -> list[str]:
        return [
            f"step {number}, {call}: a plan that ends with `find` only looks around; leave this "
            "for later."
            for number, call in enumerate(self.calls, 1)
            if call.skill not in _LOOKING
        ]

    def _grounds(self, atom: Atom, ids: tuple[str, ...]) -> list[tuple[Fact, bool]]:
        """Return the facts that a condition rests on at the end."""
        mind = self.mind
        if len(ids) == 2 and ("lies", *ids) not in mind.facts:
            carrier = next(f[2] for f in sorted(mind.facts) if f[:2] == ("lies", ids[0]))
            return [(("lies", ids[0], carrier), True), (("lies", carrier, ids[1]), True)]
        if atom.predicate == "empty" and ("fillable", *ids) not in mind.facts:
            touched = {s.arguments[0] for s in self.steps if s is not None}
            return [(("lies", thing, *ids), False) for thing in sorted(touched)]
        return [wanted_fact(atom, ids)]

    def _unneeded(self, goals: list[tuple[Fact, bool]]) -> list[str]:
        """Go back from the goal (regression): a step is needed if it brings about what is."""
        needed, marks = set(goals), [False] * len(self.steps)
        for number in range(len(self.steps) - 1, -1, -1):
            step = self.steps[number]
            if step is None or not self.kept[number]:
                continue
            effects = {((name, *rest), wanted) for name, rest, wanted in self.mind.effects(step)}
            if effects & needed:
                marks[number] = True
                needed = (needed - effects) | set(self.mind.conditions(step))
        return [
            f"step {number + 1}, {call}: the goal does not need it; leave it out."
            for number, call in enumerate(self.calls)
            if self.kept[number] and not marks[number] and not self._is_fine(number, marks)
        ]

    def _is_fine(self, number: int, marks: list[bool]) -> bool:
        """Tell whether a step that nothing needs does no harm, or sets something right."""
        call, step = self.calls[number], self.steps[number]
        if call.skill in _HARMLESS:
            return True
        causes = _UNDOING.get(call.skill, frozenset())
        before = range(number)
        return step is not None and any(
            marks[i]
            and self.calls[i].skill in causes
            and (other := self.steps[i]) is not None
            and step.arguments[0] in other.arguments
            for i in before
        )
