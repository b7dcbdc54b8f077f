"""What is in or on a portable thing goes where it goes, also when nobody looks.

Small contents can seldom be looked for in their old place: what stood around them is gone, and so
is what hid them. Where the bowl is gone the apple is gone too, and whoever then finds the bowl on
another table takes it that the apple is in it. What was seen in its place after the vessel stays
there, and what is seen anywhere is where it is seen.
"""

import numpy as np
from jaxtyping import Float

from embodied_mem.memory import voxels
from embodied_mem.memory.hand import carried_with
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer

_ASSUMED = 0.6
"""What is left of the belief in a thing that is taken to have gone along, unseen."""
_PORTABLE = 0.8
"""Things with a longer edge are not carried off with what is on them [m]."""


def of(buffer: ObjectBuffer, vessel: Entry) -> list[Entry]:
    """Return what goes along with a thing: on or in it, and not seen since it was.

    What the agent itself carried and put down is followed by its deeds, see `hand`.
    """
    box = buffer.box(vessel)
    if vessel.released is not None or not (box[1] - box[0]).max() <= _PORTABLE:
        return []
    return [
        thing
        for thing in carried_with(buffer, vessel)
        if thing.status in {"present", "moved"} and _went_along(thing, vessel)
    ]


def follow(buffer: ObjectBuffer, vessel: Entry) -> list[Entry]:
    """Return what goes along with a thing that is found elsewhere: only if it is surely the one.

    One that was no more than doubted in its old place may be another, and its contents still there.
    """
    if vessel.status != "gone" or vessel.released is not None:
        return []
    return [
        thing
        for thing in buffer.entries.values()
        if thing.placement is not None
        and thing.placement.parent == vessel.object_id
        and thing.status != "held"
        and _went_along(thing, vessel)
    ]


def _went_along(thing: Entry, vessel: Entry) -> bool:
    """Tell whether a thing was seen no later than its vessel may still have been there.

    Frames that overlook the vessel beside its contents do not part them.
    """
    if thing.last_seen <= vessel.last_seen:
        return True
    return vessel.misses > 0 and vessel.doubted is not None and thing.last_seen < vessel.doubted


def travel(
    buffer: ObjectBuffer, things: list[Entry], before: Float[np.ndarray, "2 3"], vessel: Entry
) -> list[str]:
    """Move things along with their vessel, which was in a box before [m]. Returns their ids."""
    shift = buffer.box(vessel).mean(axis=0) - before.mean(axis=0)
    if not np.isfinite(shift).all():
        return []
    for thing in things:
        size = buffer.voxel_size(thing)
        thing.status, thing.misses = "moved", 0.0
        thing.belief *= _ASSUMED
        thing.bounds = thing.bounds + shift
        keys = voxels.encode(voxels.decode(thing.keys, size) + shift, size)
        if len(keys):
            buffer.set_voxels(thing, keys)
        else:
            buffer.set_box(thing, buffer.box(thing) + shift)
    return [thing.object_id for thing in things]


def vanish(buffer: ObjectBuffer, things: list[Entry]) -> list[str]:
    """Let things be gone with their vessel. Returns their ids."""
    for thing in things:
        thing.status = "gone"
        buffer.touch(thing)
    return [thing.object_id for thing in things]
