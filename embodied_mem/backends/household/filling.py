"""Puts small things on and into furniture: first what a room needs, then what is usual there.

What is usual, and where, is the catalog's: `rooms` says how likely a type is in a room, `found_on`
where it lies. Nothing overlaps: each surface keeps the rectangles that are taken.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from embodied_mem.backends.household.bodies import build_body
from embodied_mem.backends.household.catalog import can_hold, object_type, object_types
from embodied_mem.backends.household.furnish import new_object
from embodied_mem.backends.household.parts import Surface, Vector
from embodied_mem.backends.household.poses import plan_extent, rotated, to_world
from embodied_mem.backends.household.schema import HouseObject, walk

GAP = 0.015
"""Between neighbours on a surface [m]."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "Kitchen": ("Knife", "Apple", "Mug", "Plate", "Bowl", "Pot", "Egg", "Bread", "Lettuce",
                "Potato", "Tomato", "Fork", "Spoon", "Cup"),
    "Bathroom": ("ToiletPaper", "SoapBar", "Cloth"),
    "Bedroom": ("Pillow", "AlarmClock", "Book", "CellPhone"),
    "LivingRoom": ("RemoteControl", "Pillow", "Book"),
}  # fmt: skip
"""Types of which each room gets one, where it fits."""

NOT_SCATTERED = frozenset(
    ("Television", "Microwave", "Toaster", "CoffeeMachine", "Faucet", "SinkBasin", "StoveBurner",
     "StoveKnob", "BathtubBasin", "Window", "ShowerCurtain", "Sink", "AppleSliced", "BreadSliced",
     "LettuceSliced", "PotatoSliced", "TomatoSliced", "EggCracked")
)  # fmt: skip
"""Types that lie on others, but only where a rule puts them."""


@dataclass(slots=True, eq=False)
class Top:
    """A surface of an object, with what is on it."""

    parent: HouseObject
    surface: Surface
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Rectangles x0 z0 x1 z1 in the parent's frame [m]."""


@dataclass(slots=True, eq=False)
class Filler:
    """Fills the receptacles of one room."""

    room_type: str
    number: int
    """Number of the room, for ids."""
    rng: np.random.Generator
    tops: list[Top] = field(default_factory=list)
    count: int = 0
    laid: list[tuple[HouseObject, Top, tuple[float, float, float, float]]] = field(
        default_factory=list
    )
    """What was put where there was room, and the rectangle it takes."""

    def open_up(self, item: HouseObject) -> None:
        """Make the surfaces of an object available."""
        assert item.size is not None
        assert item.objectType is not None
        if not object_type(item.objectType).has("receptacle"):
            return
        size = (item.size.x, item.size.y, item.size.z)
        body = build_body(item.objectType, size, variant=variant(item))
        self.tops += [Top(item, surface) for surface in body.surfaces]

    def put(
        self,
        type_name: str,
        parents: Iterable[HouseObject],
        *,
        turns: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0),
        way: Vector | None = None,
        size: Vector | None = None,
    ) -> HouseObject | None:
        """Put one thing on or in one of these, the first that has room.

        Args:
            type_name: What to put.
            parents: Candidates in order of preference.
            turns: Headings relative to the parent's to choose from [degrees].
            way: Where on the surface, from -1 to 1 along the parent's x and z (y is unused), tried
                alone; anywhere when None.
            size: Its size [m]; near the catalog's when None.
        """
        size = size or self.size(type_name)
        for parent in parents:
            tops = [top for top in self.tops if top.parent is parent]
            if way is None:
                self.rng.shuffle(tops)  # type: ignore[arg-type]
            for top in tops:
                if size[1] > top.surface.clearance - 0.01:
                    continue
                place = self._spot(top, size, turns, way)
                if place is not None:
                    child = self.add(type_name, top, size, *place)
                    self.laid.append((child, top, top.taken[-1]))
                    return child
        return None

    def take_off(self, parent: HouseObject, keep: Collection[str]) -> bool:
        """Take the small thing that came last off a parent. Returns whether there was one.

        Args:
            parent: What is to get room.
            keep: Types that stay, with what they are in.
        """
        for laid in reversed(self.laid):
            child, top, rectangle = laid
            if top.parent is not parent or not any(c is child for c in parent.children):
                continue
            kinds = {str(item.objectType) for item, _ in walk([child])}
            if object_type(str(child.objectType)).primary == "CanPickup" and kinds.isdisjoint(keep):
                parent.children = [other for other in parent.children if other is not child]
                top.taken.remove(rectangle)
                self.laid.remove(laid)
                return True
        return False

    def size(self, type_name: str) -> Vector:
        """Draw a size near the type's own."""
        scale = float(self.rng.uniform(0.95, 1.05))
        x, y, z = (max(round(length * scale, 3), 0.005) for length in object_type(type_name).size)
        return x, y, z

    def _spot(
        self, top: Top, size: Vector, turns: tuple[float, ...], way: Vector | None
    ) -> tuple[float, float, float] | None:
        """Find a free rectangle: its middle (x, z) in the parent's frame, and the turn."""
        cx, _, cz = top.surface.center
        for _ in range(1 if way is not None else 12):
            turn = float(self.rng.choice(turns))
            half = plan_extent(size, turn)
            slack = [e / 2 - h for e, h in zip(top.surface.extent, half, strict=True)]
            if min(slack) < 0:
                continue
            at = (way[0], way[2]) if way is not None else self.rng.uniform(-1, 1, size=2).tolist()
            x, z = cx + at[0] * slack[0], cz + at[1] * slack[1]
            mine = (x - half[0], z - half[1], x + half[0], z + half[1])
            if not any(_overlap(mine, other) for other in top.taken):
                top.taken.append(mine)
                return x, z, turn
        return None

    def add(
        self, type_name: str, top: Top, size: Vector, x: float, z: float, turn: float
    ) -> HouseObject:
        """Put a thing on a surface with its middle at (x, z) of the parent's frame, unchecked."""
        parent = top.parent
        where = (parent.position.x, parent.position.y, parent.position.z)
        middle = (x, top.surface.center[1] + size[1] / 2, z)
        child = new_object(
            f"{type_name}|surface|{self.number}|{self.count}",
            type_name,
            size,
            to_world(middle, where, parent.rotation.y),
            parent.rotation.y + turn,
            self.rng,
        )
        self.count += 1
        parent.children = [*parent.children, child]
        return child


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] + GAP and b[0] < a[2] + GAP and a[1] < b[3] + GAP and b[1] < a[3] + GAP


def variant(item: HouseObject) -> int:
    """Number of an own object's looks, from its asset id."""
    return int(item.assetId.rpartition("_")[2])


def fill_room(filler: Filler, furniture: list[HouseObject], *, density: float = 1.0) -> None:
    """Add fittings, appliances and small things as children of a room's furniture.

    Args:
        filler: Of this room.
        furniture: What stands in it; gets children.
        density: Scales the number of things that a room need not have.
    """
    for item in furniture:
        filler.open_up(item)
    if filler.room_type == "Kitchen":
        _equip_kitchen(filler, furniture)
    elif filler.room_type == "Bathroom":
        _equip_bathroom(filler, furniture)
    for stand in _of(furniture, "TVStand"):
        filler.put("Television", [stand], turns=(0.0,), way=(0, 0, -0.6))
    for desk in _of(furniture, "Desk"):
        filler.put("DeskLamp", [desk], turns=(0.0,), way=(0.9, 0, -0.8))
        if filler.rng.random() < 0.7:
            filler.put("Laptop", [desk], turns=(0.0,), way=(-0.3, 0, 0.4))
    for table in _of(furniture, "SideTable"):
        if filler.rng.random() < 0.6:
            filler.put("DeskLamp", [table], turns=(0.0,), way=(0, 0, -0.8))
    for bed in _of(furniture, "Bed"):
        for side in (-0.7, 0.7) if bed.size and bed.size.x > 1.3 else (0.0,):
            filler.put("Pillow", [bed], turns=(0.0,), way=(side, 0, -0.9))
    _scatter(filler, furniture, density)


def _of(items: Iterable[HouseObject], *names: str) -> list[HouseObject]:
    return [item for item in items if item.objectType in names]


def _equip_kitchen(filler: Filler, furniture: list[HouseObject]) -> None:
    for sink in _of(furniture, "Sink"):
        _equip_sink(filler, sink)
    counters = _of(furniture, "CounterTop")
    by_width = sorted(counters, key=lambda c: -(c.size.x if c.size else 0.0))
    burners = _stove(filler, by_width[-1]) if by_width else []
    for burner in burners:
        filler.open_up(burner)
    for appliance in ("Microwave", "CoffeeMachine", "Toaster"):
        for back in ((-0.9, 0, -0.6), (0.9, 0, -0.6), (0.0, 0, -0.6), None):
            places = (
                by_width
                if appliance != "Microwave"
                else [*by_width, *_of(furniture, "DiningTable")]
            )
            placed = filler.put(appliance, places, turns=(0.0,), way=back)
            if placed is not None:
                filler.open_up(placed)
                break
    if burners:
        _on_burner(filler, "Pan", burners[0], turn=90.0)


def _stove(filler: Filler, counter: HouseObject) -> list[HouseObject]:
    """Burners in the corners of a square, knobs along the front edge; two or four by the width."""
    assert counter.size is not None
    pairs = (-0.14, 0.14) if counter.size.x > 0.62 else (0.0,)
    tops = [top for top in filler.tops if top.parent is counter]
    if not tops:
        return []
    top = max(tops, key=lambda t: t.surface.center[1])
    burners, size, knob = [], (0.22, 0.03, 0.22), (0.05, 0.05, 0.04)
    cx, _, cz = top.surface.center
    front = cz + top.surface.extent[1] / 2 - 0.04
    places = [(x, cz + z) for x in pairs for z in (-0.17, 0.07)]
    for k, (x, z) in enumerate(places):
        shift = (k - (len(places) - 1) / 2) * 0.1
        burner = filler.add("StoveBurner", top, size, cx + x, z, 0.0)
        burners.append(burner)
        filler.add("StoveKnob", top, knob, cx + shift, front, 0.0)
    half = max(abs(x) for x in pairs) + 0.12
    top.taken.append((cx - half, cz - 0.3, cx + half, front + 0.04))
    return burners


def _on_burner(filler: Filler, type_name: str, burner: HouseObject, *, turn: float) -> None:
    """Set a pan on a burner, centred though it is wider."""
    tops = [top for top in filler.tops if top.parent is burner]
    if tops:
        x, _, z = tops[0].surface.center
        pan = filler.add(type_name, tops[0], filler.size(type_name), x, z, turn)
        tops[0].taken.append((x - 1, z - 1, x + 1, z + 1))
        filler.open_up(pan)


def _equip_sink(filler: Filler, sink: HouseObject) -> None:
    """A basin in the sink, and a faucet behind it."""
    tops = sorted((t for t in filler.tops if t.parent is sink), key=lambda t: t.surface.center[1])
    if not tops:
        return
    bowl = tops[0]
    extent = bowl.surface.extent
    x, y, z = bowl.surface.center
    assert sink.size is not None
    rim = sink.size.y / 2
    height = min(0.15, max(rim - y, 0.05))
    basin = filler.add(
        "SinkBasin", bowl, (round(extent[0], 3), round(height, 3), round(extent[1], 3)), x, z, 0.0
    )
    filler.tops.remove(bowl)
    filler.open_up(basin)
    size = filler.size("Faucet")
    back = min(z - extent[1] / 2 - size[2] * 0.15, -sink.size.z / 2 + size[2] / 2 + 0.01)
    where = (sink.position.x, sink.position.y, sink.position.z)
    dx, dz = rotated(x, back, sink.rotation.y)
    position = (where[0] + dx, where[1] + rim + size[1] / 2, where[2] + dz)
    faucet = new_object(
        f"Faucet|surface|{filler.number}|{filler.count}", "Faucet", size, position,
        sink.rotation.y, filler.rng,
    )  # fmt: skip
    filler.count += 1
    sink.children = [*sink.children, faucet]


def _equip_bathroom(filler: Filler, furniture: list[HouseObject]) -> None:
    for sink in _of(furniture, "Sink"):
        _equip_sink(filler, sink)
    for holder, thing in (("TowelHolder", "Towel"), ("HandTowelHolder", "HandTowel"),
                          ("ToiletPaperHanger", "ToiletPaper")):  # fmt: skip
        for item in _of(furniture, holder):
            filler.put(thing, [item], turns=(0.0,), way=(0, 0, 0))
    for tub in _of(furniture, "Bathtub"):
        filler.put("SoapBar", [tub])


def _scatter(filler: Filler, furniture: list[HouseObject], density: float) -> None:
    """Choose types by how usual they are here, and their places by where they usually are."""
    wanted = list(NEEDED.get(filler.room_type, ()))
    for name, kind in object_types().items():
        weight = kind.rooms.get(filler.room_type, 0.0)
        if weight <= 0 or name in NOT_SCATTERED or kind.primary == "Static":
            continue
        if not any(place not in ("Floor", "Wall") for place in kind.found_on):
            continue
        wanted += [name] * int(filler.rng.random() < weight * 0.28 * density)
        wanted += [name] * int(filler.rng.random() < weight * 0.06 * density)
    for name in wanted:
        places = list(_places(filler, name, furniture))
        child = filler.put(name, places)
        if child is not None and name in ("Plate", "Bowl", "Box") and filler.rng.random() < 0.2:
            filler.open_up(child)


def _places(filler: Filler, name: str, furniture: list[HouseObject]) -> Iterator[HouseObject]:
    """Receptacles in the room that may hold a type, drawn by how usual it is to find it there."""
    found_on = object_type(name).found_on
    here = [
        item
        for item, _ in walk(furniture)
        if item.objectType is not None and can_hold(item.objectType, name)
    ]
    if not here:
        return
    weights = np.array([found_on.get(str(item.objectType), 0.01) for item in here])
    order = filler.rng.choice(len(here), len(here), replace=False, p=weights / weights.sum())
    yield from (here[k] for k in order[:4])
