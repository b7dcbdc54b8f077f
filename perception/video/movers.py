"""What moves in a picture: parts of the foreground, those that belong together as one."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from embodied_mem.config import Config
from perception.video.colours import describe
from perception.video.sighting import Sighting


class MoversConfig(Config, frozen=True):
    """What counts as something that moves."""

    least: float = 0.006
    """Smallest share of the picture."""
    joined: float = 0.05
    """Parts that are no further from each other, as a share of the picture's height, are one."""
    limit: int = 12
    """Most movers of one picture, the largest first."""


def movers(
    front: Bool[np.ndarray, "h w"],
    terms: UInt8[np.ndarray, "h w"],
    config: MoversConfig,
    *,
    outlined: bool = False,
) -> list[Sighting]:
    """Return what moves, the largest first.

    Args:
        front: Pixels that differ from the background.
        terms: Colour term of each pixel.
        config: What counts.
        outlined: Whether their masks are kept.
    """
    if front.mean() < config.least:
        return []
    reach = max(1, round(config.joined * front.shape[0]))
    joined = cv2.dilate(front.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for number in range(1, len(boxes)):
        x, y, width, height = (int(value) for value in boxes[number][:4])
        view = (slice(y, y + height), slice(x, x + width))
        mask = (parts[view] == number) & front[view]
        if mask.sum() < config.least * front.size:
            continue
        rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
        tight = (
            slice(y + int(rows[0]), y + int(rows[-1]) + 1),
            slice(x + int(columns[0]), x + int(columns[-1]) + 1),
        )
        inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        colours = describe(terms[tight], inside)
        found.append(Sighting.of(tight, inside, front.shape, colours, outlined=outlined))
    return sorted(found, key=lambda sighting: -sighting.area)[: config.limit]
