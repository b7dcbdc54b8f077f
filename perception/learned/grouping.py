"""Maps to things: which cells belong together, what each thing is, and its mask at full size.

Cells vote for the middle of their thing (Panoptic-DeepLab, arXiv:1911.10194); those of one kind
that no middle claims are parted where depth steps. Masks grow to full size along depth and colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Int64, UInt8
from scipy.ndimage import maximum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from perception.learned.config import GroupingConfig
from perception.learned.strides import COARSE, FINE, REACH


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """n things in an image, at every second pixel."""

    cells: Int32[np.ndarray, "h w"]
    """Number of the thing of each cell, from 1; 0 for none."""
    kinds: Int64[np.ndarray, "n"]
    """Kind of each thing, from 1."""
    scores: Float[np.ndarray, "n"]
    """Mean probability of that kind over its cells."""


def group(
    kinds: Int64[np.ndarray, "h w"],
    chances: Float32[np.ndarray, "h w"],
    centres: Float32[np.ndarray, "y x"],
    offsets: Float32[np.ndarray, "2 y x"],
    depth: Float32[np.ndarray, "h w"],
    config: GroupingConfig,
) -> Groups:
    """Part cells into things.

    Args:
        kinds: Most likely kind of each cell; 0 is background.
        chances: Its probability.
        centres: Score of being a middle, 0..1.
        offsets: Way down and right to the middle [`REACH` px].
        depth: At the fine cells [m]; 0 where unknown.
        config: How.
    """
    things = kinds > 0
    if not things.any():
        empty = np.zeros(0)
        return Groups(
            cells=np.zeros(kinds.shape, np.int32), kinds=empty.astype(np.int64), scores=empty
        )
    surfaces = connected_surfaces(kinds, depth, config)[things]
    claims = claimed(find_centres(centres, config), offsets, things, config)
    claims = _without_fragments(surfaces, claims, config.fragment)
    # Unclaimed surfaces are things of their own; what one middle claims of one kind is one thing.
    kind = kinds[things]
    key = np.where(claims >= 0, claims * (int(kind.max()) + 1) + kind, -1 - surfaces)
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    cells = np.zeros(kinds.shape, np.int32)
    cells[things] = number + 1
    sums = np.bincount(number, weights=chances[things])
    return Groups(
        cells=cells, kinds=kind[first], scores=np.minimum(sums / np.bincount(number), 1.0)
    )


def connected_surfaces(
    kinds: Int64[np.ndarray, "h w"], depth: Float32[np.ndarray, "h w"], config: GroupingConfig
) -> Int64[np.ndarray, "h w"]:
    """Number the connected cells of one kind between which depth does not step."""
    index = np.arange(kinds.size).reshape(kinds.shape)
    ends = []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        known = (depth[a] > 0) & (depth[b] > 0)
        limit = config.step + config.step_slope * np.minimum(depth[a], depth[b])
        joined = (kinds[a] == kinds[b]) & ~(known & (np.abs(depth[a] - depth[b]) > limit))
        ends.append((index[a][joined], index[b][joined]))
    rows, columns = (np.concatenate(side) for side in zip(*ends, strict=True))
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(kinds.size,) * 2)
    _, numbers = connected_components(graph, directed=False)
    return numbers.astype(np.int64).reshape(kinds.shape)


def find_centres(
    centres: Float32[np.ndarray, "y x"], config: GroupingConfig
) -> Float32[np.ndarray, "n 2"]:
    """Rows and columns of the highest scores within 5x5 cells, the best first [px]."""
    peaks = (centres == maximum_filter(centres, size=5)) & (centres >= config.centre_score)
    places = np.argwhere(peaks)
    order = np.argsort(-centres[peaks], kind="stable")[: config.most_centres]
    return (places[order] * COARSE).astype(np.float32)


def claimed(
    centres: Float32[np.ndarray, "n 2"],
    offsets: Float32[np.ndarray, "2 y x"],
    things: Bool[np.ndarray, "h w"],
    config: GroupingConfig,
) -> Int64[np.ndarray, "c"]:
    """Number of the middle that each cell of a thing votes for; -1 where its vote hits none."""
    rows, columns = np.nonzero(things)
    if not len(centres):
        return np.full(len(rows), -1, np.int64)
    height, width = things.shape
    full = cv2.resize(
        offsets.transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_LINEAR
    )  # (h, w, 2)
    votes = full[rows, columns] * REACH
    votes[:, 0] += rows * FINE
    votes[:, 1] += columns * FINE
    distance, nearest = KDTree(centres).query(votes, distance_upper_bound=config.claim)
    return np.where(np.isfinite(distance), nearest, -1).astype(np.int64)


def _without_fragments(
    surfaces: Int64[np.ndarray, "c"], claims: Int64[np.ndarray, "c"], fragment: float
) -> Int64[np.ndarray, "c"]:
    """Let the main middle of each surface claim what small parts of it voted elsewhere for."""
    _, surface = np.unique(surfaces, return_inverse=True)
    width = int(claims.max()) + 2
    shares = np.zeros((int(surface.max()) + 1, width))  # Column 0: no middle.
    np.add.at(shares, (surface, claims + 1), 1)
    totals = shares.sum(axis=1, keepdims=True)
    main = shares[:, 1:].argmax(axis=1) if width > 1 else np.zeros(len(shares), np.int64)
    has_main = (shares[:, 1:] >= fragment * totals).any(axis=1) if width > 1 else main > 0
    minor = shares < fragment * totals
    minor[:, 0] = True  # A vote that hits nothing follows its surface.
    moved = minor[surface, claims + 1] & has_main[surface]
    return np.where(moved, main[surface], claims)


def full_size(
    cells: Int32[np.ndarray, "y x"],
    depth: Float32[np.ndarray, "h w"],
    rgb: UInt8[np.ndarray, "h w 3"],
) -> Int32[np.ndarray, "h w"]:
    """Give each pixel the number of that neighbouring cell that it looks most like.

    Cells are every second pixel; a pixel between them compares depth (5 cm count as much as 32
    levels of colour) with the cells around it.

    Args:
        cells: Number of each cell.
        depth: Of each pixel [m]; 0 where unknown.
        rgb: Colour of each pixel.
    """
    height, width = depth.shape
    padded = np.pad(cells, ((0, 1), (0, 1)), mode="edge")
    out = np.empty((height, width), np.int32)
    out[::FINE, ::FINE] = cells  # A cell's own pixel.
    for down, right in ((0, 1), (1, 0), (1, 1)):
        part = out[down::FINE, right::FINE]
        h, w = part.shape
        corners = [(i, j) for i in range(down + 1) for j in range(right + 1)]
        around = np.stack([padded[i : i + h, j : j + w] for i, j in corners])
        part[:] = around[0]
        rows, columns = np.nonzero((around != around[0]).any(axis=0))  # Few: at edges alone.
        at = rows * FINE + down, columns * FINE + right
        costs = [
            _unlike(rgb, depth, at, (np.minimum(rows + i, len(cells) - 1) * FINE,
                                     np.minimum(columns + j, cells.shape[1] - 1) * FINE))
            for i, j in corners
        ]  # fmt: skip
        part[rows, columns] = around[np.argmin(costs, axis=0), rows, columns]
    return out


_Places = tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]


def _unlike(
    rgb: UInt8[np.ndarray, "h w 3"], depth: Float32[np.ndarray, "h w"], one: _Places, other: _Places
) -> Float32[np.ndarray, "n"]:
    """How much pixels differ from others, given by rows and columns: 1 for 5 cm, or 32 levels."""
    colours = np.abs(rgb[one].astype(np.float32) - rgb[other]).sum(axis=1)
    return colours / 32 + np.abs(depth[one] - depth[other]) / np.float32(0.05)


def pooled(
    maps: Float32[np.ndarray, "s h w"], cells: Int32[np.ndarray, "h w"], count: int
) -> Float[np.ndarray, "n s"]:
    """Mean of each map over each thing's cells."""
    flat = cells.reshape(-1)
    area = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    sums = [np.bincount(flat, weights=one.reshape(-1), minlength=count + 1) for one in maps]
    return (np.stack(sums, axis=1) / area[:, None])[1:]
