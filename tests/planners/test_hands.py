"""Where an agent stands to act on a thing."""

import numpy as np
from box_world import BoxWorld, without

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.memory import Memory
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.belief import BELIEVED
from planners.symbolic_planner import SymbolicPlanner


def test_places_that_did_not_work_are_left_farther_behind_each_time():
    memory = Memory()
    with HouseholdSim(house=generate_house(2, GeneratorConfig(rooms=1))) as sim:
        memory.write(Pipeline(OracleConfig())(sim.reset().frame))
    skills = SymbolicPlanner().skills_for(memory)
    skills.situation.refresh(memory, succeeded=True, message="")
    things = skills.situation.belief.things.values()
    thing = max(
        things,
        key=lambda t: len(stands(skills, t.object_id, 1)) and np.prod(t.box[1, :2] - t.box[0, :2]),
    )
    tried = stands(skills, thing.object_id, 5)
    assert len(tried) == 5  # Where no place is left so far away, a nearer one will do.
    gaps = [min(np.linalg.norm(tried[k] - p) for p in tried[:k]) for k in (1, 2, 3, 4)]
    assert gaps[0] >= 0.3
    assert min(gaps[1:]) >= 0.6


def stands(skills, target: str, count: int) -> list[np.ndarray]:
    """Return the places that are tried one after another when none works."""
    hands, thing, tried = skills.hands, skills.situation.belief.things[target], []
    for _ in range(count):
        stand = hands._stand(thing, swing=False)
        if stand is None:
            break
        tried.append(hands._pilot.lattice.point(stand.node))
        hands._spoil(target, tried[-1])
    hands.forget()
    return tried


def desk() -> tuple[BoxWorld, Memory]:
    """Return a desk with a mug on it, seen a few times."""
    world, memory = BoxWorld(), Memory()
    world.add("desk", "Desk", (1.2, 0.0, 0.4), (0.8, 1.6, 0.8))
    world.add("mug", "Mug", (1.0, -0.3, 0.9), (0.1, 0.1, 0.2))
    for _ in range(4):
        memory.write(world.look(0, 0, 0))
    return world, memory


def test_furniture_is_pointed_at_by_its_surface_where_it_is_not_known_again():
    world, memory = desk()
    skills = SymbolicPlanner().skills_for(memory)
    name, mug = memory.find("desk")[0].object_id, memory.find("mug")[0].object_id
    percept = world.look(0, 0, 0.1)
    memory.write(without(without(percept, "Desk"), "Mug"))
    skills.situation.refresh(memory, succeeded=True, message="")
    assert name not in memory.in_view()
    pixel = skills.hands._pointer.pixel(name, level=True)
    assert pixel is not None
    height, width = percept.masks.shape[1:]
    spot = int(pixel[1] * height), int(pixel[0] * width)
    assert percept.masks[percept.labels.index("Desk")][spot]
    assert skills.hands._pointer.pixel(mug, level=False) is None, (
        "another thing may be in its place"
    )


def test_what_proves_to_be_something_else_is_given_up_and_no_more_after_it_worked():
    _, memory = desk()
    skills = SymbolicPlanner().skills_for(memory)
    name = memory.find("desk")[0].object_id

    def act(message: str) -> None:
        routine = skills.hands.act("OpenObject", name)
        next(routine)
        skills.situation.refresh(memory, succeeded=not message, message=message)
        next(routine, None)
        skills.hands._spoilt.clear()

    for message in (
        *["Desk|1 is not an Openable object"] * 3,
        "",
        "Desk|1 is not an Openable object",
    ):
        act(message)
    assert name not in skills.hands.hopeless, "the hand missed it"
    for _ in range(3):
        act("Desk|1 is not an Openable object")
    assert name in skills.hands.hopeless
    assert skills.situation.belief.things[name].confidence < BELIEVED
