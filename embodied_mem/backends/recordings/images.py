"""Images of a recording from the disk: whole or not at all, depth in metres."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS = 64 * 1024 * 1024
_MOST_BYTES = 512 * 1024 * 1024

INVALID = (0, 65535)
"""Counts of a 16-bit depth image that mean `unknown`."""


class UnusableImageError(Exception):
    """Why an image cannot be used, as the end of `5 frames ...`; the readers count these."""


def read_color(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture, RGB.

    Raises:
        UnusableImageError: It is missing, damaged or no picture.
    """
    image = _decode(path, "colour", cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.ascontiguousarray(image[:, :, ::-1])


def read_depth(path: Path, unit: float) -> Float32[np.ndarray, "h w"]:
    """Read distances along the optical axis [m], NaN where unknown.

    Args:
        path: A 16-bit PNG or PGM, or floats in metres (`.npy`, `.tiff`, `.exr`).
        unit: Metres per count of a 16-bit image.

    Raises:
        UnusableImageError: It is missing, damaged or no depth image.
    """
    if path.suffix == ".npy":
        counts = _load_array(path)
    else:
        counts = _decode(path, "depth", cv2.IMREAD_UNCHANGED)
    if counts.ndim == 3 and counts.dtype.kind == "f":
        counts = counts[:, :, 0]
    if counts.ndim != 2:
        raise UnusableImageError("whose depth image has several channels")
    if counts.dtype == np.uint16:
        depth = (counts * unit).astype(np.float32)
        depth[np.isin(counts, INVALID)] = np.nan
    elif counts.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            depth = np.where(np.isfinite(counts) & (counts > 0), counts, np.nan).astype(np.float32)
    else:
        raise UnusableImageError("whose depth image is neither 16-bit nor float")
    return depth


def fit(depth: Float32[np.ndarray, "r c"], shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Bring depth to the colour image's size by nearest neighbours, which invents no distance.

    Raises:
        UnusableImageError: The two are not the same picture scaled.
    """
    if depth.shape == shape:
        return depth
    tall, wide = shape[0] / depth.shape[0], shape[1] / depth.shape[1]
    if abs(tall / wide - 1) > 0.01:
        raise UnusableImageError("whose depth and colour differ in shape")
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _decode(path: Path, what: str, flags: int) -> np.ndarray:
    data = _bytes(path, what)
    if data.startswith(_PNG):
        _check_png(data, what)
    elif data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-4096:]:
        raise UnusableImageError(f"whose {what} image is cut short")
    elif data.startswith(b"P5"):
        _check_pgm(data, what)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise UnusableImageError(f"whose {what} image cannot be decoded") from error
    if image is None:
        raise UnusableImageError(f"whose {what} image cannot be decoded")
    return image


def _bytes(path: Path, what: str) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnusableImageError(f"whose {what} file is too large")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnusableImageError(f"without {what} image") from error
    except OSError as error:
        raise UnusableImageError(f"whose {what} image cannot be read") from error
    if not data:
        raise UnusableImageError(f"whose {what} image is empty")
    return data


def _check_png(data: bytes, what: str) -> None:
    """Refuse a PNG that is cut short or damaged: decoders fill in what is missing, silently."""
    at = len(_PNG)
    while at + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + size
        if end > len(data):
            break
        body = data[at + 4 : end - 4]
        if zlib.crc32(body) != int.from_bytes(data[end - 4 : end], "big"):
            raise UnusableImageError(f"whose {what} image is damaged")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[4:12])
            if width * height > _MOST_PIXELS:
                raise UnusableImageError(f"whose {what} image is too large")
        if kind == b"IEND":
            return
        at = end
    raise UnusableImageError(f"whose {what} image is cut short")


def _check_pgm(data: bytes, what: str) -> None:
    """Refuse a PGM whose header promises more pixels than there are."""
    words = [w for line in data[:512].splitlines()[:6] for w in line.split(b"#")[0].split()][:4]
    if len(words) < 4 or not all(word.isdigit() for word in words[1:4]):
        raise UnusableImageError(f"whose {what} image cannot be decoded")
    width, height, highest = (int(word) for word in words[1:4])
    if width * height > _MOST_PIXELS:
        raise UnusableImageError(f"whose {what} image is too large")
    if len(data) < width * height * (2 if highest > 255 else 1):
        raise UnusableImageError(f"whose {what} image is cut short")


def _load_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UnusableImageError("without depth image") from error
    except (OSError, ValueError, EOFError) as error:
        raise UnusableImageError("whose depth image cannot be decoded") from error
    if not isinstance(array, np.ndarray):
        raise UnusableImageError("whose depth image cannot be decoded")
    return array
