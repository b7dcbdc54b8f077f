"""Rooms and places from a floor plan, and what the graph makes of them."""

import numpy as np
from box_world import BoxWorld

from embodied_mem.memory import Memory
from embodied_mem.memory.rooms import RoomConfig, guess_category, segment


def two_rooms() -> BoxWorld:
    """Return two rooms of 4x4 m with a door of 0.9 m between them."""
    world = BoxWorld(room=(-4.0, -2.0, 4.0, 2.0), pixels=160)
    world.walls = [
        np.array([[-0.05, -2.0, 0.0], [0.05, -0.45, 2.6]]),
        np.array([[-0.05, 0.45, 0.0], [0.05, 2.0, 2.6]]),
        np.array([[-0.05, -0.45, 2.1], [0.05, 0.45, 2.6]]),
    ]
    world.add("fridge", "Fridge", (-3.5, 1.5, 0.9), (0.7, 0.7, 1.8))
    world.add("bed", "Bed", (3.0, 1.2, 0.25), (1.6, 1.4, 0.5))
    world.add("clock", "AlarmClock", (3.0, 1.2, 0.55), (0.1, 0.1, 0.1))
    return world


def explore(memory: Memory, world: BoxWorld) -> None:
    for x, y in [(-2.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (1.5, -0.5), (2.5, -0.8)]:
        for yaw in np.arange(0, 6.2, 0.7):
            memory.write(world.look(x, y, float(yaw), 0.4))


def test_a_doorway_parts_two_rooms():
    domain = np.zeros((60, 100), bool)
    domain[5:55, 5:45] = domain[5:55, 50:95] = True
    domain[25:40, 45:50] = True  # 0.75 m wide.
    labels = segment(domain, 0.05, RoomConfig())
    assert (labels > 0).sum() == domain.sum()
    assert labels[30, 20] != labels[30, 70]
    assert len(np.unique(labels[domain])) == 2


def test_one_open_space_is_one_room():
    domain = np.zeros((80, 80), bool)
    domain[5:75, 5:75] = True
    domain[30:40, 30:40] = False  # A table.
    assert len(np.unique(segment(domain, 0.05, RoomConfig())[domain])) == 1


def test_rooms_are_named_by_what_is_in_them_and_keep_their_ids():
    world, memory = two_rooms(), Memory()
    explore(memory, world)
    memory.graph.check()
    rooms = {node.label: node for node in memory.graph.nodes("room")}
    assert {"Kitchen", "Bedroom"} <= set(rooms)
    assert memory.find("fridge")[0].room == rooms["Kitchen"].id
    assert memory.find("alarmclock")[0].room == rooms["Bedroom"].id
    assert rooms["Bedroom"].id in memory.graph.neighbours(rooms["Kitchen"].id, "connects")
    assert memory.graph.ancestor("alarmclock_1", "room") == rooms["Bedroom"].id
    assert memory.graph.parent("alarmclock_1") == "bed_1"
    assert memory.graph.ancestor("agent_1", "building") == "building_1"
    explore(memory, world)
    again = {node.label: node.id for node in memory.graph.nodes("room")}
    assert again["Kitchen"] == rooms["Kitchen"].id
    assert again["Bedroom"] == rooms["Bedroom"].id
    text = memory.describe("put the alarm clock in the fridge", budget=60)
    assert text.splitlines()[0].startswith(("alarmclock_1", "fridge_1"))
    assert len(text) <= 240


def test_places_lie_on_free_floor_apart_from_each_other():
    world, memory = two_rooms(), Memory()
    explore(memory, world)
    places = memory.rooms.places
    assert len(places) >= 4
    assert (memory.occupancy.states_at(places) == 1).mean() > 0.8
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 9 * np.eye(len(places))
    assert apart.min() > memory.rooms.config.spacing * 0.9


def test_categories_need_a_hint():
    assert guess_category(["Fridge", "Chair"]) == "Kitchen"
    assert guess_category(["Toilet", "Bed", "Bathtub"]) == "Bathroom"
    assert guess_category(["Chair"]) == ""
