"""Where each thing of a video was in each picture, as exports tell it."""

from collections.abc import Iterator

import cv2
import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.errors import StoreError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import PathRow, ThingRow, VideoRow


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a video, and all pictures that showed it."""

    number: int
    """Its number in the video, from 1."""
    thing: ThingRow
    positions: np.ndarray
    """Of the pictures in the source (n,), int64."""
    stamps: np.ndarray
    """Of the pictures (n,) [s], float64."""
    boxes: np.ndarray
    """Left, top, right and bottom, as shares of the picture (n, 4), float32."""

    def at(self, position: int) -> Float[np.ndarray, "4"] | None:
        """Return where it is in a picture; None where it is not seen."""
        row = int(np.searchsorted(self.positions, position))
        seen = row < len(self.positions) and self.positions[row] == position
        return self.boxes[row] if seen else None

    def stamp(self, position: int) -> float:
        """Return the time of a picture that shows it [s]."""
        return float(self.stamps[int(np.searchsorted(self.positions, position))])


def read_tracks(index: EventIndex, video: VideoRow) -> Iterator[Track]:
    """Yield the tracks of what was told of in a video, in the order of its ids."""
    things = {thing.id: thing for thing in index.things() if thing.video == video.id}
    pieces: dict[str, list[PathRow]] = {}
    for piece in index.paths(video.id):
        if piece.thing in things:
            pieces.setdefault(piece.thing, []).append(piece)
    for number, (name, own) in enumerate(pieces.items(), start=1):
        yield Track(
            number=number,
            thing=things[name],
            positions=np.concatenate([piece.positions for piece in own]),
            stamps=np.concatenate([piece.stamps for piece in own]),
            boxes=np.concatenate([piece.boxes for piece in own]),
        )


def key_frames(index: EventIndex, video: VideoRow) -> list[tuple[str, int]]:
    """Return names and positions of the key frames of a video, in order of time."""
    names = {event.picture for event in index.events("video = ?", (video.id,)) if event.picture}
    # Names end with the position: v1-3600.jpg; those of a closer look with what they show.
    numbered = ((name, name.removesuffix(".jpg").rpartition("-")[2]) for name in names)
    return sorted(
        ((name, int(position)) for name, position in numbered if position.isdecimal()),
        key=lambda frame: (frame[1], frame[0]),
    )


def picture_size(index: EventIndex, video: VideoRow) -> tuple[int, int] | None:
    """Return width and height of a video's key frames [px]; None where it has none."""
    frames = key_frames(index, video)
    return size_of(frames[0][0], index.picture(frames[0][0])) if frames else None


def size_of(name: str, data: bytes) -> tuple[int, int]:
    """Return width and height of a key frame [px].

    Raises:
        StoreError: It is damaged.
    """
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoreError(f"the key frame {name} is damaged. Take the video in again.")
    height, width = picture.shape[:2]
    return width, height
