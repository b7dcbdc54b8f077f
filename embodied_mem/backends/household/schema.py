# ruff: noqa: N815 - fields keep the names that the JSON gives them.
"""ProcTHOR's JSON schema 1.0.0 as types.

Fields are those of the files (allenai/procthor); what the simulator does not use is tolerated and
dropped. Axes are AI2-THOR's: left-handed, y up, metres, degrees.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec


class Vector3(msgspec.Struct, frozen=True):
    """A position or size [m], or Euler angles [degrees]."""

    x: float
    y: float = 0.0
    z: float = 0.0


class Rgb(msgspec.Struct, frozen=True):
    """A colour as files give it: sRGB in 0..1."""

    r: float
    g: float
    b: float


class Material(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paint of a wall, floor or object."""

    name: str | None = None
    color: Rgb | None = None


class Room(msgspec.Struct):
    """A room by its floor."""

    id: str
    roomType: str
    floorPolygon: list[Vector3]
    floorMaterial: Material = Material()
    ceilings: list[Any] = []
    children: list[Any] = []


class Wall(msgspec.Struct):
    """A vertical rectangle; between rooms there are two, one for each side."""

    id: str
    roomId: str
    polygon: list[Vector3]
    material: Material = Material()
    empty: bool = False
    """No wall is built: the rooms are open to one another."""


class Opening(msgspec.Struct):
    """A hole in a wall, or in two coplanar ones."""

    id: str
    wall0: str
    holePolygon: list[Vector3]
    """Lowest and highest corner, along wall0 from its first low corner [m]."""
    room0: str = ""
    room1: str = ""
    wall1: str | None = None
    assetId: str = ""
    assetPosition: Vector3 | None = None


class Door(Opening):
    """A door in two coplanar walls; one to the outside has room0 == room1."""

    openable: bool = False
    openness: float | None = None


class Window(Opening):
    """A window in an outer wall."""


class HouseObject(msgspec.Struct, omit_defaults=True):
    """An object and what lies in or on it."""

    id: str
    assetId: str
    position: Vector3
    """Centre of the bounding box."""
    rotation: Vector3 = Vector3(0.0, 0.0, 0.0)
    kinematic: bool = False
    children: list["HouseObject"] = []
    objectType: str | None = None
    size: Vector3 | None = None
    """Size of the closed object along its own axes [m]. Our extension; absent in other files."""
    isDirty: bool | None = None
    isOn: bool | None = None
    openness: float | None = None
    material: Material | None = None
    color: Rgb | None = None
    layer: str | None = None


class AgentStart(msgspec.Struct):
    """Where the agent wakes up."""

    position: Vector3
    rotation: Vector3 = Vector3(0.0, 0.0, 0.0)
    horizon: float = 30.0
    standing: bool = True


class Metadata(msgspec.Struct, omit_defaults=True):
    """About the house as a whole."""

    agent: AgentStart | None = None
    """Absent in old files: the simulator then finds a free spot."""
    roomSpecId: str | None = None
    schema: str = "1.0.0"


class House(msgspec.Struct):
    """A house."""

    rooms: list[Room]
    walls: list[Wall]
    doors: list[Door] = []
    windows: list[Window] = []
    objects: list[HouseObject] = []
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    proceduralParameters: dict[str, Any] = {}


def walk(objects: Iterable[HouseObject]) -> Iterator[tuple[HouseObject, HouseObject | None]]:
    """Go through all objects with their parents, each parent before its children."""
    stack: list[tuple[HouseObject, HouseObject | None]] = []
    stack += [(item, None) for item in reversed(list(objects))]
    while stack:
        item, parent = stack.pop()
        yield item, parent
        stack.extend((child, item) for child in reversed(item.children))
