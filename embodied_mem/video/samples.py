"""A few pictures a second of a video, each with the time at which it is shown.

Times come from the container (presentation stamps), never from a count of frames over a rate, so
that a variable frame rate, dropped frames and cuts leave them right.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from embodied_mem.errors import BackendError
from embodied_mem.video.frames import FrameFolder, VideoFile, open_frames
from embodied_mem.video.rgbd import open_recording
from embodied_mem.video.shots import Shots

_Picture = Callable[[], UInt8[np.ndarray, "h w 3"] | None]
_BLOCK = 1 << 20
"""Bytes from each end of a file that `quick_digest` reads."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a video."""

    position: int
    """Where it is in the source: its presentation stamp, or its number in a folder."""
    stamp: float
    """When it is shown, from the first picture on [s]."""
    rgb: UInt8[np.ndarray, "h w 3"]
    """The picture, upright, its longer side at most what was asked for."""


class Samples:
    """The pictures of a video file or of a folder of images, some of them a second."""

    def __init__(
        self,
        path: str | Path,
        *,
        rate: float,
        side: int,
        folder_rate: float = 30.0,
        threads: int | None = None,
        topic: str = "",
    ):
        """Look what the source says of itself.

        Args:
            path: A video file, a folder of images, a recording with colour images, or a bag.
            rate: Pictures wanted a second; fewer where the source has fewer [1/s].
            side: Longest side of a picture; larger ones are shrunk [px].
            folder_rate: Images a second of a folder [1/s].
            threads: Threads that decode; as many as the decoder likes by default.
            topic: Images of a bag that are wanted, where it has several topics of them.

        Raises:
            BackendError: It is neither, is damaged, or has no pictures in it.
        """
        self.path = Path(path)
        self.rate = Fraction(rate).limit_denominator(1000)
        self.side = side
        self._threads = threads
        self._folder_rate = Fraction(folder_rate).limit_denominator(1001)
        self.source = _open_source(self.path, self._folder_rate, topic)
        self._scaler = VideoReformatter()  # One for all frames: it keeps its tables.
        self.promised = self._promised()
        """How long the source says it is [s]; None where it does not."""

    def __iter__(self) -> Iterator[Sample]:
        return self.after(None)

    def after(self, position: int | None) -> Iterator[Sample]:
        """Yield the pictures after one that was yielded before; all of them for None.

        A picture is taken when it is the first at or past the next tick of the rate. Which are
        taken does not depend on where one begins.
        """
        return self.between(position, None)

    def between(self, position: int | None, stop: float | None) -> Generator[Sample, None, None]:
        """Yield the pictures after a position, and before a time [s]."""
        tick = -1
        for place, seconds, picture in self._pictures(position):
            if stop is not None and float(seconds) >= stop:
                return
            latest = seconds * self.rate // 1
            if position is not None and place <= position:
                tick = latest
            elif latest > tick:
                rgb = picture()
                if rgb is not None:
                    tick = latest
                    yield Sample(place, float(seconds), rgb)

    @property
    def can_seek(self) -> bool:
        """Whether reading can begin anywhere without all that lies before."""
        return not isinstance(self.source, VideoFile) or self.source.stamped

    def position_of(self, stamp: float) -> int | None:
        """Return a position that lies before a time [s], for `between`; None at the start."""
        if isinstance(self.source, FrameFolder):
            place = int(stamp * self._folder_rate) - 1
        else:
            place = self.source.position_at(stamp) - 1
        return place if stamp > 0 else None

    def _pictures(self, position: int | None) -> Iterator[tuple[int, Fraction, _Picture]]:
        """Yield positions, times, and what makes the picture where it is wanted."""
        if isinstance(self.source, FrameFolder):
            for frame in self.source.frames(max(position or 0, 0)):
                picture = partial(_shrunk_image, frame.rgb, self.side)
                yield frame.index, frame.index / self._folder_rate, picture
            return
        if isinstance(self.source, VideoFile):
            for shown in self.source.shown(position, threads=self._threads):
                picture = partial(_shrunk_frame, shown.picture, self.side, self._scaler)
                yield shown.position, shown.seconds, picture
            return
        for shot in self.source.shots(position):
            picture = partial(_shrunk_shot, shot.rgb, self.side)
            yield shot.position, shot.seconds, picture

    def _promised(self) -> float | None:
        if isinstance(self.source, FrameFolder):
            return float(self.source.count / self._folder_rate) if self.source.count else None
        return self.source.seconds


_BAGS = (".bag", ".mcap", ".db3")


def _open_source(path: Path, rate: Fraction, topic: str) -> FrameFolder | VideoFile | Shots:
    """Open whatever a path is."""
    if path.suffix in _BAGS or (path / "metadata.yaml").is_file():
        from embodied_mem.video.bag import BagImages  # noqa: PLC0415 - an extra.

        if not path.exists():
            raise BackendError(f"there is no bag {path}.")
        return BagImages(path, topic)
    if topic:
        raise BackendError(f"{path} is no bag; only bags have a topic.")
    recording = open_recording(path, rate) if path.is_dir() else None
    return recording or open_frames(path)


def _shrunk_shot(read: _Picture, side: int) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return a picture of a bag or a recording, shrunk; None where it cannot be read."""
    return _shrunk_image(read(), side)


def _shrunk_image(
    rgb: UInt8[np.ndarray, "h w 3"] | None, side: int
) -> UInt8[np.ndarray, "y x 3"] | None:
    """Return an image, shrunk; None where it cannot be read."""
    return None if rgb is None else shrink(rgb, side)


def _shrunk_frame(
    frame: av.VideoFrame, side: int, scaler: VideoReformatter
) -> UInt8[np.ndarray, "h w 3"]:
    """Return a frame's colours, shrunk while they are converted, turned as the camera was held."""
    scale = min(1.0, side / max(frame.width, frame.height))
    width, height = (max(1, round(scale * length)) for length in (frame.width, frame.height))
    small = scaler.reformat(frame, width, height, "rgb24", interpolation="AREA")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), quarters))


def shrink(rgb: UInt8[np.ndarray, "h w 3"], side: int) -> UInt8[np.ndarray, "y x 3"]:
    """Return a picture whose longer side is at most `side` [px]."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale == 1.0:
        return rgb
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def content_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's images.

    Raises:
        BackendError: It cannot be read.
    """
    path = Path(path)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        whole = hashlib.sha256()
        for file in sorted(path.rglob("*")):
            if file.is_file():
                whole.update(f"{file.relative_to(path).as_posix()}\0".encode())
                with file.open("rb") as one:
                    whole.update(hashlib.file_digest(one, "sha256").digest())
        return whole.hexdigest()
    except OSError as error:
        raise BackendError(f"cannot read {path}: {error.strerror}.") from error


def quick_digest(path: str | Path) -> str:
    """Return a digest of a source's size and both ends, or of a folder's names and sizes.

    Raises:
        BackendError: It cannot be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            named = ((file.relative_to(path).as_posix(), file.stat().st_size) for file in files)
            text = "\n".join(f"{name} {size}" for name, size in named)
            return hashlib.sha256(text.encode()).hexdigest()
        size = path.stat().st_size
        with path.open("rb") as file:
            ends = file.read(_BLOCK)
            file.seek(max(0, size - _BLOCK))
            ends += file.read(_BLOCK)
        return hashlib.sha256(f"{size}\n".encode() + ends).hexdigest()
    except OSError as error:
        raise BackendError(f"cannot read {path}: {error.strerror}.") from error
