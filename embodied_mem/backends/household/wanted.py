"""What a generated house must have: furniture by room type, and small things, counted."""

from collections.abc import Collection, Sequence

import numpy as np

from embodied_mem.backends.household.catalog import can_hold, object_type, object_types
from embodied_mem.backends.household.filling import Filler
from embodied_mem.backends.household.furnish import Furnisher
from embodied_mem.backends.household.schema import HouseObject, walk
from embodied_mem.backends.household.spawning import WALL_TYPES
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, HouseError

_HUNG_AT = 1.45
"""Height of the middle of what is hung up [m]."""

_RIM = 0.45
"""Floor kept clear before furniture that is added [m]."""

_PATIENCE = 8
"""Times that each place is tried again before a thing counts as without one."""

_UNUSUAL = 0.02
"""Weight of a place where such things are not usually found."""


class WantedThing(Config, frozen=True):
    """Small things of one type: the whole house has exactly so many."""

    type: str
    """Name of the type, as in the catalogue."""
    count: int = 1
    room: str | None = None
    """Type of the room in which all of them are; any where None."""
    on: str | None = None
    """Type of what they are on or in; where such things are usually found when None."""
    dirty: bool | None = None
    """Their state; as chance has it when None."""

    def __post_init__(self) -> None:
        for name in filter(None, (self.type, self.on)):
            if name not in object_types():
                raise ConfigError(f"no object type '{name}'. Types are spelt as in `CoffeeTable`.")
        if object_type(self.type).primary != "CanPickup":
            raise ConfigError(f"{self.type} is not a small thing: ask for it as furniture.")
        if self.on is not None and not can_hold(self.on, self.type):
            raise ConfigError(f"a {self.type} cannot be put on or in a {self.on}.")
        if not 0 <= self.count <= 10:
            raise ConfigError(f"the count of {self.type} must lie in 0..10, got {self.count}.")


def stand_wanted(furnisher: Furnisher, names: Sequence[str]) -> bool:
    """Add furniture that a room must have and lacks; False where there is no place for it."""
    for name in names:
        if any(item.objectType == name for item in furnisher.objects):
            continue
        hangs = name in WALL_TYPES and name != "Cabinet"
        placed = (
            furnisher.hang(name, _HUNG_AT) if hangs else furnisher.against_wall(name, front=_RIM)
        )
        if placed is None:
            return False
    return True


def place_wanted(
    things: Sequence[WantedThing],
    rooms: Sequence[tuple[Filler, list[HouseObject]]],
    rng: np.random.Generator,
) -> None:
    """See to it that there are exactly the wanted numbers of things, where they are wanted.

    Things of one type get different looks, as far as the catalogue has them.

    Args:
        things: What is wanted.
        rooms: The filled rooms, with their furniture.
        rng: Chance.

    Raises:
        HouseError: There is no place for a thing.
    """
    for kind in dict.fromkeys(thing.type for thing in things):
        for _, furniture in rooms:
            _take_away(furniture, kind)
    looks: dict[str, int] = {}
    for thing in things:
        for _ in range(thing.count):
            looks[thing.type] = looks.get(thing.type, 0) + 1
            child = _put(thing, rooms, rng, keep={other.type for other in things})
            child.assetId = f"{thing.type}_{looks[thing.type]}"
            if thing.dirty is not None:
                child.isDirty = thing.dirty


def _take_away(items: list[HouseObject], kind: str) -> None:
    """Remove the things of a type, with what lies in them."""
    for item, _ in list(walk(items)):
        item.children = [child for child in item.children if child.objectType != kind]


def _put(
    thing: WantedThing,
    rooms: Sequence[tuple[Filler, list[HouseObject]]],
    rng: np.random.Generator,
    keep: Collection[str],
) -> HouseObject:
    """Put a thing where there is room for it, or where something else can make room."""
    usual = object_type(thing.type).found_on
    places: list[tuple[Filler, HouseObject]] = []
    weights: list[float] = []
    for filler, furniture in rooms:
        if thing.room is not None and filler.room_type != thing.room:
            continue
        for item, parent in walk(furniture):
            name = str(item.objectType)
            if not can_hold(name, thing.type) or (thing.on is not None and name != thing.on):
                continue
            if thing.on is None and (parent is not None or object_type(name).has("openable")):
                continue  # In sight, unless said otherwise.
            places.append((filler, item))
            weights.append(max(usual.get(name, 0.0), _UNUSUAL))
    if places:
        share = np.array(weights) / sum(weights)
        order = rng.choice(len(places), len(places), replace=False, p=share)
        for k in (*order, *np.repeat(order, _PATIENCE)):
            filler, parent = places[k]
            child = filler.put(thing.type, [parent])
            if child is not None:
                return child
        for filler, parent in (places[k] for k in order):
            while filler.take_off(parent, keep):
                child = filler.put(thing.type, [parent])
                if child is not None:
                    return child
    where = (thing.on and f" on a {thing.on}", thing.room and f" in a {thing.room}")
    raise HouseError(
        f"no place for a {thing.type}{''.join(filter(None, where))} in this generated house "
        f"({len(places)} would do). Ask for less, or for another seed."
    )
