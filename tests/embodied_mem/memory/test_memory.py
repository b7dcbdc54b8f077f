"""Memory seen from outside: what it answers after a few views of a world of boxes."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld, feature

from embodied_mem.errors import UnknownObjectError
from embodied_mem.memory import Memory
from embodied_mem.types import Action

OTHERWISE = -5
"""Hue of what looks quite different."""


def kitchen() -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "Mug", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    world.add("twin", "Mug", (1.8, -0.15, 0.85), (0.1, 0.1, 0.1))
    world.add("apple", "Apple", (1.9, 0.4, 0.84), (0.08, 0.08, 0.08))
    world.add("fridge", "Fridge", (0.0, 3.0, 0.9), (0.8, 0.7, 1.8), open=False)
    return world


def test_objects_keep_their_ids_from_every_side():
    world, memory = kitchen(), Memory()
    views = [
        (0, 0, 0),
        (0, 0, 0.3),
        (1, -2, 1.2),
        (3.5, 0, 3.1),
        (2, 2.5, -1.5),
        (0, 0, 1.57),
        (0, 0, 0),
    ]
    for x, y, yaw in views:
        memory.write(world.look(x, y, yaw))
    assert sorted(k.label for k in memory.known()) == [
        "Apple",
        "DiningTable",
        "Fridge",
        "Mug",
        "Mug",
    ]
    np.testing.assert_allclose(memory.find("apple")[0].position, (1.9, 0.4, 0.84), atol=0.05)
    assert {k.placement.relation for k in memory.find("mug") if k.placement} == {"on"}
    assert {k.placement.parent for k in memory.find("mug") if k.placement} == {"diningtable_1"}


def test_a_label_never_seen_is_one_clear_sentence():
    world, memory = kitchen(), Memory()
    memory.write(world.look(0, 0, 0))
    with pytest.raises(UnknownObjectError, match=r"^no object labelled 'kettle' in memory\. Known"):
        memory.find("kettle")


def test_what_is_taken_away_unseen_is_gone_and_found_again():
    world, memory = kitchen(), Memory()
    memory.write(world.look(0, 0, 0))
    apple = memory.find("apple")[0].object_id
    world.things["apple"].center = (0.2, 2.4, 0.1)
    memory.write(world.look(0, 0, 0))
    report = memory.write(world.look(0, 0, 0.01))
    assert report.gone == (apple,)
    assert memory.get(apple).status == "gone"
    report = memory.write(world.look(0, 0, 1.57, pitch=0.5))
    assert report.moved == (apple,)
    assert memory.get(apple).status == "moved"
    np.testing.assert_allclose(memory.get(apple).position, (0.2, 2.4, 0.1), atol=0.05)


def test_what_was_put_into_something_is_the_same_though_it_looks_otherwise_there():
    """An egg put into the oven is dark there, and cooked when the door opens."""
    world, memory = kitchen(), Memory()
    memory.write(world.look(0, 0, 0))
    memory.write(world.look(0, 0, 1.57))
    apple, fridge = memory.find("apple")[0].object_id, memory.find("fridge")[0].object_id
    memory.record(Action(name="PickupObject"), target=apple, succeeded=True, stamp=world.stamp)
    memory.record(Action(name="PutObject"), target=fridge, succeeded=True, stamp=world.stamp)
    world.things["apple"].center, world.things["apple"].hue = (0.2, 2.6, 1.5), OTHERWISE
    memory.write(world.look(0, 0, 1.57, pitch=0.0))
    assert [k.object_id for k in memory.find("apple")] == [apple]
    assert 0.4 < feature("Apple") @ feature("Apple", OTHERWISE) < 0.8


def test_what_is_hidden_is_not_gone():
    world, memory = kitchen(), Memory()
    memory.write(world.look(0, 0, 0))
    world.add("screen", "Curtains", (1.0, 0.0, 1.0), (0.05, 4.0, 2.0))
    for _ in range(5):
        memory.write(world.look(0, 0, 0))
    assert memory.find("apple")[0].status == "present"


def test_a_held_object_travels_and_is_the_same_when_put_down():
    world, memory = kitchen(), Memory()
    memory.write(world.look(0, 0, 0))
    apple = memory.find("apple")[0].object_id
    world.things["apple"].center = (0.4, 0.0, 1.2)
    memory.record(Action(name="PickupObject"), target=apple, succeeded=True, stamp=world.stamp)
    assert memory.held is not None
    assert memory.held.object_id == apple
    memory.write(world.look(0, 0, 0))
    world.things["apple"].center = (0.0, 0.4, 1.2)
    memory.write(world.look(0, 0, 1.57))
    assert len(memory.find("apple")) == 1
    fridge = memory.find("fridge")[0].object_id
    memory.record(Action(name="PutObject"), target=fridge, succeeded=True, stamp=world.stamp)
    assert memory.held is None
    assert [k.object_id for k in memory.contents(fridge)] == [apple]
    world.things["apple"].center = (0.0, 2.8, 1.85)
    memory.write(world.look(0, 0, 1.57, pitch=0.0))
    assert [k.object_id for k in memory.find("apple")] == [apple]
    np.testing.assert_allclose(memory.get(apple).position[1], 2.8, atol=0.1)


def test_a_state_read_by_a_detector_that_may_err_is_marked_until_it_is_brought_about():
    world, memory = BoxWorld(), Memory()
    world.add("fridge", "Fridge", (2.0, 0.0, 0.9), (0.8, 0.7, 1.8), open=False)
    unsure = world.look(0, 0, 0)
    memory.write(replace(unsure, scores=np.ones(len(unsure))))
    assert memory.find("fridge")[0].doubtful == frozenset(), "a score of 1 is certain"
    memory = Memory()
    memory.write(unsure)
    fridge = memory.find("fridge")[0]
    assert fridge.doubtful == {"open"}
    memory.brought_about(fridge.object_id, {"open": True})
    fridge = memory.get(fridge.object_id)
    assert fridge.attributes["open"] is True
    assert fridge.doubtful == frozenset()
    memory.write(unsure)
    assert memory.get(fridge.object_id).attributes["open"] is True, "one frame may err"


def test_what_was_put_down_is_found_though_it_was_first_taken_for_something_else():
    world, memory = BoxWorld(), Memory()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("cup", "Cup", (1.8, 0.5, 0.85), (0.1, 0.1, 0.1))
    memory.write(world.look(0, 0, 0))
    cup, table = memory.find("cup")[0].object_id, memory.find("diningtable")[0].object_id
    memory.record(Action(name="PickupObject"), target=cup, succeeded=True, stamp=world.stamp)
    world.things["cup"] = replace(world.things["cup"], center=(1.8, -0.4, 0.85))
    memory.record(Action(name="PutObject"), target=table, succeeded=True, stamp=world.stamp)
    for number in range(4):
        percept = world.look(0, 0, 0)
        if not number:
            percept = replace(
                percept,
                labels=tuple("Bowl" if label == "Cup" else label for label in percept.labels),
            )
        memory.write(percept)
    found = memory.get(cup)
    np.testing.assert_allclose(found.position, (1.8, -0.4, 0.85), atol=0.05)
    assert len(memory.known()) == 2
