"""One task of ordered sub-goals, under each condition of the memory, from the same beginning.

The beginning - a tour of the house and earlier tasks - is lived through once, by an agent with the
whole memory. Each condition then goes on from there with a copy of that memory, of which it keeps
its part, in a copy of that world. So all conditions have seen and done the same, and face the same
house; they differ in what they still know.
"""

import copy
import time
from dataclasses import dataclass, field

import msgspec
import numpy as np

from embodied_mem.app.build import build_perceiver, senses
from embodied_mem.app.commands import PolicyName, Senses
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.backends.privileged import tour
from embodied_mem.backends.stage import Stage
from embodied_mem.backends.task_files import Budget, SuiteTask, TaskStep
from embodied_mem.backends.thor_frames import thor_vector, world_from_thor
from embodied_mem.errors import GoalError
from embodied_mem.goals import Term, fold
from embodied_mem.interfaces import Decision, Outcome, Perceiver, Step
from embodied_mem.memory import Known, Memory
from embodied_mem.memory.dual import Carried, DualMemory, ShortTermConfig
from embodied_mem.memory.replacement import (
    DecayConfig,
    FIFOConfig,
    LFUConfig,
    LRUConfig,
    ReplacementConfig,
    TinyLFUConfig,
)
from embodied_mem.runtime.agent import Agent
from embodied_mem.runtime.episode import run_episode
from embodied_mem.runtime.metrics import EpisodeRow
from embodied_mem.runtime.ordered_goals import OrderedProgress
from embodied_mem.types import PASS, Percept
from planners.affordances import kind_of
from planners.reference import Reading, ReferringPlanner, Refused, read_instruction
from planners.symbolic_planner import SymbolicPlanner

_NEAR = 0.5
"""A thing this near to where memory has it is where memory has it [m]."""

_BEFORE = 400
"""Most steps for an earlier task, which is not scored."""


class GradedJob(msgspec.Struct, frozen=True, kw_only=True):
    """One task, and the conditions under which it is done."""

    suite: str
    task: SuiteTask
    budget: Budget
    conditions: tuple[Carried, ...]
    policy: PolicyName
    capacity: int
    perception: Senses
    seed: int


def do_task(job: GradedJob) -> tuple[EpisodeRow, ...]:
    """Do one task under each condition; called in a process of its own."""
    beginning = _Beginning.lived(job)
    return tuple(
        _under(job, condition, beginning) for condition in sorted(job.conditions, key=_last_both)
    )


def _last_both(condition: Carried) -> bool:
    """Let the one that goes on with the original memory be the last."""
    return condition == "both"


def replacement(name: PolicyName) -> ReplacementConfig:
    """Return the policy that the command line names."""
    match name:
        case "fifo":
            return FIFOConfig()
        case "lru":
            return LRUConfig()
        case "lfu":
            return LFUConfig()
        case "w_tinylfu":
            return TinyLFUConfig()
        case "decay":
            return DecayConfig()


def stays(label: str) -> bool:
    """Tell whether things of a label stay where they are."""
    return not kind_of(label).graspable


@dataclass(slots=True)
class _Sources:
    """The true object behind each of memory's, for scoring alone: a Subscriber."""

    ids: dict[str, str] = field(default_factory=dict)

    def see(self, percept: Percept, memory: Memory) -> None:
        """Note what is in view."""
        if percept.source_ids is not None:
            for name, index in memory.in_view().items():
                self.ids[name] = percept.source_ids[index]

    def on_start(self, goal: object, memory: Memory) -> None:
        """Do nothing."""

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Note what is in view."""
        self.see(percept, memory)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Searches:
    """Counts the places gone to in search of something: a Subscriber."""

    count: int = 0
    _last: tuple[str, str, str | None] = ("", "", None)

    def on_start(self, goal: object, memory: Memory) -> None:  # noqa: ARG002
        """Begin anew."""
        self._last = ("", "", None)

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Count a search where it begins."""
        now = (decision.phase, decision.reason, decision.target)
        self.count += decision.phase == "explore" and now != self._last
        self._last = now

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Beginning:
    """What all conditions have in common."""

    stage: Stage
    memory: DualMemory
    planner: SymbolicPlanner
    sources: _Sources
    expert: int
    trouble: str
    """Why the task cannot be scored; empty where it can."""

    @classmethod
    def lived(cls, job: GradedJob) -> "_Beginning":
        """Tour the house and do the earlier tasks."""
        stage = Stage(job.task, HouseholdSimConfig())
        short = ShortTermConfig(capacity=job.capacity, replacement=replacement(job.policy))
        memory = DualMemory(stays=stays, short_term=short)
        planner, sources = SymbolicPlanner(), _Sources()
        step = stage.reset()
        perceive = build_perceiver(senses(job.perception, seed=job.seed))
        if job.task.tour:
            memory.write(perceive(step.frame))
            for action in tour(stage.sim.engine):
                step = stage.step(action)
                percept = perceive(step.frame)
                memory.write(percept)
                sources.see(percept, memory)
                planner.watch(memory)
        trouble = ""
        for number, part in enumerate(job.task.before):
            reading = read_instruction(part.words, memory)
            agent = Agent(
                perceive=perceive, memory=memory, planner=ReferringPlanner(planner, reading)
            )
            progress = OrderedProgress(stage.goals([part]), lambda _, part=part: stage.judge(part))
            step = stage.step(PASS)
            run_episode(
                stage,
                agent,
                goal=reading.goal,
                judge=progress,
                max_steps=_BEFORE,
                subscribers=(progress, sources),
                start=step,
            )
            if not progress.complete:
                trouble = f"earlier task {number + 1} did not come about: {part.words}"
                break
            if not stage.conclude(part):
                trouble = f"nothing could be moved as planned after earlier task {number + 1}"
                break
        expert = 0 if trouble else stage.expert_steps(job.task.steps)
        return cls(stage, memory, planner, sources, expert, trouble)


def _under(job: GradedJob, condition: Carried, beginning: _Beginning) -> EpisodeRow:
    """Do the scored steps under one condition."""
    if beginning.trouble:
        return _void(job, condition, beginning.trouble)
    original = condition == "both"
    attempt = _Attempt(
        job=job,
        condition=condition,
        stage=beginning.stage if original else beginning.stage.twin(),
        memory=beginning.memory if original else copy.deepcopy(beginning.memory),
        planner=beginning.planner if original else SymbolicPlanner(),
        sources=_Sources(dict(beginning.sources.ids)),
    )
    row = attempt.run(beginning.expert)
    attempt.stage.close()
    return row


def _void(job: GradedJob, condition: Carried, reason: str) -> EpisodeRow:
    return EpisodeRow(
        group=condition, task=job.task.name, goal=job.task.instruction, success=False, met=0,
        total=0, steps=0, failed_actions=0, exploration_steps=0, path_length=0.0, seconds=0.0,
        reason=f"not scored: {reason}", suite=job.suite, scored=False,
    )  # fmt: skip


@dataclass(slots=True)
class _Attempt:
    """The scored steps of one task under one condition."""

    job: GradedJob
    condition: Carried
    stage: Stage
    memory: DualMemory
    planner: SymbolicPlanner
    sources: _Sources
    searches: _Searches = field(default_factory=_Searches)
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: str = ""
    """Why the instruction was not understood."""
    asked: int = 0
    answered: int = 0
    recalled: int = 0
    corrections: int = 0
    """How often a `done` was answered with `no`."""

    def run(self, expert: int) -> EpisodeRow:
        """Do one step after another, as long as each is reached and the budget lasts."""
        steps, began = self.job.task.steps, time.perf_counter()
        most = self.job.budget.steps(expert)
        progress = OrderedProgress(
            self.stage.goals(steps), lambda number: self.stage.judge(steps[number])
        )
        perceive = build_perceiver(senses(self.job.perception, seed=self.job.seed + 1))
        for number, part in enumerate(steps):
            self._pass_on()
            self._reach(part, perceive, progress, number, most)
            if progress.reached <= number or not self.stage.conclude(part):
                break
        return self._row(progress, expert, time.perf_counter() - began)

    def _reach(
        self, part: TaskStep, perceive: Perceiver, progress: OrderedProgress, number: int, most: int
    ) -> None:
        """Do one step; where the agent has taken its words for something else, it is told no.

        It then tries what else they may mean, doubts what it did, and what it did it to, until the
        budget is spent or it has no other guess.
        """
        step = self.stage.step(PASS)
        refused = Refused(since=step.frame.stamp)
        while True:
            try:
                reading = read_instruction(part.words, self.memory, refused)
            except GoalError as error:  # Words that point back to what is not remembered.
                self.trouble = f"not understood: {error}"
                return
            if refused == Refused(since=refused.since):
                self._ask(part, reading, step)
            again = bool(refused.doubted)
            self._try(reading, perceive, progress, self._left(most), step, again=again)
            after = refused.after(reading, self.planner.meant, self._sure)
            if progress.reached > number or after == refused or not self._left(most):
                return
            self.corrections += bool(self.planner.meant)  # Else it gave up a guess by itself.
            refused, step = after, self.stage.step(PASS)

    def _sure(self, name: str) -> float:
        """Return how sure it is that an object is there, and what it is taken for, 0..1."""
        return self.memory.get(name).confidence

    def _left(self, most: int) -> int:
        """Return the steps that are left of the budget."""
        return most - sum(outcome.steps for outcome in self.outcomes)

    def _try(
        self, reading: Reading, perceive: Perceiver, progress: OrderedProgress, left: int,
        start: Step, *, again: bool,
    ) -> None:  # fmt: skip
        """Do what the words are read to mean; `again` if it was declared done and was not."""
        planner = ReferringPlanner(self.planner, reading, again=again)
        agent = Agent(perceive=perceive, memory=self.memory, planner=planner)
        outcome = run_episode(
            self.stage,
            agent,
            goal=reading.goal,
            judge=progress,
            max_steps=left,
            subscribers=(progress, self.sources, self.searches),
            start=start,
        )
        self.outcomes.append(outcome)

    def _pass_on(self) -> None:
        """Leave behind what the condition does not carry to the next step."""
        self.memory.carry(self.condition)
        if self.condition != "both":  # What the planner noted for itself is memory, too.
            self.planner = SymbolicPlanner()

    def _ask(self, part: TaskStep, reading: Reading, step: Step) -> None:
        """Ask memory for all that the goal speaks of, and compare with the truth.

        For a thing the answer is what words that point back were found to mean, else the nearest
        thing of that type. It is true where that very thing is there now, and is the one that was
        meant.
        """
        objects = {entry["objectId"]: entry for entry in self.stage.sim.metadata["objects"]}
        fixed, spared = self.stage.fixed(part), set(self.stage.excluded(part).values())
        meant = set(fixed.values())
        for term in reading.goal.terms():
            self.asked += 1
            answer = self._answer(term, reading, step)
            if answer is None:
                continue
            self.answered += 1
            self.memory.use(answer.object_id)
            entry = objects.get(self.sources.ids.get(answer.object_id, ""))
            if entry is None:
                continue
            center = world_from_thor(thor_vector(entry["axisAlignedBoundingBox"]["center"]))
            there = (center > answer.box[0] - _NEAR).all() and (
                center < answer.box[1] + _NEAR
            ).all()
            refers = term in reading.referring or term.label in part.fixed
            right = entry["objectId"] in meant or not (refers and meant)
            self.recalled += bool(there) and right and entry["objectId"] not in spared

    def _answer(self, term: Term, reading: Reading, step: Step) -> Known | None:
        pin = reading.pins.get(term)
        held = [
            known
            for known in self.memory.known()
            if fold(known.label) == term.label
            and known.status != "gone"
            and (pin is None or pin.object_id in {"", known.object_id})
            and (pin is None or known.object_id not in pin.excluded)
        ]
        body = step.frame.T_world_body
        here = np.zeros(3) if body is None else body.translation
        return min(
            held, key=lambda known: float(np.linalg.norm(known.position - here)), default=None
        )

    def _row(self, progress: OrderedProgress, expert: int, seconds: float) -> EpisodeRow:
        done, task = progress.progress(), self.job.task
        return EpisodeRow(
            group=self.condition,
            task=task.name,
            goal=task.instruction or "; ".join(step.words for step in task.steps),
            success=progress.complete,
            met=done.met,
            total=done.total,
            steps=sum(o.steps for o in self.outcomes),
            failed_actions=sum(o.failed_actions for o in self.outcomes),
            exploration_steps=sum(o.exploration_steps for o in self.outcomes),
            path_length=round(sum(o.path_length for o in self.outcomes), 3),
            seconds=round(seconds, 3),
            reason=self.trouble or self.outcomes[-1].reason,
            expert_steps=expert,
            suite=self.job.suite,
            asked=self.asked,
            answered=self.answered,
            recalled=self.recalled,
            visited_points=self.searches.count,
            corrections=self.corrections,
            budget=self.job.budget.steps(expert),
        )
