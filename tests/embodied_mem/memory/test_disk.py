"""Memory on disks that are full, read only, or in use: one sentence each, and nothing lost."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.errors import StoreError, StoreLockedError
from embodied_mem.memory import Memory
from embodied_mem.memory.scene_graph import SceneGraph
from embodied_mem.types import Action


def kitchen() -> BoxWorld:
    world = BoxWorld(pixels=160)
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "Mug", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    world.add("fridge", "Fridge", (0.0, 3.0, 0.9), (0.8, 0.7, 1.8), open=False)
    return world


def belief(memory: Memory) -> dict[str, tuple]:
    """Return all that a reader can ask, in a form that compares."""
    return {
        k.object_id: (
            k.label,
            dict(k.label_scores),
            k.box.tolist(),
            k.feature.tolist(),
            dict(k.attributes),
            k.status,
            k.placement,
            k.place,
            k.room,
            (k.first_seen, k.last_seen, k.sightings, k.confidence),
            memory.objects[k.object_id].keys.tolist(),
        )
        for k in memory.known()
    }


def edges(graph: SceneGraph) -> set[tuple]:
    return {(a, e.kind, b, e.count, e.first_seen, e.last_seen) for a, e, b in graph.edges()}


def assert_same(one: Memory, two: Memory) -> None:
    assert belief(one) == belief(two)
    assert (one.frame, one.stamp) == (two.frame, two.stamp)
    assert edges(one.graph) == edges(two.graph)
    assert {n.id: n for n in one.graph.nodes()} == {n.id: n for n in two.graph.nodes()}
    columns, rows = np.meshgrid(np.arange(-5, 5, 0.05), np.arange(-5, 5, 0.05))
    spots = np.stack((columns, rows), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(one.occupancy.states_at(spots), two.occupancy.states_at(spots))
    np.testing.assert_array_equal(one.rooms.places, two.rooms.places)
    held = [memory.held.object_id if memory.held else None for memory in (one, two)]
    assert held[0] == held[1]


def explore(memory: Memory, world: BoxWorld) -> None:
    for yaw in np.arange(0, 6.2, 0.5):
        memory.write(world.look(0, 0, float(yaw)))
    mug = memory.find("mug")[0].object_id
    memory.record(Action(name="PickupObject"), target=mug, succeeded=True, stamp=world.stamp)


def test_what_is_opened_again_is_what_was_closed(tmp_path: Path):
    with Memory.open(tmp_path / "m") as memory:
        explore(memory, kitchen())
        with Memory.open(tmp_path / "m", read_only=True) as reader:
            assert_same(memory, reader)
            with pytest.raises(StoreError, match="open read only"):
                reader.write(kitchen().look(0, 0, 0))
        memory.close()
        with Memory.open(tmp_path / "m") as again:
            assert_same(memory, again)


@pytest.mark.parametrize("kept", ["on disk", "in RAM"])
def test_save_then_load_is_the_identity(tmp_path: Path, kept: str):
    memory = Memory.open(tmp_path / "m") if kept == "on disk" else Memory()
    explore(memory, kitchen())
    memory.save(tmp_path / "copy")
    loaded = Memory.load(tmp_path / "copy")
    assert_same(memory, loaded)
    fridge = memory.find("fridge")[0].object_id
    for stamp in (memory.stamp, 2.0):
        one, two = memory.where(fridge, at=stamp), loaded.where(fridge, at=stamp)
        assert (one.stamp, one.frame, one.age) == (two.stamp, two.frame, two.age)
    with pytest.raises(StoreError, match=r"exists already\. Choose a new folder"):
        memory.save(tmp_path / "copy")
    memory.close()


def test_clear_forgets_on_disk_too(tmp_path: Path):
    with Memory.open(tmp_path / "m") as memory:
        explore(memory, kitchen())
        memory.clear()
        assert len(memory) == 0
        memory.write(kitchen().look(0, 0, 0))
        with Memory.open(tmp_path / "m", read_only=True) as reader:
            assert_same(memory, reader)


def test_two_writers_are_refused_across_processes(tmp_path: Path):
    with Memory.open(tmp_path / "m"):
        code = (
            "import sys\nfrom embodied_mem.memory import Memory\n"
            "try:\n    Memory.open(sys.argv[1])\n"
            "except OSError as error:\n    print(type(error).__name__)"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "m")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == StoreLockedError.__name__


def fill_until_full(memory: Memory, world: BoxWorld) -> None:
    rng = np.random.default_rng(0)
    for number in range(400):
        spot = tuple(rng.uniform((1, -2, 0.1), (3, 2, 2)).tolist())
        world.things[f"box {number % 8}"].center = spot
        memory.write(world.look(0, 0, 0))
    raise AssertionError("the disk never filled")


def test_a_full_disk_is_one_sentence_and_ram_is_not_ahead(tmp_path: Path):
    world = kitchen()
    for number in range(8):
        world.add(f"box {number}", f"Box{'abcdefgh'[number]}", (2, 0, 1.5), (0.2, 0.2, 0.2))
    with Memory.open(tmp_path / "m") as memory:
        memory.write(world.look(0, 0, 0))
        store = memory._store
        assert store is not None
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages + 40}")
        with pytest.raises(StoreError, match=r"^cannot write to the memory at .* full\. Free"):
            fill_until_full(memory, world)
        with Memory.open(tmp_path / "m", read_only=True) as reader:
            assert_same(memory, reader)
        frame = memory.frame
        store._database.execute(f"PRAGMA max_page_count = {pages + 4000}")
        memory.write(world.look(0, 0, 0))
        assert memory.frame == frame + 1


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    mount = shutil.which("mount")
    if not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_real_full_disk_keeps_what_was_acknowledged(tiny_disk: Path):
    world = kitchen()
    for number in range(8):
        world.add(f"box {number}", f"Box{'abcdefgh'[number]}", (2, 0, 1.5), (0.2, 0.2, 0.2))
    memory = Memory.open(tiny_disk / "m")
    with pytest.raises(StoreError, match="cannot write to the memory at"):
        fill_until_full(memory, world)
    frame, before = memory.frame, belief(memory)
    with pytest.raises(StoreError, match="cannot write to the memory at"):
        fill_until_full(memory, world)
    frame, before = memory.frame, belief(memory)
    memory.close()
    with Memory.open(tiny_disk / "m", read_only=True) as again:
        assert again.frame == frame
        assert belief(again) == before


def test_a_read_only_disk_is_one_sentence(tiny_disk: Path):
    with Memory.open(tiny_disk / "m") as memory:
        memory.write(kitchen().look(0, 0, 0))
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(StoreError, match=r"^cannot open the memory at .*ead-only.*\. Check that"):
        Memory.open(tiny_disk / "m")
    with pytest.raises(StoreError, match=r"^cannot open the memory at .*ead-only.*\. Check that"):
        Memory.open(tiny_disk / "new")
    with Memory.open(tiny_disk / "m", read_only=True) as reader:
        assert reader.find("mug")
