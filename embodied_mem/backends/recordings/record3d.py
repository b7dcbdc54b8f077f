"""The layout of exports from phones (Record3D): rgb/, depth/ and metadata.json.

Poses are camera to world, as position and quaternion (qx qy qz qw tx ty tz, Record3D's `poses`) or
as 4x4 matrices, in metadata.json or in poses.json. Cameras follow ARKit: x right, y up, looking
along -z, in a world whose y is up against gravity; here they become optical frames in a world whose
z is up. Intrinsics are Record3D's `perFrameIntrinsicCoeffs` (fx fy cx cy) or `K` (three columns of
three), or `fx fy cx cy`; ARKit counts them from the image's corner. Depth is in metres (float) or
16-bit millimetres, and may be smaller than the picture. Source: Record3D's own export, as its
readers in nerfstudio and instant-ngp take it; Apple's documentation of `ARCamera`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import RigidTransform

from embodied_mem.backends.recordings import poses
from embodied_mem.backends.recordings.index import MILLIMETRE, Index, Intrinsics, Shot, in_time
from embodied_mem.backends.recordings.numbered import first_number, numbered, paired
from embodied_mem.errors import BackendError

_PICTURES = (".png", ".jpg", ".jpeg")
_DEPTHS = (".png", ".npy", ".tiff", ".tif", ".exr")
_METADATA = ("metadata.json", "metadata", "poses.json", "pose.json")
_CORNER = -0.5
"""From ARKit's origin, the image's corner, to the centre of the first pixel [px]."""


def fits(folder: Path) -> bool:
    """Tell whether a folder holds files of this layout."""
    return any((folder / name).is_file() for name in _METADATA) and (folder / "rgb").is_dir()


def read_index(folder: Path, fps: float) -> Index:
    """List the pairs of images.

    Args:
        folder: Holds rgb, depth and metadata.json.
        fps: Frames a second, where the metadata keep neither stamps nor their own.

    Raises:
        BackendError: Poses or intrinsics are missing or cannot be read.
    """
    known = _metadata(folder)
    listed = known.get("poses")
    if not isinstance(listed, list) or not listed:
        raise BackendError(f"{folder} has no `poses` in metadata.json or poses.json.")
    skipped: Counter[str] = Counter()
    color = numbered(folder / "rgb", _PICTURES)
    depth = numbered(folder / "depth", _DEPTHS)
    first = first_number(color | depth, len(listed), usual=0)
    rate = _value(known.get("fps"), fps)
    stamps = known.get("frameTimestamps")
    each = known.get("perFrameIntrinsicCoeffs")
    shots = []
    for number in paired(color, depth, skipped):
        place = number - first
        pose = _pose(listed[place]) if 0 <= place < len(listed) else None
        stamp = _at(stamps, place, place / rate)
        if pose is None or not np.isfinite(stamp):
            skipped["without a valid pose" if pose is None else "without a valid stamp"] += 1
            continue
        own = each[place] if isinstance(each, list) and place < len(each) else None
        shots.append(
            Shot(
                name=str(number),
                stamp=stamp,
                color=color[number],
                depth=depth[number],
                T_world_camera=pose,
                intrinsics=None if own is None else _intrinsics(own, known),
            )
        )
    return Index(
        shots=in_time(shots, skipped),
        intrinsics=_shared_intrinsics(known, shots),
        depth_unit=MILLIMETRE,
        skipped=skipped,
    )


def _metadata(folder: Path) -> dict[str, Any]:
    """Join what the JSON files tell; a list alone is a list of poses."""
    known: dict[str, Any] = {}
    for name in _METADATA:
        path = folder / name
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise BackendError(f"{path} is no JSON, or damaged.") from error
        if isinstance(content, list):
            content = {"poses": content}
        if isinstance(content, dict):
            known = {**content, **known}
    return known


def _pose(entry: object) -> RigidTransform | None:
    """Read a pose and turn it from ARKit's axes to optical ones; None where it is none."""
    values = _floats(entry)
    if values.size == 7:
        pose = poses.from_parts(values[4:], values[:4])
    elif values.size == 16:
        rows = values.reshape(4, 4)
        by_column = not rows[:3, 3].any() and rows[3, :3].any()  # As ARKit lays matrices out.
        pose = poses.from_matrix(rows.T if by_column else rows)
    else:
        return None
    if pose is None:
        return None
    return pose * RigidTransform.from_rotation(poses.OPTICAL_FROM_ARKIT)


def _shared_intrinsics(known: Mapping[str, Any], shots: Sequence[Shot]) -> Intrinsics:
    """Return the intrinsics for all; where each shot has its own, the first one's."""
    named = [known.get(name) for name in ("fx", "fy", "cx", "cy")]
    inner = known.get("intrinsics", known.get("K"))
    if inner is None and None not in named:
        inner = named
    if inner is not None:
        return _intrinsics(inner, known)
    own = next((shot.intrinsics for shot in shots if shot.intrinsics is not None), None)
    if own is None:
        raise BackendError("metadata.json tells no intrinsics: neither `K` nor fx, fy, cx, cy.")
    return own


def _intrinsics(entry: object, known: Mapping[str, Any]) -> Intrinsics:
    if isinstance(entry, Mapping):
        entry = [entry.get(name) for name in ("fx", "fy", "cx", "cy")]
    values = _floats(entry).ravel()
    if values.size == 9:
        table = values.reshape(3, 3)
        table = table.T if table[0, 2] == 0 and table[1, 2] == 0 else table
        values = table[[0, 1, 0, 1], [0, 1, 2, 2]]
    if values.size != 4 or not np.isfinite(values).all() or not (values[:2] > 0).all():
        raise BackendError("the intrinsics in metadata.json are neither `K` nor fx, fy, cx, cy.")
    fx, fy, cx, cy = values.tolist()
    width, height = (_value(known.get(name), 0.0) for name in ("w", "h"))
    has_size = width >= 1 and height >= 1
    return Intrinsics(
        fx=fx,
        fy=fy,
        cx=cx + _CORNER,
        cy=cy + _CORNER,
        width=int(width) if has_size else None,
        height=int(height) if has_size else None,
    )


def _floats(entry: object) -> np.ndarray:
    try:
        return np.asarray(entry, dtype=np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)


def _value(entry: object, default: float) -> float:
    good = isinstance(entry, (int, float)) and np.isfinite(entry) and entry > 0
    return float(entry) if good else default  # pyright: ignore[reportArgumentType]


def _at(stamps: object, place: int, default: float) -> float:
    if not isinstance(stamps, list) or place >= len(stamps):
        return default
    entry = stamps[place]
    return float(entry) if isinstance(entry, (int, float)) else float("nan")
