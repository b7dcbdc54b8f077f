"""Messages as plain objects: what conversion reads of rclpy's and of rosbags'."""

from types import SimpleNamespace
from typing import Any

import numpy as np


def image(pixels: np.ndarray, encoding: str, *, pad: int = 0, big: bool = False) -> Any:
    """Return a `sensor_msgs/Image` with padded rows, in either byte order."""
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")))
    raw = rows.reshape(len(pixels), -1).view(np.uint8)
    raw = np.pad(raw, ((0, 0), (0, pad)), constant_values=77)
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(big),
        step=raw.shape[1],
        data=raw.tobytes(),
    )


def as_object(values: Any) -> Any:
    """Return fields as an object with attributes."""
    if isinstance(values, dict):
        return SimpleNamespace(**{key: as_object(value) for key, value in values.items()})
    return [as_object(item) for item in values] if isinstance(values, list) else values
