"""Masks for detectors that only give boxes: the surface that fills most of a box's middle."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32

from embodied_mem.types import Frame

GAP = 0.06
"""Neighbouring pixels whose depths differ by more than `GAP + GAP_SLOPE * depth` belong to two
surfaces [m]."""

GAP_SLOPE = 0.03
"""Growth of that distance with depth: noise and slant spread with range."""

_MIN_KNOWN = 0.1
"""A box of which less than this share has depth is not cut."""


def masks_in_boxes(frame: Frame, boxes: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, "n h w"]:
    """Return one mask for each box: without depth, all of it.

    Args:
        frame: Gives depth, where it has any, and the image's size.
        boxes: x1, y1, x2, y2 [px]; what lies outside the image is cut off.
    """
    height, width = frame.rgb.shape[:2]
    masks = np.zeros((len(boxes), height, width), dtype=bool)
    for mask, box in zip(masks, boxes, strict=True):
        window = box_window(box, height, width)
        if frame.depth is None:
            mask[window] = True
        else:
            mask[window] = middle_surface(frame.depth[window])
    return masks


def box_window(box: Float[np.ndarray, "4"], height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns whose pixels' centres lie in a box, at most the image's."""
    x1, y1, x2, y2 = np.round(np.nan_to_num(box)).astype(int)
    return slice(max(y1, 0), min(max(y2, 0), height)), slice(max(x1, 0), min(max(x2, 0), width))


def middle_surface(depth: Float32[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Tell which pixels belong to the surface that the box is about.

    Surfaces are parted where depth jumps between neighbours. The largest one counts, and pixels
    count less the nearer they are to the box's edge: there the box shows what is behind or beside.

    Args:
        depth: Inside the box [m]; NaN, zero or infinite where unknown.
    """
    known = np.isfinite(depth) & (depth > 0)
    if known.sum() <= _MIN_KNOWN * depth.size:
        return np.ones(depth.shape, dtype=bool)
    surfaces = connected_surfaces(np.where(known, depth, 0).astype(np.float32), known)
    rows, columns = (1 - np.abs(np.linspace(-1, 1, size + 2)[1:-1]) for size in depth.shape)
    weights = np.where(known, np.outer(rows, columns), 0)
    votes = np.bincount(surfaces.ravel(), weights=weights.ravel())
    votes[0] = 0
    return surfaces == votes.argmax()


def connected_surfaces(
    depth: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> Int32[np.ndarray, "h w"]:
    """Number the surfaces from 1; 0 where depth is not known.

    Pixels lie at the even places of a grid of twice the size, the links between them at the odd
    ones, so that connected components of that grid are surfaces, exactly.
    """
    height, width = depth.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = known
    grid[1::2, ::2] = known[1:] & known[:-1] & _close(depth[1:], depth[:-1])
    grid[::2, 1::2] = known[:, 1:] & known[:, :-1] & _close(depth[:, 1:], depth[:, :-1])
    return cv2.connectedComponents(grid, connectivity=4)[1][::2, ::2]


def _close(
    one: Float32[np.ndarray, "h w"], other: Float32[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    return np.abs(one - other) <= GAP + GAP_SLOPE * np.minimum(one, other)
