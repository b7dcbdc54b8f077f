"""A planner that knows its goal and the memory: search what is missing, plan, act, plan again."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from py_trees.common import Status

from embodied_mem.config import Config
from embodied_mem.errors import PlanningError
from embodied_mem.goals import Goal, Term, fold
from embodied_mem.interfaces import Decision, Seeking
from embodied_mem.memory import Known, Memory
from embodied_mem.memory.experience import Hints
from embodied_mem.types import DONE
from planners import search
from planners.behaviour import Situation, in_order, tick
from planners.belief import BELIEVED, STATE_KEYS, SURE, Thing
from planners.grounding import Choice, choose, ground, missing, tidy, under_water
from planners.hands import Hands
from planners.navigation import NavigationConfig
from planners.pilot import Pilot
from planners.pins import Pin, barred
from planners.search import SearchLog
from planners.skills import Skills
from planners.symbolic import PlanStep, Solver
from planners.task import Task
from planners.trying import best_try

logger = logging.getLogger(__name__)

GIVEN_UP = "given up: "
"""How the reason of a `Done` begins that does not mean success."""


class SymbolicPlannerConfig(Config, frozen=True, tag="symbolic"):
    """Planning by Fast Downward over what memory knows."""

    navigation: NavigationConfig = NavigationConfig()
    plan_timeout: float = 10.0
    """Longest time for one plan [s]."""
    optimal_time: int = 1
    """Time after which a plan that is not the cheapest will do [s]."""
    close_after_search: bool = True
    """Whether containers are closed again after a look into them."""
    use_experience: bool = True
    """Whether what past episodes taught changes where things are looked for first."""
    max_failures: int = 12
    """Plan steps that may fail before the goal is given up."""


_IN_THE_WAY = 2.0
"""A door this near may be in the way [m]."""

_LOOKS = 3
"""So often a thing is looked at again before the goal is declared reached."""

_CULPRITS = {"put": 1, "wash": 2, "fill": 2, "heat": 1, "cook": 1, "fry": 3}
"""Which argument of a step is to blame when it fails; the first unless said here."""


class SymbolicPlanner:
    """Plans with symbols, acts with a behaviour tree; sees the goal and the memory alone.

    Deterministic: the same goal and the same percepts give the same decisions.
    """

    def __init__(self, config: SymbolicPlannerConfig | None = None):
        self.config = config or SymbolicPlannerConfig()
        self._solver = Solver(
            timeout=self.config.plan_timeout, optimal_time=self.config.optimal_time
        )
        self._task: Task | None = None
        self._skills: Skills | None = None
        self.meant: Mapping[Term, str] = {}
        """What the goal's terms stood for when it was declared reached; empty before that."""

    def start(
        self, goal: Goal, pins: Mapping[Term, Pin] | None = None, *, again: bool = False
    ) -> None:
        """Take a new goal and forget the plan for the last one; what was searched is kept.

        Args:
            goal: What is to be reached.
            pins: Terms of it that stand for certain objects. Where such a one is not to be found
                anywhere, another of its type will have to do.
            again: Whether the last goal was declared reached and was not: what was done for it is
                looked at again, and done from elsewhere.
        """
        self._task, self.meant = Task(goal=goal, pins=pins or {}), {}
        if self._skills is not None:
            self._skills.log.unreachable.clear()
            self._skills.situation.assumptions.taken.clear()
            self._task.suspects = self._skills.begin(again=again)
            self._task.meant |= set(self._task.suspects)

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        """Return the next action; see `interfaces.Planner`.

        Raises:
            PlanningError: There is no goal, the frames lack poses, or the engine failed.
        """
        task = self._task
        if task is None:
            raise PlanningError("the planner has no goal. Call `start(goal)` first.")
        skills = self.skills_for(memory)
        skills.situation.sought = frozenset(term.label for term in task.goal.terms())
        skills.situation.refresh(memory, succeeded=succeeded, message=message)
        skills.log.note(skills.situation)
        task.seen |= memory.in_view().keys()
        for _ in range(40):  # Trees may end without an action.
            ended = self._advance(task, skills)
            if ended is not None:
                return ended
            assert task.tree is not None, "_advance gave an end or a tree"
            status = tick(task.tree)
            decision = skills.situation.decision
            if decision is not None and status == Status.RUNNING:
                return self._with_plan(decision, task)
            if status != Status.RUNNING:  # A retry takes a tick of its own.
                self._finish(task, skills, status)
        return self._give_up("no action is left to try")

    def watch(self, memory: Memory) -> None:
        """Take note of what is in view while others lead: where has been looked already."""
        skills = self.skills_for(memory)
        skills.situation.refresh(memory, succeeded=True, message="")
        skills.log.note(skills.situation)

    def skills_for(self, memory: Memory) -> Skills:
        """Make the skills on first use, and anew for another memory or one that was cleared."""
        known = self._skills
        same = known is not None and known.situation.memory is memory
        if known is not None and same and memory.stamp >= known.situation.belief.stamp:
            return known
        situation = Situation(memory)
        pilot = Pilot(self.config.navigation, situation)
        self._skills = Skills(
            situation,
            pilot,
            Hands(situation, pilot),
            SearchLog(),
            close_after_search=self.config.close_after_search,
        )
        return self._skills

    def _advance(self, task: Task, skills: Skills) -> Decision | None:
        """See to it that a tree runs that suits the situation, or end the episode."""
        if self._suspect(task, skills):
            return None
        choice = self._choose(task, skills)
        task.meant |= set(choice.binding.values())
        if not choice.unmet:
            return self._conclude(task, skills, choice)
        needs = missing(choice, skills.situation.belief, task.excluded)
        if (
            task.tree is not None
            and task.exploring == bool(needs)
            and not self._stale(task, skills)
        ):
            return None
        self._drop_tree(task)
        if needs:
            return self._explore(task, skills, needs)
        return self._plan(task, skills, choice)

    def _suspect(self, task: Task, skills: Skills) -> bool:
        """Look again at what was done before all else; tells whether that goes on."""
        if task.tree is not None:
            return task.suspecting
        belief = skills.situation.belief
        things = belief.things
        while task.suspects:
            name = task.suspects.pop(0)
            thing = things.get(name)
            if thing is not None and not thing.held and not belief.shut_in(thing):
                task.checking = task.suspecting = True
                task.tree = skills.verify(name)
                return True
        return False

    def _conclude(self, task: Task, skills: Skills, choice: Choice) -> Decision | None:
        """End, or first look again at what is not sure."""
        if task.tree is not None and task.checking:
            return None
        doubtful = self._doubtful(task, skills, choice)
        if not doubtful:
            reason, self.meant = "every condition of the goal is believed to hold", choice.binding
            return Decision(action=DONE, reason=reason)
        self._check(task, skills, doubtful[0])
        return None

    def _doubtful(self, task: Task, skills: Skills, choice: Choice) -> list[str]:
        """Return what the goal speaks of and may not exist, was misread, or not seen since then.

        One sighting of a state may err; a few looks from near settle it.
        """
        belief = skills.situation.belief
        unsure = []
        for atom in task.goal.atoms:
            names = [choice.binding[term] for term in atom.terms]
            key = STATE_KEYS.get(atom.predicate) if len(names) == 1 else None
            known = skills.situation.memory.get(names[0])
            misread = key is not None and key in known.attributes and key not in known.settled
            unsure += [
                name
                for name in names
                if name not in task.seen or belief.things[name].confidence < SURE
            ]
            unsure += [names[0]] * misread
        return [
            name
            for name in dict.fromkeys(unsure)
            if task.checked.get(name, 0) < _LOOKS
            and not belief.things[name].held
            and not belief.shut_in(belief.things[name])
        ]

    def _choose(self, task: Task, skills: Skills) -> Choice:
        here = skills.situation.body.position

        def distance(thing: Thing) -> float:
            return float(np.linalg.norm(thing.center[:2] - here))

        not_meant = barred(task.pins, skills.situation.memory) if task.pins else {}
        return choose(task.goal, skills.situation.belief, distance, task.excluded, not_meant)

    def _stale(self, task: Task, skills: Skills) -> bool:
        """Tell whether the plan speaks of things that are no longer believed in."""
        if task.exploring:
            return False
        things = skills.situation.belief.things
        return any(name not in things for name in _named(task.plan))

    def _explore(self, task: Task, skills: Skills, needs: list[frozenset[str]]) -> Decision | None:
        if self._readmit(task, skills):
            return self._advance(task, skills)
        task.exploring = True
        if not task.looked_around and not skills.surroundings_known():
            task.tree = skills.look_around()
            task.looked_around = True
            return None
        lost = self._lost(task, skills, needs)
        if lost is not None:
            task.revisited.add(lost.object_id)
            task.tree = skills.revisit(lost)
            return None
        hints = self._hints(task, skills.situation.memory)
        leads = search.leads(skills.situation, skills.pilot, skills.log, needs, hints)
        if self._try(task, skills, needs, leads[0].value if leads else 0.0):
            return self._advance(task, skills)
        if leads:
            task.tree = skills.follow(leads[0])
            task.looks += 1
            wanted = tuple(sorted(frozenset().union(*needs)))
            task.seeking = Seeking(number=task.looks, wanted=wanted, at=leads[0].at)
            return None
        return self._despair(task, skills, needs)

    def _try(
        self, task: Task, skills: Skills, needs: list[frozenset[str]], otherwise: float
    ) -> bool:
        """Take something for what is wanted that may be it, where no look promises more.

        Args:
            task: What is being done.
            skills: Know the situation.
            needs: What is wanted.
            otherwise: What the best look promises: chance over price.
        """
        situation = skills.situation
        excluded = task.excluded.union(*(pin.excluded for pin in task.pins.values()))
        found = best_try(situation, skills.pilot, skills.log, needs, excluded)
        if found is None or found.value <= otherwise:
            return False
        situation.assumptions.taken[found.target] = found.label
        situation.refresh_belief()
        return True

    def _despair(self, task: Task, skills: Skills, needs: list[frozenset[str]]) -> Decision | None:
        """Nothing is left to look at: make do with what was left out, or give up."""
        if task.excluded and not task.second_chance:
            return self._forgive(task, skills)
        if task.pins:
            task.pins = {}
            return self._advance(task, skills)
        looked = len(skills.log.opened)
        return self._give_up(
            f"no {search.in_words(needs)} found: explored everything reachable, looked into "
            f"{looked} container{'s' * (looked != 1)}"
        )

    def _lost(self, task: Task, skills: Skills, needs: list[frozenset[str]]) -> Known | None:
        """Return what was meant, and vanished as one came nearer: perhaps it was overlooked."""
        memory, wanted = skills.situation.memory, frozenset().union(*needs)
        for name in sorted(task.meant - task.revisited - task.excluded):
            known = memory.get(name) if name in memory.objects.entries else None
            if known is not None and known.status == "gone" and fold(known.label) in wanted:
                return known
        return None

    def _hints(self, task: Task, memory: Memory) -> Hints:
        if task.hints is None:
            task.hints = memory.experience.hints() if self.config.use_experience else Hints()
        return task.hints

    def _forgive(self, task: Task, skills: Skills) -> Decision | None:
        """Give what failed one more chance, or give up."""
        if task.second_chance:
            return self._give_up(f"nothing else will do, and this failed: {skills.current}")
        task.excluded, task.second_chance = frozenset(), True
        task.cut_off.clear()
        skills.hands.forget()
        return self._advance(task, skills)

    def _plan(self, task: Task, skills: Skills, choice: Choice) -> Decision | None:
        situation = skills.situation
        task.exploring = False
        if task.failed >= self.config.max_failures:
            return self._give_up(f"{task.failed} steps failed, the last one on {skills.current}")
        problem = ground(
            choice, situation.belief, task.goal, situation.body.position, task.excluded
        )
        steps = self._solver.solve(problem)
        if steps is None and task.excluded:
            return self._forgive(task, skills)
        if steps is None:
            return self._give_up(f"there is no plan for {', '.join(map(str, choice.unmet))}")
        wanted = {
            choice.binding[atom.terms[0]] for atom in task.goal.atoms if atom.predicate == "open"
        }
        swinging = {t.object_id for t in situation.belief.things.values() if t.swings} - wanted
        task.plan = steps = tidy(steps, swinging, under_water(situation.belief))
        if not steps:
            return self._settle_doubt(task, skills, choice)
        task.meant |= _named(steps)
        task.tree = in_order("plan", [skills.carry_out(step) for step in steps])
        logger.info("plan for %s: %s", task.goal, "; ".join(map(str, steps)))
        return None

    def _settle_doubt(self, task: Task, skills: Skills, choice: Choice) -> Decision | None:
        """Where all would be done if it were sure: look at what is not, then do without it."""
        things = skills.situation.belief.things
        names = [choice.binding[term] for atom in choice.unmet for term in atom.terms]
        doubtful = [name for name in names if things[name].confidence < BELIEVED]
        if not doubtful:
            return self._give_up("the plan is empty although the goal is not reached")
        if doubtful[0] in task.checked:
            task.excluded |= {doubtful[0]}
            return self._advance(task, skills)
        self._check(task, skills, doubtful[0])
        return None

    def _check(self, task: Task, skills: Skills, name: str) -> None:
        """Look again at something."""
        self._drop_tree(task)
        task.checking, task.exploring = True, False
        task.tree = skills.check(name)
        task.seen.add(name)
        task.checked[name] = task.checked.get(name, 0) + 1

    def _finish(self, task: Task, skills: Skills, status: Status) -> None:
        """Take note of how a tree ended."""
        acting = not task.exploring and not task.checking
        failed = status == Status.FAILURE and acting and skills.current is not None
        self._drop_tree(task)
        if failed and not self._free_the_way(task, skills):
            self._blame(task, skills)

    def _free_the_way(self, task: Task, skills: Skills) -> bool:
        """Where there is no way, close what was left open nearby: its door may be in the way."""
        wanted = {atom.terms[0].label for atom in task.goal.atoms if atom.predicate == "open"}
        here = skills.situation.body.position
        doors = [
            thing
            for thing in skills.situation.belief.things.values()
            if thing.swings
            and thing.confidence >= SURE
            and thing.state("open") is True
            and thing.label not in wanted
            and thing.object_id not in task.closed
            and np.linalg.norm(thing.center[:2] - here) < _IN_THE_WAY
        ]
        if not skills.hands.no_way or not doors:
            return False
        door = min(doors, key=lambda thing: float(np.linalg.norm(thing.center[:2] - here)))
        task.closed.add(door.object_id)
        task.plan = (PlanStep("close", (door.object_id, door.object_id)),)
        task.tree = skills.carry_out(task.plan[0])
        return True

    def _blame(self, task: Task, skills: Skills) -> None:
        """Leave out what a step failed on: at once where there is no way, or perhaps no such thing.

        Else the second time.
        """
        step = skills.current
        assert step is not None, "a step failed"
        taken = skills.situation.assumptions.taken
        tried = [name for name in step.arguments if name in taken]
        culprit = tried[0] if tried else step.arguments[_CULPRITS.get(step.name, 0)]
        taken.pop(culprit, None)
        task.failures[culprit] = task.failures.get(culprit, 0) + 1
        logger.info("step failed: %s", step)
        if skills.hands.no_way:
            task.cut_off.add(culprit)
        hopeless = skills.hands.no_way or culprit in skills.hands.hopeless
        thing = skills.situation.belief.things.get(culprit)
        hopeless |= thing is not None and thing.confidence < SURE
        if hopeless or task.failures[culprit] >= 2:
            task.excluded |= {culprit}
        task.failed += not skills.hands.no_way

    def _readmit(self, task: Task, skills: Skills) -> bool:
        """Take back what could not be got at, where there is a way now. Returns whether any is."""
        found = {name for name in task.cut_off if skills.hands.has_way(name)}
        task.cut_off -= found
        task.excluded -= found
        return bool(found)

    def _drop_tree(self, task: Task) -> None:
        if task.tree is not None:
            task.tree.stop(Status.INVALID)
        task.tree, task.checking, task.seeking = None, False, None
        task.suspecting = False

    def _with_plan(self, decision: Decision, task: Task) -> Decision:
        assert self._skills is not None, "a decision came from a skill"
        acting = not task.exploring and not task.checking
        lines = () if not acting else tuple(map(self._skills.describe, task.plan))
        return Decision(
            action=decision.action,
            phase=decision.phase,
            target=decision.target,
            reason=decision.reason,
            plan=lines,
            seeking=task.seeking if task.exploring else None,
        )

    def _give_up(self, reason: str) -> Decision:
        return Decision(action=DONE, reason=f"{GIVEN_UP}{reason}")


def _named(plan: Sequence[PlanStep]) -> set[str]:
    """Return the objects that a plan speaks of."""
    return {name for step in plan for name in step.arguments} - {"here", "floor"}
