"""What is mostly taken for something else is tried where nothing better is left to look at."""

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.goals import parse_goal
from embodied_mem.memory import Memory
from planners.belief import BELIEVED
from planners.symbolic_planner import SymbolicPlanner
from planners.trying import best_try

NEEDS = [frozenset({"knife"})]


def kitchen(share: float) -> tuple[Memory, SymbolicPlanner, str]:
    """Return a table with a thing on it, taken for a knife in this share of its sightings."""
    world, memory = BoxWorld(room=(-1.5, -1.5, 2.5, 1.5)), Memory()
    world.add("table", "DiningTable", (1.4, 0.0, 0.4), (0.8, 1.6, 0.8))
    world.add("spatula", "Spatula", (1.2, -0.2, 0.83), (0.2, 0.06, 0.06))
    for _ in range(3):
        memory.write(world.look(0, 0, 0))
    spatula = memory.objects[memory.find("spatula")[0].object_id]
    spatula.label_weights = {"Spatula": 1.0 - share, "Knife": share}
    memory.objects.touch(spatula)
    planner = SymbolicPlanner()
    planner.start(parse_goal("held(knife)"))
    skills = planner.skills_for(memory)
    skills.situation.refresh(memory, succeeded=True, message="")
    return memory, planner, spatula.object_id


@pytest.mark.parametrize(("share", "inspected", "tried"), [
    (0.3, True, True), (0.3, False, False), (0.1, True, False),
])  # fmt: skip
def test_what_may_be_it_is_worth_a_try_once_it_was_looked_at_from_near(
    share: float, inspected: bool, tried: bool
):
    _, planner, spatula = kitchen(share)
    assert planner._skills is not None
    skills = planner._skills
    if inspected:
        skills.log.inspected.add(spatula)
    found = best_try(skills.situation, skills.pilot, skills.log, NEEDS, frozenset())
    assert (found is not None) == tried
    assert best_try(skills.situation, skills.pilot, skills.log, NEEDS, {spatula}) is None


def test_it_is_tried_where_no_look_promises_more_and_given_up_when_that_fails():
    memory, planner, spatula = kitchen(0.3)
    skills, task = planner._skills, planner._task
    assert skills is not None
    assert task is not None
    skills.log.inspected.add(spatula)
    assert not planner._try(task, skills, NEEDS, otherwise=1.0)
    assert planner._try(task, skills, NEEDS, otherwise=0.0)
    thing = skills.situation.belief.things[spatula]
    assert (thing.label, thing.confidence) == ("knife", BELIEVED)
    decision = planner.act(memory, succeeded=True, message="")
    assert decision.target == spatula or any("knife" in line for line in decision.plan)
    planner._blame(task, skills)
    assert spatula in task.excluded
    assert spatula not in skills.situation.assumptions.taken
    planner.start(parse_goal("held(fork)"))
    assert not skills.situation.assumptions.taken
    assert np.isclose(memory.get(spatula).label_scores["Knife"], 0.3)
