"""A long video in chunks that can be looked at apart from each other, here or elsewhere.

What is seen in a picture depends on the background alone, and on a detector's features of earlier
pictures where it keeps any; each chunk learns both anew from what was shown before it: the
hand-over. So a chunk's observations depend on nothing that another
chunk found, and are the same whether chunks are looked at in order by one process or at once by
many. What the observations mean is told afterwards, in order, over the whole video: things are
followed across the seams as anywhere else.
"""

import math
from collections.abc import Generator
from contextlib import closing

import cv2
import msgspec
import numpy as np
from jaxtyping import UInt8

from embodied_mem.config import Config
from embodied_mem.video.ahead import read_ahead
from embodied_mem.video.samples import Samples
from perception.video.detecting import VideoDetector
from perception.video.eye import Eye, Glance, WatcherConfig
from perception.video.look import Look


class ChunksConfig(Config, frozen=True):
    """How a long video is divided."""

    seconds: float = 900.0
    """Length of a chunk [s]."""
    hand_over: float = 100.0
    """The background is learned from so long before a chunk [s]; what stood still for longer than
    `BackgroundConfig.settled` is background in any case."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a video, [start, stop)."""

    start: float
    """[s]"""
    stop: float | None
    """[s]; None for the end, wherever it is."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of a video, looked at."""

    position: int
    """Where it is in the source."""
    stamp: float
    """When it is shown [s]."""
    glance: Glance
    jpeg: bytes
    """The picture."""


class ObserveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures are looked at."""

    watcher: WatcherConfig
    chunks: ChunksConfig
    quality: int
    """JPEG quality, of 100."""
    outlined: bool = False
    """Whether the masks of what moves and of coloured things are kept."""


def chunks_of(samples: Samples, config: ChunksConfig) -> list[Chunk]:
    """Divide a video; one that does not say how long it is, or cannot be entered, is one chunk."""
    whole = samples.promised if samples.can_seek else None
    count = max(1, math.ceil((whole or 0.0) / config.seconds))
    return [
        Chunk(
            start=number * config.seconds,
            stop=(number + 1) * config.seconds if number + 1 < count else None,
        )
        for number in range(count)
    ]


def observe(
    samples: Samples,
    chunk: Chunk,
    config: ObserveConfig,
    look: Look,
    *,
    detector: VideoDetector | None = None,
    after: int | None = None,
    ahead: int = 0,
) -> Generator[Observation, None, None]:
    """Look at the pictures of a chunk.

    Args:
        samples: The video.
        chunk: The part of it.
        config: How to look.
        look: Describes a whole picture.
        detector: Finds things, in place of what moves and of patches of one colour.
        after: Position of the last picture that is known already: the pictures up to it are gone
            through, so that background and detector are the same, and not given out.
        ahead: Pictures that a thread reads ahead.
    """
    eye = Eye(config.watcher, look, detector, outlined=config.outlined)
    begin = samples.position_of(chunk.start - config.chunks.hand_over)
    pictures = samples.between(begin, chunk.stop)
    with closing(read_ahead(pictures, ahead) if ahead else pictures) as pictures:
        for sample in pictures:
            known = after is not None and sample.position <= after
            if known or sample.stamp < chunk.start:
                eye.learn(sample.rgb, sample.stamp)
                continue
            yield Observation(
                position=sample.position,
                stamp=sample.stamp,
                glance=eye(sample.rgb, sample.stamp),
                jpeg=_jpeg(sample.rgb, config.quality),
            )


def _jpeg(rgb: UInt8[np.ndarray, "h w 3"], quality: int) -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), settings)
    assert done, "OpenCV writes any 8-bit picture as JPEG"
    return data.tobytes()
