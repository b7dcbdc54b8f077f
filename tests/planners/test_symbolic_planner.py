"""Whole episodes: from a goal and a strange house to the goal reached, with oracle perception."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld
from contracts.planner_contract import PlannerContract
from decision_log import Decisions

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.task_sampling import sample_tasks
from embodied_mem.errors import PlanningError
from embodied_mem.goals import fold, parse_goal
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.types import PASS, Action
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.belief import BELIEVED
from planners.skills import _MANNERS
from planners.symbolic import PlanStep
from planners.symbolic_planner import GIVEN_UP, SymbolicPlanner


def agent(memory: Memory | None = None) -> Agent:
    return Agent(
        perceive=Pipeline(OracleConfig()), memory=memory or Memory(), planner=SymbolicPlanner()
    )


@pytest.fixture
def first_look() -> Memory:
    memory = Memory()
    with HouseholdSim(house=generate_house(2, GeneratorConfig(rooms=1))) as sim:
        memory.write(Pipeline(OracleConfig())(sim.reset().frame))
    return memory


class TestContract(PlannerContract):
    @pytest.fixture
    def planner(self) -> SymbolicPlanner:
        return SymbolicPlanner()

    @pytest.fixture
    def memory(self, first_look: Memory) -> Memory:
        return first_look


@pytest.mark.parametrize("seed", [3, 4])
def test_sampled_tasks_are_done_in_a_strange_house(seed: int):
    house = generate_house(seed, GeneratorConfig(rooms=2))
    with HouseholdSim(house=house) as sim:
        sim.reset()
        for goal in sample_tasks(sim.engine, 2, seed):
            outcome = run_episode(sim, agent(), goal=goal, max_steps=400)
            assert outcome.success, (str(goal), outcome.reason)
            assert not outcome.reason.startswith(GIVEN_UP)
            assert outcome.failed_actions <= 0.1 * outcome.steps


def move_by_another_hand(sim: HouseholdSim, label: str, place: str) -> str:
    """Move an object of a type away from a place to some other open receptacle."""
    objects = {entry["objectId"]: entry for entry in sim.engine.look().metadata["objects"]}
    moved = next(
        entry
        for entry in objects.values()
        if fold(entry["objectType"]) == label
        and any(fold(objects[p]["objectType"]) == place for p in entry["parentReceptacles"] or ())
    )
    for entry in objects.values():
        open_place = entry["receptacle"] and not entry["pickupable"] and not entry["openable"]
        elsewhere = fold(entry["objectType"]) != place
        takes = open_place and elsewhere and can_hold(entry["objectType"], moved["objectType"])
        if takes and sim.relocate(moved["objectId"], entry["objectId"]):
            return entry["objectId"]
    raise AssertionError("nothing in this house takes the object")


def test_what_another_hand_moved_is_noticed_found_and_brought_back():
    house = generate_house(5, GeneratorConfig(rooms=1))
    goal = parse_goal("on(mug, coffeetable)")
    with HouseholdSim(house=house) as sim:
        knowing = agent()
        first = run_episode(sim, knowing, goal=goal, max_steps=400)
        assert first.success, first.reason
        move_by_another_hand(sim, "mug", "coffeetable")
        start = sim.step(PASS)
        assert not sim.judge(goal).complete
        again = run_episode(sim, knowing, goal=goal, max_steps=400, start=start)
    assert again.success, again.reason
    assert again.steps > 0


def test_what_is_remembered_need_not_be_looked_for():
    house = generate_house(2, GeneratorConfig(rooms=1))
    goal = parse_goal("on(mug, sofa)")
    with HouseholdSim(house=house) as sim:
        knowing = agent()
        run_episode(sim, knowing, goal=parse_goal("held(spaceship)"), max_steps=400)
        known = run_episode(sim, knowing, goal=goal, max_steps=400, start=sim.step(PASS))
    assert known.success, known.reason
    assert known.exploration_steps == 0


def test_the_same_episode_twice_is_the_same():
    house = generate_house(5, GeneratorConfig(rooms=1))
    runs = []
    with HouseholdSim(house=house) as sim:
        sim.reset()
        goal = sample_tasks(sim.engine, 1, 5)[0]
        for _ in range(2):
            seen = Decisions()
            run_episode(sim, agent(), goal=goal, max_steps=60, subscribers=[seen])
            runs.append([str(decision.action) for decision in seen.all])
    assert runs[0] == runs[1]


def test_frames_without_poses_are_one_clear_sentence():
    memory = Memory()
    planner = SymbolicPlanner()
    planner.start(parse_goal("on(lamp)"))
    with pytest.raises(PlanningError, match="needs the pose of body and camera"):
        planner.act(memory, succeeded=True, message="")


def test_a_planner_without_a_goal_says_so(first_look: Memory):
    with pytest.raises(PlanningError, match="no goal"):
        SymbolicPlanner().act(first_look, succeeded=True, message="")


def doubted_mug() -> Memory:
    """Return a table with a mug on it that one weak detection has shown."""
    world, memory = BoxWorld(), Memory()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "Mug", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    percept = world.look(0, 0, 0)
    scores = np.where([label == "Mug" for label in percept.labels], 0.6, 1.0)
    memory.write(replace(percept, scores=scores))
    return memory


def test_what_is_doubtful_is_looked_at_before_it_is_given_up_or_counts():
    memory = doubted_mug()
    planner = SymbolicPlanner()
    planner.start(parse_goal("on(mug, diningtable)"))
    assert memory.find("mug")[0].confidence < BELIEVED
    decision = planner.act(memory, succeeded=True, message="")
    assert decision.action.name != "Done"
    assert decision.phase == "navigate", "it looks at the mug"


def test_what_vanishes_as_one_comes_nearer_is_looked_for_in_its_place_first():
    memory = doubted_mug()
    memory.objects[memory.find("mug")[0].object_id].belief = 0.95
    planner = SymbolicPlanner()
    planner.start(parse_goal("held(mug)"))
    planner.act(memory, succeeded=True, message="")
    memory.objects[memory.find("mug")[0].object_id].status = "gone"
    memory.objects.touch(memory.objects[memory.find("mug")[0].object_id])
    decision = planner.act(memory, succeeded=True, message="")
    while decision.reason == "looking around":
        decision = planner.act(memory, succeeded=True, message="")
    assert decision.reason == "looking again at the Mug"


def test_a_tool_that_vanishes_on_the_way_is_looked_for_in_its_place_first():
    world, memory = BoxWorld(), Memory()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("apple", "Apple", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    world.add("knife", "Knife", (1.8, 0.3, 0.82), (0.2, 0.05, 0.04))
    for step in range(3):
        memory.write(world.look(0, 0, 0.01 * step))
    planner = SymbolicPlanner()
    planner.start(parse_goal("sliced(apple)"))
    decision = planner.act(memory, succeeded=True, message="")
    assert any("knife" in line for line in decision.plan)
    knife = memory.objects[memory.find("knife")[0].object_id]
    knife.status = "gone"
    memory.objects.touch(knife)
    decision = planner.act(memory, succeeded=True, message="")
    while decision.reason == "looking around":
        decision = planner.act(memory, succeeded=True, message="")
    assert decision.reason == "looking again at the Knife"


def put_mug() -> tuple[BoxWorld, Memory, SymbolicPlanner]:
    """Return a table that a mug is believed to have been put on, and was not."""
    world, memory = BoxWorld(), Memory()
    world.add("table", "DiningTable", (1.4, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("shelf", "Shelf", (-2.0, 0.0, 0.4), (0.6, 1.6, 0.8))
    world.add("mug", "Mug", (1.2, -0.3, 0.85), (0.1, 0.1, 0.1), dirty=False)
    for _ in range(3):
        memory.write(world.look(0, 0, 0))
        memory.write(world.look(0, 0, np.pi))
    planner = SymbolicPlanner()
    planner.start(parse_goal("on(mug, shelf)"))
    mug, shelf = memory.find("mug")[0].object_id, memory.find("shelf")[0].object_id
    skills = planner.skills_for(memory)
    memory.write(world.look(0, 0, 0))
    memory.record(Action(name="PickupObject"), target=mug, succeeded=True, stamp=memory.stamp)
    del world.things["mug"]
    memory.write(world.look(-0.8, 0, np.pi))
    memory.record(Action(name="PutObject"), target=shelf, succeeded=True, stamp=memory.stamp)
    memory.write(world.look(-0.8, 0, np.pi))
    step = PlanStep("put", (mug, shelf))
    list(skills._conclude(step, _MANNERS["put"]))
    return world, memory, planner


def test_who_was_told_no_looks_at_what_he_did_and_misses_what_is_not_there():
    world, memory, planner = put_mug()
    goal, mug = parse_goal("on(mug, shelf)"), memory.find("mug")[0].object_id
    planner.start(goal, again=True)
    reasons = []
    for _ in range(6):
        decision = planner.act(memory, succeeded=True, message="")
        reasons.append(decision.reason)
        memory.write(world.look(-0.8, 0, np.pi))
    assert reasons[:2] == ["looking again at the mug"] * 2
    assert memory.get(mug).status == "gone"
    assert "Done" not in reasons
