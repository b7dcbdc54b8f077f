"""What the agent's own actions say about objects: picked up, put down, opened, sliced."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.attributes import settle
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.records import Placement
from embodied_mem.types import Action, AttributeValue, Frame, Percept

_BESIDE = np.ones((13, 13), np.uint8)
"""What is within 6 px of a mask is beside it."""
_SCRAP, _MOSTLY = 0.5, 0.6
"""A scrap has less than this share of the thing's pixels, and this share of its own beside it."""

_EFFECTS: dict[str, tuple[str, AttributeValue]] = {
    "OpenObject": ("open", True),
    "CloseObject": ("open", False),
    "ToggleObjectOn": ("on", True),
    "ToggleObjectOff": ("on", False),
    "CleanObject": ("dirty", False),
    "DirtyObject": ("dirty", True),
    "CookObject": ("cooked", True),
    "BreakObject": ("broken", True),
    "FillObjectWithLiquid": ("filled", True),
    "EmptyLiquidFromObject": ("filled", False),
    "SliceObject": ("sliced", True),
}
"""States that a successful action on its target brings about."""


def held(buffer: ObjectBuffer) -> Entry | None:
    """Return the object in the hand."""
    for name in buffer.held:
        entry = buffer.entries[name]
        if entry.placement is None:
            return entry
    return None


def carry(buffer: ObjectBuffer, frame: Frame) -> None:
    """Move the held object, and what it carries, along with the camera."""
    if frame.T_world_camera is not None:
        center = frame.T_world_camera.apply(np.array([0.0, 0.15, 0.5]))
    elif frame.T_world_body is not None:
        center = frame.T_world_body.apply(np.array([0.4, 0.0, 1.0]))
    else:
        return
    for name in buffer.held:
        entry = buffer.entries[name]
        buffer.set_box(entry, _box_at(center, _size(buffer, entry)))


def act(
    buffer: ObjectBuffer,
    action: Action,
    target: str | None,
    stamp: float,
    view: Percept | None = None,
) -> None:
    """Bring the buffer up to date with one successful action.

    Args:
        buffer: What is known.
        action: What was done.
        target: The object that it touched, or the receptacle of what was put down.
        stamp: When [s].
        view: What was seen when it was done; tells where the action pointed.
    """
    entry = buffer.entries.get(buffer.aliases.get(target, target)) if target else None
    match action.name:
        case "PickupObject" if entry is not None:
            _take(buffer, entry)
        case "PutObject":
            onto = entry if entry and entry.status != "held" else None
            _release(buffer, stamp, onto, _pointed_at(action, view))
        case "DropHandObject" | "ThrowObject":
            _release(buffer, stamp, None, None)
        case "SliceObject" if entry is not None:
            entry.status = "gone"  # Its pieces are seen as new objects.
    effect = _EFFECTS.get(action.name)
    if entry is not None and effect is not None:
        bring_about(buffer, entry, *effect)


def bring_about(buffer: ObjectBuffer, entry: Entry, name: str, value: AttributeValue) -> None:
    """Take a state as certain that the agent's own doing has brought about."""
    settle(entry.attributes, entry.strengths, name, value)
    entry.doubtful.discard(name)
    buffer.touch(entry)


def notice(buffer: ObjectBuffer, percept: Percept, ids: list[str]) -> None:
    """Believe what perception says of the hand, if memory knows of nothing in it.

    An agent that begins with something in its hand must not take it for an obstacle.

    Args:
        buffer: What is known.
        percept: A detection whose state says `held`, in the percept.
        ids: Object of each detection; "" for none.
    """
    if buffer.held:
        return
    for name, attributes in zip(ids, percept.attributes, strict=True):
        if name and attributes.get("held") is True:
            _take(buffer, buffer.entries[name])
            return


def carried_mask(
    buffer: ObjectBuffer, percept: Percept, ids: list[str]
) -> Bool[np.ndarray, "h w"] | None:
    """Return the pixels that move with the body, a little more than the masks; None for none.

    Args:
        buffer: Knows what is in the hand.
        percept: A detection whose state says `held` counts whatever it was taken for.
        ids: Object of each detection; "" for none.
    """
    carried = [
        index
        for index, name in enumerate(ids)
        if name in buffer.held or percept.attributes[index].get("held") is True
    ]
    if not carried:
        return None
    mask = np.asarray(percept.masks[carried].any(axis=0))
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def scraps(buffer: ObjectBuffer, percept: Percept, ids: list[str]) -> dict[int, str]:
    """Return detections that are scraps of what is in the hand, and which object that is.

    What is near the camera has a wide edge, and a detector may cut it off: small, of the same label
    and beside the thing in the image, and by the depth behind it, on the table as it were.

    Args:
        buffer: Knows what is in the hand.
        percept: The detections.
        ids: Object of each detection; "" where it is not yet known.
    """
    found: dict[int, str] = {}
    for index, name in enumerate(ids):
        if name not in buffer.held:
            continue
        whole = percept.masks[index]
        label, area = fold(percept.labels[index]), int(np.count_nonzero(whole))
        beside = cv2.dilate(whole.astype(np.uint8), _BESIDE) > 0
        for other, mask in enumerate(percept.masks):
            if ids[other] or fold(percept.labels[other]) != label:
                continue
            size = int(np.count_nonzero(mask))
            near = int(np.count_nonzero(mask & beside))
            if size < _SCRAP * area and near >= _MOSTLY * size:
                found[other] = name
    return found


def carried_with(buffer: ObjectBuffer, entry: Entry) -> list[Entry]:
    """Return what is on or in an object, and on or in that."""
    found, frontier = [], [entry.object_id]
    while frontier:
        name = frontier.pop()
        below = [child for child in buffer.children(name) if child not in found]
        found += below
        frontier += [child.object_id for child in below]
    return found


def _take(buffer: ObjectBuffer, entry: Entry) -> None:
    contents = carried_with(buffer, entry)
    for old in [buffer.entries[name] for name in buffer.held]:
        buffer.touch(old)
        old.status = "moved"  # The hand holds one thing; an unseen release is believed.
    buffer.held.clear()
    entry.placement = None
    for thing in (entry, *contents):
        thing.status = "held"
        thing.released = None
        thing.keys, thing.level, thing.misses = voxels.EMPTY, 0, 0.0
        buffer.held[thing.object_id] = None
        buffer.reshaped.add(thing.object_id)
        buffer.touch(thing)
    settle(entry.attributes, entry.strengths, "held", value=True)


def _pointed_at(action: Action, view: Percept | None) -> Float[np.ndarray, "3"] | None:
    """Return the point [m] of the world that an action pointed at, where it did."""
    x, y = action.arguments.get("x"), action.arguments.get("y")
    if view is None or not isinstance(x, float) or not isinstance(y, float):
        return None
    frame = view.frame
    if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
        return None
    height, width = frame.depth.shape
    column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
    depth, camera = float(frame.depth[row, column]), frame.camera
    ray = np.array([(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1])
    return frame.T_world_camera.apply(ray * depth) if np.isfinite(depth) and depth > 0 else None


def _release(
    buffer: ObjectBuffer,
    stamp: float,
    receptacle: Entry | None,
    point: Float[np.ndarray, "3"] | None,
) -> None:
    """Let go of what is held: it lies near the point [m] of the receptacle that was pointed at."""
    for name in buffer.held:
        entry = buffer.entries[name]
        entry.status, entry.released = "moved", stamp
        if entry.placement is None:
            settle(entry.attributes, entry.strengths, "held", value=False)
            if receptacle is not None:
                box = buffer.box(receptacle)
                top = np.array([*box.mean(axis=0)[:2], box[1, 2]])
                inside = receptacle.attributes.get("open") is True
                up = np.array([0, 0, _size(buffer, entry)[2] / 2])
                center = box.mean(axis=0) if inside else top + up
                if (
                    point is not None
                    and (np.abs(point - box.mean(axis=0)) <= np.ptp(box, axis=0)).all()
                ):
                    center = point + up
                buffer.set_box(entry, _box_at(center, _size(buffer, entry)))
                entry.placement = Placement(
                    relation="in" if inside else "on", parent=receptacle.object_id, confidence=0.8
                )
        else:
            parent = buffer.entries[entry.placement.parent]
            buffer.set_box(entry, _box_at(buffer.box(parent).mean(axis=0), _size(buffer, entry)))
        entry.bounds = buffer.box(entry).copy()
        buffer.touch(entry)
    buffer.held.clear()


def _size(buffer: ObjectBuffer, entry: Entry) -> Float[np.ndarray, "3"]:
    box = buffer.box(entry)
    size = box[1] - box[0]
    return size if np.isfinite(size).all() else np.full(3, 0.1)


def _box_at(
    center: Float[np.ndarray, "3"], size: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "2 3"]:
    return np.stack((center - size / 2, center + size / 2))
