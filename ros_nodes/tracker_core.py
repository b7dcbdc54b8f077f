"""Masks in once, masks and tracks out for every image: the XMem-style tracker as a node.

A detector may be slow: its masks carry the stamp of the image that they were made of, which is kept
for a while. A detector that speaks of objects again corrects them.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import FrameError
from embodied_mem.types import Instance, Truth
from perception.xmem.tracker import Tracked
from perception.xmem.tracker_config import TrackerConfig
from ros_nodes import convert, images, outputs
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.messages import Message
from ros_nodes.stamps import SECOND, header_values, nanoseconds
from ros_nodes.tf_buffer import BACK
from ros_nodes.tracks import tracks_values
from ros_nodes.transport import EVENTS, SENSOR, Qos, Transport
from ros_nodes.worker import Worker


class TrackerNodeConfig(Config, frozen=True):
    """A tracker node."""

    name: str = "tracker"
    namespace: str = "/"
    color: str = "/camera/color/image_raw"
    """Images."""
    annotations: str = "/detector/masks"
    """`LabelledMasks` of some of them: what to follow."""
    reliable: bool = False
    """Whether images are asked for reliably."""
    weights: str = ""
    """Of the tracker; those that come with the package when empty."""
    device: str = "cpu"
    """Where the network runs."""
    history: int = 30
    """Images that are kept for masks that come late."""
    sync_slop: float = 0.02
    """Most that the stamps of masks and their image may differ [s]."""
    diagnostics_period: float = 1.0
    """Time between two diagnostics [s]."""
    tracker: TrackerConfig = TrackerConfig()


@runtime_checkable
class Follower(Protocol):
    """`perception.xmem.tracker.ObjectTracker`, as far as a node needs it."""

    def step(
        self,
        frame: UInt8[np.ndarray, "h w 3"],
        masks: Int[np.ndarray, "h w"] | None = None,
    ) -> Tracked:
        """Find the objects in the next frame."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


class TrackerNode:
    """Follows what it was shown."""

    def __init__(
        self,
        config: TrackerNodeConfig,
        transport: Transport,
        worker: Worker,
        follower: Follower,
    ):
        """Create topics and services; nothing is taken in before `activate`.

        Args:
            config: Parameters.
            transport: The connection.
            worker: Where the network runs.
            follower: The tracker.
        """
        self.config, self._transport, self._worker = config, transport, worker
        self.drops = transport.drops
        self._follower = follower
        self._shots: deque[Message] = deque(maxlen=config.history)
        self._labels: dict[int, Instance] = {}
        self._is_active = False
        self._newest, self._shown = -inf, -inf
        self.frames = 0
        """Images that were followed."""
        offer, listen = transport.advertise, transport.subscribe
        self._masks = offer("~/masks", "embodied_mem_msgs/msg/LabelledMasks", Qos(depth=5))
        self._tracks = offer("~/tracks", "vision_msgs/msg/Detection2DArray", Qos(depth=5))
        self._diagnostics = offer("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", EVENTS)
        sensor = Qos(reliable=config.reliable, depth=SENSOR.depth)
        listen(config.color, "sensor_msgs/msg/Image", self._on_image, sensor)
        kind = "embodied_mem_msgs/msg/LabelledMasks"
        listen(config.annotations, kind, self._on_annotation, sensor)
        transport.serve("~/reset", "std_srvs/srv/Trigger", self._on_reset)
        transport.every(config.diagnostics_period, self._publish_diagnostics)

    def activate(self) -> None:
        """Begin to follow."""
        self._is_active = True

    def deactivate(self) -> None:
        """Stop taking images in; what is followed is kept."""
        self._is_active = False

    def close(self) -> None:
        """Finish what was taken in. May be called twice."""
        self._worker.close()

    def _on_image(self, message: Message) -> None:
        if not self._is_active:
            return
        stamp = nanoseconds(message.header.stamp)
        if stamp == 0:
            self.drops.add(Reason.ZERO_STAMP, "an image has no stamp")
            return
        if stamp < self._newest - BACK:
            self.drops.add(Reason.CLOCK_JUMP, f"the clock went back to {stamp} ns")
            self._shots.clear()
            self._newest = -inf
            self._worker.event(self._forget)
        self._newest = max(self._newest, stamp)
        self._shots.append(message)
        self._worker.frame(lambda: self._guarded(lambda: self._follow(message)))

    def _on_annotation(self, message: Message) -> None:
        if not self._is_active:
            return
        shot = self._shot_of(nanoseconds(message.header.stamp))
        if shot is None:
            self.drops.add(Reason.OUT_OF_SYNC, "masks are of no image that is kept")
            return
        self._worker.event(lambda: self._guarded(lambda: self._annotate(shot, message)))

    def _shot_of(self, stamp: int) -> Message | None:
        """Return the kept image that is nearest in time, within the slop."""
        slop = round(self.config.sync_slop * SECOND)
        away = {abs(nanoseconds(shot.header.stamp) - stamp): shot for shot in self._shots}
        return away[min(away)] if away and min(away) <= slop else None

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except UnusableMessageError as error:
            self.drops.add(error.reason, str(error))
        except FrameError as error:
            self.drops.add(Reason.MALFORMED, str(error))

    def _annotate(self, shot: Message, message: Message) -> None:
        """Learn what to follow, from the image that the masks were made of."""
        truth = convert.masks(message)
        if not truth.ids.any():
            return
        followed = self._follower.step(images.color_image(shot), np.maximum(truth.ids, 0))
        self._labels |= truth.instances
        self._show(shot, followed)

    def _follow(self, shot: Message) -> None:
        self._show(shot, self._follower.step(images.color_image(shot)))

    def _show(self, shot: Message, followed: Tracked) -> None:
        """Publish where things are, unless something newer was told already."""
        self.frames += 1
        stamp = nanoseconds(shot.header.stamp)
        if stamp <= self._shown or not followed.objects:
            return
        self._shown = stamp
        header = header_values(stamp, shot.header.frame_id)
        named = {
            number: self._labels.get(number, Instance(object_id=str(number), label=""))
            for number in followed.objects
        }
        self._masks(convert.masks_values(Truth(ids=followed.ids, instances=named), header))
        self._tracks(tracks_values(followed, named, header))

    def _forget(self) -> None:
        self._follower.clear()
        self._labels.clear()
        self._shown = -inf

    def _on_reset(self, request: Message) -> outputs.Fields:  # noqa: ARG002 - An empty request.
        self._worker.event(self._forget)
        return {"success": True, "message": "nothing is followed any more"}

    def _publish_diagnostics(self) -> None:
        state = "active" if self._is_active else "inactive"
        values = {"frames": self.frames, "objects": len(self._labels)}
        problems = self._transport.problems()
        told = outputs.diagnostics_values(self.config.name, state, values, self.drops, problems)
        header = header_values(self._transport.now(), "")
        self._diagnostics({"header": header, "status": [told]})
