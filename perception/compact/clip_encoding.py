"""Colours of a film as the bytes of an MP4 file."""

import io
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8

_RATE = 10
"""Frames a second that the file claims [Hz]; nothing depends on it."""


def encode(rgb: UInt8[np.ndarray, "t h w 3"], *, quality: int) -> bytes:
    """Encode frames with H.264.

    Args:
        rgb: Frames; their sides are even.
        quality: x264's constant rate factor; less is better, 18 cannot be told from the original.
    """
    height, width = rgb.shape[1:3]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = cast(VideoStream, container.add_stream("libx264", rate=_RATE))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(quality), "preset": "slow", "threads": "1"}
        for frame in rgb:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return buffer.getvalue()
