"""Where an agent stands to act on a thing."""

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.memory import Memory
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
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
