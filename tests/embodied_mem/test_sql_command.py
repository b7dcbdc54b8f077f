"""SQL at the terminal."""

import json

import pytest
from films import remember, write_minute

from embodied_mem.app.commands import Sql
from embodied_mem.app.console import console
from embodied_mem.app.sql import ask_sql
from embodied_mem.errors import ConfigError, QueryError
from embodied_mem.memory.events.index import EventIndex


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("sql")
    with EventIndex(folder / "store") as index:
        remember(index, write_minute(folder / "minute.mp4"))
    return str(folder / "store")


def told(store: str, query: str | None = None, **more) -> str:
    with console.capture() as capture:
        assert ask_sql(Sql(store=store, query=query, **more)) == 0
    return capture.get()


def test_rows_are_a_table_or_json(store: str):
    assert "minute.mp4" in told(store, "SELECT name FROM videos")
    found = json.loads(told(store, "SELECT name FROM videos", json=True))
    assert found == {"columns": ["name"], "rows": [["minute.mp4"]], "complete": True}


def test_without_a_question_the_views_are_told(store: str):
    schema = told(store)
    assert "caption: a sentence" in schema
    assert "objects" in schema


def test_what_was_left_out_is_said(store: str):
    assert "only the first 1 rows" in told(store, "SELECT id FROM events", limit=1)


def test_mistakes_are_told(store: str):
    with pytest.raises(QueryError, match="Only SELECT over these views"):
        told(store, "DROP TABLE events")
    with pytest.raises(ConfigError, match="at least 1"):
        told(store, "SELECT 1", limit=0)
