"""What kinds of objects there are: sizes, properties, and which may be put where.

The table itself is data, `sim_configs/household/objects.yaml`. Sizes of single models come from an
asset database in ProcTHOR's format, where the user has one.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

import sim_configs
from embodied_mem.backends.household.parts import Vector
from embodied_mem.config import Config
from embodied_mem.errors import HouseError

Primary = Literal["Static", "Moveable", "CanPickup"]
Property = Literal[
    "receptacle", "openable", "toggleable", "breakable", "fillable", "dirtyable", "sliceable",
    "cookable", "usable_up", "heat_source", "cold_source", "see_through",
]  # fmt: skip

_log = logging.getLogger(__name__)

_THOR_PROPERTIES: Mapping[str, Property] = {
    "Receptacle": "receptacle",
    "ObjectSpecificReceptacle": "receptacle",
    "CanOpen": "openable",
    "CanToggleOnOff": "toggleable",
    "CanBreak": "breakable",
    "CanBeFilled": "fillable",
    "CanBeDirty": "dirtyable",
    "CanBeSliced": "sliceable",
    "CanBeCooked": "cookable",
    "CanBeUsedUp": "usable_up",
    "isHeatSource": "heat_source",
    "isColdSource": "cold_source",
    "CanSeeThrough": "see_through",
}


class ObjectType(Config, frozen=True, kw_only=True):
    """One of AI2-THOR's object types."""

    name: str = ""
    size: Vector
    """Usual extent along x, y, z, front to +z [m]."""
    primary: Primary
    """Whether it stays where it is, may be pushed, or may be picked up."""
    properties: tuple[Property, ...] = ()
    mass: float
    """[kg]."""
    materials: tuple[str, ...] = ()
    """Salient materials, as AI2-THOR names them."""
    body: str
    """Name of the builder of its shape (`bodies.build_body`)."""
    receptacles: tuple[str, ...] = msgspec.field(default=(), name="put")
    """Types on or in which it may be put."""
    rooms: Mapping[str, float] = {}
    """How usual it is in a type of room, 0..1."""
    found_on: Mapping[str, float] = msgspec.field(default_factory=dict, name="found")
    """How likely it is to be on or in a type of receptacle ("Floor", "Wall" included), 0..1."""
    colours: tuple[str, ...] = ("#a0a0a0",)
    """Main colour of each variant, sRGB as #rrggbb."""

    def has(self, name: Property) -> bool:
        """Whether it has a property."""
        return name in self.properties


class _CatalogFile(Config, frozen=True, kw_only=True):
    groups: dict[str, tuple[str, ...]]
    aliases: dict[str, str]
    types: dict[str, ObjectType]


@dataclass(frozen=True, slots=True)
class _Catalog:
    types: Mapping[str, ObjectType]
    names: Mapping[str, str]
    """Type by its name, or an alias, in lower case."""


@cache
def _catalog() -> _Catalog:
    data = sim_configs.path("household/objects").read_bytes()
    file = msgspec.yaml.decode(data, type=_CatalogFile)
    types = {}
    for name, kind in file.types.items():
        put = (member for entry in kind.receptacles for member in file.groups.get(entry, (entry,)))
        receptacles = tuple(dict.fromkeys(put))
        types[name] = msgspec.structs.replace(kind, name=name, receptacles=receptacles)
    names = {name.lower(): name for name in types} | file.aliases
    return _Catalog(types=MappingProxyType(types), names=MappingProxyType(names))


def object_types() -> Mapping[str, ObjectType]:
    """Every type of the catalog, by name."""
    return _catalog().types


@cache
def object_type(name: str) -> ObjectType:
    """The type of that name; a plain box, with a warning, for a name that is not in the catalog."""
    known = object_types().get(name)
    if known is not None:
        return known
    _log.warning("no object type '%s' in the catalog: drawn as a plain box.", name)
    return ObjectType(name=name, size=(0.3, 0.3, 0.3), primary="Static", mass=1.0, body="plain")


def can_hold(receptacle: str, child: str) -> bool:
    """Whether things of type `child` may be put on or in things of type `receptacle`."""
    return receptacle in object_type(child).receptacles


@cache
def infer_type(asset_id: str) -> str | None:
    """The object type that an asset's name speaks of: `RoboTHOR_day_bed` is a Bed; None if unclear.

    The longest run of words that is a type's name, or an alias, decides; of equals, the last.
    """
    names = _catalog().names
    words = [
        word.lower()
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", asset_id)
        if word.lower() != "robothor"
    ]
    if re.fullmatch(r"[0-9a-fA-F]{32}", asset_id):
        return None  # A content hash, whose letters mean nothing.
    best = ""
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            run = "".join(words[start:end])
            for key in (run, run.removesuffix("s")):
                if key in names and len(key) >= len(best):
                    best = key
    if not best:
        text = "".join(words)
        best = max((key for key in names if len(key) > 3 and key in text), key=len, default="")
    return names.get(best)


def form_of(asset_id: str) -> str:
    """A form within its type that an asset's name tells: "C" for counters along three walls."""
    return "C" if re.match(r"(?i)counter_?top_c_", asset_id) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One model of an asset database."""

    asset_id: str
    type_name: str
    size: Vector
    """Extent of its bounding box along x, y, z [m]."""
    primary: Primary
    properties: tuple[Property, ...]


class _Box(msgspec.Struct):
    x: float
    y: float
    z: float


class _Entry(msgspec.Struct, rename="camel"):
    asset_id: str
    object_type: str
    bounding_box: _Box | None = None
    primary_property: Primary = "Static"
    secondary_properties: tuple[str, ...] = ()


class AssetDatabase:
    """Sizes and properties of single models, in the format of ProcTHOR's asset-database.json."""

    def __init__(self, assets: Mapping[str, Asset]):
        self._assets = dict(assets)

    def __len__(self) -> int:
        return len(self._assets)

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._assets.values())

    @classmethod
    def load(cls, path: str | Path) -> "AssetDatabase":
        """Read a database.

        Raises:
            HouseError: The file cannot be read, or is not an asset database.
        """
        try:
            groups = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, list[_Entry]])
        except OSError as error:
            raise HouseError(f"cannot read asset database {path}: {error.strerror}.") from error
        except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
            raise HouseError(
                f"asset database {path} is malformed: {error}. "
                "Use ProcTHOR's asset-database.json, or none."
            ) from error
        entries = (entry for group in groups.values() for entry in group)
        return cls({entry.asset_id: _asset(entry, path) for entry in entries if entry.bounding_box})

    def find(self, asset_id: str) -> Asset | None:
        """The model of that name, or None."""
        return self._assets.get(asset_id)


def _asset(entry: _Entry, path: str | Path) -> Asset:
    box = entry.bounding_box
    if box is None or not (0 < box.x < 100 and 0 < box.y < 100 and 0 < box.z < 100):
        raise HouseError(
            f"asset database {path} is malformed: the bounding box of '{entry.asset_id}' must have "
            f"sides between 0 and 100 m, got {box}."
        )
    properties: dict[Property, None] = {}
    for name in entry.secondary_properties:
        if name in _THOR_PROPERTIES:
            properties[_THOR_PROPERTIES[name]] = None
    return Asset(
        asset_id=entry.asset_id,
        type_name=entry.object_type,
        size=(box.x, box.y, box.z),
        primary=entry.primary_property,
        properties=tuple(properties),
    )
