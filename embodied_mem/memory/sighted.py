"""How a sighting changes the object that it shows."""

import math

import numpy as np
from jaxtyping import Float

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.association import box_gap, share_of_box
from embodied_mem.memory.attributes import CERTAIN, fuse
from embodied_mem.memory.detections import Detections
from embodied_mem.memory.object_buffer import NO_BOX, Entry, ObjectBuffer
from embodied_mem.types import Attributes

FIXED = frozenset(
    (
        "armchair", "bathtub", "bathtubbasin", "bed", "blinds", "cabinet", "chair", "coffeetable",
        "countertop", "curtains", "desk", "diningtable", "dishwasher", "doorframe", "doorway",
        "drawer", "dresser", "faucet", "floorlamp", "fridge", "handtowelholder", "lightswitch",
        "microwave", "mirror", "ottoman", "oven", "painting", "poster", "shelf", "shelvingunit",
        "showercurtain", "showerdoor", "showerglass", "showerhead", "sidetable", "sink",
        "sinkbasin", "sofa", "stool", "stoveburner", "stoveknob", "television", "toilet",
        "toiletpaperhanger", "towelholder", "tvstand", "washingmachine", "window",
    )
)  # fmt: skip
"""Labels of what is built in or stands where it stands: it seldom comes or goes."""
BUILT_IN = frozenset(
    (
        "bathtub", "bathtubbasin", "countertop", "doorframe", "doorway", "faucet",
        "handtowelholder", "lightswitch", "showerdoor", "showerglass", "showerhead", "sink",
        "sinkbasin", "stoveburner", "stoveknob", "toilet", "toiletpaperhanger", "towelholder",
        "window",
    )
)  # fmt: skip
"""Those of them that are a part of the house: another one elsewhere is another one."""
_TRUST, _TRUST_SURPRISING = 0.7, 0.25
"""What one sure sighting adds to the belief in a thing, and in one that must be new there."""
_LARGE = 1.0
"""Things with an edge this long are shaped by far sightings too [m]."""
_MAKES_UP = 4
"""Frames that a detection makes up for that overlooked the object."""
_WELL_KNOWN = 100
"""Sightings after which views correct large things too: spilt masks would widen them forever."""
_STRAY = 0.04
"""A view that differs by more is not followed at once [m]."""
_OUTGROWN = 1.4
"""A view that shows an edge so many times longer shows more than the bounds hold."""
_INSIDE = 0.7
"""A box lies in another one with this share of its volume."""
_FAIR = 0.5
"""A first whole view has this share at least of the longest edge of the parts seen before it."""
_LEAST_GAIN = 0.12
"""Share of a correction that is taken over after many sightings."""


def see_in_place(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> None:
    """Grow an object by a sighting at its place.

    Depth errors grow with the range: far sightings do not reshape what was seen from near, and
    what was only seen from far is shaped anew by a whole view from near.
    """
    if (
        entry.status == "gone"
        and share_of_box(detections.boxes[index], buffer.box(entry)) >= _INSIDE
    ):
        entry.status = "present"  # It was there all the time; a view of a part does not reshape it.
    if entry.status == "gone" or entry.released is not None:
        move(buffer, entry, detections, index, frame)
        return
    before, whole = entry.sightings, entry.whole
    confirm(buffer, entry, detections, index, frame)
    box, distance = detections.boxes[index], float(detections.ranges[index])
    shown = not detections.is_partial(index)
    first_whole = shown and not whole and distance <= detections.clear and _is_small(box)
    first_whole &= np.ptp(box, axis=0).max() >= _FAIR * np.ptp(entry.bounds, axis=0).max()
    if (distance < 0.6 * entry.nearest and shown) or first_whole:
        _reshape(buffer, entry, detections, index)
        return
    small = _is_small(box) or _is_small(entry.bounds)
    well_known = before >= _WELL_KNOWN
    if distance > detections.clear and (small or well_known or shown):
        if distance <= 1.6 * entry.nearest and shown:
            _average(buffer, entry, detections, index, before)
        return
    if distance > detections.clear and entry.nearest < 0.6 * distance:
        return  # From far a part of what was seen from near: its depth would stretch it.
    if (small and whole) or well_known:
        if small and shown and _has_outgrown(buffer, entry, box):
            entry.nearest = min(entry.nearest, distance)
            _fill(buffer, entry, detections, index)
            return
        _settle_bounds(buffer, entry, detections, index, before)
        return
    entry.nearest = min(entry.nearest, distance)
    low, high = entry.bounds
    np.fmin(low, box[0], out=low)
    np.fmax(high, box[1], out=high)
    buffer.set_voxels(entry, voxels.union(entry.keys, detections.at_level(index, entry.level)))


def _is_small(box: Float[np.ndarray, "2 3"]) -> bool:
    return not bool((box[1] - box[0]).max() >= _LARGE)  # NaN: small.


def _has_outgrown(buffer: ObjectBuffer, entry: Entry, box: Float[np.ndarray, "2 3"]) -> bool:
    """Widen an object that two whole views in a row show to be a part of something larger.

    What a detector cut in two looks whole too. One larger view may be a mask that spills over; what
    two of them share is the thing's.
    """
    edge, seen = entry.bounds[1] - entry.bounds[0], box[1] - box[0]
    grown = bool((seen > _OUTGROWN * edge + _STRAY).any())
    if not grown or share_of_box(buffer.box(entry), box) < 0.5:
        entry.larger = None
        return False
    before, entry.larger = entry.larger, box.copy()
    if before is None:
        return False
    low, high = np.maximum(before[0], box[0]), np.minimum(before[1], box[1])
    entry.bounds = np.stack((np.minimum(low, entry.bounds[0]), np.maximum(high, entry.bounds[1])))
    return True


def _average(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, sightings: int
) -> None:
    """Blend a far view of a whole thing with earlier far ones: mean place, least size.

    The variance of depth grows with the fourth power of the range, and noise only adds to a size.
    """
    box, distance = detections.boxes[index], float(detections.ranges[index])
    old, new = sightings / entry.nearest**4, 1 / distance**4
    middle = (old * entry.bounds.mean(axis=0) + new * box.mean(axis=0)) / (old + new)
    half = np.minimum(box[1] - box[0], entry.bounds[1] - entry.bounds[0]) / 2
    entry.nearest = min(entry.nearest, distance)
    entry.bounds = np.stack((middle - half, middle + half))
    _fill(buffer, entry, detections, index)


def _settle_bounds(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, sightings: int
) -> None:
    """Let a view correct the bounds of a thing: by its share, and never by much.

    Views of a part only widen them. A mask that spills over takes in what is behind, one that is
    cut leaves a part out. Steps of limited size towards each new view come to rest near the median
    of all views, as stray ones count by their side and not by their size (Robbins and Monro 1951;
    Huber 1964).
    """
    box, distance = detections.boxes[index], float(detections.ranges[index])
    edge = entry.bounds[1] - entry.bounds[0]
    gain = max(1 / (sightings + 1), _LEAST_GAIN) * min(
        1.0, (entry.nearest / max(distance, 1e-3)) ** 2
    )
    limit = np.maximum(_STRAY, edge / 4)
    change = gain * np.clip(box - entry.bounds, -limit, limit)
    if detections.is_partial(index):
        change = np.stack((np.fmin(change[0], 0), np.fmax(change[1], 0)))
    entry.bounds = entry.bounds + change
    entry.nearest = min(entry.nearest, distance)
    _fill(buffer, entry, detections, index)


def _fill(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> None:
    """Add a sighting's voxels within the object's bounds."""
    keys = voxels.union(entry.keys, detections.at_level(index, entry.level))
    if len(keys) == len(entry.keys):  # Nothing new: the box follows the bounds.
        buffer.set_voxels(entry, entry.keys)
        return
    size = buffer.voxel_size(entry)
    centers = voxels.decode(keys, size)
    inside = (centers > entry.bounds[0] - size) & (centers < entry.bounds[1] + size)
    kept = keys[inside.all(axis=1)]
    buffer.set_voxels(entry, kept if len(kept) else keys)


def move(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> bool:
    """Place an object anew by a sighting. Returns whether it is elsewhere than it was."""
    elsewhere = not box_gap(entry.bounds, detections.boxes[index]) <= 0.02  # NaN: elsewhere.
    entry.released = None
    entry.whole = False
    entry.status = "moved" if elsewhere or entry.status in {"moved", "held"} else "present"
    entry.placement = None
    confirm(buffer, entry, detections, index, frame)
    _reshape(buffer, entry, detections, index)
    return elsewhere


def confirm(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> None:
    """Add a sighting's label, appearance, states and time to an object."""
    percept = detections.percept
    score, label = float(percept.scores[index]), percept.labels[index]
    if label in entry.label_weights or not entry.sightings:
        _read_states(entry, percept.attributes[index], score)
    entry.label_weights[label] = entry.label_weights.get(label, 0.0) + max(score, 1e-3)
    best = max(entry.label_weights, key=lambda name: entry.label_weights[name])
    if best != entry.label and entry.label_weights[best] > entry.label_weights[entry.label]:
        buffer.relabel(entry, best)
    feature = percept.features[index]
    if len(feature) and len(feature) == buffer.features.shape[1]:
        weight = min(entry.sightings, 20)
        mean = buffer.features[entry.row] * weight + feature
        buffer.features[entry.row] = mean / max(math.sqrt(mean.dot(mean)), 1e-9)
    entry.last_seen = percept.frame.stamp
    entry.frame = frame
    entry.sightings += 1
    entry.misses, entry.overlooked = 0.0, max(entry.overlooked - _MAKES_UP, 0)
    entry.belief = 1 - (1 - entry.belief) * (1 - entry.trust * min(score, 1.0))
    if detections.pixels[index] > 1.2 * entry.crop_pixels:
        entry.crop_pixels = int(detections.pixels[index])
        entry.crop = detections.crop(index)
    entry.whole = entry.whole or not detections.is_partial(index)
    buffer.touch(entry)
    buffer.reshaped.add(entry.object_id)


def _read_states(entry: Entry, seen: Attributes, score: float) -> None:
    """Add a sighting's states, and note which values rest on doubtful sightings alone."""
    before = {name: entry.attributes.get(name) for name in seen}
    fuse(entry.attributes, entry.strengths, seen, score)
    if score >= CERTAIN:
        entry.doubtful -= seen.keys()
    else:
        entry.doubtful |= {name for name in seen if entry.attributes[name] != before[name]}


def begin(buffer: ObjectBuffer, detections: Detections, index: int, frame: int) -> Entry | None:
    """Start a new object, if the detection is strong enough."""
    percept, config = detections.percept, buffer.config
    if percept.scores[index] < config.min_score or detections.pixels[index] < config.min_pixels:
        return None
    label, stamp = percept.labels[index], percept.frame.stamp
    box: Float[np.ndarray, "2 3"] = detections.boxes[index] if detections.placed[index] else NO_BOX
    entry = Entry(
        object_id=buffer.new_id(label),
        row=-1,
        label=label,
        label_weights={label: 0.0},
        first_seen=stamp,
        last_seen=stamp,
        bounds=box.copy(),
        nearest=float(detections.ranges[index]),
        trust=_TRUST,
    )
    if fold(label) in FIXED and buffer.views.was_seen_empty(box, stamp):
        entry.trust = _TRUST_SURPRISING  # Likelier a piece of something known, or mislabelled.
    buffer.add(entry, box, percept.features[index])
    confirm(buffer, entry, detections, index, frame)
    buffer.set_voxels(entry, detections.keys[index])
    return entry


def _reshape(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> None:
    """Give an object the shape of one sighting."""
    entry.bounds = detections.boxes[index].copy()
    entry.nearest = float(detections.ranges[index])
    entry.level = 0
    buffer.set_voxels(entry, detections.keys[index])
