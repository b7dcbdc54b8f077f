"""Where things are looked for, and when looking is given up."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.wanted import WantedThing
from embodied_mem.goals import parse_goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.memory.experience import Hints, Rate
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.types import Frame, Percept
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.affordances import kind_of, prior, room_match
from planners.belief import Belief, Thing
from planners.likeness import alike, in_place
from planners.search import Look, SearchLog, chance_of, leads
from planners.skills import Skills
from planners.symbolic_planner import SymbolicPlanner
from planners.unseen import unseen_beyond


def receptacle(label: str, name: str = "r1") -> Thing:
    box = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.8]])
    return Thing(
        object_id=name,
        label=label,
        kind=kind_of(label),
        box=box,
        attributes={},
        parent=None,
        status="present",
        last_seen=0.0,
    )


def looked(*looks: Look) -> SearchLog:
    log = SearchLog()
    for look in looks:
        log.add("r1", look)
    return log


NEVER = -np.inf
APPLE = {"apple": {}}


def test_the_households_habits_come_before_what_is_usual():
    kept = {"apple": {"r1": 0.5}}
    usual, here = (
        chance_of(receptacle("sofa"), k, SearchLog(), NEVER, 0.0, 1) for k in (APPLE, kept)
    )
    assert here == pytest.approx(0.5 + 0.5 * usual)
    elsewhere = chance_of(receptacle("fridge", "r2"), kept, SearchLog(), NEVER, 0.0, 1)
    assert elsewhere == pytest.approx(
        0.5 * chance_of(receptacle("fridge", "r2"), APPLE, SearchLog(), NEVER, 0.0, 1)
    )


def test_usual_places_come_before_unusual_ones():
    assert prior("Apple", "Fridge") > prior("Apple", "Sofa") > 0
    assert prior("Egg", "Fridge") > prior("Egg", "GarbageCan")
    log = looked()
    fridge = chance_of(receptacle("fridge"), APPLE, log, NEVER, 0.0, 1)
    sofa = chance_of(receptacle("sofa"), APPLE, log, NEVER, 0.0, 1)
    assert fridge > 10 * sofa > 0
    assert chance_of(receptacle("fridge"), APPLE, log, NEVER, 0.0, 2) == pytest.approx(fridge / 2)


def test_looks_from_near_settle_the_question_and_looks_from_far_do_not():
    table = receptacle("diningtable")
    unseen = chance_of(table, APPLE, looked(), NEVER, 0.0, 1)
    far = chance_of(table, APPLE, looked(Look(1.0, 5.0)), NEVER, 0.0, 1)
    middle = chance_of(table, APPLE, looked(Look(1.0, 2.0)), NEVER, 0.0, 1)
    assert unseen > far > middle > 0
    assert chance_of(table, APPLE, looked(Look(1.0, 1.0)), NEVER, 0.0, 1) == 0


def test_who_overlooks_much_looks_again_at_what_was_passed():
    table, passed, searched = receptacle("diningtable"), Look(1.0, 1.0), Look(1.0, 0.0)
    often, seldom, done = looked(passed), looked(passed), looked(searched)
    often.overlooked = done.overlooked = 0.2
    assert chance_of(table, APPLE, seldom, NEVER, 0.0, 1) == 0
    assert chance_of(table, APPLE, often, NEVER, 0.0, 1) > 0
    assert chance_of(table, APPLE, done, NEVER, 0.0, 1) == 0


def test_doors_between_floors_that_were_seen_lead_nowhere_new():
    memory, door = Memory(), replace(receptacle("doorway"), box=np.array([[0, 0, 0], [1, 0.1, 2]]))
    memory.occupancy.mark_free(np.array([0.525, 0.025]), radius=4.0)
    assert unseen_beyond(memory, door) < 0.5, "seen on both sides"
    far = replace(door, box=door.box + np.array([0.0, 3.5, 0.0]))
    assert unseen_beyond(memory, far) > 2.0, "little of the far side was seen"


def closed_door() -> tuple[Memory, Skills, str]:
    """Return skills of one who stands before a door that seems closed."""
    world, memory = BoxWorld(room=(-2.5, -2.5, 2.5, 2.5)), Memory()
    world.add("door", "Doorway", (1.2, 0.0, 1.0), (0.1, 0.9, 2.0), open=False)
    for turn in (0.0, 1.6, -1.6, 0.0, 0.0):
        memory.write(world.look(0.3, 0, turn, pitch=0.3))
    skills = SymbolicPlanner().skills_for(memory)
    skills.situation.refresh(memory, succeeded=True, message="")
    return memory, skills, memory.find("doorway")[0].object_id


def test_what_never_opens_is_tried_from_one_place():
    memory, skills, door = closed_door()
    tried, said = [], ["D|1 is not an Openable object", "No SimObject found at (x: 0.5, y: 0.7)"]
    for decision in skills._open_door(door):
        tried.append(decision.action.name)
        message = said[min(len(tried), len(said)) - 1]
        skills.situation.refresh(memory, succeeded=False, message=message)
    assert tried == ["OpenObject"] * 2, "two points of it"
    assert door in skills.log.refused


def test_a_door_that_did_not_open_is_not_tried_for_another_goal_and_others_are_trusted_less():
    memory, skills, door = closed_door()
    needs = [frozenset({"cup"})]

    def value() -> float:
        found = leads(skills.situation, skills.pilot, skills.log, needs)
        return max((lead.value for lead in found if lead.kind == "door"), default=0.0)

    before = value()
    skills.log.refused.add("doorway_99")
    assert 0 < value() < before
    skills.log.refused.add(door)
    planner = SymbolicPlanner()
    planner._skills = skills
    planner.start(parse_goal("held(cup)"))
    assert value() == 0.0
    assert memory.find("doorway")


def test_what_lies_outside_of_all_that_was_seen_is_hardly_beyond_a_door():
    memory = Memory()
    memory.occupancy.mark_free(np.array([0.0, 0.0]), radius=4.0)
    memory.occupancy.mark_free(np.array([0.0, 12.0]), radius=1.0)
    inner = replace(receptacle("doorway"), box=np.array([[-0.5, 4.1, 0], [0.5, 4.2, 2]]))
    outer = replace(receptacle("doorway"), box=np.array([[-0.5, -4.2, 0], [0.5, -4.1, 2]]))
    assert unseen_beyond(memory, outer) < 0.3 * unseen_beyond(memory, inner)


def small(label: str, edge: float, parent: str) -> Thing:
    box = np.array([[0.0, 0.0, 0.8], [edge, edge, 0.8 + edge]])
    return replace(receptacle(label, "t1"), box=box, parent=parent)


def test_what_is_doubtful_is_taken_for_what_it_may_well_be():
    """A small thing on a counter may be an egg; something large, or on a bed, hardly is."""
    counter, bed = receptacle("countertop", "c1"), receptacle("bed", "b1")
    things = {thing.object_id: thing for thing in (counter, bed)}
    belief = Belief(things=things, held=None, stamp=0.0)
    potato, pillow = small("potato", 0.06, "c1"), small("pillow", 0.4, "b1")
    assert alike(potato, {"egg"}) == 1.0
    assert alike(pillow, {"egg"}) < 0.5
    assert in_place(potato, {"egg"}, belief) == 1.0
    assert in_place(pillow, {"egg"}, belief) < 0.2


def test_looks_before_a_thing_was_moved_do_not_count():
    log = looked(Look(1.0, 0.5), Look(9.0, 4.0))
    assert log.nearest(receptacle("sofa"), since=0.0, born=0.0) == 0.5
    assert log.nearest(receptacle("sofa"), since=5.0, born=0.0) == 4.0
    assert log.nearest(receptacle("sofa"), since=10.0, born=0.0) == np.inf


def test_looks_at_an_earlier_bearer_of_the_name_do_not_count():
    log = looked(Look(1.0, 0.5))
    assert log.nearest(receptacle("sofa"), since=NEVER, born=2.0) == np.inf


def test_the_log_keeps_only_looks_that_can_still_count():
    log = looked(*(Look(float(t), 3.0 - 0.01 * t) for t in range(100)))
    assert log.looks["r1"] == [Look(99.0, 3.0 - 0.99)]


def test_rooms_are_told_by_their_furniture():
    kitchen, bedroom = ("Fridge", "StoveBurner", "Sink"), ("Bed", "Dresser")
    in_kitchen, in_bedroom = room_match("Knife", kitchen), room_match("Knife", bedroom)
    assert in_kitchen is not None
    assert in_bedroom is not None
    assert in_kitchen > in_bedroom
    assert room_match("Knife", ()) is None


def test_small_things_of_doubtful_label_are_looked_at_again():
    """The only apple is taken for a tomato from afar, and for what it is from near."""
    things = WantedThing(type="Apple", count=1), WantedThing(type="Tomato", count=0)
    house = generate_house(1, GeneratorConfig(spec="kitchen", things=things))
    eyes = Pipeline(OracleConfig())

    def perceive(frame: Frame) -> Percept:
        percept = eyes(frame)
        assert frame.T_world_body is not None
        far = np.linalg.norm(
            percept.boxes.mean(axis=1)[:, :2] - frame.T_world_body.translation[:2], axis=1
        ) > 2.0  # fmt: skip
        mistaken = [far[i] and label == "Apple" for i, label in enumerate(percept.labels)]
        labels = tuple(
            "Tomato" if wrong else label
            for wrong, label in zip(mistaken, percept.labels, strict=True)
        )
        scores = np.where(mistaken, 0.5, percept.scores)
        return replace(percept, labels=labels, scores=scores)

    agent = Agent(perceive=perceive, memory=Memory(), planner=SymbolicPlanner())
    looks = Looks()
    with HouseholdSim(house=house) as sim:
        outcome = run_episode(
            sim, agent, goal=parse_goal("held(apple)"), max_steps=120, subscribers=(looks,)
        )
    assert outcome.success
    assert "tomato" in looks.at


@dataclass
class Looks:
    """What was looked at in search of something: a Subscriber."""

    at: set[str] = field(default_factory=set)

    def on_start(self, goal: object, memory: Memory) -> None:
        """Do nothing."""

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Note the kind of place."""
        if decision.seeking is not None:
            self.at.add(decision.seeking.at)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Do nothing."""


def test_what_is_not_there_is_given_up_after_looking_everywhere():
    house = generate_house(1, GeneratorConfig(rooms=1))
    agent = Agent(perceive=Pipeline(OracleConfig()), memory=Memory(), planner=SymbolicPlanner())
    with HouseholdSim(house=house) as sim:
        outcome = run_episode(sim, agent, goal=parse_goal("held(spaceship)"), max_steps=400)
    assert not outcome.success
    assert outcome.reason.startswith("given up: no spaceship found: explored everything reachable")
    assert outcome.exploration_steps == outcome.steps < 400
    assert len(agent.memory) > 5


def test_experience_outweighs_what_is_usual_and_looks_in_vain_take_it_back():
    sofa, fridge = receptacle("sofa"), receptacle("fridge")
    found = Hints(looks={"apple": {"sofa": Rate(3.0, 3.0), "fridge": Rate(0.0, 6.0)}})
    doubted = Hints(looks={"apple": {"sofa": Rate(3.0, 30.0)}})

    def chance(thing: Thing, hints: Hints) -> float:
        return chance_of(thing, APPLE, looked(), NEVER, 0.0, 1, hints)

    assert chance(fridge, Hints()) > chance(sofa, Hints())
    assert chance(sofa, found) > 0.5 > 0.1 > chance(fridge, found)
    assert chance(sofa, Hints()) < chance(sofa, doubted) < 0.2
