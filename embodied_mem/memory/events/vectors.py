"""Nearest events by how they look: exact over the rows, with a faiss index beside large stores.

The rows of the store are the truth. The index only proposes: what it proposes is looked up in the
rows and compared exactly, and rows that are newer than the index are compared all the same. An
index that is missing, damaged or of other rows costs time, never an answer.
"""

import contextlib
import hashlib
import json
import logging
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64

from embodied_mem.config import Config
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.folder import read_file, write_file

_logger = logging.getLogger(__name__)
_FILE, _NOTE = "vectors.faiss", "vectors.json"
_BLOCK = 65_536
"""Rows that are read at a time."""
_PER_LIST = 1000
"""Rows for each list of an index."""
_SAMPLED = 256
"""Rows that tell whether an index is of this store."""
_TRAINING = 64
"""Rows for each list that the lists are learned from."""


class VectorConfig(Config, frozen=True):
    """How nearest events are found."""

    exact: int = 100_000
    """Up to so many rows all are compared; above, an index proposes."""
    lists: int = 16
    """Lists of the index that are looked into."""
    proposals: int = 8
    """So many times as many as are wanted are proposed."""
    stale: float = 0.1
    """An index that lacks a greater share of the rows is made anew, in the background."""


class VectorSearch:
    """Finds the events that look most like something."""

    def __init__(self, index: EventIndex, width: int, config: VectorConfig | None = None):
        """Look at the events with vectors of one width.

        Args:
            index: Where the rows are.
            width: Numbers in a vector.
            config: How.
        """
        self.index, self.width = index, width
        self.config = config or VectorConfig()
        self._rows: tuple[np.ndarray, np.ndarray] | None = None
        """Numbers of events, and their vectors, as `_read` gives them."""
        self._faiss: Any = None
        self._built = 0
        """Greatest number of an event that the index knows."""
        self._building: threading.Thread | None = None
        self._counted = (0, 0)
        """Vectors up to an event, and its number."""
        self._lock = threading.Lock()

    def __call__(self, vector: Float[np.ndarray, "d"], k: int) -> list[tuple[int, float]]:
        """Return the numbers of the nearest events and their cosines, nearest first."""
        query = vector.astype(np.float32)
        query = query / max(float(np.linalg.norm(query)), 1e-12)
        if self._about() <= self.config.exact or not self._ready():
            ids, rows = self._all()
            return _best(ids, rows @ query, k)
        proposed, built = self._propose(query, k * self.config.proposals)
        near_ids, near = self._read("id IN ({})".format(", ".join(map(str, proposed))))
        new_ids, new = self._read(f"id > {built}")
        ids, rows = np.concatenate([near_ids, new_ids]), np.concatenate([near, new])
        return _best(ids, rows @ query, k)

    def count(self) -> int:
        """Return how many events have a vector of this width."""
        with self.index.store.transaction(write=False) as database:
            query = f"SELECT count(*) FROM events WHERE length(vector) = {2 * self.width}"
            return int(database.execute(query).fetchone()[0])

    def _about(self) -> int:
        """Return the count as of the newest event, without reading all rows for each question."""
        counted, newest = self._counted
        with self.index.store.transaction(write=False) as database:
            query = (
                "SELECT count(*), coalesce(max(id), ?) FROM events "
                f"WHERE id > ? AND length(vector) = {2 * self.width}"
            )
            fresh, last = database.execute(query, (newest, newest)).fetchone()
        self._counted = (counted + int(fresh), int(last))
        return self._counted[0]

    def build(self) -> None:
        """Make the index anew and put it beside the store.

        Raises:
            ImportError: faiss is not installed.
        """
        faiss = import_module("faiss")  # An extra.
        with EventIndex(self.index.store.path, read_only=True) as reader:  # A thread of its own.
            ids, rows = _read(reader, self.width, "1")
            newest = int(ids.max(initial=0))
            fingerprint = _fingerprint(reader, self.width, newest)
        lists = max(1, min(4096, len(ids) // _PER_LIST))
        quantiser = faiss.IndexFlatIP(self.width)
        made = faiss.IndexIVFScalarQuantizer(
            quantiser, self.width, lists, faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )  # fmt: skip
        chance = np.random.default_rng(0)
        some = chance.permutation(len(ids))[: lists * _TRAINING]
        made.train(rows[np.sort(some)])
        for start in range(0, len(ids), _BLOCK):
            made.add_with_ids(rows[start : start + _BLOCK], ids[start : start + _BLOCK])
        note = {"rows": len(ids), "newest": newest, "width": self.width,
                "fingerprint": fingerprint}  # fmt: skip
        write_file(self._path(_FILE), faiss.serialize_index(made).tobytes())
        write_file(self._path(_NOTE), json.dumps(note).encode())
        with self._lock:
            self._faiss, self._built = made, newest

    def keep_up(self) -> None:
        """Begin to make the index anew in the background, where it lacks too many of the rows."""
        if self._about() > self.config.exact:
            self._ready()

    def wait(self) -> None:
        """Wait for an index that is being made."""
        if self._building is not None:
            self._building.join()

    # -- rows --------------------------------------------------------------------------------------

    def _all(self) -> tuple[Int64[np.ndarray, "n"], Float32[np.ndarray, "n d"]]:
        """Return all rows, kept from one question to the next and brought up to date."""
        known = self._rows
        if known is None:
            known = self._read("1")
        else:
            ids, rows = self._read(f"id > {int(known[0].max(initial=0))}")
            known = np.concatenate([known[0], ids]), np.concatenate([known[1], rows])
        self._rows = known
        return known

    def _read(self, condition: str) -> tuple[Int64[np.ndarray, "n"], Float32[np.ndarray, "n d"]]:
        return _read(self.index, self.width, condition)

    # -- the index ---------------------------------------------------------------------------------

    def _ready(self) -> bool:
        """Return whether there is an index; begin one in the background where it is missing."""
        with self._lock:
            if self._faiss is None:
                self._load()
            ready, built = self._faiss is not None, self._built
        stale = not ready or self._newer(built) > self.config.stale * self._about()
        if stale and not self.index.store.read_only:
            self._build_behind()
        return ready

    def _newer(self, built: int) -> int:
        with self.index.store.transaction(write=False) as database:
            query = "SELECT count(*) FROM events WHERE id > ? AND vector IS NOT NULL"
            return int(database.execute(query, (built,)).fetchone()[0])

    def _build_behind(self) -> None:
        if self._building is not None and self._building.is_alive():
            return

        def work() -> None:
            try:
                self.build()
            except ImportError:
                _logger.warning(
                    "faiss is not installed: all %d vectors are compared. "
                    "Run `pip install 'embodied-mem[vectors]'`.", self.count(),
                )  # fmt: skip

        self._building = threading.Thread(target=work, name="vector-index", daemon=True)
        self._building.start()

    def _load(self) -> None:
        """Take the index beside the store, if it is one of these rows."""
        with contextlib.suppress(ImportError, OSError, ValueError, KeyError, RuntimeError):
            faiss = import_module("faiss")
            note = json.loads(read_file(self._path(_NOTE)))
            data = np.frombuffer(read_file(self._path(_FILE)), np.uint8)
            made = faiss.deserialize_index(data)
            newest = int(note["newest"])
            whole = note["width"] == self.width == made.d and made.ntotal == note["rows"]
            if whole and note["fingerprint"] == _fingerprint(self.index, self.width, newest):
                self._faiss, self._built = made, newest

    def _propose(self, query: Float32[np.ndarray, "d"], k: int) -> tuple[list[int], int]:
        with self._lock:
            made, built = self._faiss, self._built
        assert made is not None, "asked for before"
        made.nprobe = self.config.lists
        _, ids = made.search(query[None], k)
        return [int(number) for number in ids[0] if number >= 0], built

    def _path(self, name: str) -> Path:
        return self.index.store.path / name


def _fingerprint(index: EventIndex, width: int, newest: int) -> str:
    """Return a digest of some rows up to an event, spread evenly: of those that an index knows."""
    step = max(1, newest // _SAMPLED)
    chosen = ", ".join(str(number) for number in range(step, newest + 1, step))
    ids, rows = _read(index, width, f"id IN ({chosen})")
    return hashlib.sha256(ids.tobytes() + rows.tobytes()).hexdigest()


def _read(
    index: EventIndex, width: int, condition: str
) -> tuple[Int64[np.ndarray, "n"], Float32[np.ndarray, "n d"]]:
    """Return the numbers and the vectors of the events that satisfy a condition in SQL."""
    query = f"SELECT id, vector FROM events WHERE length(vector) = ? AND {condition} ORDER BY id"
    ids: list[int] = []
    blocks = [np.zeros((0, width), np.float32)]
    with index.store.transaction(write=False) as database:
        cursor = database.execute(query, (2 * width,))
        while found := cursor.fetchmany(_BLOCK):
            ids += [number for number, _ in found]
            data = b"".join(vector for _, vector in found)
            blocks.append(np.frombuffer(data, "<f2").reshape(-1, width).astype(np.float32))
    return np.array(ids, np.int64), np.concatenate(blocks)


def _best(
    ids: Int64[np.ndarray, "n"], cosines: Float32[np.ndarray, "n"], k: int
) -> list[tuple[int, float]]:
    """Return the k greatest cosines; of equal ones the older events first."""
    if not len(ids):
        return []
    some = np.argpartition(-cosines, min(k, len(ids) - 1))[:k] if k < len(ids) else slice(None)
    ids, cosines = ids[some], cosines[some]
    order = np.lexsort((ids, -cosines))[:k]
    return [(int(ids[number]), float(cosines[number])) for number in order]
