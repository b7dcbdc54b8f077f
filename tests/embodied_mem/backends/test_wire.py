import json
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.backends.household.server.wire import (
    Field,
    FieldReader,
    Reply,
    pack_fields,
    pack_form,
    read_action,
)
from embodied_mem.errors import BackendError

REPLY = Reply(
    metadata={"sequenceId": 3, "value": np.float64(0.5), "array": np.arange(2)},
    images=((Field.RGB_IMAGE, b"\x01\x02"), (Field.THIRD_PARTY_IMAGE, b"\x03")),
)


def test_fields_are_type_length_and_body_in_network_order():
    message = pack_fields(REPLY)
    kind, length = struct.unpack_from("!BI", message)
    assert kind == Field.METADATA
    metadata = msgspec.msgpack.decode(message[5 : 5 + length])
    assert metadata == {"sequenceId": 3, "value": 0.5, "array": [0, 1]}
    rest = message[5 + length :]
    assert rest == b"\x04\0\0\0\x02\x01\x02" + b"\x0a\0\0\0\x01\x03" + b"\xff\0\0\0\0"


def test_form_parts_are_spelt_as_the_client_reads_them():
    form = pack_form(REPLY, token="secret", boundary="B")
    parts = form.split(b"--B")
    assert parts[-1] == b"--\r\n"
    head, body = parts[1].split(b"\r\n\r\n")
    assert b"Content-disposition: form-data" in head
    assert json.loads(body) == {"sequenceId": 3, "value": 0.5, "array": [0, 1]}
    assert parts[2].endswith(b"\r\n\r\nsecret\r\n")
    assert b'name="image-thirdParty-camera"; filename=' in parts[4]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.integers(1, 7))
def test_messages_survive_any_cutting_of_the_stream(bodies: list[bytes], chunk: int):
    stream = b"".join(
        struct.pack("!BI", 2, len(body)) + body + struct.pack("!BI", 255, 0) for body in bodies
    )
    reader = FieldReader()
    seen = [
        message[Field.ACTION]
        for start in range(0, len(stream), chunk)
        for message in reader.feed(stream[start : start + chunk])
    ]
    assert seen == bodies


@pytest.mark.parametrize("header", [b"\x63\0\0\0\x01", b"\x02\xff\xff\xff\xff"])
def test_other_protocols_are_refused(header: bytes):
    with pytest.raises(BackendError, match="FIFO protocol"):
        list(FieldReader().feed(header + b"junk"))


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"[1]", b"3"])
def test_action_must_be_a_json_object(text: bytes):
    with pytest.raises(BackendError, match="the client sent"):
        read_action(text)


def test_value_without_a_meaning_on_the_wire_is_our_bug():
    with pytest.raises(NotImplementedError, match="complex"):
        pack_fields(Reply(metadata={"value": 1j}))
