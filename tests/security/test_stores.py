"""A store may come from anywhere: opening it touches nothing outside of its folder."""

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from embodied_mem import Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import StoreError, StoreFormatError
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.store import StoreConfig
from perception import OracleConfig, Pipeline

CONFIG = MemoryConfig(store=StoreConfig(pack_after=1))
"""Tensors move to a file at once."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound store, with tensors in a file."""
    path = tmp_path_factory.mktemp("stores") / "whole"
    config = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=80, height=80)
    with HouseholdSim(config) as sim, Memory.open(path, CONFIG) as memory:
        memory.write(Pipeline(OracleConfig())(sim.reset().frame))
    assert list((path / "tensors").iterdir())
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    path = tmp_path / "store"
    shutil.copytree(whole, path)
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's files, elsewhere."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear reader")
    return folder


def alter(store: Path, *statements: str) -> None:
    database = sqlite3.connect(store / "memory.sqlite3")
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def refusal(store: Path, *, read_only: bool = False) -> str:
    with pytest.raises(StoreError) as error:
        Memory.open(store, CONFIG, read_only=read_only).close()
    return str(error.value)


def test_a_sound_store_opens(store: Path):
    with Memory.open(store, CONFIG, read_only=True) as memory:
        assert len(memory) > 0


def test_a_tensors_folder_that_is_a_link_is_not_tidied_up(store: Path, outside: Path):
    shutil.rmtree(store / "tensors")
    (store / "tensors").symlink_to(outside)
    assert "is a link" in refusal(store)
    assert (outside / "letter.txt").read_text() == "dear reader"


def test_files_that_are_not_ours_are_not_deleted_from_a_tensors_folder(store: Path):
    mine = store / "tensors" / "notes.txt"
    mine.write_text("mine")
    Memory.open(store, CONFIG).close()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["lock", "memory.sqlite3", "memory.sqlite3-wal"])
def test_a_file_that_is_a_link_is_neither_read_nor_cut_off(store: Path, outside: Path, name: str):
    (store / name).unlink(missing_ok=True)
    (store / name).symlink_to(outside / "letter.txt")
    assert "is a link" in refusal(store)
    assert (outside / "letter.txt").read_text() == "dear reader"


def test_a_link_to_nowhere_makes_no_file_there(tmp_path: Path, outside: Path):
    folder = tmp_path / "fresh"
    folder.mkdir()
    (folder / "memory.sqlite3").symlink_to(outside / "made.sqlite3")
    assert "is a link" in refusal(folder)
    assert not (outside / "made.sqlite3").exists()


@pytest.mark.parametrize("target", ["/dev/zero", "letter.txt"])
def test_tensors_that_are_a_link_are_not_followed(store: Path, outside: Path, target: str):
    (segment,) = (store / "tensors").iterdir()
    segment.unlink()
    segment.symlink_to(outside / target)
    for read_only in (True, False):
        assert "is a link" in refusal(store, read_only=read_only)


def test_tensors_that_are_a_pipe_do_not_block(store: Path):
    (segment,) = (store / "tensors").iterdir()
    segment.unlink()
    os.mkfifo(segment)
    assert "no regular file" in refusal(store, read_only=True)


def test_copying_a_store_copies_no_link(store: Path, outside: Path, tmp_path: Path):
    with Memory.open(store, CONFIG, read_only=True) as memory:
        (segment,) = (store / "tensors").iterdir()
        segment.unlink()
        segment.symlink_to(outside / "letter.txt")
        with pytest.raises(StoreError, match="is a link"):
            memory.save(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("number", ["'../../letter'", "'/etc/passwd'", "x'2e2e2f'", "1.5", "-7"])
def test_a_segment_is_named_by_a_number_of_ours_alone(store: Path, number: str):
    alter(store, f"UPDATE tensors SET segment = {number}")
    words = refusal(store, read_only=True)
    assert "is no number" in words or "which is nowhere" in words


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE objects SET record = x'7b7d'",
        "UPDATE objects SET record = 'text'",
        "UPDATE objects SET record = x'ff00'",
        "UPDATE objects SET record = CAST(replace(hex(zeroblob(50000)), '0', '[') AS BLOB)",
        "UPDATE meta SET value = CAST('{\"a\":' || replace(hex(zeroblob(50000)), '0', '[') AS BLOB)",  # noqa: E501
        "UPDATE objects SET id = '../../etc/' || id",
        "UPDATE nodes SET record = x'7b7d'",
        "DELETE FROM tensors",
        "UPDATE segments SET data = x'00'",
        "DROP TABLE edges",
    ],
)
def test_records_that_are_no_memorys_are_refused_in_one_sentence(store: Path, spoil: str):
    alter(store, spoil)
    words = refusal(store, read_only=True)
    assert "\n" not in words.strip()


def test_tensors_of_other_shapes_are_refused(store: Path):
    (segment,) = (store / "tensors").iterdir()
    database = sqlite3.connect(store / "memory.sqlite3")
    names = database.execute("SELECT owner FROM tensors").fetchall()
    database.close()
    strange = {f"{name}|voxels": np.zeros((1, 1, 1), np.float64) for (name,) in names}
    segment.write_bytes(save(strange))
    with pytest.raises(StoreFormatError):
        Memory.open(store, CONFIG, read_only=True)


def test_a_stores_own_functions_are_not_trusted(store: Path):
    with Memory.open(store, CONFIG) as memory:
        assert memory._store is not None
        assert memory._store._database.execute("PRAGMA trusted_schema").fetchone() == (0,)
