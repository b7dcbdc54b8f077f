"""How well rooms found on a floor plan agree with the true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, Int64
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomScore:
    """Agreement of found and true rooms on one plan; all but the counts lie in 0..1."""

    true_rooms: int
    """True rooms of which enough was seen."""
    found_rooms: int
    """Found rooms of the least area and more."""
    precision: float
    """Found rooms that are a true one (intersection over union at least a half, one to one)."""
    recall: float
    """True rooms that were found so."""
    f1: float
    """Harmonic mean of the two."""
    purity: float
    """Mean over found rooms of the largest share in one true room (Hydra's room precision)."""
    coverage: float
    """Mean over true rooms of the largest share in one found room (Hydra's room recall)."""
    iou: float
    """Mean intersection over union of the true rooms with their partners; 0 for those without."""
    v_measure: float
    """Harmonic mean of homogeneity and completeness over the cells."""
    rand: float
    """Adjusted Rand index over the cells; may fall below 0."""
    category: float
    """Share of the true rooms whose partner has the same category; 0 for those without."""


def true_labels(
    polygons: Sequence[Float[np.ndarray, "k 2"]],
    origin: Float[np.ndarray, "2"],
    resolution: float,
    shape: tuple[int, int],
) -> Int32[np.ndarray, "r c"]:
    """Draw true rooms on a grid: 1 for the first polygon, and so on; 0 outside of all.

    Args:
        polygons: Floors in the world [m].
        origin: World position of the lower corner of cell (0, 0) [m].
        resolution: Edge of a cell [m].
        shape: Rows (along y) and columns (along x) [cells].
    """
    labels = np.zeros(shape, np.int32)
    fraction = 8  # Bits below the cell in OpenCV's fixed-point corners.
    for number, polygon in enumerate(polygons, start=1):
        cells = (np.asarray(polygon) - origin) / resolution - 0.5
        corners = np.round(cells * 2**fraction).astype(np.int32)
        cv2.fillPoly(labels, [corners], number, shift=fraction)
    return labels


def score_rooms(
    found: Int32[np.ndarray, "r c"],
    true: Int32[np.ndarray, "r c"],
    seen: Bool[np.ndarray, "r c"],
    *,
    found_categories: Mapping[int, str] | None = None,
    true_categories: Mapping[int, str] | None = None,
    least_seen: float = 0.3,
    least_cells: int = 200,
) -> RoomScore:
    """Compare two partitions of a floor plan.

    Args:
        found: Number of the found room of each cell; 0 for none.
        true: Number of the true room of each cell; 0 for none.
        seen: Cells of which anything is known; only they count.
        found_categories: Category of each found room.
        true_categories: Category of each true room.
        least_seen: True rooms of which a smaller share was seen do not count.
        least_cells: Smaller found rooms do not count as found, nor as false [cells].
    """
    table = _overlaps(np.where(seen, found, 0), np.where(seen, true, 0))
    whole = np.bincount(true.ravel(), minlength=table.shape[1])[: table.shape[1]]
    share = table.sum(axis=0) / np.maximum(whole, 1)
    trues = [n for n in range(1, table.shape[1]) if whole[n] and share[n] >= least_seen]
    founds = [n for n in range(1, table.shape[0]) if table[n].sum() >= least_cells]
    pairs = table[np.ix_(founds, trues)].astype(float)
    sizes = table.sum(axis=1)[founds].astype(float), table.sum(axis=0)[trues].astype(float)
    union = sizes[0][:, None] + sizes[1] - pairs
    iou = pairs / np.maximum(union, 1)
    rows, columns = linear_sum_assignment(-iou)
    matched = iou[rows, columns]
    right = int(np.count_nonzero(matched >= 0.5))
    precision, recall = right / max(len(founds), 1), right / max(len(trues), 1)
    same = sum(
        overlap > 0 and _category(found_categories, founds[r]) == (true_categories or {})[trues[c]]
        for r, c, overlap in zip(rows, columns, matched, strict=True)
        if true_categories and trues[c] in true_categories
    )
    inner = table[1:, 1:]
    return RoomScore(
        true_rooms=len(trues),
        found_rooms=len(founds),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / max(precision + recall, 1e-12),
        purity=_mean(pairs.max(axis=1, initial=0) / np.maximum(sizes[0], 1)),
        coverage=_mean(pairs.max(axis=0, initial=0) / np.maximum(sizes[1], 1)),
        iou=float(matched.sum()) / max(len(trues), 1),
        v_measure=v_measure(inner),
        rand=adjusted_rand(inner),
        category=same / max(len(trues), 1),
    )


def v_measure(table: Int64[np.ndarray, "f t"]) -> float:
    """Harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg 2007, eq. 1-3).

    Args:
        table: Cells in found room f and true room t.
    """
    total = table.sum()
    if not total:
        return 0.0
    joint = table / total
    found, true = joint.sum(axis=1), joint.sum(axis=0)
    h_found, h_true, h_joint = _entropy(found), _entropy(true), _entropy(joint.ravel())
    shared = h_found + h_true - h_joint
    homogeneity = shared / h_true if h_true > 1e-12 else 1.0
    completeness = shared / h_found if h_found > 1e-12 else 1.0
    return 2 * homogeneity * completeness / max(homogeneity + completeness, 1e-12)


def adjusted_rand(table: Int64[np.ndarray, "f t"]) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985, eq. 5).

    Args:
        table: Cells in found room f and true room t.
    """

    def pairs(counts: np.ndarray) -> float:
        counts = counts.astype(float)
        return float((counts * (counts - 1) / 2).sum())

    total = float(table.sum())
    if total < 2:
        return 0.0
    index, found, true = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = found * true / (total * (total - 1) / 2)
    most = (found + true) / 2
    return 1.0 if most == expected else (index - expected) / (most - expected)


def _overlaps(
    found: Int32[np.ndarray, "r c"], true: Int32[np.ndarray, "r c"]
) -> Int64[np.ndarray, "f t"]:
    """Count the cells in each pair of rooms, 0 included."""
    columns = int(true.max(initial=0)) + 1
    rows = int(found.max(initial=0)) + 1
    flat = found.astype(np.int64).ravel() * columns + true.ravel()
    return np.bincount(flat, minlength=rows * columns).reshape(rows, columns)


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _category(categories: Mapping[int, str] | None, number: int) -> str:
    return (categories or {}).get(number, "")
