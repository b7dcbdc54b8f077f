"""A transport that can also ask other nodes."""

from typing import Protocol, runtime_checkable

from ros_nodes.messages import Message, Values
from ros_nodes.transport import Transport


@runtime_checkable
class Caller(Transport, Protocol):
    """One node's connection, for nodes that call services."""

    def call(self, service: str, typename: str, values: Values, timeout: float) -> Message:
        """Ask another node, and wait.

        Args:
            service: Name of the service.
            typename: Its type.
            values: Fields of the request.
            timeout: Longest time [s].

        Raises:
            BackendError: It is not there, or did not answer in time.
        """
        ...
