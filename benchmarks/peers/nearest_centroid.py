"""The simplest associator: the nearest known object of the same label."""

import numpy as np

from embodied_mem.runtime.change_scoring import Belief
from embodied_mem.types import Percept


class NearestCentroid:
    """Takes a detection for the nearest object of its label within a reach, else for a new one.

    Args:
        reach: Farthest distance of the two middles [m].
    """

    def __init__(self, reach: float = 0.5) -> None:
        self.reach = reach
        self.labels: list[str] = []
        self.centers: list[np.ndarray] = []
        self.counts: list[int] = []
        self.boxes: list[np.ndarray] = []

    def write(self, percept: Percept) -> tuple[str, ...]:
        """Take in a percept, and return the object of each detection."""
        ids = [""] * len(percept)
        taken: set[int] = set()
        known = len(self.labels)
        gaps = [
            (float(np.linalg.norm(self.centers[k] - box.mean(axis=0))), i, k)
            for i, (label, box) in enumerate(zip(percept.labels, percept.boxes, strict=True))
            for k in range(known)
            if self.labels[k] == label and np.isfinite(box).all()
        ]
        for gap, i, k in sorted(gaps):
            if gap <= self.reach and not ids[i] and k not in taken:
                taken.add(k)
                self._see(k, percept.boxes[i])
                ids[i] = f"n{k}"
        for i, box in enumerate(percept.boxes):
            if not ids[i] and np.isfinite(box).all():
                ids[i] = f"n{len(self.labels)}"
                self.labels.append(percept.labels[i])
                self.centers.append(box.mean(axis=0))
                self.counts.append(1)
                self.boxes.append(box.copy())
        return tuple(ids)

    def beliefs(self) -> list[Belief]:
        """Return all objects, those seen once as doubtful; none is ever gone."""
        return [
            Belief(object_id=f"n{k}", label=label, box=box, confidence=float(self.counts[k] > 1))
            for k, (label, box) in enumerate(zip(self.labels, self.boxes, strict=True))
        ]

    def resolve(self, object_id: str) -> str:
        """Return what an id is called now."""
        return object_id

    def _see(self, k: int, box: np.ndarray) -> None:
        self.counts[k] += 1
        self.centers[k] = self.centers[k] + (box.mean(axis=0) - self.centers[k]) / self.counts[k]
        half = (self.boxes[k][1] - self.boxes[k][0]) / 2
        half = np.maximum(half, (box[1] - box[0]) / 2)
        self.boxes[k] = np.stack((self.centers[k] - half, self.centers[k] + half))
