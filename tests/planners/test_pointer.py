"""Where the hand points for what was put where it is not seen."""

import numpy as np
from box_world import BoxWorld

from embodied_mem.memory import Memory
from embodied_mem.types import Action
from planners.skills import Skills
from planners.symbolic_planner import SymbolicPlanner

INSIDE = np.array([[1.0, -0.35, 0.0], [1.7, 0.35, 1.8]])
"""Room within the fridge [m]."""


def fridge(*, other_mug: bool = False) -> tuple[BoxWorld, Memory]:
    """Return a fridge that stands open, without its door, into which a mug is put unseen."""
    world, memory = BoxWorld(), Memory()
    world.add("fridge", "Fridge", (1.73, 0.0, 0.9), (0.06, 0.7, 1.8), open=True)
    world.add("mug", "Mug", (1.2, -1.0, 0.6), (0.1, 0.1, 0.1))
    if other_mug:
        world.add("other", "Mug", (1.5, 0.2, 1.1), (0.1, 0.1, 0.1))
    for yaw in (-0.7, 0.0, -0.7, 0.0):
        memory.write(world.look(0.4, 0.0, yaw))
    mug = next(known for known in memory.find("mug") if known.position[1] < -0.5).object_id
    target = memory.find("fridge")[0].object_id
    memory.record(Action(name="PickupObject"), target=mug, succeeded=True, stamp=world.stamp)
    del world.things["mug"]  # It is not seen any more, nor where it is put.
    memory.write(world.look(0.4, 0.0, 0.0))
    put = Action(name="PutObject", arguments={"x": 0.5, "y": 0.45})
    memory.record(put, target=target, succeeded=True, stamp=world.stamp)
    memory.write(world.look(0.4, 0.0, 0.0))
    return world, memory


def skills_of(memory: Memory) -> tuple[Skills, str]:
    """Return skills that know the fridge's inside, and the id of what was put there."""
    skills = SymbolicPlanner().skills_for(memory)
    skills.situation.refresh(memory, succeeded=True, message="")
    skills.hands._pointer.shut[memory.find("fridge")[0].object_id] = INSIDE
    name = next(entry for entry, row in memory.objects.entries.items() if row.released is not None)
    return skills, name


def test_what_is_not_seen_is_pointed_at_where_it_must_be_but_not_through_a_door():
    world, memory = fridge()
    skills, mug = skills_of(memory)
    pixel = skills.hands._pointer.pixel(mug, level=False)
    assert pixel is not None
    world.walls = [np.array([[0.9, -0.5, 0.0], [0.95, 0.5, 1.9]])]  # As a door that swung there.
    memory.write(world.look(0.4, 0.0, 0.0))
    skills.situation.refresh(memory, succeeded=True, message="")
    assert skills.hands.hides_inside(memory.find("fridge")[0].object_id)
    assert skills.hands._pointer.pixel(mug, level=False) is None


def test_its_like_in_the_same_place_will_do():
    _, memory = fridge(other_mug=True)
    skills, mug = skills_of(memory)
    assert mug not in memory.in_view()
    pixel = skills.hands._pointer.pixel(mug, level=False)
    assert pixel is not None
    percept = memory.latest
    assert percept is not None
    height, width = percept.masks.shape[1:]
    spot = int(pixel[1] * height), int(pixel[0] * width)
    assert percept.masks[percept.labels.index("Mug")][spot]


def test_where_it_was_put_is_looked_at_from_all_sides_of_what_holds_it():
    _, memory = fridge()
    skills, mug = skills_of(memory)
    thing = skills.hands._pointer.sought(mug)
    assert thing is not None
    np.testing.assert_allclose(thing.box, INSIDE)
    assert np.prod(np.ptp(skills.situation.belief.things[mug].box, axis=0)) < 0.01
