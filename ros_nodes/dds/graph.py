"""Shows the node to `ros2 node list` and its kin: ROS's graph, as each process publishes it."""

from typing import Any

from ros_nodes.dds.endpoint import Endpoints, RawReader, RawWriter
from ros_nodes.dds.wire import GRAPH, GRAPH_TYPE
from ros_nodes.messages import interfaces
from ros_nodes.transport import STATE


class Graph:
    """One node of one participant."""

    def __init__(self, endpoints: Endpoints, participant: bytes, node: str):
        """Announce the node.

        Args:
            endpoints: Makes the writer.
            participant: The participant's GUID.
            node: The node's full name.
        """
        self._participant = participant
        namespace, _, self._name = node.rpartition("/")
        self._namespace = namespace or "/"
        self._writer = endpoints.writer(GRAPH, GRAPH_TYPE, STATE)
        self._readers: list[bytes] = []
        self._writers: list[bytes] = []

    def add(self, endpoint: RawReader | RawWriter) -> None:
        """Count an endpoint as the node's; `publish` tells the others."""
        of_kind = self._readers if isinstance(endpoint, RawReader) else self._writers
        of_kind.append(endpoint.entity.get_guid().bytes)

    def publish(self) -> None:
        """Tell the others."""
        node: dict[str, Any] = {
            "node_namespace": self._namespace,
            "node_name": self._name,
            "reader_gid_seq": [{"data": list(gid)} for gid in self._readers],
            "writer_gid_seq": [{"data": list(gid)} for gid in self._writers],
        }
        values = {
            "gid": {"data": list(self._participant)},
            "node_entities_info_seq": [node],
        }
        types = interfaces()
        self._writer.write(types.encode(types.make(GRAPH_TYPE, values), GRAPH_TYPE))
