"""Stable colours for object ids."""

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8


@lru_cache
def _davis() -> bytes:
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            taken = ids >> (3 * bit + channel) & 1
            colours[:, channel] |= (taken << (7 - bit)).astype(np.uint8)
    return colours.tobytes()


def davis_palette() -> UInt8[np.ndarray, "256 3"]:
    """Return the palette of DAVIS, which is PASCAL VOC's.

    Bits 0, 1 and 2 of an id are the highest bits of red, green and blue, bits 3, 4 and 5 the next.
    """
    return np.frombuffer(_davis(), np.uint8).reshape(256, 3).copy()


def colour_of(
    object_id: int, palette: UInt8[np.ndarray, "n 3"] | None = None
) -> tuple[int, int, int]:
    """Return an object's colour: the palette's; beyond its end one that follows from the id."""
    table = davis_palette() if palette is None else palette
    if object_id < len(table):
        red, green, blue = (int(value) for value in table[object_id])
        return red, green, blue
    mixed = object_id * 2654435761 % 2**32  # Knuth's multiplicative hash.
    return 64 + (mixed >> 8) % 192, 64 + (mixed >> 16) % 192, 64 + (mixed >> 24) % 192
