"""A memory on disk: SQLite for records, safetensors for tensors, one writer, many readers.

Every `commit` is one transaction with `synchronous=FULL`: what is acknowledged survives the death
of the process at any moment, and a power cut as far as the disk honours fsync. Tensors of a commit
ride in its transaction; now and then the live ones move to a file that is written under a
temporary name, synced and renamed before a transaction refers to it.
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import StoreError, StoreFormatError, StoreLockedError
from embodied_mem.memory import experience_rows, tensors
from embodied_mem.memory.episodes import Numbered
from embodied_mem.memory.folder import PICTURES, copy_files, read_file, require_inside
from embodied_mem.memory.history import HistoryConfig, thin_out
from embodied_mem.memory.journal import Change, State
from embodied_mem.memory.records import Sighting
from embodied_mem.memory.tables import MIGRATIONS, SCHEMA, SIGHTING, read_sighting, write_rows
from embodied_mem.memory.tensors import Fields

FORMAT = 2
"""Version of the layout; an older store is brought to it, a newer one refused."""

_logger = logging.getLogger(__name__)
_APPLICATION = 0x454D454D
DATABASE = "memory.sqlite3"
_ENDS = ("", "-wal", "-shm", "-journal")
_OWN = ("tensors", PICTURES, "lock", *(DATABASE + end for end in _ENDS))
"""What may be in a store's folder, and must be its own."""
_REMEMBERED_ACTIONS = 4000
"""Newest actions on things that are read back into RAM."""


def no_fault(point: str) -> None:
    """Let every point of a write pass."""


class StoreConfig(Config, frozen=True):
    """How a store is kept."""

    pack_after: int = 64
    """Segments inside the database before they move to a file."""
    few_live: float = 0.5
    """Files with a smaller share of live owners are folded into the next one."""
    history: HistoryConfig = HistoryConfig()
    """How much of the past is kept."""


class Snapshot(msgspec.Struct, kw_only=True):
    """Everything a memory needs to come back, of one moment."""

    state: State
    objects: dict[str, bytes]
    tensors: dict[str, Fields]
    nodes: list[bytes]
    edges: list[tuple[str, bytes, str]]
    habits: list[bytes] = []
    actions: list[tuple[float, str, str, bool]]
    """The newest: stamp [s], name, target, success; in order."""
    experience: list[Numbered]


class Store:
    """One folder. Open it with `Store(path)`; only one process may write.

    Args:
        path: The folder; made if absent, unless read only.
        config: When to tidy up.
        read_only: See a consistent state while another process writes.
        fault: Called with the name of each point of a write that it passes; tests crash there.

    Raises:
        StoreLockedError: Another process writes to it.
        StoreFormatError: It is damaged, of another version, or no memory.
        StoreError: It cannot be read or written.
    """

    def __init__(
        self,
        path: str | Path,
        config: StoreConfig | None = None,
        *,
        read_only: bool = False,
        fault: Callable[[str], None] = no_fault,
    ):
        self.path = Path(path)
        self.config = config or StoreConfig()
        self.read_only = read_only
        self._fault = fault
        self._folder = self.path / "tensors"
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            with self._explained("open"):
                require_inside(self.path, *_OWN)
                if not read_only:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._lock = self._take_lock()
                self._connection = self._connect()
                self._prepare()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Release the files. May be called twice."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def commit(self, change: Change) -> None:
        """Write one change. When it returns, it is on disk; when it raises, nothing of it is.

        Raises:
            StoreError: The disk is full or fails, or the store is read only.
        """
        if self.read_only:
            raise StoreError(f"memory at {self.path} is open read only. Open it for writing.")
        with self.transaction() as database:
            self._fault("begun")
            write_rows(database, change)
            self._fault("rows written")
            if change.tensors:
                self._add_segment(database, change.tensors)
            self._fault("tensors written")
        self._fault("committed")
        self._pack_when_due()

    def read(self) -> Snapshot:
        """Read everything, as of one moment.

        Raises:
            StoreFormatError: A file is missing or damaged.
        """
        for attempt in range(5):
            try:
                with self.transaction(write=False) as database:
                    return self._read(database)
            except FileNotFoundError as error:  # The writer folded it away since we began.
                if attempt == 4 or not self.read_only:
                    raise StoreFormatError(
                        f"{error.filename} is missing. Restore it from a copy made with `save`."
                    ) from error
        raise AssertionError

    def sighting(self, object_id: str, at: float) -> Sighting | None:
        """Return the newest sighting of an object not later than `at` [s]."""
        query = (
            f"SELECT {SIGHTING} FROM sightings WHERE object = ? AND stamp <= ? "
            "ORDER BY stamp DESC, number DESC LIMIT 1"
        )
        with self._explained("read"):
            row = self._database.execute(query, (object_id, at)).fetchone()
        return read_sighting(row) if row else None

    def newest_sightings(self, most: int) -> Iterator[Sighting]:
        """Return the newest sightings of every object, oldest first."""
        query = (
            f"SELECT {SIGHTING} FROM (SELECT *, row_number() OVER "
            "(PARTITION BY object ORDER BY number DESC) AS age FROM sightings) "
            "WHERE age <= ? ORDER BY number"
        )
        with self._explained("read"):
            yield from map(read_sighting, self._database.execute(query, (most,)))

    def actions(self) -> list[tuple[float, str, str, bool]]:
        """Return stamp [s], name, target and success of every action, in order."""
        query = "SELECT stamp, name, target, succeeded FROM actions ORDER BY number"
        with self._explained("read"):
            rows = self._database.execute(query).fetchall()
        return [(stamp, name, target, bool(ok)) for stamp, name, target, ok in rows]

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy into a new folder."""
        with self._explained("copy"):
            (path / "tensors").mkdir(parents=True)
            with contextlib.closing(sqlite3.connect(path / DATABASE)) as target:
                self._database.backup(target)
                files = target.execute("SELECT number FROM segments WHERE data IS NULL").fetchall()
            for (number,) in files:
                name = tensors.segment_name(number)
                (path / "tensors" / name).write_bytes(read_file(self._folder / name))
            copy_files(self.path / PICTURES, path / PICTURES)

    @property
    def _database(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"memory at {self.path} is closed. Open it again.")
        return self._connection

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Turn errors of the disk and the database into one sentence."""
        try:
            yield
        except StoreError:
            raise
        except FileNotFoundError:
            raise
        except sqlite3.Error as error:
            text = str(error)
            if "not a database" in text or "malformed" in text:
                raise StoreFormatError(
                    f"{self.path / DATABASE} is damaged or no memory: {text}. "
                    "Restore it from a copy made with `save`."
                ) from error
            raise StoreError(_cannot(doing, self.path, text)) from error
        except OSError as error:
            raise StoreError(_cannot(doing, self.path, error.strerror or str(error))) from error

    @contextlib.contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction: all that is done in it is kept, or none."""
        database = self._database
        with self._explained("write to" if write else "read"):
            database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            done = False
            try:
                yield database
                database.execute("COMMIT")
                done = True
            finally:
                if not done and database.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        database.execute("ROLLBACK")

    def _take_lock(self) -> int:
        lock = os.open(
            self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise StoreLockedError(
                f"process {owner} is writing to the memory at {self.path}. "
                "Close it there, or open it here with read_only=True."
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return lock

    def _connect(self) -> sqlite3.Connection:
        file = self.path / DATABASE
        if not self.read_only:
            return _tune(sqlite3.connect(file, isolation_level=None, check_same_thread=False))
        if not file.is_file():
            raise StoreError(f"there is no memory at {self.path}. Check the path.")
        uri = file.absolute().as_uri()
        connection = sqlite3.connect(
            f"{uri}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # A folder that we cannot write to, and no writer's log in it: nothing will change.
            connection.close()
            if file.with_name(DATABASE + "-wal").exists():
                raise
            connection = sqlite3.connect(
                f"{uri}?immutable=1", uri=True, isolation_level=None, check_same_thread=False
            )
        return connection

    def _prepare(self) -> None:
        database = self._database
        database.execute("PRAGMA trusted_schema = OFF")  # The file may come from anywhere.
        application = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not self.read_only:
            self._create()
            return
        if application != _APPLICATION:
            raise StoreFormatError(f"{self.path} holds a database that is no memory.")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if not 1 <= version <= FORMAT:
            raise StoreFormatError(
                f"memory at {self.path} has format {version}, this release reads {FORMAT}. "
                "Open it with the release that wrote it."
            )
        damage = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise StoreFormatError(
                f"{self.path / DATABASE} is damaged: {damage}. "
                "Restore it from a copy made with `save`."
            )
        if version < FORMAT and not self.read_only:
            self._migrate(version)
        if not self.read_only:
            kept = database.execute("SELECT number FROM segments WHERE data IS NULL").fetchall()
            tensors.remove_orphans(self._folder, [number for (number,) in kept])

    def _migrate(self, version: int) -> None:
        """Bring an older store to the present format, at once or not at all."""
        with self.transaction() as database:
            for step in range(version, FORMAT):
                for statement in filter(str.strip, MIGRATIONS[step].split(";")):
                    database.execute(statement)
            database.execute(f"PRAGMA user_version = {FORMAT}")

    def _create(self) -> None:
        with self.transaction() as database:
            for statement in filter(str.strip, SCHEMA.split(";")):
                database.execute(statement)
            state = msgspec.json.encode(State())
            database.execute("INSERT INTO meta VALUES ('state', ?)", (state,))
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
            self._fault("created")

    def _add_segment(self, database: sqlite3.Connection, owners: dict[str, Fields]) -> None:
        number = _next_number(database)
        data = tensors.pack(owners)
        database.execute("INSERT INTO segments VALUES (?, ?, ?)", (number, len(owners), data))
        database.executemany(
            "INSERT OR REPLACE INTO tensors VALUES (?, ?)", [(owner, number) for owner in owners]
        )

    def _pack_when_due(self) -> None:
        count = "SELECT count(*) FROM segments WHERE data IS NOT NULL"
        try:
            if self._database.execute(count).fetchone()[0] >= self.config.pack_after:
                self._pack()
        except (StoreError, sqlite3.Error, OSError) as error:
            # The commit stands; its tensors stay in the database until there is room.
            _logger.warning("tensors of %s stay unpacked for now: %s", self.path, error)

    def _pack(self) -> None:
        """Move live tensors of young segments, and of files with few live ones, to a new file."""
        with self.transaction() as database:
            folded = [number for number, *_ in _sparse_segments(database, self.config)]
            live = self._live_tensors(database, folded)
            number = _next_number(database)
            if live:
                tensors.write_segment(self._folder, number, tensors.pack(live), self._fault)
                database.execute("INSERT INTO segments VALUES (?, ?, NULL)", (number, len(live)))
            moved = [(number, owner) for owner in live]
            database.executemany("UPDATE tensors SET segment = ? WHERE owner = ?", moved)
            database.executemany("DELETE FROM segments WHERE number = ?", [(n,) for n in folded])
            thin_out(database, self.config.history)
            self._fault("pack written")
        self._fault("pack committed")
        for number in folded:
            (self._folder / tensors.segment_name(number)).unlink(missing_ok=True)
        self._fault("pack cleaned")

    def _live_tensors(self, database: sqlite3.Connection, numbers: list[int]) -> dict[str, Fields]:
        live: dict[str, Fields] = {}
        for number in numbers:
            query = "SELECT owner FROM tensors WHERE segment = ?"
            owners = [owner for (owner,) in database.execute(query, (number,))]
            if owners:
                found = self._segment(database, number)
                live |= {owner: found[owner] for owner in owners}
        return live

    def _segment(self, database: sqlite3.Connection, number: int) -> dict[str, Fields]:
        query = "SELECT data FROM segments WHERE number = ?"
        row = database.execute(query, (number,)).fetchone()
        if row is None:
            raise StoreFormatError(f"{self.path} names segment {number}, which is nowhere.")
        (data,) = row
        file = self._folder / tensors.segment_name(number)
        origin = f"segment {number} of {self.path}" if data is not None else str(file)
        return tensors.unpack(data if data is not None else read_file(file), origin)

    def _read(self, database: sqlite3.Connection) -> Snapshot:
        (state,) = database.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        numbers = database.execute("SELECT DISTINCT segment FROM tensors").fetchall()
        if not all(isinstance(number, int) for (number,) in numbers):
            raise StoreFormatError(f"{self.path} names a segment that is no number.")
        try:
            decoded = msgspec.json.decode(state, type=State)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise StoreFormatError(f"the state in {self.path} is damaged: {error}.") from error
        return Snapshot(
            state=decoded,
            objects=dict(database.execute("SELECT id, record FROM objects ORDER BY rowid")),
            tensors=self._live_tensors(database, [number for (number,) in numbers]),
            nodes=[row for (row,) in database.execute("SELECT record FROM nodes")],
            edges=list(database.execute("SELECT source, record, target FROM edges")),
            habits=_rows(database, "habits"),
            actions=_newest_actions(database),
            experience=experience_rows.read(database),
        )


def _rows(database: sqlite3.Connection, table: str) -> list[bytes]:
    """Return a table's records; none where a store of an older format is open read only."""
    known = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    if not database.execute(known, (table,)).fetchone()[0]:
        return []
    return [row for (row,) in database.execute(f"SELECT record FROM {table}")]


def _newest_actions(database: sqlite3.Connection) -> list[tuple[float, str, str, bool]]:
    query = (
        "SELECT stamp, name, target, succeeded FROM actions WHERE target != '' "
        f"ORDER BY number DESC LIMIT {_REMEMBERED_ACTIONS}"
    )
    rows = database.execute(query).fetchall()
    return [(stamp, name, target, bool(ok)) for stamp, name, target, ok in reversed(rows)]


def _cannot(doing: str, path: Path, reason: str) -> str:
    advice = {
        "open": "Check that the folder exists and can be written to",
        "read": "Check the disk",
        "copy": "Choose a new folder with enough space",
    }.get(doing, "Free space or choose another place; what was acknowledged is kept")
    return f"cannot {doing} the memory at {path}: {reason}. {advice}."


def _tune(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _next_number(database: sqlite3.Connection) -> int:
    (last,) = database.execute("SELECT value FROM meta WHERE name = 'segment'").fetchone() or (0,)
    number = int(last) + 1
    database.execute("INSERT OR REPLACE INTO meta VALUES ('segment', ?)", (number,))
    return number


def _sparse_segments(database: sqlite3.Connection, config: StoreConfig) -> list[tuple[int, ...]]:
    """Return the segments to fold: all young ones, and the files of which most is dead."""
    young = database.execute("SELECT number FROM segments WHERE data IS NOT NULL").fetchall()
    query = (
        "SELECT number, (SELECT count(*) FROM tensors WHERE segment = segments.number) AS live "
        "FROM segments WHERE data IS NULL AND owners * ? > live ORDER BY live LIMIT 4"
    )
    return young + database.execute(query, (config.few_live,)).fetchall()
