"""A user's own pictures with masks, as films of one frame."""

from pathlib import Path

import cv2
import numpy as np

from embodied_mem.errors import ConfigError
from embodied_mem.video.mask_files import read_mask
from perception.compact.clips import Clip

_KINDS = (".jpg", ".jpeg")


def read_pictures(folder: Path, width: int, height: int) -> list[Clip]:
    """Read NAME.jpg with its masks NAME.png, and bring them to one size.

    Args:
        folder: Of both.
        width: Of the films that they are trained on with [px].
        height: Likewise [px].

    Raises:
        ConfigError: There are none, or one has no masks.
        FrameError: Masks cannot be read.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _KINDS)
    if not paths:
        raise ConfigError(f"there are no pictures (.jpg) in {folder}.")
    return [_read(path, width, height) for path in paths]


def _read(path: Path, width: int, height: int) -> Clip:
    mask = path.with_suffix(".png")
    if not mask.exists():
        raise ConfigError(f"{path} has no masks: put them beside it as {mask.name}.")
    image = cv2.imread(str(path))
    if image is None:
        raise ConfigError(f"{path} cannot be read as a picture.")
    ids = read_mask(mask).ids
    if ids.shape != image.shape[:2]:
        raise ConfigError(
            f"{mask} must be as large as its picture, {image.shape[:2]}, got {ids.shape}."
        )
    numbers, places = np.unique(np.minimum(ids, 1 << 30), return_inverse=True)
    local = np.minimum(places.reshape(ids.shape) + (numbers[0] != 0), 255).astype(np.uint8)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    masks = cv2.resize(local, (width, height), interpolation=cv2.INTER_NEAREST)
    return Clip(rgb=cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[None], ids=masks[None])
