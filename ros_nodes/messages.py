"""ROS message types without ROS: definitions, values, type hashes and CDR bytes.

Standard messages are Jazzy's, as `rosbags` ships them; `vision_msgs`, `std_srvs` and our own
`embodied_mem_msgs` are the files in `interfaces/`. Names are ROS's: `sensor_msgs/msg/Image`,
`std_srvs/srv/Trigger`, whose halves are `std_srvs/srv/Trigger_Request` and `..._Response`;
`nav2_msgs/action/NavigateToPose`, whose parts end in `_Goal`, `_Result` and `_Feedback`.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from embodied_mem.errors import EmbodiedMemError, MissingExtraError

try:
    from rosbags.interfaces import Nodetype
    from rosbags.serde import SerdeError
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    from rosbags.typesys.store import Typestore
except ImportError as missing:
    raise MissingExtraError("reading and writing ROS messages", "bags") from missing

from ros_nodes.action_types import SERVICES, action_types

Message = Any
"""A message of `rosbags` or of rclpy: both have the fields of the definition as attributes."""

Values = Mapping[str, Any]
"""Fields of a message by name, nested; what is left out gets ROS's default, zero."""

_EMPTY = "structure_needs_at_least_one_member"
_EVENT_INFO = "service_msgs/msg/ServiceEventInfo"


class MalformedMessageError(EmbodiedMemError, ValueError):
    """Bytes are no message of the type that they claim to be."""


def interface_files() -> Path:
    """Return the folder of the definitions that come with this package."""
    return Path(str(resources.files("ros_nodes") / "interfaces"))


class Interfaces:
    """All types that the nodes use."""

    def __init__(self) -> None:
        self.store: Typestore = get_typestore(Stores.ROS2_JAZZY)
        self.services: set[str] = set()
        """Names of the known services."""
        for path in sorted(interface_files().rglob("*.msg")):
            self._add(f"{path.parent.parent.name}/msg/{path.stem}", path.read_text())
        for path in sorted(interface_files().rglob("*.srv")):
            self._add_service(path.parent.parent.name, path.stem, path.read_text())
        for path in sorted(interface_files().rglob("*.action")):
            self._add_action(path.parent.parent.name, path.stem, path.read_text())
        self._hashed = _hashing_store(self.store, self.services)

    def make(self, typename: str, values: Values | None = None) -> Message:
        """Build a message.

        Raises:
            KeyError: There is no such type, or it has no such field.
        """
        values = values or {}
        fields = dict(self.store.fielddefs[typename][1])
        if unknown := values.keys() - fields.keys():
            raise KeyError(f"{typename} has no field {', '.join(sorted(unknown))}")
        return self.store.types[typename](
            **{name: self._field(desc, values.get(name)) for name, desc in fields.items()}
        )

    def encode(self, message: Message, typename: str) -> bytes:
        """Return a message as CDR, little endian, with its encapsulation header."""
        return bytes(self.store.serialize_cdr(message, typename, little_endian=True))

    def decode(self, data: bytes | memoryview, typename: str) -> Message:
        """Read a message from CDR; its arrays are views into the bytes.

        Raises:
            MalformedMessageError: The bytes are no such message.
        """
        try:
            return self.store.deserialize_cdr(data, typename)
        except (SerdeError, IndexError, AssertionError, OverflowError, TypeError) as error:
            raise MalformedMessageError(f"{len(data)} bytes are no {typename}: {error}") from error

    def type_hash(self, typename: str) -> str:
        """Return the RIHS01 hash of a message, a service, or a service's request or response."""
        return self._hashed.hash_rihs01(typename)

    def definition(self, typename: str) -> str:
        """Return a message's definition and those of all that it contains, as bags keep it."""
        return self.store.generate_msgdef(typename, ros_version=2)[0]

    def _field(self, desc: Any, value: Any) -> Any:
        """Return a field's value as the message class holds it."""
        kind, detail = desc
        if kind == Nodetype.BASE:
            return _DEFAULTS.get(detail[0], 0) if value is None else value
        if kind == Nodetype.NAME:
            is_ready = value is not None and not isinstance(value, Mapping)
            return value if is_ready else self.make(detail, value)
        (inner, name), length = detail
        if inner == Nodetype.BASE and name[0] != "string":
            fixed = length if kind == Nodetype.ARRAY else 0
            return _numbers(name[0], value, fixed)
        if value is None:
            value = [None] * (length if kind == Nodetype.ARRAY else 0)
        return [self._field((inner, name), item) for item in value]

    def _add(self, typename: str, text: str) -> None:
        self.store.register(get_types_from_msg(text, typename))

    def _add_service(self, package: str, name: str, text: str) -> None:
        """Register both halves; rosbags reads names wrongly unless they seem to be messages."""
        halves = text.split("---\n", maxsplit=1)
        for half, kind in zip(halves, ("Request", "Response"), strict=True):
            seeming, true = f"{package}/msg/{name}_{kind}", f"{package}/srv/{name}_{kind}"
            self._add(seeming, half)
            self.store.fielddefs[true] = self.store.fielddefs.pop(seeming)
            self.store.types[true] = self.store.types.pop(seeming)
        self.services.add(f"{package}/srv/{name}")

    def _add_action(self, package: str, name: str, text: str) -> None:
        self.store.register(action_types(package, name, text))
        self.services |= {f"{package}/action/{name}_{service}" for service in SERVICES}


_DEFAULTS: dict[str, Any] = {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}

_DTYPES = {"byte": np.int8, "char": np.uint8, "bool": np.bool_}


def _numbers(name: str, value: Any, fixed: int) -> np.ndarray:
    dtype = _DTYPES.get(name, np.dtype(name) if name not in _DTYPES else None)
    if value is None:
        return np.zeros(fixed, dtype)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return np.frombuffer(value, dtype)
    array = np.asarray(value, dtype).reshape(-1)
    if fixed and len(array) != fixed:
        raise ValueError(f"this field holds {fixed} numbers, got {len(array)}")
    return array


def _hashing_store(store: Typestore, services: set[str]) -> Typestore:
    """Return a store that hashes as ROS does: `char` is uint8 there, and services have hashes."""
    hashing = Typestore()
    for name, (constants, fields) in store.fielddefs.items():
        hashing.fielddefs[name] = constants, [(f, _char_as_uint8(d)) for f, d in fields]
    for service in services:
        request, response = (f"{service}_{kind}" for kind in ("Request", "Response"))
        hashing.fielddefs[f"{service}_Event"] = (
            [],
            [
                ("info", (Nodetype.NAME, _EVENT_INFO)),
                ("request", (Nodetype.SEQUENCE, ((Nodetype.NAME, request), 1))),
                ("response", (Nodetype.SEQUENCE, ((Nodetype.NAME, response), 1))),
            ],
        )
        members = ("request", request), ("response", response), ("event", f"{service}_Event")
        hashing.fielddefs[service] = (
            [],
            [(f"{member}_message", (Nodetype.NAME, name)) for member, name in members],
        )
    return hashing


def _char_as_uint8(desc: Any) -> Any:
    kind, detail = desc
    if kind in {Nodetype.ARRAY, Nodetype.SEQUENCE}:
        return kind, (_char_as_uint8(detail[0]), detail[1])
    if kind == Nodetype.BASE and detail[0] == "char":
        return kind, ("uint8", detail[1])
    return desc


@lru_cache(maxsize=1)
def interfaces() -> Interfaces:
    """Return the types that come with this package; read once."""
    return Interfaces()
