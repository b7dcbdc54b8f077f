"""What a node needs of ROS: topics, services, a clock. Implemented over bags, DDS and rclpy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, runtime_checkable

from ros_nodes.actions import Act
from ros_nodes.drops import Drops
from ros_nodes.messages import Message, Values

Publish = Callable[[Values], None]
"""Sends one message, given its fields."""

Receive = Callable[[Message], None]
"""Takes one message."""


class Later:
    """An answer that is not there yet; the node calls `answer` once, from any thread."""

    def __init__(self) -> None:
        self._send: Callable[[Values], None] | None = None
        self._values: Values | None = None
        self._lock = Lock()

    def answer(self, values: Values) -> None:
        """Give the answer's fields."""
        with self._lock:
            self._values = values
            send = self._send
        if send is not None:
            send(values)

    def then(self, send: Callable[[Values], None]) -> None:
        """Say who sends it; at once where it is there already. For transports."""
        with self._lock:
            self._send = send
            values = self._values
        if values is not None:
            send(values)


Answer = Callable[[Message], Values | Later]
"""Takes a request and returns the fields of the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Qos:
    """How a topic is delivered. A reader must not ask for more than its writer offers."""

    reliable: bool = True
    latched: bool = False
    """Transient local: who joins late gets the newest `depth` messages."""
    depth: int = 10


SENSOR = Qos(reliable=False, depth=5)
"""Images and camera info, as drivers send them; also what readers ask for, so that both match."""

EVENTS = Qos(depth=10)
STATE = Qos(latched=True, depth=1)
"""The newest state, for whoever comes late."""

TF = Qos(depth=100)
TF_STATIC = Qos(latched=True, depth=100)
"""For readers: every node that sends static transforms keeps its own."""


@runtime_checkable
class Transport(Protocol):
    """One node's connection."""

    drops: Drops
    """Where bytes that are no message are counted."""

    def now(self) -> int:
        """Return the node's time [ns]: ROS time, simulated where the robot's is."""
        ...

    def advertise(self, topic: str, typename: str, qos: Qos) -> Publish:
        """Announce a topic; `~/x` is private to the node."""
        ...

    def subscribe(self, topic: str, typename: str, receive: Receive, qos: Qos) -> None:
        """Have messages of a topic delivered, one at a time."""
        ...

    def serve(self, service: str, typename: str, answer: Answer) -> None:
        """Offer a service."""
        ...

    def serve_action(self, action: str, typename: str, act: Act) -> None:
        """Offer an action."""
        ...

    def every(self, period: float, act: Callable[[], object]) -> None:
        """Call something again and again.

        Args:
            period: Time between two calls [s].
            act: What to call.
        """
        ...

    def problems(self) -> Mapping[str, str]:
        """Return, by topic, why another node is not connected to this one."""
        ...
