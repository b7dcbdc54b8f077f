"""How AI2-THOR's client and its player write messages: FIFO fields and WSGI form parts.

Format read from ai2thor 5.0.0's `fifo_server.py` and `wsgi_server.py`. Pure functions: no pipe and
no socket here.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any

import msgspec
import numpy as np

from embodied_mem.errors import BackendError

_HEADER = struct.Struct("!BI")  # Type and length of a field.

MAX_FIELD = 1 << 28
"""Longest field that is believed [bytes]; anything longer is not this protocol."""


@unique
class Field(IntEnum):
    """What a field of a message holds."""

    METADATA = 1
    ACTION = 2
    RGB_IMAGE = 4
    DEPTH_IMAGE = 5
    NORMALS_IMAGE = 6
    CLASSES_IMAGE = 8
    IDS_IMAGE = 9
    THIRD_PARTY_IMAGE = 10
    THIRD_PARTY_DEPTH = 12
    THIRD_PARTY_NORMALS = 13
    THIRD_PARTY_IDS = 14
    THIRD_PARTY_CLASSES = 15
    END_OF_MESSAGE = 255


_FIELDS = {field.value: field for field in Field}

PART_NAMES = {
    Field.RGB_IMAGE: "image",
    Field.DEPTH_IMAGE: "image_depth",
    Field.NORMALS_IMAGE: "image_normals",
    Field.CLASSES_IMAGE: "image_classes",
    Field.IDS_IMAGE: "image_ids",
    Field.THIRD_PARTY_IMAGE: "image-thirdParty-camera",
    Field.THIRD_PARTY_DEPTH: "image_thirdParty_depth",
    Field.THIRD_PARTY_NORMALS: "image_thirdParty_normals",
    Field.THIRD_PARTY_IDS: "image_thirdParty_image_ids",
    Field.THIRD_PARTY_CLASSES: "image_thirdParty_classes",
}
"""Name of an image's part in a WSGI form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the player sends for one action."""

    metadata: dict[str, Any]
    """The envelope: agents, thirdPartyCameras, activeAgentId, sequenceId."""
    images: tuple[tuple[Field, bytes], ...] = ()
    """Raw pixels, bottom row first."""


def pack_fields(reply: Reply) -> bytes:
    """Write a reply as one FIFO message, end included."""
    pieces: list[bytes] = []
    body = msgspec.msgpack.encode(reply.metadata, enc_hook=plain_value)
    for kind, content in ((Field.METADATA, body), *reply.images):
        pieces += (_HEADER.pack(kind, len(content)), content)
    pieces.append(_HEADER.pack(Field.END_OF_MESSAGE, 0))
    return b"".join(pieces)


def pack_form(reply: Reply, *, token: str, boundary: str) -> bytes:
    """Write a reply as a multipart form, with header names spelt as the client's parser reads them.

    Args:
        reply: What to send.
        token: The secret that the client gave to the player it launched; empty without one.
        boundary: A string that no part contains.
    """
    mark = f"--{boundary}\r\n".encode()
    body = msgspec.json.encode(reply.metadata, enc_hook=plain_value)
    pieces: list[bytes] = []
    for name, text in (("metadata", body), ("token", token.encode())):
        head = (
            "Content-Type: text/plain; charset=utf-8\r\n"
            f'Content-disposition: form-data; name="{name}"'
        )
        pieces += (mark, head.encode(), b"\r\n\r\n", text, b"\r\n")
    for kind, content in reply.images:
        name = PART_NAMES[kind]
        head = (
            "Content-Type: application/octet-stream\r\n"
            f'Content-disposition: form-data; name="{name}"; filename="{name}"'
        )
        pieces += (mark, head.encode(), b"\r\n\r\n", content, b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def plain_value(value: object) -> object:
    """Turn numpy's values into Python's, which is all that the formats know."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"metadata cannot hold a {type(value).__name__}")


@dataclass(slots=True)
class FieldReader:
    """Cuts a stream of bytes into FIFO messages."""

    _buffer: bytearray = field(default_factory=bytearray)
    _fields: dict[Field, bytes] = field(default_factory=dict)

    def feed(self, data: bytes) -> Iterator[dict[Field, bytes]]:
        """Take in bytes and yield the messages that they complete.

        Raises:
            BackendError: The bytes are not this protocol.
        """
        self._buffer += data
        while (part := self._next_field()) is not None:
            kind, content = part
            if kind is not Field.END_OF_MESSAGE:
                self._fields[kind] = content
                continue
            message, self._fields = self._fields, {}
            yield message

    def _next_field(self) -> tuple[Field, bytes] | None:
        if len(self._buffer) < _HEADER.size:
            return None
        number, length = _HEADER.unpack_from(self._buffer)
        if number not in _FIELDS or length > MAX_FIELD:
            raise BackendError(
                f"the client's pipe does not speak AI2-THOR's FIFO protocol: got field {number} "
                f"of {length} bytes."
            )
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        content = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return _FIELDS[number], content


def read_action(text: bytes) -> dict[str, Any]:
    """Decode an action.

    Raises:
        BackendError: The text is not a JSON object.
    """
    try:
        action = json.loads(text)  # Not msgspec: Python's client may write NaN and Infinity.
    except ValueError as error:
        raise BackendError(f"the client sent an action that is not JSON: {error}.") from error
    except RecursionError as error:
        raise BackendError("the client sent an action that is nested too deeply.") from error
    if not isinstance(action, dict):
        raise BackendError(
            f"the client sent {type(action).__name__} instead of an action; an action is a JSON "
            'object such as {"action": "Pass", "sequenceId": 1}.'
        )
    return action
