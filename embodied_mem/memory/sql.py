"""Questions in SQL to a store: one SELECT, over views that stay, bounded in time and size.

The database is open read only. What a statement may do is decided by SQLite itself, by its
authorizer: select from the views, and call functions that only compute. Nothing else compiles.
"""

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import QueryError
from embodied_mem.memory.sql_views import View, make_views
from embodied_mem.memory.store import Store


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTIONS = _names("""
    abs avg ceil ceiling char coalesce concat concat_ws count date datetime dense_rank exp
    first_value floor format glob group_concat hex ifnull iif instr json json_array
    json_array_length json_each json_extract json_group_array json_group_object json_object
    json_type json_valid julianday lag last_value lead length like ln log log10 log2 lower ltrim max
    min mod nth_value ntile nullif percent_rank pi pow power printf quote rank replace round
    row_number rtrim sign sqrt string_agg strftime substr substring sum time timediff total trim
    trunc typeof unicode unixepoch upper -> ->>
""")
"""What computes and does nothing else."""
_TABLES_OF_FUNCTIONS = frozenset({"json_each", "json_tree"})
"""Functions that are read as tables."""
_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock."""

Value = str | int | float | None


class QueryLimits(Config, frozen=True):
    """How much one question in SQL may cost."""

    seconds: float = 5.0
    """[s]"""
    rows: int = 1000
    """Further rows are left out, and that is said."""
    bytes: int = 4 << 20
    """Most of all values together, and of any on the way."""
    length: int = 10_000
    """Most characters of the question."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What a question in SQL is answered with."""

    columns: list[str]
    rows: list[list[Value]]
    complete: bool
    """False: there are more rows."""


class SqlReader:
    """Answers SELECTs from a store that a writer may be writing to."""

    def __init__(self, path: str | Path, limits: QueryLimits | None = None):
        """Open a store.

        Raises:
            StoreError: There is none, or it cannot be read.
        """
        self.limits = limits or QueryLimits()
        self._store = Store(path, read_only=True)
        with self._store.transaction(write=False) as database:
            pass  # The connection, outside of a transaction.
        database.execute("PRAGMA temp_store = FILE")  # Sorting does not fill the RAM.
        self.views: tuple[View, ...] = make_views(database)
        self._database = database
        self._until = 0.0
        self._restrict()

    def close(self) -> None:
        """Release the files."""
        self._store.close()

    def __enter__(self) -> "SqlReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, query: str, values: Sequence[Value] = ()) -> Table:
        """Answer a question.

        Args:
            query: One SELECT over the views.
            values: For the marks in it.

        Raises:
            QueryError: It is none, is wrong, or costs too much.
        """
        if len(query) > self.limits.length:
            raise QueryError(f"the SQL is longer than {self.limits.length} characters.")
        self._until = time.monotonic() + self.limits.seconds
        try:
            cursor = self._database.execute(query, tuple(values))
            with contextlib.closing(cursor):
                if cursor.description is None:
                    raise QueryError("the SQL selects nothing. Write one SELECT over the views.")
                return self._table(cursor)
        except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
            raise QueryError(self._sentence(error)) from error

    def _restrict(self) -> None:
        """Forbid all but reading the views."""
        set_limit = self._database.setlimit
        set_limit(sqlite3.SQLITE_LIMIT_LENGTH, self.limits.bytes)
        set_limit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 4 * self.limits.length)
        set_limit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200)
        set_limit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
        set_limit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20)
        set_limit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        names = frozenset(view.name for view in self.views)
        tables = frozenset(table for view in self.views for table in view.tables)

        def allow(
            action: int, first: str | None, second: str | None, schema: str | None,
            source: str | None,
        ) -> int:  # fmt: skip
            if action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE}:
                return sqlite3.SQLITE_OK
            if action == sqlite3.SQLITE_FUNCTION:
                allowed = (second or "").lower() in _FUNCTIONS
            elif action == sqlite3.SQLITE_READ:
                allowed = (
                    (schema == "temp" and first in names)
                    or (schema == "main" and first in tables and (source in names or not second))
                    or first in _TABLES_OF_FUNCTIONS
                )
            else:
                allowed = False
            return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

        self._database.set_authorizer(allow)
        self._database.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)

    def _table(self, cursor: sqlite3.Cursor) -> Table:
        columns = [name for name, *_ in cursor.description]
        rows: list[list[Value]] = []
        size, complete = 0, True
        for row in cursor:
            values = [_value(value) for value in row]
            size += sum(len(value) if isinstance(value, str) else 8 for value in values)
            if len(rows) == self.limits.rows or size > self.limits.bytes:
                complete = False
                break
            rows.append(values)
        return Table(columns=columns, rows=rows, complete=complete)

    def _sentence(self, error: Exception) -> str:
        text = str(error)
        if "interrupted" in text:
            return (
                f"the SQL took longer than {self.limits.seconds:g} s. Ask for less: an interval, "
                "or one video."
            )
        if "prohibited" in text or "not authorized" in text:
            names = ", ".join(view.name for view in self.views) or "none in this store"
            return f"{text}. Only SELECT over these views is allowed: {names}."
        return f"the SQL cannot be answered: {text}."


def _value(value: object) -> Value:
    """Return a value as JSON knows it; bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    assert value is None or isinstance(value, str | int | float), "SQLite knows no other types"
    return value
