"""Image messages to arrays and back, with the reasons that nodes count. Pure."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from embodied_mem.video import image_messages
from embodied_mem.video.image_messages import LAYOUT, ImageMessageError
from ros_nodes.drops import Reason, UnusableMessageError

MILLIMETRE = 0.001
"""Metres per count of 16UC1 depth (REP 118)."""

_REASONS = {"encoding": Reason.ENCODING, "malformed": Reason.MALFORMED}


@contextmanager
def _counted() -> Iterator[None]:
    """Give what is wrong with an image the name under which it is counted."""
    try:
        yield
    except ImageMessageError as error:
        raise UnusableMessageError(_REASONS[error.kind], str(error)) from error


def pixels(image: Any) -> np.ndarray:
    """Return the pixels of a `sensor_msgs/Image` as they are, (h, w) or (h, w, c).

    Raises:
        UnusableMessageError: The encoding is not read, or the data do not fit the size.
    """
    with _counted():
        return image_messages.pixels(image)


def color_image(image: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Return a colour image as RGB.

    Raises:
        UnusableMessageError: It is none, or malformed.
    """
    with _counted():
        return image_messages.color_image(image)


def compressed_color(image: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture of a `sensor_msgs/CompressedImage` as RGB.

    Raises:
        UnusableMessageError: It is not a JPEG or PNG that can be decoded.
    """
    with _counted():
        return image_messages.compressed_color(image)


def depth_image(image: Any) -> Float32[np.ndarray, "h w"]:
    """Return depth [m], NaN where unknown.

    Raises:
        UnusableMessageError: It is no depth image, or malformed.
    """
    if image.encoding not in {"16UC1", "mono16", "32FC1"}:
        raise UnusableMessageError(
            Reason.ENCODING, f"encoding '{image.encoding}' is no depth; known are 16UC1 and 32FC1."
        )
    return _metres(pixels(image))


def number_image(image: Any) -> Int32[np.ndarray, "h w"]:
    """Return an image of instance numbers.

    Raises:
        UnusableMessageError: It is none, or malformed.
    """
    if image.encoding not in {"32SC1", "16UC1", "mono16", "mono8", "8UC1"}:
        raise UnusableMessageError(
            Reason.ENCODING, f"encoding '{image.encoding}' holds no instance numbers; use 32SC1."
        )
    return pixels(image).astype(np.int32, copy=False)


def compressed_depth(image: Any) -> Float32[np.ndarray, "h w"]:
    """Return the depth of a `compressedDepth` image [m], NaN where unknown.

    `compressed_depth_image_transport` puts 12 bytes before a PNG: an enum and two floats a, b.
    16UC1 is stored as it is; 32FC1 as counts c of inverse depth, where depth is a / (c - b).

    Raises:
        UnusableMessageError: It is no such image.
    """
    encoding = image.format.split(";")[0].strip()
    data = bytes(image.data)
    if "compressedDepth" not in image.format or encoding not in {"16UC1", "32FC1"}:
        raise UnusableMessageError(
            Reason.ENCODING, f"format '{image.format}' is no compressed depth that is read."
        )
    if len(data) <= 12:
        raise UnusableMessageError(Reason.MALFORMED, f"{len(data)} bytes are no compressed depth.")
    with _counted():
        counts = image_messages.decode(data[12:], cv2.IMREAD_UNCHANGED)
    if counts.ndim != 2 or counts.dtype != np.uint16:
        raise UnusableMessageError(Reason.MALFORMED, "compressed depth must be a 16-bit PNG.")
    if encoding == "16UC1":
        return _metres(counts)
    a, b = struct.unpack("<ff", data[4:12])
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(counts > 0, a / (counts.astype(np.float32) - np.float32(b)), np.nan)
    return _metres(depth.astype(np.float32))


def image_values(pixels: np.ndarray, encoding: str, header: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `sensor_msgs/Image`, little endian, without padding.

    Args:
        pixels: (h, w) or (h, w, c), of the encoding's number type.
        encoding: rgb8, 16UC1, 32FC1, 32SC1 ...
        header: Fields of the header.
    """
    kind, channels = LAYOUT[encoding]
    data = np.ascontiguousarray(pixels, np.dtype(kind).newbyteorder("<"))
    height, width = pixels.shape[:2]
    return {
        "header": header,
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": width * channels * data.dtype.itemsize,
        "data": data.reshape(-1).view(np.uint8),
    }


def _metres(depth: np.ndarray) -> Float32[np.ndarray, "h w"]:
    """Return counts in millimetres, or metres, as metres; NaN where nothing was measured."""
    if depth.dtype == np.uint16:
        metres = depth.astype(np.float32) * np.float32(MILLIMETRE)
        metres[depth == 0] = np.nan
        return metres
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
