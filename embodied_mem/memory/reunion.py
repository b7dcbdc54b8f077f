"""Late recognition: a thing met at its new place before its old one was found empty.

Until the old place is looked at, what stands at the new one may be another thing of the kind, and
is remembered as one. When the old place turns out to be empty, and there is no doubt who went
where, the two become one again and the first id stays.
"""

import numpy as np

from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.observation import Observation

_STEADY = 1.2
"""Things with a longer edge do not wander [m]."""
_GROWTH = 2.0
"""Edges of one thing, seen twice, differ by less than this factor ..."""
_SLACK = 0.05
"""... or by less than this [m]."""


def reunite(buffer: ObjectBuffer, seen: Observation) -> None:
    """Join what has just turned out to be gone with what appeared elsewhere since.

    Args:
        buffer: What is known.
        seen: What the newest percept changed; brought up to date.
    """
    for name in list(seen.gone):
        old = buffer.entries.get(name)
        if old is None:
            continue
        young = [entry for entry in buffer.labelled(old.label) if _may_be(buffer, old, entry)]
        if len(young) != 1 or _rivals(buffer, old, young[0]):
            continue
        (new,) = young
        _take_over(old, new)
        buffer.merge(old, new)
        seen.merged.append(new.object_id)
        seen.gone.remove(name)
        seen.moved.append(name)
        seen.ids = [name if known == new.object_id else known for known in seen.ids]
        for names in (seen.appeared, seen.moved):
            names[:] = [known for known in names if known != new.object_id]


def _may_be(buffer: ObjectBuffer, old: Entry, new: Entry) -> bool:
    """Tell whether one object may be another one that is gone, seen since at a new place."""
    if new is old or new.status not in {"present", "moved"} or new.first_seen <= old.last_seen:
        return False
    sizes = [np.sort(box[1] - box[0]) for box in (buffer.box(old), buffer.box(new))]
    if not np.isfinite(sizes).all() or max(s[-1] for s in sizes) > _STEADY:
        return False
    if (np.abs(sizes[0] - sizes[1]) > np.maximum(_SLACK, (_GROWTH - 1) * np.minimum(*sizes))).any():
        return False
    features = buffer.feature(old), buffer.feature(new)
    return not features[0].any() or float(features[0] @ features[1]) >= (
        buffer.config.min_cosine_moved
    )


def _rivals(buffer: ObjectBuffer, old: Entry, new: Entry) -> bool:
    """Tell whether something else that is gone may be the new object as well."""
    return any(
        entry is not old and entry.status == "gone" and _may_be(buffer, entry, new)
        for entry in buffer.labelled(old.label)
    )


def _take_over(old: Entry, new: Entry) -> None:
    """Give an object the place and the shape of another."""
    old.keys, old.level, old.bounds = new.keys, new.level, new.bounds.copy()
    old.placement, old.place, old.room = new.placement, new.place, new.room
    old.nearest, old.whole, old.released = new.nearest, new.whole, None
    old.status, old.misses, old.belief = "moved", 0.0, new.belief
