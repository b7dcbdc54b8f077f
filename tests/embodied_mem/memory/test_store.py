"""The store against a plain dict, with a crash at every boundary of a write."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from embodied_mem.errors import StoreError, StoreFormatError, StoreLockedError
from embodied_mem.memory.journal import Change, State
from embodied_mem.memory.records import Sighting
from embodied_mem.memory.store import Store, StoreConfig
from embodied_mem.memory.tensors import segment_name

BEFORE = ("begun", "rows written", "tensors written")
AFTER = ("committed", "segment written", "segment synced", "segment renamed", "pack written")
AFTER += ("pack committed", "pack cleaned")
CONFIG = StoreConfig(pack_after=3)
NAMES = st.sampled_from([f"mug_{n}" for n in range(6)])


class CrashError(BaseException):
    """What the machine does at a point: stop."""


def sighting(name: str, stamp: float) -> Sighting:
    return Sighting(
        object_id=name,
        stamp=stamp,
        box=np.full((2, 3), stamp),
        status="present",
        placement=None,
        room=None,
        frame=int(stamp),
        age=0.0,
    )


class StoreAgainstDict(RuleBasedStateMachine):
    """Puts, removals and crashes; the model is what was acknowledged."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.crash_at: str | None = None
        self.copies = 0
        self.path = self.root / "store"
        self.model: dict[str, tuple[bytes, bytes]] = {}
        self.seen: dict[str, float] = {}
        self.clock = 0
        self.store = self.open()

    def open(self) -> Store:
        return Store(self.path, CONFIG, fault=self.fault)

    def fault(self, point: str) -> None:
        if point == self.crash_at:
            self.crash_at = None
            self.copies += 1
            # What another process would find, had this one been killed here.
            shutil.copytree(self.path, self.root / f"crash-{self.copies}")
            raise CrashError

    def change(self, names: list[str], value: int) -> Change:
        self.clock += 1
        return Change(
            state=State(frame=self.clock, stamp=float(self.clock)),
            objects={name: f"{name}={value}".encode() for name in names},
            tensors={name: {"voxels": np.full(value % 50, value)} for name in names},
            sightings=[sighting(name, float(self.clock)) for name in names],
        )

    def acknowledge(self, names: list[str], value: int) -> None:
        for name in names:
            self.model[name] = (f"{name}={value}".encode(), np.full(value % 50, value).tobytes())
            self.seen[name] = float(self.clock)

    @rule(names=st.lists(NAMES, unique=True, min_size=1), value=st.integers(0, 1000))
    def put(self, names: list[str], value: int) -> None:
        self.store.commit(self.change(names, value))
        self.acknowledge(names, value)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        change = Change(state=State(frame=self.clock), removed=[name])
        self.store.commit(change)
        self.model.pop(name, None)

    @rule(
        names=st.lists(NAMES, unique=True, min_size=1),
        value=st.integers(0, 1000),
        point=st.sampled_from(BEFORE + AFTER),
    )
    def crash_while_putting(self, names: list[str], value: int, point: str) -> None:
        self.crash_at = point
        try:
            self.store.commit(self.change(names, value))
        except CrashError:
            self.store.close()
            self.path = self.root / f"crash-{self.copies}"
            self.store = self.open()
            if point in AFTER:
                self.acknowledge(names, value)
        else:
            self.acknowledge(names, value)
        self.crash_at = None

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()

    @precondition(lambda self: self.model)
    @rule()
    def copies_hold_the_same(self) -> None:
        self.copies += 1
        target = self.root / f"copy-{self.copies}"
        self.store.copy_to(target)
        copy = Store(target, read_only=True)
        assert contents(copy) == self.model
        copy.close()

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        assert contents(self.store) == self.model
        for name, stamp in self.seen.items():
            found = self.store.sighting(name, 1e9)
            assert found is not None
            assert found.stamp == stamp

    @invariant()
    def has_no_orphan_files(self) -> None:
        database = self.store._database
        rows = database.execute("SELECT number FROM segments WHERE data IS NULL").fetchall()
        files = {path.name for path in (self.path / "tensors").iterdir()}
        assert files == {segment_name(number) for (number,) in rows}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.root)


def contents(store: Store) -> dict[str, tuple[bytes, bytes]]:
    snapshot = store.read()
    assert set(snapshot.tensors) == set(snapshot.objects)
    return {
        name: (record, snapshot.tensors[name]["voxels"].tobytes())
        for name, record in snapshot.objects.items()
    }


TestStoreAgainstDict = StoreAgainstDict.TestCase
TestStoreAgainstDict.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("point", BEFORE + AFTER + ("created",))
def test_every_boundary_is_reached_and_survived(tmp_path: Path, point: str):
    reached: list[str] = []

    def fault(name: str) -> None:
        if name == point and not reached:
            reached.append(name)
            shutil.copytree(tmp_path / "store", tmp_path / "crash")
            raise CrashError

    acknowledged = 0
    try:
        store = Store(tmp_path / "store", CONFIG, fault=fault)
        for number in range(1, 8):
            store.commit(
                Change(
                    state=State(frame=number),
                    objects={"mug_1": b"%d" % number},
                    tensors={"mug_1": {"voxels": np.arange(number)}},
                )
            )
            acknowledged = number
    except CrashError:
        pass
    assert reached == [point]
    again = Store(tmp_path / "crash", CONFIG)
    frame = again.read().state.frame
    assert frame in {acknowledged, acknowledged + 1}
    if frame:
        assert len(again.read().tensors["mug_1"]["voxels"]) == frame
    again.close()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path):
    store = Store(tmp_path / "m")
    with pytest.raises(StoreLockedError, match=rf"^process {os.getpid()} is writing to the memory"):
        Store(tmp_path / "m")
    store.close()
    Store(tmp_path / "m").close()


def test_a_reader_sees_one_moment_while_a_writer_goes_on(tmp_path: Path):
    writer = Store(tmp_path / "m", CONFIG)
    reader = Store(tmp_path / "m", read_only=True)
    for number in range(1, 40):
        values = {f"mug_{k}": {"voxels": np.full(3, number)} for k in range(4)}
        objects = dict.fromkeys(values, b"%d" % number)
        writer.commit(Change(state=State(frame=number), objects=objects, tensors=values))
        snapshot = reader.read()
        assert snapshot.state.frame == number
        assert {int(f["voxels"][0]) for f in snapshot.tensors.values()} == {number}
    with pytest.raises(StoreError, match="open read only"):
        reader.commit(Change(state=State()))
    writer.close()


def test_a_foreign_version_is_refused_with_what_to_do(tmp_path: Path):
    store = Store(tmp_path / "m")
    store._database.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreFormatError, match=r"has format 99, this release reads 2\. Open it"):
        Store(tmp_path / "m")


def test_a_store_of_the_first_format_is_read_as_it_is_and_brought_up_to_date_by_a_writer(
    tmp_path: Path,
):
    store = Store(tmp_path / "m")
    store._database.execute("DROP TABLE habits")
    store._database.execute("PRAGMA user_version = 1")
    store.close()
    with contextlib.closing(Store(tmp_path / "m", read_only=True)) as reader:
        assert reader.read().habits == []
    with contextlib.closing(Store(tmp_path / "m")) as writer:
        assert writer.read().habits == []
        writer.commit(Change(state=State(), habits={("mug", "shelf_1"): b"{}"}))
    with contextlib.closing(Store(tmp_path / "m")) as again:
        assert again.read().habits == [b"{}"]


@pytest.mark.parametrize("damage", ["text", "truncated", "foreign", "segment", "missing"])
def test_damage_is_named(tmp_path: Path, damage: str):
    store = Store(tmp_path / "m", CONFIG)
    for number in range(1, 9):
        tensors = {f"mug_{number}": {"voxels": np.arange(5000)}}
        objects = dict.fromkeys(tensors, b"1" * 2000)
        store.commit(Change(state=State(frame=number), objects=objects, tensors=tensors))
    store.close()
    database = tmp_path / "m" / "memory.sqlite3"
    files = sorted((tmp_path / "m" / "tensors").iterdir())
    match damage:
        case "text":
            database.write_text("this is not a database" * 100)
        case "truncated":
            database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
        case "foreign":
            database.unlink()
            with sqlite3.connect(database) as other:
                other.execute("CREATE TABLE cats (name TEXT)")
            other.close()
        case "segment":
            files[0].write_bytes(files[0].read_bytes()[:100])
        case "missing":
            files[0].unlink()
    with pytest.raises(StoreFormatError) as error:
        Store(tmp_path / "m").read()
    assert str(tmp_path / "m") in str(error.value)
    assert "\n" not in str(error.value)


def test_there_is_no_memory_where_nothing_is(tmp_path: Path):
    with pytest.raises(StoreError, match="there is no memory at"):
        Store(tmp_path / "nowhere", read_only=True)
