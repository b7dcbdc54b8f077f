"""Services as rmw_cyclonedds frames them: a client's id and a count before each payload.

rmw_fastrtps relates replies to requests by other means, which `cyclonedds` has no access to:
services to its nodes time out. Requests as JSON (`ros_nodes.json_rpc`) work with every middleware.
"""

import secrets
import struct
import time
from collections.abc import Callable

from ros_nodes.dds.endpoint import Endpoints, RawReader, RawWriter
from ros_nodes.dds.wire import SERVICE, PeerTimeoutError, ServiceName
from ros_nodes.drops import Drops, Reason
from ros_nodes.messages import MalformedMessageError, Message, Values, interfaces
from ros_nodes.transport import Answer

_HEADER = struct.Struct("<Qq")
"""The client's id, the count of its request."""
_ENCAPSULATION = 4


def framed(payload: bytes, client: int, number: int) -> bytes:
    """Put the header between a message's encapsulation and its body."""
    header = _HEADER.pack(client, number)
    return payload[:_ENCAPSULATION] + header + payload[_ENCAPSULATION:]


def unframed(data: bytes) -> tuple[bytes, int, int]:
    """Return the message, the client's id and the count.

    Raises:
        MalformedMessageError: The bytes are too few.
    """
    body = _ENCAPSULATION + _HEADER.size
    if len(data) < body:
        raise MalformedMessageError(f"{len(data)} bytes are no request or reply.")
    client, number = _HEADER.unpack_from(data, _ENCAPSULATION)
    return data[:_ENCAPSULATION] + data[body:], client, number


class Server:
    """Answers requests."""

    def __init__(self, endpoints: Endpoints, name: ServiceName, answer: Answer, drops: Drops):
        """Offer the service.

        Args:
            endpoints: Makes reader and writer.
            name: Of the service.
            answer: Makes the response's fields from a request.
            drops: Where malformed requests are counted.
        """
        self._name, self._answer, self._drops = name, answer, drops
        told = f"serviceid={_dotted(secrets.token_bytes(16))};"
        self.reader: RawReader = endpoints.reader(*name.request, SERVICE, told)
        self.writer: RawWriter = endpoints.writer(*name.reply, SERVICE, told)

    def work(self) -> None:
        """Answer what has come."""
        types = interfaces()
        for data in self.reader.take():
            try:
                payload, client, number = unframed(data)
                request = types.decode(payload, self._name.request[1])
            except MalformedMessageError as error:
                self._drops.add(Reason.MALFORMED, f"{self._name.service}: {error}")
                continue
            kind = self._name.reply[1]
            response = types.encode(types.make(kind, self._answer(request)), kind)
            self.writer.write(framed(response, client, number))


class Client:
    """Asks another node."""

    def __init__(self, endpoints: Endpoints, name: ServiceName):
        self._name = name
        self._id = int.from_bytes(secrets.token_bytes(8), "little")
        self._count = 0
        told = f"clientid={_dotted(secrets.token_bytes(16))};"
        self.writer = endpoints.writer(*name.request, SERVICE, told)
        self.reader = endpoints.reader(*name.reply, SERVICE, told)

    def is_ready(self) -> bool:
        """Tell whether the service is there."""
        return self.writer.matches() > 0 and self.reader.matches() > 0

    def call(self, values: Values, timeout: float, wait: Callable[[float], None]) -> Message:
        """Ask, and wait for the answer.

        Args:
            values: The request's fields.
            timeout: Longest time [s].
            wait: Lets at most so many seconds pass, or less when something comes.

        Raises:
            PeerTimeoutError: The service is not there, or did not answer in time.
        """
        types, end = interfaces(), time.monotonic() + timeout
        while not self.is_ready():
            if time.monotonic() >= end:
                raise PeerTimeoutError(f"no service {self._name.service} within {timeout:g} s.")
            wait(0.02)
        self._count += 1
        kind = self._name.request[1]
        payload = types.encode(types.make(kind, values), kind)
        self.writer.write(framed(payload, self._id, self._count))
        while time.monotonic() < end:
            for data in self.reader.take():
                reply, client, number = unframed(data)
                if (client, number) == (self._id, self._count):
                    return types.decode(reply, self._name.reply[1])
            wait(0.02)
        raise PeerTimeoutError(f"{self._name.service} did not answer within {timeout:g} s.")


def _dotted(token: bytes) -> str:
    return ".".join(f"{byte:x}" for byte in token)
