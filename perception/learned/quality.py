"""How good detections are, against the truth: panoptic quality, IoU of kinds, states.

Panoptic quality: Kirillov et al., arXiv:1801.00868. A detection is right when it has the label of
a true thing and overlaps it by an intersection over union of more than a half; there is at most one
such thing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int64

from embodied_mem.types import Truth
from perception.detections import Detections

MATCH = 0.5
"""Overlap above which a detection is of a thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScore:
    """Scores of one label over many frames."""

    things: int
    """True things of enough pixels."""
    pq: float
    """Panoptic quality: that of segmentation times that of recognition."""
    sq: float
    """Mean overlap of what was found; 0 where nothing was."""
    recall: float
    precision: float
    iou: float
    """Intersection over union of all its pixels."""


@dataclass(slots=True)
class PanopticTally:
    """Adds up frames.

    Args:
        min_pixels: True things of fewer pixels are neither missed nor wrongly found [px].
    """

    min_pixels: int = 16
    hits: Counter[str] = field(default_factory=Counter)
    overlap: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    common: Counter[str] = field(default_factory=Counter)
    """Pixels that have the label in truth and detection."""
    either: Counter[str] = field(default_factory=Counter)
    """Pixels that have it in one of them."""
    found_anyhow: Counter[str] = field(default_factory=Counter)
    """True things that a detection overlaps, whatever its label."""
    states: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """By state and whether it was told rightly, over hits that tell it."""
    untold: Counter[str] = field(default_factory=Counter)
    """States of hits that were not told."""

    def add(self, truth: Truth, found: Detections) -> None:
        """Add one frame."""
        numbers = [n for n in truth.instances if (truth.ids == n).any()]
        labels = [truth.instances[n].label for n in numbers]
        true_masks = np.stack([truth.ids == n for n in numbers]) if numbers else _none(truth)
        shared, true_area, found_area = overlaps(true_masks, found.masks)
        union = true_area[:, None] + found_area[None] - shared
        iou = shared / np.maximum(union, 1)
        small = true_area < self.min_pixels
        matched: dict[int, int] = {}
        for i, j in np.argwhere(iou > MATCH).tolist():
            self.found_anyhow[labels[i]] += int(not small[i])
            if labels[i] == found.labels[j]:
                matched[j] = i
        self._count(labels, small, iou, shared, found, matched, found_area)
        self._count_pixels(labels, true_area, found.labels, found_area, shared)
        for j, i in matched.items():
            self._count_states(truth.instances[numbers[i]].attributes, found.attributes[j])

    def _count(
        self,
        labels: list[str],
        small: np.ndarray,
        iou: Float[np.ndarray, "t n"],
        shared: Int64[np.ndarray, "t n"],
        found: Detections,
        matched: Mapping[int, int],
        found_area: Int64[np.ndarray, "n"],
    ) -> None:
        hit = set(matched.values())
        for i, label in enumerate(labels):
            if small[i]:
                continue
            if i in hit:
                self.hits[label] += 1
            else:
                self.missed[label] += 1
        for j, i in matched.items():
            if not small[i]:
                self.overlap[labels[i]] += float(iou[i, j])  # pyright: ignore
        for j, label in enumerate(found.labels):
            on_small = small.any() and shared[small, j].sum() > found_area[j] / 2
            if j not in matched and not on_small:
                self.false[label] += 1

    def _count_pixels(
        self,
        labels: list[str],
        true_area: Int64[np.ndarray, "t"],
        found_labels: tuple[str, ...],
        found_area: Int64[np.ndarray, "n"],
        shared: Int64[np.ndarray, "t n"],
    ) -> None:
        for label, area in (*zip(labels, true_area, strict=True),
                            *zip(found_labels, found_area, strict=True)):  # fmt: skip
            self.either[label] += int(area)
        for i, j in np.argwhere(shared > 0).tolist():
            if labels[i] == found_labels[j]:
                self.common[labels[i]] += int(shared[i, j])
                self.either[labels[i]] -= int(shared[i, j])

    def _count_states(self, true: Mapping[str, object], told: Mapping[str, object]) -> None:
        for name, value in true.items():
            if name in told:
                self.states[name, told[name] == value] += 1
            else:
                self.untold[name] += 1

    def kinds(self) -> dict[str, KindScore]:
        """Scores of every label that is true of a thing somewhere."""
        return {label: self._score(label) for label in sorted(set(self.hits) | set(self.missed))}

    def _score(self, label: str) -> KindScore:
        hits, false, missed = self.hits[label], self.false[label], self.missed[label]
        weight = hits + false / 2 + missed / 2
        return KindScore(
            things=hits + missed,
            pq=self.overlap[label] / weight,
            sq=self.overlap[label] / max(hits, 1),
            recall=hits / (hits + missed),
            precision=hits / max(hits + false, 1),
            iou=self.common[label] / max(self.either[label], 1),
        )


def overlaps(
    true: np.ndarray, found: np.ndarray
) -> tuple[Int64[np.ndarray, "t n"], Int64[np.ndarray, "t"], Int64[np.ndarray, "n"]]:
    """Shared pixels of each true and each found mask, and the areas of both [px].

    Masks are (t, h, w) and (n, h, w), true where the thing is.
    """
    size = int(np.prod(found.shape[1:]))
    a = true.reshape(len(true), size).astype(np.float32)
    b = found.reshape(len(found), size).astype(np.float32)
    return (
        (a @ b.T).astype(np.int64),
        a.sum(axis=1).astype(np.int64),
        b.sum(axis=1).astype(np.int64),
    )


def _none(truth: Truth) -> np.ndarray:
    return np.zeros((0, *truth.ids.shape), bool)
