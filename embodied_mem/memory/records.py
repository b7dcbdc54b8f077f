"""What memory answers with: frozen records, each saying how it is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from embodied_mem.types import Attributes

NAMELESS = frozenset(("object", "surface"))
"""Labels of what has no name yet: that two things share one says nothing, unlike two mugs."""

Status = Literal["present", "moved", "gone", "held"]
"""present: believed where last seen; moved: seen elsewhere since first placed, and there now;
gone: its place was seen empty and it has not been found again; held: in the agent's hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What an object rests on or lies in."""

    relation: Literal["on", "in"]
    parent: str
    """Object id of the support or container."""
    confidence: float
    """0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One object as memory believes it to be now."""

    object_id: str
    label: str
    """Best label."""
    label_scores: Mapping[str, float]
    """Share of the evidence for each label; sums to one."""
    box: Float[np.ndarray, "2 3"]
    """Lowest and highest corner in the world [m]."""
    feature: Float32[np.ndarray, "d"]
    """Mean appearance, unit length."""
    attributes: Attributes = field(default_factory=dict)
    """Newest value of each state attribute."""
    settled: frozenset[str] = frozenset()
    """Attributes whose value more than one sighting, or a certain one, speaks for."""
    doubtful: frozenset[str] = frozenset()
    """Attributes whose value was only read off images, by a detector that may err."""
    status: Status = "present"
    placement: Placement | None = None
    place: str | None = None
    """Graph id of the place it is in."""
    room: str | None = None
    """Graph id of the room it is in."""
    first_seen: float
    """Stamp of the first sighting [s]."""
    last_seen: float
    """Stamp of the newest sighting [s]."""
    sightings: int = 1
    """Frames in which it was seen."""
    confidence: float = 1.0
    """Belief that it exists and is where `box` says, 0..1."""

    @property
    def position(self) -> Float[np.ndarray, "3"]:
        """Centre of the box [m]."""
        return self.box.mean(axis=0)

    @property
    def size(self) -> Float[np.ndarray, "3"]:
        """Edge lengths of the box [m]."""
        return self.box[1] - self.box[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Where one object was at a time, and how that is known."""

    object_id: str
    stamp: float
    """When it was seen [s]; not later than the time that was asked for."""
    box: Float[np.ndarray, "2 3"]
    status: Status
    placement: Placement | None
    room: str | None
    frame: int
    """Number of the percept that showed it, in order of writing."""
    age: float
    """Time asked for minus `stamp` [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """What one percept changed."""

    stamp: float
    ids: tuple[str, ...]
    """Memory's object id for each detection; "" where a detection was too weak to keep."""
    appeared: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    evicted: tuple[str, ...] = ()
