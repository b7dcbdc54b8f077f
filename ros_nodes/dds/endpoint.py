"""Readers and writers of raw CDR.

`cyclonedds` serialises in Python, twenty times slower than `rosbags` does. Its two functions that
take and give bytes are private; the version is pinned, and a test holds their contract.
"""

from functools import lru_cache
from typing import Any

from embodied_mem.errors import BackendError, MissingExtraError
from ros_nodes.dds.wire import dds_type, endpoint_qos, type_hash_data
from ros_nodes.messages import interfaces
from ros_nodes.transport import Qos

try:
    from cyclonedds._clayer import (  # pyright: ignore[reportMissingImports]
        ddspy_take,
        ddspy_write,
    )
    from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.idl import make_idl_struct
    from cyclonedds.idl.types import uint8
    from cyclonedds.pub import DataWriter
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic
except ImportError as missing:
    raise MissingExtraError("joining a robot's DDS network", "dds") from missing

_ANY = SampleState.Any | ViewState.Any | InstanceState.Any

_POLICIES = {2: "durability", 11: "reliability", 23: "data representation"}
"""Ids of the policies that ROS nodes disagree on (`dds_qos_policy_id`)."""


@lru_cache(maxsize=256)
def _opaque_type(typename: str) -> Any:
    """Return a type that carries ROS's name; ROS matches by name alone.

    Cyclone checks payloads against the type. Of one byte it finds one in every message, and what
    follows is carried along.
    """
    return make_idl_struct(typename.replace("/", "_"), dds_type(typename), {"first": uint8})


class Endpoints:
    """Makes the readers and writers of one participant; several on a topic share it."""

    def __init__(self, participant: DomainParticipant):
        self._participant = participant
        self._topics: dict[str, Topic] = {}

    def writer(self, topic: str, typename: str, qos: Qos, extra: str = "") -> "RawWriter":
        """Return a writer; `extra` is told to others beside the type's hash."""
        policies = endpoint_qos(qos, extra + type_hash_data(_hash(typename)))
        return RawWriter(
            DataWriter(self._participant, self._topic(topic, typename), policies), topic
        )

    def reader(self, topic: str, typename: str, qos: Qos, extra: str = "") -> "RawReader":
        """Return a reader."""
        policies = endpoint_qos(qos, extra + type_hash_data(_hash(typename)))
        reader = DataReader(self._participant, self._topic(topic, typename), policies)
        return RawReader(reader, topic, qos.depth)

    def _topic(self, topic: str, typename: str) -> Topic:
        if topic not in self._topics:
            self._topics[topic] = Topic(self._participant, topic, _opaque_type(typename))
        return self._topics[topic]


def _hash(typename: str) -> str:
    """Return the hash that an endpoint tells: for half a service, the whole service's."""
    types = interfaces()
    service, _, _ = typename.rpartition("_")
    return types.type_hash(service if service in types.services else typename)


class RawWriter:
    """Sends CDR."""

    def __init__(self, entity: DataWriter, topic: str):
        self.entity, self.topic = entity, topic

    def write(self, data: bytes) -> None:
        """Send one message, with its encapsulation header.

        Raises:
            BackendError: The network refuses it.
        """
        padded = data.ljust((len(data) + 3) & ~3, b"\0")
        code = ddspy_write(self.entity._ref, padded)  # noqa: SLF001
        if code < 0:
            raise BackendError(f"DDS could not send on {self.topic}: code {code}.")

    def matches(self) -> int:
        """Return how many readers there are."""
        return len(self.entity.get_matched_subscriptions())

    def mismatch(self) -> str:
        """Tell which policy kept a reader away; empty where none did."""
        status = self.entity.get_offered_incompatible_qos_status()
        return _told(self.topic, "a reader asks for more", status)


class RawReader:
    """Receives CDR."""

    def __init__(self, entity: DataReader, topic: str, depth: int):
        self.entity, self.topic = entity, topic
        self.condition = ReadCondition(entity, _ANY)
        self._depth = max(depth, 1)

    def take(self) -> list[bytes]:
        """Return what has come, with encapsulation headers.

        Raises:
            BackendError: The reader is broken.
        """
        samples = ddspy_take(self.entity._ref, _ANY, self._depth)  # noqa: SLF001
        if isinstance(samples, int):
            raise BackendError(f"DDS could not receive on {self.topic}: code {samples}.")
        return [data for data, info in samples if info.valid_data]

    def matches(self) -> int:
        """Return how many writers there are."""
        return len(self.entity.get_matched_publications())

    def mismatch(self) -> str:
        """Tell which policy kept a writer away; empty where none did."""
        status = self.entity.get_requested_incompatible_qos_status()
        return _told(self.topic, "a writer offers less than is asked for", status)


def _told(topic: str, what: str, status: Any) -> str:
    if not status.total_count:
        return ""
    policy = _POLICIES.get(status.last_policy_id, f"policy {status.last_policy_id}")
    return f"{topic.removeprefix('rt')}: {what}, {policy}; they are not connected."
