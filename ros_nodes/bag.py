"""Bags as a transport: a node runs on what a robot recorded, and what it publishes is recorded."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from embodied_mem.errors import BackendError, MissingExtraError
from ros_nodes.action_server import ActionServer
from ros_nodes.actions import Act
from ros_nodes.drops import Drops, Reason
from ros_nodes.messages import MalformedMessageError, interfaces
from ros_nodes.names import resolve
from ros_nodes.robot_messages import Outgoing
from ros_nodes.stamps import SECOND
from ros_nodes.transport import Answer, Publish, Qos, Receive

try:
    from rosbags.interfaces import (
        Connection,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )
    from rosbags.interfaces import Qos as BagQos
    from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer, WriterError
except ImportError as missing:
    raise MissingExtraError("bags", "bags") from missing

_LOG = logging.getLogger(__name__)

Storage = Literal["mcap", "sqlite3"]
"""How a bag is stored."""

_PLUGINS = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
_VERSION = 9
_EVER = QosTime(2147483647, 4294967295)


class BagWriter:
    """Writes a bag that `ros2 bag play` and ours read. Use as a context manager."""

    def __init__(self, path: str | Path, storage: Storage = "mcap"):
        """Begin a new bag.

        Args:
            path: A new folder.
            storage: mcap or sqlite3.

        Raises:
            BackendError: The folder exists, or cannot be written.
        """
        self._interfaces = interfaces()
        self._connections: dict[str, Connection] = {}
        try:
            self._writer = Writer(path, version=_VERSION, storage_plugin=_PLUGINS[storage])
            self._writer.open()
        except (WriterError, OSError) as error:
            raise BackendError(f"cannot write the bag {path}: {error}") from error

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, message: Outgoing, stamp: int) -> None:
        """Append one message, received at `stamp` [ns]."""
        known = self._interfaces
        connection = self._connections.get(message.topic)
        if connection is None:
            connection = self._writer.add_connection(
                message.topic,
                message.typename,
                msgdef=known.definition(message.typename),
                rihs01=known.type_hash(message.typename),
                offered_qos_profiles=[_bag_qos(message.qos)],
            )
            self._connections[message.topic] = connection
        data = known.encode(known.make(message.typename, message.values), message.typename)
        self._writer.write(connection, stamp, data)

    def close(self) -> None:
        """Write the index. May be called twice."""
        if self._writer.storage is not None:
            self._writer.close()


class BagTransport:
    """Plays a bag to one node. Time is the bag's."""

    def __init__(self, node: str = "/embodied_mem", record: BagWriter | None = None):
        """Connect nothing yet.

        Args:
            node: Full name of the node, for its private topics.
            record: Where what the node publishes goes; it is dropped when None.
        """
        self.drops = Drops()
        self.services: dict[str, tuple[str, Answer]] = {}
        """Type and answer of each service, by full name."""
        self._node, self._record = node, record
        self._interfaces = interfaces()
        self._receivers: dict[str, tuple[str, Receive]] = {}
        self._timers: list[tuple[int, Callable[[], object]]] = []
        self._due: list[int] = []
        self._time = 0

    def now(self) -> int:
        """Return the stamp of the message that is played [ns]."""
        return self._time

    def advertise(self, topic: str, typename: str, qos: Qos) -> Publish:
        """Announce a topic."""
        name = resolve(topic, self._node)

        def publish(values: object) -> None:
            if self._record is not None:
                message = Outgoing(topic=name, typename=typename, values=values, qos=qos)  # pyright: ignore[reportArgumentType]
                self._record.write(message, self._time)

        return publish

    def subscribe(self, topic: str, typename: str, receive: Receive, qos: Qos) -> None:  # noqa: ARG002 - A bag has delivered already.
        """Have the bag's messages of a topic delivered."""
        self._receivers[resolve(topic, self._node)] = typename, receive

    def serve(self, service: str, typename: str, answer: Answer) -> None:
        """Offer a service to this process; a bag asks nothing."""
        self.services[resolve(service, self._node)] = typename, answer

    def serve_action(self, action: str, typename: str, act: Act) -> None:
        """Offer an action to this process; a bag sends no goals."""
        ActionServer(self, action, typename, act)

    def every(self, period: float, act: Callable[[], object]) -> None:
        """Call something again and again, by the bag's time."""
        self._timers.append((round(period * SECOND), act))
        self._due.append(0)

    def problems(self) -> Mapping[str, str]:
        """Return nothing: a bag connects to everything."""
        return {}

    def play(self, path: str | Path, *, rate: float = 0.0) -> int:
        """Play a bag from its beginning to its end.

        Args:
            path: Folder of the bag, of either storage.
            rate: 1 for as fast as it was recorded; 0 for as fast as it is taken in.

        Returns:
            How many messages were delivered.

        Raises:
            BackendError: There is no such bag, it is damaged, or it has nothing of what is wanted.
        """
        try:
            with Reader(path) as reader:
                wanted = [c for c in reader.connections if self._is_wanted(c)]
                self._check_topics(path, wanted, reader.connections)
                return self._deliver(reader, wanted, rate)
        except (ReaderError, OSError) as error:
            raise BackendError(f"cannot read the bag {path}: {error}") from error

    def receive(self, topic: str, data: bytes | memoryview) -> bool:
        """Deliver one message, as CDR; return whether it was one."""
        typename, receive = self._receivers[topic]
        try:
            message = self._interfaces.decode(data, typename)
        except MalformedMessageError as error:
            self.drops.add(Reason.MALFORMED, f"{topic}: {error}")
            return False
        receive(message)
        return True

    def _is_wanted(self, connection: Connection) -> bool:
        typename, _ = self._receivers.get(connection.topic, ("", None))
        if typename and typename != connection.msgtype:
            _LOG.warning("%s is %s, not %s", connection.topic, connection.msgtype, typename)
        return bool(typename) and typename == connection.msgtype

    def _check_topics(self, path: str | Path, wanted: list[Connection], all_of: object) -> None:
        if not wanted:
            there = ", ".join(sorted({c.topic for c in all_of})) or "none"  # pyright: ignore[reportGeneralTypeIssues]
            raise BackendError(
                f"the bag {path} has none of the topics {', '.join(sorted(self._receivers))}. "
                f"Its topics: {there}."
            )

    def _deliver(self, reader: Reader, wanted: list[Connection], rate: float) -> int:
        count, began, first = 0, time.monotonic(), None
        for connection, stamp, data in reader.messages(wanted):
            first = stamp if first is None else first
            if rate > 0:
                ahead = (stamp - first) / SECOND / rate - (time.monotonic() - began)
                time.sleep(max(ahead, 0.0))
            self._time = stamp
            self._run_timers()
            count += self.receive(connection.topic, data)
        return count

    def _run_timers(self) -> None:
        for number, (period, act) in enumerate(self._timers):
            if self._time >= self._due[number] or self._time < self._due[number] - 2 * period:
                self._due[number] = self._time + period
                act()


def _bag_qos(qos: Qos) -> BagQos:
    return BagQos(
        history=QosHistory.KEEP_LAST,
        depth=qos.depth,
        reliability=QosReliability.RELIABLE if qos.reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if qos.latched else QosDurability.VOLATILE,
        deadline=_EVER,
        lifespan=_EVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_EVER,
        avoid_ros_namespace_conventions=False,
    )
