"""Negative evidence: what should be seen and is not, or is seen through."""

import numpy as np
from jaxtyping import Bool, Float, Int8, Int32

from embodied_mem.memory import voxels
from embodied_mem.memory.detections import Detections
from embodied_mem.memory.evidence import AGREES, HIDDEN, THROUGH, DepthView
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.types import Percept

_SAMPLE = 64
"""Voxels of an object that are looked for when it is not detected."""
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
    buffer: ObjectBuffer, view: DepthView, owner: Int32[np.ndarray, "h w"], seen: set[str]
) -> tuple[set[str], list[str]]:
    """Count this frame against the objects that it should show and does not.

    Args:
        buffer: What is known.
        view: The frame's depth.
        owner: The detection that each pixel belongs to; 0 for none.
        seen: Objects that were detected.

    Returns:
        Objects that this frame speaks against, and those of them that count as gone now.
    """
    if not len(buffer):
        return set(), []
    candidates = _expected(buffer, view, seen)
    refuted: set[str] = set()
    gone = []
    for level in {entry.level for entry in candidates}:
        group = [entry for entry in candidates if entry.level == level]
        size = buffer.config.voxel * 2**level
        samples = [_upper(entry, size) for entry in group]
        verdicts, pixels = view.judge(np.concatenate(samples), size)
        owned = owner[pixels[:, 1], pixels[:, 0]] > 0
        ends = np.cumsum([len(sample) for sample in samples])[:-1]
        split = zip(group, np.split(verdicts, ends), np.split(owned, ends), strict=True)
        for entry, verdict, covered in split:
            large = view.pixels_across(buffer.box(entry)) >= _DISTINCT
            against = _weigh(verdict, covered if large else np.zeros_like(covered))
            if against > 0:
                refuted.add(entry.object_id)
                _miss(buffer, entry, against, gone)
            elif against < 0 and entry.misses:
                entry.misses = 0.0
                buffer.touch(entry)
    return refuted, gone


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
    """Return the objects believed to be in the judged part of the view, but for those seen."""
    radii = np.linalg.norm(buffer.boxes[:, 1] - buffer.boxes[:, 0], axis=1) / 2
    rows = view.in_sight(buffer.boxes.mean(axis=1), radii)
    return [
        entry
        for row in rows
        if (entry := buffer.rows[row]) is not None
        and entry.object_id not in seen
        and entry.status in {"present", "moved"}
        and len(entry.keys)
    ]


def _upper(entry: Entry, size: float) -> Float[np.ndarray, "k 3"]:
    """Return some voxel centres of an object, not those where depth is its support's as well."""
    points = voxels.decode(voxels.thin(entry.keys, _SAMPLE), size)
    height = points[:, 2]
    return points[height >= height.min() + 0.4 * (height.max() - height.min())]


def _weigh(verdict: Int8[np.ndarray, "k"], covered: Bool[np.ndarray, "k"]) -> float:
    """Weigh the verdicts on one object's voxels.

    Args:
        verdict: What depth says at each voxel.
        covered: Where something else is detected at that pixel.

    Returns:
        1.0 where the object is seen through, 0.5 where its surface now belongs to other things
        (detectors err more often than depth), -1 where it is there, 0 where nothing can be told.
    """
    through = np.count_nonzero(verdict == THROUGH)
    agrees = verdict == AGREES
    judged = through + np.count_nonzero(agrees) + np.count_nonzero(verdict == HIDDEN)
    replaced = np.count_nonzero(agrees & covered)
    if judged >= 0.3 * len(verdict) and judged:
        if through >= 0.75 * judged:
            return 1.0
        if through + replaced >= 0.75 * judged:
            return 0.5
    return -1.0 if np.count_nonzero(agrees & ~covered) > 0.5 * len(verdict) else 0.0


def _miss(buffer: ObjectBuffer, entry: Entry, against: float, gone: list[str]) -> None:
    entry.misses += against
    entry.belief *= 1 - 0.5 * against
    buffer.touch(entry)
    if entry.misses >= buffer.config.refutations_to_gone:
        entry.status = "gone"
        gone.append(entry.object_id)
