"""How one percept changes the object buffer: recognise, refute, find again, add."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int8, Int32, Int64, UInt8

from embodied_mem.memory import voxels
from embodied_mem.memory.association import assign, box_gap, box_iou, gate
from embodied_mem.memory.evidence import AGREES, HIDDEN, THROUGH, DepthView
from embodied_mem.memory.object_buffer import NO_BOX, Entry, ObjectBuffer
from embodied_mem.types import Percept

_POINTS = 2000
"""Points of a detection that are turned into voxels."""
_SAMPLE = 64
"""Voxels of an object that are looked for when it is not detected."""
_RELEASED = 1.0
"""What the hand let go is found within this distance of where it was put [m]."""
_CROP = 64
"""Longest edge of an object's image [px]."""
_DISTINCT = 5.0
"""Smaller objects may be missed beside others [px]."""


@dataclass(slots=True)
class Observation:
    """What became of each detection, and of the objects that should have been seen."""

    ids: list[str]
    appeared: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


class Detections:
    """The detections of one percept, measured for comparison."""

    def __init__(self, percept: Percept, voxel: float):
        self.percept = percept
        self.boxes = np.asarray(percept.boxes, np.float64)
        self.placed = np.asarray(np.isfinite(self.boxes.reshape(-1, 6)).all(axis=1))
        self.keys = [voxels.encode(_spread(points), voxel) for points in percept.points]
        masks = percept.masks
        edges = [masks[:, :2], masks[:, -2:], masks[:, :, :2], masks[:, :, -2:]]
        self.truncated = np.any([edge.any(axis=(1, 2)) for edge in edges], axis=0)
        self.pixels = np.count_nonzero(masks, axis=(1, 2))
        self.owner = np.zeros(percept.frame.rgb.shape[:2], np.int32)
        """Which detection each pixel belongs to, counted from 1; 0 for none."""
        for number, mask in enumerate(masks, start=1):
            self.owner[mask] = number
        self._coarse: dict[tuple[int, int], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.percept)

    def at_level(self, index: int, level: int) -> Int64[np.ndarray, "v"]:
        """Return a detection's voxels at an object's level."""
        if level == 0:
            return self.keys[index]
        if (index, level) not in self._coarse:
            self._coarse[index, level] = voxels.coarsen(self.at_level(index, level - 1))
        return self._coarse[index, level]


def _spread(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "q 3"]:
    """Thin out points, keeping the outermost along each axis."""
    if len(points) <= _POINTS:
        return points
    ends = np.concatenate((points.argmin(axis=0), points.argmax(axis=0)))
    return np.concatenate((points[:: -(-len(points) // _POINTS)], points[ends]))


def observe(buffer: ObjectBuffer, percept: Percept, frame: int) -> Observation:
    """Bring the buffer up to date with one percept."""
    detections = Detections(percept, buffer.config.voxel)
    result = Observation(ids=[""] * len(detections))
    view = depth_view(buffer, percept)
    taken = _match_in_hand(buffer, detections, frame, result)
    taken |= _match_in_place(buffer, detections, frame, result)
    if view is not None:
        refuted = _refute(buffer, view, detections.owner, result)
        seen = [buffer[result.ids[index]] for index in sorted(taken)]
        _carve(buffer, view, [entry for entry in seen if entry.status != "held"])
    else:
        refuted = set()
    taken |= _find_again(buffer, detections, refuted, frame, result)
    result.gone[:] = [name for name in result.gone if buffer[name].status == "gone"]
    for index in range(len(detections)):
        if index not in taken:
            _add(buffer, detections, index, frame, result)
    return result


def depth_view(buffer: ObjectBuffer, percept: Percept) -> DepthView | None:
    """Return the percept's depth for asking, where it has depth, camera and pose."""
    frame = percept.frame
    if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
        return None
    pose = frame.T_world_camera.inv().as_matrix()
    return DepthView(frame.depth, frame.camera, pose, buffer.config.evidence)


def _match_in_hand(
    buffer: ObjectBuffer, detections: Detections, frame: int, result: Observation
) -> set[int]:
    """Recognise the held object and what it carries: right before the camera, of the same label."""
    held = [buffer.entries[name] for name in buffer.held]
    pose = detections.percept.frame.T_world_camera
    if not held or pose is None or not len(detections):
        return set()
    eye = pose.translation
    center = detections.boxes.mean(axis=1)
    near = np.linalg.norm(center - eye, axis=1) < 1.0
    taken: set[int] = set()
    for entry in held:
        labels = np.array([_agreement(entry, label) for label in detections.percept.labels])
        match = near & (labels > 0)
        match[list(taken)] = False
        if match.any():
            index = int(np.flatnonzero(match)[np.argmax(labels[match])])
            taken.add(index)
            result.ids[index] = entry.object_id
            _confirm(buffer, entry, detections, index, frame)
            buffer.set_box(entry, detections.boxes[index])
    return taken


def _match_in_place(
    buffer: ObjectBuffer, detections: Detections, frame: int, result: Observation
) -> set[int]:
    """Recognise objects where they were last seen (Hungarian over gated pairs)."""
    config = buffer.config.association
    free = [i for i in range(len(detections)) if not result.ids[i] and detections.placed[i]]
    if not free or not len(buffer):
        return set()
    rows, columns = gate(detections.boxes[free], buffer.boxes, config.pad)
    if not len(rows):
        return set()
    objects, compact = np.unique(columns, return_inverse=True)
    scores = np.zeros((len(free), len(objects)))
    overlaps = box_iou(detections.boxes[free][rows], buffer.boxes[columns])
    cosines = _cosines(buffer, detections, np.array(free)[rows], columns)
    for row, column, slot, iou, cosine in zip(
        rows, columns, compact, overlaps, cosines, strict=True
    ):
        entry = buffer.rows[column]
        assert entry is not None
        if entry.status != "held":
            scores[row, slot] = _pair_score(buffer, entry, detections, free[row], (iou, cosine))
    taken = set()
    for row, slot in assign(scores, scores > 0):
        entry = buffer.rows[objects[slot]]
        assert entry is not None
        result.ids[free[row]] = entry.object_id
        taken.add(free[row])
        _see_in_place(buffer, entry, detections, free[row], frame)
    return taken


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
    measured: tuple[float, float],
) -> float:
    """Return what it is worth to call a detection this object; 0 where it cannot be."""
    config = buffer.config.association
    iou, cosine = measured
    agreement = _agreement(entry, detections.percept.labels[index])
    extra = config.feature_weight * max(cosine, 0.0) + config.label_weight * agreement
    if agreement < 0.2:
        same = iou >= config.min_geometry_relabelled and cosine >= config.min_cosine_relabelled
        return iou + extra if same else 0.0
    if cosine < config.min_cosine:
        return 0.0
    seen = voxels.thin(detections.at_level(index, entry.level), config.sample)
    known = voxels.thin(entry.keys, config.sample)
    geometry = max(
        iou,
        voxels.share_near(seen, entry.keys),
        voxels.share_near(known, detections.at_level(index, entry.level)),
    )
    if geometry >= config.min_geometry:
        return geometry + extra
    pieces = detections.truncated[index] and not entry.whole
    if pieces and box_gap(detections.boxes[index], buffer.box(entry)) <= config.pad:
        return 0.1 + extra  # Two pieces of one thing that is wider than the view.
    return 0.0


def _see_in_place(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> None:
    """Grow an object by a sighting at its place."""
    if entry.status == "gone" or entry.released is not None:
        _move(buffer, entry, detections, index, frame)
        return
    _confirm(buffer, entry, detections, index, frame)
    box = detections.boxes[index]
    entry.bounds = np.stack((np.fmin(entry.bounds[0], box[0]), np.fmax(entry.bounds[1], box[1])))
    buffer.set_voxels(entry, np.union1d(entry.keys, detections.at_level(index, entry.level)))


def _move(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> bool:
    """Place an object anew by a sighting. Returns whether it is elsewhere than it was."""
    before, box = entry.bounds, detections.boxes[index]
    elsewhere = not box_gap(before, box) <= 0.02  # NaN: elsewhere.
    entry.bounds = box.copy()
    entry.level = 0
    entry.released = None
    entry.whole = False
    entry.status = "moved" if elsewhere or entry.status in {"moved", "held"} else "present"
    entry.placement = None
    _confirm(buffer, entry, detections, index, frame)
    buffer.set_voxels(entry, detections.keys[index])
    return elsewhere


def _confirm(
    buffer: ObjectBuffer, entry: Entry, detections: Detections, index: int, frame: int
) -> None:
    """Add a sighting's label, appearance, states and time to an object."""
    percept = detections.percept
    score = float(percept.scores[index])
    label = percept.labels[index]
    entry.label_weights[label] = entry.label_weights.get(label, 0.0) + max(score, 1e-3)
    best = max(entry.label_weights, key=lambda name: entry.label_weights[name])
    if best != entry.label and entry.label_weights[best] > entry.label_weights[entry.label]:
        buffer.relabel(entry, best)
    feature = percept.features[index]
    if len(feature) and len(feature) == buffer.features.shape[1]:
        weight = min(entry.sightings, 20)
        mean = buffer.features[entry.row] * weight + feature
        buffer.features[entry.row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    entry.attributes.update(percept.attributes[index])
    entry.last_seen = percept.frame.stamp
    entry.frame = frame
    entry.sightings += 1
    entry.misses = 0
    entry.belief = 1 - (1 - entry.belief) * (1 - 0.7 * min(score, 1.0))
    if detections.pixels[index] > 1.2 * entry.crop_pixels:
        entry.crop_pixels = int(detections.pixels[index])
        entry.crop = _crop(percept, index)
    entry.whole |= not detections.truncated[index]
    buffer.touch(entry)
    buffer.reshaped.add(entry.object_id)


def _crop(percept: Percept, index: int) -> UInt8[np.ndarray, "r c 3"]:
    """Cut a detection out of the image, at most 64 pixels wide and high."""
    rows = np.flatnonzero(percept.masks[index].any(axis=1))
    columns = np.flatnonzero(percept.masks[index].any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    step = -(-max(len(rows), rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) // _CROP)
    return percept.frame.rgb[window][::step, ::step].copy()


def _refute(
    buffer: ObjectBuffer, view: DepthView, owner: Int32[np.ndarray, "h w"], result: Observation
) -> set[str]:
    """Count frames that see through objects; return those that this frame sees through."""
    if not len(buffer):
        return set()
    seen = set(result.ids)
    radii = np.linalg.norm(buffer.boxes[:, 1] - buffer.boxes[:, 0], axis=1) / 2
    rows = view.in_sight(buffer.boxes.mean(axis=1), radii)
    candidates = [
        entry
        for row in rows
        if (entry := buffer.rows[row]) is not None
        and entry.object_id not in seen
        and entry.status in {"present", "moved"}
        and len(entry.keys)
    ]
    refuted = set()
    for level in {entry.level for entry in candidates}:
        group = [entry for entry in candidates if entry.level == level]
        size = buffer.config.voxel * 2**level
        samples = [_upper(entry, size) for entry in group]
        verdicts, pixels = view.judge(np.concatenate(samples), size)
        owners = owner[pixels[:, 1], pixels[:, 0]]
        ends = np.cumsum([len(sample) for sample in samples])[:-1]
        split = zip(group, np.split(verdicts, ends), np.split(owners, ends), strict=True)
        for entry, verdict, owned in split:
            large = view.pixels_across(buffer.box(entry)) >= _DISTINCT
            if _count_against(buffer, entry, verdict, owned > 0 if large else None, result):
                refuted.add(entry.object_id)
    return refuted


def _upper(entry: Entry, size: float) -> Float[np.ndarray, "k 3"]:
    """Return some voxel centres of an object, not those where depth is its support's as well."""
    points = voxels.decode(voxels.thin(entry.keys, _SAMPLE), size)
    height = points[:, 2]
    return points[height >= height.min() + 0.4 * (height.max() - height.min())]


def _count_against(
    buffer: ObjectBuffer,
    entry: Entry,
    verdict: Int8[np.ndarray, "k"],
    owned: Bool[np.ndarray, "k"] | None,
    result: Observation,
) -> bool:
    """Weigh the verdicts on one object's voxels. Returns whether this frame speaks against it.

    Args:
        buffer: Where it is known.
        entry: The object, which this frame's detections do not show.
        verdict: What depth says at each voxel.
        owned: Whether something else is detected there; None where it is too small to tell.
        result: Takes the object's id if it is gone now.
    """
    through = np.count_nonzero(verdict == THROUGH)
    agrees = verdict == AGREES
    judged = through + np.count_nonzero(agrees) + np.count_nonzero(verdict == HIDDEN)
    replaced = np.count_nonzero(agrees & owned) if owned is not None else 0
    enough = judged >= 0.3 * len(verdict) and judged > 0
    if not enough or through + replaced < 0.75 * judged:
        if np.count_nonzero(agrees) > 0.5 * len(verdict) and entry.misses and not replaced:
            entry.misses = 0
            buffer.touch(entry)
        return False
    entry.misses += 1
    entry.belief *= 0.5
    buffer.touch(entry)
    if entry.misses >= buffer.config.refutations_to_gone:
        entry.status = "gone"
        result.gone.append(entry.object_id)
    return True


def _carve(buffer: ObjectBuffer, view: DepthView, entries: list[Entry]) -> None:
    """Remove voxels of seen objects that the frame sees through: a door that swung, noise."""
    for level in {entry.level for entry in entries}:
        group = [entry for entry in entries if entry.level == level and len(entry.keys)]
        if not group:
            continue
        size = buffer.config.voxel * 2**level
        keys = np.concatenate([entry.keys for entry in group])
        verdicts, _ = view.judge(voxels.decode(keys, size), size)
        ends = np.cumsum([len(entry.keys) for entry in group])[:-1]
        for entry, through in zip(group, np.split(verdicts == THROUGH, ends), strict=True):
            if through.any() and not through.all():
                buffer.set_voxels(entry, entry.keys[~through])


def _find_again(
    buffer: ObjectBuffer,
    detections: Detections,
    refuted: set[str],
    frame: int,
    result: Observation,
) -> set[int]:
    """Recognise vanished and released objects elsewhere, by label and appearance."""
    taken_ids = {name for name in result.ids if name}
    free = [i for i in range(len(detections)) if not result.ids[i] and detections.placed[i]]
    labels = {detections.percept.labels[i] for i in free}
    lost = [
        entry
        for label in sorted(labels)
        for entry in buffer.labelled(label)
        if entry.object_id not in taken_ids
        and (entry.status == "gone" or entry.object_id in refuted or entry.released is not None)
    ]
    if not free or not lost:
        return set()
    scores = _moved_scores(buffer, lost, detections, np.array(free))
    taken = set()
    for row, column in assign(scores, scores > 0):
        entry, index = lost[column], free[row]
        if _move(buffer, entry, detections, index, frame):
            result.moved.append(entry.object_id)
        result.ids[index] = entry.object_id
        taken.add(index)
    return taken


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
    here, there = detections.boxes[free][:, None], buffer.boxes[rows]
    apart = np.maximum(here[:, :, 0] - there[:, 1], there[:, 0] - here[:, :, 1]).clip(0)
    gap = np.nan_to_num(np.linalg.norm(apart, axis=-1), nan=1e3)
    released = np.array([entry.released is not None for entry in lost])
    score = np.where(released, np.where(gap < _RELEASED, 2 + cosine, 0.0), cosine + 1 / (1 + gap))
    return np.where(same & (cosine >= buffer.config.min_cosine_moved), score, 0.0)


def _add(
    buffer: ObjectBuffer, detections: Detections, index: int, frame: int, result: Observation
) -> None:
    """Start a new object, if the detection is strong enough."""
    percept, config = detections.percept, buffer.config
    if percept.scores[index] < config.min_score or detections.pixels[index] < config.min_pixels:
        return
    label, stamp = percept.labels[index], percept.frame.stamp
    box = detections.boxes[index] if detections.placed[index] else NO_BOX
    entry = Entry(
        object_id=buffer.new_id(label),
        row=-1,
        label=label,
        label_weights={},
        first_seen=stamp,
        last_seen=stamp,
        bounds=box.copy(),
    )
    entry.label_weights[label] = 0.0
    buffer.add(entry, box, percept.features[index])
    _confirm(buffer, entry, detections, index, frame)
    buffer.set_voxels(entry, detections.keys[index])
    result.ids[index] = entry.object_id
    result.appeared.append(entry.object_id)
