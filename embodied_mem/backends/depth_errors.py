"""What depth cameras get wrong, term by term: pure functions of a true depth image.

Sources: Khoshelham and Elberink, Sensors 12 (2012) 1437 (error and quantisation that grow with the
square of depth); Nguyen, Izadi and Lovell, 3DIMPVT 2012 (axial noise by depth and angle); Handa,
Whelan, McDonald and Davison, ICRA 2014 (ICL-NUIM: lateral shift, rounding of disparity).
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from embodied_mem.types import Camera

NGUYEN_NEAR = 0.4
"""Depth at which the axial noise of Nguyen et al. is least [m]."""

_SAME_SURFACE = 1.0  # Disparities of neighbours that both eyes see differ by less [px].


def incidence(depth: Float32[np.ndarray, "h w"], camera: Camera) -> Float32[np.ndarray, "h w"]:
    """Return the angle between surface normal and viewing ray [rad]; 0 where it is not known.

    Slopes are taken to the neighbour that is nearer in depth, so that an edge is not a slope.
    """
    right, down = _slope(depth, 1), _slope(depth, 0)
    v, u = np.indices(depth.shape, dtype=np.float32)
    x = (u + np.float32(0.5 - camera.cx)) / np.float32(camera.fx)
    y = (v + np.float32(0.5 - camera.cy)) / np.float32(camera.fy)
    # Of the surface z(u, v): the cross product of its two tangents, up to a common factor.
    a, b = right * np.float32(camera.fx), down * np.float32(camera.fy)
    c = -(depth + x * a + y * b)
    towards = np.abs(a * x + b * y + c)
    lengths = np.sqrt((a * a + b * b + c * c) * (x * x + y * y + 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = np.arccos(np.clip(towards / lengths, 0, 1))
    return np.nan_to_num(angle).astype(np.float32)


def _slope(depth: Float32[np.ndarray, "h w"], axis: int) -> Float32[np.ndarray, "h w"]:
    """Change of depth to the next pixel [m/px], on the side where it is less."""
    step = np.diff(depth, axis=axis)
    pad = [(0, 0), (0, 0)]
    pad[axis] = (0, 1)
    after = np.pad(step, pad, constant_values=np.nan)
    pad[axis] = (1, 0)
    before = np.pad(step, pad, constant_values=np.nan)
    use_after = np.nan_to_num(np.abs(after), nan=np.inf) <= np.nan_to_num(
        np.abs(before), nan=np.inf
    )
    return np.nan_to_num(np.where(use_after, after, before))


def axial_sigma(
    depth: Float32[np.ndarray, "h w"], angle: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Return the standard deviation of a Kinect's depth [m] (Nguyen et al., eq. 3)."""
    flat = 0.0012 + 0.0019 * np.square(depth - NGUYEN_NEAR)
    theta = np.clip(angle, 0, np.radians(85))
    steep = 0.0001 / np.sqrt(depth) * np.square(theta / (np.pi / 2 - theta))
    return (flat + steep).astype(np.float32)


def shifted(
    depth: Float32[np.ndarray, "h w"], sigma: float, chance: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Look each pixel up a little beside its place, between pixels: rough edges, flying pixels.

    Args:
        depth: [m].
        sigma: Standard deviation of the shift on each axis [px] (Handa et al.: 0.5).
        chance: Draws the shifts.
    """
    height, width = depth.shape
    v, u = np.indices(depth.shape, dtype=np.float32)
    u += chance.standard_normal(depth.shape, dtype=np.float32) * np.float32(sigma)
    v += chance.standard_normal(depth.shape, dtype=np.float32) * np.float32(sigma)
    np.clip(u, 0, width - 1, out=u)
    np.clip(v, 0, height - 1, out=v)
    return np.asarray(cv2.remap(depth, u, v, cv2.INTER_LINEAR), np.float32)


def quantised(
    depth: Float32[np.ndarray, "h w"], focal_baseline: float, step: float
) -> Float32[np.ndarray, "h w"]:
    """Round disparity to steps: depth comes in steps of `step / focal_baseline * depth^2` [m].

    Args:
        depth: [m].
        focal_baseline: Focal length times baseline [px m].
        step: Smallest difference of disparity [px].
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.round(focal_baseline / depth / step)
        return np.where(levels > 0, focal_baseline / (levels * step), np.nan).astype(np.float32)


def shadow(depth: Float32[np.ndarray, "h w"], focal_baseline: float) -> Bool[np.ndarray, "h w"]:
    """Tell which pixels an eye or a projector to the right cannot see behind what is nearer.

    Pixel u of disparity d is at u - d in its picture; of several there, the nearest is seen. The
    shadows fall to the left of what is near.

    Args:
        depth: [m]; unknown pixels hide nothing.
        focal_baseline: Focal length times baseline [px m].
    """
    with np.errstate(divide="ignore"):
        disparity = np.nan_to_num(focal_baseline / depth, nan=0.0, posinf=0.0)
    height, width = depth.shape
    known = disparity > 0
    place = np.arange(width) - disparity
    row, _ = np.nonzero(known)
    seen = np.zeros((height, width + 1), np.float32)
    hidden = np.zeros(depth.shape, bool)
    cell = np.floor(place[known]).astype(np.int64)
    inside = cell >= 0
    for step in (0, 1):  # Between two columns a pixel is in both.
        np.maximum.at(seen, (row[inside], cell[inside] + step), disparity[known][inside])
    nearest = np.zeros(len(cell), np.float32)
    side = np.rint(place[known]).astype(np.int64)
    nearest[inside] = seen[row[inside], side[inside]]
    hidden[known] = disparity[known] < nearest - _SAME_SURFACE
    return hidden


def blotches(
    shape: tuple[int, ...], size: int, chance: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Return numbers in 0..1 that are alike over patches of `size` [px]: holes are no dots."""
    rows, columns = -(-shape[0] // size), -(-shape[1] // size)
    coarse = chance.random((rows, columns), dtype=np.float32)
    return coarse.repeat(size, axis=0).repeat(size, axis=1)[: shape[0], : shape[1]]


def rising(values: Float[np.ndarray, "h w"], start: float, end: float) -> Float[np.ndarray, "h w"]:
    """Return 0 up to `start`, 1 from `end` on, and a ramp between; downwards if end < start."""
    return np.clip((values - start) / (end - start), 0, 1)


def texture(rgb: UInt8[np.ndarray, "h w 3"], window: int) -> Float32[np.ndarray, "h w"]:
    """Return how much neighbours along a row differ in the window that a matcher sees [0..255]."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    change = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    return np.asarray(cv2.blur(change, (window, window)), np.float32)


def fattened(depth: Float32[np.ndarray, "h w"], window: int) -> Float32[np.ndarray, "h w"]:
    """Let what is near grow over what is behind it, by half the window of a block matcher [px]."""
    far = np.nan_to_num(depth, nan=np.inf)
    nearest = np.asarray(cv2.erode(far, np.ones((window, window), np.uint8)), np.float32)
    edge = nearest < 0.95 * far
    return np.where(np.isnan(depth) | ~edge, depth, nearest).astype(np.float32)


def smooth_noise(
    shape: tuple[int, ...], sigma: float, chance: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Return normal noise of deviation 1 that is alike over `sigma` [px], as a window makes it."""
    white = chance.standard_normal(shape, dtype=np.float32)
    if sigma <= 0:
        return white
    soft = np.asarray(cv2.GaussianBlur(white, (0, 0), sigma), np.float32)
    return soft / max(float(soft.std()), 1e-6)
