"""How a picture looks to what described the videos of a store."""

import hashlib
from pathlib import Path

import cv2
import msgspec
import numpy as np
from jaxtyping import Float32, UInt8

from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.samples import shrink
from perception.video.intake import IntakeConfig
from perception.video.look import GridLook, Look

_LARGEST = 64 << 20
"""Bytes of a picture's file that are read at most."""


def likeness(index: EventIndex, path: str, weights: str | None = None) -> Float32[np.ndarray, "d"]:
    """Describe a picture as the videos of a store are described.

    Args:
        index: The store.
        path: Of a picture's file.
        weights: File of the network's weights, where a network described the videos.

    Raises:
        BackendError: The file cannot be read, or is no picture.
        ConfigError: The videos are described in several ways, or by other weights.
    """
    settings = [msgspec.json.decode(video.settings, type=IntakeConfig) for video in index.videos()]
    looks = sorted({one.look for one in settings})
    if len(looks) != 1:
        raise ConfigError(
            f"the videos of this memory are described in {len(looks)} ways, and a picture is "
            "compared in one. Keep videos with other `--features` in another store."
        )
    look = _look(looks[0], weights)
    rgb = shrink(_read(path), max(one.side for one in settings))
    return look(rgb, np.zeros(rgb.shape[:2], np.bool_))


def weights_digest(path: str) -> str:
    """Return the SHA-256 of a file of weights.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"cannot read the weights {path}: {error.strerror}.") from error


def _look(name: str, weights: str | None) -> Look:
    """Return what a video's settings name."""
    if name == "grid":
        return GridLook()
    model, _, digest = name.rpartition(" ")
    if weights is None or weights_digest(weights) != digest:
        raise ConfigError(
            f"the videos of this memory are described by {model}. Give the file of its weights "
            f"with `--weights`, the one with SHA-256 {digest[:12]}..."
        )
    from perception.timm_config import TimmFeaturesConfig  # noqa: PLC0415 - imports torch.
    from perception.video.timm_look import TimmLook  # noqa: PLC0415

    return TimmLook(TimmFeaturesConfig(model=model, weights=weights))


def _read(path: str) -> UInt8[np.ndarray, "h w 3"]:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BackendError(f"cannot read the picture {path}: {error.strerror}.") from error
    if len(data) > _LARGEST:
        raise BackendError(f"{path} is larger than {_LARGEST >> 20} MiB.")
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # More pixels than OpenCV reads.
        found = None
    if found is None:
        raise BackendError(f"{path} is no picture that can be read.")
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
