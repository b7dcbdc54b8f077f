"""The memory in two parts: what each keeps, its bounds, and what it recorded of deeds."""

from pathlib import Path

import pytest
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.errors import ConfigError
from embodied_mem.memory import Memory
from embodied_mem.memory.dual import DualMemory, ShortTermConfig
from embodied_mem.memory.replacement import FIFOConfig, LRUConfig, TinyLFUConfig
from embodied_mem.memory.store import Store
from embodied_mem.types import Action

FURNITURE = {"DiningTable", "Fridge"}


def kitchen() -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "Mug", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    world.add("apple", "Apple", (1.9, 0.4, 0.84), (0.08, 0.08, 0.08))
    world.add("fridge", "Fridge", (0.0, 3.0, 0.9), (0.8, 0.7, 1.8), open=False)
    return world


def seen(short_term: ShortTermConfig | None = None, store: Store | None = None) -> DualMemory:
    world = kitchen()
    memory = DualMemory(stays=FURNITURE.__contains__, short_term=short_term, store=store)
    for yaw in (0.0, 0.3, 1.57):
        memory.write(world.look(0, 0, yaw))
    return memory


def put_the_mug_into_the_fridge(memory: DualMemory) -> None:
    for action, target in (("PickupObject", "mug_1"), ("PutObject", "fridge_1")):
        memory.record(Action(name=action), target=target, succeeded=True, stamp=memory.stamp)


def labels(memory: Memory) -> set[str]:
    return {known.label for known in memory.known()}


@pytest.mark.parametrize(
    ("carried", "left", "floor", "deeds"),
    [
        ("none", set(), False, 0),
        ("short", {"Mug", "Apple"}, False, 2),
        ("long", {"DiningTable", "Fridge"}, True, 0),
        ("both", {"Mug", "Apple", "DiningTable", "Fridge"}, True, 2),
    ],
)
def test_each_condition_carries_its_part_and_nothing_else(carried, left, floor, deeds):
    memory = seen()
    put_the_mug_into_the_fridge(memory)
    free = (memory.occupancy.states > 0).sum()
    assert free > 0
    memory.carry(carried)
    assert labels(memory) == left
    assert ((memory.occupancy.states > 0).sum() == free) == floor
    assert len(memory.deeds) == deeds
    assert {n.label for n in memory.graph.nodes("object")} <= left
    assert memory.seen_from.keys() == {known.object_id for known in memory.known()}


def test_what_was_carried_is_added_to_by_what_is_seen_next():
    memory = seen()
    before = memory.find("mug")[0]
    memory.carry("short")
    memory.write(kitchen().look(0, 0, 0.0))
    assert memory.find("mug")[0].object_id == before.object_id
    assert len(memory.find("mug")) == 1
    assert labels(memory) == {"Mug", "Apple", "DiningTable"}


def test_deeds_tell_what_was_taken_from_where_and_put_to_where():
    memory = seen()
    put_the_mug_into_the_fridge(memory)
    memory.record(Action(name="MoveAhead"), target=None, succeeded=True, stamp=memory.stamp)
    memory.record(Action(name="PickupObject"), target="apple_1", succeeded=False, stamp=9.0)
    took, put = memory.deeds
    assert (took.object_id, took.place_label) == ("mug_1", "DiningTable")
    assert (put.object_id, put.label, put.place) == ("mug_1", "Mug", "fridge_1")


def test_only_small_things_count_against_the_capacity():
    memory = seen(ShortTermConfig(capacity=1))
    memory.write(kitchen().look(0, 0, 3.14))  # Nothing is in view: nothing is pinned.
    assert len(labels(memory) & {"Mug", "Apple"}) == 1
    assert labels(memory) > FURNITURE


@settings(max_examples=15, deadline=None)
@given(
    capacity=st.integers(1, 5),
    order=st.lists(st.integers(0, 7), min_size=1, max_size=12),
    policy=st.sampled_from([FIFOConfig(), LRUConfig(), TinyLFUConfig()]),
)
def test_the_short_term_part_never_outgrows_what_is_in_view(capacity, order, policy):
    world = BoxWorld(pixels=60)
    for k in range(8):
        x, y = 3 * (-1) ** (k // 4), 1.2 * (k % 4) - 1.8
        world.add(f"t{k}", f"Thing{'abcdefgh'[k]}", (x, y, 0.5), (0.3, 0.3, 1.0))
    short = ShortTermConfig(capacity=capacity, replacement=policy)
    memory = DualMemory(stays=FURNITURE.__contains__, short_term=short)
    for k in order:
        memory.write(world.look(0, 0, k * 0.8))
        assert len(memory) <= max(capacity, len(memory.in_view()))


def test_what_was_left_behind_is_not_on_the_disk_either(tmp_path: Path):
    memory = seen(store=Store(tmp_path / "m.mem"))
    free = memory.occupancy.states.copy()
    memory.carry("long")
    memory.close()
    with Memory.open(tmp_path / "m.mem", read_only=True) as reader:
        assert labels(reader) == FURNITURE
        assert reader.occupancy.states.sum() == free.sum()
    again = seen(store=Store(tmp_path / "n.mem"))
    again.carry("short")
    again.close()
    with Memory.open(tmp_path / "n.mem", read_only=True) as reader:
        assert labels(reader) == {"Mug", "Apple"}
        assert not reader.occupancy.states.any()


def test_a_memory_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least 1 object"):
        ShortTermConfig(capacity=0)
