"""Turns a floor plan into the rooms, walls, doors and windows of a house in ProcTHOR's schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodied_mem.backends.household.floorplan import DOOR_WALL, FloorPlan
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
    windows = _windows(plan, by_run, {door.wall0 for door in doors}, rng)
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


def _doors(
    plan: FloorPlan, walls: dict[_Run, tuple[Wall, Wall]], rng: np.random.Generator
) -> list[Door]:
    doors = []
    for a, b in plan.doors:
        shared = [run for run in walls if {run.low, run.high} == {a, b}]
        run = max(shared, key=lambda run: run.cells)
        doors.append(_door(run, walls[run], plan, rng, number=f"{a + 2}|{b + 2}"))
    outer = [run for run in walls if run.low < 0 or run.high < 0]
    outer = [run for run in outer if run.cells * plan.cell >= DOOR_WALL + 0.3]
    order = {"LivingRoom": 0, "Kitchen": 1, "Bedroom": 2, "Bathroom": 3}
    entrance = min(outer, key=lambda run: (order[plan.types[max(run.low, run.high)]], -run.cells))
    inside = max(entrance.low, entrance.high)
    doors.append(_door(entrance, walls[entrance], plan, rng, number=f"1|{inside + 2}"))
    return doors


def _door(
    run: _Run, pair: tuple[Wall, Wall], plan: FloorPlan, rng: np.random.Generator, *, number: str
) -> Door:
    width, height = DOOR_SIZE
    length = run.cells * plan.cell
    slack = length - width - 0.3
    # Doors near a corner leave walls for furniture.
    way = float(rng.choice((0.0, 1.0, rng.random()))) * max(slack, 0.0)
    low = round(0.15 + way if slack > 0 else (length - width) / 2, 3)
    outside = min(run.low, run.high) < 0
    rooms = [run.low, run.high] if run.low >= 0 else [run.high, run.low]
    return Door(
        id=f"door|{number}",
        wall0=pair[0].id,
        wall1=pair[1].id,
        room0=room_id(rooms[0]),
        room1=room_id(rooms[0] if outside else rooms[1]),
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
