"""Pictures with times that are no frames of a video file: what bags and recordings hold."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from embodied_mem.video.frames import read_image

NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture, and when it was taken."""

    position: int
    """Its stamp [ns]."""
    seconds: Fraction
    """When it was taken, from the first one on [s]."""
    rgb: Callable[[], UInt8[np.ndarray, "h w 3"] | None]
    """Reads it; None where it cannot be read."""


@runtime_checkable
class Shots(Protocol):
    """Pictures in the order of time."""

    path: Path
    seconds: float | None
    """From the first to the last, where that is known [s]."""

    def shots(self, after: int | None = None) -> Iterator[Shot]:
        """Yield the pictures, from one at or before a position on."""
        ...

    def position_at(self, seconds: float) -> int:
        """Return the position of a time, whether or not there is a picture."""
        ...


class ImageFiles:
    """Image files with times that a recording keeps."""

    def __init__(self, path: Path, files: list[tuple[Fraction, Path]]):
        """Take a list of files.

        Args:
            path: The recording.
            files: Time [s] and file of each picture; those that repeat a time are left out.
        """
        self.path = path
        self._files: list[tuple[int, Path]] = []
        for stamp, file in sorted(files):
            position = round(stamp * NANOSECONDS)
            if not self._files or position > self._files[-1][0]:
                self._files.append((position, file))
        self._first = self._files[0][0]
        self.seconds: float | None = (self._files[-1][0] - self._first) / NANOSECONDS

    def shots(self, after: int | None = None) -> Iterator[Shot]:
        """Yield the pictures, from the one at or before a position on."""
        begin = 0
        if after is not None:
            begin = max(bisect_right(self._files, after, key=lambda file: file[0]) - 1, 0)
        for position, file in self._files[begin:]:
            seconds = Fraction(position - self._first, NANOSECONDS)
            yield Shot(position, seconds, lambda file=file: read_image(file))

    def position_at(self, seconds: float) -> int:
        """Return the position of a time, whether or not there is a picture."""
        return self._first + int(seconds * NANOSECONDS)
