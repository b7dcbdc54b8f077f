"""The memory node: ROS semantics without ROS. It runs alike on bags, on DDS and under rclpy."""

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from math import radians
from statistics import median
from threading import RLock

from embodied_mem.app.build import AgentConfig, build_perceiver
from embodied_mem.errors import FrameError
from embodied_mem.memory import Memory
from embodied_mem.memory.records import Known
from embodied_mem.types import Action
from perception.naming import Namer
from ros_nodes import json_rpc, outputs
from ros_nodes.anchoring import AnchorWatch, Correction
from ros_nodes.answering import ASK, Answering
from ros_nodes.convert import attributes
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.intake import Intake, Shot
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.memory_services import MemoryServices
from ros_nodes.messages import Message
from ros_nodes.stamps import SECOND, header_values, seconds
from ros_nodes.tf_buffer import TransformUnavailableError
from ros_nodes.transport import EVENTS, SENSOR, STATE, TF, TF_STATIC, Qos, Transport
from ros_nodes.view import view_values
from ros_nodes.worker import Worker

_LOG = logging.getLogger(__name__)
_LATE = 200
"""Latencies that the median is taken over."""


def open_memory(store: str, agent: AgentConfig) -> Memory:
    """Open the memory that a node writes: a folder, or RAM.

    Raises:
        StoreError: The folder cannot be used.
    """
    return Memory.open(store, agent.memory) if store else Memory(agent.memory)


class MemoryNode:
    """Takes images in, keeps a memory, publishes it and answers questions."""

    def __init__(
        self, config: MemoryNodeConfig, transport: Transport, worker: Worker, memory: Memory
    ):
        """Create all topics and services; nothing is taken in before `activate`.

        Args:
            config: Parameters.
            transport: The connection; this node is its only user.
            worker: Where perception runs.
            memory: What is written; `close` closes it.
        """
        self.config, self.memory = config, memory
        self.lock = RLock()
        """Held by whoever reads or writes memory."""
        self.sequence = 0
        """Number of the newest update."""
        self.latencies: deque[float] = deque(maxlen=_LATE)
        """From an image's arrival to memory, of late [s]."""
        self._transport, self._worker = transport, worker
        self.drops = transport.drops
        self._perceive = self._perceiver()
        self._intake = Intake(config, self.drops, transport.now, self._take)
        jump = config.reanchor
        self._anchor = AnchorWatch(distance=jump.distance, angle=radians(jump.degrees))
        self._services = MemoryServices(self)
        self._known: dict[str, Known] = {}
        self._state = "inactive"
        self._published_at = -SECOND * 10**6
        self._advertise()
        self._subscribe()
        self._serve()

    @property
    def map_frame(self) -> str:
        """Frame of all that memory knows."""
        return self.config.frames.map

    def now(self) -> int:
        """Return the node's time [ns]."""
        return self._transport.now()

    def activate(self) -> None:
        """Begin to take images in."""
        self._state = "active"
        self._publish_state()

    def deactivate(self) -> None:
        """Stop taking images in; memory stays, and questions are answered."""
        self._state = "inactive"
        self._publish_state()

    def pause(self, paused: bool) -> None:  # noqa: FBT001 - As `std_srvs/SetBool` says it.
        """Stop or go on taking images in."""
        if self._state != "inactive":
            self._state = "paused" if paused else "active"

    def take_memory(self, memory: Memory) -> None:
        """Go on with another memory; the one before is closed."""
        self.memory.close()
        self.memory = memory
        self._perceive = self._perceiver()
        self.changed_outside()

    def changed_outside(self) -> None:
        """Publish what a service changed."""
        self._known = {}
        self._publish_update(full=True)
        self._publish_state()

    def finish(self) -> None:
        """Take in what has come, and publish the last state."""
        self._intake.advance()
        self._intake.finish()
        self._worker.close()
        self._publish_state()
        self._publish_diagnostics()

    def close(self) -> None:
        """Finish what was taken in, and release the memory. May be called twice."""
        self._worker.close()
        with self.lock:
            self.memory.close()

    def _perceiver(self) -> Namer:
        agent = self.config.agent
        return Namer(build_perceiver(agent.perception, agent.features), self.memory)

    def _advertise(self) -> None:
        offer = self._transport.advertise
        self._objects = offer("~/objects", "vision_msgs/msg/Detection3DArray", STATE)
        self._updates = offer("~/updates", "embodied_mem_msgs/msg/MemoryUpdate", EVENTS)
        self._markers = offer("~/markers", "visualization_msgs/msg/MarkerArray", STATE)
        self._status = offer("~/status", "embodied_mem_msgs/msg/MemoryStatus", STATE)
        self._view = None
        if self.config.view:
            self._view = offer("~/view", "embodied_mem_msgs/msg/View", STATE)
        self._diagnostics = offer("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", EVENTS)

    def _subscribe(self) -> None:
        topics, listen = self.config.topics, self._transport.subscribe
        images = Qos(reliable=topics.reliable, depth=SENSOR.depth)
        kind, suffixes = "sensor_msgs/msg/Image", ("", "")
        if topics.image_transport == "compressed":
            kind, suffixes = "sensor_msgs/msg/CompressedImage", ("/compressed", "/compressedDepth")
        listen("/tf_static", "tf2_msgs/msg/TFMessage", self._on_tf_static, TF_STATIC)
        listen("/tf", "tf2_msgs/msg/TFMessage", self._on_tf, TF)
        listen(topics.camera_info, "sensor_msgs/msg/CameraInfo", self._intake.camera_info, images)
        listen(topics.skill_results, "embodied_mem_msgs/msg/SkillResult", self._on_skill, EVENTS)
        listen(topics.color + suffixes[0], kind, self._on_image("color"), images)
        listen(topics.depth + suffixes[1], kind, self._on_image("depth"), images)
        if topics.masks:
            listen(
                topics.masks,
                "embodied_mem_msgs/msg/LabelledMasks",
                self._on_image("masks"),
                images,
            )

    def _serve(self) -> None:
        services = self._services.offered.items()
        offered = {
            name: (kind, partial(self._services.answer, name)) for name, (kind, _) in services
        }
        for name, (kind, answer) in offered.items():
            self._transport.serve(f"~/{name}", kind, answer)
        json_rpc.offer(self._transport, offered)
        self._transport.serve_action("~/answer", ASK, Answering(self, self._worker.event).act)
        self._transport.every(self.config.timing.diagnostics_period, self._publish_diagnostics)
        self._transport.every(0.05, self._intake.advance)

    def _on_image(self, topic: str) -> Callable[[Message], None]:
        def receive(message: Message) -> None:
            if self._state == "active":
                self._intake.image(topic, message)
            elif self._state == "paused":
                self.drops.add(Reason.PAUSED)

        return receive

    def _on_tf(self, message: Message) -> None:
        self._intake.transforms(message, is_static=False)
        frames = self.config.frames
        for entry in message.transforms:
            if entry.child_frame_id.lstrip("/") == frames.odom:
                self._follow_anchor(round(seconds(entry.header.stamp) * SECOND))

    def _on_tf_static(self, message: Message) -> None:
        self._intake.transforms(message, is_static=True)

    def _follow_anchor(self, stamp: int) -> None:
        frames = self.config.frames
        try:
            pose = self._intake.tf.lookup(frames.map, frames.odom, stamp)
        except TransformUnavailableError:
            return
        correction = self._anchor.update(stamp, pose)
        if correction is not None and self._state == "active":
            self._worker.event(lambda: self._correct(correction))

    def _on_skill(self, message: Message) -> None:
        if self._state != "active":
            return
        try:
            action = Action(name=message.name, arguments=dict(attributes(message.arguments)))
        except UnusableMessageError as error:
            self.drops.add(error.reason, str(error))
            return
        self._worker.event(lambda: self._record(action, message))

    def _take(self, shot: Shot) -> None:
        self._worker.frame(lambda: self._write(shot))

    def _write(self, shot: Shot) -> None:
        """Perceive one image and remember it."""
        try:
            percept = self._perceive(shot.frame())
        except UnusableMessageError as error:
            self.drops.add(error.reason, str(error))
            return
        except FrameError as error:
            self.drops.add(Reason.MALFORMED, str(error))
            return
        with self.lock:
            report = self.memory.write(percept)
            self.latencies.append(time.perf_counter() - shot.arrival)
            self._publish_update(full=False)
            if self._view is not None:
                self._view(view_values(percept, report.ids, shot.stamp, self.map_frame))
            if shot.stamp - self._published_at >= self.config.timing.publish_period * SECOND or (
                shot.stamp < self._published_at
            ):
                self._publish_state(shot.stamp)

    def _record(self, action: Action, message: Message) -> None:
        """Remember what the robot did."""
        with self.lock:
            self.memory.record(
                action,
                target=message.target or None,
                succeeded=bool(message.success),
                stamp=seconds(message.header.stamp),
            )

    def _correct(self, correction: Correction) -> None:
        """Move what was seen from wrong poses."""
        with self.lock:
            moved = self.memory.shift(correction.since, correction.pose)
            self._publish_update(full=False)
        _LOG.warning("localisation jumped: %d objects were moved along", len(moved))

    def _publish_update(self, *, full: bool) -> None:
        """Publish what differs from the last update; the caller holds the lock."""
        now = {known.object_id: known for known in self.memory.known()}
        changed = [known for name, known in now.items() if self._known.get(name) is not known]
        removed = sorted(self._known.keys() - now.keys())
        self._known = now
        if not (changed or removed or full):
            return
        self.sequence += 1
        self._updates(
            outputs.update_values(
                changed,
                removed,
                sequence=self.sequence,
                full=full,
                stamp=self.now(),
                frame=self.map_frame,
            )
        )

    def _publish_state(self, stamp: int | None = None) -> None:
        stamp = self.now() if stamp is None else stamp
        self._published_at = stamp
        with self.lock:
            objects = self.memory.known()
            frames = self.memory.frame
        self._objects(outputs.detections_values(objects, stamp, self.map_frame))
        self._markers(outputs.markers_values(objects, stamp, self.map_frame))
        self._status(
            {
                "header": header_values(stamp, self.map_frame),
                "state": self._state,
                "sequence": self.sequence,
                "frames": frames,
                "objects": len(objects),
                "latency": self._latency(),
                "store": self.config.store,
                "drops": outputs.key_values(self.drops.counts),
            }
        )

    def _latency(self) -> float:
        return median(self.latencies) if self.latencies else 0.0

    def report(self) -> dict[str, object]:
        """Return what diagnostics tell beside what was left out: what came, and what of it."""
        return {
            "frames": self.memory.frame,
            "objects": len(self.memory),
            "latency_ms": round(1000 * self._latency(), 2),
            **{f"received_{topic}": n for topic, n in sorted(self._intake.received.items())},
        }

    def _publish_diagnostics(self) -> None:
        """Tell how it goes; whatever was left out is named with its count and newest reason."""
        problems = self._transport.problems()
        told = outputs.diagnostics_values(
            self.config.name, self._state, self.report(), self.drops, problems
        )
        told["name"] = f"{self.config.name}: memory"
        self._diagnostics({"header": header_values(self.now(), ""), "status": [told]})
