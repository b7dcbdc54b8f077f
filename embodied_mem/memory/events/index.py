"""The events of videos in a memory's own store: written a segment at a time, read by filters."""

import re
import sqlite3
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

import msgspec

from embodied_mem.errors import StoreError
from embodied_mem.memory.events import tables
from embodied_mem.memory.events.intervals import Interval
from embodied_mem.memory.events.records import (
    Detail,
    EventRow,
    PathRow,
    PlaceRow,
    ThingRow,
    VideoRow,
)
from embodied_mem.memory.folder import PICTURES, read_file, require_inside, write_file
from embodied_mem.memory.store import Store

_PICTURE = re.compile(r"v(\d+)-[a-z0-9-]+\.jpg")


class Batch(msgspec.Struct, kw_only=True):
    """What one transaction adds: a segment, what happened in it, and where to go on."""

    events: list[EventRow] = []
    things: list[ThingRow] = []
    places: list[PlaceRow] = []
    paths: list[PathRow] = []
    pictures: dict[str, bytes] = {}
    """JPEG files, by name."""
    seconds: float
    """How much of the video is taken in [s]."""
    checkpoint: bytes | None = None
    """State to go on from; None when the video is done."""
    note: str = ""


class EventIndex:
    """What a store knows of videos. One writer, many readers."""

    def __init__(self, path: str | Path, *, read_only: bool = False):
        """Open a store; made where missing, unless read only.

        Raises:
            StoreError: It cannot be opened.
        """
        self.store = Store(path, read_only=read_only)
        self.pictures = self.store.path / PICTURES

    def close(self) -> None:
        """Release the files."""
        self.store.close()

    def __enter__(self) -> "EventIndex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -------------------------------------------------------------------------------

    def begin(self, video: VideoRow) -> VideoRow:
        """Begin a video, or go on with the one of the same content."""
        with self.store.transaction() as database:
            tables.create(database)
            for known in tables.read_videos(database):
                if known.digest == video.digest:
                    return known
            (last,) = database.execute("SELECT coalesce(max(id), 0) FROM videos").fetchone()
            video.id = int(last) + 1
            row = (
                video.id, video.name, video.path, video.digest, video.quick, video.settings,
                video.seconds, int(video.done), video.note, None,
            )  # fmt: skip
            database.execute("INSERT INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return video

    def checkpoint(self, video: int) -> bytes | None:
        """Return the state to go on from; None at the beginning."""
        with self.store.transaction(write=False) as database:
            query = "SELECT checkpoint FROM videos WHERE id = ?"
            (state,) = database.execute(query, (video,)).fetchone()
        return state

    def add(self, video: int, batch: Batch) -> None:
        """Write a batch as one transaction; its pictures are on disk before it refers to them."""
        self._write_pictures(batch.pictures)
        with self.store.transaction() as database:
            for event in batch.events:
                event.id = tables.add_event(database, event)
            for event in batch.events:
                _relate(database, event)
            for thing in batch.things:
                tables.put_thing(database, thing)
            for place in batch.places:
                tables.put_place(database, place)
            for path in batch.paths:
                tables.put_path(database, path)
            database.execute(
                "UPDATE videos SET seconds = ?, checkpoint = ?, done = ?, note = ? WHERE id = ?",
                (batch.seconds, batch.checkpoint, batch.checkpoint is None, batch.note, video),
            )

    def forget(self, video: int) -> None:
        """Forget a video of which nothing was written."""
        with self.store.transaction() as database:
            database.execute("DELETE FROM videos WHERE id = ? AND checkpoint IS NULL", (video,))

    def refine(self, video: int, look: Interval, batch: Batch) -> None:
        """Write what a closer look at an interval showed, and that there was one."""
        self._write_pictures(batch.pictures)
        with self.store.transaction() as database:
            tables.create(database)  # Stores of older releases have no table of looks.
            for event in batch.events:
                event.id = tables.add_event(database, event)
                _relate(database, event)
            for thing in batch.things:
                tables.put_thing(database, thing)
            tables.put_look(database, video, look)

    def looks(self, video: int) -> list[Interval]:
        """Return the half-open intervals of a video that were looked at closely [s], in order."""
        with self.store.transaction(write=False) as database:
            return tables.read_looks(database, video)

    def describe(self, event: int, text: str, model: str) -> None:
        """Add what a model says of an event to what is known of it; once for each event."""
        with self.store.transaction() as database:
            tables.put_caption(database, event, text, model)

    def undescribed(self) -> list[EventRow]:
        """Return the segments of which no model said anything yet."""
        with self.store.transaction() as database:
            tables.create(database)  # Stores of older releases have no table of captions.
        return self.events("level = 'segment' AND id NOT IN (SELECT event FROM captions)")

    def identify(self, identities: dict[str, int]) -> None:
        """Write which things are one, by id, in place of what was known of that."""
        with self.store.transaction() as database:
            tables.create(database)
            database.execute("DELETE FROM identities")
            database.executemany("INSERT INTO identities VALUES (?, ?)", identities.items())

    def remove_strays(self, video: int) -> None:
        """Delete pictures of a video that no event shows: those of a batch that was cut off."""
        shown = {event.picture for event in self.events("video = ?", (video,))}
        for path in self.pictures.glob(f"v{video}-*"):
            if path.name not in shown:
                path.unlink(missing_ok=True)

    def _write_pictures(self, pictures: dict[str, bytes]) -> None:
        try:
            if pictures:
                self.pictures.mkdir(exist_ok=True)
            for name, data in pictures.items():
                write_file(self.pictures / name, data)
        except OSError as error:
            raise StoreError(
                f"cannot write key frames to {self.pictures}: {error.strerror}. Free space; the "
                "same command goes on."
            ) from error

    # -- reading -------------------------------------------------------------------------------

    @property
    def has_videos(self) -> bool:
        """Whether any video was taken in."""
        with self.store.transaction(write=False) as database:
            return tables.has_videos(database)

    @property
    def has_objects(self) -> bool:
        """Whether the store is the memory of a house too."""
        with self.store.transaction(write=False) as database:
            return database.execute("SELECT 1 FROM objects LIMIT 1").fetchone() is not None

    def videos(self) -> list[VideoRow]:
        """Return the videos, in the order in which they came."""
        with self.store.transaction(write=False) as database:
            return tables.read_videos(database) if tables.has_videos(database) else []

    def events(self, condition: str = "1", values: Iterable[object] = ()) -> list[EventRow]:
        """Return the events that satisfy a condition over the columns of `events`, in SQL."""
        with self.store.transaction(write=False) as database:
            return tables.read_events(database, condition, tuple(values))

    def things(self) -> list[ThingRow]:
        """Return all things."""
        with self.store.transaction(write=False) as database:
            return tables.read_things(database)

    def places(self) -> list[PlaceRow]:
        """Return all places."""
        with self.store.transaction(write=False) as database:
            return tables.read_places(database)

    def paths(self, video: int) -> list[PathRow]:
        """Return where the things of a video were, in pieces by thing and in order of time."""
        with self.store.transaction(write=False) as database:
            return tables.read_paths(database, video)

    def details(self, video: int, positions: Set[int]) -> dict[tuple[str, int], Detail]:
        """Return scores and outlines in some pictures of a video, by thing and position.

        Things and pictures of which nothing is told besides where they are have none.
        """
        found: dict[tuple[str, int], Detail] = {}
        with self.store.transaction(write=False) as database:
            for path in tables.read_details(database, video):
                rows = zip(path.positions.tolist(), path.details, strict=True)
                found |= {(path.thing, at): told for at, told in rows if at in positions}
        return found

    def identities(self) -> dict[str, int]:
        """Return which things are one: the number of the identity of each that has one, by id."""
        with self.store.transaction(write=False) as database:
            return tables.read_identities(database)

    def has_events(self, condition: str, values: Iterable[object] = ()) -> bool:
        """Return whether any event satisfies a condition over the columns of `events`, in SQL."""
        query = f"SELECT 1 FROM events WHERE {condition} LIMIT 1"
        with self.store.transaction(write=False) as database:
            return database.execute(query, tuple(values)).fetchone() is not None

    def vector_widths(self) -> list[int]:
        """Return how many numbers the vectors of places have: those of segments and moments."""
        with self.store.transaction(write=False) as database:
            if not tables.has_videos(database):
                return []
            query = "SELECT DISTINCT length(vector) / 2 FROM places ORDER BY 1"
            return [width for (width,) in database.execute(query)]

    def search_text(
        self,
        words: Sequence[str],
        limit: int = -1,
        *,
        condition: str = "1",
        values: Iterable[object] = (),
    ) -> list[tuple[int, float]]:
        """Return numbers of events whose captions have any of the words, and BM25, best first.

        Args:
            words: Of letters and digits; others are left out.
            limit: Most of them; all by default.
            condition: Over the columns of `events`, in SQL.
            values: For the marks in the condition.
        """
        quoted = " OR ".join(f'"{word}"' for word in words if word.isalnum())
        if not quoted:
            return []
        query = (
            "SELECT rowid, -bm25(event_text) FROM event_text WHERE event_text MATCH ? "
            f"AND rowid IN (SELECT id FROM events WHERE {condition}) ORDER BY rank, rowid LIMIT ?"
        )
        with self.store.transaction(write=False) as database:
            return database.execute(query, (quoted, *values, limit)).fetchall()

    def picture(self, name: str) -> bytes:
        """Return a key frame's JPEG.

        Raises:
            StoreError: It is not there, or is no key frame's name.
        """
        if not _PICTURE.fullmatch(name):
            raise StoreError(f"'{name}' is no key frame's name.")
        require_inside(self.store.path, PICTURES)
        try:
            return read_file(self.pictures / name)
        except FileNotFoundError as error:
            raise StoreError(
                f"the key frame {name} is missing in {self.pictures}. Take the video in again, "
                "into a new store."
            ) from error


def _relate(database: sqlite3.Connection, event: EventRow) -> None:
    """Give an event its parent, and make it the parent of what lies in it, a level below."""
    if event.level == "moment":
        database.execute(
            "UPDATE events SET parent = (SELECT id FROM events AS segment WHERE video = ? AND "
            "level = 'segment' AND segment.start <= ? AND segment.stop > ?) WHERE id = ?",
            (event.video, event.start, event.start, event.id),
        )
        return
    below = "moment" if event.level == "segment" else "segment"
    database.execute(
        "UPDATE events SET parent = ? WHERE video = ? AND level = ? AND parent IS NULL "
        "AND start >= ? AND start < ?",
        (event.id, event.video, below, event.start, event.stop),
    )
