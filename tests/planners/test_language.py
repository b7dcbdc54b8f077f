"""The language planner through real HTTP: whole episodes, refused plans, budgets, the fallback."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from contracts.planner_contract import PlannerContract
from llm_server import LlmServer, Reply, Request
from rule_model import RuleModel, block

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.goals import Goal, parse_goal
from embodied_mem.interfaces import Decision, Outcome
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.language import LanguagePlanner
from planners.language_config import BudgetConfig, EndpointConfig, LanguagePlannerConfig
from planners.symbolic_planner import GIVEN_UP


def planner(server: LlmServer | str, examples=None, **settings) -> LanguagePlanner:
    url = server if isinstance(server, str) else server.url
    endpoint = EndpointConfig(model="rules", base_url=url, timeout=10.0, retries=0)
    return LanguagePlanner(LanguagePlannerConfig(endpoint=endpoint, **settings), examples=examples)


def say(steps: Sequence[tuple[str, ...]], goal: Sequence[tuple[str, ...]] = ()) -> str:
    """Return a plan as a model says it."""
    calls = [dict(zip(("skill", "object", "place"), (*s, ""), strict=False)) for s in steps]
    atoms = [{"predicate": predicate, "terms": list(terms)} for predicate, *terms in goal]
    return json.dumps({"goal": atoms, "steps": calls, "thought": "so"})


class Reasons:
    """Keeps every decision."""

    def __init__(self):
        self.all: list[Decision] = []

    def on_start(self, goal: Goal, memory: Memory) -> None:
        self.all.clear()

    def on_step(self, step, percept, decision: Decision, memory: Memory) -> None:
        self.all.append(decision)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        pass


@pytest.fixture(scope="module")
def one_room():
    with HouseholdSim(house=generate_house(2, GeneratorConfig(rooms=1))) as sim:
        yield sim


@pytest.fixture
def first_look(one_room: HouseholdSim) -> Memory:
    memory = Memory()
    memory.write(Pipeline(OracleConfig())(one_room.reset().frame))
    return memory


class TestContract(PlannerContract):
    @pytest.fixture
    def planner(self):
        with LlmServer(RuleModel()) as server:
            yield planner(server)

    @pytest.fixture
    def memory(self, first_look: Memory) -> Memory:
        return first_look


def act(mind: LanguagePlanner, memory: Memory, goal: Goal | str) -> Decision:
    mind.start(parse_goal(goal) if isinstance(goal, str) else goal)
    return mind.act(memory, succeeded=True, message="")


def run(sim: HouseholdSim, mind: LanguagePlanner, goal: Goal, **more) -> tuple[Outcome, Reasons]:
    seen = Reasons()
    agent = Agent(perceive=Pipeline(OracleConfig()), memory=Memory(), planner=mind)
    outcome = run_episode(sim, agent, goal=goal, subscribers=[seen], max_steps=400, **more)
    return outcome, seen


def test_an_episode_goes_through_a_model_that_plans_from_the_prompt(one_room: HouseholdSim):
    with LlmServer(RuleModel()) as server:
        outcome, seen = run(one_room, planner(server), parse_goal("on(mug, sofa)"))
    assert outcome.success, outcome.reason
    assert not any("symbolic" in decision.reason for decision in seen.all)
    assert server.requests
    assert any("pickup(mug_1)" in decision.plan for decision in seen.all)
