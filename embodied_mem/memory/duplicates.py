"""Objects that turn out to be one, after they were met apart."""

import numpy as np

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.association import box_gap, box_iou, gate, inside_box
from embodied_mem.memory.matching import DOUBTED, DROPPED, RELEASED, WITHIN, last_place
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.records import NAMELESS

_LITTLE_KNOWN = 2
"""Things seen in no more frames may be others under a wrong label."""


def duplicates(buffer: ObjectBuffer, seen: list[Entry]) -> list[tuple[Entry, Entry]]:
    """Return pairs (kept, dropped) of objects that fill the same space.

    They come from pieces seen apart, before a view showed that they are one, and from wrong labels.

    Args:
        buffer: What is known.
        seen: Objects that this frame shows; two of them are two.
    """
    names = {entry.object_id for entry in seen}
    boxes = np.array([buffer.box(entry) for entry in seen]).reshape(-1, 2, 3)
    rows, columns = gate(boxes, buffer.boxes, 0.0)
    found: dict[str, tuple[Entry, Entry]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        one, other = seen[row], buffer.rows[column]
        if other is None or other.object_id in names or other.status not in {"present", "moved"}:
            continue
        if not _is_one_body(buffer, one, other):
            continue
        kept, dropped = (one, other) if one.sightings >= other.sightings else (other, one)
        if not {kept.object_id, dropped.object_id} & found.keys():
            found[dropped.object_id] = (kept, dropped)
    return list(found.values())


def found_after_release(buffer: ObjectBuffer, seen: list[Entry]) -> list[tuple[Entry, Entry]]:
    """Return pairs (put down, found): what the hand let go was met anew, under a wrong label first.

    The thing found was never seen before, lies where the other was put, and has its label by now.
    """
    pairs: dict[str, tuple[Entry, Entry]] = {}
    for found in seen:
        for put in buffer.labelled(found.label):
            if put is found or put.released is None or found.first_seen < put.released:
                continue
            reach = RELEASED if put.placement is not None else DROPPED
            if box_gap(last_place(buffer, put), buffer.box(found)) >= reach:
                continue
            known = pairs.get(put.object_id)
            if known is None or _likeness(buffer, put, found) > _likeness(buffer, *known):
                pairs[put.object_id] = put, found
    taken: dict[str, tuple[Entry, Entry]] = {}
    for put, found in pairs.values():
        taken.setdefault(found.object_id, (put, found))
    return list(taken.values())


def _likeness(buffer: ObjectBuffer, one: Entry, other: Entry) -> float:
    return float(buffer.feature(one) @ buffer.feature(other))


def _is_one_body(buffer: ObjectBuffer, one: Entry, other: Entry) -> bool:
    """Tell whether two objects are one: bodies do not share their space.

    Under different labels one of them must be little known: things that lie in one another, as a
    basin in its sink, are seen side by side before long.
    """
    config = buffer.config.association
    iou = float(box_iou(buffer.box(one)[None], buffer.box(other)[None])[0])
    same = one.label == other.label and fold(one.label) not in NAMELESS
    if same and _coincide(buffer, one, other):
        return True
    if same:
        inside = inside_box(buffer.box(one), buffer.box(other))
        doubtful = other.misses >= DOUBTED or _is_little_known(one, other)
        return iou >= config.min_iou_relabelled or (doubtful and inside >= WITHIN)
    alike = float(buffer.feature(one) @ buffer.feature(other)) >= config.min_cosine_body
    return iou >= config.min_iou_relabelled and alike and _is_little_known(one, other)


def _is_little_known(one: Entry, other: Entry) -> bool:
    """Tell whether one of two objects was seen much less often than the other."""
    few, many = sorted((one.sightings, other.sightings))
    return few <= max(_LITTLE_KNOWN, many // 4)


def _coincide(buffer: ObjectBuffer, one: Entry, other: Entry) -> bool:
    """Tell whether most voxels of one object are voxels of the other."""
    level = max(one.level, other.level)
    a, b = (buffer.coarser(entry, level) for entry in (one, other))
    return max(voxels.share_inside(a, b), voxels.share_inside(b, a)) >= 0.5
