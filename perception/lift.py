"""Depth and camera to surface points and boxes in the world frame, a mask at a time.

Numpy alone: this runs on every frame.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import FrameError
from embodied_mem.types import Camera, Frame
from perception.depth_filters import DepthFilterConfig
from perception.pixels import Window, mask_windows, sample_pixels


class LiftConfig(Config, frozen=True):
    """How detections are placed in the world."""

    max_points: int = 200
    """Points kept for each detection."""
    max_samples: int = 600
    """Pixels of each mask that its box is computed from."""
    max_depth: float = 19.9
    """Depth from here on is a sensor's limit, not a surface [m]."""
    gap: float = 0.1
    """Depths of one mask that lie further apart than `gap + gap_slope * depth` belong to different
    surfaces [m]; a mask that spills over its object's edge takes in what is behind it."""
    gap_slope: float = 0.03
    """Growth of that distance with depth; noise and slanted surfaces spread with range."""
    gap_grazing: float = 0.01
    """The same for neighbours on a surface that is seen at a grazing angle [1/m]."""
    min_share: float = 0.12
    """A surface that holds less than this share of the mask is not the object's."""
    trim: float = 0.01
    """Share of points at each end of each axis that may be stray; see `robust_box`."""
    filters: DepthFilterConfig | None = None
    """What is done to depth first; nothing when null, which is right for exact depth."""


Lifted = tuple[tuple[Float32[np.ndarray, "_ 3"], ...], Float[np.ndarray, "n 2 3"]]


def lift(frame: Frame, masks: Bool[np.ndarray, "n h w"], config: LiftConfig) -> Lifted:
    """Place each mask in the world.

    Args:
        frame: Gives depth, camera and pose.
        masks: One mask for each detection.
        config: Bounds and tolerances.

    Returns:
        For each mask its points (p, 3) [m], at most `max_points`, empty where no pixel has depth;
        and boxes (n, 2, 3), lowest and highest corner [m], NaN where there are no points.

    Raises:
        FrameError: Depth, camera or pose is missing.
    """
    depth, camera, pose = _needed(frame)
    windows = mask_windows(masks)
    masks = without_spill(masks, depth, config, windows)
    boxes = np.full((len(masks), 2, 3), np.nan)
    with np.errstate(invalid="ignore"):  # NaN compares as False, which is what is meant.
        valid = (depth > 0) & (depth < config.max_depth)
    sample = sample_pixels(masks, limit=config.max_samples, valid=valid, windows=windows)
    z = depth.reshape(-1)[sample.pixels]  # (p,)
    rotation = pose.rotation.as_matrix().astype(np.float32)
    points = (pixel_rays(camera)[sample.pixels] * z[:, None]) @ rotation.T
    points += pose.translation.astype(np.float32)
    placed: list[np.ndarray] = []
    for i, (start, end) in enumerate(zip(sample.starts[:-1], sample.starts[1:], strict=True)):
        surface = points[start:end][_main_surfaces(z[start:end], config)]
        if len(surface):
            boxes[i] = robust_box(surface, trim=config.trim)
        placed.append(_thin(surface, config.max_points))
    return tuple(placed), boxes


def without_spill(
    masks: Bool[np.ndarray, "n h w"],
    depth: Float32[np.ndarray, "h w"],
    config: LiftConfig,
    windows: Sequence[Window] | None = None,
) -> Bool[np.ndarray, "n h w"]:
    """Leave out the pixels at each mask's edge that lie behind its inside: the mask spilt there.

    Neighbours differ by less than surfaces that are apart, but a surface that is seen at a grazing
    angle falls off by up to `z^2 * gap_grazing` a pixel.
    """
    behind = np.fmin(np.fmax(depth, 0), config.max_depth).astype(np.float32)  # NaN becomes 0.
    step = (config.gap + config.gap_slope * behind) / 2 + config.gap_grazing * behind * behind
    kept = masks.copy()
    cross = np.ones((3, 3), np.uint8)
    for mask, out, window in zip(masks, kept, windows or mask_windows(masks), strict=True):
        shape = np.pad(mask[window].view(np.uint8), 1)
        if min(shape.shape) < 5:
            continue
        inside = cv2.erode(shape, cross)[1:-1, 1:-1]
        near = cv2.dilate(behind[window] * inside, cross)
        spilt = (near > 0) & (inside == 0) & (behind[window] > near + step[window])
        out[window] &= ~spilt
    return kept


def _needed(frame: Frame) -> tuple[np.ndarray, Camera, RigidTransform]:
    if frame.depth is None:
        raise FrameError(
            f"the frame at {frame.stamp:.2f} s has no depth, which placing objects needs. "
            "Switch the depth camera on, or set `lift` to null to do without places."
        )
    if frame.camera is None or frame.T_world_camera is None:
        missing = "camera" if frame.camera is None else "T_world_camera"
        raise FrameError(
            f"the frame at {frame.stamp:.2f} s has depth but no `{missing}`, so its points have "
            "no place in the world. Give the frame its intrinsics and its pose."
        )
    return frame.depth, frame.camera, frame.T_world_camera


@lru_cache(maxsize=4)
def pixel_rays(camera: Camera) -> Float32[np.ndarray, "p 3"]:
    """Return the ray through each pixel's centre at depth 1 [m], row-major, in the camera frame."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    grid = np.stack((*np.meshgrid(x, y), np.ones((camera.height, camera.width))), axis=-1)
    rays = grid.reshape(-1, 3).astype(np.float32)
    rays.flags.writeable = False
    return rays


def _main_surfaces(z: Float32[np.ndarray, "p"], config: LiftConfig) -> Bool[np.ndarray, "p"]:
    """Tell which depths belong to the runs, between gaps, that hold a fair share of the mask."""
    keep = np.ones(len(z), dtype=bool)
    if len(z) < 8 or z.max() - z.min() <= config.gap:
        return keep
    order = np.argsort(z)
    ordered = z[order]
    gaps = np.diff(ordered) > config.gap + config.gap_slope * ordered[:-1]
    if not gaps.any():
        return keep
    runs = np.concatenate(([0], np.cumsum(gaps)))
    sizes = np.bincount(runs)
    fair = sizes >= min(config.min_share * len(z), sizes.max())
    keep[order] = fair[runs]
    return keep


def robust_box(points: Float[np.ndarray, "p 3"], *, trim: float) -> Float[np.ndarray, "2 3"]:
    """Return the lowest and highest corner [m] without following stray points.

    On each axis the box reaches to the outermost point, but no further than an eighth of the span
    of all but the trimmed points beyond that span: corners of slanted things hold few points, and
    cutting a fixed share off would cut them off.

    Args:
        points: At least one point [m].
        trim: Share of points that may be stray at each end; all are trusted below 1 / trim points.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    cut = int(trim * len(points))
    if cut == 0:
        return np.stack((low, high))
    last = len(points) - 1 - cut
    inner_low, inner_high = np.partition(points, (cut, last), axis=0)[[cut, last]]
    slack = (inner_high - inner_low) / 8
    return np.stack((np.maximum(low, inner_low - slack), np.minimum(high, inner_high + slack)))


def _thin(points: Float32[np.ndarray, "p 3"], limit: int) -> Float32[np.ndarray, "q 3"]:
    if len(points) <= limit:
        return points.copy()  # Not a view that would keep the whole frame's points alive.
    return points[np.linspace(0, len(points) - 1, limit).astype(np.int64)]
