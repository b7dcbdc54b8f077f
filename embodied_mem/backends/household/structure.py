"""Turns a floor plan into the rooms, walls, doors and windows of a house in ProcTHOR's schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodied_mem.backends.household.floorplan import FloorPlan
from embodied_mem.backends.household.layout import Box
from embodied_mem.backends.household.schema import (
    Door,
    House,
    Material,
    Metadata,
    Rgb,
    Room,
    Vector3,
    Wall,
    Window,
)

DOOR_SIZE = (1.0, 2.1)
"""Hole of a door: width and height [m]."""
DOOR_FLOOR = 0.75
"""Depth of the floor on both sides of a door on which no other door's leaf may stand [m]."""
WINDOWS = (("Window_Slider_48x48", 1.2, 1.2), ("Window_Hung_44x60", 1.1, 1.57))
SMALL_WINDOW = ("Window_Slider_36x36", 0.9, 0.9)
WINDOW_TOP = 2.15
"""Height of the upper edge of windows [m]."""

PAINTS = (
    (0.93, 0.91, 0.86), (0.86, 0.89, 0.88), (0.91, 0.85, 0.77), (0.80, 0.86, 0.90),
    (0.88, 0.86, 0.79), (0.83, 0.87, 0.80), (0.92, 0.88, 0.84), (0.78, 0.81, 0.84),
)  # fmt: skip
"""Wall colours in sRGB."""
WALL_TILES = ("SubwayTiles2", "bathroomTilesBlue", "bathroomTilesGrey 2", "KitchenTiles4")
FLOORS = {
    "Bathroom": ("KitchenTilesCheckerboard", "GreyFloorTiles", "WhiteMarbleTiles", "CeramicTiles3"),
    "Kitchen": ("WoodFloorsCross", "KitchenTilesCheckerboard", "GreyFloorTiles", "DarkWoodFloors"),
    "Bedroom": ("BedroomCarpet", "Cream_wood", "WoodGrain_Brown", "BedroomFloor1"),
    "LivingRoom": ("WoodGrain_Brown", "DarkWoodFloors", "OrangeWood", "WoodFloorsCross"),
}
"""Names of floor materials by room type."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A straight boundary between the same two sides, from low to high along its axis."""

    start: tuple[int, int]
    end: tuple[int, int]
    low: int
    """Room on the side of smaller coordinates; -1 outside."""
    high: int

    @property
    def cells(self) -> int:
        return self.end[0] - self.start[0] + self.end[1] - self.start[1]


def build_structure(plan: FloorPlan, spec_id: str, rng: np.random.Generator) -> House:
    """Build an empty house; rooms are numbered from 2, as ProcTHOR does."""
    height = round(float(rng.uniform(2.5, 2.8)), 3)
    rooms = [_room(plan, index, rng) for index in range(len(plan.types))]
    paints = [_paint(kind, rng) for kind in plan.types]
    runs = list(_runs(plan))
    walls: list[Wall] = []
    by_run: dict[_Run, tuple[Wall, Wall]] = {}
    for run in runs:
        by_run[run] = _walls_of(run, plan, paints, height)
        walls += by_run[run]
    doors = _doors(plan, by_run, rng)
    windows = _windows(
        plan, by_run, {door.wall0 for door in doors} | {str(door.wall1) for door in doors}, rng
    )
    return House(
        rooms=rooms,
        walls=walls,
        doors=doors,
        windows=windows,
        metadata=Metadata(roomSpecId=spec_id, schema="1.0.0"),
        proceduralParameters=_parameters(plan, height),
    )


def _runs(plan: FloorPlan) -> Iterator[_Run]:
    padded = np.pad(plan.owner, 1, constant_values=-1)
    for axis in (0, 1):
        grid = padded if axis == 0 else padded.T
        for line in range(1, len(grid)):
            pairs = list(zip(grid[line - 1, 1:].tolist(), grid[line, 1:].tolist(), strict=True))
            first = 0
            for at in range(1, len(pairs) + 1):
                if at < len(pairs) and pairs[at] == pairs[first]:
                    continue
                low, high = pairs[first]
                if low != high:
                    start, end = (line - 1, first), (line - 1, at)
                    if axis == 1:
                        start, end = (first, line - 1), (at, line - 1)
                    yield _Run(start, end, low, high)
                first = at


def _room(plan: FloorPlan, index: int, rng: np.random.Generator) -> Room:
    kind = plan.types[index]
    floor = Material(name=str(rng.choice(FLOORS[kind])))
    corners = [Vector3(round(a * plan.cell, 3), 0.0, round(b * plan.cell, 3))
               for a, b in outline(plan.owner == index)]  # fmt: skip
    return Room(id=room_id(index), roomType=kind, floorPolygon=corners, floorMaterial=floor)


def room_id(index: int) -> str:
    """Id of the room with this index in the plan."""
    return f"room|{index + 2}"


def outline(mask: np.ndarray) -> list[tuple[int, int]]:
    """Corners of a region of cells without holes, in order around it; straight edges merged."""
    padded = np.pad(mask, 1)
    follow: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in np.argwhere(mask).tolist():
        sides = (
            (padded[i + 1, j], (i, j), (i + 1, j)),
            (padded[i + 2, j + 1], (i + 1, j), (i + 1, j + 1)),
            (padded[i + 1, j + 2], (i + 1, j + 1), (i, j + 1)),
            (padded[i, j + 1], (i, j + 1), (i, j)),
        )
        follow.update({start: end for inside, start, end in sides if not inside})
    first = min(follow)
    loop, at = [first], follow[first]
    while at != first:
        loop.append(at)
        at = follow[at]
    return [
        point
        for k, point in enumerate(loop)
        if not (
            loop[k - 1][0] == point[0] == loop[(k + 1) % len(loop)][0]
            or loop[k - 1][1] == point[1] == loop[(k + 1) % len(loop)][1]
        )
    ]


def _paint(kind: str, rng: np.random.Generator) -> Material:
    if kind == "Bathroom" and rng.random() < 0.7:
        return Material(name=str(rng.choice(WALL_TILES)))
    r, g, b = PAINTS[int(rng.integers(len(PAINTS)))]
    return Material(name="PureWhite", color=Rgb(r, g, b))


def _walls_of(
    run: _Run, plan: FloorPlan, paints: list[Material], height: float
) -> tuple[Wall, Wall]:
    """The two walls of a boundary: the first belongs to a room and starts at the low end."""
    own, other = (run.low, run.high) if run.low >= 0 else (run.high, run.low)
    (x0, z0), (x1, z1) = (tuple(round(v * plan.cell, 3) for v in p) for p in (run.start, run.end))
    place = f"{x0:.2f}|{z0:.2f}|{x1:.2f}|{z1:.2f}"

    def wall(room: int, *, reverse: bool) -> Wall:
        ends = [(x1, z1), (x0, z0)] if reverse else [(x0, z0), (x1, z1)]
        corners = [Vector3(x, y, z) for y in (0.0, height) for x, z in ends]
        name = f"wall|{room + 2 if room >= 0 else 'exterior'}|{place}"
        paint = (
            paints[room] if room >= 0 else Material(name="PureWhite", color=Rgb(0.8, 0.78, 0.74))
        )
        return Wall(
            id=name, roomId=room_id(room if room >= 0 else own), polygon=corners, material=paint
        )

    return wall(own, reverse=False), wall(other, reverse=True)


@dataclass(frozen=True, slots=True)
class _DoorPlace:
    """Where a door might be: a wall pair, a span along the boundary, and the side it opens to."""

    run: _Run
    low: float
    """Start of the hole along the run from its low end [m]."""
    reverse: bool
    """Whether the second wall of the pair is wall0, whose room the leaf swings into."""

    def boxes(self, plan: FloorPlan) -> tuple[Box, Box]:
        """The floor on both sides of the hole, and the leaf when it stands open."""
        x, z = (v * plan.cell for v in self.run.start)
        own_is_low = (self.run.low >= 0) != self.reverse
        width = DOOR_SIZE[0]
        depth = -width if own_is_low else width
        # In the sense of `shell.ShellOpening.hinge`: left of who looks into the room.
        if self.run.start[0] == self.run.end[0]:  # The run is along z, the room at -x or +x.
            floor = Box(x - DOOR_FLOOR, z + self.low, x + DOOR_FLOOR, z + self.low + width)
            hinge = z + self.low + (0.0 if own_is_low else width)
            xs = sorted((x, x + depth))
            return floor, Box(xs[0], hinge - 0.05, xs[1], hinge + 0.05)
        floor = Box(x + self.low, z - DOOR_FLOOR, x + self.low + width, z + DOOR_FLOOR)
        hinge = x + self.low + (width if own_is_low else 0.0)
        zs = sorted((z, z + depth))
        return floor, Box(hinge - 0.05, zs[0], hinge + 0.05, zs[1])


def _doors(
    plan: FloorPlan, walls: dict[_Run, tuple[Wall, Wall]], rng: np.random.Generator
) -> list[Door]:
    """Place the doors of the plan and one to the outside so that none gets in another's way."""
    doors: list[Door] = []
    taken: list[tuple[Box, Box]] = []
    outer = [run for run in walls if min(run.low, run.high) < 0]
    order = {"LivingRoom": 0, "Kitchen": 1, "Bedroom": 2, "Bathroom": 3}
    ranks = [order[plan.types[max(run.low, run.high)]] for run in outer]  # Rooms may have none.
    entrances = [run for run, rank in zip(outer, ranks, strict=True) if rank == min(ranks)]
    for pair in (*plan.doors, None):
        runs = [run for run in walls if pair is not None and {run.low, run.high} == set(pair)]
        place = _best_place(runs or entrances, plan, taken, rng)
        taken.append(place.boxes(plan))
        doors.append(_door(place, walls[place.run], plan, rng))
    return doors


def _best_place(
    runs: list[_Run], plan: FloorPlan, taken: list[tuple[Box, Box]], rng: np.random.Generator
) -> _DoorPlace:
    """Try places along the boundaries of two rooms; near a corner, and clear of other doors."""
    width = DOOR_SIZE[0]
    longest = max(run.cells for run in runs)
    best, best_cost = None, np.inf
    for _ in range(40):
        run = runs[int(rng.integers(len(runs)))]
        slack = run.cells * plan.cell - width - 0.3
        if slack < 0 and run.cells < longest:
            continue
        # Doors near a corner leave walls for furniture.
        way = float(rng.choice((0.0, 1.0, rng.random())))
        low = 0.15 + way * slack if slack > 0 else (run.cells * plan.cell - width) / 2
        outside = min(run.low, run.high) < 0
        place = _DoorPlace(run, round(low, 3), bool(rng.random() < 0.5) and not outside)
        floor, leaf = place.boxes(plan)
        cost = min(way, 1 - way) + rng.uniform(0, 0.3)
        for other_floor, other_leaf in taken:
            cost += 5.0 * (leaf.meets(other_floor, 0.3) or leaf.meets(other_leaf, 0.3))
            cost += 5.0 * (not outside and floor.meets(other_leaf, 0.3)) + floor.meets(other_floor)
        if cost < best_cost:
            best, best_cost = place, cost
    assert best is not None
    return best


def _door(
    place: _DoorPlace, pair: tuple[Wall, Wall], plan: FloorPlan, rng: np.random.Generator
) -> Door:
    run, (width, height) = place.run, DOOR_SIZE
    outside = min(run.low, run.high) < 0
    rooms = [run.low, run.high] if run.low >= 0 else [run.high, run.low]
    first, second = (1, 0) if place.reverse else (0, 1)
    low = round(run.cells * plan.cell - place.low - width if place.reverse else place.low, 3)
    number = f"1|{rooms[0] + 2}" if outside else f"{rooms[first] + 2}|{rooms[second] + 2}"
    return Door(
        id=f"door|{number}",
        wall0=pair[first].id,
        wall1=pair[second].id,
        room0=room_id(rooms[0] if outside else rooms[first]),
        room1=room_id(rooms[0] if outside else rooms[second]),
        holePolygon=[Vector3(low, 0.0), Vector3(round(low + width, 3), height)],
        assetPosition=Vector3(round(low + width / 2, 3), height / 2),
        assetId=f"Doorway_{int(rng.integers(1, 11))}",
        openable=not outside,
        openness=0.0 if outside else 1.0,
    )


def _windows(
    plan: FloorPlan,
    walls: dict[_Run, tuple[Wall, Wall]],
    taken: set[str],
    rng: np.random.Generator,
) -> list[Window]:
    windows = []
    for index, kind in enumerate(plan.types):
        asset, width, height = SMALL_WINDOW if kind == "Bathroom" else WINDOWS[rng.integers(2)]
        runs = [
            run
            for run, (wall, _) in walls.items()
            if {run.low, run.high} == {-1, index}
            and run.cells * plan.cell > width + 0.5
            and wall.id not in taken
        ]
        rng.shuffle(runs)  # type: ignore[arg-type]
        for number, run in enumerate(runs[: 1 if kind == "Bathroom" else 2]):
            slack = run.cells * plan.cell - width - 0.4
            low = round(0.2 + slack * float(rng.uniform(0.35, 0.65)), 3)
            bottom = WINDOW_TOP - height
            windows.append(
                Window(
                    id=f"window|{index + 2}|{number}",
                    wall0=walls[run][0].id,
                    wall1=walls[run][1].id,
                    room0=room_id(index),
                    room1=room_id(index),
                    holePolygon=[
                        Vector3(low, round(bottom, 3)), Vector3(round(low + width, 3), WINDOW_TOP)
                    ],
                    assetPosition=Vector3(round(low + width / 2, 3), WINDOW_TOP - height / 2),
                    assetId=asset,
                )
            )  # fmt: skip
    return windows


def _parameters(plan: FloorPlan, height: float) -> dict[str, Any]:
    """What AI2-THOR asks of a house beside its parts."""
    lights = [
        {
            "id": "DirectionalLight", "type": "directional", "intensity": 1,
            "position": {"x": 0.84, "y": 0.1855, "z": -1.09},
            "rotation": {"x": 43, "y": -50, "z": 0}, "rgb": {"r": 1.0, "g": 1.0, "b": 1.0},
        }
    ]  # fmt: skip
    for index in range(len(plan.types)):
        x, z = (np.argwhere(plan.owner == index).mean(axis=0) + 0.5) * plan.cell
        lights.append(
            {
                "id": f"light_{index + 2}", "type": "point", "intensity": 0.75, "range": 15,
                "position": {"x": round(float(x), 3), "y": height - 0.2, "z": round(float(z), 3)},
                "rgb": {"r": 1.0, "g": 0.855, "b": 0.722},
            }
        )  # fmt: skip
    return {
        "ceilingMaterial": {"name": "PureWhite"},
        "floorColliderThickness": 1.0,
        "receptacleHeight": 0.7,
        "skyboxId": "SkyAlbany",
        "reflections": [],
        "lights": lights,
    }
