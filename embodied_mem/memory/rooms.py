"""Rooms and places of a floor plan: where free space narrows to a doorway, rooms end."""

from collections import Counter
from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, Int64, UInt8
from scipy.spatial import KDTree

from embodied_mem.config import Config
from embodied_mem.goals import fold
from embodied_mem.memory.occupancy import OccupancyMap
from embodied_mem.memory.partition import part
from embodied_mem.memory.pieces import PartitionConfig, borders, nearest_label


class RoomConfig(Config, frozen=True):
    """How floor is parted into rooms, and rooms into places."""

    every: int = 10
    """The plan is parted anew after so many writes, more where the map is large ..."""
    growth: float = 0.05
    """... or when the known floor grew by this share."""
    partition: PartitionConfig = PartitionConfig()
    spacing: float = 1.5
    """Distance between places [m]."""
    max_places: int = 2000
    most_cells: int = 250_000
    """Larger areas that change at once are parted at a coarser resolution [cells]."""


_HINTS = {
    "Kitchen": "fridge stoveburner stoveknob microwave toaster coffeemachine pan pot kettle "
    "dishsponge",
    "Bathroom": "toilet bathtub bathtubbasin showercurtain showerhead showerdoor toiletpaper "
    "toiletpaperhanger plunger soapbar towelholder scrubbrush handtowel handtowelholder",
    "Bedroom": "bed alarmclock teddybear pillow dresser laundryhamper",
    "LivingRoom": "sofa television tvstand coffeetable armchair remotecontrol newspaper",
}
DOORS = ("doorway", "doorframe", "door")
"""Labels, in the form of goals, of things that stand between rooms."""
DOMAIN, WALL = 1, 2
"""What a cell of the plan is: floor or furniture within walls, or wall."""
Window = tuple[int, int, int, int]
"""First row and column, and those after the last [cells]."""
_MARGIN = 8
"""Cells around what is parted anew."""
_DOOR_PAD = 0.2
"""An opening so near to a door's box is that door's [m]."""
_LEAST_PASSAGE = 0.4
"""Rooms that touch along less are not connected [m]."""
_LARGE_MAP = 160_000
"""Larger maps are parted less often [cells]."""
_CATEGORY = {label: room for room, labels in _HINTS.items() for label in labels.split()}


def guess_category(labels: Iterable[str]) -> str:
    """Guess a room's type from what is in it; "" where nothing tells."""
    votes = Counter(_CATEGORY[name] for label in labels if (name := fold(label)) in _CATEGORY)
    return min(votes, key=lambda room: (-votes[room], room)) if votes else ""


class RoomMap:
    """Rooms and places with ids that stay: a room keeps the id of the one it overlaps most."""

    def __init__(self, config: RoomConfig | None = None):
        self.config = config or RoomConfig()
        self.clear()

    def clear(self) -> None:
        """Forget all rooms and places."""
        self.labels: Int32[np.ndarray, "r c"] = np.zeros((0, 0), np.int32)
        """Room number of each cell of the map as it was; 0 outside."""
        self.nearest: Int32[np.ndarray, "r c"] = np.zeros((0, 0), np.int32)
        """The same, continued over walls and unknown cells."""
        self.places: Float[np.ndarray, "k 2"] = np.zeros((0, 2))
        """Positions of the places [m]; the index is the place's number less one."""
        self.place_rooms = np.zeros(0, np.int64)
        """Room number of each place."""
        self._trees: dict[int, KDTree] = {}
        self.doors: dict[tuple[int, int], Float[np.ndarray, 2]] = {}
        """Middle of the passage between two rooms [m]."""
        self.centers: dict[int, Float[np.ndarray, 2]] = {}
        """Middle of each room [m]."""
        self.version = 0
        """Grows with each new parting."""
        self._origin = np.zeros(2)
        self._resolution = 1.0
        self.next_room = 1
        """Number that the next new room gets."""
        self._writes = 0
        self._known = 0
        self._plan: UInt8[np.ndarray, "r c"] = np.zeros((0, 0), np.uint8)
        """Per cell what was known when the floor was parted last: DOMAIN, WALL or 0."""

    def update(
        self, occupancy: OccupancyMap, doors: Float[np.ndarray, "n 2 3"] | None = None
    ) -> bool:
        """Part the floor anew where it changed, if that is due. Returns whether it was.

        Args:
            occupancy: The floor plan.
            doors: Boxes of doors that were seen [m].
        """
        self._writes += 1
        known = int(np.count_nonzero(occupancy.score) + np.count_nonzero(occupancy.tall > 0))
        wait = self.config.every * max(1.0, occupancy.score.size / _LARGE_MAP)
        due = self._writes >= wait and known != self._known
        if not (due or known > self._known * (1 + self.config.growth)):
            return False
        self._writes, self._known = 0, known
        self._fit(occupancy)
        plan = floor_plan(occupancy)
        changed = plan != self._plan
        self._plan = plan
        if not changed.any():
            return False
        window, rooms = self._affected(changed)
        self._part(window, rooms, doors)
        self._place(occupancy, window)
        self.version += 1
        return True

    def room_at(self, points: Float[np.ndarray, "p 2"]) -> Int64[np.ndarray, "p"]:
        """Return the number of the room at, or nearest to, each world point [m]; 0 for none."""
        if not self.labels.size:
            return np.zeros(len(points), np.int64)
        cells = np.floor((points - self._origin) / self._resolution).astype(np.int64)
        columns, rows = cells.clip(0, np.array(self.labels.shape[::-1]) - 1).T
        return self.nearest[rows, columns].astype(np.int64)

    def place_at(
        self, points: Float[np.ndarray, "p 2"], rooms: Int64[np.ndarray, "p"]
    ) -> Int64[np.ndarray, "p"]:
        """Return the number of the nearest place in its room to each point [m]; 0 for none."""
        found = np.zeros(len(points), np.int64)
        for room in np.unique(rooms[rooms > 0]).tolist():
            inside = np.flatnonzero(self.place_rooms == room)
            asked = np.flatnonzero(rooms == room)
            if len(inside):
                if room not in self._trees:
                    self._trees[room] = KDTree(self.places[inside])
                _, nearest = self._trees[room].query(points[asked])
                found[asked] = inside[nearest] + 1
        return found

    def fields(self) -> dict[str, np.ndarray]:
        """Return what `restore` needs."""
        return {
            "labels": self.labels,
            "places": self.places,
            "place_rooms": self.place_rooms,
            "frame": np.array([*self._origin, self._resolution]),
        }

    def restore(self, fields: dict[str, np.ndarray], next_room: int) -> None:
        """Put back what `fields` returned, and the number of the next new room."""
        self.labels, self.places = fields["labels"], fields["places"]
        self.place_rooms = fields["place_rooms"]
        self._trees.clear()
        self._origin, self._resolution = fields["frame"][:2], float(fields["frame"][2])
        self.nearest = nearest_label(self.labels)
        self._plan = np.zeros(self.labels.shape, np.uint8)
        whole = 0, 0, *self.labels.shape
        self._measure(whole, set(np.unique(self.labels[self.labels > 0]).tolist()))
        self.next_room = next_room

    def _fit(self, occupancy: OccupancyMap) -> None:
        """Make room for a map that grew."""
        if self.labels.shape == occupancy.shape:
            self._origin, self._resolution = occupancy.origin, occupancy.resolution
            return
        before = np.zeros((3, *occupancy.shape), np.int32)
        if self.labels.size:
            shift = np.round((self._origin - occupancy.origin) / occupancy.resolution).astype(int)
            column, row = shift.tolist()
            rows, columns = self.labels.shape
            window = np.s_[row : row + rows, column : column + columns]
            for target, source in zip(before, (self.labels, self.nearest, self._plan), strict=True):
                target[window] = source
        self.labels, self.nearest = before[0], before[1]
        self._plan = before[2].astype(np.uint8)
        self._origin, self._resolution = occupancy.origin, occupancy.resolution

    def _affected(self, changed: Bool[np.ndarray, "r c"]) -> tuple[Window, set[int]]:
        """Return the rooms that a change may concern, and the part of the map that holds them.

        They are the rooms around the changed cells, and those next door to them.
        """
        reach = round(self.config.partition.opening / self._resolution)
        top, left, bottom, right = _grown(_extent(changed), reach, self.labels.shape)
        around = self.labels[top:bottom, left:right]
        rooms = set(np.unique(around[around > 0]).tolist())
        rooms |= {n for pair in self.doors if rooms & set(pair) for n in pair}
        if rooms:
            low = _extent(self._among(self.labels, rooms))
            top, left = min(top, low[0]), min(left, low[1])
            bottom, right = max(bottom, low[2]), max(right, low[3])
        return _grown((top, left, bottom, right), _MARGIN, self.labels.shape), rooms

    def _among(self, labels: Int32[np.ndarray, "r c"], rooms: set[int]) -> Bool[np.ndarray, "r c"]:
        """Tell which cells belong to some rooms: a lookup, much faster than `np.isin`."""
        marked = np.zeros(self.next_room, bool)
        marked[list(rooms)] = True
        return marked[labels]

    def _part(
        self, window: Window, rooms: set[int], doors: Float[np.ndarray, "n 2 3"] | None
    ) -> None:
        """Part anew what some rooms covered, and what belongs to none yet."""
        top, left, bottom, right = window
        at = np.s_[top:bottom, left:right]
        old, plan = self.labels[at], self._plan[at]
        theirs = self._among(old, rooms)
        open_to = (plan == DOMAIN) & (theirs | (old == 0))
        boxes = None
        if doors is not None and len(doors):
            corner = self._origin + np.array([left, top]) * self._resolution
            pad = np.array([[-_DOOR_PAD], [_DOOR_PAD]])
            boxes = (doors[:, :, :2] + pad - corner) / self._resolution
        fresh = _part_coarsely(open_to, plan == WALL, self._resolution, self.config, boxes)
        numbers = self._adopt(fresh, np.where(open_to, old, 0))
        self.labels[at] = np.where(theirs | open_to, numbers[fresh], old)
        self._measure(window, rooms | set(numbers[1:].tolist()))
        self._continue(window, rooms - set(numbers[1:].tolist()))

    def _adopt(
        self, fresh: Int32[np.ndarray, "h w"], old: Int32[np.ndarray, "h w"]
    ) -> Int32[np.ndarray, "n"]:
        """Return the numbers of fresh rooms: those of the old rooms that they overlap most."""
        both = (fresh > 0) & (old > 0)
        count = int(fresh.max(initial=0))
        codes = (fresh[both].astype(np.int64) << 32) | old[both]
        pairs, sizes = np.unique(codes, return_counts=True)
        numbers = np.zeros(count + 1, np.int32)
        used: set[int] = set()
        for pair in pairs[np.argsort(-sizes, kind="stable")].tolist():
            number, before = pair >> 32, pair & 0xFFFFFFFF
            if before not in used and not numbers[number]:
                numbers[number] = before
                used.add(before)
        for number in range(1, count + 1):
            if not numbers[number]:
                numbers[number] = self.next_room
                self.next_room += 1
        return numbers

    def _measure(self, window: Window, rooms: set[int]) -> None:
        """Find the middles and the passages of some rooms, which lie inside a window."""
        top, left, bottom, right = window
        labels = self.labels[top:bottom, left:right]
        corner = self._origin + np.array([left, top]) * self._resolution
        kept = {n: spot for n, spot in self.centers.items() if n not in rooms}
        step = 2 if labels.size > self.config.most_cells else 1  # Every room is wider.
        thin = labels[step // 2 :: step, step // 2 :: step]
        rows, columns = np.nonzero(thin)
        inside = thin[rows, columns]
        rows, columns = rows * step + step // 2, columns * step + step // 2
        count = np.bincount(inside, minlength=1)
        sums = np.bincount(inside, columns), np.bincount(inside, rows)
        for number in sorted(rooms & set(np.flatnonzero(count).tolist())):
            middle = np.array([sums[0][number], sums[1][number]]) / count[number] + 0.5
            kept[number] = corner + middle * self._resolution
        self.centers = dict(sorted(kept.items()))
        self.doors = {pair: spot for pair, spot in self.doors.items() if not rooms & set(pair)}
        for pair, cells in borders(labels).items():
            if rooms & set(pair) and len(cells) * self._resolution >= _LEAST_PASSAGE:
                self.doors[pair] = corner + cells.mean(axis=0) * self._resolution

    def _continue(self, window: Window, vanished: set[int]) -> None:
        """Continue the rooms of a window over walls and unknown cells."""
        top, left, bottom, right = window
        part = nearest_label(self.labels[top:bottom, left:right])
        self.nearest[top:bottom, left:right] = part
        if vanished or not self.nearest.all():
            stale = self._among(self.nearest, {0, *vanished})
            if stale.any():
                self.nearest = nearest_label(np.where(stale, 0, self.nearest).astype(np.int32))

    def _place(self, occupancy: OccupancyMap, window: Window) -> None:
        """Keep the places, add one wherever free floor is farther than the spacing from all."""
        top, left, bottom, right = window
        at, corner = np.s_[top:bottom, left:right], np.array([left, top])
        free = (occupancy.score[at] < 0) & (occupancy.blocked[at] == 0)
        free = cv2.erode(free.astype(np.uint8), np.ones((5, 5), np.uint8))
        open_floor = np.where(self.labels[at] > 0, free, 0).astype(np.uint8)
        reach = round(self.config.spacing / occupancy.resolution)
        for column, row in (occupancy.world_to_cell(self.places) - corner).tolist():
            cv2.circle(open_floor, (column, row), reach, 0, -1)
        added = []
        rows, columns = np.nonzero(open_floor)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if len(self.places) + len(added) >= self.config.max_places:
                break
            if open_floor[row, column]:
                added.append((column, row))
                cv2.circle(open_floor, (column, row), reach, 0, -1)
        spots = occupancy.cell_to_world(np.reshape(added, (-1, 2)).astype(np.int64) + corner)
        self.places = np.concatenate((self.places, spots))
        self.place_rooms = self.room_at(self.places)
        self._trees.clear()


def floor_plan(occupancy: OccupancyMap) -> UInt8[np.ndarray, "r c"]:
    """Return WALL where something stands at eye height, DOMAIN on what else is within walls.

    DOMAIN cells are known, small gaps closed, and do not touch a wall.
    """
    known = (occupancy.states > 0).astype(np.uint8)
    closed = cv2.morphologyEx(known, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    wall = (occupancy.tall > 0).astype(np.uint8)
    near = cv2.dilate(wall, np.ones((3, 3), np.uint8))
    plan = np.where((closed > 0) & (near == 0), DOMAIN, 0)
    return np.where(wall > 0, WALL, plan).astype(np.uint8)


def _part_coarsely(
    domain: Bool[np.ndarray, "r c"],
    wall: Bool[np.ndarray, "r c"],
    resolution: float,
    config: RoomConfig,
    doors: Float[np.ndarray, "n 2 2"] | None,
) -> Int32[np.ndarray, "r c"]:
    """Part a plan, a very large one at a coarser resolution, which bounds the time it takes."""
    step = int(np.ceil(np.sqrt(domain.size / config.most_cells)))
    if step <= 1:
        return part(domain, wall, resolution, config.partition, doors)
    rows, columns = domain.shape
    width = ((0, -rows % step), (0, -columns % step))
    blocks = [
        np.pad(m, width).reshape(-1, step, (columns + step - 1) // step, step)
        for m in (domain, wall)
    ]
    coarse_domain, coarse_wall = (np.asarray(block.any(axis=(1, 3))) for block in blocks)
    coarse = part(
        coarse_domain & ~coarse_wall,
        coarse_wall,
        resolution * step,
        config.partition,
        None if doors is None else doors / step,
    )
    fine = np.repeat(np.repeat(coarse, step, axis=0), step, axis=1)[:rows, :columns]
    return np.where(domain, fine, 0).astype(np.int32)


def _extent(marked: Bool[np.ndarray, "r c"]) -> Window:
    """Return the box around the marked cells, of which there is one at least."""
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _grown(window: Window, by: int, shape: tuple[int, ...]) -> Window:
    top, left, bottom, right = window
    return (
        max(top - by, 0),
        max(left - by, 0),
        min(bottom + by, shape[0]),
        min(right + by, shape[1]),
    )
