"""What a program may ask a stored memory: read only, in plain values, text cleaned."""

import threading
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from embodied_mem.app.ask_video import video_named
from embodied_mem.errors import StoreError
from embodied_mem.memory import Known, Memory
from embodied_mem.memory.areas import Spot, asks_where
from embodied_mem.memory.events.answers import Answerer
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.memory.events.records import EventRow
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.retrieval import RetrievalConfig
from embodied_mem.memory.sql import SqlReader
from planners.lexicon import SYNONYMS
from planners.quoting import clean

Values = dict[str, Any]
"""What JSON knows."""
_LONGEST = 1000
"""Most characters of one text."""
_MOST = 500
"""Most results of one call."""


class StoreTools:
    """Answers for one store. May be used by several threads."""

    def __init__(self, folder: Path):
        """Open a store.

        Raises:
            StoreError: It cannot be read.
        """
        self._index = EventIndex(folder, read_only=True)
        self._sql = SqlReader(folder)
        self._memory: Memory | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Release the files."""
        self._index.close()
        self._sql.close()
        if self._memory is not None:
            self._memory.close()

    @property
    def about(self) -> str:
        """What the store holds, in a sentence."""
        videos = [clean(video.name) for video in self._index.videos()]
        held = f"{len(videos)} videos ({', '.join(videos[:20])})" if videos else "no videos"
        return f"{held}; {'a house' if self._index.has_objects else 'no house'}"

    def ask(self, question: str, video: str | None, limit: int) -> Values:
        """Answer a question in words."""
        told: Values = {}
        with self._lock:
            if self._index.has_videos:
                answerer = Answerer(self._index)
                asked = parse(question, duration=answerer.duration)
                asked = msgspec.structs.replace(asked, video=video_named(self._index, video))
                told["videos"] = msgspec.to_builtins(answerer(asked, _bounded(limit)))
            if self._index.has_objects:
                found = self._house().search(question, _bounded(limit))
                told["house"] = [
                    {"text": one.text, "id": one.id, "belief": round(one.confidence, 3),
                     "seen_before_s": round(one.age, 1), "frames": list(one.frames)}
                    for one in found
                ]  # fmt: skip
                if asks_where(question):
                    told["spots"] = [_spot(one) for one in self._house().spots(question)]
        return _cleaned(told)

    def find(self, what: str, limit: int) -> Values:
        """Return the things and objects that are called so, or all of them for an empty name."""
        told: Values = {}
        with self._lock:
            if self._index.has_videos:
                names = {video.id: video.name for video in self._index.videos()}
                told["things"] = [
                    {"id": thing.id, "label": thing.label, "video": names[thing.video],
                     "first_s": thing.first, "last_s": thing.last, "where": thing.region}
                    for thing in self._index.things() if what.lower() in thing.label.lower()
                ][: _bounded(limit)]  # fmt: skip
            if self._index.has_objects:
                memory = self._house()
                known = memory.known()
                if what:
                    known = [one for one in known if what.lower() in one.label.lower()]
                told["objects"] = [_object(one) for one in known[: _bounded(limit)]]
        return _cleaned(told)

    def between(self, start: float, stop: float, video: str | None, limit: int) -> Values:
        """Return what happened from one time up to another [s]."""
        told: Values = {}
        with self._lock:
            if self._index.has_videos:
                told["events"] = self._events(start, stop, video, _bounded(limit))
            if self._index.has_objects:
                query = (
                    "SELECT stamp AS at_s, name AS action, target, succeeded FROM actions "
                    "WHERE stamp >= ? AND stamp < ? ORDER BY number LIMIT ?"
                )
                rows = self._sql(query, [start, stop, _bounded(limit)])
                told["actions"] = [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]
        return _cleaned(told)

    def sql(self, query: str) -> Values:
        """Return the rows that one SELECT over the views gives."""
        with self._lock:
            return _cleaned(msgspec.to_builtins(self._sql(query)))

    def schema(self) -> str:
        """Return the views that SQL may read, a line each."""
        return "\n".join(
            f"{view.name}({', '.join(view.columns)}): {view.about}" for view in self._sql.views
        )

    def key_frame(self, video: str | None, at: float) -> tuple[bytes, Values]:
        """Return the key frame nearest to a time [s] as JPEG, and the event that it shows.

        Raises:
            StoreError: There is none.
        """
        with self._lock:
            known = self._index.videos()
            if video is None and len(known) > 1:
                raise StoreError("there are several videos: say which one.")
            number = video_named(self._index, video) or (known[0].id if known else 0)
            shown = self._index.events("video = ? AND picture != ''", (number,))
            if not shown:
                raise StoreError("there is no key frame of that.")
            best = min(shown, key=lambda event: (_distance(event, at), event.level != "moment"))
            return self._index.picture(best.picture), _cleaned(self._event(best))

    def crop(self, object_id: str) -> bytes:
        """Return the picture of an object of a house as PNG.

        Raises:
            StoreError: There is none.
        """
        with self._lock:
            found = self._house().crop(object_id) if self._index.has_objects else None
        if found is None:
            raise StoreError(f"there is no picture of '{clean(object_id)}'.")
        done, data = cv2.imencode(".png", np.ascontiguousarray(found[..., ::-1]))
        assert done, "OpenCV writes any 8-bit picture as PNG"
        return data.tobytes()

    def _house(self) -> Memory:
        """Return the memory of a house as of now."""
        if self._memory is None:
            config = MemoryConfig(retrieval=RetrievalConfig(synonyms=SYNONYMS))
            self._memory = Memory.open(self._index.store.path, config, read_only=True)
        else:
            self._memory.refresh()
        return self._memory

    def _events(self, start: float, stop: float, video: str | None, limit: int) -> list[Values]:
        """Return moments, or segments where there are none."""
        number = video_named(self._index, video)
        condition = "stop >= ? AND start < ? AND (? IS NULL OR video = ?) AND level = ?"
        for level in ("moment", "segment"):
            found = self._index.events(condition, (start, stop, number, number, level))
            if found:
                return [self._event(event) for event in found[:limit]]
        return []

    def _event(self, event: EventRow) -> Values:
        names = {video.id: video.name for video in self._index.videos()}
        return {
            "event": event.id, "video": names[event.video], "start_s": round(event.start, 2),
            "stop_s": round(event.stop, 2), "kind": event.kind, "text": event.caption,
            "where": event.region, "belief": event.confidence, "key_frame": event.picture,
        }  # fmt: skip


def _object(known: Known) -> Values:
    placed = known.placement
    return {
        "id": known.object_id, "label": known.label, "status": known.status,
        "where": f"{placed.relation} {placed.parent}" if placed else "", "room": known.room,
        "position_m": [round(float(x), 3) for x in known.position],
        "last_seen_s": known.last_seen, "belief": round(known.confidence, 3),
    }  # fmt: skip


def _spot(spot: Spot) -> Values:
    return {
        "objects": list(spot.objects), "among": list(spot.among), "area": list(spot.area),
        "room": spot.room, "around_m": [round(float(x), 2) for x in spot.centre],
        "alike": round(spot.score, 3),
    }  # fmt: skip


def _distance(event: EventRow, at: float) -> float:
    """Return how far a time is from an event; less than 0 within it, the more the shorter it is."""
    if event.start <= at < event.stop:
        return -1 / (event.stop - event.start)
    return min(abs(event.start - at), abs(event.stop - at))


def _bounded(limit: int) -> int:
    return min(max(limit, 1), _MOST)


def _cleaned(value: Any) -> Any:
    """Return values with every text on one line, nothing invisible in it, none too long."""
    if isinstance(value, str):
        return clean(value, _LONGEST)
    if isinstance(value, dict):
        return {key: _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value
