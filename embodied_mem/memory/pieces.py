"""Pieces of a floor plan, and which of them are one room."""

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
    evidence: float = 0.9
    """An opening counts as so much narrower where the wall goes on on both sides, or a door was
    seen."""


_ANGLES = np.arange(4) * np.pi / 4
_DIRECTIONS = np.stack((np.cos(_ANGLES), np.sin(_ANGLES)))
"""Directions along which pieces and openings are measured: along the walls, and between."""
ONE_SIDED, TWO_SIDED = 1, 2
"""Cuts where the wall goes on on one side, and on both sides or where a door was seen."""


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
    scores: dict[int, float] = field(default_factory=dict)
    """What `badness` said of each neighbour, as long as it is true."""

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
    resolution: float,
    config: PartitionConfig,
) -> Int32[np.ndarray, "r c"]:
    """Join pieces where what parts them is no door; number what is left from 1.

    Args:
        pieces: Number of each cell's piece; 0 where a cut runs, and outside the domain.
        domain: Cells of the plan.
        cuts: ONE_SIDED or TWO_SIDED where a gap in a wall was found; 0 elsewhere.
        resolution: Edge of a cell [m].
        config: What is an opening.
    """
    labels = np.where(domain, nearest_label(pieces), 0).astype(np.int32)
    found = _measure(labels, cuts, resolution, config)
    while pair := _worst(found, config):
        _merge(found, labels, resolution, *pair)
    lookup = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    rooms = [number for number, piece in found.items() if piece.area >= config.least_area]
    lookup[rooms] = np.arange(1, len(rooms) + 1)
    return lookup[labels]


def _measure(
    labels: Int32[np.ndarray, "r c"],
    cuts: UInt8[np.ndarray, "r c"],
    resolution: float,
    config: PartitionConfig,
) -> dict[int, _Piece]:
    """Return the pieces, each with its size and its openings to others."""
    count = int(labels.max(initial=0)) + 1
    areas = np.bincount(labels.ravel(), minlength=count) * resolution**2
    boxes = ndimage.find_objects(labels)
    found: dict[int, _Piece] = {}
    reach = _reaches(labels, count) * resolution
    for number in range(1, count):
        rows, columns = boxes[number - 1]
        box = rows.start, columns.start, rows.stop, columns.stop
        width = _width(labels[box[0] : box[2], box[1] : box[3]] == number) * resolution
        found[number] = _Piece(float(areas[number]), width, box, reach[:, number])
    sure = cv2.dilate((cuts == TWO_SIDED).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for (one, other), cells in borders(labels).items():
        openings = np.zeros((2, len(_ANGLES)))
        for stretch in _stretches(cells):
            extent = float(max(np.ptp(stretch, axis=0)) + 1) * resolution
            columns, rows = np.minimum(stretch.astype(int), np.array(labels.shape[::-1]) - 1).T
            weight = config.evidence if sure[rows, columns].mean() > 0.5 else 1.0
            way = int(np.ptp(stretch @ _DIRECTIONS, axis=0).argmax())
            openings[:, way] += extent, extent * weight
        found[one].borders[other] = openings
        found[other].borders[one] = openings
    return found


def _reaches(labels: Int32[np.ndarray, "r c"], count: int) -> Float[np.ndarray, "2 n d"]:
    """Return the lowest and highest coordinate of each piece along each direction [cells]."""
    inner = np.zeros(labels.shape, bool)
    middle = labels[1:-1, 1:-1]
    inner[1:-1, 1:-1] = (middle == labels[:-2, 1:-1]) & (middle == labels[2:, 1:-1])
    inner[1:-1, 1:-1] &= (middle == labels[1:-1, :-2]) & (middle == labels[1:-1, 2:])
    rows, columns = np.nonzero((labels > 0) & ~inner)  # The outline has the extremes.
    numbers = labels[rows, columns]
    order = np.argsort(numbers, kind="stable")
    along = np.stack((columns, rows), axis=1)[order] @ _DIRECTIONS
    present, starts = np.unique(numbers[order], return_index=True)
    found = np.zeros((2, count, len(_ANGLES)))
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
            if other not in piece.scores:
                piece.scores[other] = piece.badness(other, config)
            badness = piece.scores[other]
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
        found[number].scores.pop(dropped, None)
    one.borders.pop(dropped, None)
    one.scores.clear()
    for number in one.borders:
        found[number].scores.pop(kept, None)
