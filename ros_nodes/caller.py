"""A transport that can also ask other nodes."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from ros_nodes.actions import Cancel, Sending
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

    def ask(
        self,
        service: str,
        typename: str,
        values: Values,
        then: Callable[[Message | None], None],
        timeout: float,
    ) -> None:
        """Ask another node, and go on.

        Args:
            service: Name of the service.
            typename: Its type.
            values: Fields of the request.
            then: Takes the answer in the node's own thread; None where none came in time.
            timeout: Longest time [s].
        """
        ...

    def send_goal(self, sending: Sending) -> Cancel:
        """Send a goal to an action's server, and go on; return what cancels it."""
        ...
