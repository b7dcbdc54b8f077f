"""Services as JSON on two topics: the way that works with every middleware, and from any language.

A request on `~/request` is a `std_msgs/String` such as

    {"id": "7", "service": "query", "request": {"label": "mug"}}

and its reply on `~/reply` is `{"id": "7", "response": {"success": true, ...}}`, or has an `error`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from embodied_mem.errors import EmbodiedMemError
from ros_nodes.drops import Reason
from ros_nodes.messages import Message, interfaces
from ros_nodes.transport import EVENTS, Answer, Transport

_MOST_BYTES = 1_000_000


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    service: str
    request: dict[str, Any] = {}


class RequestError(EmbodiedMemError, ValueError):
    """A request cannot be answered; the message says why."""


def offer(transport: Transport, services: Mapping[str, tuple[str, Answer]]) -> None:
    """Answer requests as JSON.

    Args:
        transport: The node's connection.
        services: Type and answer of each service, by its private name.
    """
    reply = transport.advertise("~/reply", "std_msgs/msg/String", EVENTS)

    def receive(message: Message) -> None:
        try:
            asked = _read(message.data)
        except RequestError as error:
            transport.drops.add(Reason.MALFORMED, f"~/request: {error}")
            return
        try:
            answer: dict[str, Any] = {"response": _answer(asked, services)}
        except RequestError as error:
            answer = {"error": str(error)}
        text = msgspec.json.encode({"id": asked.id, **answer}, enc_hook=_plain)
        reply({"data": text.decode()})

    transport.subscribe("~/request", "std_msgs/msg/String", receive, EVENTS)


def _read(text: str) -> _Request:
    if len(text) > _MOST_BYTES:
        raise RequestError(f"a request may have {_MOST_BYTES} bytes, got {len(text)}.")
    try:
        return msgspec.json.decode(text, type=_Request)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RequestError(f"no request: {error}") from error


def _answer(asked: _Request, services: Mapping[str, tuple[str, Answer]]) -> Any:
    if asked.service not in services:
        known = ", ".join(sorted(services))
        raise RequestError(f"there is no service '{asked.service}'. Known: {known}.")
    typename, answer = services[asked.service]
    try:
        request = interfaces().make(f"{typename}_Request", asked.request)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise RequestError(f"no request for {asked.service}: {error}") from error
    return answer(request)


def _plain(value: Any) -> Any:
    """Turn numpy's values into JSON's."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"cannot write {type(value)} as JSON")
