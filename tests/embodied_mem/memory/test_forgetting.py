"""A memory that is full forgets by its policy."""

import pytest
from box_world import BoxWorld

from embodied_mem.memory import Memory
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.object_buffer import BufferConfig
from embodied_mem.memory.replacement import (
    DecayConfig,
    FIFOConfig,
    LFUConfig,
    LRUConfig,
    ReplacementConfig,
    TinyLFUConfig,
)
from embodied_mem.types import Action


def corridor() -> BoxWorld:
    """Five different things, none in one view with another."""
    world = BoxWorld()
    for number, label in enumerate(("Lamp", "Vase", "Statue", "Box", "Chair")):
        world.add(label.lower(), label, (2.0, 10.0 * number, 0.5), (0.4, 0.4, 1.0))
    return world


def small(policy: ReplacementConfig, capacity: int = 3) -> Memory:
    return Memory(MemoryConfig(objects=BufferConfig(capacity=capacity, replacement=policy)))


@pytest.mark.parametrize(
    "policy",
    [FIFOConfig(), LRUConfig(), LFUConfig(), TinyLFUConfig(), DecayConfig()],
    ids=lambda policy: type(policy).__name__,
)
def test_capacity_is_kept_and_the_newest_is_known(policy):
    world, memory = corridor(), small(policy)
    for number, label in enumerate(("Lamp", "Vase", "Statue", "Box", "Chair")):
        report = memory.write(world.look(0.0, 10.0 * number, 0.0))
        assert memory.find(label)
        assert len(memory) <= 3
        assert len(report.evicted) == (number >= 3)


def test_what_was_touched_counts_as_used():
    world, memory = corridor(), small(LRUConfig())
    for number in range(3):
        memory.write(world.look(0.0, 10.0 * number, 0.0))
    lamp = memory.find("Lamp")[0].object_id
    memory.record(Action(name="ToggleObjectOn"), target=lamp, succeeded=True, stamp=memory.stamp)
    memory.write(world.look(0.0, 30.0, 0.0))
    assert {known.label for known in memory.known()} == {"Lamp", "Statue", "Box"}
