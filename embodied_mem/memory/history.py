"""How much of the past a store keeps: rules for sightings, frames and actions on disk.

The newest sightings are all kept. Of the older ones, each object's first and last of every stay
remain, which say where it was from when to when; beyond the capacity the oldest go. The pose of a
frame is kept while it is new, or a sighting refers to it. Actions on things and mere movements
are counted apart, so that walking about does not drive out what was done.
"""

import math
import sqlite3
import struct
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from embodied_mem.config import Config
from embodied_mem.memory.records import Placement

Row = tuple[int, str, int, bytes, str, bytes | None, str | None]
"""Number, object, frame, box, status, placement and room of a stored sighting."""

_Read = tuple[Row, tuple[object, ...], tuple[float, float, float], float]
"""A row, what but the place makes its stay, the middle and the longest edge of its box [m]."""

_ROW = "number, object, frame, box, status, placement, room"
_BOX = struct.Struct("<6d")
_SHARE = 0.25
"""Share of its longest edge by which the middle of what is believed of a thing may wander."""
_AT_ONCE = 8_000
"""Most sightings that one call goes through, so that no write waits for long."""


class HistoryConfig(Config, frozen=True):
    """How much of the past is kept on disk."""

    recent_sightings: int = 20_000
    """Newest sightings, all of which are kept; of older ones, the ends of each stay."""
    max_sightings: int = 200_000
    """Sightings in all; beyond it the oldest go."""
    same_place: float = 0.1
    """Sightings belong to one stay if their boxes' middles are this near, or within a quarter of
    the longest edge, and all else is equal [m]."""
    recent_frames: int = 4_000
    """Newest frames whose poses are kept; of older ones, those with sightings."""
    max_actions: int = 4_000
    """Newest actions on things."""
    max_moves: int = 4_000
    """Newest actions on nothing, such as steps and turns."""


def thin_out(database: sqlite3.Connection, config: HistoryConfig) -> None:
    """Apply the rules, within the caller's transaction."""
    done, newest = _mark(database), _newest(database, "sightings")
    until = min(newest - config.recent_sightings, done + _AT_ONCE)
    if until > done:
        _thin_stays(database, config, done, until)
    first = _nth_newest(database, "sightings", config.max_sightings, "")
    database.execute("DELETE FROM sightings WHERE number <= ?", (first,))
    _drop_actions(database, config)
    _drop_frames(database, config)


def begin(database: sqlite3.Connection) -> None:
    """Start anew, once all sightings are gone: their numbers start anew as well."""
    database.execute("DELETE FROM meta WHERE name = 'thinned'")


def interior(rows: Iterable[Row], same_place: float) -> list[Row]:
    """Return the sightings of one object that lie between the ends of their stays.

    Args:
        rows: Of one object, in order.
        same_place: See the config [m].
    """
    kept: list[_Read] = []
    dropped: list[Row] = []
    for row in rows:
        now = row, _circumstances(row), *_place(row)
        if len(kept) >= 2 and all(_one_stay(kept[-2], r, same_place) for r in (kept[-1], now)):
            dropped.append(kept.pop()[0])
        kept.append(now)
    return dropped


def _one_stay(first: _Read, other: _Read, same_place: float) -> bool:
    if first[1] != other[1]:
        return False
    away, edge = math.dist(first[2], other[2]), first[3]
    if math.isnan(away):
        return math.isnan(edge) and math.isnan(other[3])
    return away <= max(same_place, _SHARE * edge)


def _circumstances(row: Row) -> tuple[object, ...]:
    """Return all but the place that makes a stay."""
    *_, status, placement, room = row
    if placement is None:
        return status, room
    on = msgspec.json.decode(placement, type=Placement)
    return status, room, on.relation, on.parent


def _place(row: Row) -> tuple[tuple[float, float, float], float]:
    """Return the middle and the longest edge of a sighting's box [m]."""
    a, b, c, d, e, f = _BOX.unpack(row[3])
    return ((a + d) / 2, (b + e) / 2, (c + f) / 2), max(d - a, e - b, f - c)


def _thin_stays(database: sqlite3.Connection, config: HistoryConfig, done: int, until: int) -> None:
    """Drop what lies between the ends of stays, of the sightings after `done`, up to `until`."""
    query = f"SELECT {_ROW} FROM sightings WHERE number > ? AND number <= ? ORDER BY object, number"
    rows = database.execute(query, (done, until)).fetchall()
    gone: list[Row] = []
    for name, group in groupby(rows, key=lambda row: row[1]):
        before = _last_two(database, name, done)
        gone += interior([*before, *group], config.same_place)
    database.executemany("DELETE FROM sightings WHERE number = ?", [(row[0],) for row in gone])
    database.execute("INSERT OR REPLACE INTO meta VALUES ('thinned', ?)", (until,))


def _last_two(database: sqlite3.Connection, name: str, until: int) -> Sequence[Row]:
    query = (
        f"SELECT {_ROW} FROM (SELECT * FROM sightings WHERE object = ? AND number <= ? "
        "ORDER BY stamp DESC, number DESC LIMIT 2) ORDER BY number"
    )
    return database.execute(query, (name, until)).fetchall()


def _drop_actions(database: sqlite3.Connection, config: HistoryConfig) -> None:
    for kind, most in (("target != ''", config.max_actions), ("target = ''", config.max_moves)):
        first = _nth_newest(database, "actions", most, f"WHERE {kind}")
        database.execute(f"DELETE FROM actions WHERE number <= ? AND {kind}", (first,))


def _drop_frames(database: sqlite3.Connection, config: HistoryConfig) -> None:
    """Drop the poses of frames that are neither new nor referred to."""
    until = _newest(database, "frames") - config.recent_frames
    if until > 0:
        database.execute(
            "DELETE FROM frames WHERE number <= ? AND number NOT IN (SELECT frame FROM sightings)",
            (until,),
        )


def _mark(database: sqlite3.Connection) -> int:
    """Return the number of the sighting up to which stays are thinned."""
    row = database.execute("SELECT value FROM meta WHERE name = 'thinned'").fetchone()
    return int(row[0]) if row is not None else 0


def _newest(database: sqlite3.Connection, table: str) -> int:
    return database.execute(f"SELECT max(number) FROM {table}").fetchone()[0] or 0


def _nth_newest(database: sqlite3.Connection, table: str, most: int, where: str) -> int:
    """Return the number up to which rows are too many; 0 where they are not."""
    query = f"SELECT number FROM {table} {where} ORDER BY number DESC LIMIT 1 OFFSET ?"
    row = database.execute(query, (most,)).fetchone()
    return row[0] if row is not None else 0
