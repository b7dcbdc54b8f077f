"""A perceiver, a memory and a planner, as one policy."""

from dataclasses import dataclass

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Perceiver, Planner, Step
from embodied_mem.memory import Memory
from embodied_mem.types import Frame, Percept


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Sees, remembers, decides."""

    perceive: Perceiver
    memory: Memory
    planner: Planner

    def observe(self, frame: Frame) -> Percept:
        """Take one frame into memory and return what was seen."""
        percept = self.perceive(frame)
        self.memory.write(percept)
        return percept

    def start(self, goal: Goal) -> None:
        """Take a new goal; memory stays."""
        self.planner.start(goal)

    def decide(self, last: Step) -> Decision:
        """Choose the next action; `last` tells how the previous one went."""
        return self.planner.act(self.memory, succeeded=last.action_success, message=last.message)

    def remember(self, decision: Decision, result: Step) -> None:
        """Note in memory what was done and how it went."""
        self.memory.record(
            decision.action,
            target=decision.target,
            succeeded=result.action_success,
            stamp=result.frame.stamp,
        )
