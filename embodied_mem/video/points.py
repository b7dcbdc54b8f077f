"""First masks from points, without a network: a disk at one point, GrabCut around several.

This is a stopgap where no masks are at hand. It knows edges of colour, and nothing of objects.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import msgspec
import numpy as np
from jaxtyping import Int32, UInt8

from embodied_mem.errors import FrameError

_DISK = 0.03
"""Radius of what a single point means, as a part of the image's shorter side."""
_MARGIN = 0.15
"""How far an object may reach beyond its points, as a part of their box's longer side."""
_ROUNDS = 5
"""Of GrabCut."""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place on an object."""

    frame: int
    """Number of the frame, from 0."""
    x: float
    """From the left edge [px]."""
    y: float
    """From the top edge [px]."""


def read_points(path: str | Path) -> dict[int, dict[int, list[Point]]]:
    """Read a JSON file `{"1": [{"frame": 0, "x": 120, "y": 80}, ...], ...}`.

    Returns:
        For each frame, the points of each object.

    Raises:
        FrameError: It cannot be read, or an id is not positive.
    """
    try:
        objects = msgspec.json.decode(Path(path).read_bytes(), type=dict[int, list[Point]])
    except OSError as error:
        raise FrameError(f"cannot read points {path}: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise FrameError(
            f"{path} is not a file of points: {error}. Points are written as "
            '{"1": [{"frame": 0, "x": 120, "y": 80}]}, under the id of their object.'
        ) from error
    frames: dict[int, dict[int, list[Point]]] = {}
    for object_id, points in objects.items():
        if object_id < 1:
            raise FrameError(f"object ids in {path} must be positive, got {object_id}.")
        for point in points:
            frames.setdefault(point.frame, {}).setdefault(object_id, []).append(point)
    return frames


def mask_from_points(
    rgb: UInt8[np.ndarray, "h w 3"], objects: Mapping[int, list[Point]]
) -> Int32[np.ndarray, "h w"]:
    """Return a mask for the points of each object; larger objects lie below smaller ones.

    Raises:
        FrameError: A point lies outside the image.
    """
    height, width = rgb.shape[:2]
    for object_id, points in objects.items():
        for point in points:
            if not (0 <= point.x < width and 0 <= point.y < height):
                raise FrameError(
                    f"the point ({point.x:g}, {point.y:g}) of object {object_id} lies outside "
                    f"frame {point.frame}, which is {width}x{height}."
                )
    found = {object_id: _area(rgb, points) for object_id, points in objects.items()}
    ids = np.zeros((height, width), np.int32)
    for object_id, area in sorted(found.items(), key=lambda item: -np.count_nonzero(item[1])):
        ids[area] = object_id
    return ids


def _area(rgb: UInt8[np.ndarray, "h w 3"], points: list[Point]) -> np.ndarray:
    height, width = rgb.shape[:2]
    radius = max(1, round(_DISK * min(height, width)))
    disks = np.zeros((height, width), np.uint8)
    for point in points:
        cv2.circle(disks, (int(point.x), int(point.y)), radius, 1, cv2.FILLED)
    if len(points) == 1:
        return disks.astype(bool)
    xs, ys = [point.x for point in points], [point.y for point in points]
    margin = radius + round(_MARGIN * max(max(xs) - min(xs), max(ys) - min(ys)))
    left, right = max(0, int(min(xs)) - margin), min(width, int(max(xs)) + margin + 1)
    top, bottom = max(0, int(min(ys)) - margin), min(height, int(max(ys)) + margin + 1)
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[top:bottom, left:right] = cv2.GC_PR_FGD
    labels[disks > 0] = cv2.GC_FGD
    if (labels == cv2.GC_BGD).any():  # GrabCut needs both.
        cv2.setRNGSeed(0)  # It draws: the same points mean the same mask.
        box = (left, top, right - left, bottom - top)  # Not looked at: the labels say more.
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(rgb, labels, box, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
