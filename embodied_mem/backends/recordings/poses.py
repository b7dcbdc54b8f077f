"""Poses as files write them, checked: what is no rigid motion becomes None, never a pose."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import RigidTransform, Rotation

_MOST_BYTES = 64 * 1024 * 1024
_TOLERANCE = 0.02

OPTICAL_FROM_ARKIT = Rotation.from_matrix(np.diag([1.0, -1.0, -1.0]))
"""ARKit's cameras look along -z with y up; optical frames along z with y down. Its own inverse."""

Axis = Literal["z", "y", "-y"]
"""Axis of a recording's world that points up."""

UP: dict[Axis, Float[np.ndarray, "3 3"]] = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
}
"""Rotations that bring the named axis of a recording's world up, to our z; x stays."""


def ground(up: Axis, level: tuple[float, float, float], floor: float) -> RigidTransform:
    """Return what brings a recording's world to ours, whose floor is level at height 0.

    Args:
        up: Its axis that points up, more or less.
        level: Rotation vector that makes the world level once that axis is z [rad].
        floor: Height of the floor then [m].
    """
    turn = Rotation.from_rotvec(level) * Rotation.from_matrix(UP[up])
    return RigidTransform.from_components([0.0, 0.0, -floor], turn)


def number(text: str) -> float:
    """Read a number; NaN for what is none, such as the `-1.#IND` of some writers."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file that are neither empty nor comments; none without the file.

    Raises:
        OSError: The file is there and cannot be read.
    """
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def from_matrix(values: Sequence[float] | Float[np.ndarray, "..."]) -> RigidTransform | None:
    """Return the rigid motion of a 4x4 matrix, row by row; None where it is none."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.size != 16 or not np.isfinite(matrix).all():
        return None
    matrix = matrix.reshape(4, 4)
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _TOLERANCE:
        return None
    if np.linalg.det(rotation) < 0 or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-3:
        return None
    return RigidTransform.from_components(matrix[:3, 3], Rotation.from_matrix(rotation))


def from_parts(
    position: Sequence[float] | Float[np.ndarray, "3"],
    quaternion: Sequence[float] | Float[np.ndarray, "4"],
) -> RigidTransform | None:
    """Return the rigid motion of a position [m] and a quaternion x y z w; None where it is none."""
    place = np.asarray(position, dtype=np.float64)
    turn = np.asarray(quaternion, dtype=np.float64)
    if place.shape != (3,) or turn.shape != (4,):
        return None
    if not (np.isfinite(place).all() and np.isfinite(turn).all()):
        return None
    if abs(np.linalg.norm(turn) - 1) > _TOLERANCE:
        return None
    return RigidTransform.from_components(place, Rotation.from_quat(turn))
