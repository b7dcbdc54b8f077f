"""Run one episode: the only loop."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from embodied_mem.errors import EmbodiedMemError, PlanningError
from embodied_mem.goals import Goal, Progress, parse_goal
from embodied_mem.interfaces import Backend, Decision, Judge, Outcome, Step, Subscriber
from embodied_mem.runtime.agent import Agent
from embodied_mem.runtime.interrupts import deferred_interrupts
from embodied_mem.types import DONE, Frame

INTERRUPTED = "interrupted"
"""The reason in the outcome of an episode that Ctrl-C ended."""


@dataclass(slots=True)
class _Tally:
    """What the loop counts."""

    began: float = field(default_factory=time.perf_counter)
    steps: int = 0
    failed: int = 0
    explored: int = 0
    path: float = 0.0
    reason: str = "ended by an error"

    def count(self, decision: Decision, before: Step, after: Step) -> None:
        self.steps += 1
        self.failed += not after.action_success
        self.explored += decision.phase == "explore"
        self.path += _moved(before.frame, after.frame)

    def outcome(self, goal: Goal, progress: Progress) -> Outcome:
        return Outcome(
            goal=goal,
            success=progress.complete,
            progress=progress,
            steps=self.steps,
            failed_actions=self.failed,
            exploration_steps=self.explored,
            path_length=self.path,
            seconds=time.perf_counter() - self.began,
            reason=self.reason,
        )


def run_episode(
    backend: Backend,
    agent: Agent,
    *,
    goal: Goal | str,
    judge: Judge | None = None,
    max_steps: int = 1000,
    subscribers: Sequence[Subscriber] = (),
    start: Step | None = None,
) -> Outcome:
    """Perceive, remember, decide and act until the planner says Done or the budget is spent.

    Done itself is not carried out. The frame that follows the last action is still perceived, so
    memory ends up to date. A planner's failure (PlanningError) ends the episode as an outcome
    without success. Ctrl-C, which waits for the end of a step, and other errors end it in order:
    subscribers' `on_end` is called with an outcome whose reason says so, then the exception goes on
    to the caller, so that a loop over episodes stops too.

    Args:
        backend: Where actions happen.
        agent: Who acts.
        goal: What is to be reached, as a goal or in predicate form.
        judge: Tells success from the truth; by default the backend, where it is a judge and the
            goal has conditions.
        max_steps: Most actions carried out (ALFRED's limit is 1000).
        subscribers: Told of every decision.
        start: The step to go on from, without a reset; None resets the backend.

    Raises:
        GoalError: The goal cannot be read.
    """
    target = parse_goal(goal) if isinstance(goal, str) else goal
    referee = judge if judge is not None else _judge_of(backend, target)
    tally = _Tally()
    progress = Progress(0, len(target.atoms) or 1)
    started: list[Subscriber] = []
    try:
        step = backend.reset() if start is None else start
        agent.start(target)
        for subscriber in subscribers:
            started.append(subscriber)
            subscriber.on_start(target, agent.memory)
        with deferred_interrupts() as check:
            loop = _Loop(backend, agent, max_steps, subscribers, tally, check)
            tally.reason = loop.run(step)
        if referee is not None:
            progress = referee.judge(target)
    except KeyboardInterrupt:
        tally.reason = INTERRUPTED
        raise
    except EmbodiedMemError as error:
        tally.reason = f"failed: {error}"
        raise
    finally:
        outcome = tally.outcome(target, progress)
        with ExitStack() as endings:  # All are told, also when one of them fails.
            for subscriber in reversed(started):
                endings.callback(subscriber.on_end, outcome, agent.memory)
    return outcome


def _judge_of(backend: Backend, goal: Goal) -> Judge | None:
    """Return the backend as a judge, if it is one; words alone cannot be judged."""
    return backend if goal.atoms and isinstance(backend, Judge) else None


@dataclass(slots=True)
class _Loop:
    """Perceive, remember, decide, act."""

    backend: Backend
    agent: Agent
    max_steps: int
    subscribers: Sequence[Subscriber]
    tally: _Tally
    check_interrupt: Callable[[], None]

    def run(self, step: Step) -> str:
        """Run from a step on, and return why it ended."""
        while True:
            percept = self.agent.observe(step.frame)
            self.check_interrupt()
            if step.done:
                return step.message or "the backend has nothing more to show"
            if self.tally.steps >= self.max_steps:
                return f"the budget of {self.max_steps} steps is spent"
            try:
                decision = self.agent.decide(step)
            except PlanningError as error:
                return f"the planner failed: {error}"
            for subscriber in self.subscribers:
                subscriber.on_step(step, percept, decision, self.agent.memory)
            if decision.action.name == DONE.name:
                return decision.reason
            after = self.backend.step(decision.action)
            self.agent.remember(decision, after)
            self.tally.count(decision, step, after)
            step = after


def _moved(before: Frame, after: Frame) -> float:
    """Return how far the body went [m]; 0 where poses are unknown."""
    if before.T_world_body is None or after.T_world_body is None:
        return 0.0
    way = after.T_world_body.translation - before.T_world_body.translation
    return float(np.hypot(way[0], way[1]))
