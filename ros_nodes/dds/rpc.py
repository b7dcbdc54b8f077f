"""Services as rmw_cyclonedds frames them: a client's id and a count before each payload.

rmw_fastrtps relates replies to requests by other means, which `cyclonedds` has no access to:
services to its nodes time out. Requests as JSON (`ros_nodes.json_rpc`) work with every middleware.
"""

import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ros_nodes.dds.endpoint import Endpoints, RawReader, RawWriter
from ros_nodes.dds.wire import SERVICE, PeerTimeoutError, ServiceName
from ros_nodes.drops import Drops, Reason
from ros_nodes.messages import MalformedMessageError, Message, Values, interfaces
from ros_nodes.transport import Answer, Later

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
            reply = partial(self._reply, client, number)
            answer = self._answer(request)
            if isinstance(answer, Later):
                answer.then(reply)
            else:
                reply(answer)

    def _reply(self, client: int, number: int, values: Values) -> None:
        types, kind = interfaces(), self._name.reply[1]
        response = types.encode(types.make(kind, values), kind)
        self.writer.write(framed(response, client, number))


@dataclass(slots=True)
class _Asked:
    """A request whose answer is waited for."""

    values: Values
    then: Callable[[Message | None], None]
    ends: float
    """When it is given up, on `time.monotonic` [s]."""
    is_sent: bool = False


class Client:
    """Asks another node."""

    def __init__(self, endpoints: Endpoints, name: ServiceName, drops: Drops):
        self._name, self._drops = name, drops
        self._asked: dict[int, _Asked] = {}
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
        arrived: list[Message | None] = []
        self.ask(values, arrived.append, timeout)
        was_there = False
        while not arrived:
            was_there = was_there or self.is_ready()
            self.work()
            if not arrived:
                wait(0.02)
        if arrived[0] is not None:
            return arrived[0]
        service = self._name.service
        if was_there:
            raise PeerTimeoutError(f"{service} did not answer within {timeout:g} s.")
        raise PeerTimeoutError(f"no service {service} within {timeout:g} s.")

    def ask(self, values: Values, then: Callable[[Message | None], None], timeout: float) -> None:
        """Ask as soon as the service is there; `work` brings the answer, or None."""
        self._count += 1
        self._asked[self._count] = _Asked(values, then, time.monotonic() + timeout)
        self.work()

    def work(self) -> None:
        """Send what waits for the service, and hand out what has come or is too late."""
        if not self._asked:
            return
        self._send()
        for data in self.reader.take():
            self._receive(data)
        now = time.monotonic()
        for number in [n for n, asked in self._asked.items() if now >= asked.ends]:
            self._asked.pop(number).then(None)

    def _send(self) -> None:
        waiting = [(n, asked) for n, asked in self._asked.items() if not asked.is_sent]
        if not waiting or not self.is_ready():
            return
        types, kind = interfaces(), self._name.request[1]
        for number, asked in waiting:
            payload = types.encode(types.make(kind, asked.values), kind)
            self.writer.write(framed(payload, self._id, number))
            asked.is_sent = True

    def _receive(self, data: bytes) -> None:
        try:
            payload, client, number = unframed(data)
            if client != self._id or number not in self._asked:
                return  # Another client's, or too late.
            reply = interfaces().decode(payload, self._name.reply[1])
        except MalformedMessageError as error:
            self._drops.add(Reason.MALFORMED, f"{self._name.service}: {error}")
            return
        self._asked.pop(number).then(reply)


def _dotted(token: bytes) -> str:
    return ".".join(f"{byte:x}" for byte in token)
