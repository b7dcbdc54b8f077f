"""Turns a house's lists into objects: their types, sizes, places and first states."""

import logging
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import dist

import msgspec

from embodied_mem.backends.household.bodies import build_body
from embodied_mem.backends.household.catalog import (
    AssetDatabase,
    ObjectType,
    infer_type,
    object_type,
)
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.schema import House, HouseObject, walk
from embodied_mem.backends.household.shell import Shell, ShellOpening
from embodied_mem.backends.household.sim_object import SimObject

logger = logging.getLogger(__name__)

WALL_TYPES = frozenset(
    (
        "Painting", "Mirror", "LightSwitch", "Window", "Blinds", "Curtains", "Cabinet", "Shelf",
        "TowelHolder", "HandTowelHolder", "ToiletPaperHanger", "ShowerHead",
    )
)  # fmt: skip
"""Types that hang on walls: their height is as the house says."""

OPENING_DEPTH = 0.1
"""Thickness of a door or a window in its frame [m]."""


KNOB_REACH = 1.2
"""Farthest burner that a stove knob may control [m]."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of an asset."""

    type: ObjectType
    size: Vector
    exact: bool
    """Whether the size is this asset's own, not that of its type."""


def spawn_objects(
    house: House, shell: Shell, *, assets: AssetDatabase | None
) -> Iterator[tuple[SimObject, str | None]]:
    """Make every object of a house, doors and windows included; parents come before children.

    Yields:
        The object, where the house puts it, and the id of the object that it is a child of.
    """
    number = 0
    ids: dict[str, str] = {}
    guessed: dict[str, str] = {}
    for found, parent in walk(house.objects):
        number += 1
        kind = _kind(found, assets, is_child=parent is not None, guessed=guessed)
        item = _spawn(found, kind, number, is_child=parent is not None)
        ids[found.id] = item.object_id
        yield item, None if parent is None else ids[parent.id]
    leaves = [door for door in shell.doors if not door.asset_id.startswith("Doorframe")]
    for opening in (*leaves, *shell.windows):
        number += 1
        yield _spawn_opening(opening, "Doorway" if opening in leaves else "Window", number), None
    if guessed:
        names = ", ".join(f"{asset} as {kind}" for asset, kind in sorted(guessed.items())[:5])
        logger.warning(
            "%d assets have no known size and are approximated by their types (%s%s). "
            "An asset database gives exact ones.",
            len(guessed),
            names,
            ", ..." if len(guessed) > 5 else "",
        )


def object_id(type_name: str, house_id: str) -> str:
    """Form an id whose text before the first `|` is the type, as AI2-THOR's clients expect."""
    prefix = house_id.partition("|")[0]
    return house_id if prefix == type_name else f"{type_name}|{house_id}"


def _kind(
    found: HouseObject, assets: AssetDatabase | None, *, is_child: bool, guessed: dict[str, str]
) -> _Kind:
    asset = assets.find(found.assetId) if assets is not None else None
    if asset is not None:
        return _Kind(object_type(asset.type_name), asset.size, exact=True)
    name = found.objectType or infer_type(found.assetId) or found.assetId.partition("_")[0]
    kind = object_type(name)
    if found.size is not None:
        return _Kind(kind, (found.size.x, found.size.y, found.size.z), exact=True)
    if not found.assetId.startswith(f"{name}_") or assets is not None:
        guessed[found.assetId] = name
    x, y, z = kind.size
    tall = 2 * found.position.y  # Objects on the floor are centred at half their height.
    if not is_child and name not in WALL_TYPES and 0.5 * y < tall < 2.0 * y:
        y = tall
    return _Kind(kind, (x, y, z), exact=False)


def _spawn(found: HouseObject, kind: _Kind, number: int, *, is_child: bool) -> SimObject:
    y = found.position.y
    on_wall = kind.type.name in WALL_TYPES or (not is_child and y > 1.6 * kind.size[1])
    if not is_child and not on_wall and not kind.exact:
        y = kind.size[1] / 2
    has = kind.type.properties
    openness = found.openness if found.openness is not None and "openable" in has else 0.0
    return SimObject(
        number=number,
        object_id=object_id(kind.type.name, found.id),
        kind=kind.type,
        asset_id=found.assetId,
        size=kind.size,
        body=build_body(kind.type.name, kind.size, variant=variant_of(found.assetId)),
        position=(found.position.x, y, found.position.z),
        yaw=found.rotation.y % 360,
        anchor="object" if is_child else "wall" if on_wall else "floor",
        openness=min(max(openness, 0.0), 1.0),
        toggled=bool(found.isOn) and "toggleable" in has,
        dirty=bool(found.isDirty) and "dirtyable" in has,
    )


def link_knobs(items: Iterable[SimObject]) -> None:
    """Give each stove knob the nearest burner that no other knob has."""
    everything = list(items)
    knobs = [item for item in everything if item.type_name == "StoveKnob"]
    burners = [item for item in everything if item.type_name == "StoveBurner"]
    pairs = sorted(
        (dist(knob.position, burner.position), knob.number, burner.number)
        for knob in knobs
        for burner in burners
    )
    by_number = {item.number: item for item in everything}
    taken: set[int] = set()
    for distance, knob, burner in pairs:
        if distance < KNOB_REACH and not {knob, burner} & taken:
            taken |= {knob, burner}
            by_number[knob].controls = (by_number[burner].object_id,)


def variant_of(asset_id: str) -> int:
    """Number of an asset's looks: the number in `Mug_3`, else one that its name decides."""
    tail = asset_id.rpartition("_")[2]
    short = tail.isdecimal() and len(tail) < 10
    return int(tail) if short else zlib.crc32(asset_id.encode()) % 100


def _spawn_opening(opening: ShellOpening, type_name: str, number: int) -> SimObject:
    """Make the leaf of a door, or a window."""
    kind = object_type(type_name)
    if kind.has("openable") and not opening.openable:
        kind = _without(kind, "openable")
    size = (opening.width, opening.height, OPENING_DEPTH)
    return SimObject(
        number=number,
        object_id=object_id(kind.name, opening.id),
        kind=kind,
        asset_id=opening.asset_id,
        size=size,
        body=build_body(kind.name, size, variant=variant_of(opening.asset_id)),
        position=opening.position,
        yaw=opening.yaw,
        anchor="wall",
        openness=opening.openness if opening.openable else 0.0,
    )


def _without(kind: ObjectType, capability: str) -> ObjectType:
    return msgspec.structs.replace(
        kind, properties=tuple(p for p in kind.properties if p != capability)
    )
