"""What memory believes at one moment, as plain values: for reports, and for who has no Memory."""

import base64
from pathlib import Path

import cv2
import msgspec
import numpy as np
from jaxtyping import UInt8

from embodied_mem.errors import StoreError
from embodied_mem.memory import Known, Memory
from embodied_mem.types import AttributeValue


class ObjectBelief(msgspec.Struct, frozen=True, kw_only=True):
    """One object."""

    object_id: str
    label: str
    box: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    """Lowest and highest corner in the world [m]; None where it has no place."""
    status: str
    relation: str = ""
    """`on` or `in`, with `parent`; empty for what stands on the floor."""
    parent: str = ""
    room: str = ""
    attributes: dict[str, AttributeValue] = {}
    first_seen: float = 0.0
    last_seen: float = 0.0
    sightings: int = 1
    confidence: float = 1.0


class GridBelief(msgspec.Struct, frozen=True, kw_only=True):
    """The floor plan."""

    png: str
    """Base64 of a grey PNG: 0 unknown, 1 free, 2 occupied; first row at the lowest y."""
    origin: tuple[float, float]
    """World position of the lower corner of the first cell [m]."""
    resolution: float
    """Edge of a cell [m]."""
    rows: int
    columns: int

    def states(self) -> UInt8[np.ndarray, "r c"]:
        """Return the state of each cell, row along y."""
        data = np.frombuffer(base64.b64decode(self.png), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise StoreError("the floor plan in this record is not a PNG image.")
        return np.asarray(image, np.uint8)


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn of a memory."""

    stamp: float
    """Of the newest percept [s]."""
    objects: tuple[ObjectBelief, ...]
    rooms: dict[str, str] = {}
    """Name of each room by its id."""
    room_spots: dict[str, tuple[float, float]] = {}
    """Middle of the widest free floor of each room [m]: where there is space for its name."""
    grid: GridBelief | None = None


def believe(memory: Memory) -> Belief:
    """Take down what memory believes now."""
    return Belief(
        stamp=float(memory.stamp) if np.isfinite(memory.stamp) else 0.0,
        objects=tuple(_object(known) for known in memory.known()),
        rooms={node.id: node.label or node.id for node in memory.graph.nodes("room")},
        room_spots=_room_spots(memory),
        grid=_grid(memory),
    )


def save_belief(belief: Belief, path: str | Path) -> None:
    """Write a belief as JSON, whole or not at all.

    Raises:
        StoreError: The file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(belief))
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error


def load_belief(path: str | Path) -> Belief:
    """Read what `save_belief` wrote.

    Raises:
        StoreError: The file cannot be read or is something else.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Belief)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}.") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StoreError(f"{path} is not the record of a memory: {error}.") from error


def _object(known: Known) -> ObjectBelief:
    low, high = known.box.round(3).tolist()
    placed = bool(np.isfinite(known.box).all())
    return ObjectBelief(
        object_id=known.object_id,
        label=known.label,
        box=(tuple(low), tuple(high)) if placed else None,
        status=known.status,
        relation=known.placement.relation if known.placement else "",
        parent=known.placement.parent if known.placement else "",
        room=known.room or "",
        attributes=dict(known.attributes),
        first_seen=float(known.first_seen),
        last_seen=float(known.last_seen),
        sightings=known.sightings,
        confidence=float(known.confidence),
    )


def _room_spots(memory: Memory) -> dict[str, tuple[float, float]]:
    labels, free = memory.rooms.labels, memory.occupancy.free
    if labels.shape != free.shape:  # The map has grown since rooms were looked for.
        return {f"room_{n}": (float(x), float(y)) for n, (x, y) in memory.rooms.centers.items()}
    found = {}
    for number in memory.rooms.centers:
        inside = (labels == number) & free
        if not inside.any():
            inside = labels == number
        room = np.pad(inside.astype(np.uint8), 1)
        away = cv2.distanceTransform(room, cv2.DIST_L2, 5)[1:-1, 1:-1]
        row, column = np.unravel_index(int(away.argmax()), away.shape)
        x, y = memory.occupancy.cell_to_world(np.array([column, row]))
        found[f"room_{number}"] = (round(float(x), 3), round(float(y), 3))
    return found


def _grid(memory: Memory) -> GridBelief | None:
    states = memory.occupancy.states
    rows, columns = np.nonzero(states)
    if not len(rows):
        return None
    top, left = int(rows.min()), int(columns.min())
    window = states[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    corner = memory.occupancy.cell_to_world(np.array([[left, top]]))[0]
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(window))
    assert encoded
    half = memory.occupancy.resolution / 2
    return GridBelief(
        png=base64.b64encode(data.tobytes()).decode(),
        origin=(float(corner[0] - half), float(corner[1] - half)),
        resolution=float(memory.occupancy.resolution),
        rows=window.shape[0],
        columns=window.shape[1],
    )
