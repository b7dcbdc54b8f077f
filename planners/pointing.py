"""Where in the image to point at a thing, so that the hand gets it or puts onto it."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int64

from embodied_mem.memory import voxels
from embodied_mem.types import Camera, Frame, Percept

Pixel = tuple[float, float]
"""x and y in 0..1 from the image's top left."""

_LEVEL = 0.85
"""A surface is level where its normal's vertical part exceeds this."""

_BESIDE = 7
"""Width of what is beside a pixel [px]."""
_STEP = 0.08
"""Depth that is so much farther than beside it is another thing's [m]."""

_FLOOR = 0.1
"""What is lower than this may be floor beside a thing's foot [m]."""

_BEFORE = 0.2
"""What is so much nearer than a thing hides it [m]."""


def choose_pixel(
    percept: Percept,
    index: int,
    *,
    reach: float,
    level: bool = False,
    avoid: Sequence[Pixel] = (),
) -> Pixel | None:
    """Return the point of a detection that lies deepest within its mask, or None.

    Args:
        percept: The newest percept.
        index: Which of its detections.
        reach: Farthest horizontal distance of what is pointed at [m].
        level: Whether to prefer level surfaces, on which things can be put.
        avoid: Points that did not work.
    """
    return choose_within(percept.frame, percept.masks[index], reach=reach, level=level, avoid=avoid)


def choose_within(
    frame: Frame,
    mask: Bool[np.ndarray, "h w"],
    *,
    reach: float,
    level: bool = False,
    avoid: Sequence[Pixel] = (),
    strict: bool = False,
) -> Pixel | None:
    """Return the point that lies deepest within a mask, or None; see `choose_pixel`.

    Args:
        frame: The newest view.
        mask: What may be pointed at.
        reach: Farthest horizontal distance of what is pointed at [m].
        level: Whether to prefer level surfaces, on which things can be put.
        avoid: Points that did not work.
        strict: Whether, of these, only level ones will do.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    window = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
    usable = mask[window].copy()
    points = _points(frame, window)
    height, width = mask.shape
    if points is not None:
        usable &= np.hypot(points[..., 0], points[..., 1]) <= reach
    for x, y in avoid:
        spot = (int(x * width) - left, int(y * height) - top)
        usable = cv2.circle(usable.astype(np.uint8), spot, 8, 0, -1).astype(bool)
    if level and points is not None:
        flat = usable & _is_level(points)
        depth = _depth_within(flat)
        if depth.size and depth.max() >= 2:
            return _pixel(depth, left, top, width, height)
        if strict:
            return None
    within = _depth_within(usable)
    if within.max() <= 0:
        return None
    if frame.depth is not None:
        behind = _lies_behind(mask[window], frame.depth[window])
        if behind.flat[int(within.argmax())] and (usable & ~behind).any():
            within = _depth_within(usable & ~behind)
    return _pixel(within, left, top, width, height)


def familiar(
    frame: Frame, keys: Int64[np.ndarray, "v"], size: float
) -> Bool[np.ndarray, "h w"] | None:
    """Return the pixels that show surface where a thing's surface was seen before.

    What lies where it did is that thing, also from where a detector does not know it again.

    Args:
        frame: The newest view; None is returned where it lacks depth or poses.
        keys: The thing's voxels.
        size: Their edge [m].
    """
    if frame.depth is None or frame.T_world_camera is None:
        return None
    height, width = frame.depth.shape
    points = _points(frame, np.s_[0:height, 0:width])
    if points is None:
        return None
    points = points + frame.T_world_camera.translation
    found = voxels.keys_of(points.reshape(-1, 3), size)
    return voxels.contains(keys, found).reshape(height, width) & (points[..., 2] > _FLOOR)


def project(frame: Frame, point: Float[np.ndarray, "3"], *, reach: float) -> Pixel | None:
    """Return where a point of the world shows in the image, or None.

    Args:
        frame: The newest view.
        point: The point [m].
        reach: Farthest horizontal distance from the camera [m].
    """
    camera, pose, depth = frame.camera, frame.T_world_camera, frame.depth
    if camera is None or pose is None or depth is None:
        return None
    if np.hypot(*(point - pose.translation)[:2]) > reach:
        return None
    x, y, z = pose.inv().apply(point)
    if z <= 0:
        return None
    height, width = depth.shape
    column, row = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    if not (0 <= column < width and 0 <= row < height):
        return None
    is_hidden = depth[int(row), int(column)] < z - _BEFORE
    return None if is_hidden else (float(column) / width, float(row) / height)


def _lies_behind(
    mask: Bool[np.ndarray, "r c"], depth: Float[np.ndarray, "r c"]
) -> Bool[np.ndarray, "r c"]:
    """Tell which pixels of a mask are farther than others of it beside them.

    A mask that spills over, as through the bow of a faucet, takes in what is behind the thing.
    """
    ranges = np.where(mask & np.isfinite(depth), depth, np.inf).astype(np.float32)
    nearest = np.asarray(cv2.erode(ranges, np.ones((_BESIDE, _BESIDE), np.uint8)))
    return ranges > nearest + _STEP


def _depth_within(mask: Bool[np.ndarray, "r c"]) -> Float[np.ndarray, "r c"]:
    """Return how far each pixel is from the mask's edge [px]."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]


def _pixel(depth: Float[np.ndarray, "r c"], left: int, top: int, width: int, height: int) -> Pixel:
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return (int(column) + left + 0.5) / width, (int(row) + top + 0.5) / height


def _points(frame: Frame, window: tuple[slice, slice]) -> Float[np.ndarray, "r c 3"] | None:
    """Return what the pixels of a window show, from the camera along the world's axes [m]."""
    if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
        return None
    rays = _rays(frame.camera, window)
    rotation = frame.T_world_camera.as_matrix()[:3, :3]
    depth = np.nan_to_num(frame.depth[window], nan=np.inf)
    return (rays @ rotation.T) * np.minimum(depth, 1e3)[..., None]


def _rays(camera: Camera, window: tuple[slice, slice]) -> Float[np.ndarray, "r c 3"]:
    rows = np.arange(window[0].start, window[0].stop) + 0.5
    columns = np.arange(window[1].start, window[1].stop) + 0.5
    x, y = np.meshgrid((columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy)
    return np.stack((x, y, np.ones_like(x)), axis=-1)


def _is_level(points: Float[np.ndarray, "r c 3"]) -> Bool[np.ndarray, "r c"]:
    """Tell for each pixel whether the surface there is level."""
    if min(points.shape[:2]) < 2:
        return np.zeros(points.shape[:2], bool)
    across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normal = np.cross(across, down)
    length = np.linalg.norm(normal, axis=-1)
    return np.abs(normal[..., 2]) > _LEVEL * np.maximum(length, 1e-9)
