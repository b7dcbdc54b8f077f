"""What no part of the chain may stumble over, from the simulator through perception to memory."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from inline_snapshot import snapshot

from embodied_mem import Action, Frame, Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import GoalError
from embodied_mem.goals import parse_goal
from embodied_mem.interfaces import Step
from embodied_mem.runtime import Agent, run_episode
from perception import OracleConfig, Pipeline
from planners import parse_task
from planners.affordances import vocabulary
from planners.symbolic_planner import SymbolicPlanner, SymbolicPlannerConfig


@pytest.fixture(scope="module")
def sim() -> Iterator[HouseholdSim]:
    config = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=120, height=120)
    with HouseholdSim(config) as household:
        yield household


def with_depth(frame: Frame, depth: np.ndarray) -> Frame:
    return replace(frame, depth=depth.astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf, -1.0])
def test_depth_without_a_single_measurement_teaches_nothing_and_breaks_nothing(
    sim: HouseholdSim, value: float
):
    memory, perceive = Memory(), Pipeline(OracleConfig())
    frame = sim.reset().frame
    memory.write(perceive(frame))
    before = {known.object_id: known.status for known in memory.known()}
    blind = with_depth(frame, np.full(frame.rgb.shape[:2], value))
    for _ in range(8):
        memory.write(perceive(blind))
    after = {known.object_id: known.status for known in memory.known()}
    assert {name: after[name] for name in before} == before
    assert after.keys() == before.keys()


def test_a_camera_inside_a_wall_sees_little_and_memory_stays_sane(sim: HouseholdSim):
    memory, perceive = Memory(), Pipeline(OracleConfig())
    memory.write(perceive(sim.reset().frame))
    known_before = len(memory)
    wall = sim.engine.world.shell.obstacles[0]
    step = sim.step(
        Action(
            name="Teleport",
            arguments={"x": wall.center_x, "y": 0.9, "z": wall.center_z, "forceAction": True},
        )
    )
    assert isinstance(step, Step)
    memory.write(perceive(step.frame))
    gone = [known for known in memory.known() if known.status == "gone"]
    assert not gone
    assert len(memory) >= known_before


def test_a_camera_that_jumps_leaves_each_object_where_it_is(sim: HouseholdSim):
    memory, perceive = Memory(), Pipeline(OracleConfig())
    first = sim.reset().frame
    memory.write(perceive(first))
    places = {known.object_id: known.position for known in memory.known()}
    reachable = sim.engine.step({"action": "GetReachablePositions"}).metadata["actionReturn"]
    for spot in (reachable[0], reachable[-1], reachable[len(reachable) // 2]):
        jump = Action(name="Teleport", arguments={**spot, "rotation": 180.0, "horizon": 0.0})
        memory.write(perceive(sim.step(jump).frame))
    for name, place in places.items():
        assert np.linalg.norm(memory.get(name).position - place) < 1.0


def test_an_unknown_action_is_a_failed_step_with_the_simulators_sentence(sim: HouseholdSim):
    sim.reset()
    step = sim.step(Action(name="Levitate"))
    assert not step.action_success
    assert step.message == snapshot("Invalid action: Levitate")


def test_a_goal_about_what_is_not_there_is_given_up_with_a_reason(sim: HouseholdSim):
    agent = Agent(
        perceive=Pipeline(OracleConfig()),
        memory=Memory(),
        planner=SymbolicPlanner(SymbolicPlannerConfig()),
    )
    goal = parse_goal("in(apple, fridge)")  # The only room is a bedroom.
    outcome = run_episode(sim, agent, goal=goal, judge=sim, max_steps=400)
    assert not outcome.success
    assert outcome.reason.startswith("given up: no ")
    assert outcome.steps < 400


def test_a_goal_about_what_cannot_be_is_refused_before_anything_moves():
    with pytest.raises(GoalError) as error:
        parse_task("put the unicorn on the table", vocabulary())
    assert "unicorn" in str(error.value)
