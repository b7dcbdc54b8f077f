"""The rows of a store, and how objects become rows and back."""

from dataclasses import dataclass, field

import msgspec
import numpy as np

from embodied_mem.memory.episodes import Numbered
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.records import Placement, Sighting, Status
from embodied_mem.memory.tensors import Fields
from embodied_mem.types import AttributeValue


class ObjectRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One object, without its tensors."""

    label: str
    label_weights: dict[str, float]
    box: list[float | None]
    bounds: list[float | None]
    attributes: dict[str, AttributeValue] = {}
    strengths: dict[str, int] = {}
    status: Status = "present"
    placement: Placement | None = None
    place: str | None = None
    room: str | None = None
    first_seen: float
    last_seen: float
    frame: int
    sightings: int
    belief: float
    misses: float = 0.0
    doubted: float | None = None
    overlooked: int = 0
    nearest: float | None = None
    released: float | None = None
    whole: bool = False
    level: int = 0
    crop_pixels: int = 0
    changed_at: float | None = None


class State(msgspec.Struct, kw_only=True):
    """What the memory is besides its objects."""

    frame: int = 0
    stamp: float = 0.0
    counters: dict[str, int] = {}
    held: list[str] = []
    aliases: dict[str, str] = {}
    next_room: int = 1
    session: int = 0


@dataclass(slots=True, kw_only=True)
class Change:
    """One transaction: everything that differs since the last."""

    state: State
    clear: bool = False
    """Forget everything that is stored before the rest is written."""
    objects: dict[str, bytes] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    tensors: dict[str, Fields] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)
    nodes: dict[str, bytes | None] = field(default_factory=dict)
    """None: removed."""
    edges: dict[tuple[str, str, str], bytes | None] = field(default_factory=dict)
    habits: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    """By label and receptacle; None: forgotten."""
    frame: tuple[int, float, bytes] | None = None
    """Number, stamp [s] and pose of the percept."""
    experience: list[Numbered] = field(default_factory=list)
    oldest_experience: int = 0
    """Episodes with smaller numbers are forgotten."""
    action: tuple[float, str, bytes, str, bool] | None = None
    """Stamp [s], name, arguments as JSON, target's id or "", whether it succeeded."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ObjectRow)


def object_row(buffer: ObjectBuffer, entry: Entry, changed_at: float | None) -> bytes:
    """Write one object as a row."""
    return _encoder.encode(
        ObjectRow(
            label=entry.label,
            label_weights=entry.label_weights,
            box=buffer.box(entry).ravel().tolist(),  # JSON has no NaN: it becomes null.
            bounds=entry.bounds.ravel().tolist(),
            attributes=entry.attributes,
            strengths=entry.strengths,
            status=entry.status,
            placement=entry.placement,
            place=entry.place,
            room=entry.room,
            first_seen=entry.first_seen,
            last_seen=entry.last_seen,
            frame=entry.frame,
            sightings=entry.sightings,
            belief=entry.belief,
            misses=entry.misses,
            doubted=entry.doubted,
            overlooked=entry.overlooked,
            nearest=entry.nearest if np.isfinite(entry.nearest) else None,
            released=entry.released,
            whole=entry.whole,
            level=entry.level,
            crop_pixels=entry.crop_pixels,
            changed_at=changed_at,
        )
    )


def object_tensors(buffer: ObjectBuffer, entry: Entry) -> Fields:
    """Return the tensors of one object."""
    fields = {"feature": buffer.feature(entry), "voxels": entry.keys}
    if entry.crop is not None:
        fields["crop"] = entry.crop
    return fields


def restore_object(
    buffer: ObjectBuffer, object_id: str, record: bytes, tensors: Fields
) -> float | None:
    """Put a stored object into the buffer. Returns when it last changed [s]."""
    row = _decoder.decode(record)
    entry = Entry(
        object_id=object_id,
        row=-1,
        label=row.label,
        label_weights=row.label_weights,
        attributes=row.attributes,
        strengths=row.strengths,
        status=row.status,
        placement=row.placement,
        place=row.place,
        room=row.room,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        frame=row.frame,
        sightings=row.sightings,
        belief=row.belief,
        misses=row.misses,
        doubted=row.doubted,
        overlooked=row.overlooked,
        nearest=np.inf if row.nearest is None else row.nearest,
        released=row.released,
        whole=row.whole,
        bounds=_box(row.bounds),
        keys=tensors["voxels"],
        level=row.level,
        crop=tensors.get("crop"),
        crop_pixels=row.crop_pixels,
    )
    buffer.add(entry, _box(row.box), tensors["feature"])
    return row.changed_at


def _box(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values]).reshape(2, 3)
