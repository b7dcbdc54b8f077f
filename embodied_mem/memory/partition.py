"""Parts a floor plan into rooms where its walls leave openings no wider than doors.

Three steps. Openings are found as gaps in lines of wall (whatever the house's orientation) and as
narrow necks of the free space. All of them at once cut the plan into too many pieces. Pieces are
then joined again wherever an opening is no door: wider than one, or about as wide as the piece
behind it, which is then an alcove, or too small to be a room.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from embodied_mem.memory.pieces import (
    ONE_SIDED,
    TWO_SIDED,
    PartitionConfig,
    join,
    nearest_label,
)

_STRAIGHT = np.radians(1.0)
"""Walls turned by less are along the grid [rad]."""
_SOLID = 0.4
"""A cell of a turned plan is wall where this share of it is."""
_NEIGHBOURS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
"""Of a cell, and itself."""


def part(
    domain: Bool[np.ndarray, "r c"],
    wall: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig | None = None,
    doors: Float[np.ndarray, "n 2 2"] | None = None,
) -> Int32[np.ndarray, "r c"]:
    """Part a region into rooms.

    Args:
        domain: Cells within walls: known, and not wall.
        wall: Cells where something stands at the height of eyes.
        resolution: Edge of a cell [m].
        config: What is an opening.
        doors: Lowest and highest corner (x, y) of doors that were seen [cells].

    Returns:
        Room number per cell from 1; 0 outside the domain.
    """
    config = config or PartitionConfig()
    angle = wall_angle(wall)
    if abs(angle) < _STRAIGHT:
        return _part_along(domain, wall, resolution, config, doors)
    turn, size = _turning(angle, wall.shape)
    solid = cv2.warpAffine(wall.astype(np.float32), turn, size) > _SOLID
    inside = cv2.warpAffine(domain.astype(np.uint8), turn, size, flags=cv2.INTER_NEAREST) > 0
    if doors is not None:
        doors = _turned_boxes(doors, turn)
    rooms = _part_along(inside & ~solid, solid, resolution, config, doors)
    whole = nearest_label(rooms).astype(np.float32)
    back = cv2.warpAffine(
        whole, turn, wall.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    return np.where(domain, np.asarray(back), 0).astype(np.int32)


def _part_along(
    domain: Bool[np.ndarray, "r c"],
    wall: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
    doors: Float[np.ndarray, "n 2 2"] | None,
) -> Int32[np.ndarray, "r c"]:
    """Part a region whose walls run along the grid."""
    along = _row_gaps(wall, domain, resolution, config)
    cuts = np.maximum(along, _row_gaps(wall.T, domain.T, resolution, config).T)
    if doors is not None:
        _believe(cuts, doors)
    pieces = _pieces(domain & (cuts == 0), resolution, config)
    return join(pieces, domain, cuts, resolution, config)


def _turning(
    angle: float, shape: tuple[int, ...]
) -> tuple[Float[np.ndarray, "2 3"], tuple[int, int]]:
    """Return the affine map that turns a grid by an angle [rad], and the width and height then."""
    rows, columns = shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(np.degrees(angle)), 1.0)
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]]) @ turn.T
    low = corners.min(axis=0)
    turn[:, 2] -= low
    width, height = np.ceil(corners.max(axis=0) - low).astype(int).tolist()
    return turn, (width, height)


def _turned_boxes(
    boxes: Float[np.ndarray, "n 2 2"], turn: Float[np.ndarray, "2 3"]
) -> Float[np.ndarray, "n 2 2"]:
    """Return boxes around turned boxes."""
    x, y = boxes[:, [0, 1, 0, 1], 0], boxes[:, [0, 0, 1, 1], 1]
    corners = np.stack((x, y), axis=-1) @ turn[:, :2].T + turn[:, 2]  # (n, 4, 2)
    return np.stack((corners.min(axis=1), corners.max(axis=1)), axis=1)


def _believe(cuts: UInt8[np.ndarray, "r c"], doors: Float[np.ndarray, "n 2 2"]) -> None:
    """Mark the cuts where doors were seen."""
    count, groups, _, middles = cv2.connectedComponentsWithStats(cuts, connectivity=8)
    for low, high in doors:
        inside = ((middles >= low) & (middles <= high)).all(axis=1)
        for number in np.flatnonzero(inside[1:count]) + 1:
            cuts[groups == number] = TWO_SIDED


def wall_angle(wall: Bool[np.ndarray, "r c"]) -> float:
    """Return by how much walls are turned against the grid, -45 to 45 degrees [rad].

    The mean direction of the wall mask's gradients, weighted and taken modulo a quarter turn.
    """
    smooth = cv2.GaussianBlur(wall.astype(np.float32), (0, 0), 1.5)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    steep = cv2.magnitude(dx, dy) > 0.1  # Elsewhere there is no wall near.
    dx, dy = np.asarray(dx)[steep], np.asarray(dy)[steep]
    strength, direction = np.hypot(dx, dy), np.arctan2(dy, dx)
    mean = (strength**2 * np.exp(4j * direction)).sum()
    return float(np.angle(mean) / 4) if abs(mean) > 0 else 0.0


def _row_gaps(
    wall: Bool[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> UInt8[np.ndarray, "r c"]:
    """Return one row of cells for each gap in walls along rows.

    A gap is a run of cells without wall; on one side at least a wall ends that goes on along the
    row.
    """
    stub = max(3, round(config.stub / resolution))
    bridged = cv2.morphologyEx(
        np.ascontiguousarray(wall, dtype=np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)
    )
    lines = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((1, stub), np.uint8))
    solid = np.pad(np.asarray(bridged) > 0, ((0, 0), (1, 1)))
    change = np.diff(solid.astype(np.int8), axis=1)
    rows, starts = np.nonzero(change == -1)  # The first cell after a wall.
    found = np.zeros(wall.shape, np.uint8)
    _, ends = _next_wall(change, rows, starts)
    keep = (ends > 0) & ((ends - starts) * resolution <= config.opening) & (ends - starts >= 5)
    rows, starts, ends = rows[keep], starts[keep], ends[keep]
    face = cv2.erode(bridged, np.ones((2 * stub + 1, 1), np.uint8))
    face = cv2.dilate(face, np.ones((1, 5), np.uint8)) > 0  # Of a wall across: no end of one.
    line = (cv2.dilate(lines, np.ones((5, 5), np.uint8)) > 0) & ~face  # Ends are frayed.
    left, right = line[rows, starts - 1], line[rows, np.minimum(ends, wall.shape[1] - 1)]
    inside = np.concatenate(
        (np.zeros((len(domain), 1), np.int64), np.cumsum(domain, axis=1, dtype=np.int64)), axis=1
    )
    known = inside[rows, ends] - inside[rows, starts]
    keep = (left | right) & (known >= 0.6 * (ends - starts))
    sides = np.where(left & right, TWO_SIDED, ONE_SIDED)
    runs = np.stack((rows, starts, ends, sides), axis=1)[keep].tolist()
    for row, start, end, _ in runs:
        found[row, start:end] = 1
    return _narrowest_rows(found, runs)


def _next_wall(
    change: np.ndarray, rows: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each end of wall where the next wall of its row begins; 0 for none."""
    wall_rows, begins = np.nonzero(change == 1)
    width = change.shape[1] + 1
    order = np.searchsorted(wall_rows * width + begins, rows * width + starts)
    ends = np.zeros(len(starts), np.int64)
    some = order < len(wall_rows)
    same = some.copy()
    same[some] = wall_rows[order[some]] == rows[some]
    ends[same] = begins[order[same]]
    return rows, ends


def _narrowest_rows(
    found: UInt8[np.ndarray, "r c"], runs: list[list[int]]
) -> UInt8[np.ndarray, "r c"]:
    """Of gaps one above the other keep the narrowest, the middle one among equals.

    Args:
        found: Cells of all gaps.
        runs: Row, first column, column after the last, and ONE_SIDED or TWO_SIDED of each gap.
    """
    _, groups = cv2.connectedComponents(found, connectivity=4)
    together: dict[int, list[list[int]]] = {}
    for run in runs:
        together.setdefault(int(groups[run[0], run[1]]), []).append(run)
    kept = np.zeros(found.shape, np.uint8)
    for group in together.values():
        least = min(end - start for _, start, end, _ in group)
        near = [run for run in group if run[2] - run[1] <= least + 2]
        row, start, end, _ = near[len(near) // 2]
        kept[row, start:end] = max(side for *_, side in near)
    return kept


def _pieces(
    region: Bool[np.ndarray, "r c"], resolution: float, config: PartitionConfig
) -> Int32[np.ndarray, "r c"]:
    """Part a region at its necks: cores are where no doorway could be, the rest is theirs.

    Each cell goes to the core that is nearest by way of the region.
    """
    distance = cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    core = (distance > config.doorway / 2 / resolution).astype(np.uint8)
    count, cores, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    least = max(1.0, 0.1 * config.min_area / resolution**2)
    lookup = np.zeros(count, np.int32)
    kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= least]
    lookup[kept] = np.arange(1, len(kept) + 1)
    seeds = lookup[np.asarray(cores, np.int64)]
    # Parts of the region without any core are pieces of their own.
    alone, bodies = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    cored = np.zeros(alone, bool)
    cored[np.unique(np.asarray(bodies, np.int64)[seeds > 0])] = True
    number = len(kept)
    for body in range(1, alone):
        if not cored[body]:
            number += 1
            seeds[bodies == body] = number
    return flood(seeds, region)


def flood(
    seeds: Int32[np.ndarray, "r c"], region: Bool[np.ndarray, "r c"]
) -> Int32[np.ndarray, "r c"]:
    """Give every cell of a region the seed that is nearest by way of the region.

    A breadth-first search from all seeds at once, one step of every flood per turn. Where two meet
    in one cell it is the greater's. What no seed can reach stays 0.
    """
    flooded = np.where(region, seeds, 0).astype(np.float32)
    dry = region & (seeds == 0)
    while dry.any():
        grown = np.asarray(cv2.dilate(flooded, _NEIGHBOURS))
        wet = dry & (grown > 0)
        if not wet.any():
            break
        flooded[wet] = grown[wet]
        dry &= ~wet
    return flooded.astype(np.int32)
