"""What a store keeps of the past: against the rules, written out the slow way."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.memory.history import HistoryConfig, interior, thin_out
from embodied_mem.memory.journal import Change, State
from embodied_mem.memory.records import Placement, Sighting
from embodied_mem.memory.store import Store, StoreConfig
from embodied_mem.memory.tables import SCHEMA, write_rows

SPOTS = st.sampled_from([0.0, 0.04, 0.08, 0.12, 0.5, np.nan])
PARENTS = st.sampled_from([None, "table_1", "shelf_1"])
LOOKS = st.lists(
    st.tuples(st.sampled_from(["mug_1", "mug_2"]), SPOTS, PARENTS, st.sampled_from([0.4, 0.9])),
    max_size=40,
)
SMALL = HistoryConfig(recent_sightings=6, max_sightings=15, recent_frames=4, max_actions=3,
                      max_moves=2)  # fmt: skip


def looks_to_sightings(looks: Sequence[tuple[str, float, str | None, float]]) -> list[Sighting]:
    return [
        Sighting(
            object_id=name,
            stamp=float(number),
            box=np.full((2, 3), spot),
            status="present",
            placement=None
            if parent is None
            else Placement(relation="on", parent=parent, confidence=sure),
            room="room_1",
            frame=number,
            age=0.0,
        )
        for number, (name, spot, parent, sure) in enumerate(looks, 1)
    ]


def filled(sightings: list[Sighting]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    for s in sightings:
        frame = (s.frame, s.stamp, b"pose")
        write_rows(database, Change(state=State(), sightings=[s], frame=frame))
    return database


def kept(database: sqlite3.Connection) -> list[int]:
    return [n for (n,) in database.execute("SELECT number FROM sightings ORDER BY number")]


def same_stay(one: Sighting, other: Sighting) -> bool:
    parents = [None if s.placement is None else s.placement.parent for s in (one, other)]
    away = abs(one.box[0, 0] - other.box[0, 0]) * np.sqrt(3)
    nothing = np.isnan(one.box[0, 0]) and np.isnan(other.box[0, 0])
    return parents[0] == parents[1] and bool(nothing or away <= 0.1)


@settings(deadline=None, max_examples=60)
@given(looks=LOOKS, window=st.integers(1, 9))
def test_thinning_bit_by_bit_is_thinning_at_once(looks, window: int):
    sightings = looks_to_sightings(looks)
    at_once = filled(sightings)
    thin_out(at_once, HistoryConfig(recent_sightings=0))
    bit_by_bit = filled(sightings)
    for recent in range(len(sightings) - window, -window, -window):
        thin_out(bit_by_bit, HistoryConfig(recent_sightings=max(recent, 0)))
    assert kept(bit_by_bit) == kept(at_once)


@settings(deadline=None, max_examples=60)
@given(looks=LOOKS)
def test_what_is_dropped_lies_within_a_stay_that_is_kept(looks):
    sightings = looks_to_sightings(looks)
    database = filled(sightings)
    thin_out(database, HistoryConfig(recent_sightings=0))
    left = {sightings[n - 1].frame: sightings[n - 1] for n in kept(database)}
    for s in sightings:
        mine = [k for k in left.values() if k.object_id == s.object_id]
        before = max((k for k in mine if k.frame <= s.frame), key=lambda k: k.frame)
        assert same_stay(before, s)  # What `where` answers for this time is true.
        if s.frame not in left:
            after = min((k for k in mine if k.frame > s.frame), key=lambda k: k.frame)
            assert same_stay(before, after)
    for name in ("mug_1", "mug_2"):
        mine = [s for s in sightings if s.object_id == name]
        assert not mine or {mine[0].frame, mine[-1].frame} <= left.keys()


def test_a_long_stay_becomes_its_ends():
    looks = [("mug_1", 0.0, "table_1", 0.9)] * 9 + [("mug_1", 0.5, "table_1", 0.9)] * 5
    database = filled(looks_to_sightings(looks))
    thin_out(database, HistoryConfig(recent_sightings=2))
    assert kept(database) == [1, 9, 10, 12, 13, 14]


@settings(deadline=None, max_examples=40)
@given(looks=LOOKS)
def test_nothing_exceeds_its_capacity(looks):
    database = filled(looks_to_sightings(looks))
    for number in range(10):
        target = "mug_1" if number % 2 else ""
        action = (float(number), "Pass", b"{}", target, True)
        write_rows(database, Change(state=State(), action=action))
    thin_out(database, SMALL)
    numbers = kept(database)
    assert len(numbers) <= SMALL.max_sightings
    assert numbers[-6:] == list(range(1, len(looks) + 1))[-6:]
    frames = {n for (n,) in database.execute("SELECT number FROM frames")}
    newest = set(range(max(len(looks) - 3, 1), len(looks) + 1))
    assert frames == newest | set(numbers)  # Each of these frames has one sighting.
    stamps = [s for (s,) in database.execute("SELECT stamp FROM actions ORDER BY number")]
    assert stamps == [5, 6, 7, 8, 9]


def test_clearing_starts_the_rules_anew(tmp_path: Path):
    config = HistoryConfig(recent_sightings=0)
    store = Store(tmp_path / "store", StoreConfig(pack_after=1, history=config))
    sightings = looks_to_sightings([("mug_1", 0.0, None, 0.9)] * 8)
    voxels = {"mug_1": {"voxels": np.arange(3)}}
    for clear in (False, True):
        change = Change(state=State(), clear=clear, sightings=sightings, tensors=voxels)
        store.commit(change)
        found = [s.frame for s in store.newest_sightings(10)]
        assert found == [1, 8]
    store.close()


def test_the_place_of_an_unplaced_thing_is_no_stay_with_a_placed_one():
    placement = msgspec.json.encode(Placement(relation="on", parent="table_1", confidence=1.0))
    boxes = [np.zeros((2, 3)), np.full((2, 3), np.nan), np.zeros((2, 3))]
    rows = [
        (n, "mug_1", n, box.tobytes(), "present", placement, None)
        for n, box in enumerate(boxes * 2, 1)
    ]
    assert interior(rows, 0.1) == []
    assert interior([(7, *rows[1][1:]), (8, *rows[1][1:]), (9, *rows[1][1:])], 0.1) == [
        (8, *rows[1][1:])
    ]
