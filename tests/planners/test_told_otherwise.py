"""What a refusal says outweighs what was seen."""

from dataclasses import replace

from kitchen import kitchen

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.goals import parse_goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.types import Frame, Percept
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.symbolic_planner import SymbolicPlanner


class TakesFridgesForOpen:
    """An oracle but for one thing."""

    def __init__(self) -> None:
        self.oracle = Pipeline(OracleConfig())

    def __call__(self, frame: Frame) -> Percept:
        percept = self.oracle(frame)
        attributes = tuple(
            {**states, "open": True} if label == "Fridge" else states
            for label, states in zip(percept.labels, percept.attributes, strict=True)
        )
        return replace(percept, attributes=attributes)


class Tries:
    """Lists the actions of the hand and whether they worked."""

    def __init__(self) -> None:
        self.made: list[tuple[str, bool]] = []
        self._last = ""

    def on_start(self, goal: object, memory: Memory) -> None:
        """Do nothing."""

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Note what came of the last one."""
        if self._last.endswith("Object"):
            self.made.append((self._last, step.action_success))
        self._last = decision.action.name

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Do nothing."""


def test_a_fridge_that_proves_to_be_shut_is_opened():
    agent = Agent(perceive=TakesFridgesForOpen(), memory=Memory(), planner=SymbolicPlanner())
    tries = Tries()
    with HouseholdSim(house=kitchen()) as sim:
        goal = parse_goal("in(mug, fridge)")
        outcome = run_episode(sim, agent, goal=goal, max_steps=200, subscribers=[tries])
    assert outcome.success, tries.made
    refused = tries.made.index(("PutObject", False))
    assert tries.made[refused + 1] == ("OpenObject", True)
    assert ("PutObject", False) not in tries.made[refused + 1 :]
