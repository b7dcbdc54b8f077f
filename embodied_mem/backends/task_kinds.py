"""The kinds of household tasks, and what a house must offer for each."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from embodied_mem.backends.household.access import accessible_objects
from embodied_mem.backends.household.catalog import can_hold, object_type
from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.placement import PERCHES, find_spot
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.tasks import judge_goal
from embodied_mem.goals import Goal, fold, parse_goal

KNIVES = ("Knife", "ButterKnife")
"""What slices."""

BASINS = ("Sink", "SinkBasin")
"""What stands under a faucet."""

NOT_SWITCHED = frozenset({"StoveBurner", "StoveKnob", "Faucet", "ShowerHead", "Microwave"})
"""Toggled through something else, or in the course of other tasks."""

NOT_TIDY = frozenset(
    {*BASINS, "Bathtub", "BathtubBasin", "Toilet", "StoveBurner", "Microwave", "CoffeeMachine",
     "Toaster", "GarbageCan", "LaundryHamper"}
)  # fmt: skip
"""Receptacles in which nobody asks to put things to stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A goal that can be reached, and what reaching it does to the house."""

    kind: str
    """put, store, pair, clean, heat, cook, cool, slice, fill, toggle or open."""
    goal: Goal
    moved: frozenset[str] = frozenset()
    """Labels of the objects that it carries about."""
    needed: frozenset[str] = frozenset()
    """Labels of the tools that it carries about."""
    machine: str = ""
    """Where there is room for one thing only, which may stay there: sink, microwave."""
    destroyed: frozenset[str] = frozenset()
    """Labels of the objects that are no longer what they were."""
    places: tuple[tuple[tuple[SimObject, ...], tuple[SimObject, ...]], ...] = ()
    """What must find room together on one of which receptacles; checked when the task is drawn."""


class Stock:
    """What of a house tasks can be made of, as it is now."""

    def __init__(self, engine: Engine) -> None:
        """Look at the engine's world; nothing in it is changed."""
        self.world = engine.world
        self.usual_places = True
        within = accessible_objects(engine.simulation)
        self.items = [self.world.objects[object_id] for object_id in sorted(within)]
        self.metadata = engine.look().metadata["objects"]

    def of(self, *kinds: str) -> tuple[SimObject, ...]:
        """List accessible objects of these types."""
        return tuple(item for item in self.items if item.type_name in kinds)

    def portable(self, *properties: str) -> dict[str, tuple[SimObject, ...]]:
        """List what can be carried and has one of the properties, by type.

        What holds other things is left out, as those would travel along.
        """
        return self._by_type(
            lambda item: (
                item.pickupable
                and not item.children
                and (not properties or any(item.has(name) for name in properties))
            )
        )

    def furniture(self, *, openable: bool) -> dict[str, tuple[SimObject, ...]]:
        """List receptacles that stay where they are, by type."""
        return self._by_type(
            lambda item: (
                item.has("receptacle")
                and not item.pickupable
                and item.has("openable") == openable
                and item.type_name not in NOT_TIDY
            )
        )

    def with_unusual_places(self) -> "Stock":
        """Look at the same things, and let them be put wherever they may be."""
        other = copy(self)
        other.usual_places = False
        return other

    def suits(self, large: str, small: str) -> bool:
        """Whether one type may be put on another, and is wont to be where that is asked for."""
        return can_hold(large, small) and (
            not self.usual_places or large in object_type(small).found_on
        )

    def allows(self, task: Task) -> bool:
        """Whether a task is not done already and its objects find room."""
        if judge_goal(task.goal, self.metadata).complete:
            return False
        return all(
            any(self.has_room(items, receptacle) for receptacle in receptacles)
            for items, receptacles in task.places
        )

    def has_water(self) -> bool:
        """Whether there is a sink with a faucet."""
        return bool(self.of("Faucet")) and bool(self.of(*BASINS))

    def has_room(self, items: Sequence[SimObject], receptacle: SimObject) -> bool:
        """Whether objects of a kind fit beside one another, taken as one wider object."""
        x, y, z = items[0].size
        block = replace(items[0], size=(x * len(items) + 0.02, y, z))
        near = receptacle.position
        return find_spot(self.world, block, receptacle, near=near, inside_closed=True) is not None

    def _by_type(self, wanted: Callable[[SimObject], bool]) -> dict[str, tuple[SimObject, ...]]:
        found: dict[str, list[SimObject]] = {}
        for item in self.items:
            if wanted(item):
                found.setdefault(item.type_name, []).append(item)
        return {kind: tuple(items) for kind, items in found.items()}


def putting(stock: Stock, _: np.random.Generator, *, openable: bool) -> list[Task]:
    """Put something on a table, or into something that opens."""
    relation = "in" if openable else "on"
    return [
        Task(
            kind="store" if openable else "put",
            goal=parse_goal(f"{relation}({fold(small)}, {fold(large)})"),
            moved=frozenset({fold(small)}),
            places=((items[:1], places),),
        )
        for small, items in stock.portable().items()
        for large, places in stock.furniture(openable=openable).items()
        if stock.suits(large, small)
    ]


def pairing(stock: Stock, _: np.random.Generator) -> list[Task]:
    """Put two of a kind on the same kind of furniture."""
    return [
        Task(
            kind="pair",
            goal=parse_goal(f"2 on({fold(small)}, {fold(large)})"),
            moved=frozenset({fold(small)}),
            places=((items[:2], places),),
        )
        for small, items in stock.portable().items()
        for large, places in stock.furniture(openable=False).items()
        if len(items) > 1 and large not in PERCHES and stock.suits(large, small)
    ]


def cleaning(stock: Stock, random: np.random.Generator) -> list[Task]:
    """Wash something dirty and put it down somewhere."""
    if not stock.has_water():
        return []
    basins = stock.of(*BASINS)
    tasks = []
    for small, items in stock.portable("dirtyable").items():
        dirty = tuple(item for item in items if item.dirty)
        if dirty and _fitting(basins, small):
            tasks += _then_put(stock, random, "clean", dirty[0], basins)
    return tasks


def warming(stock: Stock, random: np.random.Generator, *, state: str, machine: str) -> list[Task]:
    """Heat, cook or cool something in a machine, and put it down somewhere."""
    machines = stock.of(machine)
    properties = ("cookable",) if state == "cooked" else ("sliceable", "cookable", "fillable")
    tasks = []
    for small, items in stock.portable(*properties).items():
        if _fitting(machines, small):
            tasks += _then_put(stock, random, state, items[0], machines)
    return tasks


def slicing(stock: Stock, _: np.random.Generator) -> list[Task]:
    """Cut something with a knife."""
    knives = stock.of(*KNIVES)
    if not knives:
        return []
    return [
        Task(
            kind="slice",
            goal=parse_goal(f"sliced({fold(small)})"),
            needed=frozenset(fold(knife.type_name) for knife in knives),
            destroyed=frozenset({fold(small)}),
        )
        for small in stock.portable("sliceable")
    ]


def filling(stock: Stock, _: np.random.Generator) -> list[Task]:
    """Fill something at the sink."""
    if not stock.has_water():
        return []
    basins = stock.of(*BASINS)
    return [
        Task(
            kind="fill",
            goal=parse_goal(f"filled({fold(small)})"),
            moved=frozenset({fold(small)}),
            machine="sink",
            places=((items[:1], _fitting(basins, small)),),
        )
        for small, items in stock.portable("fillable").items()
        if _fitting(basins, small)
    ]


def toggling(stock: Stock, _: np.random.Generator) -> list[Task]:
    """Switch something on or off."""
    kinds = {
        item.type_name
        for item in stock.items
        if item.has("toggleable") and item.type_name not in NOT_SWITCHED
    }
    return [
        Task(kind="toggle", goal=parse_goal(f"{state}({fold(kind)})"))
        for kind in sorted(kinds)
        for state in ("on", "off")
    ]


def opening(stock: Stock, _: np.random.Generator) -> list[Task]:
    """Open something, or close it."""
    kinds = {item.type_name for item in stock.items if item.has("openable")}
    return [
        Task(kind="open", goal=parse_goal(f"{state}({fold(kind)})"))
        for kind in sorted(kinds)
        for state in ("open", "closed")
    ]


def _fitting(receptacles: Sequence[SimObject], small: str) -> tuple[SimObject, ...]:
    return tuple(place for place in receptacles if can_hold(place.type_name, small))


def _then_put(
    stock: Stock,
    random: np.random.Generator,
    state: str,
    item: SimObject,
    machines: Sequence[SimObject],
) -> list[Task]:
    """Ask for a new state alone, and for it together with a place to put the object down."""
    label = fold(item.type_name)
    machine = _MACHINE_OF_STATE[state]
    first = ((item,), _fitting(machines, item.type_name))
    tasks = [
        Task(
            kind=_KIND_OF_STATE[state],
            goal=parse_goal(f"{state}({label})"),
            moved=frozenset({label}),
            machine=machine,
            places=(first,),
        )
    ]
    tables = [
        (kind, places)
        for kind, places in stock.furniture(openable=False).items()
        if stock.suits(kind, item.type_name)
    ]
    if tables:
        kind, places = tables[random.integers(len(tables))]
        goal = parse_goal(f"{state}({label}) and on({label}, {fold(kind)})")
        tasks.append(
            Task(
                kind=_KIND_OF_STATE[state],
                goal=goal,
                moved=frozenset({label}),
                machine=machine,
                places=(first, ((item,), places)),
            )
        )
    return tasks


_KIND_OF_STATE = {"clean": "clean", "hot": "heat", "cooked": "cook", "cold": "cool"}
_MACHINE_OF_STATE = {"clean": "sink", "hot": "microwave", "cooked": "microwave", "cold": ""}

KINDS: tuple[Callable[[Stock, np.random.Generator], list[Task]], ...] = (
    partial(putting, openable=False),
    partial(putting, openable=True),
    pairing,
    cleaning,
    partial(warming, state="hot", machine="Microwave"),
    partial(warming, state="cooked", machine="Microwave"),
    partial(warming, state="cold", machine="Fridge"),
    slicing,
    filling,
    toggling,
)
"""All that is drawn in equal parts; `opening` only where tasks are few."""
