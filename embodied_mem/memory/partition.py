"""Parts a floor plan into rooms where its walls leave openings no wider than doors.

Three steps. Openings are found as gaps in lines of wall (whatever the house's orientation) and as
narrow necks of the free space. All of them at once cut the plan into too many pieces. Pieces are
then joined again wherever an opening is no door: wider than one, or about as wide as the piece
behind it, which is then an alcove, or too small to be a room.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8
from scipy import ndimage

from embodied_mem.config import Config


class PartitionConfig(Config, frozen=True):
    """What is an opening between rooms."""

    doorway: float = 1.1
    """Necks of the free space narrower than this may part rooms [m]."""
    opening: float = 2.4
    """Gaps in a line of wall narrower than this may part rooms [m]."""
    stub: float = 0.3
    """A line of wall goes on for at least this beside a gap [m]."""
    min_area: float = 1.5
    """Smaller pieces belong to a neighbour [m2]."""
    least_area: float = 0.6
    """Smaller pieces without a neighbour are no rooms [m2]."""
    alcove: float = 0.7
    """A piece is one room with its neighbour where the opening between them is wider than this
    share of the piece."""
    evidence: float = 0.8
    """An opening counts as so much narrower where the wall goes on on both sides, or a door was
    seen."""


_WAYS = 4
"""Directions along which pieces and openings are measured: along the walls, and between."""
ONE_SIDED, TWO_SIDED = 1, 2
"""Cuts where the wall goes on on one side, and on both sides or where a door was seen."""


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
    cuts = openings(wall, domain, angle, resolution, config)
    if doors is not None:
        _believe(cuts, doors)
    pieces = _pieces(domain & (cuts == 0), resolution, config)
    return join(pieces, domain, cuts, angle, resolution, config)


def _believe(cuts: UInt8[np.ndarray, "r c"], doors: Float[np.ndarray, "n 2 2"]) -> None:
    """Mark the cuts where doors were seen."""
    count, groups, _, middles = cv2.connectedComponentsWithStats(cuts, connectivity=8)
    for low, high in doors:
        inside = ((middles >= low) & (middles <= high)).all(axis=1)
        for number in np.flatnonzero(inside[1:count]) + 1:
            cuts[groups == number] = TWO_SIDED


def openings(
    wall: Bool[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    angle: float,
    resolution: float,
    config: PartitionConfig,
) -> UInt8[np.ndarray, "r c"]:
    """Return lines of cells that close the gaps in lines of wall: ONE_SIDED or TWO_SIDED.

    Args:
        wall: Cells where something stands at the height of eyes.
        domain: Cells of the plan.
        angle: By how much walls are turned against the grid [rad].
        resolution: Edge of a cell [m].
        config: What is an opening.
    """
    if abs(angle) < np.radians(1.0):
        return _gaps(wall, domain, resolution, config)
    rows, columns = wall.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(np.degrees(angle)), 1.0)
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]]) @ turn.T
    low = corners.min(axis=0)
    turn[:, 2] -= low
    width, height = np.ceil(corners.max(axis=0) - low).astype(int).tolist()
    sources = wall.astype(np.uint8), domain.astype(np.uint8)
    turned = [cv2.warpAffine(s, turn, (width, height), flags=cv2.INTER_NEAREST) for s in sources]
    thick = cv2.dilate(turned[0], np.ones((3, 3), np.uint8))  # Turned lines are frayed.
    cuts = _gaps(thick > 0, turned[1] > 0, resolution, config)
    inverse = cv2.invertAffineTransform(turn)
    thick = cv2.dilate(cuts, np.ones((2, 2), np.uint8))
    back = cv2.warpAffine(thick, inverse, (columns, rows), flags=cv2.INTER_NEAREST)
    return np.where(domain, back, 0).astype(np.uint8)


def wall_angle(wall: Bool[np.ndarray, "r c"]) -> float:
    """Return by how much walls are turned against the grid, -45 to 45 degrees [rad].

    The mean direction of the wall mask's gradients, weighted and taken modulo a quarter turn.
    """
    smooth = cv2.GaussianBlur(wall.astype(np.float32), (0, 0), 1.5)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength, direction = np.hypot(dx, dy), np.arctan2(dy, dx)
    mean = (strength**2 * np.exp(4j * direction)).sum()
    return float(np.angle(mean) / 4) if abs(mean) > 0 else 0.0


def _gaps(
    wall: Bool[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> UInt8[np.ndarray, "r c"]:
    """Return the gaps in walls that run along the rows and along the columns of a grid."""
    along = _row_gaps(wall, domain, resolution, config)
    across = _row_gaps(wall.T, domain.T, resolution, config).T
    return np.maximum(along, across)


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
    cored[np.unique(bodies[seeds > 0])] = True
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

    OpenCV's watershed floods by differences of colour; on an even picture that is a breadth-first
    search from all seeds at once.
    """
    outside = int(seeds.max(initial=0)) + 1
    markers = np.where(region, seeds, outside).astype(np.int32)
    markers = np.pad(markers, 1, constant_values=outside)
    even = np.zeros((*markers.shape, 3), np.uint8)
    flooded = np.asarray(cv2.watershed(even, markers), np.int32)[1:-1, 1:-1]
    labels = np.where(region & (flooded > 0) & (flooded != outside), flooded, 0)
    lines = region & (labels == 0)
    return np.where(lines, nearest_label(labels.astype(np.int32)), labels).astype(np.int32)


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


@dataclass(slots=True)
class _Piece:
    """A part of the plan that may be a room."""

    area: float
    """[m2]"""
    width: float
    """Diameter of the widest circle in it [m]."""
    box: tuple[int, int, int, int]
    """First row and column, and those after the last [cells]."""
    reach: Float[np.ndarray, "2 d"]
    """Lowest and highest coordinate along each direction [m]."""
    borders: dict[int, Float[np.ndarray, "2 d"]] = field(default_factory=dict)
    """Openings to each neighbour by direction: their width [m], and what that counts for."""

    def badness(self, other: int, config: PartitionConfig) -> float:
        """Return how little this piece and a neighbour are two rooms; above 1 they are one.

        An opening is measured against the piece: the mean of its widest circle and of its extent
        along the opening. So a door in the long side of a corridor is one, and an alcove is none.
        """
        size, weight = self.borders[other]
        extent = self.reach[1] - self.reach[0]
        room = config.alcove * np.sqrt(self.width * extent).clip(1e-9)
        found = max(float((weight / room).sum()), float(size.sum()) / config.opening)
        return (
            max(found, 1e3 * float(size.sum()) / self.area)
            if self.area < config.min_area
            else found
        )


def join(
    pieces: Int32[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    cuts: UInt8[np.ndarray, "r c"],
    angle: float,
    resolution: float,
    config: PartitionConfig,
) -> Int32[np.ndarray, "r c"]:
    """Join pieces where what parts them is no door; number what is left from 1.

    Args:
        pieces: Number of each cell's piece; 0 where a cut runs, and outside the domain.
        domain: Cells of the plan.
        cuts: ONE_SIDED or TWO_SIDED where a gap in a wall was found; 0 elsewhere.
        angle: By how much walls are turned against the grid [rad].
        resolution: Edge of a cell [m].
        config: What is an opening.
    """
    labels = np.where(domain, nearest_label(pieces), 0).astype(np.int32)
    angles = angle + np.arange(_WAYS) * np.pi / _WAYS
    directions = np.stack((np.cos(angles), np.sin(angles)))
    found = _measure(labels, cuts, directions, resolution, config)
    while pair := _worst(found, config):
        _merge(found, labels, resolution, *pair)
    lookup = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    rooms = [number for number, piece in found.items() if piece.area >= config.least_area]
    lookup[rooms] = np.arange(1, len(rooms) + 1)
    return lookup[labels]


def _measure(
    labels: Int32[np.ndarray, "r c"],
    cuts: UInt8[np.ndarray, "r c"],
    directions: Float[np.ndarray, "2 d"],
    resolution: float,
    config: PartitionConfig,
) -> dict[int, _Piece]:
    """Return the pieces, each with its size and its openings to others."""
    count = int(labels.max(initial=0)) + 1
    areas = np.bincount(labels.ravel(), minlength=count) * resolution**2
    boxes = ndimage.find_objects(labels)
    found: dict[int, _Piece] = {}
    reach = _reaches(labels, count, directions) * resolution
    for number in range(1, count):
        rows, columns = boxes[number - 1]
        box = rows.start, columns.start, rows.stop, columns.stop
        width = _width(labels[box[0] : box[2], box[1] : box[3]] == number) * resolution
        found[number] = _Piece(float(areas[number]), width, box, reach[:, number])
    sure = cv2.dilate((cuts == TWO_SIDED).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for (one, other), cells in borders(labels).items():
        openings = np.zeros((2, _WAYS))
        for stretch in _stretches(cells):
            extent = float(max(np.ptp(stretch, axis=0)) + 1) * resolution
            columns, rows = np.minimum(stretch.astype(int), np.array(labels.shape[::-1]) - 1).T
            weight = config.evidence if sure[rows, columns].mean() > 0.5 else 1.0
            way = int(np.ptp(stretch @ directions, axis=0).argmax())
            openings[:, way] += extent, extent * weight
        found[one].borders[other] = openings
        found[other].borders[one] = openings
    return found


def _reaches(
    labels: Int32[np.ndarray, "r c"], count: int, directions: Float[np.ndarray, "2 d"]
) -> Float[np.ndarray, "2 n d"]:
    """Return the lowest and highest coordinate of each piece along each direction [cells]."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    order = np.argsort(numbers, kind="stable")
    along = np.stack((columns, rows), axis=1)[order] @ directions
    present, starts = np.unique(numbers[order], return_index=True)
    found = np.zeros((2, count, _WAYS))
    if len(present):
        found[0, present] = np.minimum.reduceat(along, starts) - 0.5
        found[1, present] = np.maximum.reduceat(along, starts) + 0.5
    return found


def _width(inside: Bool[np.ndarray, "r c"]) -> float:
    """Return the diameter of the widest circle in a piece [cells]."""
    padded = np.pad(inside.astype(np.uint8), 1)
    return 2.0 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) - 1.0


def borders(
    labels: Int32[np.ndarray, "r c"],
) -> dict[tuple[int, int], Float[np.ndarray, "k 2"]]:
    """Return for each two labels that touch where they do: (x, y) in cells, lower label first."""
    codes: list[np.ndarray] = [np.zeros(0, np.int64)]
    spots: list[np.ndarray] = [np.zeros((0, 2))]
    for a, b, shift in (
        (labels[:, :-1], labels[:, 1:], (1.0, 0.5)),
        (labels[:-1], labels[1:], (0.5, 1.0)),
    ):
        rows, columns = np.nonzero((a != b) & (a > 0) & (b > 0))
        one, other = a[rows, columns].astype(np.int64), b[rows, columns].astype(np.int64)
        codes.append((np.minimum(one, other) << 32) | np.maximum(one, other))
        spots.append(np.stack((columns + shift[0], rows + shift[1]), axis=1))
    code, spot = np.concatenate(codes), np.concatenate(spots)
    order = np.argsort(code, kind="stable")
    pairs, starts = np.unique(code[order], return_index=True)
    parts = np.split(spot[order], starts[1:])
    return {
        (pair >> 32, pair & 0xFFFFFFFF): cells
        for pair, cells in zip(pairs.tolist(), parts, strict=False)
    }


def _stretches(cells: np.ndarray, gap: float = 4.0) -> list[np.ndarray]:
    """Part border cells into those that lie together, within `gap` cells."""
    low = np.floor(cells.min(axis=0)).astype(int)
    size = np.ceil(cells.max(axis=0)).astype(int) - low + 1
    picture = np.zeros((size[1], size[0]), np.uint8)
    at = np.floor(cells).astype(int) - low
    picture[at[:, 1], at[:, 0]] = 1
    thick = cv2.dilate(picture, np.ones((int(gap), int(gap)), np.uint8))
    count, groups = cv2.connectedComponents(thick, connectivity=8)
    which = groups[at[:, 1], at[:, 0]]
    return [cells[which == n] for n in range(1, count)]


def _worst(found: dict[int, _Piece], config: PartitionConfig) -> tuple[int, int] | None:
    """Return the two pieces that are least two rooms, (kept, dropped); None where all are."""
    worst, pair = 1.0, None
    for number, piece in found.items():
        for other in piece.borders:
            badness = piece.badness(other, config)
            if badness > worst:
                worst, pair = badness, (other, number)
    return pair


def _merge(
    found: dict[int, _Piece],
    labels: Int32[np.ndarray, "r c"],
    resolution: float,
    kept: int,
    dropped: int,
) -> None:
    """Let one piece take in another, on the plan too."""
    one, other = found[kept], found.pop(dropped)
    top, left, bottom, right = other.box
    part = labels[top:bottom, left:right]
    part[part == dropped] = kept
    one.area += other.area
    one.reach = np.stack(
        (np.minimum(one.reach[0], other.reach[0]), np.maximum(one.reach[1], other.reach[1]))
    )
    low = min(one.box[0], top), min(one.box[1], left)
    high = max(one.box[2], bottom), max(one.box[3], right)
    one.box = (*low, *high)
    inside = labels[low[0] : high[0], low[1] : high[1]] == kept
    one.width = max(one.width, other.width, _width(inside) * resolution)
    for number, opening in other.borders.items():
        if number == kept:
            continue
        one.borders[number] = one.borders.get(number, np.zeros_like(opening)) + opening
        found[number].borders[kept] = one.borders[number]
        del found[number].borders[dropped]
    one.borders.pop(dropped, None)
