"""How one percept changes the object buffer: recognise, refute, find again, add."""

from dataclasses import dataclass, field

from embodied_mem.goals import fold
from embodied_mem.memory import absence, contents, duplicates, hand, matching, sighted
from embodied_mem.memory.detections import Detections
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.records import NAMELESS
from embodied_mem.types import Percept

_ALIKE = 0.9
"""How much a part must look like the whole where neither has a name."""


@dataclass(slots=True)
class Observation:
    """What became of each detection, and of the objects that should have been seen."""

    ids: list[str]
    """Object of each detection; "" for none."""
    appeared: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    """Ids that turned out to be another object's and are now its aliases, or of nothing."""


def observe(buffer: ObjectBuffer, percept: Percept, frame: int, noise: float) -> Observation:
    """Bring the buffer up to date with one percept.

    Args:
        buffer: What is known.
        percept: The percept.
        frame: Its number.
        noise: Standard deviation of its depth at 1 m [m].
    """
    detections = Detections(percept, buffer.config.voxel, noise)
    result = Observation(ids=[""] * len(detections))
    if len(buffer) and not len(buffer.views):
        buffer.views.whole = False  # What showed these objects is not known.
    seen: dict[int, Entry] = {}

    def free(*, placed: bool = True) -> list[int]:
        unknown = [i for i, name in enumerate(result.ids) if not name]
        return [i for i in unknown if detections.placed[i] == placed]

    for index, entry in matching.match_in_hand(buffer, detections).items():
        result.ids[index] = entry.object_id
        sighted.confirm(buffer, entry, detections, index, frame)
        buffer.set_box(entry, detections.boxes[index])
    for index, name in hand.scraps(buffer, percept, result.ids).items():
        result.ids[index] = name
    for index, entry in matching.match_in_place(buffer, detections, free()).items():
        result.ids[index] = entry.object_id
        sighted.see_in_place(buffer, entry, detections, index, frame)
        seen[index] = entry
    for index, entry in matching.match_unplaced(buffer, detections, free(placed=False)).items():
        result.ids[index] = entry.object_id
        sighted.confirm(buffer, entry, detections, index, frame)
    refuted = _look_for_the_rest(buffer, percept, detections, seen, result, frame)
    for index, entry in _fragments(buffer, detections, free(), list(seen.values())).items():
        result.ids[index] = entry.object_id
    for index, entry in matching.match_elsewhere(buffer, detections, free(), refuted).items():
        result.ids[index] = entry.object_id
        seen[index] = entry
        inside, before = contents.follow(buffer, entry), buffer.box(entry).copy()
        if sighted.move(buffer, entry, detections, index, frame):
            result.moved += [entry.object_id, *contents.travel(buffer, inside, before, entry)]
    _settle_gone(buffer, seen, refuted, result)
    _join_duplicates(buffer, list(seen.values()), result)
    _find_what_was_put_down(buffer, list(seen.values()), result)
    has_depth = percept.frame.depth is not None  # Then what has no place is a glimpse, no object.
    for index in free() if has_depth else [i for i, name in enumerate(result.ids) if not name]:
        entry = sighted.begin(buffer, detections, index, frame)
        if entry is not None:
            result.ids[index] = entry.object_id
            result.appeared.append(entry.object_id)
    buffer.views.add(percept.frame)
    return result


def _fragments(
    buffer: ObjectBuffer, detections: Detections, free: list[int], seen: list[Entry]
) -> dict[int, Entry]:
    """Return the detections that are a part of an object which another detection shows.

    Without names a part must look like the whole: a cup on a shelf lies inside its box too.
    """
    labels, features = detections.percept.labels, detections.percept.features
    nameless = [index for index in free if fold(labels[index]) in NAMELESS]
    named = sorted(set(free) - set(nameless))
    found = matching.fragments(buffer, detections, named, seen)
    for index in nameless:
        alike = [e for e in seen if float(buffer.feature(e) @ features[index]) >= _ALIKE]
        found |= matching.fragments(buffer, detections, [index], alike)
    return found


def _look_for_the_rest(
    buffer: ObjectBuffer,
    percept: Percept,
    detections: Detections,
    seen: dict[int, Entry],
    result: Observation,
    frame: int,
) -> set[str]:
    """Weigh the depth against what is not detected; return the objects it speaks against."""
    view = absence.depth_view(buffer, percept)
    if view is None:
        return set()
    refuted, gone, errors = absence.refute(
        buffer, view, detections.owner, set(result.ids), percept.frame.stamp
    )
    result.gone += gone
    if frame % absence.PASSING == 0:
        errors += absence.passed_by(buffer, view, {*result.ids, *refuted, *errors})
    result.merged += errors
    for name in errors:
        buffer.forget(buffer.entries[name])
    absence.carve(buffer, view, detections, seen)
    return refuted


def _settle_gone(
    buffer: ObjectBuffer, seen: dict[int, Entry], refuted: set[str], result: Observation
) -> None:
    """Take what vanished for what was found elsewhere before, or for an error if hardly seen.

    What was found elsewhere is half of the evidence that it is not in its old place.
    """
    gone = [buffer[name] for name in result.gone if buffer[name].status == "gone"]
    needed = buffer.config.refutations_to_gone
    doubted = [
        entry
        for name in sorted(refuted)
        if (entry := buffer[name]).misses >= needed / 2 and entry.is_confirmed
    ]
    found = matching.moved_before(buffer, doubted)
    for old, new in found:
        _take_for(buffer, old, new, result)
        seen.update({index: old for index, entry in seen.items() if entry is new})
    for entry in gone:
        if not entry.is_confirmed:
            buffer.forget(entry)
            result.merged.append(entry.object_id)
    result.gone[:] = [name for name in result.gone if name in buffer.entries
                      and buffer[name].status == "gone"]  # fmt: skip
    for name in tuple(result.gone):
        result.gone += contents.vanish(buffer, contents.of(buffer, buffer[name]))


def _take_for(buffer: ObjectBuffer, old: Entry, new: Entry, result: Observation) -> None:
    """Let a known object be the one that was found elsewhere, with all that lies in it."""
    inside = [thing for thing in contents.follow(buffer, old) if thing is not new]
    before = buffer.box(old).copy()
    buffer.follow(old, new)
    result.moved += contents.travel(buffer, inside, before, old)
    result.merged.append(new.object_id)
    result.ids = [old.object_id if name == new.object_id else name for name in result.ids]
    for names in (result.moved, result.gone):
        names[:] = [name for name in names if name not in {new.object_id, old.object_id}]
    result.moved.append(old.object_id)


def _find_what_was_put_down(buffer: ObjectBuffer, seen: list[Entry], result: Observation) -> None:
    alive = [entry for entry in seen if entry.object_id in buffer.entries]
    for put, found in duplicates.found_after_release(buffer, alive):
        _take_for(buffer, put, found, result)
        put.released = None


def _join_duplicates(buffer: ObjectBuffer, seen: list[Entry], result: Observation) -> None:
    for kept, dropped in duplicates.duplicates(buffer, seen):
        buffer.merge(kept, dropped)
        result.merged.append(dropped.object_id)
        result.ids = [kept.object_id if name == dropped.object_id else name for name in result.ids]
        for names in (result.moved, result.gone):
            names[:] = [name for name in names if name != dropped.object_id]
