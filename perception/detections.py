"""What a detector hands on: masks with labels, not yet described or placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.types import Attributes, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """n things found in one image."""

    masks: Bool[np.ndarray, "n h w"]
    labels: tuple[str, ...]
    """Best label of each."""
    scores: Float[np.ndarray, "n"]
    """Confidence of that label, 0..1."""
    attributes: tuple[Attributes, ...]
    """States seen on each."""
    source_ids: tuple[str, ...] | None = None
    """The simulator's ids, for scoring alone."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int]) -> "Detections":
        """Return the detections at `rows`, in that order; a row may be named twice."""
        chosen = list(rows)
        return Detections(
            masks=self.masks[chosen],
            labels=tuple(self.labels[i] for i in chosen),
            scores=self.scores[chosen],
            attributes=tuple(self.attributes[i] for i in chosen),
            source_ids=self.source_ids and tuple(self.source_ids[i] for i in chosen),
        )


@runtime_checkable
class Detector(Protocol):
    """Finds things in an image."""

    def __call__(self, frame: Frame) -> Detections:
        """Find the things in one frame."""
        ...
