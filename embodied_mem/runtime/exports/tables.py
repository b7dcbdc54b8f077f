"""The rows of a store as Parquet files: videos, events, things, tracks and places.

Each row names the video that it comes from, by number and by the SHA-256 of its content, and the
pictures, by their positions in the source. Intervals are half open, [start, stop).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from embodied_mem.errors import MissingExtraError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import EventRow, ThingRow, VideoRow
from embodied_mem.runtime.exports.tracks import read_tracks

try:
    import pyarrow as arrow
    from pyarrow import parquet
except ModuleNotFoundError as _error:
    raise MissingExtraError("Parquet tables", "export") from _error

_SOURCE = [("video", arrow.int64()), ("video_sha256", arrow.string())]
_BOX = [(side, arrow.float32()) for side in ("left", "top", "right", "bottom")]
_THINGS = arrow.list_(arrow.struct([("thing", arrow.string()), ("role", arrow.string())]))

_SCHEMAS = {
    "videos": [
        *_SOURCE, ("name", arrow.string()), ("path", arrow.string()), ("seconds", arrow.float64()),
        ("done", arrow.bool_()), ("note", arrow.string()), ("settings", arrow.string()),
    ],
    "events": [
        ("event", arrow.int64()), *_SOURCE, ("level", arrow.string()), ("kind", arrow.string()),
        ("start", arrow.float64()), ("stop", arrow.float64()), ("first_position", arrow.int64()),
        ("last_position", arrow.int64()), ("caption", arrow.string()),
        ("confidence", arrow.float64()), ("surprise", arrow.float64()),
        ("opened_by", arrow.string()), ("region", arrow.string()), *_BOX,
        ("place", arrow.int64()), ("parent", arrow.int64()), ("picture", arrow.string()),
        ("refined", arrow.bool_()), ("things", _THINGS),
        ("vector", arrow.list_(arrow.float32())),
    ],
    "things": [
        ("thing", arrow.string()), *_SOURCE, ("kind", arrow.string()), ("label", arrow.string()),
        ("first", arrow.float64()), ("last", arrow.float64()), *_BOX, ("region", arrow.string()),
        ("steadiness", arrow.float64()), ("colours", arrow.list_(arrow.float32())),
        ("identity", arrow.int64()),
    ],
    "tracks": [
        ("thing", arrow.string()), ("track", arrow.int64()), *_SOURCE,
        ("position", arrow.int64()), ("stamp", arrow.float64()), *_BOX,
    ],
    "places": [
        ("place", arrow.int64()), *_SOURCE, ("seen", arrow.int64()),
        ("vector", arrow.list_(arrow.float32())),
    ],
}  # fmt: skip


def write_tables(index: EventIndex, folder: Path) -> None:
    """Write one Parquet file for each table; the rows of a video are a row group."""
    videos = index.videos()
    digests = {video.id: video.digest for video in videos}
    _write(folder / "videos.parquet", "videos", ([_video(video)] for video in videos))
    _write(folder / "events.parquet", "events", _events(index, videos))
    identities = index.identities()
    things = (
        [
            _thing(thing, video.digest, identities.get(thing.id))
            for thing in index.things()
            if thing.video == video.id
        ]
        for video in videos
    )
    _write(folder / "things.parquet", "things", things)
    _write_columns(folder / "tracks.parquet", "tracks", _tracks(index, videos))
    places = [
        {
            "place": place.id, "video": place.video, "video_sha256": digests.get(place.video),
            "seen": place.seen, "vector": _floats(place.vector),
        }
        for place in index.places()
    ]  # fmt: skip
    _write(folder / "places.parquet", "places", [places])


def _write(path: Path, table: str, groups: Iterable[list[dict[str, Any]]]) -> None:
    schema = arrow.schema(_SCHEMAS[table])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in groups:
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _write_columns(path: Path, table: str, groups: Iterable[dict[str, Any]]) -> None:
    schema = arrow.schema(_SCHEMAS[table])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for columns in groups:
            writer.write_table(arrow.table(columns, schema=schema))


def _video(video: VideoRow) -> dict[str, Any]:
    return {
        "video": video.id, "video_sha256": video.digest, "name": video.name, "path": video.path,
        "seconds": video.seconds, "done": video.done, "note": video.note,
        "settings": video.settings,
    }  # fmt: skip


def _events(index: EventIndex, videos: list[VideoRow]) -> Iterator[list[dict[str, Any]]]:
    for video in videos:
        events = index.events("video = ?", (video.id,))
        yield [_event(event, video.digest) for event in events]


def _event(event: EventRow, digest: str) -> dict[str, Any]:
    return {
        "event": event.id, "video": event.video, "video_sha256": digest, "level": event.level,
        "kind": event.kind, "start": event.start, "stop": event.stop,
        "first_position": event.first, "last_position": event.last, "caption": event.caption,
        "confidence": event.confidence, "surprise": event.surprise, "opened_by": event.opened_by,
        "region": event.region, **_sides(event.box), "place": event.place, "parent": event.parent,
        "picture": event.picture, "refined": event.refined,
        "things": [{"thing": thing, "role": role} for thing, role in event.things],
        "vector": None if event.vector is None else _floats(event.vector),
    }  # fmt: skip


def _thing(thing: ThingRow, digest: str, identity: int | None) -> dict[str, Any]:
    return {
        "thing": thing.id, "video": thing.video, "video_sha256": digest, "kind": thing.kind,
        "label": thing.label, "first": thing.first, "last": thing.last, **_sides(thing.box),
        "region": thing.region, "steadiness": thing.steadiness, "colours": thing.colours,
        "identity": identity,
    }  # fmt: skip


def _tracks(index: EventIndex, videos: list[VideoRow]) -> Iterator[dict[str, Any]]:
    for video in videos:
        for track in read_tracks(index, video):
            count = len(track.stamps)
            sides = dict(zip(("left", "top", "right", "bottom"), track.boxes.T, strict=True))
            yield {
                "thing": [track.thing.id] * count,
                "track": [track.number] * count,
                "video": [video.id] * count,
                "video_sha256": [video.digest] * count,
                "position": track.positions,
                "stamp": track.stamps,
                **{side: np.ascontiguousarray(values) for side, values in sides.items()},
            }


def _sides(box: tuple[float, float, float, float] | None) -> dict[str, float | None]:
    return dict(zip(("left", "top", "right", "bottom"), box or [None] * 4, strict=True))


def _floats(vector: np.ndarray) -> list[float]:
    return vector.astype(np.float32).tolist()
