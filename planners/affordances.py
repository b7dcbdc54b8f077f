"""What a planner knows of kinds of things before it sees any.

What can be done with them and where they are usually found, from the catalogue of object types.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import sqrt

from embodied_mem.backends.household.catalog import object_types
from embodied_mem.goals import fold

SINKS = frozenset(("sink", "sinkbasin", "bathtub", "bathtubbasin"))
BASINS = frozenset(("sinkbasin", "bathtubbasin"))
RIMS = SINKS - BASINS
FAUCETS = frozenset(("faucet", "showerhead"))
KNIVES = frozenset(("knife", "butterknife"))
MICROWAVES = frozenset(("microwave",))
FRIDGES = frozenset(("fridge",))
BURNERS = frozenset(("stoveburner",))
DOORS = frozenset(("doorway",))
KNOBS = frozenset(("stoveknob",))

_PIECE = ("sliced", "cracked")
_UNLIKELY = 0.004
"""Chance that a thing is on or in any receptacle that may hold it: smooths the catalogue's
weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is known of one type of object."""

    label: str
    """Type name in the form of goals."""
    graspable: bool = False
    openable: bool = False
    toggleable: bool = False
    receptacle: bool = False
    sliceable: bool = False
    cookable: bool = False
    dirtyable: bool = False
    fillable: bool = False
    places: frozenset[str] = frozenset()
    """Labels of the receptacles on or in which it may be put."""
    usual: Mapping[str, float] = field(default_factory=dict)
    """Weight of each receptacle label as the place where it is."""
    rooms: Mapping[str, float] = field(default_factory=dict)
    """Weight of each type of room as the one where it is."""
    size: tuple[float, float, float] = (0.2, 0.2, 0.2)
    """Usual edge lengths: width, height, depth [m]."""

    @property
    def recognised_from(self) -> float:
        """Distance from which it covers enough of an image to be recognised [m]."""
        small, large = sorted(self.size)[1:]
        return float(min(max(30 * sqrt(small * large), 1.5), 4.0))

    @property
    def fixture(self) -> bool:
        """Whether it stays where it is: furniture and appliances."""
        return not self.graspable

    @property
    def container(self) -> bool:
        """Whether what is in it is hidden while it is closed."""
        return self.receptacle and self.openable


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every known kind by label in the form of goals."""
    return {
        fold(name): Kind(
            label=fold(name),
            graspable=kind.primary == "CanPickup",
            openable="openable" in kind.properties,
            toggleable="toggleable" in kind.properties,
            receptacle="receptacle" in kind.properties,
            sliceable="sliceable" in kind.properties,
            cookable="cookable" in kind.properties,
            dirtyable="dirtyable" in kind.properties,
            fillable="fillable" in kind.properties,
            places=frozenset(map(fold, kind.receptacles)),
            usual={fold(place): weight for place, weight in kind.found_on.items()},
            rooms=dict(kind.rooms),
            size=(kind.size[0], kind.size[1], kind.size[2]),
        )
        for name, kind in object_types().items()
    }


def kind_of(label: str) -> Kind:
    """Return what is known of a type; an unknown one is a thing that stays where it is."""
    folded = fold(label)
    return kinds().get(folded) or Kind(label=folded)


def vocabulary() -> tuple[str, ...]:
    """Return the names of all types that tasks can speak of."""
    return tuple(object_types())


def whole(label: str) -> str:
    """Return the type that a piece was cut from (`applesliced` to `apple`), else the label."""
    folded = fold(label)
    return next((folded.removesuffix(end) for end in _PIECE if folded.endswith(end)), folded)


def is_piece(label: str) -> bool:
    """Tell whether a type is a slice of another."""
    return whole(label) != fold(label)


def fits(label: str, receptacle: str) -> bool:
    """Tell whether things of a type may be put on or in a receptacle."""
    return fold(receptacle) in kind_of(label).places


def room_match(label: str, neighbours: Iterable[str]) -> float | None:
    """Return how well a thing fits a room, 0..1; None if nothing seen there tells the room.

    Args:
        label: The thing's type.
        neighbours: Types of the things seen there.
    """
    rooms = kind_of(label).rooms
    votes: dict[str, float] = {}
    for neighbour in neighbours:
        weights = kind_of(neighbour).rooms
        total = sum(weights.values())
        for room, weight in weights.items():
            votes[room] = votes.get(room, 0.0) + weight**2 / total
    if not votes or not rooms:
        return None
    share = sum(vote * rooms.get(room, 0.0) for room, vote in votes.items())
    return share / sum(votes.values()) / max(rooms.values())


def prior(label: str, receptacle: str) -> float:
    """Return the weight, about 0..1, of a receptacle's type as the place of a thing."""
    thing, place = kind_of(label), fold(receptacle)
    usual = thing.usual.get(place, 0.0)
    return usual + (_UNLIKELY if place in thing.places or not thing.places else _UNLIKELY / 10)
