"""Names that were taught: found by view and by word, bounded, and kept on disk or not at all."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem.errors import NamingError, StoreError, UnknownObjectError
from embodied_mem.memory import Memory
from embodied_mem.memory.names import Names, NamesConfig, View
from embodied_mem.types import Frame, Percept


def unit(seed: int, width: int = 16) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=width)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def near(seed: int, by: float) -> np.ndarray:
    vector = unit(seed) + by * unit(seed + 10_000)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_one_showing_is_enough_both_ways():
    names = Names(NamesConfig(least=0.8))
    for seed, name in enumerate(("dax", "blicket", "wug")):
        names.teach(name, View(feature=unit(seed)))
    looks = np.stack([near(seed, 0.3) for seed in (2, 0, 1)])
    found = [named.name for named in names.names_of(looks) if named]
    assert found == ["wug", "dax", "blicket"]
    assert [names.find(name, looks) for name in ("dax", "blicket", "wug")] == [1, 2, 0]


def test_what_is_like_nothing_taught_has_no_name():
    names = Names(NamesConfig(least=0.8))
    assert names.name_of(unit(0)) is None
    names.teach("dax", View(feature=unit(0)))
    assert names.name_of(unit(1)) is None
    assert names.find("dax", np.stack([unit(1), unit(2)])) is None
    assert names.find("dax", np.zeros((0, 16), np.float32)) is None


def test_what_is_like_two_names_has_none_where_a_margin_is_asked_for():
    names = Names(NamesConfig(least=0.5, margin=0.05))
    names.teach("dax", View(feature=near(0, 0.1)))
    names.teach("wug", View(feature=near(0, -0.1)))
    assert names.name_of(unit(0)) is None
    assert names.name_of(near(0, 0.5)) is not None


@settings(max_examples=40, deadline=None)
@given(
    taught=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40)), max_size=40),
    capacity=st.integers(1, 4),
    views=st.integers(1, 3),
)
def test_names_and_views_are_bounded_and_the_newest_are_kept(taught, capacity, views):
    names = Names(NamesConfig(capacity=capacity, views=views))
    order: list[str] = []
    for number, seed in taught:
        name = f"n{number}"
        names.teach(name, View(feature=unit(seed)))
        order = [*(other for other in order if other != name), name][-capacity:]
        assert list(names.table) == order
        assert all(len(names.views(n)) <= views for n in order)
        assert any(np.allclose(v.feature, unit(seed)) for v in names.views(name))


def test_a_name_that_is_used_stays_longer():
    names = Names(NamesConfig(capacity=2))
    names.teach("dax", View(feature=unit(0)))
    names.teach("wug", View(feature=unit(1)))
    assert names.name_of(unit(0)) is not None
    names.teach("blicket", View(feature=unit(2)))
    assert list(names.table) == ["dax", "blicket"]


def test_of_too_many_views_the_most_different_stay():
    names = Names(NamesConfig(views=2))
    for view in (unit(0), near(0, 0.05), unit(1)):
        names.teach("dax", View(feature=view))
    kept = np.stack([view.feature for view in names.views("dax")])
    np.testing.assert_allclose(kept, np.stack([near(0, 0.05), unit(1)]), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_likeness_is_the_greatest_cosine_whatever_the_length(seed: int, scale: float):
    names = Names()
    views = [unit(seed + k) for k in range(3)]
    for view in views:
        names.teach("dax", View(feature=scale * view))
    look = unit(seed + 7).astype(np.float64) / scale
    expected = max(
        sum(float(a) * float(b) for a, b in zip(look, view, strict=True)) * scale for view in views
    )
    assert names.likeness(look[None])[0, 0] == pytest.approx(expected, abs=1e-4)


def test_what_cannot_be_taught_is_said():
    names = Names()
    names.teach("dax", View(feature=unit(0)))
    messages = []
    bad = [
        ("  ", unit(0)), ("Object", unit(0)), ("a\x1bb", unit(0)), ("x" * 65, unit(0)),
        ("wug", unit(0, 4)), ("wug", np.zeros(16, np.float32)),
        ("wug", np.full(16, np.nan, np.float32)),
    ]  # fmt: skip
    for name, feature in bad:
        with pytest.raises(NamingError) as caught:
            names.teach(name, View(feature=feature))
        messages.append(str(caught.value))
    with pytest.raises(NamingError) as caught:
        names.views("wug")
    assert [*messages[1:3], messages[4], str(caught.value)] == snapshot(
        [
            "a name has 1 to 64 letters and is not one of object, surface, got 'Object'. Choose another.",
            "a name has 1 to 64 letters and is not one of object, surface, got 'a\\x1bb'. Choose another.",
            "a view of 'wug' needs a feature of 16 finite numbers, not all 0, got 4. Use one description for all names of a memory.",
            "no name 'wug' was taught. Known names: dax.",
        ]
    )
    assert list(names.table) == ["dax"]


def kitchen() -> BoxWorld:
    world = BoxWorld(pixels=160)
    world.add("table", "object", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "object", (1.8, -0.3, 0.86), (0.12, 0.12, 0.12))
    return world


def test_an_object_that_was_named_is_found_by_its_name_after_a_restart(tmp_path: Path):
    world = kitchen()
    with Memory.open(tmp_path / "m") as memory:
        ids = memory.write(world.look(0, 0, 0)).ids
        memory.teach(" dax ", View(feature=unit(3), crop=np.zeros((4, 5, 3), np.uint8)), ids[1])
    with Memory.open(tmp_path / "m") as memory:
        assert [k.object_id for k in memory.find("dax")] == [ids[1]]
        (view,) = memory.names.views("dax")
        assert view.crop is not None
        assert view.crop.shape == (4, 5, 3)
        named = memory.names.name_of(unit(3))
        assert named is not None
        assert named.name == "dax"
        assert memory.write(world.look(0, 0, 0)).ids == ids  # Nameless again, and the same.
        assert memory.get(ids[1]).label == "dax"
        memory.save(tmp_path / "copy")
        memory.unteach("dax")
    assert not len(Memory.load(tmp_path / "m").names)
    assert list(Memory.load(tmp_path / "copy").names.table) == ["dax"]


def test_a_memory_in_ram_can_be_saved_with_its_names(tmp_path: Path):
    memory = Memory()
    memory.teach("dax", View(feature=unit(0)))
    memory.save(tmp_path / "m")
    assert list(Memory.load(tmp_path / "m").names.table) == ["dax"]
    memory.clear()
    assert not len(memory.names)


class CrashError(BaseException):
    """What the process does at a point: stop."""


@pytest.mark.parametrize("point", ["begun", "rows written", "tensors written", "committed"])
def test_a_name_is_taught_whole_or_not_at_all(tmp_path: Path, point: str):
    with Memory.open(tmp_path / "m") as memory:
        ids = memory.write(kitchen().look(0, 0, 0)).ids
    armed = []

    def fault(at: str) -> None:
        if armed and at == point:
            raise CrashError

    memory = Memory.open(tmp_path / "m", fault=fault)
    armed.append(True)
    with pytest.raises(CrashError):
        memory.teach("dax", View(feature=unit(0)), ids[1])
    memory.close()
    after = Memory.load(tmp_path / "m")
    assert (len(after.names) == 1) == (point == "committed")
    assert (after.get(ids[1]).label == "dax") == (point == "committed")


def test_what_fails_changes_nothing(tmp_path: Path):
    with Memory.open(tmp_path / "m") as memory:
        memory.write(kitchen().look(0, 0, 0))
        with pytest.raises(UnknownObjectError):
            memory.teach("dax", View(feature=unit(0)), "object_77")
        assert not len(memory.names)
    reader = Memory.open(tmp_path / "m", read_only=True)
    with pytest.raises(StoreError, match="read only"):
        reader.teach("dax", View(feature=unit(0)))
    assert not len(reader.names)
    reader.close()


def shelf_and_cup(stamp: float, *, cup: bool) -> Percept:
    """Return a shelf of three boards, and a cup on the middle one, without names."""
    random = np.random.default_rng(0)
    boards = random.uniform((1, -0.5, 0), (1.4, 0.5, 0), (300, 3))
    boards[:, 2] = np.repeat((0.0, 0.5, 1.0), 100)
    small = random.uniform((1.1, -0.05, 0.52), (1.2, 0.05, 0.62), (60, 3))
    masks = np.zeros((2, 60, 60), bool)
    masks[1, 25:35, 25:35] = True
    masks[0, 10:50, 10:50] = ~masks[1, 10:50, 10:50]
    count = 1 + cup
    points = tuple(p.astype(np.float32) for p in (boards, small))[:count]
    return Percept(
        frame=Frame(stamp=stamp, rgb=np.zeros((60, 60, 3), np.uint8)),
        masks=masks[:count],
        labels=("object",) * count,
        scores=np.full(count, 0.8),
        features=np.stack([unit(0), unit(1)])[:count],
        points=points,
        boxes=np.array([[p.min(axis=0), p.max(axis=0)] for p in points], float),
        attributes=({},) * count,
    )


def test_a_cup_inside_a_shelf_is_no_part_of_it_for_being_an_object_too():
    memory = Memory()
    memory.write(shelf_and_cup(1.0, cup=False))
    for stamp in (2.0, 3.0, 4.0):
        ids = memory.write(shelf_and_cup(stamp, cup=True)).ids
        assert ids == ("object_1", "object_2")
    memory.write(shelf_and_cup(5.0, cup=False))
    assert len(memory) == 2


def test_a_part_that_looks_like_the_whole_is_a_part():
    memory = Memory()
    memory.write(shelf_and_cup(1.0, cup=False))
    alike = replace(shelf_and_cup(2.0, cup=True), features=np.stack([unit(0), near(0, 0.1)]))
    assert memory.write(alike).ids == ("object_1", "object_1")
