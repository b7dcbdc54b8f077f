"""A subscriber that keeps every decision of an episode."""

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome
from embodied_mem.memory import Memory


class Decisions:
    """Keeps every decision of the newest episode."""

    def __init__(self):
        self.all: list[Decision] = []

    def on_start(self, goal: Goal, memory: Memory) -> None:
        self.all.clear()

    def on_step(self, step, percept, decision: Decision, memory: Memory) -> None:
        self.all.append(decision)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        pass
