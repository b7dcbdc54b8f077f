"""Frames from a video file or from a folder of images, one after another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from embodied_mem.errors import BackendError

_SEEK_MARGIN = 2
"""How much before a frame its key frame is looked for [s]."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFrame:
    """One image of a video."""

    index: int
    """Its place among the frames, from 0."""
    name: str
    """What its mask is called, without an extension."""
    rgb: UInt8[np.ndarray, "h w 3"] | None
    """None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A decoded frame of a video file, and when it is shown."""

    position: int
    """Its presentation stamp, in the stream's own units; its number where there is none."""
    seconds: Fraction
    """When it is shown, from the first frame on [s]."""
    picture: av.VideoFrame


class FrameSource(Protocol):
    """Where frames come from."""

    path: Path
    rate: Fraction | None
    """Frames a second, where that is known."""
    count: int | None
    """Frames that there should be, where that is known."""

    def frames(self, start: int = 0) -> Iterator[VideoFrame]:
        """Yield the frames from number `start` on."""
        ...

    def key(self, name: str) -> str:
        """Return what the name of a frame and that of its mask have in common."""
        ...


def open_frames(path: str | Path) -> "FrameFolder | VideoFile":
    """Open a video file or a folder of images.

    Raises:
        BackendError: It is neither, is damaged, or has no pictures in it.
    """
    path = Path(path)
    if path.is_dir():
        return FrameFolder(path)
    if not path.is_file():
        raise BackendError(f"there is no video {path}. Give a video file or a folder of images.")
    return VideoFile(path)


class FrameFolder:
    """Images in a folder, in the order of the numbers in their names."""

    def __init__(self, path: Path):
        """List the images.

        Raises:
            BackendError: There are none, or two have the same name.
        """
        self.path = path
        self.rate: Fraction | None = None
        images = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
        self._files = sorted(images, key=lambda file: natural_key(file.stem))
        if not images:
            raise BackendError(f"the folder {path} holds no images ({', '.join(IMAGE_SUFFIXES)}).")
        self.names = [file.stem for file in self._files]
        twice = [name for name, after in zip(self.names, self.names[1:], strict=False)
                 if name == after]  # fmt: skip
        if twice:
            raise BackendError(
                f"the folder {path} holds two images called {twice[0]}, of different kinds. "
                "Their masks would overwrite each other: remove one."
            )
        self.count: int | None = len(self._files)

    def frames(self, start: int = 0) -> Iterator[VideoFrame]:
        """Yield the frames from number `start` on; the files before it are not read."""
        for index, file in enumerate(self._files[start:], start=start):
            yield VideoFrame(index=index, name=file.stem, rgb=read_image(file))

    def key(self, name: str) -> str:
        """Return the name: masks are called as their frames are."""
        return name


class VideoFile:
    """A video file; frames are called by their numbers, 00000 first."""

    def __init__(self, path: Path):
        """Look what the file says of itself.

        Raises:
            BackendError: It is no video.
        """
        self.path = path
        with self._open() as container:
            stream = self._stream(container)
            self.rate = stream.average_rate or stream.guessed_rate
            self.count: int | None = stream.frames or None
            self._start = stream.start_time
            self._unit = stream.time_base or Fraction(1, 1000)
            self.seconds = _seconds(container, stream)
            """How long the file says it is [s], where it does."""

    @property
    def stamped(self) -> bool:
        """Whether frames carry the times at which they are shown."""
        return self._start is not None

    def shown(
        self, after: int | None = None, *, threads: int | None = None
    ) -> Iterator[ShownFrame]:
        """Yield the frames with the times at which they are shown.

        Args:
            after: Position of a frame; frames are yielded from the key frame before it on.
            threads: Threads that decode; as many as the decoder likes by default.
        """
        with self._open() as container:
            stream = self._stream(container)
            if threads is None:
                stream.thread_type = "AUTO"
            else:
                stream.thread_count = threads
            if after is not None and self.stamped:
                # Containers are indexed by decoding time, which runs ahead of the time of showing.
                _seek(container, stream, after - int(_SEEK_MARGIN / self._unit))
            index = 0
            for packet in _packets(container, stream):
                for frame in _decoded(packet):
                    if frame.pts is not None and self.stamped:
                        seconds = (frame.pts - (self._start or 0)) * self._unit
                        yield ShownFrame(frame.pts, seconds, frame)
                    elif not self.stamped:
                        yield ShownFrame(index, index / (self.rate or Fraction(25)), frame)
                    index += 1

    def position_at(self, seconds: float) -> int:
        """Return the position of what is shown at a time, whether or not a frame begins there."""
        if self._start is None:
            return int(seconds * (self.rate or Fraction(25)))
        return self._start + int(seconds / self._unit)

    def frames(self, start: int = 0) -> Iterator[VideoFrame]:
        """Yield the frames from number `start` on; those before it are decoded all the same.

        Parts that cannot be decoded have no frames: later ones take their numbers.
        """
        index = 0
        with self._open() as container:
            stream = self._stream(container)
            stream.thread_type = "AUTO"
            for packet in _packets(container, stream):
                for frame in _decoded(packet):
                    if index >= start:
                        yield VideoFrame(index=index, name=f"{index:05d}", rgb=_upright(frame))
                    index += 1

    def key(self, name: str) -> str:
        """Return the number that a name stands for: 7.png is the mask of frame 00007."""
        return str(int(name)) if name.isdecimal() else name

    def _open(self) -> InputContainer:
        try:
            return av.open(str(self.path), metadata_errors="replace")
        except (FFmpegError, OSError) as error:
            raise self._no_video(getattr(error, "strerror", None) or str(error)) from error

    def _no_video(self, reason: str) -> BackendError:
        return BackendError(
            f"{self.path} cannot be opened as a video ({reason}): it is something else, empty, or "
            "was cut off before its index was written."
        )

    def _stream(self, container: InputContainer) -> VideoStream:
        pictures = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not pictures and container.streams.audio:
            raise BackendError(f"{self.path} holds sound alone; a video needs pictures.")
        if not pictures:
            raise self._no_video("no pictures in it")
        return pictures[0]


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _seek(container: InputContainer, stream: VideoStream, position: int) -> None:
    """Go to the key frame at or before a position; where that is impossible, nowhere."""
    try:
        container.seek(position, stream=stream, backward=True)
    except FFmpegError:
        return


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    """Yield what can be read of a stream; a file that was cut off just ends."""
    try:
        yield from container.demux(stream)
    except FFmpegError:
        return


def _decoded(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except FFmpegError:
        return []


def _upright(frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    """Return a frame's colours, turned as the camera was held."""
    rgb = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters else rgb


def read_image(file: Path) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return an image, upright; None where it cannot be read."""
    try:
        with Image.open(file) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return what orders names by the numbers in them: frame_2 before frame_10."""
    parts = re.split(r"(\d+)", name)
    key = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]
    return (*key, (-2, name))
