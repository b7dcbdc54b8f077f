"""Masks drawn over their images, and videos of that."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import Int, UInt8

from embodied_mem.errors import BackendError
from embodied_mem.video.palette import colour_of


def draw_overlay(
    rgb: UInt8[np.ndarray, "h w 3"],
    ids: Int[np.ndarray, "h w"],
    palette: UInt8[np.ndarray, "256 3"] | None = None,
    *,
    opacity: float = 0.5,
    contour: int = 1,
) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image with its objects tinted, and their contours over that.

    Args:
        rgb: The image; it is left as it is.
        ids: Object at each pixel; 0 is left as it is.
        palette: Colours of ids; those of DAVIS when None.
        opacity: Of the tint, 0..1.
        contour: Width of the contours [px]; 0 draws none.
    """
    drawn = rgb.copy()
    for object_id in (int(i) for i in np.unique(ids) if i):
        mask = ids == object_id
        colour = np.array(colour_of(object_id, palette), np.float32)
        tinted = (1 - opacity) * rgb[mask] + opacity * colour
        drawn[mask] = np.rint(tinted).astype(np.uint8)
    for object_id in (int(i) for i in np.unique(ids) if i and contour):
        mask = (ids == object_id).astype(np.uint8)
        lines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, colour_of(object_id, palette), contour)
    return drawn


class OverlayVideo:
    """Writes a video, H.264 where the encoder is there, else MPEG-4; whole or not at all."""

    def __init__(self, path: str | Path, rate: Fraction | int):
        """Open nothing yet: the first image tells the size.

        Args:
            path: The file, `.mp4` or another container's extension.
            rate: Frames a second.
        """
        self._path, self._rate = Path(path), Fraction(rate).limit_denominator(60_000)
        self._partial = self._path.with_name(f"{self._path.stem}.partial{self._path.suffix}")
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def write(self, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append an image; one of another size than the first is resized.

        Raises:
            BackendError: The file cannot be written.
        """
        height, width = rgb.shape[:2]
        even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        try:
            if self._stream is None:
                self._begin(*even.shape[:2])
            assert self._container is not None, "begun above"
            assert self._stream is not None, "begun above"
            width, height = self._stream.width, self._stream.height
            if even.shape[:2] != (height, width):
                even = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(np.asarray(even, np.uint8), format="rgb24")
            self._container.mux(self._stream.encode(frame))
        except (FFmpegError, OSError) as error:
            raise BackendError(f"cannot write {self._path}: {error}.") from error

    def _begin(self, height: int, width: int) -> None:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._container = container = av.open(str(self._partial), "w")
        self._stream = stream = container.add_stream(codec, rate=self._rate)
        stream.pix_fmt = "yuv420p"  # What players understand; it needs even sizes.
        stream.height, stream.width = height, width

    def __enter__(self) -> "OverlayVideo":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is None or self._stream is None:
            return
        try:
            if error is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if error is None:
                self._partial.replace(self._path)
        except (FFmpegError, OSError) as failure:
            if error is None:
                raise BackendError(f"cannot write {self._path}: {failure}.") from failure
        finally:
            self._partial.unlink(missing_ok=True)
