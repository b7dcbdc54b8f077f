"""How often a key was used lately, in little room."""

import hashlib
import struct

import numpy as np

_MOST = 15
_ROWS = 4
_DOORS = 3


class FrequencySketch:
    """Count-min sketch behind a doorkeeper (TinyLFU, arXiv:1512.00727, sections 3.2 to 3.4).

    Four rows of counters that stop at 15, of which only the smallest grow (conservative update). A
    key's first use in a period only enters the doorkeeper, a Bloom filter, so that what is met once
    takes no counter. When a period ends, all counters are halved and the doorkeeper is emptied.
    """

    def __init__(self, period: int):
        """Make an empty sketch, with room for as many keys as a period has uses.

        Args:
            period: Uses until all is halved.
        """
        self.period = period
        self._width = 1 << max(6, (period - 1).bit_length())
        self._door_width = 1 << max(7, (8 * period - 1).bit_length())
        self._counts = [bytearray(self._width) for _ in range(_ROWS)]
        self._door = bytearray(self._door_width)
        self._uses = 0

    def add(self, key: str) -> None:
        """Count one use."""
        cells, doors = self._places(key)
        if not all(self._door[door] for door in doors):
            for door in doors:
                self._door[door] = 1
        else:
            least = min(row[cell] for row, cell in zip(self._counts, cells, strict=True))
            for row, cell in zip(self._counts, cells, strict=True):
                if row[cell] == least < _MOST:
                    row[cell] += 1
        self._uses += 1
        if self._uses >= self.period:
            self._halve()

    def estimate(self, key: str) -> int:
        """Return how often a key was used lately, 0..16; before a halving never less than it was.

        What was used more than 16 times counts as 16.
        """
        cells, doors = self._places(key)
        passed = all(self._door[door] for door in doors)
        return min(row[cell] for row, cell in zip(self._counts, cells, strict=True)) + passed

    def _halve(self) -> None:
        for row in self._counts:
            np.frombuffer(row, np.uint8)[:] >>= 1
        self._door = bytearray(self._door_width)
        self._uses //= 2

    def _places(self, key: str) -> tuple[list[int], list[int]]:
        """Return a key's counters, one in each row, and its places in the doorkeeper."""
        digest = hashlib.blake2b(key.encode(), digest_size=4 * (_ROWS + _DOORS)).digest()
        words = struct.unpack(f"<{_ROWS + _DOORS}I", digest)
        cells = [word & self._width - 1 for word in words[:_ROWS]]
        return cells, [word & self._door_width - 1 for word in words[_ROWS:]]
