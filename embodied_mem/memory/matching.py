"""Which detection shows which known object: in the hand, in its place, or elsewhere."""

import numpy as np
from jaxtyping import Bool, Float, Int64

from embodied_mem.goals import fold
from embodied_mem.memory import voxels
from embodied_mem.memory.association import (
    assign,
    box_gap,
    box_iou,
    gate,
    inside_box,
    share_of_box,
)
from embodied_mem.memory.detections import Detections
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.sighted import BUILT_IN, FIXED

_IN_HAND = 1.0
"""The held object is nearer to the camera than this [m]."""
RELEASED = 0.5
"""What the hand put down is found within this distance of the receptacle ..."""
DROPPED = 1.5
"""... or of where the hand was, where that is not known [m]."""
_STEADY = 1.2
"""Things with a longer edge are not recognised far from their place [m]."""
_FAIR_PART = 0.4
"""A part of a thing is this share of its longest edge; what lies on it is less."""
DOUBTED = 0.5
"""What so much speaks against may be seen elsewhere."""
WITHIN = 0.7
"""Share of the smaller box inside the larger one if they are of one thing."""
_VAGUE, _ALIKE = 0.05, 0.8
"""What a view from far is worth that does not tell the shape, and how much it must look alike under
another label."""
_PIECE = 0.5
"""Only things with an edge this long are joined from pieces [m]."""


_NEWEST = 32
"""Of each label so many are looked through for what has vanished elsewhere; the newest."""


def match_in_hand(buffer: ObjectBuffer, detections: Detections) -> dict[int, Entry]:
    """Recognise the held object and what it carries: right before the camera, of the same label."""
    held = [buffer.entries[name] for name in buffer.held]
    pose = detections.percept.frame.T_world_camera
    if not held or pose is None or not len(detections):
        return {}
    near = detections.placed & (detections.ranges < _IN_HAND)
    found: dict[int, Entry] = {}
    for entry in held:
        labels = np.array([_agreement(entry, label) for label in detections.percept.labels])
        if entry.placement is None:  # What the gripper feels is no matter of its label.
            felt = [a.get("held") is True for a in detections.percept.attributes]
            labels = labels + np.array(felt, float)
        match = near & (labels > 0)
        match[list(found)] = False
        if match.any():
            found[int(np.flatnonzero(match)[np.argmax(labels[match])])] = entry
    return found


def match_in_place(
    buffer: ObjectBuffer, detections: Detections, free: list[int]
) -> dict[int, Entry]:
    """Recognise objects where they were last seen (Hungarian method over gated pairs)."""
    rows, columns = gate(detections.boxes[free], buffer.boxes, buffer.config.association.pad)
    if not len(rows):
        return {}
    objects, compact = np.unique(columns, return_inverse=True)
    scores = np.zeros((len(free), len(objects)))
    overlaps = box_iou(detections.boxes[free][rows], buffer.boxes[columns])
    cosines = _cosines(buffer, detections, np.array(free)[rows], columns)
    # Where neither has another candidate it does not matter how well they fit.
    alone = (np.bincount(rows)[rows] == 1) & (np.bincount(compact)[compact] == 1)
    measured = zip(overlaps.tolist(), cosines.tolist(), alone.tolist(), strict=True)
    pairs = zip(rows.tolist(), columns.tolist(), compact.tolist(), measured, strict=True)
    for row, column, slot, known in pairs:
        entry = buffer.rows[column]
        if entry is not None and entry.status != "held":
            scores[row, slot] = _pair_score(buffer, entry, detections, free[row], known)
    found = {}
    for row, slot in assign(scores, scores > 0):
        entry = buffer.rows[objects[slot]]
        assert entry is not None
        found[free[row]] = entry
    return found


def fragments(
    buffer: ObjectBuffer,
    detections: Detections,
    free: list[int],
    seen: list[Entry],
    least: float = 0.6,
) -> dict[int, Entry]:
    """Return the detections that are a part of an object which another detection shows."""
    found = {}
    for index in free:
        label = detections.percept.labels[index]
        for entry in seen:
            if entry.label == label and (
                voxels.share_inside(*_sets(buffer, entry, detections, index)) >= least
                or share_of_box(detections.boxes[index], buffer.box(entry)) >= 0.8
            ):
                found[index] = entry
                break
    return found


def match_elsewhere(
    buffer: ObjectBuffer, detections: Detections, free: list[int], refuted: set[str]
) -> dict[int, Entry]:
    """Recognise vanished and released objects in new places, by label and appearance."""
    lost = [
        entry
        for label in sorted({fold(detections.percept.labels[i]) for i in free})
        if label not in BUILT_IN
        for entry in buffer.labelled(label)
        if entry.status == "gone"
        or entry.misses >= (DOUBTED if entry.object_id in refuted else 2 * DOUBTED)
        or entry.released is not None
    ]
    if not free or not lost:
        return {}
    scores = _moved_scores(buffer, lost, detections, np.array(free))
    certain = buffer.config.refutations_to_gone
    known = np.array(
        [
            entry.released is not None
            or (entry.status == "gone" and not 0 < entry.misses < certain)
            for entry in lost
        ]
    )
    stamp = detections.percept.frame.stamp
    for row in np.flatnonzero((scores[:, ~known] > 0).any(axis=1)).tolist():
        if not buffer.views.was_in_view(detections.boxes[free[row]], stamp):
            scores[row, ~known] = 0.0  # It may have been there all the time: doubt is too little.
    return {free[row]: lost[column] for row, column in assign(scores, scores > 0)}


def _sets(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int
) -> tuple[Int64[np.ndarray, "v"], Int64[np.ndarray, "k"]]:
    """Return the voxels of a detection and of an object at a level that both fill."""
    level = max(entry.level, detections.levels[index])
    return detections.at_level(index, level), buffer.coarser(entry, level)


def _cosines(
    buffer: ObjectBuffer,
    detections: Detections,
    indices: Int64[np.ndarray, "k"],
    rows: Int64[np.ndarray, "k"],
) -> Float[np.ndarray, "k"]:
    """Return the similarity of each pair's appearance; 1 where features say nothing."""
    features = detections.percept.features
    if not features.shape[1] or features.shape[1] != buffer.features.shape[1]:
        return np.ones(len(indices))
    return np.einsum("kd,kd->k", features[indices], buffer.features[rows]).astype(np.float64)


def _agreement(entry: Entry, label: str) -> float:
    """Return the share of an object's evidence that speaks for a label."""
    return entry.label_weights.get(label, 0.0) / (sum(entry.label_weights.values()) or 1.0)


def _pair_score(
    buffer: ObjectBuffer,
    entry: Entry,
    detections: Detections,
    index: int,
    measured: tuple[float, float, bool],
) -> float:
    """Return what it is worth to call a detection this object; 0 where it cannot be.

    Args:
        buffer: What is known.
        entry: The object.
        detections: The detections.
        index: The one compared.
        measured: Overlap and likeness of the two, and whether neither has another candidate: then
            any score above 0 will do.
    """
    config = buffer.config.association
    iou, cosine, alone = measured
    agreement = _agreement(entry, detections.percept.labels[index])
    extra = config.feature_weight * max(cosine, 0.0) + config.label_weight * agreement
    relabelled = agreement < config.min_agreement
    if relabelled:
        inside = _relabelled(buffer, entry, detections, index, (iou, cosine))
        return inside + extra if inside > 0 else 0.0
    if cosine < config.min_cosine:
        return 0.0
    if _is_vague(buffer, entry, detections, index):
        return max(iou, _VAGUE) + extra
    is_enough = alone and iou >= config.min_geometry
    geometry = iou if is_enough else max(iou, _contact(buffer, entry, detections, index))
    if geometry >= config.min_geometry:
        return geometry + extra
    if not entry.whole and _is_piece(buffer, entry, detections, index):
        return 0.1 + extra
    return 0.0


def _relabelled(
    buffer: ObjectBuffer,
    entry: Entry,
    detections: Detections,
    index: int,
    measured: tuple[float, float],
) -> float:
    """Return how far a detection fills an object of another label; 0 where it cannot be that.

    Args:
        buffer: What is known.
        entry: The object.
        detections: The detections.
        index: The one compared.
        measured: Overlap and likeness of the two.
    """
    config = buffer.config.association
    iou, cosine = measured
    if cosine >= config.min_cosine_body:
        body = max(iou, _share_of_body(buffer, entry, detections, index))
        if body >= config.min_iou_relabelled:
            return body
    if cosine >= _ALIKE and _is_vague(buffer, entry, detections, index):
        return max(iou, _VAGUE)
    if cosine < config.min_cosine_relabelled:
        return 0.0
    inside = max(iou, voxels.share_inside(*_sets(buffer, entry, detections, index)))
    return inside if inside >= config.min_geometry_relabelled else 0.0


def _is_vague(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> bool:
    """Tell whether a detection from far may show an object that is in the midst of it.

    Far depth is stretched and stray: its box tells where a thing is, not what shape it has.
    """
    if detections.ranges[index] <= detections.clear:
        return False
    here, known = detections.boxes[index], buffer.box(entry)
    longest = float((here[1] - here[0]).max()), float((known[1] - known[0]).max())
    return max(longest) <= 2 * min(longest) and inside_box(here, known) >= WITHIN


def _contact(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> float:
    """Return the share of a detection's surface at an object's, or the other way round, 0..1."""
    here, known = _sets(buffer, entry, detections, index)
    most = buffer.config.association.sample
    return max(
        voxels.share_near(voxels.thin(here, most), known),
        voxels.share_near(voxels.thin(known, most), here),
    )


def _share_of_body(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> float:
    """Return the share of a detection inside an object of about its extent; 0 for small parts.

    What lies on a thing is much smaller than it; a part of a thing, seen at the image's border, is
    not.
    """
    here, known = detections.boxes[index], buffer.box(entry)
    if not float((here[1] - here[0]).max()) >= _FAIR_PART * float((known[1] - known[0]).max()):
        return 0.0
    share = voxels.share_inside(*_sets(buffer, entry, detections, index))
    return share if share >= 0.6 else 0.0


def _is_piece(buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int) -> bool:
    """Tell whether a detection may be another piece of something wider than any view of it."""
    here, known = detections.boxes[index], buffer.box(entry)
    longest = max(float((here[1] - here[0]).max()), float((known[1] - known[0]).max()))
    if longest < _PIECE or box_gap(here, known) > buffer.config.association.pad:
        return False
    return detections.is_partial(index)


def moved_before(buffer: ObjectBuffer, gone: list[Entry]) -> list[tuple[Entry, Entry]]:
    """Return pairs (gone, found): what vanished was seen elsewhere before its place was.

    The thing found is of the same label, looks and size, and was never seen while the vanished one
    was there. Where several could be it, the most alike is taken.
    """
    doubted = {entry.object_id for entry in gone}
    oldest: dict[str, float] = {}
    for entry in gone:
        oldest[entry.label] = min(entry.last_seen, oldest.get(entry.label, np.inf))
    found = [
        other
        for label in sorted(oldest)
        if fold(label) not in BUILT_IN
        for other in buffer.newest(label, _NEWEST)
        if other.label == label
        and other.first_seen > oldest[label]
        and other.status in {"present", "moved"}
        and other.released is None
        and other.object_id not in doubted
    ]
    if not found:
        return []
    met, left = np.array([f.first_seen for f in found]), np.array([g.last_seen for g in gone])
    numbers = {label: number for number, label in enumerate(oldest)}
    kinds = [np.array([numbers[entry.label] for entry in group]) for group in (gone, found)]
    possible = (met > left[:, None]) & (kinds[0][:, None] == kinds[1])
    scores = _likeness(buffer, gone, found, possible)
    for column in np.flatnonzero((scores > 0).any(axis=0)).tolist():
        other = found[column]
        if not buffer.views.was_in_view(buffer.box(other), other.first_seen):
            scores[:, column] = 0.0  # It may have been there all the time.
    return [(gone[row], found[column]) for row, column in assign(scores, scores > 0)]


def _likeness(
    buffer: ObjectBuffer,
    gone: list[Entry],
    found: list[Entry],
    possible: Bool[np.ndarray, "n m"],
) -> Float[np.ndarray, "n m"]:
    """Return how well each two objects may be one that was moved; 0 where they cannot be."""
    rows, columns = (np.array([entry.row for entry in group]) for group in (gone, found))
    sizes = [
        np.sort(buffer.boxes[group, 1] - buffer.boxes[group, 0], axis=1)
        for group in (rows, columns)
    ]
    one, other = np.nonzero(possible)
    longest = sizes[0][one, -1]
    differ = np.abs(sizes[0][one] - sizes[1][other]).max(axis=1)
    fits = (differ <= 0.08 + 0.35 * longest) & (longest <= _STEADY)
    one, other = one[fits], other[fits]
    alike = np.einsum(
        "kd,kd->k", buffer.features[rows[one]], buffer.features[columns[other]]
    ).astype(np.float64)
    scores = np.zeros(possible.shape)
    scores[one, other] = np.where(alike >= buffer.config.min_cosine_moved, alike, 0.0)
    return scores


def last_place(buffer: ObjectBuffer, entry: Entry) -> Float[np.ndarray, "2 3"]:
    """Return where an object was [m]; for one just put down, the receptacle's box."""
    if entry.released is not None and entry.placement is not None:
        parent = buffer.entries.get(entry.placement.parent)
        if parent is not None:
            return buffer.box(parent)
    return buffer.box(entry)


def match_unplaced(
    buffer: ObjectBuffer, detections: Detections, free: list[int]
) -> dict[int, Entry]:
    """Recognise objects of which no place is known (no depth), by label and appearance."""
    entries = [
        entry
        for label in sorted({fold(detections.percept.labels[i]) for i in free})
        for entry in buffer.labelled(label)
        if np.isnan(buffer.box(entry)).any()
    ]
    if not free or not entries:
        return {}
    scores = np.zeros((len(free), len(entries)))
    rows = np.array([entry.row for entry in entries])
    for number, index in enumerate(free):
        label = detections.percept.labels[index]
        same = np.array([fold(entry.label) == fold(label) for entry in entries])
        cosine = _cosines(buffer, detections, np.full(len(rows), index), rows)
        scores[number] = np.where(
            same & (cosine >= buffer.config.association.min_cosine), cosine, 0
        )
    return {free[row]: entries[column] for row, column in assign(scores, scores > 0)}


def _moved_scores(
    buffer: ObjectBuffer, lost: list[Entry], detections: Detections, free: Int64[np.ndarray, "n"]
) -> Float[np.ndarray, "n m"]:
    """Return what it is worth to call each detection each vanished object; 0 where it cannot be."""
    rows = np.array([entry.row for entry in lost])
    shape = len(free), len(lost)
    pairs = np.indices(shape).reshape(2, -1)
    cosine = _cosines(buffer, detections, free[pairs[0]], rows[pairs[1]]).reshape(shape)
    labels = [detections.percept.labels[index] for index in free]
    same = np.array([[_agreement(entry, label) for entry in lost] for label in labels]) >= 0.5
    here, there = (
        detections.boxes[free][:, None],
        np.array([last_place(buffer, entry) for entry in lost]),
    )
    apart = np.maximum(here[:, :, 0] - there[:, 1], there[:, 0] - here[:, :, 1]).clip(0)
    gap = np.nan_to_num(np.linalg.norm(apart, axis=-1), nan=1e3)
    released = np.array([entry.released is not None for entry in lost])
    reach = np.array([RELEASED if entry.placement is not None else DROPPED for entry in lost])
    own = buffer.boxes[rows]
    steady = (own[:, 1] - own[:, 0]).max(axis=1) > _STEADY
    steady |= np.array([fold(entry.label) in FIXED for entry in lost])
    steady &= ~released
    score = np.where(released, np.where(gap < reach, 2 + cosine, 0.0), cosine + 1 / (1 + gap))
    # What was put into an oven looks otherwise there, and when it comes out.
    config = buffer.config
    alike = np.where(released, config.association.min_cosine, config.min_cosine_moved)
    possible = same & (cosine >= alike) & ~(steady & (gap > 0.5))
    return np.where(possible, score, 0.0)
