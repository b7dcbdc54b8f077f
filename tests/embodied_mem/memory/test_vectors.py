"""Nearest events: exact over the rows, whatever the index beside them says."""

from pathlib import Path

import numpy as np
import pytest

from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.records import EventRow, VideoRow
from embodied_mem.memory.events.vectors import VectorConfig, VectorSearch

WIDTH = 16


def add(index: EventIndex, vectors: np.ndarray) -> None:
    """Add an event for each vector."""
    video = index.begin(
        VideoRow(id=0, name="a", path="a", digest="a", quick="a", settings="{}", seconds=0.0,
                 done=False, note="")
    )  # fmt: skip
    events = [
        EventRow(video=video.id, level="moment", kind="came", start=float(number),
                 stop=float(number), first=0, last=0, caption="", vector=vector.astype(np.float16))
        for number, vector in enumerate(vectors)
    ]  # fmt: skip
    index.add(video.id, Batch(events=events, seconds=1.0, checkpoint=b""))


def unit(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute(vectors: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    cosines = vectors.astype(np.float16).astype(np.float32) @ query.astype(np.float32)
    return (np.lexsort((np.arange(len(vectors)), -cosines))[:k] + 1).tolist()


def test_few_rows_are_compared_exactly_and_new_ones_are_seen(tmp_path: Path):
    vectors, queries = unit(300), unit(5, 1)
    with EventIndex(tmp_path / "m") as index:
        add(index, vectors[:200])
        search = VectorSearch(index, WIDTH)
        for query in queries:
            assert [number for number, _ in search(query, 7)] == brute(vectors[:200], query, 7)
        add(index, vectors[200:])
        for query in queries:
            assert [number for number, _ in search(query, 7)] == brute(vectors, query, 7)


def test_vectors_of_another_width_are_no_rows(tmp_path: Path):
    with EventIndex(tmp_path / "m") as index:
        add(index, unit(3))
        assert VectorSearch(index, WIDTH + 1)(np.ones(WIDTH + 1), 5) == []


def test_without_an_index_large_stores_are_compared_exactly(tmp_path: Path):
    vectors = unit(50)
    with EventIndex(tmp_path / "m") as index:
        add(index, vectors)
    with EventIndex(tmp_path / "m", read_only=True) as index:
        search = VectorSearch(index, WIDTH, VectorConfig(exact=10))
        assert [number for number, _ in search(vectors[3], 4)] == brute(vectors, vectors[3], 4)


def test_an_index_proposes_and_the_rows_decide(tmp_path: Path):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `vectors`)")
    vectors = unit(400)
    config = VectorConfig(exact=100, lists=64)
    with EventIndex(tmp_path / "m") as index:
        add(index, vectors[:300])
        VectorSearch(index, WIDTH, config).build()
        add(index, vectors[300:])  # The index does not know these.
        search = VectorSearch(index, WIDTH, config)
        for query in unit(5, 1):
            assert [number for number, _ in search(query, 5)] == brute(vectors, query, 5)
        search.wait()
    (tmp_path / "m" / "vectors.faiss").write_bytes(b"damaged")
    with EventIndex(tmp_path / "m", read_only=True) as index:
        search = VectorSearch(index, WIDTH, config)
        assert [number for number, _ in search(vectors[9], 5)] == brute(vectors, vectors[9], 5)


def test_an_index_is_kept_up_with_the_rows_by_a_writer_and_taken_from_no_other_store(
    tmp_path: Path,
):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `vectors`)")
    config = VectorConfig(exact=100)
    made = tmp_path / "m" / "vectors.faiss"
    with EventIndex(tmp_path / "m") as index:
        add(index, unit(90))
        few = VectorSearch(index, WIDTH, config)
        few.keep_up()
        few.wait()
        assert not made.exists()
        add(index, unit(60, 2))
        many = VectorSearch(index, WIDTH, config)
        many.keep_up()
        many.wait()
        assert made.exists()
    with EventIndex(tmp_path / "m", read_only=True) as index:
        VectorSearch(index, WIDTH, config).keep_up()  # Nothing to do, and nowhere to write it.
    vectors = unit(200, 3)
    with EventIndex(tmp_path / "other") as index:
        add(index, vectors)
    for name in ("vectors.faiss", "vectors.json"):
        (tmp_path / "other" / name).write_bytes((tmp_path / "m" / name).read_bytes())
    with EventIndex(tmp_path / "other", read_only=True) as index:
        search = VectorSearch(index, WIDTH, VectorConfig(exact=100, lists=1, proposals=1))
        assert [number for number, _ in search(vectors[9], 5)] == brute(vectors, vectors[9], 5)
