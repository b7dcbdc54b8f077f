"""Who watches the three processes of `ros_soak`: gives goals, sends faults, keeps the account."""

import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle

from embodied_mem.errors import BackendError
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.dds.wire import dds_topic
from ros_nodes.messages import Message, interfaces
from ros_nodes.transport import EVENTS, STATE, Qos

_IMAGE = "sensor_msgs/msg/Image"
_ANSWER = 20.0
"""Longest time for a planner to take a goal [s]."""
_GOAL = 120.0
"""A goal is given up after this long [s]."""


@dataclass(frozen=True)
class Acknowledged:
    """What the memory node has told others that it remembers."""

    frames: int
    objects: frozenset[str]


class Examiner:
    """A node of its own."""

    def __init__(self, domain: int, color: str, goals: list[str]):
        """Join the network.

        Args:
            domain: DDS domain, on the loopback.
            color: Topic that faults are sent to.
            goals: Given one after another, again and again.
        """
        self._transport = DdsTransport("/examiner", domain=domain, interface="lo")
        self._goals = cycle(goals)
        self.status: Message | None = None
        """The memory node's newest."""
        self.heard: Counter[str] = Counter()
        """Images taken in and decisions made, as told."""
        self.injected: Counter[str] = Counter()
        """Faults that were sent, by the reason that must be counted."""
        self._past: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._objects: set[str] = set()
        self._ends = 0.0
        self._writer = self._transport._endpoints.writer(dds_topic(color), _IMAGE, EVENTS)  # noqa: SLF001
        listen, deep = self._transport.subscribe, Qos(depth=1000)
        status, update = "embodied_mem_msgs/msg/MemoryStatus", "embodied_mem_msgs/msg/MemoryUpdate"
        listen("/embodied_mem/status", status, self._on_status, STATE)
        listen("/embodied_mem/updates", update, self._on_update, deep)
        feedback = "embodied_mem_msgs/msg/PlannerFeedback"
        listen("/planner/feedback", feedback, self._on_feedback, deep)
        listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", self._on_diagnostics, deep)

    @property
    def acknowledged(self) -> Acknowledged:
        """What must be in the store, whatever happens now."""
        frames = 0 if self.status is None else int(self.status.frames)
        return Acknowledged(frames, frozenset(self._objects))

    @property
    def dropped(self) -> Counter[str]:
        """What the memory nodes have counted, those that were killed among them."""
        return self._past + self._counts

    def work(self) -> None:
        """Hear what has come; give the next goal when the last one has ended."""
        self._transport.spin_once(0.05)
        if time.monotonic() >= self._ends:
            self.give_goal()

    def give_goal(self) -> None:
        """Give the planner another goal, if it is there."""
        self._ends = time.monotonic() + 2
        achieve = "/planner/achieve", "embodied_mem_msgs/srv/Achieve"
        try:
            self._transport.call(*achieve, {"goal": next(self._goals)}, _ANSWER)
        except BackendError:
            return  # It is being started; asked again soon.
        self._ends = time.monotonic() + _GOAL

    def inject(self) -> None:
        """Send one image that must be counted and left out."""
        if not self._writer.matches():
            return
        if self.injected["malformed"] <= self.injected["zero_stamp"]:
            self.injected["malformed"] += 1
            self._writer.write(b"\x00\x01\x00\x00\xff\xff\xff\x7fab")
        else:
            self.injected["zero_stamp"] += 1
            types = interfaces()
            self._writer.write(types.encode(types.make(_IMAGE, {}), _IMAGE))

    def settle(self) -> None:
        """Wait until the newest diagnostics tell of all that was sent."""
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            self._transport.spin_once(0.05)
            if all(self.dropped[reason] >= count for reason, count in self.injected.items()):
                return

    def forget_node(self) -> None:
        """The memory node was killed: its counts are final."""
        self._past, self._counts, self.status = self.dropped, Counter(), None

    def close(self) -> None:
        """Leave the network."""
        self._transport.close()

    def _on_status(self, message: Message) -> None:
        self.status = message
        self.heard["frames"] += 1

    def _on_update(self, message: Message) -> None:
        if message.full:
            self._objects.clear()
        self._objects |= {state.id for state in message.changed}
        self._objects -= set(message.removed)

    def _on_feedback(self, message: Message) -> None:
        self.heard["decisions"] += 1
        if message.done:
            self.heard["goals"] += 1
            self._ends = 0.0

    def _on_diagnostics(self, message: Message) -> None:
        for entry in message.status:
            for pair in entry.values:
                if pair.key.startswith("dropped_"):
                    self._counts[pair.key.removeprefix("dropped_")] = int(pair.value)
