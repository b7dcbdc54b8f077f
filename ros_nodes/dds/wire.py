"""How ROS 2 uses DDS: names, quality of service, and what endpoints tell of themselves."""

from dataclasses import dataclass

from embodied_mem.errors import BackendError, MissingExtraError
from ros_nodes.transport import Qos

try:
    from cyclonedds.core import Policy
    from cyclonedds.core import Qos as DdsQos
    from cyclonedds.util import duration
except ImportError as missing:
    raise MissingExtraError("joining a robot's DDS network", "dds") from missing

_BLOCKING = duration(milliseconds=100)
_FOREVER = 0

SERVICE = Qos(depth=10)
"""Of both halves of a service."""

GRAPH = "ros_discovery_info"
GRAPH_TYPE = "rmw_dds_common/msg/ParticipantEntitiesInfo"


class PeerTimeoutError(BackendError):
    """Another node did not answer in time, or is not there."""


@dataclass(frozen=True, slots=True)
class ServiceName:
    """Topics and types of one service."""

    service: str
    """Full name, `/memory/query`."""
    typename: str
    """`embodied_mem_msgs/srv/Query`."""

    @property
    def request(self) -> tuple[str, str]:
        """DDS topic and ROS type of the requests."""
        return f"rq{self.service}Request", f"{self.typename}_Request"

    @property
    def reply(self) -> tuple[str, str]:
        """DDS topic and ROS type of the replies."""
        return f"rr{self.service}Reply", f"{self.typename}_Response"


def dds_topic(topic: str) -> str:
    """Return the DDS name of a ROS topic, given in full."""
    return f"rt{topic}"


def dds_type(typename: str) -> str:
    """Return the DDS name of a ROS type."""
    package, kind, name = typename.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def endpoint_qos(qos: Qos, user_data: str) -> DdsQos:
    """Return the policies of a reader or a writer.

    Args:
        qos: What ROS asks for.
        user_data: `key=value;` pairs that ROS reads: type hash, service id.
    """
    reliable = Policy.Reliability.Reliable(max_blocking_time=_BLOCKING)
    history = Policy.History.KeepLast(qos.depth)
    policies = [
        reliable if qos.reliable else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if qos.latched else Policy.Durability.Volatile,
        history,
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.Userdata(data=user_data.encode()),
    ]
    if qos.latched:  # Who comes late gets as many as the writer keeps.
        policies.append(Policy.DurabilityService(_FOREVER, history, -1, -1, -1))
    return DdsQos(*policies)


def type_hash_data(type_hash: str) -> str:
    """Return how an endpoint tells its type's hash (since Iron)."""
    return f"typehash={type_hash};"


def configuration(interface: str | None) -> str | None:
    """Return Cyclone's configuration for one network interface.

    Args:
        interface: Its name; `lo` for this machine alone; None leaves it to `CYCLONEDDS_URI`.
    """
    if interface is None:
        return None
    alone = interface == "lo"
    multicast = ' multicast="false"' if alone else ""
    allowed = "false" if alone else "default"
    peers = '<Peers><Peer address="localhost"/></Peers>' if alone else ""
    return (
        "<CycloneDDS><Domain><General><Interfaces>"
        f'<NetworkInterface name="{interface}"{multicast}/></Interfaces>'
        f"<AllowMulticast>{allowed}</AllowMulticast><MaxMessageSize>65500B</MaxMessageSize>"
        "</General><Discovery><ParticipantIndex>auto</ParticipantIndex>"
        f"<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>{peers}"
        '</Discovery><Internal><SocketReceiveBufferSize min="default" max="4MiB"/></Internal>'
        "</Domain></CycloneDDS>"
    )
