"""Depth as a relief: holes closed, noise smoothed, and the surface's direction at each pixel.

All of it works on inverse depth. There a plane is a linear function of the pixel, so that a linear
fit over a window gives its normal exactly; and there the noise of stereo and structured-light
cameras, which grows with the square of depth, is the same everywhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Shaped

from embodied_mem.types import Camera

_FAR = 1e-3
"""Inverse depth of what is not known [1/m]."""
_QUIET = 2e-4
"""Noise of inverse depth below which nothing is smoothed [1/m]."""
_WINDOWS = ((1e-4, 2), (6e-4, 4), (np.inf, 6))
"""What is left of the noise [1/m], and the reach of windows that normals are taken over then."""
_WINDOW, _ENOUGH = 7, 8
"""Holes are closed by what is known in windows of this width [px]: so many pixels at least."""
_ONE_SURFACE = 0.15
"""Inverse depth varies by a smaller share over a window on one surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """The surface that one depth image shows, in the camera frame."""

    inverse: Float32[np.ndarray, "h w"]
    """Inverse depth, holes closed and noise smoothed [1/m]."""
    measured: Bool[np.ndarray, "h w"]
    """Where depth was measured."""
    known: Bool[np.ndarray, "h w"]
    """Where it was measured, or follows from what was measured about it."""
    points: Float32[np.ndarray, "h w 3"]
    """Surface points [m]."""
    normals: Float32[np.ndarray, "h w 3"]
    """Unit normals that face the camera."""
    noise: float
    """Standard deviation of what is left of the noise in inverse depth [1/m]."""


def relief(
    depth: Float32[np.ndarray, "h w"], camera: Camera, *, max_depth: float, max_hole: int
) -> Relief:
    """Turn a depth image into a relief.

    Args:
        depth: Distance along the optical axis [m]; NaN, 0 and infinity where unknown.
        camera: Intrinsics, of the same size.
        max_depth: Depth from here on is unknown [m].
        max_hole: Pixels without depth take that of the nearest that has one, up to this distance
            [px].
    """
    with np.errstate(invalid="ignore"):  # NaN compares as False, which is what is meant.
        measured = (depth > 0.05) & (depth < max_depth)
    inverse = np.full(depth.shape, _FAR, np.float32)
    np.divide(1.0, depth, out=inverse, where=measured)
    noise = noise_of(inverse, measured)
    inverse, known = _close_holes(inverse, measured, max_hole)
    inverse, left = _smooth(inverse, noise)
    points = _points(inverse, camera)
    wide = next(reach for most, reach in _WINDOWS if left < most)
    return Relief(
        inverse=inverse,
        measured=measured,
        known=known,
        points=points,
        normals=_normals(inverse, points, camera, wide),
        noise=left,
    )


def noise_of(inverse: Float32[np.ndarray, "h w"], measured: Bool[np.ndarray, "h w"]) -> float:
    """Estimate the noise of inverse depth [1/m] from its second differences along the rows.

    A plane's second difference is zero, noise of deviation s makes one of deviation s sqrt(6); the
    median over the image is not moved by edges.
    """
    second = np.abs(inverse[:, 2:] - 2 * inverse[:, 1:-1] + inverse[:, :-2])
    whole = measured[:, 2:] & measured[:, 1:-1] & measured[:, :-2]
    values = second[whole][::7]
    if len(values) < 50:
        return 0.0
    return float(np.median(values) / (0.6745 * np.sqrt(6.0)))


def _close_holes(
    inverse: Float32[np.ndarray, "h w"], measured: Bool[np.ndarray, "h w"], reach: int
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Continue surfaces into holes, ring by ring, up to `reach` pixels; tell what is known then.

    A pixel takes its value from the plane that fits what is known about it. Where that is of two
    surfaces, and farther in, it takes the nearest value, so that there is one, but is not known.
    """
    if measured.all() or not measured.any():
        return inverse, measured
    known = measured.copy()
    for _ in range(0, reach, _WINDOW // 2):
        filled, good = _continued(inverse, known)
        fresh = good & ~known
        if not fresh.any():
            break
        inverse = np.where(fresh, filled, inverse)
        known |= fresh
    if known.all():
        return inverse, known
    return nearest_value(inverse, known)[0], known


def nearest_value(
    values: Shaped[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> tuple[Shaped[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Return the value of each pixel's nearest known one (there must be one), and how far [px]."""
    away, labels = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    numbers = np.asarray(labels, np.int64)
    by_number = np.zeros(int(numbers.max()) + 1, values.dtype)
    by_number[numbers[known]] = values[known]
    return by_number[numbers], np.asarray(away, np.float32)


def _continued(
    inverse: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return the plane through the known pixels of each window, and where one surface has enough.

    Least squares of w = c + a x + b y over a window about each pixel; c is the value there.
    """
    one = known.astype(np.float32)
    w = inverse * one
    step = np.arange(-(_WINDOW // 2), _WINDOW // 2 + 1, dtype=np.float32)
    even = np.ones_like(step)

    def total(image: Float32[np.ndarray, "h w"], across: int, down: int) -> np.ndarray:
        border = cv2.BORDER_CONSTANT
        return cv2.sepFilter2D(image, cv2.CV_32F, even * step**across, even * step**down,
                               borderType=border)  # fmt: skip

    n, x, y = total(one, 0, 0), total(one, 1, 0), total(one, 0, 1)
    xx, yy, xy = total(one, 2, 0), total(one, 0, 2), total(one, 1, 1)
    s, sx, sy = total(w, 0, 0), total(w, 1, 0), total(w, 0, 1)
    # Cramer's rule for c in the normal equations.
    minors = xx * yy - xy * xy, x * yy - xy * y, x * xy - xx * y
    whole = n * minors[0] - x * minors[1] + y * minors[2]
    part = s * minors[0] - sx * minors[1] + sy * minors[2]
    ball = np.ones((_WINDOW, _WINDOW), np.uint8)
    high = cv2.dilate(w, ball)
    low = cv2.erode(np.where(known, inverse, np.float32(1e3)), ball)
    good = (n >= _ENOUGH) & (whole > 1e-3 * n * n * n) & (high - low < _ONE_SURFACE * high)
    value = np.divide(part, whole, out=inverse.copy(), where=good)
    slack = (high - low) / 2  # A slanted surface goes on beyond what is known of it.
    return np.clip(value, low - slack, high + slack), good


def _smooth(
    inverse: Float32[np.ndarray, "h w"], noise: float
) -> tuple[Float32[np.ndarray, "h w"], float]:
    """Smooth noise but not edges; return what is left of its deviation too [1/m]."""
    if noise < _QUIET:
        return inverse, noise
    calm = cv2.medianBlur(np.ascontiguousarray(inverse), 5)
    spread = max(4 * noise, 1e-3)
    return np.asarray(cv2.bilateralFilter(calm, 7, spread, 2.0), np.float32), noise / 4


def _points(inverse: Float32[np.ndarray, "h w"], camera: Camera) -> Float32[np.ndarray, "h w 3"]:
    height, width = inverse.shape
    points = np.empty((height, width, 3), np.float32)
    np.divide(1.0, inverse, out=points[..., 2])
    x = ((np.arange(width) + 0.5 - camera.cx) / camera.fx).astype(np.float32)
    y = ((np.arange(height) + 0.5 - camera.cy) / camera.fy).astype(np.float32)
    np.multiply(points[..., 2], x, out=points[..., 0])
    np.multiply(points[..., 2], y[:, None], out=points[..., 1])
    return points


def _normals(
    inverse: Float32[np.ndarray, "h w"],
    points: Float32[np.ndarray, "h w 3"],
    camera: Camera,
    reach: int,
) -> Float32[np.ndarray, "h w 3"]:
    """Fit w = a x + b y + c to inverse depth over each window; (a, b, c) is the normal's direction.

    For a plane n.p = d and p = z (x, y, 1), w = 1/z = n.(x, y, 1) / d.
    """
    step = np.arange(-reach, reach + 1, dtype=np.float32)
    flat = np.ones_like(step) / len(step)
    slope = step / np.square(step).sum()
    border = cv2.BORDER_REPLICATE
    a = cv2.sepFilter2D(inverse, cv2.CV_32F, slope, flat, borderType=border) * camera.fx
    b = cv2.sepFilter2D(inverse, cv2.CV_32F, flat, slope, borderType=border) * camera.fy
    z = points[..., 2]
    c = inverse - (a * points[..., 0] + b * points[..., 1]) / z
    normals = np.stack((-a, -b, -c), axis=-1).astype(np.float32)
    normals /= np.sqrt(np.einsum("hwd,hwd->hw", normals, normals))[..., None] + 1e-12
    return _without_border(normals, reach)


def _without_border(
    normals: Float32[np.ndarray, "h w 3"], width: int
) -> Float32[np.ndarray, "h w 3"]:
    """Replace normals whose window leaves the image by the nearest whose window does not."""
    if min(normals.shape[:2]) <= 2 * width:
        return normals
    inside = normals[width:-width, width:-width]
    return np.pad(inside, ((width, width), (width, width), (0, 0)), mode="edge")
