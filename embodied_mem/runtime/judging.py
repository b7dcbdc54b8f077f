"""A judge with a goal of its own, where the agent is told only words."""

from dataclasses import dataclass

from embodied_mem.goals import Goal, Progress
from embodied_mem.interfaces import Judge


@dataclass(frozen=True, slots=True)
class StatedGoal:
    """Judges by conditions that the planner is not told."""

    referee: Judge
    """Who knows the truth."""
    goal: Goal
    """What success means."""

    def judge(self, goal: Goal) -> Progress:  # noqa: ARG002 - the words are not judged.
        """Score the stated goal, whatever the agent was asked in words."""
        return self.referee.judge(self.goal)
