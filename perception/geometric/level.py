"""Which way is up, and where the floor is, in a recording whose world has no notion of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import Frame
from perception.geometric.planes import PlaneConfig, find_planes
from perception.geometric.relief import relief

_MOST = 0.6
"""A camera is not tilted by more than this against what its recording calls up [rad]."""
_FLAT = 0.1
"""Planes are of one direction if they differ by less [rad]."""
_EVEN = 0.08
"""And of one height if they differ by less [m]."""
_SHOWN = 0.1
"""The floor is shown by so many of the pixels, as a share of those of the level that is shown
best: what mirrors and noise put below it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facing:
    """Planes that face up, more or less, of all frames, in the world as it is recorded."""

    normals: Float[np.ndarray, "p 3"]
    offsets: Float[np.ndarray, "p"]
    """How far the camera is from each, negative [m]."""
    cameras: Float[np.ndarray, "p 3"]
    """Where the camera was [m]."""
    weights: Float[np.ndarray, "p"]
    """Pixels that show each."""

    def heights(self, up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "p"]:
        """Return how high over each plane its camera was, straight above it [m]."""
        return -self.offsets / (self.normals @ up)


def levelling(frames: Iterable[Frame], *, max_depth: float = 8.0) -> RigidTransform:
    """Return the rotation that makes floors and tables level: `T_level_world`.

    Many recordings take their first camera for the world. Once turned to x forward and z up, that
    is level but for the camera's tilt. The planes nearest to level over all frames, weighted by the
    pixels that show them, tell the rest.

    Args:
        frames: Some views with depth, camera and pose.
        max_depth: Depth from here on tells nothing [m].
    """
    return RigidTransform.from_rotation(_level(_facing(frames, max_depth))[0])


def floor_height(frames: Iterable[Frame], *, max_depth: float = 8.0) -> float | None:
    """Return the height of the floor in a level world [m]; None where no view shows it.

    It is the lowest level that a fair share of the pixels show, well below the cameras.

    Args:
        frames: Some views with depth, camera and pose; z of their world is up.
        max_depth: Depth from here on tells nothing [m].
    """
    planes = _facing(frames, max_depth)
    return _floor(planes, np.array([0.0, 0.0, 1.0]))


def grounding(
    frames: Iterable[Frame], *, max_depth: float = 8.0
) -> tuple[RigidTransform, float | None]:
    """Return the rotation of `levelling`, and the floor's height in the world so turned [m].

    Args:
        frames: Some views with depth, camera and pose.
        max_depth: Depth from here on tells nothing [m].
    """
    planes = _facing(frames, max_depth)
    turn, up = _level(planes)
    return RigidTransform.from_rotation(turn), _floor(planes, up)


def _facing(frames: Iterable[Frame], max_depth: float) -> _Facing:
    rows: list[tuple[np.ndarray, float, np.ndarray, int]] = []
    for frame in frames:
        if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
            continue
        rotation = frame.T_world_camera.rotation.as_matrix()
        surface = relief(frame.depth, frame.camera, max_depth=max_depth, max_hole=6)
        planes = find_planes(surface, frame.camera, rotation[2], None, PlaneConfig())
        for number, plane in enumerate(planes.found, start=1):
            normal = rotation @ plane.normal
            if normal[2] > np.cos(_MOST):
                shown = int(np.count_nonzero(planes.numbers == number))
                rows.append((normal, plane.offset, frame.T_world_camera.translation, shown))
    normals, offsets, cameras, weights = zip(*rows, strict=True) if rows else ([], [], [], [])
    return _Facing(
        normals=np.array(normals).reshape(-1, 3),
        offsets=np.array(offsets, float),
        cameras=np.array(cameras).reshape(-1, 3),
        weights=np.array(weights, float),
    )


def _level(planes: _Facing) -> tuple[Rotation, Float[np.ndarray, "3"]]:
    """Return what turns the direction that most planes face to z, and that direction."""
    if not len(planes.normals):
        return Rotation.identity(), np.array([0.0, 0.0, 1.0])
    alike = planes.normals @ planes.normals.T > np.cos(_FLAT)
    best = planes.normals[np.argmax(alike @ planes.weights)]
    near = planes.normals @ best > np.cos(_FLAT)
    up = np.average(planes.normals[near], axis=0, weights=planes.weights[near])
    up /= np.linalg.norm(up)
    turn = Rotation.align_vectors([[0.0, 0.0, 1.0]], [up])
    return turn[0], up


def _floor(planes: _Facing, up: Float[np.ndarray, "3"]) -> float | None:
    """Return the floor's height along a direction [m]."""
    if not len(planes.normals):
        return None
    level = planes.normals @ up > np.cos(PlaneConfig().level)
    over = planes.heights(up)
    heights = planes.cameras @ up - over
    below = level & (over > PlaneConfig().floor_below)
    if not below.any():
        return None
    near = np.abs(heights[:, None] - heights) < _EVEN
    shown = near @ np.where(level, planes.weights, 0.0)
    likely = below & (shown >= _SHOWN * shown[level].max())
    if not likely.any():
        return None
    lowest = np.flatnonzero(likely)[np.argmin(heights[likely])]
    own = near[lowest] & below
    return float(np.average(heights[own], weights=planes.weights[own]))
