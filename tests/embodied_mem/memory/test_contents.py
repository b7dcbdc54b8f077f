"""Contents go where their vessel goes, unless they were seen apart."""

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.memory import Memory, contents
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer


def apple_on_plate() -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("plate", "Plate", (1.9, 0.0, 0.82), (0.3, 0.3, 0.04))
    world.add("apple", "Apple", (1.9, 0.0, 0.88), (0.08, 0.08, 0.08))
    return world


@pytest.fixture
def memory() -> Memory:
    memory = Memory()
    world = apple_on_plate()
    for y in (0.0, 0.3, -0.3):
        memory.write(world.look(0.6, y, 0.0, 0.5))
    return memory


def only(memory: Memory, label: str) -> Entry:
    (entry,) = memory.objects.labelled(label)
    return entry


def test_the_apple_goes_along_with_the_plate(memory: Memory):
    buffer, plate, apple = memory.objects, only(memory, "plate"), only(memory, "apple")
    assert contents.of(buffer, plate) == [apple]
    assert contents.follow(buffer, plate) == []  # The plate is where it was.
    plate.status = "gone"
    contents.vanish(buffer, contents.of(buffer, plate))
    inside = contents.follow(buffer, plate)
    assert inside == [apple]
    was, before = buffer.box(apple).copy(), buffer.box(plate).copy()
    shift = np.array([0.6, -1.2, 0.3])
    buffer.set_box(plate, before + shift)
    assert contents.travel(buffer, inside, before, plate) == [apple.object_id]
    assert apple.status == "moved"
    assert apple.belief < 0.6  # It was not seen there yet.
    np.testing.assert_allclose(buffer.box(apple), was + shift, atol=buffer.config.voxel)
    assert len(apple.keys)


def test_what_was_seen_after_its_plate_stays_where_it_is(memory: Memory):
    plate, apple = only(memory, "plate"), only(memory, "apple")
    apple.last_seen = plate.last_seen + 1.0
    assert contents.of(memory.objects, plate) == []


def test_what_lies_on_a_table_does_not_travel(memory: Memory):
    buffer: ObjectBuffer = memory.objects
    plate, table = only(memory, "plate"), only(memory, "diningtable")
    assert plate.placement is not None
    assert plate.placement.parent == table.object_id
    assert contents.of(buffer, table) == []


def test_what_is_gone_with_its_plate_is_found_again_where_it_is():
    world, memory = apple_on_plate(), Memory()
    for y in (0.0, 0.3, -0.3):
        memory.write(world.look(0.6, y, 0.0, 0.5))
    buffer, apple = memory.objects, only(memory, "apple")
    assert contents.vanish(buffer, contents.of(buffer, only(memory, "plate"))) == [apple.object_id]
    assert memory.get(apple.object_id).status == "gone"
    report = memory.write(world.look(0.6, 0.1, 0.0, 0.5))
    assert apple.object_id in report.ids
    assert memory.get(apple.object_id).status != "gone"


def test_a_plate_that_is_taken_away_takes_what_is_on_it_along():
    world, memory = apple_on_plate(), Memory()
    for y in (0.0, 0.3, -0.3):
        memory.write(world.look(0.6, y, 0.0, 0.5))
    del world.things["plate"], world.things["apple"]
    changed: set[str] = set()
    for y in (0.0, 0.2, -0.2, 0.1):
        changed |= set(memory.write(world.look(0.6, y, 0.0, 0.5)).gone)
    assert {"plate_1", "apple_1"} <= changed


def test_frames_that_overlook_the_plate_beside_its_apple_do_not_part_them(memory: Memory):
    plate, apple = only(memory, "plate"), only(memory, "apple")
    apple.last_seen = plate.last_seen + 1.0
    plate.misses, plate.doubted = 1.0, plate.last_seen + 2.0
    assert contents.of(memory.objects, plate) == [apple]
    apple.last_seen = plate.last_seen + 2.0  # It is seen where the plate is missing.
    assert contents.of(memory.objects, plate) == []
