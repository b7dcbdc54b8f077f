"""How well masks agree with the truth: region similarity J and boundary accuracy F.

Definitions by Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation" (CVPR 2016), section 5, with the conventions of the DAVIS evaluation: a boundary pixel
differs from its neighbour to the right, below or both; boundaries match within 0.8% of the
diagonal; two empty masks agree; recall counts frames above one half; decay is the mean of the
first quarter less that of the last.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool

TOLERANCE = 0.008
"""Distance within which boundaries match, as a part of the image's diagonal."""
_BINS = 4
"""Parts of a video that decay compares the first and last of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A measure over the frames of one object."""

    mean: float
    recall: float
    """Share of frames above one half."""
    decay: float
    """Mean of the first quarter less that of the last; negative where it grows better."""


def region_similarity(found: Bool[np.ndarray, "h w"], truth: Bool[np.ndarray, "h w"]) -> float:
    """Return J, intersection over union, 0..1; two empty masks give 1."""
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def boundary_accuracy(
    found: Bool[np.ndarray, "h w"],
    truth: Bool[np.ndarray, "h w"],
    *,
    tolerance: float | None = None,
) -> float:
    """Return F, the harmonic mean of the boundary's precision and recall, 0..1.

    Args:
        found: The mask that is judged.
        truth: What it should be.
        tolerance: Farthest that boundaries which match lie apart [px]; 0.8% of the diagonal,
            rounded up, when None.

    Returns:
        1 where neither has a boundary, 0 where only one has.
    """
    rounded_up = float(math.ceil(TOLERANCE * math.hypot(*truth.shape)))
    reach = rounded_up if tolerance is None else tolerance
    edges_found, edges_true = boundary(found), boundary(truth)
    some_found, some_true = edges_found.any(), edges_true.any()
    if not some_found or not some_true:
        return float(some_found == some_true)
    precision = np.mean(_within(edges_true, reach)[edges_found])
    recall = np.mean(_within(edges_found, reach)[edges_true])
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def boundary(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the pixels that differ from the one to the right, below, or right below."""
    wider = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask != wider[:-1, 1:]) | (mask != wider[1:, :-1]) | (mask != wider[1:, 1:])


def _within(edges: Bool[np.ndarray, "h w"], reach: float) -> Bool[np.ndarray, "h w"]:
    """Return the pixels that lie at most so far from an edge: its dilation by a disk."""
    distance = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= reach + 1e-3  # Squares of distances are whole: nothing lies in between.


def statistics(series: Sequence[float]) -> Statistics:
    """Return mean, recall and decay of a measure over frames.

    Quarters share the frames at which they meet, as in the DAVIS evaluation.

    Raises:
        ValueError: There are no frames.
    """
    if not len(series):
        raise ValueError("statistics need at least one frame.")
    values = np.asarray(series, np.float64)
    edges = np.floor(np.linspace(1, len(values), _BINS + 1) + 0.5).astype(int) - 1
    first, last = values[edges[0] : edges[1] + 1], values[edges[-2] : edges[-1] + 1]
    return Statistics(
        mean=float(values.mean()),
        recall=float(np.mean(values > 0.5)),
        decay=float(first.mean() - last.mean()),
    )
