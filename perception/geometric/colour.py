"""What lies flat in or on a plane, told from it by colour alone: a window, a picture, a cloth."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from embodied_mem.config import Config


class ColourConfig(Config, frozen=True):
    """When a patch of a plane is another thing than the plane."""

    differs: float = 18.0
    """Least distance to the plane's own colour in CIE Lab; lightness counts half."""
    apart: float = 7.0
    """The same for what something stands between: a door's leaf in its frame."""
    least: int = 250
    """Smaller patches are texture [px]."""
    solid: float = 0.45
    """Share of its convex hull that a patch fills at least; texture and shade are ragged."""
    most: float = 0.75
    """A patch that fills more of the plane than this is the plane."""


def lab_of(rgb: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Return calm CIE Lab colours, in which lightness counts half: light and shade change it."""
    lab = cv2.cvtColor(cv2.medianBlur(rgb, 5), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] *= 0.5
    return lab


def patches(
    lab: Float32[np.ndarray, "h w 3"],
    plane: Bool[np.ndarray, "h w"],
    first: int,
    config: ColourConfig,
) -> Int32[np.ndarray, "h w"]:
    """Number the patches of a plane that have another colour than most of it, from `first` on."""
    result = np.zeros(plane.shape, np.int32)
    window = _window(plane)
    result, whole = result[window], result
    lab, plane = lab[window], np.ascontiguousarray(plane[window])
    count, parts, stats, _ = cv2.connectedComponentsWithStats(plane.view(np.uint8), connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or sizes.max() < 2 * config.least:
        return whole
    main = 1 + int(np.argmax(sizes))
    own = np.median(lab[parts == main][::5], axis=0)
    away = difference(lab, own)
    for part in 1 + np.flatnonzero(sizes >= config.least):
        if part != main and np.median(away[parts == part]) > config.apart:
            result[parts == part] = first
            first += 1
    other = plane & (away > config.differs) & (result == 0)
    calm = cv2.morphologyEx(other.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    calm = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    calm = np.asarray(calm, np.uint8) & plane.view(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(calm, connectivity=4)
    sizes = stats[:, cv2.CC_STAT_AREA]
    most = config.most * np.count_nonzero(plane)
    for number in 1 + np.flatnonzero((sizes[1:] >= config.least) & (sizes[1:] <= most)):
        patch = numbers == number
        if sizes[number] >= config.solid * _hull(patch):
            result[patch] = first
            first += 1
    return whole


def difference(
    lab: Float32[np.ndarray, "*p 3"], own: Float32[np.ndarray, "*q 3"]
) -> Float32[np.ndarray, "*p"]:
    """Return the largest difference on any axis of colours from one, or each from another."""
    apart = [np.abs(lab[..., axis] - own[..., axis]) for axis in range(3)]
    return np.maximum(np.maximum(apart[0], apart[1]), apart[2])


def _window(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _hull(mask: Bool[np.ndarray, "h w"]) -> float:
    """Return the area of a mask's convex hull [px]."""
    pixels = cv2.findNonZero(mask.view(np.uint8))
    return float(cv2.contourArea(cv2.convexHull(pixels)))
