"""Message classes for machines without ROS, with setters as strict as those of rosidl."""

from array import array
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from rosbags.interfaces import Nodetype

from ros_nodes.messages import interfaces

_CODES = {
    "int8": "b", "uint8": "B", "char": "B", "int16": "h", "uint16": "H", "int32": "i",
    "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
_BYTES = {"byte", "octet"}


class StandinMessage:
    """A message whose setters check what they are given, as rosidl's do."""

    fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any):
        for name, desc in self.fields.items():
            object.__setattr__(self, name, _default(desc))
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any):
        if name not in self.fields:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        object.__setattr__(self, name, _checked(self.fields[name], value, name))

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        return {name: _text(desc) for name, desc in cls.fields.items()}


_classes: dict[str, type[StandinMessage]] = {}


def message_type(typename: str) -> type[StandinMessage]:
    """Return the class of a message, or of a part of a service or an action."""
    if typename not in _classes:
        fields = dict(interfaces().store.fielddefs[typename][1])
        fields.pop("structure_needs_at_least_one_member", None)
        name = typename.rpartition("/")[2]
        _classes[typename] = type(name, (StandinMessage,), {"fields": fields})
    return _classes[typename]


def _default(desc: Any) -> Any:
    kind, detail = desc
    if kind == Nodetype.BASE:
        name = detail[0]
        if name in _BYTES:
            return b"\0"
        return {"bool": False, "string": ""}.get(name, 0.0 if name.startswith("float") else 0)
    if kind == Nodetype.NAME:
        return message_type(detail)()
    (inner, name), length = detail
    fixed = length if kind == Nodetype.ARRAY else 0
    if inner == Nodetype.BASE and name[0] in _CODES:
        return np.zeros(fixed, name[0]) if fixed else array(_CODES[name[0]])
    return [_default((inner, name)) for _ in range(fixed)]


def _checked(desc: Any, value: Any, where: str) -> Any:
    kind, detail = desc
    if kind == Nodetype.BASE:
        name = detail[0]
        wanted: Any = {"bool": bool, "string": str}.get(name, float if "float" in name else int)
        wanted = bytes if name in _BYTES else wanted
        assert isinstance(value, wanted), f"{where}: {value!r} is no {name}"
        return value
    if kind == Nodetype.NAME:
        assert isinstance(value, message_type(detail)), f"{where}: {value!r} is no {detail}"
        return value
    (inner, name), length = detail
    fixed = length if kind == Nodetype.ARRAY else 0
    if inner == Nodetype.BASE and name[0] in _CODES:
        if isinstance(value, array) and not fixed:
            assert value.typecode == _CODES[name[0]], where
            return value
        if isinstance(value, np.ndarray) and fixed:
            assert (value.dtype, value.size) == (np.dtype(name[0]), fixed), where
            return value
        assert isinstance(value, Sequence) and not isinstance(value, str), where  # noqa: PT018
        assert not fixed or len(value) == fixed, where
        for item in value:
            _checked((inner, name), item, where)
        return np.array(value, name[0]) if fixed else array(_CODES[name[0]], value)
    assert isinstance(value, Sequence) and not isinstance(value, str), where  # noqa: PT018
    assert not fixed or len(value) == fixed, where
    return [_checked((inner, name), item, where) for item in value]


def _text(desc: Any) -> str:
    kind, detail = desc
    if kind == Nodetype.BASE:
        return detail[0]
    if kind == Nodetype.NAME:
        return detail.replace("/msg/", "/")
    inner, length = detail
    return f"{_text(inner)}[{length}]" if kind == Nodetype.ARRAY else f"sequence<{_text(inner)}>"


class Package(ModuleType):
    """`package.msg`, `package.srv` or `package.action`."""

    def __getattr__(self, name: str) -> Any:
        typename = f"{self.__name__.replace('.', '/')}/{name}"
        parts = {"srv": ("Request", "Response"), "action": ("Goal", "Result", "Feedback")}
        kind = self.__name__.rpartition(".")[2]
        if name.startswith("__"):
            raise AttributeError(name)
        if kind == "msg":
            return message_type(typename)
        return SimpleNamespace(
            **{part: message_type(f"{typename}_{part}") for part in parts[kind]}, name=typename
        )
