"""Rooms and places of a floor plan: where free space narrows to a doorway, rooms end."""

from collections import Counter
from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, Int64
from scipy.spatial import KDTree

from embodied_mem.config import Config
from embodied_mem.goals import fold
from embodied_mem.memory.occupancy import OccupancyMap


class RoomConfig(Config, frozen=True):
    """How floor is parted into rooms, and rooms into places."""

    every: int = 10
    """The plan is parted anew after so many writes, more where the map is large ..."""
    growth: float = 0.05
    """... or when the known floor grew by this share."""
    doorway: float = 1.1
    """Openings narrower than this part rooms [m]."""
    min_area: float = 0.6
    """Smaller rooms are not told apart [m^2]."""
    spacing: float = 1.5
    """Distance between places [m]."""
    max_places: int = 2000


_HINTS = {
    "Kitchen": "fridge stoveburner stoveknob microwave toaster coffeemachine pan pot kettle "
    "dishsponge",
    "Bathroom": "toilet bathtub bathtubbasin showercurtain showerhead showerdoor toiletpaper "
    "toiletpaperhanger plunger soapbar towelholder scrubbrush handtowel handtowelholder",
    "Bedroom": "bed alarmclock teddybear pillow dresser laundryhamper",
    "LivingRoom": "sofa television tvstand coffeetable armchair remotecontrol newspaper",
}
_LARGE_MAP = 160_000
"""Larger maps are parted less often [cells]."""
_CATEGORY = {label: room for room, labels in _HINTS.items() for label in labels.split()}


def guess_category(labels: Iterable[str]) -> str:
    """Guess a room's type from what is in it; "" where nothing tells."""
    votes = Counter(_CATEGORY[name] for label in labels if (name := fold(label)) in _CATEGORY)
    return min(votes, key=lambda room: (-votes[room], room)) if votes else ""


def segment(
    domain: Bool[np.ndarray, "r c"], resolution: float, config: RoomConfig
) -> Int32[np.ndarray, "r c"]:
    """Part a region into rooms: seeds are where no doorway could be, the rest flows to them.

    Args:
        domain: Cells within walls, known and not wall.
        resolution: Edge of a cell [m].
        config: Thresholds.

    Returns:
        Room number per cell from 1; 0 outside the domain.
    """
    inside = np.pad(domain.astype(np.uint8), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    seeds = (distance > config.doorway / 2 / resolution).astype(np.uint8)
    count, markers, stats, _ = cv2.connectedComponentsWithStats(seeds)
    least = max(1.0, 0.15 * config.min_area / resolution**2)
    kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= least]
    lookup = np.zeros(count, np.int32)
    lookup[kept] = np.arange(1, len(kept) + 1)
    markers = lookup[np.asarray(markers, np.int64)]
    if not kept:
        return np.zeros(domain.shape, np.int32)
    outside = len(kept) + 1
    markers[inside == 0] = outside
    relief = 255 - np.clip(distance * (200 * resolution), 0, 255).astype(np.uint8)
    flooded = cv2.watershed(cv2.cvtColor(relief, cv2.COLOR_GRAY2BGR), markers.astype(np.int32))
    rooms = np.asarray(flooded, np.int32)
    rooms[(rooms == outside) | (inside == 0) | (rooms < 0)] = 0
    return _fill(rooms, inside > 0)[1:-1, 1:-1]


def _fill(
    rooms: Int32[np.ndarray, "r c"], inside: Bool[np.ndarray, "r c"]
) -> Int32[np.ndarray, "r c"]:
    """Give the watershed's own lines to the nearest room."""
    lines = inside & (rooms == 0)
    return np.where(lines, nearest_label(rooms), rooms).astype(np.int32)


def nearest_label(labels: Int32[np.ndarray, "r c"]) -> Int32[np.ndarray, "r c"]:
    """Return for each cell the nearest label that is not 0."""
    empty = (labels == 0).astype(np.uint8)
    if empty.all():
        return labels
    _, index = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(index.max()) + 1, np.int32)
    known = empty == 0
    lookup[index[known]] = labels[known]
    return lookup[index]


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
        self.version = 0
        """Grows with each new parting."""
        self._origin = np.zeros(2)
        self._resolution = 1.0
        self.next_room = 1
        """Number that the next new room gets."""
        self._writes = 0
        self._known = 0

    def update(self, occupancy: OccupancyMap) -> bool:
        """Part the floor anew where that is due. Returns whether it was."""
        self._writes += 1
        known = int(np.count_nonzero(occupancy.score))
        wait = self.config.every * max(1.0, occupancy.score.size / _LARGE_MAP)
        due = self._writes >= wait and known != self._known
        if not (due or known > self._known * (1 + self.config.growth)):
            return False
        self._writes, self._known = 0, known
        domain = self._domain(occupancy)
        fresh = segment(domain, occupancy.resolution, self.config)
        self._adopt(fresh, occupancy)
        self._place(occupancy)
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

    def centers(self) -> dict[int, Float[np.ndarray, "2"]]:
        """Return the middle of each room [m]."""
        rows, columns = np.nonzero(self.labels)
        numbers = self.labels[rows, columns]
        count = np.bincount(numbers)
        middles = np.stack((np.bincount(numbers, columns), np.bincount(numbers, rows)), axis=1)
        return {
            number: self._origin + (middles[number] / count[number] + 0.5) * self._resolution
            for number in np.flatnonzero(count).tolist()
        }

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
        self.doors = _doors(self.labels, self._origin, self._resolution)
        self.next_room = next_room

    def _domain(self, occupancy: OccupancyMap) -> Bool[np.ndarray, "r c"]:
        """Return the cells within walls: known, small gaps closed, nothing at eye height."""
        known = (occupancy.states > 0).astype(np.uint8)
        closed = cv2.morphologyEx(known, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        wall = cv2.dilate((occupancy.tall > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
        return (closed > 0) & (wall == 0)

    def _adopt(self, fresh: Int32[np.ndarray, "r c"], occupancy: OccupancyMap) -> None:
        """Take over a segmentation, giving rooms the numbers of those they overlap most."""
        rows, columns = np.nonzero(fresh)
        now, before = fresh[rows, columns], self._before(occupancy)[rows, columns]
        count = int(fresh.max(initial=0))
        pairs, sizes = np.unique(now * np.int64(1 << 32) + before, return_counts=True)
        numbers = np.zeros(count + 1, np.int32)
        used: set[int] = set()
        for pair in pairs[np.argsort(-sizes, kind="stable")].tolist():
            number, old = pair >> 32, pair & 0xFFFFFFFF
            if old > 0 and old not in used and not numbers[number]:
                numbers[number] = old
                used.add(old)
        for number in range(1, count + 1):
            if not numbers[number]:
                numbers[number] = self.next_room
                self.next_room += 1
        self.labels = numbers[fresh]
        self.nearest = nearest_label(self.labels)
        self._origin, self._resolution = occupancy.origin, occupancy.resolution
        self.doors = _doors(self.labels, self._origin, self._resolution)

    def _before(self, occupancy: OccupancyMap) -> Int32[np.ndarray, "r c"]:
        """Return the old room numbers on the cells of the map as it is now."""
        found = np.zeros(occupancy.shape, np.int32)
        if self.labels.size:
            shift = np.round((self._origin - occupancy.origin) / self._resolution).astype(int)
            column, row = shift.tolist()
            rows, columns = self.labels.shape
            found[row : row + rows, column : column + columns] = self.labels
        return found

    def _place(self, occupancy: OccupancyMap) -> None:
        """Keep the places, add one wherever free floor is farther than the spacing from all."""
        free = cv2.erode(occupancy.free.astype(np.uint8), np.ones((5, 5), np.uint8))
        open_floor = np.where(self.labels > 0, free, 0).astype(np.uint8)
        reach = round(self.config.spacing / occupancy.resolution)
        for column, row in occupancy.world_to_cell(self.places).tolist():
            cv2.circle(open_floor, (column, row), reach, 0, -1)
        added = []
        rows, columns = np.nonzero(open_floor)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if len(self.places) + len(added) >= self.config.max_places:
                break
            if open_floor[row, column]:
                added.append((column, row))
                cv2.circle(open_floor, (column, row), reach, 0, -1)
        spots = occupancy.cell_to_world(np.reshape(added, (-1, 2)).astype(np.int64))
        self.places = np.concatenate((self.places, spots))
        self.place_rooms = self.room_at(self.places)
        self._trees.clear()


def _doors(
    labels: Int32[np.ndarray, "r c"], origin: Float[np.ndarray, "2"], resolution: float
) -> dict[tuple[int, int], Float[np.ndarray, "2"]]:
    """Return where each two rooms touch."""
    codes: list[np.ndarray] = [np.zeros(0, np.int64)]
    spots: list[np.ndarray] = [np.zeros((0, 2))]
    for a, b, shift in (
        (labels[:, :-1], labels[:, 1:], (1.0, 0.5)),
        (labels[:-1], labels[1:], (0.5, 1.0)),
    ):
        rows, columns = np.nonzero((a != b) & (a > 0) & (b > 0))
        one, other = a[rows, columns].astype(np.int64), b[rows, columns].astype(np.int64)
        codes.append(np.minimum(one, other) * (1 << 32) + np.maximum(one, other))
        spots.append(np.stack((columns + shift[0], rows + shift[1]), axis=1))
    code, spot = np.concatenate(codes), np.concatenate(spots)
    return {
        (pair >> 32, pair & 0xFFFFFFFF): origin + spot[code == pair].mean(axis=0) * resolution
        for pair in np.unique(code).tolist()
        if np.count_nonzero(code == pair) * resolution >= 0.4
    }
