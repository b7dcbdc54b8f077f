"""Where things were is kept bit for bit; stores from before that are read all the same."""

import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Export
from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.records import Detail, PathRow, VideoRow
from embodied_mem.memory.run_lengths import Runs


def begin(index: EventIndex) -> int:
    row = VideoRow(
        id=0, name="a.mp4", path="a.mp4", digest="a", quick="a", settings='{"rate": 5.0}',
        seconds=0.0, done=False, note="",
    )  # fmt: skip
    return index.begin(row).id


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_pieces_of_paths_come_back_in_order_of_time(data: st.DataObject):
    count = data.draw(st.integers(1, 40))
    positions = np.cumsum(data.draw(arrays(np.int64, count, elements=st.integers(1, 2**40))))
    stamps = np.cumsum(data.draw(arrays(np.float64, count, elements=st.floats(0.01, 1e4))))
    boxes = data.draw(arrays(np.float32, (count, 4), elements=st.floats(0, 1, width=32)))
    cut = data.draw(st.integers(1, count))
    with tempfile.TemporaryDirectory() as folder, EventIndex(folder) as index:
        video = begin(index)
        for part in (slice(cut, None), slice(0, cut)):
            if len(stamps[part]):
                row = PathRow(
                    thing="v1-mover-1", video=video, positions=positions[part],
                    stamps=stamps[part], boxes=boxes[part],
                )  # fmt: skip
                index.add(video, Batch(paths=[row], seconds=1.0, checkpoint=b""))
        pieces = index.paths(video)
        assert index.paths(video + 1) == []
    np.testing.assert_array_equal(np.concatenate([p.positions for p in pieces]), positions)
    np.testing.assert_array_equal(np.concatenate([p.stamps for p in pieces]), stamps)
    np.testing.assert_array_equal(np.concatenate([p.boxes for p in pieces]), boxes)


@given(st.lists(st.none() | st.binary(min_size=1, max_size=50), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_scores_and_outlines_come_back_for_the_pictures_that_are_asked_for(
    counts: list[bytes | None],
):
    details = [
        Detail(1 / (1 + number), None if own is None else Runs(3, 4, own))
        for number, own in enumerate(counts)
    ]
    with tempfile.TemporaryDirectory() as folder, EventIndex(folder) as index:
        video = begin(index)
        index.add(video, Batch(paths=[path(video, details)], seconds=1.0, checkpoint=b""))
        found = index.details(video, set(range(0, len(counts), 2)))
        assert index.details(video, set()) == index.details(video + 1, {0}) == {}
    assert found == {("v1-thing-1", number): details[number] for number in range(0, len(counts), 2)}


def path(video: int, details: list[Detail]) -> PathRow:
    count = len(details)
    return PathRow(
        thing="v1-thing-1", video=video, positions=np.arange(count), stamps=np.arange(count) / 5.0,
        boxes=np.zeros((count, 4), np.float32), details=details,
    )  # fmt: skip


def test_damaged_outlines_are_named(tmp_path: Path):
    with EventIndex(tmp_path) as index:
        video = begin(index)
        index.add(video, Batch(paths=[path(video, [Detail(0.5)] * 2)], seconds=1.0, checkpoint=b""))
        for blob in (b"no zlib", zlib.compress(b"abc"), zlib.compress(b"\x91\x91\x01")):
            with index.store.transaction() as database:
                database.execute("UPDATE path_details SET details = ?", (blob,))
            with pytest.raises(StoreFormatError, match=r"the outlines of v1-thing-1 are damaged"):
                index.details(video, {0})


def test_a_damaged_path_is_named(tmp_path: Path):
    with EventIndex(tmp_path) as index:
        video = begin(index)
        bomb = zlib.compress(bytes(65 * 2**20))
        for blob in (b"no zlib", zlib.compress(b"abc"), bomb, bomb[:100]):
            with index.store.transaction() as database:
                row = ("v1-thing-1", 0.0, video, blob)
                database.execute("INSERT OR REPLACE INTO paths VALUES (?, ?, ?, ?)", row)
            with pytest.raises(StoreFormatError, match=r"the path of v1-thing-1 is damaged"):
                index.paths(video)


def test_a_store_from_before_paths_is_exported_without_tracks(tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        video = begin(index)
        with index.store.transaction() as database:
            database.execute("DROP TABLE paths")
            database.execute("DROP TABLE identities")
        assert index.paths(video) == []
        assert index.identities() == {}
    out = tmp_path / "out"
    assert execute(Export(store=str(tmp_path / "store"), out=str(out))) == 0
    assert (out / "parquet" / "tracks.parquet").is_file()
