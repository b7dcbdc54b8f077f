"""The records of what is remembered of videos."""

from typing import Literal

import msgspec
import numpy as np

from embodied_mem.memory.run_lengths import Runs

Level = Literal["clip", "segment", "moment"]
"""From coarse to fine: a minute or so, what is between two boundaries, one happening."""

EventKind = Literal[
    "clip", "segment", "visit", "came", "left", "presence", "moved", "hidden", "revealed"
]
"""What an event is. A visit and a presence last; came, left and revealed are points in time."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the picture."""


class VideoRow(msgspec.Struct, kw_only=True):
    """One video that is in the memory, whole or in part."""

    id: int
    name: str
    path: str
    """Where it lay."""
    digest: str
    """SHA-256 of its content."""
    quick: str
    """Digest of its size and ends, to know it again quickly."""
    settings: str
    """How it was perceived, as JSON."""
    seconds: float
    """How much of it was taken in [s]."""
    done: bool
    note: str
    """What is to be said of it, such as that it was cut short."""


class EventRow(msgspec.Struct, kw_only=True):
    """One event."""

    id: int = 0
    """Given by the store."""
    video: int
    level: Level
    kind: EventKind
    start: float
    """[s]"""
    stop: float
    """The event is [start, stop) [s]."""
    first: int
    """Position in the source of its first picture."""
    last: int
    """Position of its last picture."""
    caption: str
    confidence: float = 1.0
    """0..1."""
    surprise: float = 0.0
    """How unexpected its beginning was."""
    opened_by: str = ""
    """Why it begins where it does, for a segment."""
    region: str = ""
    """Where in the picture, in words."""
    box: Box | None = None
    place: int | None = None
    parent: int | None = None
    picture: str = ""
    """Name of its key frame in the store's pictures."""
    things: list[tuple[str, str]] = []
    """Ids of things and what each is in it: it, cover, with."""
    refined: bool = False
    """Whether all of it was looked at again, more closely."""
    vector: np.ndarray | None = None
    """How it looks, float16 of unit length."""


class ThingRow(msgspec.Struct, kw_only=True):
    """Something that was followed through a video."""

    id: str
    video: int
    kind: Literal["mover", "thing"]
    label: str
    first: float
    """When it was first seen [s]."""
    last: float
    """When it was last seen [s]."""
    box: Box
    """Where it was last seen."""
    region: str
    """The same in words."""
    steadiness: float
    """Share of the pictures meanwhile that showed it."""
    colours: list[float]
    """Share of each colour term."""

    @property
    def name(self) -> str:
        """What a detector calls it; empty where its label tells no more than its colours."""
        return "" if self.label.endswith(f" {self.kind}") else self.label


class Detail(msgspec.Struct, frozen=True, array_like=True):
    """What a detector says of a thing in one picture, besides where it is."""

    score: float = 1.0
    """How sure it is, 0..1."""
    outline: Runs | None = None
    """The thing's mask, where masks are kept."""


class PathRow(msgspec.Struct, kw_only=True):
    """Where a thing was in some pictures, one after another."""

    thing: str
    """Its id; that of something that was never told of has no row among things."""
    video: int
    positions: np.ndarray
    """Of the pictures in the source (n,), int64."""
    stamps: np.ndarray
    """Of the pictures (n,) [s], float64."""
    boxes: np.ndarray
    """Left, top, right and bottom, as shares of the picture (n, 4), float32."""
    details: list[Detail] = []
    """Of each picture; none where there is nothing to tell. Written, and read by themselves."""


class PlaceRow(msgspec.Struct, kw_only=True):
    """Somewhere that looks alike whenever it is seen."""

    id: int
    video: int
    """The video that showed it first."""
    seen: int
    """Segments that it was seen in."""
    vector: np.ndarray
    """Mean look, float16 of unit length."""
