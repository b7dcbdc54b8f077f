"""A memory node in a process of its own, and a robot here that plays to it over DDS."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from benchmarks.ros_processes import NodeProcess
from embodied_mem.app.build import AgentConfig
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.dds.wire import dds_topic
from ros_nodes.memory_config import MemoryNodeConfig, TimingConfig, TopicsConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.transport import EVENTS, STATE, TF, TF_STATIC, Qos

LONG = 300.0
"""A loaded machine may take so long to start a process [s]."""
IMAGES = Qos(depth=20)
Sent = tuple[str, str, bytes]
"""Topic, type and CDR of a message."""
Change = Callable[[bytes], bytes | None]
TOPICS = TopicsConfig(masks=MASKS, reliable=True)
_QOS = {"/tf": TF, "/tf_static": TF_STATIC, "/odom": EVENTS, TOPICS.skill_results: EVENTS}


def memory_config(store: Path, **changes: Any) -> MemoryNodeConfig:
    """Return parameters of a node that tells its status after each image."""
    timing = TimingConfig(publish_period=0.0, diagnostics_period=0.2, **changes)
    return MemoryNodeConfig(store=str(store), agent=AgentConfig(), topics=TOPICS, timing=timing)


class Robot:
    """Sends what a bag holds, and hears what the memory node tells."""

    def __init__(self, domain: int):
        self.transport = DdsTransport("/robot", domain=domain, interface="lo")
        self.status: Any = None
        """The newest status."""
        self.values: dict[str, str] = {}
        """The newest diagnostics."""
        self.updates: list[Any] = []
        self._writers: dict[str, Any] = {}
        status, update = "embodied_mem_msgs/msg/MemoryStatus", "embodied_mem_msgs/msg/MemoryUpdate"
        listen = self.transport.subscribe
        listen("/embodied_mem/status", status, self._on_status, STATE)
        listen("/embodied_mem/updates", update, self.updates.append, EVENTS)
        kind = "diagnostic_msgs/msg/DiagnosticArray"
        listen("/diagnostics", kind, self._on_diagnostics, EVENTS)

    def writer(self, topic: str, typename: str) -> Any:
        """Return the writer of a topic, made at its first use."""
        if topic not in self._writers:
            qos = _QOS.get(topic, IMAGES)
            make = self.transport._endpoints.writer
            self._writers[topic] = make(dds_topic(topic), typename, qos)
        return self._writers[topic]

    def meet(self) -> None:
        """Wait until the node hears all that is sent, and is heard."""
        self.status = None
        self.until(lambda: all(writer.matches() for writer in self._writers.values()))
        self.until(lambda: self.status is not None)

    def send(self, shot: Iterable[Sent], changes: Mapping[str, Change]) -> None:
        """Send messages, those of some topics changed; what is changed to None is left out."""
        for topic, typename, data in shot:
            changed = changes.get(topic, bytes)(data)
            if changed is not None:
                self.writer(topic, typename).write(changed)

    def play(self, shots: list[list[Sent]]) -> None:
        """Send shot after shot, each when memory has taken the one before."""
        for shot in shots:
            taken = self.status.frames
            self.send(shot, {})
            self.until(lambda taken=taken: self.status.frames > taken)

    def until(self, condition: Callable[[], bool], longest: float = LONG) -> None:
        """Take part in the network until something holds."""
        end = time.monotonic() + longest
        while not condition():
            assert time.monotonic() < end, f"nothing came in time; last status: {self.status}"
            self.transport.spin_once(0.02)

    def _on_status(self, message: Any) -> None:
        self.status = message

    def _on_diagnostics(self, message: Any) -> None:
        for one in message.status:
            self.values |= {pair.key: pair.value for pair in one.values}


def shots_of(bag: Path) -> list[list[Sent]]:
    """Return a bag's messages as topic, type and bytes, a list for each set of images."""
    return list(_shots(bag))


def _shots(bag: Path) -> Iterator[list[Sent]]:
    shot: list[Sent] = []
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            if connection.topic != "/odom":
                shot.append((connection.topic, connection.msgtype, bytes(data)))
            if connection.topic == MASKS:
                yield shot
                shot = []


def started(domain: int, folder: Path, config: MemoryNodeConfig) -> NodeProcess:
    """Start a memory node."""
    node = NodeProcess("join", config, domain=domain, folder=folder)
    node.start()
    return node
