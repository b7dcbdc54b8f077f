"""What the known objects rest on or lie in, decided anew for those just seen."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.association import gate
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.records import Placement
from embodied_mem.memory.relations import RelationConfig, supports

FLAT = frozenset(
    [
        "armchair",
        "bed",
        "chair",
        "coffeetable",
        "countertop",
        "desk",
        "diningtable",
        "dogbed",
        "doorway",
        "dresser",
        "footstool",
        "ottoman",
        "plate",
        "sidetable",
        "sofa",
        "stool",
        "stoveburner",
        "surface",
        "toilet",
        "tvstand",
    ]
)
"""Labels of what things lie on and not in, although a back or arms rise about them."""


BARE = frozenset(
    [
        "blinds",
        "curtains",
        "faucet",
        "lightswitch",
        "mirror",
        "painting",
        "poster",
        "showercurtain",
        "showerdoor",
        "showerglass",
        "showerhead",
        "stoveknob",
        "television",
        "window",
    ]
)
"""Labels of what nothing lies on or in."""

HOOKS = frozenset(("handtowelholder", "toiletpaperhanger", "towelholder"))
"""Labels of what things hang on."""

_LEAST_BELIEF = 0.5
"""What is believed less carries nothing."""

_GLASS_DOORS = frozenset(("microwave",))
"""Labels of what shows its inside also while it is shut."""


def _holds_nothing(entry: Entry) -> bool:
    """Tell whether what is seen cannot be inside: it is flat by nature, or shut."""
    label = fold(entry.label)
    return label in FLAT or (entry.attributes.get("open") is False and label not in _GLASS_DOORS)


def _may_carry(entry: Entry) -> bool:
    """Tell whether an object is known well enough to carry others."""
    return entry.is_confirmed and entry.belief >= _LEAST_BELIEF


def _surface(buffer: ObjectBuffer, entry: Entry) -> Float[np.ndarray, "k 3"]:
    """Return an object's surface points [m].

    What lies on coarse voxels lies on their upper half: their centres are raised accordingly.
    """
    size = buffer.voxel_size(entry)
    points = voxels.decode(entry.keys, size)
    points[:, 2] += (size - buffer.config.voxel) / 2
    return points


def place_objects(buffer: ObjectBuffer, names: Iterable[str], config: RelationConfig) -> None:
    """Set the placement of some objects from the boxes and voxels of those about them."""
    seen = [name for name in dict.fromkeys(names) if name and buffer[name].status != "held"]
    if not seen:
        return
    children = np.array([buffer[name].row for name in seen], np.int64)
    _, near = gate(buffer.boxes[children], buffer.boxes, config.rest + 0.01)
    asked_rows = set(children.tolist())
    rows = sorted(
        row
        for row in set(near.tolist()) | asked_rows
        if (entry := buffer.rows[row]) is not None
        and entry.status not in {"gone", "held"}
        and (row in asked_rows or _may_carry(entry))
    )
    local = {row: index for index, row in enumerate(rows)}
    surfaces, flat, bare, hooks = {}, set(), set(), set()
    for row, index in local.items():
        entry = buffer.rows[row]
        if entry is not None:
            surfaces[index] = _surface(buffer, entry)
            if _holds_nothing(entry):
                flat.add(index)
            if fold(entry.label) in BARE or not _may_carry(entry):
                bare.add(index)
            elif fold(entry.label) in HOOKS:
                hooks.add(index)
    asked = np.array([local[row] for row in children.tolist() if row in local], np.int64)
    for entry in (buffer[name] for name in seen):
        entry.placement = None
    found = supports(asked, buffer.boxes[rows], surfaces, config, flat=flat, bare=bare, hooks=hooks)
    for support in found:
        child, parent = buffer.rows[rows[support.child]], buffer.rows[rows[support.parent]]
        if child is not None and parent is not None:
            child.placement = Placement(
                relation=support.relation,
                parent=parent.object_id,
                confidence=support.confidence,
            )
