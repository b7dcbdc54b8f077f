"""Places furniture in rooms: against walls, in groups, hung up, or free on the floor.

Sizes come from the catalog, a little varied. What a recipe asks for is placed where it fits, with
floor to stand on before it; what does not fit is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from embodied_mem.backends.household.catalog import object_type
from embodied_mem.backends.household.layout import WALL_GAP, Box, Layout, WallRun
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.schema import HouseObject, Vector3

STAND = 0.55
"""Depth of the floor on which the agent stands to use a piece of furniture [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One member of a group, placed relative to a wall."""

    type_name: str
    size: Vector
    along: float
    """Of its middle, from the start of the group along the wall [m]."""
    inward: float
    """Of its middle, from the wall [m]."""
    turn: float = 0.0
    """Heading relative to "back to the wall" [degrees], a multiple of 90."""
    low: float = 0.0
    """Height of its underside [m]."""
    front: float = STAND
    """Floor kept clear before it [m]; 0 for none."""


@dataclass(slots=True, eq=False)
class Furnisher:
    """Furnishes one room."""

    layout: Layout
    rng: np.random.Generator
    number: int
    """Number of the room, for ids."""
    objects: list[HouseObject] = field(default_factory=list)

    def size(self, type_name: str, *, vary: float = 0.06, **fixed: float) -> Vector:
        """Draw a size near the type's own; `x`, `y` or `z` [m] may be fixed."""
        base = object_type(type_name).size
        drawn = (
            fixed.get(axis, length * float(self.rng.uniform(1 - vary, 1 + vary)))
            for axis, length in zip("xyz", base, strict=True)
        )
        x, y, z = (round(length, 3) for length in drawn)
        return x, y, z

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < probability)

    def place(self, run: WallRun, start: float, pieces: Sequence[Piece]) -> list[HouseObject]:
        """Place a group as a whole where it fits.

        Args:
            run: The wall.
            start: Where the group begins along it [m].
            pieces: Its members, which must not touch one another.

        Returns:
            The new objects in the order of the pieces; empty when the group does not fit.
        """
        boxes = [_box(run, start, piece) for piece in pieces]
        if not all(self.layout.fits(box) for box in boxes):
            return []
        if any(a.meets(b) for k, a in enumerate(boxes) for b in boxes[:k]):
            return []
        fronts = [_front(run, start, piece) for piece in pieces if piece.front > 0]
        for floor in fronts:
            if not self.layout.is_walkable(floor) or any(floor.meets(box) for box in boxes):
                return []
        if not self.layout.stays_passable(boxes, fronts):
            return []
        self.layout.take(boxes, fronts)
        self.layout.goals += fronts
        placed = []
        for piece in pieces:
            placed.append(self._object(run, start, piece))
            self.objects.append(placed[-1])
        return placed

    def _object(self, run: WallRun, start: float, piece: Piece) -> HouseObject:
        x, z = run.at(start + piece.along, piece.inward)
        position = (x, piece.low + piece.size[1] / 2, z)
        name = f"{piece.type_name}|{self.number}|{len(self.objects)}"
        yaw = (run.yaw + piece.turn) % 360
        return new_object(name, piece.type_name, piece.size, position, yaw, self.rng)

    def against_wall(
        self,
        type_name: str,
        size: Vector | None = None,
        *,
        front: float = STAND,
        corners: float = 0.4,
        tries: int = 60,
    ) -> HouseObject | None:
        """Stand one piece with its back to some wall."""
        x, y, z = size or self.size(type_name)
        piece = Piece(
            type_name=type_name, size=(x, y, z), along=x / 2, inward=WALL_GAP + z / 2, front=front
        )
        for run, start in self.layout.spots(x, self.rng, corners=corners, tries=tries):
            placed = self.place(run, start, [piece])
            if placed:
                return placed[0]
        return None

    def group(
        self, width: float, pieces: Sequence[Piece], *, corners: float = 0.4, tries: int = 80
    ) -> list[HouseObject]:
        """Place a group of a total width at some wall; empty when it fits nowhere."""
        for run, start in self.layout.spots(width, self.rng, corners=corners, tries=tries):
            placed = self.place(run, start, pieces)
            if placed:
                return placed
        return []

    def hang(
        self, type_name: str, middle: float, size: Vector | None = None, *, tries: int = 40
    ) -> HouseObject | None:
        """Hang one piece on some wall, its middle at a height [m]."""
        x, y, z = size or self.size(type_name)
        piece = Piece(
            type_name=type_name, size=(x, y, z), along=x / 2, inward=WALL_GAP + z / 2,
            low=middle - y / 2, front=0.0,
        )  # fmt: skip
        for run, start in self.layout.spots(x + 0.1, self.rng, corners=0.0, tries=tries):
            placed = self.place(run, start + 0.05, [piece])
            if placed:
                return placed[0]
        return None

    def hang_above(
        self, type_name: str, below: HouseObject, middle: float, size: Vector | None = None
    ) -> HouseObject | None:
        """Hang one piece on the wall behind another, its middle at a height [m]."""
        x, y, z = size or self.size(type_name)
        for run in self.layout.runs:
            if abs((run.yaw - below.rotation.y + 180) % 360 - 180) > 1:
                continue
            along = _along(run, below)
            behind = _inward(run, below) - (below.size.z / 2 if below.size else 0.0)
            if not x / 2 < along < run.length - x / 2 or abs(behind) > 0.1:
                continue
            piece = Piece(
                type_name=type_name, size=(x, y, z), along=along, inward=WALL_GAP + z / 2,
                low=middle - y / 2, front=0.0,
            )  # fmt: skip
            placed = self.place(run, 0.0, [piece])
            if placed:
                return placed[0]
        return None

    def stand_free(
        self, pieces: Sequence[Piece], *, margin: float, tries: int = 80
    ) -> list[HouseObject]:
        """Place a group on open floor, with floor clear all around it.

        Args:
            pieces: Members; `along` and `inward` are relative to the middle of the group.
            margin: Width of the clear floor [m].
            tries: Places to try.
        """
        if not self.layout.runs:
            return []
        low, high = self.layout.room.polygon.min(axis=0), self.layout.room.polygon.max(axis=0)
        for _ in range(tries):
            x, z = (float(v) for v in self.rng.uniform(low, high))
            along, inward = ((1, 0), (0, 1)) if self.chance(0.5) else ((0, -1), (1, 0))
            run = WallRun((x, z), along, inward, 0.0)
            boxes = [_box(run, 0.0, piece) for piece in pieces]
            around = Box(
                min(b.x0 for b in boxes) - margin, min(b.z0 for b in boxes) - margin,
                max(b.x1 for b in boxes) + margin, max(b.z1 for b in boxes) + margin, 0.0, 1.8,
            )  # fmt: skip
            if self.layout.is_walkable(around):
                placed = self.place(run, 0.0, pieces)
                if placed:
                    self.layout.take([], _rim(around, margin))
                    return placed
        return []

    def beside(
        self, type_name: str, neighbour: HouseObject, *, gap: float = 0.05, front: float = STAND
    ) -> HouseObject | None:
        """Stand a piece at the same wall right beside another."""
        x, y, z = self.size(type_name)
        assert neighbour.size is not None
        for run in self.layout.runs:
            if abs((run.yaw - neighbour.rotation.y + 180) % 360 - 180) > 1:
                continue
            if abs(_inward(run, neighbour) - neighbour.size.z / 2) > 0.1:
                continue
            reach = neighbour.size.x / 2 + gap + x / 2
            for side in (1, -1) if self.chance(0.5) else (-1, 1):
                along = _along(run, neighbour) + side * reach
                piece = Piece(
                    type_name=type_name, size=(x, y, z), along=along, inward=WALL_GAP + z / 2,
                    front=front,
                )  # fmt: skip
                placed = self.place(run, 0.0, [piece])
                if placed:
                    return placed[0]
        return None


def new_object(
    object_id: str,
    type_name: str,
    size: Vector,
    position: Iterable[float],
    yaw: float,
    rng: np.random.Generator,
) -> HouseObject:
    """Make an object of our own: its asset is its type with a variant, its size is given."""
    kind = object_type(type_name)
    return HouseObject(
        id=object_id,
        assetId=f"{type_name}_{int(rng.integers(1, 9))}",
        objectType=type_name,
        position=Vector3(*(round(float(v), 4) for v in position)),
        rotation=Vector3(0.0, round(float(yaw) % 360, 2), 0.0),
        size=Vector3(*size),
        kinematic=kind.primary == "Static",
        isDirty=bool(rng.random() < 0.3) if kind.has("dirtyable") else None,
        isOn=False if kind.has("toggleable") else None,
        openness=0.0 if kind.has("openable") else None,
    )


def _along(run: WallRun, item: HouseObject) -> float:
    dx, dz = item.position.x - run.start[0], item.position.z - run.start[1]
    return dx * run.along[0] + dz * run.along[1]


def _inward(run: WallRun, item: HouseObject) -> float:
    dx, dz = item.position.x - run.start[0], item.position.z - run.start[1]
    return dx * run.inward[0] + dz * run.inward[1]


def _box(run: WallRun, start: float, piece: Piece) -> Box:
    x, y, z = piece.size
    if piece.turn % 180:
        x, z = z, x
    middle = start + piece.along
    return run.box(
        (middle - x / 2, middle + x / 2),
        (piece.inward - z / 2, piece.inward + z / 2),
        (piece.low, piece.low + y),
    )


def _front(run: WallRun, start: float, piece: Piece) -> Box:
    """Floor before a piece: as wide as it, but 0.5 m at least and 1.2 m at most."""
    half = min(max(piece.size[0], 0.5), 1.2) / 2
    near, far = piece.size[2] / 2, piece.size[2] / 2 + piece.front
    u0, u1, v0, v1 = {
        0: (-half, half, near, far),
        90: (near, far, -half, half),
        180: (-half, half, -far, -near),
        270: (-far, -near, -half, half),
    }[round(piece.turn) % 360]
    middle = start + piece.along
    return run.box((middle + u0, middle + u1), (piece.inward + v0, piece.inward + v1), (0.05, 1.8))


def _rim(outer: Box, width: float) -> list[Box]:
    """The four strips along the inside of a box's sides."""
    a, b, c, d, low, high = outer.x0, outer.z0, outer.x1, outer.z1, outer.low, outer.high
    return [
        Box(a, b, a + width, d, low, high),
        Box(c - width, b, c, d, low, high),
        Box(a, b, c, b + width, low, high),
        Box(a, d - width, c, d, low, high),
    ]
