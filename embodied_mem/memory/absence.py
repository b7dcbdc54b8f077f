"""Negative evidence: what should be seen and is not, or is seen through."""

import numpy as np
from jaxtyping import Bool, Float, Int8, Int32, Int64

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.detections import Detections
from embodied_mem.memory.evidence import AGREES, HIDDEN, THROUGH, DepthView
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.sighted import FIXED
from embodied_mem.types import Percept

_SAMPLE = 64
"""Voxels of an object that are looked for when it is not detected."""
_FLAT = 0.06
"""Depth does not tell thinner things from what they lie on or hang on [m]."""
_UNSEEN = 0.34
"""Weight of a frame that should show something flat and does not."""
_THERE = -1.0
"""What is said where depth shows something that is not detected."""
_LEVEL = -0.5
"""What is said of something thin in a frame that shows it too small, or nothing at all there."""
_BEHIND, _BEHIND_GROWTH = 0.03, 0.004
"""Depth that lies so far behind an object's surface [m], growing with the range squared [1/m]."""
_MIN_TOLD = 6
"""Points that must tell."""
_FURNITURE = 1.2
"""Things with a longer edge seldom move [m]."""
_PORTABLE = 0.8
"""Things with a shorter edge are moved often [m]."""
_PLAIN = 8.0
"""Larger ones are seldom missed [px]."""
_WATCHED = 5.0
"""What was seen so lately was hardly moved meanwhile [s]."""
_STALE = 2 / 3
"""Share of the evidence that is enough against what may have been moved meanwhile."""
_MOST_OVERLOOKED = 20
"""Frames that show something in an object's place and do not detect it; more, and it was an error.
A frame that detects it makes up for four, so that one detection in five is enough to stay."""
PASSING = 10
"""Of so many frames, one is asked which objects it passes by."""
_DISTINCT = 5.0
"""Smaller objects may be missed beside others [px]."""


def depth_view(buffer: ObjectBuffer, percept: Percept) -> DepthView | None:
    """Return the percept's depth for asking, where it has depth, camera and pose."""
    frame = percept.frame
    if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
        return None
    pose = frame.T_world_camera.inv().as_matrix()
    return DepthView(frame.depth, frame.camera, pose, buffer.config.evidence)


def refute(
    buffer: ObjectBuffer,
    view: DepthView,
    owner: Int32[np.ndarray, "h w"],
    seen: set[str],
    stamp: float,
) -> tuple[set[str], list[str], list[str]]:
    """Count this frame against the objects that it should show and does not.

    Args:
        buffer: What is known.
        view: The frame's depth.
        owner: The detection that each pixel belongs to; 0 for none.
        seen: Objects that were detected.
        stamp: When the view was [s].

    Returns:
        Objects that this frame speaks against, those of them that count as gone now, and those
        that never were: something is in their place, but it is hardly ever detected as them.
    """
    if not len(buffer):
        return set(), [], []
    candidates = _expected(buffer, view, seen)
    refuted: set[str] = set()
    gone: list[str] = []
    errors: list[str] = []
    for level in {entry.level for entry in candidates}:
        group = [entry for entry in candidates if entry.level == level]
        against = _weigh(buffer, view, owner, group, buffer.config.voxel * 2**level)
        for number in np.flatnonzero(against).tolist():
            entry = group[number]
            if against[number] > 0:
                refuted.add(entry.object_id)
                _miss(buffer, entry, float(against[number]), gone, stamp)
            elif entry.status != "gone" and _is_error(buffer, entry, view, float(against[number])):
                errors.append(entry.object_id)
    return refuted, gone, errors


def passed_by(buffer: ObjectBuffer, view: DepthView, seen: set[str]) -> list[str]:
    """Count the objects whose surroundings are seen from near while they are not.

    Old places of small things can often not be refuted: what hides them is beside them. What lies
    in something may be hidden for long, and is not counted. Called for every `PASSING`th frame.

    Returns:
        Those that were passed by too often, which were errors or are there no more.
    """
    unseen = [
        entry
        for entry in _expected(buffer, view, seen)
        if (entry.placement is None or entry.placement.relation != "in") and entry.status != "gone"
    ]
    if not unseen:
        return []
    centers = buffer.centers[[entry.row for entry in unseen]]
    passed = [unseen[number] for number in np.flatnonzero(view.beside(centers)).tolist()]
    for entry in passed:
        entry.overlooked += 1
        buffer.touch(entry)
    return [entry.object_id for entry in passed if entry.overlooked > _MOST_OVERLOOKED]


def carve(
    buffer: ObjectBuffer, view: DepthView, detections: Detections, seen: dict[int, Entry]
) -> None:
    """Remove voxels of seen objects that are not theirs: a door that swung, a mask that spilt.

    Such a voxel is seen through, or depth is there but outside the object's mask.
    """
    entries, index_of = list(seen.values()), {e.object_id: i for i, e in seen.items()}
    for level in {entry.level for entry in entries}:
        group = [entry for entry in entries if entry.level == level and len(entry.keys)]
        if not group:
            continue
        size = buffer.config.voxel * 2**level
        keys = np.concatenate([entry.keys for entry in group])
        verdicts, pixels = view.judge(voxels.decode(keys, size), size)
        counts = [len(entry.keys) for entry in group]
        numbers = np.repeat([index_of[entry.object_id] for entry in group], counts)
        foreign = (verdicts == AGREES) & ~detections.is_about(pixels, numbers)
        wrong = np.split((verdicts == THROUGH) | foreign, np.cumsum(counts)[:-1])
        for entry, remove in zip(group, wrong, strict=True):
            if remove.any() and not remove.all():
                buffer.set_voxels(entry, entry.keys[~remove])


def _expected(buffer: ObjectBuffer, view: DepthView, seen: set[str]) -> list[Entry]:
    """Return the objects believed to be in the judged part of the view, but for those seen.

    What is gone is looked for until that is certain.
    """
    certain = buffer.config.refutations_to_gone
    rows = view.in_sight(buffer.centers, buffer.radii)
    return [
        entry
        for row in rows
        if (entry := buffer.rows[row]) is not None
        and entry.object_id not in seen
        and (
            entry.status in {"present", "moved"}
            or (entry.status == "gone" and 0 < entry.misses < certain)
        )
        and len(entry.keys)
    ]


def _weigh(
    buffer: ObjectBuffer,
    view: DepthView,
    owner: Int32[np.ndarray, "h w"],
    group: list[Entry],
    size: float,
) -> Float[np.ndarray, "m"]:
    """Weigh what a view says of objects that it does not show.

    Args:
        buffer: Gives the objects' boxes.
        view: The depth.
        owner: The detection that each pixel belongs to; 0 for none.
        group: The objects, with voxels of the same edge.
        size: That edge [m].

    Returns:
        For each object 1.0 where it is seen through, 0.5 where its surface now belongs to other
        things (detectors err more often than depth), less where something flat is not detected
        though nothing hides it, -0.5 where it is also small or thin enough for depth to show its
        support instead, -1 where depth says that something is there, 0 where nothing can be told.
    """
    samples = [voxels.thin(entry.keys, _SAMPLE) for entry in group]
    counts = np.array([len(sample) for sample in samples])
    starts, which = np.cumsum(counts) - counts, np.repeat(np.arange(len(group)), counts)
    points = voxels.decode(np.concatenate(samples), size)
    height = points[:, 2]
    low, high = np.minimum.reduceat(height, starts), np.maximum.reduceat(height, starts)
    upper = height >= (low + 0.4 * (high - low))[which]  # Lower down depth is the support's too.
    verdicts, pixels = view.judge(points[upper], size)
    which = which[upper]
    boxes = buffer.boxes[[entry.row for entry in group]]
    across = view.pixels_across(boxes)
    small = across < _DISTINCT
    flat = (boxes[:, 1] - boxes[:, 0]).min(axis=1) < _FLAT
    covered = (owner[pixels[:, 1], pixels[:, 0]] > 0) & ~small[which]

    def count(chosen: Bool[np.ndarray, "k"]) -> Int64[np.ndarray, "m"]:
        return np.bincount(which[chosen], minlength=len(group))

    through, agrees = count(verdicts == THROUGH), count(verdicts == AGREES)
    replaced, total = count((verdicts == AGREES) & covered), np.bincount(which)
    judged = through + agrees + count(verdicts == HIDDEN)
    enough = (judged >= 0.3 * total) & (judged > 0)
    there = np.where((agrees - replaced > 0.5 * total) & ~flat, _THERE, 0.0)
    level = flat & (agrees >= 0.75 * judged) & (agrees >= 0.6 * total)
    plain = _are_plain(view, group, boxes, agrees / np.maximum(total, 1))
    there = np.where(enough & level, np.where(plain, _UNSEEN, _LEVEL), there)
    thin = (boxes[:, 1] - boxes[:, 0]).min(axis=1) < 2 * view.tolerances(boxes, size)
    there = np.where(thin & (there == _THERE), _LEVEL, there)  # Or is it what it lay on?
    missing = np.where(enough & (through + replaced >= 0.75 * judged), 0.5, there)
    # At a thing's outline depth belongs to what is behind it: only large enough ones can be judged.
    judgeable = enough & (judged >= 0.6 * total) & (across >= _PLAIN)
    judgeable &= (boxes[:, 1] - boxes[:, 0]).max(axis=1) < _PORTABLE
    back = _recedes(view, points[upper], pixels, which, verdicts, judgeable)
    seen_through = (enough & (through >= 0.75 * judged)) | back
    return np.where(seen_through, 1.0, missing)


def _recedes(
    view: DepthView,
    points: Float[np.ndarray, "p 3"],
    pixels: Int64[np.ndarray, "p 2"],
    which: Int64[np.ndarray, "p"],
    verdicts: Int8[np.ndarray, "p"],
    judgeable: Bool[np.ndarray, "m"],
) -> Bool[np.ndarray, "m"]:
    """Tell behind which objects' surfaces, on the whole, the depth now lies.

    The median of many points sees what none of them alone does: that a book no longer lies there.

    Args:
        view: The depth.
        points: The objects' surface points [m].
        pixels: Pixel of each.
        which: Object of each.
        verdicts: What was judged of each; hidden points tell nothing.
        judgeable: Which objects to tell of; the others count as there.
    """
    found = np.zeros(len(judgeable), bool)
    told = np.flatnonzero(((verdicts == AGREES) | (verdicts == THROUGH)) & judgeable[which])
    if not len(told):
        return found
    behind, owner = view.recession(points[told], pixels[told]), which[told]
    ranges = view.in_camera(points[told])[:, 2]
    counts = np.bincount(owner, minlength=len(judgeable))
    sums = np.bincount(owner, behind.clip(-0.1, 0.1), minlength=len(judgeable))
    doubtful = np.flatnonzero((counts >= _MIN_TOLD) & (sums > 0))
    least = _BEHIND + _BEHIND_GROWTH * _medians(ranges, owner, counts)[doubtful] ** 2
    found[doubtful] = _medians(behind, owner, counts)[doubtful] > least
    return found


def _medians(
    values: Float[np.ndarray, "p"], owner: Int64[np.ndarray, "p"], counts: Int64[np.ndarray, "m"]
) -> Float[np.ndarray, "m"]:
    """Return the median of each owner's values; of none, what lies beside."""
    ordered = values[np.lexsort((values, owner))]
    starts = np.cumsum(counts) - counts
    last = len(values) - 1
    low, high = starts + np.maximum(counts - 1, 0) // 2, starts + counts // 2
    return (ordered[np.minimum(low, last)] + ordered[np.minimum(high, last)]) / 2


def _are_plain(
    view: DepthView,
    group: list[Entry],
    boxes: Float[np.ndarray, "m 2 3"],
    shown: Float[np.ndarray, "m"],
) -> Bool[np.ndarray, "m"]:
    """Tell which flat things a detector seldom misses, of each of which a share is shown, 0..1.

    What people move is told by the area that it would cover, as it may be long and narrow.
    """
    area = view.silhouettes(boxes) * shown
    wide = view.pixels_across(boxes) >= _PLAIN
    return np.where(_are_movable(group, boxes), area >= _PLAIN**2, wide)


def _are_movable(group: list[Entry], boxes: Float[np.ndarray, "m 2 3"]) -> Bool[np.ndarray, "m"]:
    """Tell which things, with boxes [m], are such as people move about."""
    loose = np.array([fold(entry.label) not in FIXED for entry in group], bool)
    return loose & ((boxes[:, 1] - boxes[:, 0]).max(axis=1) < _PORTABLE)


def _miss(
    buffer: ObjectBuffer, entry: Entry, against: float, gone: list[str], stamp: float
) -> None:
    if not entry.misses:
        entry.doubted = stamp
    entry.misses += against
    entry.belief *= 1 - 0.5 * against
    buffer.touch(entry)
    if entry.misses >= _needed(buffer, entry, stamp) and entry.status != "gone":
        entry.status = "gone"
        gone.append(entry.object_id)


def _is_error(buffer: ObjectBuffer, entry: Entry, view: DepthView, weight: float) -> bool:
    """Count a frame that shows something in an object's place and does not detect it.

    Sums that never fall below zero tell a rate of detections that is too low soonest (Page 1954,
    Continuous inspection schemes); what is small in the image may be missed, and is not counted.
    """
    misses, entry.misses = entry.misses, entry.misses if weight == _LEVEL else 0.0
    counts = view.pixels_of(buffer.box(entry)) >= _DISTINCT**2
    entry.overlooked += counts
    if counts or misses != entry.misses:
        buffer.touch(entry)
    return entry.overlooked > _MOST_OVERLOOKED


def _needed(buffer: ObjectBuffer, entry: Entry, stamp: float) -> float:
    """Return what must speak against an object before it counts as gone.

    More for furniture, less for what was seen once. Less as well for what people move, once it was
    out of sight: that a thing is still there becomes less likely with the time since it was seen
    (Rosen, Mason and Leonard 2016, Towards lifelong feature-based mapping in semi-static
    environments), while hardly anything vanishes as one looks at it.
    """
    needed = buffer.config.refutations_to_gone
    box = buffer.box(entry)
    if float((box[1] - box[0]).max()) > _FURNITURE:
        return 2 * needed
    if not entry.is_confirmed:
        return needed / 2
    stale = stamp - entry.last_seen >= _WATCHED
    return _STALE * needed if stale and _are_movable([entry], box[None])[0] else needed
