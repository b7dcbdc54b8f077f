"""Space in one room while it is furnished: what is taken, what must stay clear, where walls are.

All rectangles are parallel to the axes, as the generator's rooms and furniture are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import label

from embodied_mem.backends.household import polygons
from embodied_mem.backends.household.shell import Shell, ShellOpening, ShellRoom

WALL_GAP = 0.02
"""From a wall's line to the back of what stands or hangs at it [m]."""

DOOR_CLEARANCE = 1.0
"""How far into the room the floor before a door stays clear [m]: its leaf swings there."""

LEAF_HALF_THICKNESS = 0.03
"""Of a door's leaf [m]."""

RASTER = 0.1
"""Spacing of the points at which ways through a room are judged [m]."""

WAY_HALF_WIDTH = 0.325
"""Half of the narrowest way left between things [m]: the agent's radius, and half of a step of its
grid, so that some grid line leads through."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box parallel to the axes [m]."""

    x0: float
    z0: float
    x1: float
    z1: float
    low: float = 0.0
    high: float = 3.0

    def meets(self, other: "Box", gap: float = 0.0) -> bool:
        """Whether two boxes overlap, or come nearer than the gap in plan."""
        margin = 1e-6 - gap
        return (
            self.x0 < other.x1 - margin
            and other.x0 < self.x1 - margin
            and self.z0 < other.z1 - margin
            and other.z0 < self.z1 - margin
            and self.low < other.high - 1e-6
            and other.low < self.high - 1e-6
        )


@dataclass(frozen=True, slots=True)
class WallRun:
    """A straight piece of a room's outline, seen from inside."""

    start: tuple[float, float]
    along: tuple[int, int]
    """Unit direction (x, z) from start; who looks into the room has it at the right hand."""
    inward: tuple[int, int]
    """Unit normal (x, z) into the room."""
    length: float

    @property
    def yaw(self) -> float:
        """Heading of what stands with its back to the wall [degrees]."""
        return float(np.rad2deg(np.arctan2(self.inward[0], self.inward[1])) % 360)

    def at(self, along: float, inward: float) -> tuple[float, float]:
        """World (x, z) of a point given along the wall and away from it [m]."""
        return (
            self.start[0] + self.along[0] * along + self.inward[0] * inward,
            self.start[1] + self.along[1] * along + self.inward[1] * inward,
        )

    def box(self, span: tuple[float, float], depth: tuple[float, float],
            height: tuple[float, float] = (0.0, 3.0)) -> Box:  # fmt: skip
        """Box over a span along the wall, a range of distances from it, and heights [m]."""
        (xa, za), (xb, zb) = self.at(span[0], depth[0]), self.at(span[1], depth[1])
        return Box(min(xa, xb), min(za, zb), max(xa, xb), max(za, zb), *height)


@dataclass(slots=True, eq=False)
class Layout:
    """What stands in a room."""

    room: ShellRoom
    runs: tuple[WallRun, ...]
    clear: list[Box]
    """Floor that must stay free: before doors, and where the agent stands to use furniture."""
    holes: tuple[Box, ...]
    """Doors and windows, through the wall: nothing is hung there, nothing tall stands there."""
    taken: list[Box] = field(default_factory=list)
    goals: list[Box] = field(default_factory=list)
    """Floor that must be reachable from all the other goals."""
    _x: np.ndarray = field(init=False)
    _z: np.ndarray = field(init=False)
    _open: np.ndarray = field(init=False)
    """Where the middle of a way may be, over `_x` and `_z`."""

    def __post_init__(self) -> None:
        self.goals += self.clear
        low, high = self.room.polygon.min(axis=0), self.room.polygon.max(axis=0)
        axes = [np.arange(a + RASTER / 2, b, RASTER) for a, b in zip(low, high, strict=True)]
        self._x, self._z = axes[0][:, None], axes[1][None]
        points = np.stack(np.broadcast_arrays(self._x, self._z), axis=-1).reshape(-1, 2)
        inside = polygons.contains(self.room.polygon, points)
        self._open = inside.reshape(self._x.size, self._z.size)
        for run in self.runs:
            self._open &= ~self._near(run.box((0, run.length), (0, 0)), WAY_HALF_WIDTH)
        self._open = self._without(self.taken)

    def _near(self, box: Box, margin: float) -> np.ndarray:
        """Raster points within a margin of a box in plan."""
        return (
            (self._x > box.x0 - margin)
            & (self._x < box.x1 + margin)
            & (self._z > box.z0 - margin)
            & (self._z < box.z1 + margin)
        )

    def stays_passable(self, boxes: Iterable[Box], goals: Iterable[Box]) -> bool:
        """Whether one could still walk between all goals, old and new, with more things here."""
        passable = self._without(boxes)
        regions = np.zeros(passable.shape, dtype=np.int32)
        label(passable, output=regions)
        sizes = np.bincount(regions.ravel())[1:]
        if not len(sizes):
            return False
        main = regions == 1 + int(sizes.argmax())
        return all(bool((main & self._near(goal, 0.1)).any()) for goal in (*self.goals, *goals))

    def _without(self, boxes: Iterable[Box]) -> np.ndarray:
        passable = self._open.copy()
        for box in boxes:
            if box.low < 1.8 and box.high > 0.05:
                passable &= ~self._near(box, WAY_HALF_WIDTH)
        return passable

    def fits(self, box: Box, *, gap: float = 0.0) -> bool:
        """Whether a thing can be here: inside, off doors and clear floor, touching nothing."""
        if not self.inside(box) or any(box.meets(hole) for hole in self.holes):
            return False
        return not any(box.meets(other, gap) for other in self.taken) and not any(
            box.meets(floor) for floor in self.clear
        )

    def is_walkable(self, box: Box) -> bool:
        """Whether floor is inside the room and nothing stands on it."""
        return self.inside(box) and not any(box.meets(other) for other in self.taken)

    def inside(self, box: Box) -> bool:
        """Whether a box lies in the room: its middle does, and no wall goes through it."""
        if not self.room.contains((box.x0 + box.x1) / 2, (box.z0 + box.z1) / 2):
            return False
        return not any(box.meets(run.box((0, run.length), (-0.005, 0.005))) for run in self.runs)

    def take(self, boxes: Iterable[Box], clear: Iterable[Box] = ()) -> None:
        """Put things here, and keep the floor before them clear."""
        boxes = list(boxes)
        self.taken += boxes
        self.clear += clear
        self._open = self._without(boxes)

    def spots(
        self, width: float, rng: np.random.Generator, *, corners: float = 0.4, tries: int = 60
    ) -> Iterator[tuple[WallRun, float]]:
        """Propose places along the walls for something of a width.

        Args:
            width: Along the wall [m].
            rng: Chance.
            corners: Share of the proposals that touch a corner.
            tries: Number of proposals.

        Yields:
            A wall and the start of the span along it [m].
        """
        runs = [run for run in self.runs if run.length >= width + 2 * WALL_GAP]
        if not runs:
            return
        weights = np.array([run.length for run in runs])
        for pick in rng.choice(len(runs), size=tries, p=weights / weights.sum()):
            slack = runs[pick].length - width - 2 * WALL_GAP
            way = float(rng.integers(2)) if rng.random() < corners else float(rng.random())
            yield runs[pick], WALL_GAP + way * slack


def room_layout(shell: Shell, room: ShellRoom) -> Layout:
    """Measure an empty room."""
    runs = tuple(_runs(room))
    openings = [o for o in (*shell.doors, *shell.windows) if room.id in (o.room0, o.room1)]
    doors = [o for o in shell.doors if room.id in (o.room0, o.room1)]
    return Layout(
        room=room,
        runs=runs,
        taken=[leaf_box(door) for door in doors if door.openable and door.room0 == room.id],
        clear=[_through(door, DOOR_CLEARANCE, margin=0.1, low=0.0) for door in doors],
        holes=tuple(
            _through(o, 0.12, margin=0.08, low=o.position[1] - o.height / 2 - 0.05)
            for o in openings
        ),
    )


def leaf_box(door: ShellOpening) -> Box:
    """Where the leaf of an open door stands, in the room into which it swings."""
    x, z = door.hinge
    yaw = np.deg2rad(door.yaw)
    dx, dz = float(np.sin(yaw)) * door.width, float(np.cos(yaw)) * door.width
    xs, zs = sorted((x, x + dx)), sorted((z, z + dz))
    half = LEAF_HALF_THICKNESS
    return Box(xs[0] - half, zs[0] - half, xs[1] + half, zs[1] + half, 0.0, door.height)


def _runs(room: ShellRoom) -> Iterator[WallRun]:
    corners = room.polygon
    for (x0, z0), (x1, z1) in zip(corners.tolist(), np.roll(corners, -1, 0).tolist(), strict=True):
        length = abs(x1 - x0) + abs(z1 - z0)
        way = (round((x1 - x0) / length), round((z1 - z0) / length))
        inward = (-way[1], way[0])
        inside = room.contains((x0 + x1) / 2 + inward[0] * 0.02, (z0 + z1) / 2 + inward[1] * 0.02)
        if not inside:
            inward = (way[1], -way[0])
        # The right hand of who looks along `inward` is (inward z, -inward x).
        if way == (inward[1], -inward[0]):
            yield WallRun((x0, z0), way, inward, length)
        else:
            yield WallRun((x1, z1), (-way[0], -way[1]), inward, length)


def _through(opening: ShellOpening, depth: float, *, margin: float, low: float) -> Box:
    """A box through an opening, to both sides of the wall."""
    x, y, z = opening.position
    along_x = abs(np.cos(np.deg2rad(opening.yaw))) > 0.5
    half = opening.width / 2 + margin
    dx, dz = (half, depth) if along_x else (depth, half)
    return Box(x - dx, z - dz, x + dx, z + dz, low, y + opening.height / 2 + 0.05)
