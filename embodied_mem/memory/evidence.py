"""What a depth image says against a point: is it there, hidden, or seen through? Pure functions."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int8, Int64

from embodied_mem.config import Config
from embodied_mem.types import Camera

UNSEEN, AGREES, HIDDEN, THROUGH = 0, 1, 2, 3
"""Outside the image or without depth; depth is at the point; something is before it; it is gone."""


_NEAR, _BESIDE = 3.0, 0.5
"""Points so near have been looked at [m], unless something hides them from so far before [m]."""


class EvidenceConfig(Config, frozen=True):
    """How a point's absence is told."""

    near: float = 0.2
    """Nearer points are not judged [m]."""
    far: float = 6.0
    """Farther points are not judged [m]."""
    tolerance: float = 0.02
    """Depth beyond a point by less than this is no evidence [m] ..."""
    tolerance_per_metre: float = 0.01
    """... growing with the range [m/m]."""
    border: int = 3
    """Pixels at the edge of the image that say nothing [px]."""


class DepthView:
    """One depth image, ready to be asked about many points."""

    def __init__(
        self,
        depth: Float[np.ndarray, "h w"],
        camera: Camera,
        camera_from_world: Float[np.ndarray, "4 4"],
        config: EvidenceConfig,
    ):
        known = np.isfinite(depth) & (depth > 0)
        self._depth = np.where(known, depth, 0).astype(np.float32)  # 0 hides: no evidence.
        self._nearest = {1: self._depth}
        self._camera = camera
        self._pose = camera_from_world
        self._config = config

    def in_camera(self, points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 3"]:
        """Return world points [m] in the camera's frame."""
        return points @ self._pose[:3, :3].T + self._pose[:3, 3]

    def in_sight(
        self, centers: Float[np.ndarray, "m 3"], radii: Float[np.ndarray, "m"]
    ) -> Int64[np.ndarray, "k"]:
        """Return the balls (centre, radius [m]) that reach into the judged part of the view."""
        camera, config = self._camera, self._config
        z = centers @ self._pose[2, :3] + self._pose[2, 3]
        in_range = np.flatnonzero((z + radii > config.near) & (z - radii < config.far))
        radii = radii[in_range]
        x, y, z = self.in_camera(centers[in_range]).T
        slope_x = max(camera.cx, camera.width - camera.cx) / camera.fx
        slope_y = max(camera.cy, camera.height - camera.cy) / camera.fy
        inside_x = np.abs(x) <= np.clip(z, 0, None) * slope_x + radii * np.hypot(1, slope_x)
        inside_y = np.abs(y) <= np.clip(z, 0, None) * slope_y + radii * np.hypot(1, slope_y)
        return in_range[inside_x & inside_y]

    def pixels_across(self, boxes: Float[np.ndarray, "m 2 3"]) -> Float[np.ndarray, "m"]:
        """Return about how many pixels the second longest edge of each box [m] covers."""
        z = self.in_camera(boxes.mean(axis=1))[:, 2]
        edges = np.sort(boxes[:, 1] - boxes[:, 0], axis=1)[:, 1]
        return edges * self._camera.fx / np.maximum(z, 0.1)

    def pixels_of(self, box: Float[np.ndarray, "2 3"]) -> float:
        """Return about how many pixels the two longest edges of a box [m] cover."""
        z = float(self.in_camera(box.mean(axis=0)[None])[0, 2])
        *_, b, c = np.sort(box[1] - box[0]).tolist()
        return float(b * c * (self._camera.fx / max(z, 0.1)) ** 2)

    def silhouettes(self, boxes: Float[np.ndarray, "m 2 3"]) -> Float[np.ndarray, "m"]:
        """Return about how many pixels each box [m] covers, as it is turned to the camera.

        Of a box, each axis shows one face, foreshortened by the cosine towards the camera.
        """
        middles = boxes.mean(axis=1)
        z = np.maximum(self.in_camera(middles)[:, 2], 0.1)
        camera = -self._pose[:3, :3].T @ self._pose[:3, 3]
        sight = middles - camera
        sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-9)
        a, b, c = (boxes[:, 1] - boxes[:, 0]).T
        faces = np.stack((b * c, a * c, a * b), axis=1)
        return (np.abs(sight) * faces).sum(axis=1) * np.square(self._camera.fx / z)

    def tolerances(self, boxes: Float[np.ndarray, "m 2 3"], size: float) -> Float[np.ndarray, "m"]:
        """Return how far depth may lie from surfaces in boxes [m], of voxels of edge `size` [m]."""
        z = np.maximum(self.in_camera(boxes.mean(axis=1))[:, 2], 0.0)
        return self._config.tolerance + self._config.tolerance_per_metre * z + size / 2

    def beside(self, points: Float[np.ndarray, "m 3"]) -> Bool[np.ndarray, "m"]:
        """Return at which near points of the world [m] nothing is seen long before them."""
        x, y, z = self.in_camera(points).T
        camera, border = self._camera, self._config.border
        safe = np.where(z > self._config.near, z, np.inf)
        column = np.floor(x / safe * camera.fx + camera.cx).astype(np.int64)
        row = np.floor(y / safe * camera.fy + camera.cy).astype(np.int64)
        seen = (z > self._config.near) & (z < _NEAR) & (column >= border) & (row >= border)
        seen &= (column < camera.width - border) & (row < camera.height - border)
        found = np.zeros(len(points), bool)
        found[seen] = self._depth[row[seen], column[seen]] > z[seen] - _BESIDE
        return found

    def judge(
        self, points: Float[np.ndarray, "p 3"], size: float
    ) -> tuple[Int8[np.ndarray, "p"], Int64[np.ndarray, "p 2"]]:
        """Judge the centres of voxels of edge `size` [m].

        A voxel is seen through only where every pixel that it covers sees beyond it.

        Returns:
            The verdict on each point, and its pixel (column, row), clipped into the image.
        """
        verdict = np.zeros(len(points), np.int8)
        x, y, z = self.in_camera(points).T
        camera, config = self._camera, self._config
        safe = np.where(z > config.near, z, np.inf)
        column = np.floor(x / safe * camera.fx + camera.cx).astype(np.int64)
        row = np.floor(y / safe * camera.fy + camera.cy).astype(np.int64)
        border = config.border
        seen = (z > config.near) & (z < config.far) & (column >= border) & (row >= border)
        seen &= (column < camera.width - border) & (row < camera.height - border)
        pixel = np.stack((column.clip(0, camera.width - 1), row.clip(0, camera.height - 1)), axis=1)
        here = self._depth[pixel[:, 1], pixel[:, 0]]
        tolerance = config.tolerance + config.tolerance_per_metre * z + size / 2
        judged = seen & (here > 0)
        verdict[judged] = HIDDEN
        verdict[judged & (here >= z - tolerance)] = AGREES
        reach = camera.fx * size / 2 / np.where(seen, z, 1.0)  # Half a voxel [px].
        for kernel, least, most in ((3, 0.0, 1.5), (5, 1.5, 2.5), (9, 2.5, 4.5), (15, 4.5, 1e9)):
            group = np.flatnonzero(
                judged & (reach > least) & (reach <= most) & (here > z + tolerance)
            )
            if len(group):
                nearest = self._filtered(kernel)[pixel[group, 1], pixel[group, 0]]
                verdict[group[nearest > z[group] + tolerance[group]]] = THROUGH
        return verdict, pixel

    def recession(
        self, points: Float[np.ndarray, "p 3"], pixels: Int64[np.ndarray, "p 2"]
    ) -> Float[np.ndarray, "p"]:
        """Return how far depth lies behind points [m].

        Args:
            points: In the world [m].
            pixels: Pixel of each, as `judge` gives it.
        """
        z = self.in_camera(points)[:, 2]
        return self._depth[pixels[:, 1], pixels[:, 0]] - z

    def _filtered(self, kernel: int) -> Float[np.ndarray, "h w"]:
        if kernel not in self._nearest:
            shape = np.ones((kernel, kernel), np.uint8)
            nearest = cv2.erode(self._depth, shape, borderType=cv2.BORDER_REPLICATE)
            self._nearest[kernel] = np.asarray(nearest, np.float32)
        return self._nearest[kernel]
