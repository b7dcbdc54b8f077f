"""The detections of one percept, measured for comparison with what is known."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8

from embodied_mem.memory import voxels
from embodied_mem.memory.depth_noise import range_within
from embodied_mem.types import Frame, Percept

_POINTS = 2000
"""Points of a detection that are turned into voxels."""
_CROP = 64
"""Longest edge of an object's image [px]."""
_ERROR = 0.03
"""Larger errors of depth are not taken into shapes [m]."""
_BEFORE = 0.1
"""What is nearer than its neighbour by more than this stands before it [m]."""


class Detections:
    """Boxes, voxels, and how much of each detection's thing the view shows.

    Args:
        percept: The detections.
        voxel: Edge of the voxels [m].
        noise: Standard deviation of the depth at 1 m [m].
    """

    def __init__(self, percept: Percept, voxel: float, noise: float):
        frame, masks = percept.frame, percept.masks
        self.percept = percept
        self.boxes = np.asarray(percept.boxes, np.float64)
        self.placed = np.asarray(np.isfinite(self.boxes.reshape(-1, 6)).all(axis=1))
        self.keys = voxels.encode_each([_spread(points) for points in percept.points], voxel)
        edges = [masks[:, :2], masks[:, -2:], masks[:, :, :2], masks[:, :, -2:]]
        self.cut = np.any([edge.any(axis=(1, 2)) for edge in edges], axis=0)
        """Whether a mask touches the border of the image."""
        height, width = frame.rgb.shape[:2]
        self.pixels = np.zeros(len(masks), np.int64)
        self.ranges = _ranges(frame, self.boxes)
        """Distance of each from the camera [m]; 0 where unknown."""
        self.clear = range_within(_ERROR, noise)
        """Depth is trusted to shape things up to this range [m]."""
        self.owner = np.zeros((height, width), np.int32)
        """Which detection each pixel belongs to, counted from 1; 0 for none."""
        for index, mask in enumerate(masks):
            window = _window(mask)
            self.owner[window][mask[window]] = index + 1
            self.pixels[index] = np.count_nonzero(mask[window])
        self.levels = [
            _dense_level(keys, len(p)) for keys, p in zip(self.keys, percept.points, strict=True)
        ]
        """Doublings of the voxels' edge at which each detection's points fill its surface."""
        self._coarse: dict[tuple[int, int], np.ndarray] = {}
        self._partial: dict[int, bool] = {}
        self._depth: Float32[np.ndarray, "h w"] | None = None

    def __len__(self) -> int:
        return len(self.percept)

    def at_level(self, index: int, level: int) -> Int64[np.ndarray, "v"]:
        """Return a detection's voxels at an object's level."""
        if level == 0:
            return self.keys[index]
        if (index, level) not in self._coarse:
            self._coarse[index, level] = voxels.coarsen(self.at_level(index, level - 1))
        return self._coarse[index, level]

    def is_about(
        self, pixels: Int64[np.ndarray, "k 2"], indices: Int64[np.ndarray, "k"]
    ) -> Bool[np.ndarray, "k"]:
        """Tell which pixels (column, row) lie within 2 pixels of a detection of the same label."""
        names = {label: number for number, label in enumerate(self.percept.labels, start=1)}
        kinds = np.array([0, *(names[label] for label in self.percept.labels)])
        owner, wanted = self.owner, kinds[indices + 1]
        rows, columns = np.array(owner.shape) - 1
        near = kinds[owner[pixels[:, 1], pixels[:, 0]]] == wanted
        far = np.flatnonzero(~near)  # Of few there is more to ask.
        x, y, wanted = pixels[far, 0], pixels[far, 1], wanted[far]
        for across in (-2, 0, 2):
            for down in (-2, 0, 2):
                beside = owner[(y + down).clip(0, rows), (x + across).clip(0, columns)]
                near[far] |= kinds[beside] == wanted
        return near

    def is_partial(self, index: int) -> bool:
        """Tell whether the image's border or something nearer cuts a detection off."""
        if index not in self._partial:
            self._partial[index] = bool(self.cut[index]) or self._is_hidden(index)
        return self._partial[index]

    def _is_hidden(self, index: int) -> bool:
        depth = self.percept.frame.depth
        if depth is None:
            return False
        if self._depth is None:
            self._depth = np.nan_to_num(depth).astype(np.float32)
        return _is_occluded(self._depth, self.percept.masks[index])

    def crop(self, index: int) -> UInt8[np.ndarray, "r c 3"]:
        """Cut a detection out of the image, at most 64 pixels wide and high."""
        window = _window(self.percept.masks[index])
        image = self.percept.frame.rgb[window]
        step = -(-max(image.shape[:2]) // _CROP)
        return image[::step, ::step].copy()


def _spread(points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "q 3"]:
    """Thin out points, keeping the outermost along each axis."""
    if len(points) <= _POINTS:
        return points
    ends = np.concatenate((points.argmin(axis=0), points.argmax(axis=0)))
    return np.concatenate((points[:: -(-len(points) // _POINTS)], points[ends]))


def _dense_level(keys: Int64[np.ndarray, "v"], points: int) -> int:
    """Return how often voxels must double so that there are two points for each."""
    level = 0
    while level < 3 and len(keys) > points / 2:
        keys, level = voxels.coarsen(keys), level + 1
    return level


def _ranges(frame: Frame, boxes: Float64[np.ndarray, "n 2 3"]) -> Float64[np.ndarray, "n"]:
    if frame.T_world_camera is None:
        return np.zeros(len(boxes))
    away = boxes.mean(axis=1) - frame.T_world_camera.translation
    return np.nan_to_num(np.linalg.norm(away, axis=1))


def _window(mask: Bool[np.ndarray, "h w"], margin: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns that a mask spans."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    if not width:
        return slice(0, 1), slice(0, 1)
    return (
        slice(max(top - margin, 0), top + height + margin),
        slice(max(left - margin, 0), left + width + margin),
    )


def _is_occluded(depth: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> bool:
    """Tell whether a part of a mask's outline is drawn by something nearer.

    Args:
        depth: Distance along the optical axis [m]; 0 where unknown.
        mask: The thing.
    """
    window = _window(mask, margin=2)
    inside, here = mask[window], depth[window]
    cross = np.ones((3, 3), np.uint8)
    beside = np.asarray(cv2.dilate(np.where(inside, here, 0), cross))  # Depth of the thing there.
    ring = ~inside & (beside > 0) & (here > 0)
    nearer = np.count_nonzero(ring & (here < beside - _BEFORE))
    return bool(nearer > max(2, 0.05 * np.count_nonzero(ring)))
