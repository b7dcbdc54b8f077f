"""Finds ids that come from blending two others along their common edge."""

import cv2
import numpy as np
from jaxtyping import Bool, Int

_ALONG = 0.8
"""Least share of a blended id's pixels that lie near two solid ids."""
_COVER = 0.52
"""Least share of the edges between solid ids that blended ids fill together. Blending by resizing
fills 0.55 to 1 of them; slivers of other objects in a tracker's masks 0.50 at most (the published
results of RVOS on DAVIS 2017, 1,999 masks)."""
_MANY = 3
"""So many thin ids along edges are blended whatever their values: colours that were indexed."""
_AROUND = np.ones((3, 3), np.uint8)


def soft_edge_ids(ids: Int[np.ndarray, "h w"]) -> list[int]:
    """Return the ids that occur only as thin bands along edges between others.

    A band is thin where no 3x3 window fits into it. Thin things proper, such as wires, lie on one
    ground or fill a small part of the edges in the image, and are not returned.
    """
    values = [int(i) for i in np.unique(ids)]
    bodies = {value: _body(ids == value) for value in values}
    solid = [value for value in values if bodies[value].any()]
    thin = [value for value in values if value not in solid and value != 0]
    if len(solid) < 2 or not thin:
        return []
    near = np.stack([cv2.dilate((ids == v).astype(np.uint8), _AROUND, iterations=2) for v in solid])
    two = near.sum(axis=0) >= 2
    lowest = np.array(solid)[near.argmax(axis=0)]
    highest = np.array(solid)[::-1][near[::-1].argmax(axis=0)]
    along = [value for value in thin if np.mean(two[ids == value]) >= _ALONG]
    between = [
        value
        for value in along
        if np.mean(((lowest < value) & (value < highest))[ids == value]) >= _ALONG
    ]
    blended = along if len(along) >= _MANY else between
    filled = np.count_nonzero(np.isin(ids, blended))
    touching = _touching(ids, np.isin(ids, solid))
    return blended if filled and filled / (filled + touching) >= _COVER else []


def _body(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return where a 3x3 window fits; the image's frame does not count as an edge."""
    return cv2.erode(mask.astype(np.uint8), _AROUND).astype(bool)


def _touching(ids: Int[np.ndarray, "h w"], solid: Bool[np.ndarray, "h w"]) -> int:
    """Return how many neighbouring pixels are of different solid ids."""
    across = (ids[:, 1:] != ids[:, :-1]) & solid[:, 1:] & solid[:, :-1]
    down = (ids[1:] != ids[:-1]) & solid[1:] & solid[:-1]
    return int(np.count_nonzero(across) + np.count_nonzero(down))
