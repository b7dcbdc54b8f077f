"""Colour images of a ROS bag, of ROS 1 or 2, at the times that their headers tell."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from embodied_mem.errors import BackendError, MissingExtraError
from embodied_mem.video.image_messages import ImageMessageError, color_image, compressed_color
from embodied_mem.video.shots import NANOSECONDS, Shot

try:
    from rosbags.highlevel import AnyReader, AnyReaderError
    from rosbags.interfaces import Connection
    from rosbags.rosbag1 import ReaderError as Bag1Error
    from rosbags.rosbag2 import ReaderError as Bag2Error
    from rosbags.typesys import Stores, get_typestore
except ImportError as _error:
    raise MissingExtraError("bags", "bags") from _error

_LOG = logging.getLogger(__name__)

_RAW, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_BAG_ERRORS = (AnyReaderError, Bag1Error, Bag2Error, OSError)
_MESSAGE_ERRORS = (AnyReaderError, IndexError, AssertionError, OverflowError, TypeError, ValueError)
_MARGIN = 2 * NANOSECONDS
"""A message is received at most so much later than another one of a later stamp [ns]."""


class BagImages:
    """The colour images of one topic."""

    def __init__(self, path: Path, topic: str = ""):
        """Look for the topic.

        Args:
            path: A .bag file, or a folder that ROS 2 recorded.
            topic: Which images; may be left out where there is one topic of them.

        Raises:
            BackendError: The bag cannot be read, or has none or several such topics.
        """
        self.path = path
        with self._open() as reader:
            self.topic = self._chosen(reader, topic)
            first = next(self._stamped(reader, None), None)
            if first is None:
                raise BackendError(f"the bag {path} has no image on {self.topic}.")
            received, self._first, _ = first
            self._late = received - self._first
            """How much later than its stamp the first image was received [ns]."""
            self.seconds: float | None = max(0, reader.end_time - received) / NANOSECONDS

    def shots(self, after: int | None = None) -> Iterator[Shot]:
        """Yield the images, from some time before a position on; stamps that go back are left out.

        Raises:
            BackendError: The bag cannot be read any more.
        """
        with self._open() as reader:
            start = None if after is None else after + self._late - _MARGIN
            latest = None
            for _, stamp, message in self._stamped(reader, start):
                if (latest is None or stamp > latest) and stamp >= self._first:
                    latest = stamp
                    seconds = Fraction(stamp - self._first, NANOSECONDS)
                    yield Shot(stamp, seconds, partial(_picture, message))

    def position_at(self, seconds: float) -> int:
        """Return the position of a time, whether or not there is a picture."""
        return self._first + int(seconds * NANOSECONDS)

    @contextmanager
    def _open(self) -> Iterator[AnyReader]:
        store = get_typestore(Stores.LATEST)
        try:
            with AnyReader([self.path], default_typestore=store) as reader:
                yield reader
        except _BAG_ERRORS as error:
            raise BackendError(
                f"the bag {self.path} cannot be read ({error}): it is something else, empty, or "
                "was cut off."
            ) from error

    def _chosen(self, reader: AnyReader, topic: str) -> str:
        """Return the topic that was asked for, or the only one."""
        found = sorted({c.topic for c in reader.connections if _is_colour(reader, c)})
        if topic and topic not in found:
            raise BackendError(
                f"the bag {self.path} has no colour images on {topic}. Topics with some: "
                f"{', '.join(found) or 'none'}."
            )
        if not found:
            topics = ", ".join(sorted({c.topic for c in reader.connections})) or "none"
            raise BackendError(f"the bag {self.path} has no colour images. Its topics: {topics}.")
        if len(found) > 1 and not topic:
            raise BackendError(
                f"the bag {self.path} has several topics of colour images; give one of them with "
                f"`--topic`: {', '.join(found)}."
            )
        return topic or found[0]

    def _stamped(self, reader: AnyReader, start: int | None) -> Iterator[tuple[int, int, Any]]:
        """Yield receipts [ns], stamps [ns] and messages; damaged ones are left out."""
        wanted = [c for c in reader.connections if c.topic == self.topic]
        for connection, received, data in reader.messages(wanted, start=start):
            try:
                message: Any = reader.deserialize(data, connection.msgtype)
            except _MESSAGE_ERRORS as error:
                _LOG.warning("%s: a message is left out: %s", self.path, error)
                continue
            stamp = message.header.stamp
            told = stamp.sec * NANOSECONDS + stamp.nanosec
            yield received, told or received, message


def _is_colour(reader: AnyReader, connection: Connection) -> bool:
    """Return whether a topic's first message is a colour image."""
    if connection.msgtype not in (_RAW, _COMPRESSED):
        return False
    for _, _, data in reader.messages([connection]):
        try:
            return _picture(reader.deserialize(data, connection.msgtype)) is not None
        except _MESSAGE_ERRORS:
            continue
    return False


def _picture(message: Any) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return the picture of a message; None where it is no colour image, or damaged."""
    try:
        if hasattr(message, "encoding"):
            return color_image(message)
        return None if "compressedDepth" in message.format else compressed_color(message)
    except ImageMessageError:
        return None
