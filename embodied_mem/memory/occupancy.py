"""Where the floor is free: a grid kept from depth images, and the frontiers of what is unknown."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Int16, Int64, UInt8

from embodied_mem.config import Config
from embodied_mem.memory.depth_noise import range_within, scatter
from embodied_mem.types import Frame

UNKNOWN, FREE, OCCUPIED = 0, 1, 2
"""States of a cell."""

_CHANGE = np.array([[0, -1], [1, 0], [2, 2]], np.int16)
_BLOCK = 64


class OccupancyConfig(Config, frozen=True):
    """How depth becomes a floor plan."""

    resolution: float = 0.05
    """Edge of a cell [m]."""
    max_extent: float = 80.0
    """Longest edge that the map may grow to [m]; what lies beyond is ignored."""
    floor_tolerance: float = 0.08
    """Points this near to the floor's height are floor [m]."""
    body_height: float = 1.7
    """Points below this height and above the floor are obstacles [m]."""
    body_radius: float = 0.2
    """Where the body stands, the floor is free [m]."""
    tall_from: float = 1.3
    """What stands between this height ..."""
    tall_to: float = 1.9
    """... and this one, below the lintels of doors, parts rooms [m]."""
    hand_reach: float = 0.6
    """With something in the hand, nearer points are ignored, as depth along the optical axis: there
    are what it holds, and what that holds [m]."""
    range: float = 6.0
    """Farther points are ignored [m]."""
    stride: int = 2
    """One of so many rows and columns of the depth image is used."""
    closing: int = 5
    """Gaps of fewer cells than this between floor points of one view are floor as well [cells]."""
    min_frontier: int = 6
    """Smaller frontiers are not reported [cells]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """A border between free and unknown floor."""

    center: Float[np.ndarray, "2"]
    """The border cell nearest to its middle, in the world [m]."""
    cells: Int64[np.ndarray, "k 2"]
    """Cells of the border (column along x, row along y)."""
    size: float
    """Length, about [m]."""


class OccupancyMap:
    """Counts per cell for and against an obstacle, over a rectangle that grows."""

    def __init__(self, config: OccupancyConfig | None = None):
        self.config = config or OccupancyConfig()
        self.resolution = self.config.resolution
        self.clear()

    def clear(self) -> None:
        """Forget the map."""
        self._origin = np.zeros(2, np.int64)  # Grid cell of score[0, 0], (x, y).
        self.score: Int16[np.ndarray, "r c"] = np.zeros((0, 0), np.int16)
        """Above 0 occupied, below 0 free, rows along y and columns along x."""
        self.tall: Int16[np.ndarray, "r c"] = np.zeros((0, 0), np.int16)
        """Above 0 where something stands at the height of eyes: walls, and what is like them."""
        self.blocked: UInt8[np.ndarray, "r c"] = np.zeros((0, 0), np.uint8)
        """1 where the body could not go although nothing was seen."""
        self.dirty: set[tuple[int, int]] = set()
        """Blocks of 64x64 cells (x, y) that changed since they were last stored."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (along y) and columns (along x) [cells]."""
        return self.score.shape

    @property
    def origin(self) -> Float[np.ndarray, "2"]:
        """World position of the lower corner of cell (0, 0) [m]."""
        return self._origin * self.resolution

    @property
    def states(self) -> UInt8[np.ndarray, "r c"]:
        """UNKNOWN, FREE or OCCUPIED for each cell (row along y, column along x)."""
        states = (self.score < 0).astype(np.uint8)
        states[(self.score > 0) | (self.blocked > 0)] = OCCUPIED
        return states

    @property
    def free(self) -> Bool[np.ndarray, "r c"]:
        """Cells where the floor is seen and nothing stands."""
        return (self.score < 0) & (self.blocked == 0)

    @property
    def occupied(self) -> Bool[np.ndarray, "r c"]:
        """Cells where something stands."""
        return (self.score > 0) | (self.blocked > 0)

    @property
    def unknown(self) -> Bool[np.ndarray, "r c"]:
        """Cells never seen."""
        return (self.score == 0) & (self.blocked == 0)

    @property
    def seen_area(self) -> float:
        """Area of what was ever seen, floor and what stands on it [m2]."""
        return float(np.count_nonzero(~self.unknown)) * self.resolution**2

    def world_to_cell(self, points: Float[np.ndarray, "*p 2"]) -> Int64[np.ndarray, "*p 2"]:
        """Return (column, row) of world points [m]; may lie outside the map."""
        return np.floor(np.asarray(points) / self.resolution).astype(np.int64) - self._origin

    def cell_to_world(self, cells: Int[np.ndarray, "*p 2"]) -> Float[np.ndarray, "*p 2"]:
        """Return the centres [m] of cells (column, row)."""
        return (np.asarray(cells) + self._origin + 0.5) * self.resolution

    def is_known(self, points: Float[np.ndarray, "p 2"]) -> Bool[np.ndarray, "p"]:
        """Tell for world points [m] whether their cell was ever seen."""
        return self.states_at(points) != UNKNOWN

    def states_at(self, points: Float[np.ndarray, "p 2"]) -> UInt8[np.ndarray, "p"]:
        """Return the state of the cell at each world point [m]; UNKNOWN outside the map."""
        states = np.zeros(len(points), np.uint8)
        inside, rows, columns = self._cells_at(points)
        score, blocked = self.score[rows, columns], self.blocked[rows, columns]
        states[inside] = np.where((score > 0) | (blocked > 0), OCCUPIED, score < 0)
        return states

    def tall_at(self, points: Float[np.ndarray, "p 2"]) -> Bool[np.ndarray, "p"]:
        """Tell for each world point [m] whether something stands there at the height of eyes."""
        tall = np.zeros(len(points), bool)
        inside, rows, columns = self._cells_at(points)
        tall[inside] = self.tall[rows, columns] > 0
        return tall

    def _cells_at(
        self, points: Float[np.ndarray, "p 2"]
    ) -> tuple[Bool[np.ndarray, "p"], Int64[np.ndarray, "q"], Int64[np.ndarray, "q"]]:
        """Tell which world points [m] the map holds; return rows and columns of those."""
        cells = self.world_to_cell(points)
        inside = ((cells >= 0) & (cells < self.shape[::-1])).all(axis=1)
        columns, rows = cells[inside].T
        return np.asarray(inside), rows, columns

    def update(
        self,
        frame: Frame,
        ignore: Bool[np.ndarray, "h w"] | None = None,
        noise: float | None = None,
        *,
        hand_full: bool = False,
    ) -> None:
        """Take in one frame. Without depth only the body's own place is learnt.

        Args:
            frame: Depth with the poses of camera and body.
            ignore: Pixels that show what moves with the body, such as a held object.
            noise: Standard deviation of the depth at 1 m [m]; by default it is read off the depth.
            hand_full: Whether there is something in the hand.
        """
        body = frame.T_world_body.translation if frame.T_world_body is not None else None
        floor = float(body[2]) if body is not None else 0.0
        if (
            frame.depth is not None
            and frame.camera is not None
            and frame.T_world_camera is not None
        ):
            near = self.config.hand_reach if hand_full else 0.0
            points = _world_points(frame, self.config, ignore, near)
            noise = scatter(frame.depth) if noise is None else noise
            trusted = range_within(self.resolution, noise)
            far = np.zeros(points.shape[1], bool)
            if np.isfinite(trusted):
                away = np.square(points - frame.T_world_camera.translation[:, None])
                far = away.sum(axis=0) > trusted**2
            self._add_points(points, far, floor)
        if body is not None:
            self._paint(body[:2], self.config.body_radius, score=-8, blocked=0)

    def mark_blocked(self, point: Float[np.ndarray, "2"], radius: float = 0.1) -> None:
        """Remember that the body could not go to a world point [m]."""
        self._paint(point, radius, blocked=1)

    def mark_free(self, point: Float[np.ndarray, "2"], radius: float = 0.2) -> None:
        """Remember that the body can stand at a world point [m]."""
        self._paint(point, radius, score=-8, blocked=0)

    def frontiers(self) -> tuple[Frontier, ...]:
        """Return the borders between free and unknown cells, longest first."""
        if not self.score.size:
            return ()
        unknown = np.pad(self.unknown, 1, constant_values=True).astype(np.uint8)
        near = cv2.dilate(unknown, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))[1:-1, 1:-1]
        border = (self.free & (near > 0)).astype(np.uint8)
        _, labels, stats, middles = cv2.connectedComponentsWithStats(border, connectivity=8)
        found = []
        rows, columns = np.nonzero(labels)
        order = np.argsort(labels[rows, columns], kind="stable")
        ends = np.cumsum(np.asarray(stats[1:, cv2.CC_STAT_AREA], np.int64))
        every = np.stack((columns, rows), axis=1).astype(np.int64)[order]
        for number, cells in enumerate(np.split(every, ends[:-1]), start=1):
            if len(cells) < self.config.min_frontier:
                continue
            nearest = np.square(cells - middles[number]).sum(axis=1).argmin()
            center = self.cell_to_world(cells[nearest])
            found.append(Frontier(center=center, cells=cells, size=len(cells) * self.resolution))
        return tuple(sorted(found, key=lambda frontier: -frontier.size))

    def _add_points(
        self, points: Float[np.ndarray, "3 p"], far: Bool[np.ndarray, "p"], floor: float
    ) -> None:
        """Count points into cells; those that are `far` may show floor, but no obstacle."""
        config = self.config
        height = points[2] - np.float32(floor)
        is_floor = np.abs(height) <= config.floor_tolerance
        is_obstacle = (height > config.floor_tolerance) & (height < config.body_height) & ~far
        is_tall = (height > config.tall_from) & (height < config.tall_to) & ~far
        kept = np.flatnonzero(is_floor | is_obstacle | is_tall)
        if not len(kept):
            return
        columns, rows = self._columns_rows(points[0][kept], points[1][kept])
        inside = (columns >= 0) & (rows >= 0) & (columns < self.shape[1]) & (rows < self.shape[0])
        if not inside.all():
            kept, columns, rows = kept[inside], columns[inside], rows[inside]
        if not len(kept):
            return
        left, top = int(columns.min()), int(rows.min())
        width, tall = int(columns.max()) - left + 1, int(rows.max()) - top + 1
        size = width * tall
        cells = (rows - top) * width + (columns - left)
        hits = np.bincount(cells[is_obstacle[kept]], minlength=size).reshape(tall, width)
        floors, above = np.zeros((2, size), bool)
        floors[cells[is_floor[kept]]] = True
        above[cells[is_tall[kept]]] = True
        floors = _close(floors.reshape(tall, width), config.closing)
        window = np.s_[top : top + tall, left : left + width]
        change = _CHANGE[np.minimum(hits, 2), floors]
        np.clip(self.score[window] + change, -8, 8, out=self.score[window])
        change = np.where(above.reshape(tall, width), 2, -floors.astype(np.int16)).astype(np.int16)
        np.clip(self.tall[window] + change, -8, 8, out=self.tall[window])
        low = np.array([left, top])
        self._touch(low, low + np.array([width, tall]))

    def _paint(
        self,
        point: Float[np.ndarray, "2"],
        radius: float,
        *,
        blocked: int,
        score: int | None = None,
    ) -> None:
        reach = int(np.ceil(radius / self.resolution))
        steps = np.arange(-reach, reach + 1)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        spots = np.asarray(point)[:2] + grid * self.resolution
        spots = spots[np.linalg.norm(grid * self.resolution, axis=1) <= radius + 1e-9]
        cells = self._cells_for(spots)
        cells = cells[(cells >= 0).all(axis=1) & (cells < self.shape[::-1]).all(axis=1)]
        if not len(cells):
            return
        columns, rows = cells.T
        self.blocked[rows, columns] = blocked
        if score is not None:
            self.score[rows, columns] = score
        self._touch(cells.min(axis=0), cells.max(axis=0) + 1)

    def _cells_for(self, points: Float[np.ndarray, "p 2"]) -> Int64[np.ndarray, "p 2"]:
        """Return the cells of points, after growing the map to hold them as far as it may."""
        return np.stack(self._columns_rows(points[:, 0], points[:, 1]), axis=1)

    def _columns_rows(
        self, x: Float[np.ndarray, "p"], y: Float[np.ndarray, "p"]
    ) -> tuple[Int64[np.ndarray, "p"], Int64[np.ndarray, "p"]]:
        """Return the same for points given by their coordinates [m]."""
        columns = np.floor(x / self.resolution).astype(np.int64)
        rows = np.floor(y / self.resolution).astype(np.int64)
        low = np.array([columns.min(), rows.min()], np.int64)
        self._grow(low, np.array([columns.max() + 1, rows.max() + 1], np.int64))
        return columns - self._origin[0], rows - self._origin[1]

    def _grow(self, low: Int64[np.ndarray, "2"], high: Int64[np.ndarray, "2"]) -> None:
        rows, columns = self.shape
        start, end = self._origin, self._origin + np.array([columns, rows])
        if not self.score.size:
            start = end = low // _BLOCK * _BLOCK
        elif (low >= start).all() and (high <= end).all():
            return
        new_start = np.minimum(start, low // _BLOCK * _BLOCK)
        new_end = np.maximum(end, -(-high // _BLOCK) * _BLOCK)
        most = int(self.config.max_extent / self.resolution) // _BLOCK * _BLOCK
        new_start = np.maximum(new_start, np.minimum(start, end - most))
        new_end = np.minimum(new_end, np.maximum(end, new_start + most))
        before, after = start - new_start, new_end - end
        width = ((before[1], after[1]), (before[0], after[0]))
        self.score = np.pad(self.score, width)
        self.blocked = np.pad(self.blocked, width)
        self.tall = np.pad(self.tall, width)
        self._origin = new_start

    def _touch(self, low: Int64[np.ndarray, "2"], high: Int64[np.ndarray, "2"]) -> None:
        first, last = (low + self._origin) // _BLOCK, (high - 1 + self._origin) // _BLOCK
        self.dirty |= {
            (x, y)
            for x in range(int(first[0]), int(last[0]) + 1)
            for y in range(int(first[1]), int(last[1]) + 1)
        }

    def touch_all(self) -> None:
        """Mark every block as changed."""
        if self.score.size:
            self._touch(np.zeros(2, np.int64), np.array(self.shape[::-1], np.int64))

    def block(self, key: tuple[int, int]) -> Int16[np.ndarray, "3 64 64"]:
        """Return score, tall and blocked of one 64x64 block."""
        column, row = np.array(key) * _BLOCK - self._origin
        window = np.s_[row : row + _BLOCK, column : column + _BLOCK]
        blocked = self.blocked[window].astype(np.int16)
        return np.stack((self.score[window], self.tall[window], blocked))

    def set_block(self, key: tuple[int, int], values: Int16[np.ndarray, "3 64 64"]) -> None:
        """Put back what `block` returned."""
        low = np.array(key, np.int64) * _BLOCK
        self._grow(low, low + _BLOCK)
        column, row = low - self._origin
        window = np.s_[row : row + _BLOCK, column : column + _BLOCK]
        self.score[window], self.tall[window] = values[0], values[1]
        self.blocked[window] = values[2].astype(np.uint8)


def _close(seen: Bool[np.ndarray, "r c"], reach: int) -> UInt8[np.ndarray, "r c"]:
    """Fill gaps of fewer than `reach` cells between floor cells: far rays lie apart."""
    if reach < 2:
        return seen.astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, disc), np.uint8)


def _world_points(
    frame: Frame,
    config: OccupancyConfig,
    ignore: Bool[np.ndarray, "h w"] | None,
    near: float,
) -> Float[np.ndarray, "3 p"]:
    """Back-project a frame's known depth, thinned by the stride, into the world [m]."""
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    camera, step = frame.camera, config.stride
    depth = frame.depth[::step, ::step]
    usable = (depth > near) & (depth < config.range)  # NaN compares false.
    if ignore is not None:
        usable &= ~ignore[::step, ::step]
    across = (np.arange(0, camera.width, step) + 0.5 - camera.cx) / camera.fx
    down = (np.arange(0, camera.height, step) + 0.5 - camera.cy) / camera.fy
    z = depth[usable]
    x = (depth * across.astype(np.float32))[usable]
    y = (depth * down.astype(np.float32)[:, None])[usable]
    rotation = frame.T_world_camera.as_matrix().astype(np.float32)
    # Written out: a product of so small a matrix would wake up the threads of BLAS.
    return np.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in rotation[:3]])
