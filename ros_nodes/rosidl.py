"""Fills messages that ROS's own generator made. Duck-typed; imports no ROS at its top."""

from array import array
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ros_nodes.messages import Values


def message_class(typename: str) -> Any:
    """Return the class of `package/kind/Name`; the package must be installed."""
    package, kind, name = typename.split("/")
    return getattr(import_module(f"{package}.{kind}"), name)


def fill(message: Any, values: Values) -> Any:
    """Set fields of a message and return it; nested messages are filled in place."""
    for name, value in values.items():
        current = getattr(message, name)
        if isinstance(value, Mapping):
            fill(current, value)
        else:
            setattr(message, name, _fitting(message, name, current, value))
    return message


def _fitting(message: Any, name: str, current: Any, value: Any) -> Any:
    """Return a value in the form that a field takes."""
    if isinstance(current, array):  # An array of this code skips rclpy's check of each element.
        return array(current.typecode, np.asarray(value, current.typecode).tobytes())
    if isinstance(current, np.ndarray):
        return np.asarray(value, current.dtype)
    if isinstance(current, bytes):
        return bytes([value])
    if isinstance(current, list) and value and isinstance(value[0], Mapping):
        kind = message_class(_element(message, name))
        return [fill(kind(), item) for item in value]
    if isinstance(current, float):
        return float(value)
    return value


def _element(message: Any, name: str) -> str:
    """Return the type of a sequence's elements: `sequence<package/Name>` says it."""
    told = message.get_fields_and_field_types()[name]
    package, _, kind = told.partition("<")[2].partition(">")[0].partition(",")[0].rpartition("/")
    return f"{package.partition('/')[0]}/msg/{kind}"
