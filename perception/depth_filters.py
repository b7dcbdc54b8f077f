"""Depth as sensors give it, made fit to be placed: what was not measured goes, little is filled.

Three filters in a row, each off at 0: flying pixels between two surfaces, specks that hang in the
air, and gaps of a few pixels within one surface. A fourth, the median over frames, works only while
the camera rests.
"""

from collections import deque
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.types import Camera, Frame

_INVERSE_SCALE = 4000.0  # Inverse depth [1/m] as 16-bit counts: from 0.13 m on.
_UNKNOWN = -32768


class DepthFilterConfig(Config, frozen=True):
    """What is done to depth before anything is placed by it."""

    edge_angle: float = 0.17
    """A pixel that is joined to both its neighbours at less than this angle to the viewing ray, one
    in front of it and one behind, lies on no surface [rad]; 0 keeps all."""
    noise: float = 0.006
    """Steps of depth below this times the square of depth are noise, not edges [1/m]."""
    speckle: int = 12
    """Smaller pieces of surface, in pixels, are removed; 0 keeps all."""
    speckle_step: float = 0.04
    """Neighbours belong to one piece if their inverse depths differ by less [1/m]."""
    fill: int = 2
    """Widest gap that is filled, in pixels along a row or column; 0 fills none. Both sides must be
    of one surface, and a filled pixel lies between them."""
    fill_step: float = 0.02
    """Both sides of a gap are one surface if their inverse depths differ by less [1/m]."""
    median: int = 0
    """Frames whose median is taken while the camera rests; 0 takes none."""

    def __post_init__(self) -> None:
        if not 0 <= self.edge_angle < np.pi / 2:
            raise ConfigError(f"filter.edge_angle must lie in [0, pi/2), got {self.edge_angle}.")
        for name in ("noise", "speckle", "speckle_step", "fill", "fill_step", "median"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"filter.{name} must be >= 0, got {getattr(self, name)}.")


class DepthFilter:
    """Applies a config to frames; keeps no more than `median` depth images."""

    def __init__(self, config: DepthFilterConfig | None = None):
        self.config = config or DepthFilterConfig()
        self._recent = _Recent(self.config.median)

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame with filtered depth; without depth, the frame itself.

        Raises:
            FrameError: The frame has depth and no camera.
        """
        if frame.depth is None:
            return frame
        if frame.camera is None:
            raise FrameError("filtering depth needs the frame's camera. Give it its intrinsics.")
        config, depth = self.config, frame.depth
        if config.median > 1:
            depth = self._recent.median(depth, frame.T_world_camera)
        if config.edge_angle > 0:
            flying = flying_pixels(depth, frame.camera, config.edge_angle, config.noise)
            depth = np.where(flying, np.float32(np.nan), depth)
        if config.speckle > 0:
            depth = without_speckles(depth, config.speckle, config.speckle_step)
        if config.fill > 0:
            depth = filled(depth, config.fill, config.fill_step)
        return replace(frame, depth=depth)


def flying_pixels(
    depth: Float32[np.ndarray, "h w"], camera: Camera, angle: float, noise: float
) -> Bool[np.ndarray, "h w"]:
    """Tell which pixels hang between a nearer and a farther surface.

    The line from a pixel to its neighbour makes the angle atan(width / step) with the viewing ray,
    `width` being the distance between the two rays there and `step` the difference of depth. A
    pixel of an edge has one such neighbour, one in the air has one on either side.

    Args:
        depth: [m]; NaN where unknown.
        camera: Gives the distance between rays.
        angle: Steeper lines join no surface [rad].
        noise: Steps below `noise * depth^2` join one all the same [1/m].
    """
    flying = np.zeros(depth.shape, bool)
    for axis, focal in ((0, camera.fy), (1, camera.fx)):
        least = np.maximum(depth / (focal * np.tan(angle)), noise * depth * depth)
        inner = (slice(1, -1), slice(None)) if axis == 0 else (slice(None), slice(1, -1))
        step = np.diff(depth, axis=axis)
        first, second = (step[:-1], step[1:]) if axis == 0 else (step[:, :-1], step[:, 1:])
        with np.errstate(invalid="ignore"):  # Beside the unknown nothing is told.
            steep = (np.abs(first) > least[inner]) & (np.abs(second) > least[inner])
            flying[inner] |= steep & (first * second > 0)
    return flying


def without_speckles(
    depth: Float32[np.ndarray, "h w"], size: int, step: float
) -> Float32[np.ndarray, "h w"]:
    """Remove pieces of fewer than `size` pixels.

    Pieces are joined by inverse depth, since noise and slants grow with the square of depth.

    Args:
        depth: [m]; NaN where unknown.
        size: Least number of pixels that stays.
        step: Largest difference between neighbours of a piece [1/m].
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.nan_to_num(np.minimum(_INVERSE_SCALE / depth, 32767), nan=_UNKNOWN)
    counts = np.rint(inverse).astype(np.int16)
    cv2.filterSpeckles(counts, _UNKNOWN, size - 1, step * _INVERSE_SCALE)
    return np.where(counts == _UNKNOWN, np.float32(np.nan), depth)


def filled(
    depth: Float32[np.ndarray, "h w"], widest: int, step: float
) -> Float32[np.ndarray, "h w"]:
    """Fill gaps of at most `widest` pixels within one surface; wider ones stay wholly unknown.

    Inverse depth is linear along a row or column of a plane's picture, so the line between both
    sides of a gap continues a plane. Where row and column both tell, the narrower gap does.

    Args:
        depth: [m]; NaN where unknown.
        widest: Most pixels of a gap.
        step: Largest difference between the inverse depths of its sides [1/m].
    """
    with np.errstate(divide="ignore"):
        inverse = 1 / depth
    by_row, row_gap = _bridged(inverse, widest, step)
    by_column, column_gap = _bridged(np.ascontiguousarray(inverse.T), widest, step)
    by_column, column_gap = by_column.T, column_gap.T
    inside = np.where(row_gap <= column_gap, by_row, by_column)
    bridged = np.minimum(row_gap, column_gap) <= widest
    hole = np.isnan(depth) & bridged
    out = depth.copy()
    out[hole] = 1 / inside[hole]
    return out


def _bridged(
    inverse: Float32[np.ndarray, "h w"], widest: int, step: float
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Draw lines over the gaps of each row.

    Returns:
        The lines, and for each pixel the width of the gap that it is in [px]; infinite where there
        is none that may be bridged.
    """
    width = inverse.shape[1]
    column = np.arange(width)
    known = np.isfinite(inverse)
    before = np.maximum.accumulate(np.where(known, column, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, column, width)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.maximum(before, 0), np.minimum(after, width - 1)
    start = np.take_along_axis(inverse, left, axis=1)
    end = np.take_along_axis(inverse, right, axis=1)
    gap = (after - before - 1).astype(np.float32)
    with np.errstate(invalid="ignore"):
        good = ~known & (before >= 0) & (after < width) & (np.abs(end - start) < step)
        share = (column - left) / np.maximum(right - left, 1)
        line = start + (end - start) * share.astype(np.float32)
    return line, np.where(good & (gap <= widest), gap, np.inf).astype(np.float32)


class _Recent:
    """The depth images since the camera came to rest."""

    def __init__(self, count: int):
        self._images: deque[Float32[np.ndarray, "h w"]] = deque(maxlen=max(count, 1))
        self._pose: RigidTransform | None = None

    def median(
        self, depth: Float32[np.ndarray, "h w"], pose: RigidTransform | None
    ) -> Float32[np.ndarray, "h w"]:
        """Take one image in, and return the median where at least half of them know depth."""
        if not self._rests(pose) or (self._images and self._images[0].shape != depth.shape):
            self._images.clear()
        self._images.append(depth)
        self._pose = pose
        stack = np.sort(np.stack(self._images), axis=0)  # NaN last.
        known = np.isfinite(stack).sum(axis=0)
        middle = np.take_along_axis(stack, (np.maximum(known - 1, 0) // 2)[None], axis=0)[0]
        return np.where(2 * known >= len(stack), middle, np.float32(np.nan))

    def _rests(self, pose: RigidTransform | None) -> bool:
        if pose is None or self._pose is None:
            return False
        moved = self._pose.inv() * pose
        way, turn = np.linalg.norm(moved.translation), moved.rotation.magnitude()
        return bool(way <= 1e-3 and turn <= 1e-3)
