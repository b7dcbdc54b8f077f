"""Type hashes and bytes against those that were recorded from rclpy on Jazzy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from ros_nodes.messages import MalformedMessageError, interface_files, interfaces

WIRE = json.loads((Path(__file__).parents[1] / "golden/ros2/wire.json").read_text())


@pytest.mark.parametrize("typename", sorted(WIRE["messages"]))
def test_messages_have_the_hashes_and_bytes_of_rclpy(typename: str) -> None:
    types, golden = interfaces(), WIRE["messages"][typename]
    assert types.type_hash(typename) == golden["hash"]
    for sample in golden["samples"]:
        message = types.make(typename, _numbers(sample["values"]))
        assert types.encode(message, typename).hex() == sample["cdr"]
        again = types.decode(bytes.fromhex(sample["cdr"]), typename)
        assert types.encode(again, typename).hex() == sample["cdr"]


@pytest.mark.parametrize("name", sorted(WIRE["services"]))
def test_services_have_the_hashes_of_rclpy(name: str) -> None:
    assert interfaces().type_hash(name) == WIRE["services"][name]


def test_every_definition_of_ours_can_be_made_and_read_back() -> None:
    types = interfaces()
    names = [
        f"{path.parent.parent.name}/msg/{path.stem}" for path in interface_files().rglob("*.msg")
    ]
    names += [f"{service}_{kind}" for service in types.services for kind in ("Request", "Response")]
    for name in names:
        data = types.encode(types.make(name), name)
        assert types.encode(types.decode(data, name), name) == data
        assert types.type_hash(name).startswith("RIHS01_")


def test_fields_that_are_left_out_are_zero_as_in_ros() -> None:
    info = interfaces().make("sensor_msgs/msg/CameraInfo", {"width": 4})
    assert (info.width, info.height, info.distortion_model, info.roi.do_rectify) == (
        4,
        0,
        "",
        False,
    )
    assert info.k.tolist() == [0.0] * 9
    assert len(info.d) == 0


def test_unknown_fields_and_wrong_lengths_are_refused() -> None:
    types = interfaces()
    with pytest.raises(KeyError, match="has no field colour"):
        types.make("sensor_msgs/msg/Image", {"colour": 1})
    with pytest.raises(ValueError, match="holds 9 numbers, got 8"):
        types.make("sensor_msgs/msg/CameraInfo", {"k": np.zeros(8)})


@pytest.mark.parametrize("cut", [0, 3, 4, 10, 40])
def test_bytes_that_are_no_message_are_refused(cut: int) -> None:
    types, name = interfaces(), "sensor_msgs/msg/Image"
    values = {"height": 2, "width": 2, "step": 6, "encoding": "rgb8", "data": bytes(12)}
    data = types.encode(types.make(name, values), name)
    with pytest.raises(MalformedMessageError):
        types.decode(data[:cut], name)


def test_lengths_that_promise_more_than_there_is_are_refused() -> None:
    types = interfaces()
    data = bytearray(
        types.encode(types.make("std_msgs/msg/String", {"data": "abc"}), "std_msgs/msg/String")
    )
    data[4:8] = (2**31).to_bytes(4, "little")
    with pytest.raises(MalformedMessageError):
        types.decode(bytes(data), "std_msgs/msg/String")


def _numbers(values: Any) -> Any:
    """Turn `byte` fields, which rclpy gives as one character, into numbers."""
    if isinstance(values, dict):
        return {
            key: ord(value) if key == "level" and isinstance(value, str) else _numbers(value)
            for key, value in values.items()
        }
    return [_numbers(item) for item in values] if isinstance(values, list) else values
