"""Parts a floor plan into rooms where its walls leave openings no wider than doors.

Three steps. Openings are found as gaps in lines of wall (whatever the house's orientation) and as
narrow necks of the free space. All of them at once cut the plan into too many pieces. Pieces are
then joined again wherever an opening is no door: wider than one, or about as wide as the piece
behind it, which is then an alcove, or too small to be a room.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

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
    alcove: float = 0.8
    """A piece is one room with its neighbour where the opening between them is wider than this
    share of the widest circle in the piece."""


def part(
    domain: Bool[np.ndarray, "r c"],
    wall: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig | None = None,
) -> Int32[np.ndarray, "r c"]:
    """Part a region into rooms.

    Args:
        domain: Cells within walls: known, and not wall.
        wall: Cells where something stands at the height of eyes.
        resolution: Edge of a cell [m].
        config: What is an opening.

    Returns:
        Room number per cell from 1; 0 outside the domain.
    """
    config = config or PartitionConfig()
    cuts = openings(wall, domain, resolution, config)
    pieces = _pieces(domain & ~cuts, resolution, config)
    return join(pieces, domain, resolution, config)


def openings(
    wall: Bool[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> Bool[np.ndarray, "r c"]:
    """Return lines of cells that close the gaps in lines of wall."""
    angle = wall_angle(wall)
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
    thick = cv2.dilate(turned[0], np.ones((2, 2), np.uint8))  # Turning leaves pinholes.
    cuts = _gaps(thick > 0, turned[1] > 0, resolution, config).astype(np.uint8)
    inverse = cv2.invertAffineTransform(turn)
    thick = cv2.dilate(cuts, np.ones((2, 2), np.uint8))
    back = cv2.warpAffine(thick, inverse, (columns, rows), flags=cv2.INTER_NEAREST)
    return (np.asarray(back) > 0) & domain


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
) -> Bool[np.ndarray, "r c"]:
    """Return the gaps in walls that run along the rows and along the columns of a grid."""
    along = _row_gaps(wall, domain, resolution, config)
    across = _row_gaps(wall.T, domain.T, resolution, config).T
    return along | across


def _row_gaps(
    wall: Bool[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> Bool[np.ndarray, "r c"]:
    """Return one row of cells for each gap in walls along rows.

    A gap is a run of cells without wall; on one side at least the wall goes on along the row.
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
    line = np.asarray(lines) > 0
    left, right = line[rows, starts - 1], line[rows, np.minimum(ends, wall.shape[1] - 1)]
    inside = np.concatenate(
        (np.zeros((len(domain), 1), np.int64), np.cumsum(domain, axis=1, dtype=np.int64)), axis=1
    )
    known = inside[rows, ends] - inside[rows, starts]
    keep = (left | right) & (known >= 0.6 * (ends - starts))
    runs = list(zip(rows[keep].tolist(), starts[keep].tolist(), ends[keep].tolist(), strict=True))
    for row, start, end in runs:
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
    found: UInt8[np.ndarray, "r c"], runs: list[tuple[int, int, int]]
) -> Bool[np.ndarray, "r c"]:
    """Of gaps one above the other keep the narrowest, the middle one among equals."""
    _, groups = cv2.connectedComponents(found, connectivity=4)
    best: dict[int, list[tuple[int, int, int]]] = {}
    for row, start, end in runs:
        best.setdefault(int(groups[row, start]), []).append((row, start, end))
    kept = np.zeros(found.shape, bool)
    for group in best.values():
        least = min(end - start for _, start, end in group)
        near = [run for run in group if run[2] - run[1] <= least + 2]
        row, start, end = near[len(near) // 2]
        kept[row, start:end] = True
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
    borders: dict[int, float]
    """Width of the opening to each neighbour [m]."""


def join(
    pieces: Int32[np.ndarray, "r c"],
    domain: Bool[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> Int32[np.ndarray, "r c"]:
    """Join pieces where what parts them is no door; number what is left from 1."""
    labels = np.where(domain, nearest_label(pieces), 0).astype(np.int32)
    found = _measure(labels, resolution)
    root = {number: number for number in found}
    while pair := _worst(found, config):
        kept, dropped = pair
        _merge(found, kept, dropped)
        root = {number: kept if at == dropped else at for number, at in root.items()}
    lookup = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    rooms = [number for number, piece in found.items() if piece.area >= config.least_area]
    numbers = {number: index for index, number in enumerate(rooms, start=1)}
    for number, at in root.items():
        lookup[number] = numbers.get(at, 0)
    return lookup[labels]


def _measure(labels: Int32[np.ndarray, "r c"], resolution: float) -> dict[int, _Piece]:
    """Return the pieces, each with its size and its openings to others."""
    count = int(labels.max(initial=0)) + 1
    areas = np.bincount(labels.ravel(), minlength=count) * resolution**2
    widths = _widths(labels, count) * resolution
    found = {
        number: _Piece(float(areas[number]), float(widths[number]), {})
        for number in range(1, count)
        if areas[number] > 0
    }
    for (one, other), size in border_lengths(labels, resolution).items():
        found[one].borders[other] = size
        found[other].borders[one] = size
    return found


def _widths(labels: Int32[np.ndarray, "r c"], count: int) -> Float[np.ndarray, "k"]:
    """Return the diameter of the widest circle in each piece [cells]."""
    edge = np.zeros(labels.shape, bool)
    for a, b, one, other in (
        (labels[:, :-1], labels[:, 1:], np.s_[:, :-1], np.s_[:, 1:]),
        (labels[:-1], labels[1:], np.s_[:-1], np.s_[1:]),
    ):
        differ = a != b
        edge[one] |= differ
        edge[other] |= differ
    inner = np.pad(((labels > 0) & ~edge).astype(np.uint8), 1)
    distance = cv2.distanceTransform(inner, cv2.DIST_L2, 5)[1:-1, 1:-1]
    widest = np.zeros(count, np.float32)
    np.maximum.at(widest, labels.ravel(), distance.ravel())
    return 2 * widest.astype(np.float64) + 1


def border_lengths(
    labels: Int32[np.ndarray, "r c"], resolution: float
) -> dict[tuple[int, int], float]:
    """Return for each two labels that touch the extent of their common border [m].

    The extent is the longer side of the border's box, summed over the separate borders of a pair.
    """
    codes, spots = border_cells(labels)
    found: dict[tuple[int, int], float] = {}
    for code in np.unique(codes).tolist():
        cells = spots[codes == code]
        found[code >> 32, code & 0xFFFFFFFF] = sum(
            float(max(np.ptp(part, axis=0)) + 1) * resolution for part in _stretches(cells)
        )
    return found


def border_cells(labels: Int32[np.ndarray, "r c"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the borders between labels: a code for the pair (low << 32 | high), and (x, y)."""
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
    return np.concatenate(codes), np.concatenate(spots)


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
        for other, opening in piece.borders.items():
            size = max(piece.width, 1e-9)
            badness = max(opening / (config.alcove * size), opening / config.opening)
            if piece.area < config.min_area:
                badness = max(badness, 1e3 * opening / piece.area)
            if badness > worst:
                worst, pair = badness, (other, number)
    return pair


def _merge(found: dict[int, _Piece], kept: int, dropped: int) -> None:
    """Let one piece take in another."""
    one, other = found[kept], found.pop(dropped)
    one.area += other.area
    one.width = max(one.width, other.width)
    for number, opening in other.borders.items():
        if number == kept:
            continue
        one.borders[number] = one.borders.get(number, 0.0) + opening
        found[number].borders[kept] = one.borders[number]
        del found[number].borders[dropped]
    one.borders.pop(dropped, None)
