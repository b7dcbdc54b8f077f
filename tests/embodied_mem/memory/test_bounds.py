"""What a memory forgets so that it stays bounded: errors, and what has long been gone."""

from dataclasses import replace

import numpy as np
from box_world import BoxWorld, percept_from, without

from embodied_mem.memory import Memory
from embodied_mem.types import Percept


def mugs_on_a_table(*names: str, pixels: int = 240) -> BoxWorld:
    world = BoxWorld(pixels=pixels)
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    for number, name in enumerate(names):
        world.add(name, "Mug", (1.9, 0.3 * number - 0.3, 0.85), (0.1, 0.1, 0.1))
    return world


def later(percept: Percept, seconds: float) -> Percept:
    return replace(percept, frame=replace(percept.frame, stamp=percept.frame.stamp + seconds))


def test_what_is_there_but_never_detected_again_was_an_error(tmp_path):
    look, forgotten = mugs_on_a_table("one").look(0, 0, 0), []
    blind = without(look, "Mug")
    with Memory.open(tmp_path / "memory") as memory:
        for number in range(3):
            memory.write(later(look, number))
        (mug,) = memory.find("mug")
        for number in range(40):
            if number == 10:  # What was counted so far is kept on the disk.
                memory.refresh()
            memory.write(later(blind, 3.0 + number))
            if mug.object_id not in memory.objects.entries:
                forgotten.append(number)
                break
    assert forgotten == [18]  # 21 times overlooked, in two of these frames passed by as well.
    with Memory.open(tmp_path / "memory") as again:
        assert mug.object_id not in again.objects.entries
        assert mug.object_id not in again.graph


def test_one_detection_in_five_is_enough_to_stay():
    look, memory = mugs_on_a_table("one").look(0, 0, 0), Memory()
    blind = without(look, "Mug")
    for number in range(60):
        memory.write(later(blind if number % 5 else look, number))
    (mug,) = memory.find("mug")
    assert mug.status == "present"
    assert mug.sightings == 12


def test_of_many_things_gone_the_oldest_are_forgotten():
    world, memory, gone = BoxWorld(pixels=80), Memory(), []
    for number in range(35):
        world.add("one", f"Kind{chr(97 + number)}", (2.0, 10.0 * number, 0.5), (0.4, 0.4, 1.0))
        for _ in range(2):
            gone += memory.write(world.look(0.0, 10.0 * number, 0.0)).appeared
        del world.things["one"]
        for _ in range(2):
            memory.write(world.look(0.0, 10.0 * number, 0.0))
    left = [known.object_id for known in memory.known() if known.status == "gone"]
    assert len(gone) == 35
    assert left == gone[-32:]


def test_masks_that_spill_do_not_widen_a_large_thing_forever():
    world, memory = BoxWorld(pixels=100), Memory()
    world.add("bed", "Bed", (2.2, 0.0, 0.3), (1.2, 1.6, 0.6))
    frame, ids = world.frame(0.0, 0.0, 0.0)
    rows, columns = np.nonzero(ids == 1)
    onto_the_floor = ids.copy()
    onto_the_floor[rows.min() : rows.max(), columns.max() : columns.max() + 21] = 1
    things = list(world.things.values())
    right, spilt = percept_from(frame, ids, things), percept_from(frame, onto_the_floor, things)
    for number in range(160):
        memory.write(later(spilt if number % 10 == 9 else right, number))
    (bed,) = memory.find("bed")
    assert np.abs(bed.size[1] - 1.6) < 0.25


def test_what_is_hidden_is_forgotten_only_after_many_looks_beside_it():
    world, memory = mugs_on_a_table("one", pixels=160), Memory()
    memory.write(world.look(0, 0, 0))
    memory.write(world.look(0, 0, 0))
    del world.things["one"]
    world.add("screen", "Box", (1.75, -0.3, 0.95), (0.05, 0.4, 0.3))  # Before where it was.
    (mug,) = memory.find("mug")
    for _ in range(2):
        memory.write(world.look(0, 0, 0))
    assert memory.get(mug.object_id).status == "present"
    looks, look = 4, world.look(0, 0, 0)
    while mug.object_id in memory.objects.entries:
        memory.write(later(look, looks))
        looks += 1
    assert looks == 210
