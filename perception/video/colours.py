"""Colours by name, and the small coloured things of a picture.

The eleven basic colour terms of Berlin and Kay (1969), cut out of hue, saturation and brightness by
fixed bounds. A thing's description is the share of each term in it: eleven numbers, no weights.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.config import Config
from perception.video.sighting import Sighting

COLOURS = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
"""Names of the terms, in the order of a description."""

_HUES = ((15, 3), (45, 4), (70, 5), (170, 6), (260, 7), (310, 8), (340, 9), (361, 3))
"""Upper end of each range of hues [degrees], and its term."""
_GROUP = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 1, 1], np.uint8)
"""Terms that one thing's parts in light and shade may have: 0 none, 1 warm, 2 yellow and so on."""


class ColouredThingsConfig(Config, frozen=True):
    """What counts as a small coloured thing."""

    saturation: int = 80
    """Least saturation of its pixels, of 255."""
    brightness: int = 40
    """Least brightness of its pixels, of 255."""
    least: float = 0.001
    """Smallest share of the picture."""
    most: float = 0.06
    """Largest share of the picture; what is larger is a surface."""
    filled: float = 0.4
    """Least share of its box that it fills."""
    apart: float = 0.6
    """Least share of its surroundings that has another colour."""
    limit: int = 24
    """Most things of one picture, the largest first."""


def _term_table() -> UInt8[np.ndarray, "180 32 32"]:
    """Return the term for each hue [2 degrees], saturation and brightness [8 of 255]."""
    hue, saturation, value = np.meshgrid(
        np.arange(180) * 2, np.arange(32) * 8 + 4, np.arange(32) * 8 + 4, indexing="ij"
    )
    terms = np.zeros(hue.shape, np.uint8)
    lower = 0
    for upper, term in _HUES:
        terms[(hue >= lower) & (hue < upper)] = term
        lower = upper
    chroma = saturation * value // 255
    dim = (terms == 4) & (value < 150) | (terms == 3) & (hue >= 8) & (hue < 180) & (value < 110)
    terms[dim] = 10
    light_red = (terms == 3) & (saturation < 130) & (value > 180)
    terms[light_red] = 9
    grey = (saturation < 40) | (chroma < 24)
    terms[grey & (value >= 185)] = 1
    terms[grey & (value < 185)] = 2
    terms[value < 48] = 0
    return terms


_TERMS = _term_table()


def colour_terms(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Return the number of the colour term of each pixel."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.uint8, copy=False)
    return _TERMS[np.minimum(hsv[..., 0], 179), hsv[..., 1] >> 3, hsv[..., 2] >> 3]


def describe(
    terms: UInt8[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "11"]:
    """Return the share of each term under a mask; zeros for an empty one."""
    counts = np.bincount(terms[mask], minlength=len(COLOURS)).astype(np.float32)
    return counts / max(float(counts.sum()), 1.0)


def name_of(shares: Float32[np.ndarray, "11"], *, second: float = 0.3) -> str:
    """Return the colour or the two colours of a description: `black and grey`."""
    order = np.argsort(-shares, kind="stable")
    if shares[order[1]] < second:
        return COLOURS[order[0]]
    return f"{COLOURS[order[0]]} and {COLOURS[order[1]]}"


def coloured_things(
    rgb: UInt8[np.ndarray, "h w 3"],
    terms: UInt8[np.ndarray, "h w"],
    config: ColouredThingsConfig,
    *,
    outlined: bool = False,
) -> list[Sighting]:
    """Return the small, compact patches of one strong colour in a picture.

    Args:
        rgb: The picture.
        terms: Colour term of each pixel.
        config: What counts.
        outlined: Whether their masks are kept.
    """
    soft = cv2.cvtColor(cv2.GaussianBlur(rgb, (3, 3), 0), cv2.COLOR_RGB2HSV)
    strong = (soft[..., 1] >= config.saturation) & (soft[..., 2] >= config.brightness)
    groups = np.where(strong, _GROUP[terms], 0).astype(np.uint8)
    found = []
    for group in range(1, int(_GROUP.max()) + 1):
        same = (groups == group).astype(np.uint8)
        if same.sum() >= config.least * same.size:
            found += _patches(same, terms, group, config, outlined=outlined)
    return sorted(found, key=lambda sighting: -sighting.area)[: config.limit]


def _patches(
    same: UInt8[np.ndarray, "h w"],
    terms: UInt8[np.ndarray, "h w"],
    group: int,
    config: ColouredThingsConfig,
    *,
    outlined: bool,
) -> list[Sighting]:
    closed = cv2.morphologyEx(same, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(closed)
    found = []
    for number in range(1, len(boxes)):
        x, y, width, height, pixels = (int(value) for value in boxes[number])
        share = pixels / same.size
        if not config.least <= share <= config.most or pixels < config.filled * width * height:
            continue
        view = (slice(y, y + height), slice(x, x + width))
        mask = parts[view] == number
        if _apart(closed, view, mask) >= config.apart:
            colours = describe(terms[view], mask)
            found.append(
                Sighting.of(view, mask, same.shape, colours, group=group, outlined=outlined)
            )
    return found


def _apart(
    same: UInt8[np.ndarray, "h w"], view: tuple[slice, slice], mask: Bool[np.ndarray, "y x"]
) -> float:
    """Return the share of a patch's surroundings that has another colour."""
    margin = 3
    top, left = max(view[0].start - margin, 0), max(view[1].start - margin, 0)
    around = same[top : view[0].stop + margin, left : view[1].stop + margin]
    own = np.zeros(around.shape, bool)
    own[view[0].start - top : view[0].stop - top, view[1].start - left : view[1].stop - left] = mask
    ring = cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~own
    return 1.0 - float(around[ring].mean()) if ring.any() else 0.0
