"""What a camera looks right through: voxels of which nothing is left where it sees farther."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from embodied_mem.types import Camera

_REACHES = (1, 2, 4, 8, 16)
"""Windows that the nearest depth is kept for reach so far to each side [px]."""


class Background:
    """The nearest that a camera sees around each pixel.

    Args:
        limit: Depth before which whatever stood there would have been seen [m]; NaN where unknown,
            which lets nothing be looked through.
        camera: The camera.
    """

    def __init__(self, limit: Float32[np.ndarray, "h w"], camera: Camera):
        self._camera = camera
        known = np.where(np.isfinite(limit), limit, np.float32(0))
        self._nearest = np.stack([cv2.erode(known, _square(reach)) for reach in _REACHES])

    def lies_behind(
        self,
        z: Float[np.ndarray, "v"],
        row: Int64[np.ndarray, "v"],
        column: Int64[np.ndarray, "v"],
        size: float,
    ) -> Bool[np.ndarray, "v"]:
        """Tell which balls the camera looks through, past their whole width and beside it.

        Args:
            z: Depth of each ball's middle [m].
            row: Pixel that shows it.
            column: The same.
            size: Diameter [m].
        """
        wide = size / 2 * max(self._camera.fx, self._camera.fy) / np.maximum(z, 1e-3)  # [px].
        step = np.searchsorted(_REACHES, wide).clip(0, len(_REACHES) - 1)
        return z < self._nearest[step, row, column]


def _square(reach: int) -> np.ndarray:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
