"""What the record tells of changes: moves and losses, not a belief that takes shape."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.memory import Memory
from embodied_mem.runtime.changes import ChangeWatcher


def hall() -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 3.6, 0.8))
    world.add("apple", "Apple", (1.9, 0.4, 0.84), (0.08, 0.08, 0.08))
    return world


def told(watcher: ChangeWatcher, memory: Memory) -> list[tuple[str, str]]:
    return [(line.change, line.label) for line in watcher.changes(memory)]


def look(world: BoxWorld, memory: Memory, watcher: ChangeWatcher, times: int):
    """Return what is told in so many looks, 0.2 s apart."""
    found = []
    for _ in range(times):
        memory.write(world.look(0, 0, 0))
        found += told(watcher, memory)
    return found


def test_what_is_seen_more_and_more_of_has_not_moved():
    world, memory, watcher = hall(), Memory(), ChangeWatcher()
    memory.write(world.look(0.9, -1.6, -0.9))
    assert told(watcher, memory) == [("appeared", "DiningTable")]
    before = memory.find("diningtable")[0].position
    for yaw in np.linspace(-0.8, 1.0, 10):
        memory.write(world.look(0.9, -1.6, yaw))
    assert np.linalg.norm(memory.find("diningtable")[0].position - before) > 0.3
    assert told(watcher, memory) == [("appeared", "Apple")]


def test_what_is_carried_off_is_told_as_gone_and_then_as_moved():
    world, memory, watcher = hall(), Memory(), ChangeWatcher()
    memory.write(world.look(0, 0, 0))
    told(watcher, memory)
    world.things["apple"].center = (0.2, 2.4, 0.1)
    assert look(world, memory, watcher, 8) == [("gone", "Apple")]
    memory.write(world.look(0, 0, 1.57, pitch=0.5))
    assert told(watcher, memory) == [("moved", "Apple")]


@pytest.mark.parametrize(
    ("looks", "changes"), [(8, [("gone", "Apple"), ("back", "Apple")]), (3, [])]
)
def test_what_was_overlooked_for_long_is_back_and_what_was_for_a_moment_is_no_event(looks, changes):
    world, memory, watcher = hall(), Memory(), ChangeWatcher()
    memory.write(world.look(0, 0, 0))
    told(watcher, memory)
    apple = world.things.pop("apple")
    assert look(world, memory, watcher, looks) == changes[:1]
    world.things["apple"] = apple
    assert look(world, memory, watcher, 2) == changes[1:]


@pytest.mark.parametrize(("score", "lines"), [(0.95, ["Apple", "DiningTable"]), (0.5, [])])
def test_one_doubtful_glimpse_is_no_event(score, lines):
    world, memory, watcher = hall(), Memory(), ChangeWatcher()
    percept = world.look(0, 0, 0)
    memory.write(replace(percept, scores=np.full(len(percept.scores), score)))
    assert sorted(label for _, label in told(watcher, memory)) == lines
    memory.write(world.look(0, 0, 0.02))
    assert sorted(label for _, label in told(watcher, memory)) == sorted(
        {"Apple", "DiningTable"} - set(lines)
    )


@pytest.mark.parametrize(
    ("label", "changes"), [("Faucet", ["gone", "appeared"]), ("Mug", ["gone", "moved"])]
)
def test_another_part_of_the_house_is_not_the_old_one_carried_off(label, changes):
    world, memory, watcher = hall(), Memory(), ChangeWatcher()
    thing = world.add("thing", label, (1.7, -0.4, 0.86), (0.12, 0.12, 0.12))
    memory.write(world.look(0, 0, 0))
    told(watcher, memory)
    thing.center = (0.2, 2.4, 0.1)
    found: list[tuple[str, str]] = []
    for yaw, pitch in [*[(0.0, 0.3)] * 8, (1.57, 0.5)]:
        memory.write(world.look(0, 0, yaw, pitch=pitch))
        found += told(watcher, memory)
    assert found == [(change, label) for change in changes]
