"""Pictures in ROS image messages: encodings, row steps, byte order, compression. Pure."""

from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from embodied_mem.errors import FrameError

LAYOUT = {
    "rgb8": (np.uint8, 3), "bgr8": (np.uint8, 3), "rgba8": (np.uint8, 4), "bgra8": (np.uint8, 4),
    "mono8": (np.uint8, 1), "8UC1": (np.uint8, 1), "8UC3": (np.uint8, 3),
    "16UC1": (np.uint16, 1), "mono16": (np.uint16, 1), "32FC1": (np.float32, 1),
    "32SC1": (np.int32, 1),
}  # fmt: skip

_TO_RGB = {
    "rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "rgba8": (0, 1, 2), "bgra8": (2, 1, 0),
    "mono8": (0, 0, 0), "8UC3": (2, 1, 0),
}  # fmt: skip

_MOST_PIXELS = 64 * 1024 * 1024


class ImageMessageError(FrameError):
    """An image message cannot be read."""

    def __init__(self, kind: Literal["encoding", "malformed"], why: str):
        super().__init__(why)
        self.kind = kind


def pixels(image: Any) -> np.ndarray:
    """Return the pixels of a `sensor_msgs/Image` as they are, (h, w) or (h, w, c).

    Raises:
        ImageMessageError: The encoding is not read, or the data do not fit the size.
    """
    height, width, step = int(image.height), int(image.width), int(image.step)
    if image.encoding not in LAYOUT:
        raise ImageMessageError(
            "encoding",
            f"encoding '{image.encoding}' is not read; known are {', '.join(sorted(LAYOUT))}.",
        )
    kind, channels = LAYOUT[image.encoding]
    dtype = np.dtype(kind).newbyteorder(">" if image.is_bigendian else "<")
    row = width * channels * dtype.itemsize
    data = np.frombuffer(image.data, np.uint8)
    if not 0 < height * width <= _MOST_PIXELS or step < row or len(data) < step * height:
        raise ImageMessageError(
            "malformed",
            f"an image of {width}x{height} '{image.encoding}' with a step of {step} needs "
            f"{step * height} bytes in rows of at least {row}, got {len(data)}.",
        )
    rows = data[: step * height].reshape(height, step)[:, :row]
    array = np.ascontiguousarray(rows).view(dtype).reshape(height, width, channels)
    array = array.astype(kind, copy=False)
    return array[:, :, 0] if channels == 1 else array


def color_image(image: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Return a colour image as RGB.

    Raises:
        ImageMessageError: It is none, or malformed.
    """
    if image.encoding not in _TO_RGB:
        raise ImageMessageError(
            "encoding",
            f"encoding '{image.encoding}' is no colour; known are {', '.join(sorted(_TO_RGB))}.",
        )
    array = pixels(image)
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    if image.encoding == "rgb8":
        return array
    return np.ascontiguousarray(array[:, :, _TO_RGB[image.encoding]])


def compressed_color(image: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture of a `sensor_msgs/CompressedImage` as RGB.

    Raises:
        ImageMessageError: It is not a JPEG or PNG that can be decoded.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return np.ascontiguousarray(decode(image.data, flags)[:, :, ::-1])


def decode(data: Any, flags: int) -> np.ndarray:
    """Return a compressed image's pixels as OpenCV reads them.

    Raises:
        ImageMessageError: They cannot be decoded.
    """
    raw = np.frombuffer(data, np.uint8)
    try:
        array = cv2.imdecode(raw, flags) if len(raw) else None
    except cv2.error as error:
        raise ImageMessageError("malformed", "a compressed image is damaged.") from error
    if array is None:
        raise ImageMessageError("malformed", "a compressed image cannot be decoded.")
    return array
