"""Where a store keeps episodes: a table of its own, made when the first one is kept.

Stores without it are stores without experience; releases that do not know it leave it alone.
"""

import logging
import sqlite3
from collections.abc import Sequence

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.episodes import Numbered, decode, encode

_logger = logging.getLogger(__name__)

_TABLE = "CREATE TABLE IF NOT EXISTS experience (number INTEGER PRIMARY KEY, record BLOB NOT NULL)"


def write(database: sqlite3.Connection, rows: Sequence[Numbered], *, oldest: int) -> None:
    """Keep more episodes, within the caller's transaction, and drop those before `oldest`."""
    if rows:
        database.execute(_TABLE)
        values = [(number, encode(record)) for number, record in rows]
        database.executemany("INSERT OR REPLACE INTO experience VALUES (?, ?)", values)
        database.execute("DELETE FROM experience WHERE number < ?", (oldest,))


def clear(database: sqlite3.Connection) -> None:
    """Forget all episodes, within the caller's transaction."""
    if _exists(database):
        database.execute("DELETE FROM experience")


def read(database: sqlite3.Connection) -> list[Numbered]:
    """Return the episodes, oldest first; those that break a bound are left out, and logged."""
    if not _exists(database):
        return []
    found = []
    for number, data in database.execute("SELECT number, record FROM experience ORDER BY number"):
        try:
            found.append((int(number), decode(bytes(data))))
        except (StoreFormatError, TypeError, ValueError) as error:
            _logger.warning("episode %s was left out: %s", number, error)
    return found


def _exists(database: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'experience'"
    return bool(database.execute(query).fetchone()[0])
