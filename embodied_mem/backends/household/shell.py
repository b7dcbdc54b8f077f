"""The building itself: floors, ceilings, walls with their holes, frames and window panes.

Walls between rooms exist once for each room and coplanar (specified so by ProcTHOR); each is moved
1 cm into its own room. Along a wall, holes are measured from the first low corner of `wall0`; the
twin wall starts at the other end, so its hole is found through the world, not by its own numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int32

from embodied_mem.backends.household import polygons
from embodied_mem.backends.household.collision import Obstacle
from embodied_mem.backends.household.house import hole_corners, wall_line
from embodied_mem.backends.household.materials import look_of
from embodied_mem.backends.household.parts import Colour
from embodied_mem.backends.household.schema import Door, House, Opening, Room, Wall

WALL_OFFSET = 0.01
"""From the wall's line to its visible side [m]."""
WALL_HALF_THICKNESS = 0.02
"""Of the obstacle that stands for a wall and its twin [m]."""
FRAME_WIDTH, FRAME_DEPTH = 0.06, 0.05
"""Casing around a hole: its width in the wall's plane, and half of its depth [m]."""
FRAME_COLOUR: Colour = (0.80, 0.79, 0.75)
GLASS_COLOUR: Colour = (0.55, 0.70, 0.80)
CEILING_COLOUR: Colour = (0.86, 0.86, 0.84)

Kind = Literal["wall", "floor", "ceiling", "glass", "frame"]
Rectangle = tuple[float, float, float, float]
"""In a wall's plane: lowest along and up, highest along and up [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShellMesh:
    """A piece of the building with one look."""

    vertices: Float32[np.ndarray, "v 3"]
    """World positions [m]."""
    triangles: Int32[np.ndarray, "t 3"]
    colour: Colour
    """Linear RGB in 0..1."""
    texture: str
    """One of the textures of `parts.Part`."""
    kind: Kind
    room_id: str
    """The room it is seen from; "exterior" outside."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShellRoom:
    """A room's floor plan."""

    id: str
    type: str
    polygon: Float[np.ndarray, "k 2"]
    """Corners (x, z) [m]."""

    def contains(self, x: float, z: float) -> bool:
        """Whether a point of the floor lies in this room."""
        return bool(polygons.contains(self.polygon, np.array([(x, z)]))[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellOpening:
    """A hole in the walls with what fills it: a door's place or a window."""

    id: str
    asset_id: str
    position: tuple[float, float, float]
    """Middle of the hole in the world [m]."""
    yaw: float
    """Degrees; its front (+z) looks into `room0`."""
    width: float
    height: float
    hinge: tuple[float, float]
    """(x, z) of the foot of the side on which a door's leaf hangs, its own -x side [m]; the leaf
    swings to its front, into `room0`."""
    room0: str
    room1: str
    """The same as room0 when it leads outside."""
    openable: bool
    openness: float
    """At the start, 0..1."""

    @property
    def exterior(self) -> bool:
        """Whether it leads out of the house."""
        return self.room0 == self.room1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shell:
    """A house without its objects."""

    meshes: tuple[ShellMesh, ...]
    obstacles: tuple[Obstacle, ...]
    """Wall pieces, and the outer doors and windows, named by their id in the house."""
    rooms: tuple[ShellRoom, ...]
    doors: tuple[ShellOpening, ...]
    windows: tuple[ShellOpening, ...]
    bounds: tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]
    """Lowest and highest corner [m]."""

    def room_at(self, x: float, z: float) -> ShellRoom | None:
        """The room in which a point of the floor lies, or None outside."""
        return next((room for room in self.rooms if room.contains(x, z)), None)


def build_shell(house: House) -> Shell:
    """Build what stands without the objects. The house has passed `check_house`."""
    rooms = tuple(_plan(room) for room in house.rooms)
    walls = {wall.id: wall for wall in house.walls}
    doors = tuple(_opening(door, walls, rooms) for door in house.doors)
    windows = tuple(_opening(window, walls, rooms) for window in house.windows)
    meshes: list[ShellMesh] = []
    obstacles: dict[object, Obstacle] = {}
    for room, plan in zip(house.rooms, rooms, strict=True):
        meshes += _floor_and_ceiling(room, plan, house.walls)
    for wall in house.walls:
        if not wall.empty:
            _build_wall(wall, rooms, (*doors, *windows), meshes, obstacles)
    for door in doors:
        meshes.append(_frame(door, sill=False))
        if door.exterior:
            obstacles[door.id] = _panel(door)
    for window in windows:
        meshes += (_frame(window, sill=True), _pane(window))
        obstacles[window.id] = _panel(window)
    vertices = np.concatenate([mesh.vertices for mesh in meshes]).astype(float)
    return Shell(
        meshes=tuple(meshes),
        obstacles=tuple(obstacles.values()),
        rooms=rooms,
        doors=doors,
        windows=windows,
        bounds=(vertices.min(axis=0), vertices.max(axis=0)),
    )


def _plan(room: Room) -> ShellRoom:
    corners = np.array([(p.x, p.z) for p in room.floorPolygon])
    return ShellRoom(id=room.id, type=room.roomType, polygon=polygons.without_repeats(corners))


def _height(wall: Wall) -> tuple[float, float]:
    heights = [p.y for p in wall.polygon]
    return min(heights), max(heights)


def _floor_and_ceiling(
    room: Room, plan: ShellRoom, walls: Iterable[Wall]
) -> tuple[ShellMesh, ShellMesh]:
    triangles = polygons.triangulate(plan.polygon)
    height = max((_height(wall)[1] for wall in walls if wall.roomId == room.id), default=2.5)
    level = float(np.median([p.y for p in room.floorPolygon]))
    look = look_of(room.floorMaterial)

    def at(y: float) -> Float32[np.ndarray, "v 3"]:
        flat = np.insert(plan.polygon, 1, y, axis=1)
        return flat.astype(np.float32)

    floor = ShellMesh(
        vertices=at(level), triangles=triangles, colour=look.colour, texture=look.texture,
        kind="floor", room_id=room.id,
    )  # fmt: skip
    ceiling = ShellMesh(
        vertices=at(height), triangles=triangles, colour=CEILING_COLOUR, texture="plain",
        kind="ceiling", room_id=room.id,
    )  # fmt: skip
    return floor, ceiling


def _opening(opening: Opening, walls: dict[str, Wall], rooms: Sequence[ShellRoom]) -> ShellOpening:
    wall = walls[opening.wall0]
    foot, length = wall_line(wall)
    low, high = hole_corners(opening)
    along = (foot[1] - foot[0]) / max(length, 1e-9)
    middle = foot[0] + along * (low[0] + high[0]) / 2
    inward = _inward(wall, rooms)
    ground = _height(wall)[0]
    half = (high[0] - low[0]) / 2
    left = np.array((-inward[1], inward[0]))  # Of who stands in the hole and looks into room0.
    outside = opening.wall1 is None or walls[opening.wall1].id.startswith("wall|exterior")
    room0 = opening.room0 or wall.roomId
    room1 = room0 if outside else opening.room1 or walls[str(opening.wall1)].roomId
    is_door = isinstance(opening, Door)
    openness = opening.openness if is_door and opening.openness is not None else 0.0
    return ShellOpening(
        id=opening.id,
        asset_id=opening.assetId,
        position=(float(middle[0]), ground + (low[1] + high[1]) / 2, float(middle[1])),
        yaw=float(np.rad2deg(np.arctan2(inward[0], inward[1])) % 360),
        width=high[0] - low[0],
        height=high[1] - low[1],
        hinge=(float(middle[0] + left[0] * half), float(middle[1] + left[1] * half)),
        room0=room0,
        room1=room1,
        openable=is_door and opening.openable,
        openness=float(openness),
    )


def _inward(wall: Wall, rooms: Sequence[ShellRoom]) -> Float[np.ndarray, "2"]:
    """Unit normal (x, z) into the wall's own room; out of all rooms for an exterior wall."""
    foot, length = wall_line(wall)
    along = (foot[1] - foot[0]) / max(length, 1e-9)
    normal = np.array((along[1], -along[0]))
    middle = foot.mean(axis=0)
    sides = np.stack((middle + 0.02 * normal, middle - 0.02 * normal))
    own = [room for room in rooms if room.id == wall.roomId]
    inside = np.zeros(2, dtype=bool)
    for room in own or rooms:
        inside |= polygons.contains(room.polygon, sides)
    exterior = not own or "|exterior|" in wall.id
    first = inside[0] and not inside[1]
    return normal if first != exterior else -normal


def _build_wall(
    wall: Wall,
    rooms: Sequence[ShellRoom],
    openings: Iterable[ShellOpening],
    meshes: list[ShellMesh],
    obstacles: dict[object, Obstacle],
) -> None:
    """Add a wall with its holes to the meshes, and to the obstacles unless its twin is there."""
    foot, length = wall_line(wall)
    bottom, top = _height(wall)
    if length < 1e-3:
        return
    along = (foot[1] - foot[0]) / length
    holes = [h for o in openings if (h := _hole_in(o, foot, along, length, bottom)) is not None]
    pieces = cut_rectangle((0.0, 0.0, length, top - bottom), holes)
    normal = _inward(wall, rooms)
    exterior = "|exterior|" in wall.id or wall.roomId == "exterior"
    look = look_of(wall.material)
    meshes.append(
        _quads(pieces, foot[0] + WALL_OFFSET * normal, along, (length, bottom), look.colour,
               look.texture, "exterior" if exterior else wall.roomId)
    )  # fmt: skip
    yaw = float(np.rad2deg(np.arctan2(along[0], along[1])))
    for low_u, low_v, high_u, high_v in pieces:
        middle = foot[0] + along * (low_u + high_u) / 2
        key = (*np.round(middle, 2), round(high_u - low_u, 2), round(low_v, 2), round(high_v, 2))
        obstacles.setdefault(
            key,
            Obstacle(
                name=wall.id, center_x=float(middle[0]), center_z=float(middle[1]),
                half_x=WALL_HALF_THICKNESS, half_z=(high_u - low_u) / 2, yaw=yaw,
                low=bottom + low_v, high=bottom + high_v,
            ),
        )  # fmt: skip


def _hole_in(
    opening: ShellOpening, foot: np.ndarray, along: np.ndarray, length: float, bottom: float
) -> Rectangle | None:
    """The opening's rectangle along this wall, if the opening lies in the wall's plane."""
    offset = np.array((opening.position[0], opening.position[2])) - foot[0]
    across = abs(offset[0] * along[1] - offset[1] * along[0])
    facing = np.deg2rad(opening.yaw)
    parallel = abs(np.sin(facing) * along[0] + np.cos(facing) * along[1]) < 1e-3
    middle, half = float(offset @ along), opening.width / 2
    if across > 0.05 or not parallel or middle + half <= 1e-6 or middle - half >= length - 1e-6:
        return None
    low = opening.position[1] - opening.height / 2 - bottom
    return middle - half, low, middle + half, low + opening.height


def cut_rectangle(outer: Rectangle, holes: Sequence[Rectangle]) -> list[Rectangle]:
    """Split a rectangle with rectangular holes into rectangles that cover the rest once.

    Columns between the holes' sides are cut, then neighbours of equal height are joined.
    """
    left, low, right, high = outer
    sides = {left, right} | {min(max(u, left), right) for h in holes for u in (h[0], h[2])}
    cuts = sorted(sides)
    columns: list[tuple[float, float, list[tuple[float, float]]]] = []
    for u0, u1 in pairwise(cuts):
        if u1 - u0 < 1e-6:
            continue
        middle = (u0 + u1) / 2
        spans = sorted((h[1], h[3]) for h in holes if h[0] < middle < h[2])
        free, level = [], low
        for v0, v1 in spans:
            if v0 - level > 1e-6:
                free.append((level, min(v0, high)))
            level = max(level, v1)
        if high - level > 1e-6:
            free.append((level, high))
        if columns and columns[-1][2] == free:
            columns[-1] = (columns[-1][0], u1, free)
        else:
            columns.append((u0, u1, free))
    return [(u0, v0, u1, v1) for u0, u1, free in columns for v0, v1 in free]


def _quads(
    pieces: Sequence[Rectangle],
    origin: np.ndarray,
    along: np.ndarray,
    span: tuple[float, float],
    colour: Colour,
    texture: str,
    room_id: str,
) -> ShellMesh:
    """Stand rectangles up in the world; the wall's ends reach 9 mm on, to close outward corners."""
    length, bottom = span
    vertices, triangles = [], []
    for first, v0, last, v1 in pieces:
        u0 = first - 0.009 if first <= 1e-6 else first
        u1 = last + 0.009 if last >= length - 1e-6 else last
        n = len(vertices)
        for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1)):
            x, z = origin + along * u
            vertices.append((x, bottom + v, z))
        triangles += [(n, n + 1, n + 2), (n, n + 2, n + 3)]
    return ShellMesh(
        vertices=np.array(vertices, dtype=np.float32).reshape(-1, 3),
        triangles=np.array(triangles, dtype=np.int32).reshape(-1, 3),
        colour=colour, texture=texture, kind="wall", room_id=room_id,
    )  # fmt: skip


def _frame(opening: ShellOpening, *, sill: bool) -> ShellMesh:
    """Casing around the hole, outside of it, so that the passage keeps its width."""
    half, tall, w = opening.width / 2, opening.height / 2, FRAME_WIDTH
    bars: list[Rectangle] = [
        (-half - w, -tall, -half, tall + w),
        (half, -tall, half + w, tall + w),
        (-half, tall, half, tall + w),
    ]
    if sill:
        bars += [(-half - w, -tall - w, half + w, -tall), (-0.015, -tall, 0.015, tall)]
    boxes = [_box(opening, bar, FRAME_DEPTH if k < 4 else 0.015) for k, bar in enumerate(bars)]
    return ShellMesh(
        vertices=np.concatenate([v for v, _ in boxes]).astype(np.float32),
        triangles=np.concatenate([t + 8 * k for k, (_, t) in enumerate(boxes)]).astype(np.int32),
        colour=FRAME_COLOUR, texture="plain", kind="frame", room_id=opening.room0,
    )  # fmt: skip


def _pane(window: ShellOpening) -> ShellMesh:
    half, tall = window.width / 2, window.height / 2
    vertices, triangles = _box(window, (-half, -tall, half, tall), 0.004)
    return ShellMesh(
        vertices=vertices.astype(np.float32), triangles=triangles, colour=GLASS_COLOUR,
        texture="plain", kind="glass", room_id=window.room0,
    )  # fmt: skip


def _box(
    opening: ShellOpening, bar: Rectangle, depth: float
) -> tuple[Float[np.ndarray, "8 3"], Int32[np.ndarray, "12 3"]]:
    """A box in the opening's plane: a rectangle around its middle, and half of its depth [m]."""
    yaw = np.deg2rad(opening.yaw)
    right, front = np.array((np.cos(yaw), 0, -np.sin(yaw))), np.array((np.sin(yaw), 0, np.cos(yaw)))
    corners = [
        np.array(opening.position) + right * u + np.array((0, v, 0)) + front * d
        for d in (-depth, depth)
        for u, v in ((bar[0], bar[1]), (bar[2], bar[1]), (bar[2], bar[3]), (bar[0], bar[3]))
    ]
    quads = ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return np.array(corners), np.array(triangles, dtype=np.int32)


def _panel(opening: ShellOpening) -> Obstacle:
    """Closes a hole to the outside for the agent, open or not: there is no floor beyond."""
    x, y, z = opening.position
    return Obstacle(
        name=opening.id, center_x=x, center_z=z, half_x=opening.width / 2,
        half_z=WALL_HALF_THICKNESS, yaw=opening.yaw,
        low=y - opening.height / 2, high=y + opening.height / 2,
    )  # fmt: skip
