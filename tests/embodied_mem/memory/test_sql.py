"""SQL reads the views, and does nothing else."""

import hashlib
import sqlite3
import time
from pathlib import Path

import pytest
from films import remember, write_minute

from embodied_mem.errors import QueryError, StoreError
from embodied_mem.memory import Memory
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.sql import QueryLimits, SqlReader
from embodied_mem.memory.sql_views import VIEWS
from embodied_mem.types import Action


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sql")
    with EventIndex(folder / "store") as index:
        remember(index, write_minute(folder / "minute.mp4"))
    memory = Memory.open(folder / "store")
    memory.record(Action(name="OpenObject"), target="fridge_1", succeeded=True, stamp=1.0)
    memory.close()
    return folder / "store"


def test_what_is_planted_is_selected(store: Path):
    with SqlReader(store) as ask:
        found = ask("SELECT caption FROM events WHERE kind = ? AND start > 20", ["came"])
        assert found.columns == ["caption"]
        assert len(found.rows) == 3
        assert found.complete
        joined = ask(
            "WITH seen AS (SELECT event, thing FROM event_things WHERE role = 'it') "
            "SELECT label, count(*) AS times FROM seen JOIN things ON things.id = seen.thing "
            "GROUP BY label ORDER BY times DESC, 1"
        )
        assert joined.columns == ["label", "times"]
        assert joined.rows
        assert ask("SELECT name, target FROM actions").rows == [["OpenObject", "fridge_1"]]


def test_every_view_has_the_columns_that_are_documented(store: Path):
    with SqlReader(store) as ask:
        for view in VIEWS:
            assert ask(f"SELECT * FROM {view.name} LIMIT 3").columns == list(view.columns)
            assert ask(f"SELECT count(*) FROM {view.name}").complete


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM events",
        "UPDATE videos SET name = 'x'",
        "INSERT INTO looks VALUES (1, 2, 3)",
        "DROP TABLE events",
        "DROP VIEW events",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "ATTACH 'other.sqlite3' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA table_info(events)",
        "VACUUM INTO 'copy.sqlite3'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "SAVEPOINT a",
        "SELECT 1; DELETE FROM events",
        "SELECT load_extension('libc.so.6')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('a', 'b')",
        "SELECT randomblob(10)",
        "SELECT fts3_tokenizer('simple')",
        "SELECT * FROM sqlite_master",
        "SELECT sql FROM main.sqlite_schema",
        "SELECT checkpoint FROM main.videos",
        "SELECT vector FROM main.events",
        "SELECT value FROM meta",
        "SELECT count(*) FROM main.meta",
        "SELECT * FROM event_text",
        "SELECT * FROM pragma_database_list",
        "WITH gone AS (SELECT 1) DELETE FROM events",
        "",
        "-- nothing",
        "SELECT nothing FROM events",
        "SELECT \ud800",
    ],
)
def test_all_else_is_refused_and_changes_nothing(store: Path, query: str):
    before = _digest(store)
    with SqlReader(store) as ask:
        with pytest.raises(QueryError):
            ask(query)
        assert ask("SELECT count(*) FROM videos").rows == [[1]]
    assert _digest(store) == before
    assert not Path("copy.sqlite3").exists()


def _digest(store: Path) -> str:
    with sqlite3.connect(f"file:{store}/memory.sqlite3?mode=ro", uri=True) as database:
        dump = "\n".join(str(row) for row in database.execute("SELECT * FROM events ORDER BY id"))
    names = sorted(
        path.name for path in store.iterdir() if not path.name.endswith(("-wal", "-shm"))
    )
    return hashlib.sha256((dump + repr(names)).encode()).hexdigest()


def test_what_takes_long_is_ended(store: Path):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    began = time.monotonic()
    with SqlReader(store, QueryLimits(seconds=0.3)) as ask:
        with pytest.raises(QueryError, match=r"longer than 0\.3 s"):
            ask(endless)
        assert time.monotonic() - began < 5
        assert ask("SELECT 1").rows == [[1]]


def test_what_is_large_is_cut(store: Path):
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) SELECT i"
    with SqlReader(store, QueryLimits(rows=10, bytes=100_000)) as ask:
        few = ask(f"{count} FROM n")
        assert (len(few.rows), few.complete) == (10, False)
        with pytest.raises(QueryError, match="too big"):
            ask(f"SELECT group_concat(printf('%.1000d', i)) FROM ({count} FROM n)")
        wide = ask("SELECT printf('%.60000d', 1) FROM events LIMIT 3")
        assert (len(wide.rows), wide.complete) == (1, False)
        with pytest.raises(QueryError, match="longer than 10000"):
            ask("SELECT 1" + " " * 20_000)


def test_a_store_without_videos_has_the_views_of_a_house_alone(tmp_path: Path):
    Memory.open(tmp_path / "house").close()
    with SqlReader(tmp_path / "house") as ask:
        assert {view.name for view in ask.views} == {
            "objects", "sightings", "actions", "nodes", "edges",
        }  # fmt: skip
        with pytest.raises(QueryError, match="no such table: events"):
            ask("SELECT * FROM events")
    with pytest.raises(StoreError, match="there is no memory"):
        SqlReader(tmp_path / "nowhere")
