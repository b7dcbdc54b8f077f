"""Many vectors: this store, plain faiss, LanceDB and brute force, in one run.

    python benchmarks/vectors.py --count 1000000

Vectors are drawn around cluster centres. Recall is that of the ten nearest against brute force over
float32. Peers that are not installed are named and left out: `pip install faiss-cpu lancedb
overrides` (LanceDB 0.40 needs the last and does not say so).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.records import EventRow, VideoRow
from embodied_mem.memory.events.vectors import VectorSearch

K = 10
_BATCH = 20_000


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(2000, arguments.width)).astype(np.float32)
    vectors = _around(chance, centres, arguments.count)
    queries = _around(chance, centres, arguments.queries)
    truth = _timed("brute force (numpy)", lambda q: _brute(vectors, q), queries, None)
    for measure in (measure_ours, measure_faiss, measure_lance):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), vectors, queries, truth)


def measure_ours(
    folder: Path, vectors: np.ndarray, queries: np.ndarray, truth: list[list[int]]
) -> None:
    """Measure the memory's own store, without and with the index beside it."""
    began = time.process_time()
    with EventIndex(folder / "store") as index:
        video = index.begin(
            VideoRow(id=0, name="a", path="a", digest="a", quick="a", settings="{}", seconds=0.0,
                     done=False, note="")
        )  # fmt: skip
        for start in range(0, len(vectors), _BATCH):
            events = [_event(video.id, vector) for vector in vectors[start : start + _BATCH]]
            index.add(video.id, Batch(events=events, seconds=1.0, checkpoint=b""))
        _told("this store: rows written", len(vectors), began)
        search = VectorSearch(index, vectors.shape[1])
        try:
            began = time.process_time()
            search.build()
            _told("this store: index made", len(vectors), began)
        except ImportError:
            print("this store: faiss is not installed; all rows are compared")
        _timed("this store", lambda q: [n - 1 for n, _ in search(q, K)], queries, truth)
        _size(folder)


def measure_faiss(
    folder: Path, vectors: np.ndarray, queries: np.ndarray, truth: list[list[int]]
) -> None:
    """Measure faiss alone, exact and as IVF-SQ8."""
    try:
        import faiss
    except ImportError:
        print("faiss: not installed")
        return
    began = time.process_time()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    _told("faiss flat: added", len(vectors), began)
    _timed("faiss flat", lambda q: flat.search(q[None], K)[1][0].tolist(), queries, truth)
    began = time.process_time()
    lists = max(1, min(4096, len(vectors) // 1000))
    made = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    made.train(vectors[: 64 * lists])
    made.add(vectors)
    faiss.ParameterSpace().set_index_parameter(made, "nprobe", 16)
    _told(f"faiss IVF{lists},SQ8: made", len(vectors), began)
    _timed("faiss IVF,SQ8", lambda q: made.search(q[None], K)[1][0].tolist(), queries, truth)
    faiss.write_index(made, str(folder / "index"))
    _size(folder)


def measure_lance(
    folder: Path, vectors: np.ndarray, queries: np.ndarray, truth: list[list[int]]
) -> None:
    """Measure LanceDB, exact and with its IVF_PQ index."""
    try:
        import lancedb  # pyright: ignore[reportMissingImports]
        import pyarrow as pa
        from lancedb.index import IvfPq  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        print(f"LanceDB: not installed ({error.name} is missing)")
        return
    began = time.process_time()
    width = vectors.shape[1]
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)
    data = pa.table({"id": np.arange(len(vectors)), "vector": column})
    table = lancedb.connect(str(folder)).create_table("events", data)
    _told("LanceDB: rows written", len(vectors), began)

    def flat(query: np.ndarray) -> list[int]:
        found = table.search(query).distance_type("cosine").limit(K)
        return found.to_arrow()["id"].to_pylist()

    _timed("LanceDB flat", flat, queries[:20], truth[:20])
    began = time.process_time()
    parts = min(1024, max(1, len(vectors) // 256))  # Its own least number of rows a part.
    plan = IvfPq(distance_type="cosine", num_partitions=parts, num_sub_vectors=width // 8)
    table.create_index("vector", config=plan)
    _told("LanceDB IVF_PQ: made", len(vectors), began)

    def indexed(query: np.ndarray) -> list[int]:
        found = table.search(query).distance_type("cosine").nprobes(32).refine_factor(10).limit(K)
        return found.to_arrow()["id"].to_pylist()

    _timed("LanceDB IVF_PQ", indexed, queries, truth)
    _size(folder)


def _around(chance: np.random.Generator, centres: np.ndarray, count: int) -> np.ndarray:
    """Return unit vectors around centres."""
    rows = centres[chance.integers(len(centres), size=count)]
    rows += chance.normal(0, 0.6, rows.shape).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _brute(vectors: np.ndarray, query: np.ndarray) -> list[int]:
    cosines = vectors @ query
    some = np.argpartition(-cosines, K)[:K]
    return some[np.argsort(-cosines[some])].tolist()


def _event(video: int, vector: np.ndarray) -> EventRow:
    return EventRow(video=video, level="moment", kind="came", start=0.0, stop=0.0, first=0, last=0,
                    caption="", vector=vector.astype(np.float16))  # fmt: skip


def _timed(
    name: str,
    search: Callable[[np.ndarray], list[int]],
    queries: np.ndarray,
    truth: list[list[int]] | None,
) -> list[list[int]]:
    """Search for each query, print latency and recall, and return what was found."""
    search(queries[0])
    cpu, wall = time.process_time(), time.perf_counter()
    found = [search(query) for query in queries]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    recall = 1.0
    if truth is not None:
        pairs = zip(found, truth, strict=True)
        recall = float(np.mean([len(set(a) & set(b)) / K for a, b in pairs]))
    print(f"{name:32s} {1000 * cpu / len(queries):9.2f} CPU-ms "
          f"{1000 * wall / len(queries):9.2f} ms a query, recall@{K} {recall:.3f}")  # fmt: skip
    return found


def _told(name: str, count: int, began: float) -> None:
    spent = time.process_time() - began
    print(f"{name:32s} {spent:9.1f} CPU-s, {count / spent:,.0f} a CPU-second")


def _size(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{'':32s} {size / 2**20:9.0f} MiB on disk")


if __name__ == "__main__":
    main()
