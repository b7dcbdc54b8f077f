"""The store's tables, and how a change becomes rows of them."""

import sqlite3

import msgspec
import numpy as np

from embodied_mem.memory import experience_rows, history
from embodied_mem.memory.journal import Change
from embodied_mem.memory.records import Placement, Sighting

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE objects (id TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE segments (number INTEGER PRIMARY KEY, owners INTEGER NOT NULL, data BLOB);
CREATE TABLE tensors (owner TEXT PRIMARY KEY, segment INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX tensors_segment ON tensors (segment);
CREATE TABLE sightings (number INTEGER PRIMARY KEY, object TEXT NOT NULL, stamp REAL NOT NULL,
  frame INTEGER NOT NULL, box BLOB NOT NULL, status TEXT NOT NULL, placement BLOB, room TEXT);
CREATE INDEX sightings_object ON sightings (object, stamp);
CREATE TABLE frames (number INTEGER PRIMARY KEY, stamp REAL NOT NULL, pose BLOB NOT NULL);
CREATE TABLE actions (number INTEGER PRIMARY KEY, stamp REAL NOT NULL, name TEXT NOT NULL,
  arguments BLOB NOT NULL, target TEXT NOT NULL, succeeded INTEGER NOT NULL);
CREATE TABLE nodes (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE edges (source TEXT, kind TEXT, target TEXT, record BLOB NOT NULL,
  PRIMARY KEY (source, kind, target)) WITHOUT ROWID;
CREATE TABLE habits (label TEXT, receptacle TEXT, record BLOB NOT NULL,
  PRIMARY KEY (label, receptacle)) WITHOUT ROWID;
"""
"""Layout of the database; see FORMAT in store.py."""

MIGRATIONS = {
    1: """
CREATE TABLE IF NOT EXISTS habits (label TEXT, receptacle TEXT, record BLOB NOT NULL,
  PRIMARY KEY (label, receptacle)) WITHOUT ROWID;
""",
}
"""What brings a store of a format to the next one."""

SIGHTING = "object, stamp, frame, box, status, placement, room"
"""Columns of a sighting, as `read_sighting` takes them."""

_EMPTIED = ("objects", "tensors", "sightings", "frames", "actions", "nodes", "edges", "habits")


def write_rows(database: sqlite3.Connection, change: Change) -> None:
    """Write all of a change but its tensors, within the caller's transaction."""
    run = database.executemany
    if change.clear:
        for table in _EMPTIED:
            database.execute(f"DELETE FROM {table}")
        history.begin(database)
        experience_rows.clear(database)
    state = msgspec.json.encode(change.state)
    database.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (state,))
    run("DELETE FROM objects WHERE id = ?", [(name,) for name in change.removed])
    run("DELETE FROM tensors WHERE owner = ?", [(name,) for name in change.removed])
    run(
        "INSERT INTO objects VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        change.objects.items(),
    )
    run(
        "INSERT INTO sightings VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
        [_sighting_row(sighting) for sighting in change.sightings],
    )
    kept = [(name, record) for name, record in change.nodes.items() if record is not None]
    run("INSERT OR REPLACE INTO nodes VALUES (?, ?)", kept)
    gone = [(name,) for name, record in change.nodes.items() if record is None]
    run("DELETE FROM nodes WHERE id = ?", gone)
    edges = [(*ends, record) for ends, record in change.edges.items() if record is not None]
    run("INSERT OR REPLACE INTO edges VALUES (?, ?, ?, ?)", edges)
    cut = [ends for ends, record in change.edges.items() if record is None]
    run("DELETE FROM edges WHERE source = ? AND kind = ? AND target = ?", cut)
    kept = [(*key, record) for key, record in change.habits.items() if record is not None]
    run("INSERT OR REPLACE INTO habits VALUES (?, ?, ?)", kept)
    gone = [key for key, record in change.habits.items() if record is None]
    run("DELETE FROM habits WHERE label = ? AND receptacle = ?", gone)
    experience_rows.write(database, change.experience, oldest=change.oldest_experience)
    if change.frame is not None:
        database.execute("INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", change.frame)
    if change.action is not None:
        row = (*change.action[:4], int(change.action[4]))
        database.execute("INSERT INTO actions VALUES (NULL, ?, ?, ?, ?, ?)", row)


def _sighting_row(
    sighting: Sighting,
) -> tuple[str, float, int, bytes, str, bytes | None, str | None]:
    placement = sighting.placement
    return (
        sighting.object_id,
        sighting.stamp,
        sighting.frame,
        np.asarray(sighting.box, "<f8").tobytes(),
        sighting.status,
        None if placement is None else msgspec.json.encode(placement),
        sighting.room,
    )


def read_sighting(row: tuple) -> Sighting:
    """Read a row of the columns in SIGHTING."""
    object_id, stamp, frame, box, status, placement, room = row
    return Sighting(
        object_id=object_id,
        stamp=stamp,
        frame=frame,
        box=np.frombuffer(box, "<f8").reshape(2, 3),
        status=status,
        placement=None if placement is None else msgspec.json.decode(placement, type=Placement),
        room=room,
        age=0.0,
    )
