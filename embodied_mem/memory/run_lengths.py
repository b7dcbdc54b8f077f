"""Masks as COCO's compressed run lengths, of bounded size.

A mask is read column by column; the lengths of its runs, background first, are written as COCO's
tools write them: each from the fourth on as the difference to the one two before it, in groups of
five bits, the lowest first, with a bit that tells whether more follow, as the letters from `0` on.
"""

import msgspec
import numpy as np
from jaxtyping import Bool, Int64

from embodied_mem.errors import StoreFormatError

_LETTERS = 48
"""Code of the first letter."""
_LARGEST = 1 << 26
"""Most pixels of a mask that is read."""


class Runs(msgspec.Struct, frozen=True, array_like=True):
    """One mask."""

    height: int
    width: int
    counts: bytes
    """The runs, as COCO's tools write them."""


def encode(mask: Bool[np.ndarray, "h w"]) -> Runs:
    """Write a mask."""
    height, width = mask.shape
    return Runs(height, width, _written(_lengths(mask)))


def decode(runs: Runs) -> Bool[np.ndarray, "h w"]:
    """Read a mask.

    Raises:
        StoreFormatError: The runs do not fill it.
    """
    lengths, pixels = _read(runs.counts), runs.height * runs.width
    if pixels > _LARGEST or min(lengths, default=0) < 0 or sum(lengths) != pixels:
        raise StoreFormatError("the outline of a thing is damaged. Take the video in again.")
    shown = np.arange(len(lengths)) % 2 == 1
    return np.repeat(shown, lengths).reshape(runs.width, runs.height).T


def encode_within(mask: Bool[np.ndarray, "h w"], most: int) -> Runs:
    """Write a mask in at most so many bytes: at half the size, and so on, until it fits.

    Args:
        mask: In any size.
        most: Most bytes of the runs, at least 16.
    """
    runs = encode(mask)
    while len(runs.counts) > most:
        mask = _halved(mask)
        runs = encode(mask)
    return runs


def resized(mask: Bool[np.ndarray, "h w"], shape: tuple[int, int]) -> Bool[np.ndarray, "p q"]:
    """Return a mask of the same view in another size, by nearest neighbours."""
    rows = np.arange(shape[0]) * mask.shape[0] // shape[0]
    columns = np.arange(shape[1]) * mask.shape[1] // shape[1]
    return mask[rows[:, None], columns[None]]


def _halved(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "p q"]:
    """Return a mask of half the size, rounded up; of each four pixels two or more must show."""
    height, width = mask.shape
    even = np.pad(mask, ((0, height % 2), (0, width % 2)), mode="edge")
    fours = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    return fours.sum(axis=(1, 3)) >= 2


def _lengths(mask: Bool[np.ndarray, "h w"]) -> Int64[np.ndarray, "r"]:
    """Return the lengths of the runs by columns, background first, which may be of none."""
    pixels = mask.ravel(order="F")
    ends = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    first = [0] if pixels[:1].any() else []
    return np.diff(np.concatenate([[0], first, ends, [pixels.size]])).astype(np.int64)


def _written(lengths: Int64[np.ndarray, "r"]) -> bytes:
    letters = bytearray()
    for number, length in enumerate(lengths.tolist()):
        value = length - int(lengths[number - 2]) if number > 2 else length
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            letters.append(_LETTERS + (bits | 32 if more else bits))
    return bytes(letters)


def _read(letters: bytes) -> list[int]:
    lengths: list[int] = []
    value = shift = 0
    for letter in letters:
        bits = letter - _LETTERS
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value = shift = 0
    return lengths
