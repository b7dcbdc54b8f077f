"""Points of a reconstruction that hang in the air."""

import numpy as np
from jaxtyping import Float, Int64

from embodied_mem.types import Frame


def ghost_voxels(
    points: Float[np.ndarray, "n 3"], views: tuple[Frame, ...], *, voxel: float, margin: float
) -> Int64[np.ndarray, "g 3"]:
    """Return the cells that hold points where the views see nothing but air.

    A point is a ghost if some view looks through its place to what lies more than `margin` behind
    it, and none sees a surface within `margin` of it.

    Args:
        points: Of a reconstruction [m].
        views: True depth, with cameras and poses.
        voxel: Edge of the cells [m].
        margin: Tolerance [m].
    """
    through, confirmed = np.zeros((2, len(points)), bool)
    for view in views:
        assert view.depth is not None
        assert view.camera is not None
        assert view.T_world_camera is not None
        local = view.T_world_camera.inv().apply(points.astype(np.float64))
        pixels = view.camera.project(local)
        with np.errstate(invalid="ignore"):
            inside = (pixels >= 0) & (pixels < (view.camera.width, view.camera.height))
        rows = np.flatnonzero(inside.all(axis=1))
        column, row = np.floor(pixels[rows]).astype(np.int64).T
        beyond = view.depth[row, column] - local[rows, 2]
        with np.errstate(invalid="ignore"):
            through[rows] |= beyond > margin
            confirmed[rows] |= np.abs(beyond) <= margin
    cells = np.floor(points[through & ~confirmed] / voxel).astype(np.int64)
    return np.unique(cells, axis=0)
