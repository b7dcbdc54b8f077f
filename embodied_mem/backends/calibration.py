"""What calibration is for: lenses straightened, and depth brought into the colour camera's view."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.types import Camera


class Distortion(Config, frozen=True):
    """A lens by Brown and Conrady, in OpenCV's order of coefficients; all 0 is a pinhole."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.coefficients).all():
            raise ConfigError("distortion: k1 k2 p1 p2 k3 must be finite numbers.")

    @classmethod
    def of(cls, coefficients: Sequence[float]) -> "Distortion":
        """Take OpenCV's first five coefficients, k1 k2 p1 p2 k3."""
        k1, k2, p1, p2, k3 = coefficients
        return cls(k1=k1, k2=k2, p1=p1, p2=p2, k3=k3)

    @property
    def coefficients(self) -> Float[np.ndarray, "5"]:
        """The coefficients k1 k2 p1 p2 k3."""
        return np.array([self.k1, self.k2, self.p1, self.p2, self.k3])

    def bend(self, rays: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Return where the lens moves points of the plane at depth 1 (Brown 1966, as OpenCV)."""
        x, y = rays[:, 0], rays[:, 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        return np.stack(
            (
                x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x),
                y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y,
            ),
            axis=1,
        )


class Undistorter:
    """Turns pictures through a lens into those of the pinhole with the same intrinsics.

    The maps are built once. Depth along the optical axis is the same through lens and pinhole, so
    depth images are only moved, by nearest neighbours: no distance is invented at edges.
    """

    def __init__(self, camera: Camera, distortion: Distortion):
        self.camera, self.distortion = camera, distortion
        # OpenCV counts from the centre of the first pixel, cameras here from its corner.
        matrix = np.array(
            [[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]]
        )
        self._maps = cv2.initUndistortRectifyMap(
            matrix,
            distortion.coefficients,
            np.eye(3),
            matrix,
            (camera.width, camera.height),
            cv2.CV_32FC1,
        )

    def color(self, rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """Straighten a picture; black where the lens did not look."""
        return np.asarray(cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR), np.uint8)

    def depth(self, depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Straighten depth [m]; NaN where the lens did not look."""
        moved = cv2.remap(
            depth,
            *self._maps,
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float("nan"),
        )
        return np.asarray(moved, np.float32)


def register(
    depth: Float32[np.ndarray, "h w"],
    camera: Camera,
    T_target_camera: RigidTransform,  # noqa: N803 - the frames' names.
    target: Camera,
) -> Float32[np.ndarray, "r c"]:
    """Draw a depth image as another camera would see it; of two surfaces the nearer one wins.

    Each pixel is a square that covers, in the target, the centres of pixels within its size there,
    and at least one pixel, so that a larger target has no grid of holes.

    Args:
        depth: Distance along the optical axis [m]; NaN where unknown.
        camera: That of the depth.
        T_target_camera: From its optical frame to the target's.
        target: The camera to draw for.

    Returns:
        Depth of the target camera [m]; NaN where nothing was drawn.
    """
    known = np.flatnonzero(np.isfinite(depth))
    z = depth.reshape(-1)[known].astype(np.float64)
    rows, columns = np.divmod(known, camera.width)
    points = np.stack(
        (
            (columns + 0.5 - camera.cx) / camera.fx * z,
            (rows + 0.5 - camera.cy) / camera.fy * z,
            z,
        ),
        axis=1,
    )
    matrix = T_target_camera.as_matrix()
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    return splat(moved, z / camera.fx, z / camera.fy, target)


def splat(
    points: Float[np.ndarray, "n 3"],
    widths: Float[np.ndarray, "n"],
    heights: Float[np.ndarray, "n"],
    target: Camera,
) -> Float32[np.ndarray, "r c"]:
    """Draw points as squares that face the camera, the nearest on top.

    Args:
        points: In the camera's optical frame [m].
        widths: Of the squares [m].
        heights: Of the squares [m].
        target: The camera.

    Returns:
        Depth [m]; NaN where nothing was drawn.
    """
    image = np.full(target.width * target.height, np.inf, np.float32)
    front = points[:, 2] > 1e-3
    x, y, z = points[front].T
    left, across = _covered(x / z * target.fx + target.cx, widths[front] * target.fx / z)
    top, down = _covered(y / z * target.fy + target.cy, heights[front] * target.fy / z)
    shallow = z.astype(np.float32)
    for i in range(int(across.max(initial=0))):
        for j in range(int(down.max(initial=0))):
            column, row = left + i, top + j
            inside = (i < across) & (j < down) & (column >= 0) & (row >= 0)
            inside &= (column < target.width) & (row < target.height)
            pixel = row[inside] * target.width + column[inside]
            np.minimum.at(image, pixel, shallow[inside])
    image[np.isinf(image)] = np.nan
    return image.reshape(target.height, target.width)


_MOST_PIXELS = 16


def _covered(
    middle: Float[np.ndarray, "n"], size: Float[np.ndarray, "n"]
) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
    """Return which pixels have their centres in [middle - size / 2, middle + size / 2).

    Sizes are taken as at least 1 and at most 16 [px].

    Returns:
        The first of them, and how many there are.
    """
    half = np.clip(size, 1, _MOST_PIXELS) / 2
    middle = np.clip(middle, -1e6, 1e6)
    first = np.ceil(middle - half - 0.5).astype(np.int64)
    end = np.ceil(middle + half - 0.5).astype(np.int64)
    return first, end - first
