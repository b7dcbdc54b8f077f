"""The videos of a memory as a recording for rerun's viewer: key frames, boxes, events."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import rerun as rr

from embodied_mem.errors import StoreError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import EventRow, VideoRow
from embodied_mem.runtime.exports.names import file_stem
from embodied_mem.runtime.exports.tracks import Track, key_frames, picture_size, read_tracks

_COLOURS = ((66, 133, 244), (224, 123, 57), (42, 157, 157), (124, 92, 196), (200, 70, 90))
_WARN = 0.5
"""Events that are believed less are told as warnings."""


def write_video_recording(path: str | Path, index: EventIndex) -> Path:
    """Write a .rrd file; its timeline `time` is that of each video.

    Every video is an entity of its own: `NAME/picture` has the key frames, `NAME/picture/things`
    the boxes of what is followed in each picture, `NAME/events` the sentences, `NAME/things` how
    many things are seen.

    Raises:
        StoreError: It cannot be written, or a key frame is missing or damaged.
    """
    path = Path(path)
    recording = rr.RecordingStream("embodied-mem")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("wb").close()
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error
    recording.save(path)
    for video in index.videos():
        _log_video(recording, index, video)
    recording.flush()
    recording.disconnect()
    return path


def _log_video(recording: rr.RecordingStream, index: EventIndex, video: VideoRow) -> None:
    name = file_stem(video)
    events = index.events("video = ? AND level != 'clip'", (video.id,))
    tracks = list(read_tracks(index, video))
    frames = key_frames(index, video)
    stamps = {event.picture: event.start for event in events if event.picture}
    for picture, position in frames:
        shown = [track for track in tracks if track.at(position) is not None]
        stamp = shown[0].stamp(position) if shown else stamps[picture]
        recording.set_time("time", duration=stamp)
        jpeg = index.picture(picture)
        recording.log(f"{name}/picture", rr.EncodedImage(contents=jpeg, media_type="image/jpeg"))
    size = picture_size(index, video)
    if size is not None and tracks:
        _log_boxes(recording, name, tracks, size)
    for event in events:
        _log_event(recording, name, event)


def _log_boxes(
    recording: rr.RecordingStream, name: str, tracks: list[Track], size: tuple[int, int]
) -> None:
    """Log what is seen where in each picture, and that nothing is where pictures show nothing."""
    scale = np.array([*size, *size], np.float32)
    seen: defaultdict[int, list[tuple[Track, int]]] = defaultdict(list)
    for track in tracks:
        for row, position in enumerate(track.positions.tolist()):
            seen[position].append((track, row))
    stamps = np.array([own[0][0].stamps[own[0][1]] for _, own in sorted(seen.items())])
    spacing = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1.0
    for number, position in enumerate(sorted(seen)):
        shown, stamp = seen[position], float(stamps[number])
        recording.set_time("time", duration=stamp)
        corners = np.stack([track.boxes[row] * scale for track, row in shown])
        boxes = rr.Boxes2D(
            array=corners,
            array_format=rr.Box2DFormat.XYXY,
            labels=[f"{track.thing.label} ({track.thing.id})" for track, _ in shown],
            colors=[_COLOURS[track.number % len(_COLOURS)] for track, _ in shown],
        )
        recording.log(f"{name}/picture/things", boxes)
        recording.log(f"{name}/things", rr.Scalars(len(shown)))
        if number + 1 == len(stamps) or stamps[number + 1] > stamp + 2 * spacing:
            recording.set_time("time", duration=stamp + spacing)  # Then nothing was seen.
            recording.log(f"{name}/picture/things", rr.Clear(recursive=False))
            recording.log(f"{name}/things", rr.Scalars(0))


def _log_event(recording: rr.RecordingStream, name: str, event: EventRow) -> None:
    recording.set_time("time", duration=event.start)
    level = rr.TextLogLevel.INFO if event.confidence >= _WARN else rr.TextLogLevel.WARN
    words = f"{event.kind}, until {event.stop:.1f} s: {event.caption}"
    recording.log(f"{name}/events", rr.TextLog(words, level=level))
