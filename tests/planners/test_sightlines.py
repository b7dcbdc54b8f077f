"""From where things can be seen, past low furniture and round walls."""

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.memory import Memory
from planners.belief import Assumptions, Belief
from planners.sightlines import occlusion
from planners.symbolic_planner import SymbolicPlanner


def halves(*, wall: bool) -> BoxWorld:
    """Return two halves of a room, a table with a mug at the wall between, and a desk opposite."""
    world = BoxWorld(room=(-3.0, -3.0, 3.0, 3.0), pixels=200)
    if wall:  # With a doorway at its end.
        world.walls = [np.array([[-0.02, -3.0, 0.0], [0.02, 2.0, 2.6]])]
    world.add("table", "DiningTable", (0.42, 0.0, 0.4), (0.8, 1.4, 0.8))
    world.add("mug", "Mug", (0.2, 0.0, 0.85), (0.1, 0.1, 0.1))
    world.add("desk", "Desk", (-0.42, -1.8, 0.4), (0.8, 1.0, 0.8))
    return world


def seen(world: BoxWorld, *places: tuple[float, float]) -> tuple[Memory, Belief]:
    """Look all around from some places."""
    memory = Memory()
    for x, y in places:
        for yaw in np.arange(0.0, 6.28, 0.7):
            memory.write(world.look(x, y, float(yaw), 0.5))
    return memory, Belief.of(memory, Assumptions())


BEFORE, BEHIND = (1.4, 0.0), (-0.6, 0.0)
"""Before the table, and behind the wall that it stands at."""


@pytest.mark.parametrize("label", ["Mug", "DiningTable"])
@pytest.mark.parametrize("wall", [True, False])
def test_a_wall_behind_a_table_hides_what_is_on_it(label, wall):
    memory, belief = seen(halves(wall=wall), (1.8, 0.0), (1.5, 2.3), (-1.8, 2.3), (-1.8, 0.0))
    thing = next(thing for thing in belief.things.values() if thing.label == label.lower())
    clear, behind = occlusion(memory, belief, thing, np.array([BEFORE, BEHIND]))
    assert clear == 0.0
    assert behind == (1.0 if wall else 0.0)


def test_one_looks_over_a_table_and_a_lamp_that_stands_on_it():
    world = halves(wall=False)
    world.add("lamp", "DeskLamp", (0.5, 0.4, 1.15), (0.1, 0.1, 0.7))
    memory, belief = seen(world, (2.6, 0.0), (1.8, 0.0), (-1.8, 0.0))
    mug = next(thing for thing in belief.things.values() if thing.label == "mug")
    assert occlusion(memory, belief, mug, np.array([(1.6, 0.8), (1.6, 0.0)])).tolist() == [0, 0]


def test_from_beyond_floor_that_was_not_seen_a_thing_may_be_hidden():
    memory, belief = seen(halves(wall=True), (1.8, 0.0))
    mug = next(thing for thing in belief.things.values() if thing.label == "mug")
    doubts = occlusion(memory, belief, mug, np.array([(1.4, 0.0), (9.0, 0.0)]))
    assert doubts[0] == 0.0
    assert 0.0 < doubts[1] <= 1.0


def test_where_no_place_worked_none_is_tried_behind_a_wall():
    memory, belief = seen(halves(wall=True), (1.8, 0.0), (1.5, 2.3), (-1.8, 2.3), (-1.8, 0.0))
    mug = next(thing for thing in belief.things.values() if thing.label == "mug")
    skills, places = SymbolicPlanner().skills_for(memory), []
    hands, lattice = skills.hands, skills.pilot.lattice
    for _ in range(20):
        stand = hands._stand(mug, swing=False)
        assert stand is not None
        if hands._is_spent(mug, stand):
            break
        places.append(lattice.point(stand.node))
        hands._spoil(mug.object_id, places[-1])
    assert len(places) >= 3
    assert min(place[0] for place in places) > 0, places
    with pytest.raises(StopIteration) as ended:
        next(hands.reach(mug.object_id))
    assert ended.value.value is False
    assert not hands.no_way, "no door is in the way"
