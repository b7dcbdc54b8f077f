"""From topics to frames: what belongs together, where the camera was, and what cannot be used."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, nan
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import FrameError
from embodied_mem.types import Frame, Truth
from ros_nodes import convert, images
from ros_nodes.drops import Drops, Reason, UnusableMessageError
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.messages import Message
from ros_nodes.stamps import SECOND, nanoseconds
from ros_nodes.straighten import Lens, lens, straightened
from ros_nodes.tf_buffer import BACK, TfBuffer, TransformUnavailableError
from ros_nodes.time_sync import TimeSync

_WAITING = 32
"""Most images that wait for a transform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Messages that belong together, and where the camera was; not yet decoded."""

    stamp: int
    """[ns]."""
    color: Message
    depth: Message
    masks: Message | None
    info: Message
    T_map_camera: RigidTransform
    T_map_base: RigidTransform
    arrival: float
    """When its last message came, on `time.perf_counter` [s]."""
    is_raw: bool = False
    """Whether it is to be straightened."""

    def frame(self) -> Frame:
        """Decode it.

        Raises:
            UnusableMessageError: An image or the camera info cannot be used.
        """
        color = (
            images.compressed_color(self.color)
            if hasattr(self.color, "format")
            else images.color_image(self.color)
        )
        depth = (
            images.compressed_depth(self.depth)
            if hasattr(self.depth, "format")
            else images.depth_image(self.depth)
        )
        height, width = color.shape[:2]
        truth = None if self.masks is None else convert.masks(self.masks)
        if self.is_raw:
            bent = lens(self.info, width, height)
            camera = bent.camera
            color, depth, truth = _straight(color, depth, truth, bent)
        else:
            camera = convert.camera(self.info, width, height)
        try:
            return Frame(
                stamp=self.stamp / SECOND,
                rgb=color,
                depth=depth,
                camera=camera,
                T_world_camera=self.T_map_camera,
                T_world_body=self.T_map_base,
                truth=truth,
            )
        except FrameError as error:
            raise UnusableMessageError(Reason.MALFORMED, str(error)) from error


def _straight(
    color: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "r c"],
    truth: Truth | None,
    bent: Lens,
) -> tuple[np.ndarray, np.ndarray, Truth | None]:
    """Straighten images that lie on the same pixels; sizes are compared later."""
    shape = bent.camera.height, bent.camera.width
    color = straightened(color, bent, blend=True)
    if depth.shape == shape:
        depth = straightened(depth, bent, blend=False, beyond=nan)
    if truth is not None and truth.ids.shape == shape:
        truth = replace(truth, ids=straightened(truth.ids, bent, blend=False))
    return color, depth, truth


@dataclass(frozen=True, slots=True)
class _Waiting:
    stamp: int
    messages: tuple[Any, ...]
    deadline: int
    arrival: float


class Intake:
    """Takes messages in and emits shots, in order of time."""

    def __init__(
        self,
        config: MemoryNodeConfig,
        drops: Drops,
        now: Callable[[], int],
        emit: Callable[[Shot], None],
    ):
        """Wait for messages.

        Args:
            config: Frames and timing.
            drops: Where what cannot be used is counted.
            now: The node's clock [ns].
            emit: Takes each shot.
        """
        self._config, self._drops, self._now, self._emit = config, drops, now, emit
        self.tf = TfBuffer(config.timing.tf_cache)
        self.received: Counter[str] = Counter()
        """Images that came, by topic: what a sensor sent beyond that was lost on the way."""
        names = ("color", "depth", "masks") if config.topics.masks else ("color", "depth")
        self._sync = TimeSync(
            names,
            drops,
            slop=round(config.timing.sync_slop * SECOND),
            capacity=config.timing.sync_queue,
        )
        self._timeout = round(config.timing.tf_timeout * SECOND)
        self._waiting: deque[_Waiting] = deque()
        self._info: Message | None = None
        self._newest = -inf

    def image(self, topic: str, message: Message) -> None:
        """Take in an image of `color`, `depth` or `masks`."""
        self.received[topic] += 1
        stamp = nanoseconds(message.header.stamp)
        if stamp == 0:
            self._drops.add(Reason.ZERO_STAMP, f"an image of {topic} has no stamp")
            return
        if topic == "color":
            self._watch_clock(stamp)
        for when, messages in self._sync.add(topic, stamp, message):
            self._queue(when, messages)
        self.advance()

    def camera_info(self, message: Message) -> None:
        """Take in the camera's calibration; the newest counts."""
        self._info = message

    def transforms(self, message: Message, *, is_static: bool) -> None:
        """Take in a `tf2_msgs/TFMessage`."""
        for entry in message.transforms:
            try:
                pose = convert.rigid(entry.transform.translation, entry.transform.rotation)
            except UnusableMessageError as error:
                self._drops.add(error.reason, f"{entry.child_frame_id}: {error}")
                continue
            self.tf.add(
                entry.header.frame_id,
                entry.child_frame_id,
                nanoseconds(entry.header.stamp),
                pose,
                is_static=is_static,
            )
        self.advance()

    def advance(self) -> None:
        """Emit what has its transform by now, and drop what has waited too long."""
        while self._waiting:
            waiting = self._waiting[0]
            try:
                shot = self._place(waiting)
            except TransformUnavailableError as error:
                if error.may_come and self._now() < waiting.deadline:
                    return
                self._drops.add(Reason.NO_TRANSFORM, str(error))
                self._waiting.popleft()
                continue
            self._waiting.popleft()
            self._emit(shot)

    def finish(self) -> None:
        """Drop and count what still waits: nothing more will come."""
        self._drops.add(
            Reason.OUT_OF_SYNC, "the messages ended before its companions came", self._sync.clear()
        )
        self._drops.add(
            Reason.NO_TRANSFORM, "the messages ended before it came", len(self._waiting)
        )
        self._waiting.clear()

    def _queue(self, stamp: int, messages: tuple[Any, ...]) -> None:
        if self._info is None:
            self._drops.add(Reason.NO_CAMERA_INFO, "no camera info has come yet")
            return
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            self._drops.add(Reason.NO_TRANSFORM, "too many images wait for transforms")
        deadline = self._now() + self._timeout
        self._waiting.append(_Waiting(stamp, messages, deadline, time.perf_counter()))

    def _place(self, waiting: _Waiting) -> Shot:
        """Find where the camera was.

        Raises:
            TransformUnavailableError: That is not known, or not yet.
        """
        color, depth, *masks = waiting.messages
        frames = self._config.frames
        camera = color.header.frame_id
        return Shot(
            stamp=waiting.stamp,
            color=color,
            depth=depth,
            masks=masks[0] if masks else None,
            info=self._info,
            T_map_camera=self.tf.lookup(frames.map, camera, waiting.stamp),
            T_map_base=self.tf.lookup(frames.map, frames.base, waiting.stamp),
            arrival=waiting.arrival,
            is_raw=self._config.topics.is_raw,
        )

    def _watch_clock(self, stamp: int) -> None:
        """Start anew where the clock went back: a bag began again, a simulator was reset."""
        if stamp < self._newest - BACK:
            lost = self._sync.jump_back(stamp)
            lost += len(self._waiting)
            self._waiting.clear()
            self.tf.jump_back(stamp)
            self._drops.add(Reason.CLOCK_JUMP, f"the clock went back to {stamp} ns", lost)
            self._newest = stamp
        self._newest = max(self._newest, stamp)
