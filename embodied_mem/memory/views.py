"""What was in view when: was a thing that is seen for the first time there before?

A thing that vanished and one like it that is found elsewhere are one only if the second was not
there before. Where its place had never been seen, it may have stood there all the time.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64

from embodied_mem.config import Config
from embodied_mem.types import Frame

_STEPS = np.linspace(0.15, 0.85, 3)
_GRID = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), axis=-1).reshape(-1, 3)
"""Points of a box that are looked for, as shares of its edges."""


class ViewConfig(Config, frozen=True):
    """Which views are kept, and what counts as having been in one."""

    capacity: int = 1024
    """Views kept; beyond it the oldest goes [views]."""
    step: float = 0.5
    """Of views from the same square of this edge [m] ..."""
    turn: float = 30.0
    """... in about the same direction the first few are kept [deg]."""
    repeats: int = 2
    """How many [views]."""
    stride: int = 6
    """Every so many pixels of depth are kept [px]."""
    near: float = 0.3
    """What is nearer than this is not looked for [m]."""
    far: float = 5.0
    """Nor what is farther [m]."""
    least_pixels: float = 30.0
    """What covers less may be missed [px]."""
    tolerance: float = 0.05
    """Depth that ends before a point by less than this does not hide it [m]."""
    plain: float = 120.0
    """A view in which a thing would cover so much counts twice [px]."""
    enough: int = 2
    """Views that show a place without a thing before it counts as having been empty."""


class ViewLog:
    """The poses and coarse depth of past views, the first few of each spot and direction."""

    def __init__(self, config: ViewConfig | None = None):
        self.config = config or ViewConfig()
        self.whole = True
        """Whether no view since the beginning is missing."""
        self._bins: dict[tuple[int, ...], int] = {}
        self._stamps = np.zeros(0)
        self._poses: Float[np.ndarray, "k 4 4"] = np.zeros((0, 4, 4))
        self._lens: Float[np.ndarray, "k 4"] = np.zeros((0, 4))
        """fx, fy, cx and cy of each view, in pixels of the image."""
        self._depths: Float[np.ndarray, "k r c"] = np.zeros((0, 0, 0), np.float16)

    def __len__(self) -> int:
        return len(self._bins)

    def add(self, frame: Frame) -> None:
        """Keep a view, if none from about there is kept."""
        if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
            self.whole = False
            return
        pose = frame.T_world_camera.as_matrix()
        key = next((k for k in self._keys(pose) if k not in self._bins), None)
        if key is None:
            return
        thin = frame.depth[:: self.config.stride, :: self.config.stride]
        if self._depths.shape[1:] != thin.shape:
            if len(self):
                self.whole = False  # Another camera: what the one before saw is forgotten.
            self._start(thin.shape)
        if len(self._bins) >= self.config.capacity:
            self.whole = False
            oldest = next(iter(self._bins))
            slot = self._bins.pop(oldest)
        else:
            slot = len(self._bins)
        self._bins[key] = slot
        camera = frame.camera
        self._stamps[slot] = frame.stamp
        self._poses[slot] = frame.T_world_camera.inv().as_matrix()
        self._lens[slot] = camera.fx, camera.fy, camera.cx, camera.cy
        self._depths[slot] = np.where(np.isfinite(thin), thin, 0)

    def was_in_view(self, box: Float[np.ndarray, "2 3"], before: float) -> bool:
        """Tell whether a thing that fills a box would have been seen before `before` [s].

        True as well where that is not known, as views are missing.

        Args:
            box: Lowest and highest corner [m].
            before: Stamp that only earlier views count for [s].
        """
        return not (self.whole and len(self)) or self.looks(box, before) >= self.config.enough

    def was_seen_empty(self, box: Float[np.ndarray, "2 3"], before: float) -> bool:
        """Tell whether known views before a stamp [s] would have shown a thing in a box [m]."""
        return bool(np.isfinite(box).all()) and self.looks(box, before) >= self.config.enough

    def looks(self, box: Float[np.ndarray, "2 3"], before: float) -> int:
        """Count the kept views before `before` [s] that would have shown a thing in a box [m].

        Those that would have shown it large count twice.
        """
        config, count = self.config, len(self)
        middle = box.mean(axis=0)
        poses, lens = self._poses[:count], self._lens[:count]
        z = poses[:, 2, :3] @ middle + poses[:, 2, 3]
        edges = np.sort(box[1] - box[0])[1:].prod()
        pixels = edges * np.square(lens[:, 0] / np.maximum(z, 0.1))
        about = (z > config.near) & (z < config.far) & (pixels >= config.least_pixels)
        chosen = np.flatnonzero(about & (self._stamps[:count] < before))
        if not len(chosen):
            return 0
        shown = chosen[self._shows(chosen, box)]
        return len(shown) + int(np.count_nonzero(pixels[shown] >= config.plain))

    def _shows(
        self, chosen: Int64[np.ndarray, "v"], box: Float[np.ndarray, "2 3"]
    ) -> Bool[np.ndarray, "v"]:
        """Tell in which views half of a box's points lie in the image, and nothing before them."""
        points = box[0] + _GRID * (box[1] - box[0])
        poses = self._poses[chosen]
        local = np.einsum("vij,pj->vpi", poses[:, :3, :3], points) + poses[:, None, :3, 3]
        z = np.maximum(local[:, :, 2], 1e-3)
        fx, fy, cx, cy = self._lens[chosen].T[:, :, None]
        stride = self.config.stride
        column = np.floor((local[:, :, 0] / z * fx + cx) / stride).astype(np.int64)
        row = np.floor((local[:, :, 1] / z * fy + cy) / stride).astype(np.int64)
        rows, columns = self._depths.shape[1:]
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        seen = self._depths[
            chosen[:, None], row.clip(0, rows - 1), column.clip(0, columns - 1)
        ].astype(np.float64)
        return np.asarray((inside & (seen > z - self.config.tolerance)).mean(axis=1) >= 0.5)

    def _keys(self, pose: Float[np.ndarray, "4 4"]) -> list[tuple[int, ...]]:
        """Return the square and direction of a pose (camera to world), numbered by repetition."""
        ahead = pose[:3, 2]
        yaw = np.degrees(np.arctan2(ahead[1], ahead[0]))
        pitch = np.degrees(np.arcsin(np.clip(ahead[2], -1, 1)))
        spot = np.floor(pose[:3, 3] / self.config.step).astype(int).tolist()
        turn = self.config.turn
        facing = round(yaw / turn) % round(360 / turn), round(pitch / turn)
        return [(*spot, *facing, number) for number in range(self.config.repeats)]

    def _start(self, shape: tuple[int, ...]) -> None:
        capacity = self.config.capacity
        self._bins.clear()
        self._stamps = np.zeros(capacity)
        self._poses, self._lens = np.zeros((capacity, 4, 4)), np.zeros((capacity, 4))
        self._depths = np.zeros((capacity, *shape), np.float16)
