"""A planner that asks a language model, and does nothing that it has not checked.

The model states the goal in conditions and a plan of skill calls. A plan is gone through in the
mind before anything moves; where it is wrong the model is told why, once. Before each step it is
checked again on what is believed by then. Where the model fails, the symbolic planner takes over.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from embodied_mem.errors import GoalError, LanguageModelError, PlanningError
from embodied_mem.goals import Goal, Term
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.types import DONE
from planners.affordances import vocabulary
from planners.behaviour import tick
from planners.belief import Thing
from planners.budget import Spent
from planners.exploring import Explorer
from planners.grammar import parse_task
from planners.language_config import LanguagePlannerConfig
from planners.llm_client import ChatClient
from planners.pins import Pin
from planners.plan_check import CheckedPlan, check_plan
from planners.plan_reply import SkillCall, read_reply, reply_schema
from planners.prompt import Briefing, repair_messages, system_message
from planners.referents import Aim, Names, UnknownNameError
from planners.rehearsal import Rehearsal, StepError
from planners.skills import Skills
from planners.structured import ReplyError
from planners.symbolic_planner import GIVEN_UP, SymbolicPlanner

logger = logging.getLogger(__name__)

Examples = Callable[[str, int], Sequence[str]]
"""Gives, for a task in words, up to so many records of like tasks that went well."""


_REMEMBERED = 24
"""Things done that the model is told of."""


@dataclass(slots=True)
class _Task:
    """What is being done about one goal."""

    goal: Goal
    spent: Spent
    plan: CheckedPlan | None = None
    at: int = 0
    """Which step of the plan is next, or at work."""
    tree: Behaviour | None = None
    """What runs now."""
    explorer: Explorer | None = None
    """Set while a `find` is at work."""
    aim: Aim | None = None
    """The newest reading of the goal that was sound."""
    problems: list[str] = field(default_factory=list)
    """What the model is to be told when it is asked next."""
    resort: str = ""
    """Why the symbolic planner took over; empty while it has not."""


class LanguagePlanner:
    """Plans with a language model, acts with a behaviour tree; sees goal and memory alone."""

    def __init__(
        self,
        config: LanguagePlannerConfig,
        *,
        examples: Examples | None = None,
        client: ChatClient | None = None,
    ):
        """Make a planner without asking anything yet.

        Args:
            config: Endpoint and budgets.
            examples: Where records of like tasks come from; by default what the memory's experience
                says of them.
            client: Asks the endpoint; made from the config without it.

        Raises:
            ConfigError: The endpoint's address is none, or its key is not there.
        """
        self.config = config
        self._examples = examples
        self._client = client or ChatClient(config.endpoint)
        self._symbolic = SymbolicPlanner(config.symbolic)
        self._task: _Task | None = None
        self._earlier: deque[str] = deque(maxlen=_REMEMBERED)
        self._memory: Memory | None = None

    def start(self, goal: Goal) -> None:
        """Take a new goal and forget the plan for the last one.

        A goal may have no conditions, only words: then the model's reading of them counts.
        """
        self._task = _Task(goal=goal, spent=Spent(self.config.budget))
        if goal.atoms:
            self._task.aim = Aim(goal)
        self._symbolic.start(goal)

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        """Return the next action; see `interfaces.Planner`.

        Raises:
            PlanningError: There is no goal, the frames lack poses, or an engine failed.
        """
        task = self._task
        if task is None:
            raise PlanningError("the planner has no goal. Call `start(goal)` first.")
        if task.spent.steps >= self.config.budget.steps:
            return _give_up(f"the budget of {self.config.budget.steps} steps is spent")
        task.spent.steps += 1
        if task.resort:
            return self._act_symbolically(task, memory, succeeded=succeeded, message=message)
        skills = self._ready(memory)
        skills.situation.refresh(memory, succeeded=succeeded, message=message)
        skills.log.note(skills.situation)
        for _ in range(40):  # Trees may end without an action.
            ended = self._advance(task, skills)
            if ended is not None:
                return ended
            if task.resort:
                return self._act_symbolically(task, memory, succeeded=succeeded, message=message)
            assert task.tree is not None, "_advance gave an end or a tree"
            status = tick(task.tree)
            decision = skills.situation.decision
            if decision is not None and status == Status.RUNNING:
                return self._with_plan(decision, task)
            if status != Status.RUNNING:
                self._finish(task, skills, status)
        return _give_up("no action is left to try")

    def _ready(self, memory: Memory) -> Skills:
        if self._memory is not memory:
            self._memory = memory
            self._earlier.clear()
        return self._symbolic.skills_for(memory)

    def _advance(self, task: _Task, skills: Skills) -> Decision | None:
        """See to it that a tree runs for the next step, or end the episode, or resort."""
        names = _names(task, skills)
        if task.aim is not None and task.aim.progress(names).complete:
            self._drop_tree(task)
            self._earlier.append(f"reached: {task.goal}")
            reading = "" if task.goal.atoms else f", read as: {task.aim.in_words()}"
            return Decision(
                action=DONE, reason=f"every condition of the goal is believed to hold{reading}"
            )
        if task.explorer is not None:
            self._look_on(task, names)
        for _ in range(60):  # Steps may be left out, plans dropped.
            if task.tree is not None:
                return None
            if task.plan is None or task.at >= len(task.plan.calls):
                ended = self._think(task, skills)
                if ended is not None or task.resort:
                    return ended
                if task.aim is not None and task.aim.progress(_names(task, skills)).complete:
                    return self._advance(task, skills)
                continue
            self._begin(task, skills)
        return self._resort(task, "its plans lead to no action")

    def _begin(self, task: _Task, skills: Skills) -> None:
        """Begin the next step if it still makes sense: the critic before each step."""
        assert task.plan is not None, "_advance has a plan"
        call, names = task.plan.calls[task.at], _names(task, skills)
        try:
            if call.skill == "find":
                self._begin_find(task, skills, call, names)
                return
            subject = names.resolve(call.object)
            place = names.resolve(call.place) if call.skill == "put" and call.place else ""
            if call.skill == "goto":
                self._run(task, skills, call, skills.check(subject))
                return
            mind = Rehearsal(names)
            step = mind.step(call, subject, place)
            if mind.is_reached(step):
                task.at += 1
                return
            problem = mind.problem(step)
            if not problem:
                self._run(task, skills, call, skills.carry_out(step))
                return
        except (UnknownNameError, StepError) as error:
            problem = str(error)
        self._drop_plan(task, f"{call} is not possible any more: {problem.rstrip('.')}.")

    def _begin_find(self, task: _Task, skills: Skills, call: SkillCall, names: Names) -> None:
        if names.is_known(call.object):
            task.at += 1
            return
        task.explorer = task.explorer or Explorer(skills)
        tree = task.explorer.next_look(frozenset((names.term(call.object).label,)))
        if tree is not None:
            task.tree = tree
            return
        task.explorer = None
        task.spent.circles += 1
        self._drop_plan(
            task, f"{call} found none: everything that can be reached has been looked at."
        )

    def _look_on(self, task: _Task, names: Names) -> None:
        """Stop looking when what is looked for is known."""
        assert task.plan is not None, "a `find` is of a plan"
        if names.is_known(task.plan.calls[task.at].object):
            self._drop_tree(task)
            task.explorer = None
            task.at += 1

    def _run(self, task: _Task, skills: Skills, call: SkillCall, tree: Behaviour) -> None:
        if task.spent.goes_in_circles(str(call), skills.situation.belief):
            self._drop_plan(
                task, f"{call} was tried before with everything as it is now; do something else."
            )
            return
        task.tree = tree

    def _finish(self, task: _Task, skills: Skills, status: Status) -> None:
        """Take note of how a tree ended."""
        assert task.plan is not None, "trees are of plans"
        self._drop_tree(task)
        if task.explorer is not None:
            return
        call = task.plan.calls[task.at]
        if status == Status.SUCCESS:
            self._earlier.append(f"done: {call}")
            task.at += 1
            return
        task.spent.failures += 1
        why = "there is no way to it" if skills.hands.no_way else skills.situation.message
        self._drop_plan(task, f"{call} failed: {why or 'it did not work'}")

    def _think(self, task: _Task, skills: Skills) -> Decision | None:
        """Ask the model for a plan, and once more where the first is no good."""
        done = task.plan
        if done is not None and done.calls and done.calls[-1].skill != "find":
            left = done.aim.unmet(_names(task, skills))
            self._drop_plan(task, f"the plan was carried out, but this does not hold yet: {left}")
        conversation = [system_message(), self._briefing(task, skills).message()]
        task.problems = []
        problems: Sequence[str] = ("",)
        for _ in range(2):
            spent = task.spent.too_much_asked()
            if spent:
                return self._resort(task, spent)
            try:
                answer = self._client.ask(conversation, reply_schema())
            except LanguageModelError as error:
                task.spent.calls += 1
                return self._resort(task, str(error).rstrip("."))
            task.spent.calls += answer.requests
            task.spent.tokens += answer.tokens
            problems = self._adopt(task, skills, answer.text, cut_off=answer.cut_off)
            if not problems:
                return None
            logger.info("the model's plan is refused: %s", " ".join(problems))
            conversation += repair_messages(answer.text, problems)
        return self._resort(task, f"its plan was refused twice: {problems[0].rstrip('.')}")

    def _adopt(self, task: _Task, skills: Skills, text: str, *, cut_off: bool) -> Sequence[str]:
        """Take a plan over if it may be carried out; else return what is wrong with it."""
        try:
            reply = read_reply(text)
        except ReplyError as error:
            hint = " It was cut off at its length limit; be brief." if cut_off else ""
            return (f"{error}{hint}",)
        names = Names(skills.situation.belief, _distance(skills))
        plan = check_plan(reply, task.goal, names)
        if plan.problems:
            return plan.problems
        task.plan, task.at, task.aim = plan, 0, plan.aim
        logger.info("plan for %s: %s", task.aim.goal, "; ".join(map(str, plan.calls)))
        return ()

    def _briefing(self, task: _Task, skills: Skills) -> Briefing:
        words = task.goal.text or str(task.goal)
        belief = skills.situation.belief
        told = skills.situation.memory.describe(words, self.config.memory_tokens)
        return Briefing(
            goal=task.goal,
            memory=told.split("\n") if told else (),
            hand=belief.held or "",
            earlier=tuple(self._earlier),
            examples=self._like_tasks(task, skills.situation.memory),
            problems=task.problems,
        )

    def _like_tasks(self, task: _Task, memory: Memory) -> tuple[str, ...]:
        """Return what earlier tasks of the kind teach, a line each."""
        most = self.config.examples
        if self._examples is not None:
            return tuple(self._examples(task.goal.text or str(task.goal), most))[:most]
        goal = task.aim.goal if task.aim is not None else task.goal
        return tuple(lesson.text for lesson in memory.experience.recall(goal, most))

    def _resort(self, task: _Task, why: str) -> Decision | None:
        """Let the symbolic planner take over, if it has conditions to go by; else give up."""
        logger.warning("the language model is of no use here: %s", why)
        self._drop_tree(task)
        task.plan, task.explorer = None, None
        goal, pinned = task.goal, {}
        if not goal.atoms and task.aim is not None:
            goal, pinned = task.aim.goal, task.aim.pinned
        if not goal.atoms:
            try:
                goal = parse_task(goal.text, vocabulary())
            except GoalError as error:
                return _give_up(f"{why}; and without it the task is not understood: {error}")
        if not self.config.fallback:
            return _give_up(why)
        task.resort = why
        self._symbolic.start(goal, {t: Pin(object_id=name) for t, name in pinned.items()})
        return None

    def _act_symbolically(
        self, task: _Task, memory: Memory, *, succeeded: bool, message: str
    ) -> Decision:
        decision = self._symbolic.act(memory, succeeded=succeeded, message=message)
        note = f"symbolic planner, since {task.resort}"
        return replace(decision, reason=f"{decision.reason} ({note})")

    def _drop_tree(self, task: _Task) -> None:
        if task.tree is not None:
            task.tree.stop(Status.INVALID)
        task.tree = None

    def _drop_plan(self, task: _Task, problem: str) -> None:
        """Forget the plan, and tell the model why when it is asked for the next one."""
        logger.info("plan dropped: %s", problem)
        self._drop_tree(task)
        task.plan, task.explorer, task.at = None, None, 0
        task.problems.append(problem)

    def _with_plan(self, decision: Decision, task: _Task) -> Decision:
        assert task.plan is not None, "a decision came from a step"
        lines = tuple(str(call) for call in task.plan.calls[task.at :])
        return replace(decision, plan=() if task.explorer is not None else lines)


def _names(task: _Task, skills: Skills) -> Names:
    """Return what names mean now; what the plan bound stays bound."""
    bound: dict[Term, str] = task.plan.bound if task.plan is not None else {}
    return Names(skills.situation.belief, _distance(skills), bound)


def _distance(skills: Skills) -> Callable[[Thing], float]:
    here = skills.situation.body.position

    def distance(thing: Thing) -> float:
        return float(np.linalg.norm(thing.center[:2] - here))

    return distance


def _give_up(reason: str) -> Decision:
    return Decision(action=DONE, reason=f"{GIVEN_UP}{reason}")
