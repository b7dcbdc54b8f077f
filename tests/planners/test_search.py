"""Where things are looked for, and when looking is given up."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

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
from planners.belief import Thing
from planners.search import Look, SearchLog, chance_of
from planners.symbolic_planner import SymbolicPlanner


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
