"""The tables of videos and events. They are made with the first video.

Stores without them are stores without videos; releases that do not know them leave them alone.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.events.intervals import Interval, merged
from embodied_mem.memory.events.records import (
    Detail,
    EventRow,
    PathRow,
    PlaceRow,
    ThingRow,
    VideoRow,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (id INTEGER PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL,
  digest TEXT NOT NULL, quick TEXT NOT NULL, settings TEXT NOT NULL, seconds REAL NOT NULL,
  done INTEGER NOT NULL, note TEXT NOT NULL, checkpoint BLOB);
CREATE UNIQUE INDEX IF NOT EXISTS videos_digest ON videos (digest);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, video INTEGER NOT NULL,
  level TEXT NOT NULL, kind TEXT NOT NULL, start REAL NOT NULL, stop REAL NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, caption TEXT NOT NULL, confidence REAL NOT NULL,
  surprise REAL NOT NULL, opened_by TEXT NOT NULL, region TEXT NOT NULL, box BLOB, place INTEGER,
  parent INTEGER, picture TEXT NOT NULL, refined INTEGER NOT NULL, vector BLOB);
CREATE INDEX IF NOT EXISTS events_time ON events (video, level, start);
CREATE INDEX IF NOT EXISTS events_kind ON events (kind, video, start);
CREATE TABLE IF NOT EXISTS event_things (event INTEGER NOT NULL, thing TEXT NOT NULL,
  role TEXT NOT NULL, PRIMARY KEY (event, thing, role)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_things_thing ON event_things (thing);
CREATE TABLE IF NOT EXISTS things (id TEXT PRIMARY KEY, video INTEGER NOT NULL, kind TEXT NOT NULL,
  label TEXT NOT NULL, first REAL NOT NULL, last REAL NOT NULL, box BLOB NOT NULL,
  region TEXT NOT NULL, steadiness REAL NOT NULL, colours TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paths (thing TEXT NOT NULL, start REAL NOT NULL, video INTEGER NOT NULL,
  sightings BLOB NOT NULL, PRIMARY KEY (thing, start)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS paths_video ON paths (video);
CREATE TABLE IF NOT EXISTS path_details (thing TEXT NOT NULL, start REAL NOT NULL,
  details BLOB NOT NULL, PRIMARY KEY (thing, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (thing TEXT PRIMARY KEY, identity INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (id INTEGER PRIMARY KEY, video INTEGER NOT NULL,
  seen INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS looks (video INTEGER NOT NULL, start REAL NOT NULL, stop REAL NOT NULL,
  PRIMARY KEY (video, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS captions (event INTEGER PRIMARY KEY, text TEXT NOT NULL,
  model TEXT NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS event_text USING fts5 (caption, tokenize = 'porter unicode61');
"""

_SIGHTING = 8 + 8 + 4 * 4
"""Bytes of a position, a time and a box."""

_LONGEST = 64 * 2**20
"""Longest piece of a path that is read [bytes]; one is written for a minute or so."""

_EVENT = (
    "id, video, level, kind, start, stop, first, last, caption, confidence, surprise, opened_by, "
    "region, box, place, parent, picture, refined, vector"
)


def has_videos(database: sqlite3.Connection) -> bool:
    """Return whether a store keeps videos."""
    return _has_table(database, "videos")


def _has_table(database: sqlite3.Connection, name: str) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(database.execute(query, (name,)).fetchone()[0])


def create(database: sqlite3.Connection) -> None:
    """Make the tables where they are missing, within the caller's transaction."""
    for statement in filter(str.strip, SCHEMA.split(";")):
        database.execute(statement)


def add_event(database: sqlite3.Connection, event: EventRow) -> int:
    """Write a new event, and return its number."""
    box = None if event.box is None else np.asarray(event.box, "<f4").tobytes()
    vector = None if event.vector is None else event.vector.astype("<f2").tobytes()
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    number = int(last) + 1
    row = (
        number, event.video, event.level, event.kind, event.start, event.stop, event.first,
        event.last, event.caption, event.confidence, event.surprise, event.opened_by,
        event.region, box, event.place, event.parent, event.picture, int(event.refined), vector,
    )  # fmt: skip
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO events ({_EVENT}) VALUES ({marks})", row)
    text = "INSERT INTO event_text (rowid, caption) VALUES (?, ?)"
    database.execute(text, (number, event.caption))
    things = [(number, thing, role) for thing, role in event.things]
    database.executemany("INSERT OR IGNORE INTO event_things VALUES (?, ?, ?)", things)
    return number


def put_caption(database: sqlite3.Connection, event: int, text: str, model: str) -> None:
    """Add what a model says of an event to its caption."""
    database.execute("INSERT INTO captions VALUES (?, ?, ?)", (event, text, model))
    both = "UPDATE events SET caption = caption || ' ' || ? WHERE id = ?"
    database.execute(both, (text, event))
    found = "UPDATE event_text SET caption = caption || ' ' || ? WHERE rowid = ?"
    database.execute(found, (text, event))


def put_thing(database: sqlite3.Connection, thing: ThingRow) -> None:
    """Write a thing, in place of what was known of it."""
    row = (
        thing.id, thing.video, thing.kind, thing.label, thing.first, thing.last,
        np.asarray(thing.box, "<f4").tobytes(), thing.region, thing.steadiness,
        msgspec.json.encode([round(share, 3) for share in thing.colours]).decode(),
    )  # fmt: skip
    database.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def put_place(database: sqlite3.Connection, place: PlaceRow) -> None:
    """Write a place, in place of what was known of it."""
    row = (place.id, place.video, place.seen, place.vector.astype("<f2").tobytes())
    database.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", row)


def put_path(database: sqlite3.Connection, path: PathRow) -> None:
    """Write a piece of a path."""
    arrays = (path.positions.astype("<i8"), path.stamps.astype("<f8"), path.boxes.astype("<f4"))
    packed = zlib.compress(b"".join(array.tobytes() for array in arrays))
    row = (path.thing, float(path.stamps[0]), path.video, packed)
    database.execute("INSERT OR REPLACE INTO paths VALUES (?, ?, ?, ?)", row)
    if path.details:
        details = zlib.compress(msgspec.msgpack.encode(path.details))
        key = (path.thing, float(path.stamps[0]))
        database.execute("INSERT OR REPLACE INTO path_details VALUES (?, ?, ?)", (*key, details))


def read_paths(database: sqlite3.Connection, video: int) -> list[PathRow]:
    """Return the pieces of the paths of a video's things, by thing and in order of time.

    Raises:
        StoreFormatError: One is damaged.
    """
    if not _has_table(database, "paths"):
        return []
    query = "SELECT thing, sightings FROM paths WHERE video = ? ORDER BY thing, start"
    return [_path(video, *row) for row in database.execute(query, (video,))]


def read_details(database: sqlite3.Connection, video: int) -> Iterator[PathRow]:
    """Yield the pieces of the paths of a video's things that have details, with them, in order.

    Raises:
        StoreFormatError: One is damaged.
    """
    if not (_has_table(database, "paths") and _has_table(database, "path_details")):
        return
    query = (
        "SELECT thing, sightings, details FROM paths JOIN path_details USING (thing, start) "
        "WHERE video = ? ORDER BY thing, start"
    )
    for thing, sightings, packed in database.execute(query, (video,)):
        path = _path(video, thing, sightings)
        path.details = _details(thing, packed, len(path.stamps))
        yield path


def read_identities(database: sqlite3.Connection) -> dict[str, int]:
    """Return the numbers of identities by the ids of things."""
    if not _has_table(database, "identities"):
        return {}
    return dict(database.execute("SELECT thing, identity FROM identities ORDER BY thing"))


def read_videos(database: sqlite3.Connection) -> list[VideoRow]:
    """Return all videos, in the order in which they came."""
    columns = "id, name, path, digest, quick, settings, seconds, done, note"
    rows = database.execute(f"SELECT {columns} FROM videos ORDER BY id")
    return [
        VideoRow(
            id=row[0], name=row[1], path=row[2], digest=row[3], quick=row[4], settings=row[5],
            seconds=row[6], done=bool(row[7]), note=row[8],
        )
        for row in rows
    ]  # fmt: skip


def read_events(
    database: sqlite3.Connection, condition: str = "1", values: Sequence[object] = ()
) -> list[EventRow]:
    """Return the events that satisfy a condition in SQL, in order of time."""
    query = f"SELECT {_EVENT} FROM events WHERE {condition} ORDER BY video, start, id"
    found = [_event(row) for row in database.execute(query, tuple(values)).fetchall()]
    by_id = {event.id: event for event in found}
    things = (
        "SELECT event, thing, role FROM event_things WHERE event IN "
        f"(SELECT id FROM events WHERE {condition}) ORDER BY event, role, thing"
    )
    for number, thing, role in database.execute(things, tuple(values)):
        by_id[number].things.append((thing, role))
    return found


def read_things(database: sqlite3.Connection) -> list[ThingRow]:
    """Return all things."""
    columns = "id, video, kind, label, first, last, box, region, steadiness, colours"
    rows = database.execute(f"SELECT {columns} FROM things ORDER BY video, kind, id")
    return [
        ThingRow(
            id=row[0], video=row[1], kind=row[2], label=row[3], first=row[4], last=row[5],
            box=_box(row[6]), region=row[7], steadiness=row[8],
            colours=msgspec.json.decode(row[9], type=list[float]),
        )
        for row in rows
    ]  # fmt: skip


def put_look(database: sqlite3.Connection, video: int, look: Interval) -> None:
    """Note that an interval was looked at closely, and mark the segments that now are wholly."""
    known = merged([look, *read_looks(database, video)])
    database.execute("DELETE FROM looks WHERE video = ?", (video,))
    database.executemany("INSERT INTO looks VALUES (?, ?, ?)", [(video, *one) for one in known])
    for start, stop in known:
        database.execute(
            "UPDATE events SET refined = 1 WHERE video = ? AND level = 'segment' AND start >= ? "
            "AND stop <= ?", (video, start, stop),
        )  # fmt: skip


def read_looks(database: sqlite3.Connection, video: int) -> list[Interval]:
    """Return the intervals of a video that were looked at closely, in order, none touching.

    Older stores, which have no table of them, mark whole segments.
    """
    segments = "SELECT start, stop FROM events WHERE video = ? AND level = 'segment' AND refined"
    found = database.execute(segments, (video,)).fetchall()
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'looks'"
    if database.execute(query).fetchone()[0]:
        looks = "SELECT start, stop FROM looks WHERE video = ?"
        found += database.execute(looks, (video,)).fetchall()
    return merged(found)


def read_places(database: sqlite3.Connection) -> list[PlaceRow]:
    """Return all places."""
    rows = database.execute("SELECT id, video, seen, vector FROM places ORDER BY id")
    return [
        PlaceRow(id=row[0], video=row[1], seen=row[2], vector=np.frombuffer(row[3], "<f2"))
        for row in rows
    ]


def _event(row: tuple) -> EventRow:
    return EventRow(
        id=row[0], video=row[1], level=row[2], kind=row[3], start=row[4], stop=row[5],
        first=row[6], last=row[7], caption=row[8], confidence=row[9], surprise=row[10],
        opened_by=row[11], region=row[12], box=None if row[13] is None else _box(row[13]),
        place=row[14], parent=row[15], picture=row[16], refined=bool(row[17]),
        vector=None if row[18] is None else np.frombuffer(row[18], "<f2"),
    )  # fmt: skip


def _path(video: int, thing: str, packed: bytes) -> PathRow:
    data = _unpacked(packed)
    if data is None or len(data) % _SIGHTING:
        raise StoreFormatError(f"the path of {thing} is damaged. Take the video in again.")
    count = len(data) // _SIGHTING
    return PathRow(
        thing=thing,
        video=video,
        positions=np.frombuffer(data, "<i8", count=count),
        stamps=np.frombuffer(data, "<f8", count=count, offset=8 * count),
        boxes=np.frombuffer(data, "<f4", offset=16 * count).reshape(count, 4),
    )


def _details(thing: str, packed: bytes, count: int) -> list[Detail]:
    try:
        details = msgspec.msgpack.decode(_unpacked(packed) or b"", type=list[Detail])
    except msgspec.DecodeError:
        details = []
    if len(details) != count:
        raise StoreFormatError(f"the outlines of {thing} are damaged. Take the video in again.")
    return details


def _unpacked(packed: bytes) -> bytes | None:
    """Return what was compressed; None where it is damaged, or without end."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, _LONGEST)
    except zlib.error:
        return None
    return data if unpacking.eof else None


def _box(data: bytes) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in np.frombuffer(data, "<f4", count=4))
    return left, top, right, bottom
