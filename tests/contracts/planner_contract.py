"""Checks that every planner must pass. Subclass, provide `planner` and `memory`."""

import pytest

from embodied_mem.goals import Goal, parse_goal
from embodied_mem.interfaces import Decision, Planner
from embodied_mem.memory import Memory

PHASES = {"explore", "navigate", "act"}


class PlannerContract:
    @pytest.fixture
    def planner(self) -> Planner:
        raise NotImplementedError("override the `planner` fixture")

    @pytest.fixture
    def memory(self) -> Memory:
        """A memory with at least one percept that has poses."""
        raise NotImplementedError("override the `memory` fixture")

    @pytest.fixture
    def goal(self) -> Goal:
        return parse_goal("on(apple, fridge)")

    def test_it_is_a_planner(self, planner: Planner):
        assert isinstance(planner, Planner)

    def test_it_decides_on_an_action(self, planner: Planner, memory: Memory, goal: Goal):
        planner.start(goal)
        decision = planner.act(memory, succeeded=True, message="")
        assert isinstance(decision, Decision)
        assert decision.action.name
        assert decision.phase in PHASES

    def test_it_starts_anew_at_any_time(self, planner: Planner, memory: Memory, goal: Goal):
        for _ in range(3):
            planner.start(goal)
            planner.act(memory, succeeded=True, message="")
            planner.act(memory, succeeded=False, message="something is in the way")

    def test_the_same_start_gives_the_same_decision(
        self, planner: Planner, memory: Memory, goal: Goal
    ):
        decisions = []
        for _ in range(2):
            planner.start(goal)
            decisions.append(planner.act(memory, succeeded=True, message=""))
        assert decisions[0] == decisions[1]

    def test_memory_is_only_read(self, planner: Planner, memory: Memory, goal: Goal):
        before = (len(memory), memory.stamp, [known.object_id for known in memory.known()])
        planner.start(goal)
        planner.act(memory, succeeded=True, message="")
        assert before == (len(memory), memory.stamp, [k.object_id for k in memory.known()])
