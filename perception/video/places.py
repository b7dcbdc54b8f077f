"""Places of a video: what looks alike is one place."""

import numpy as np
from jaxtyping import Float32

from embodied_mem.config import Config
from embodied_mem.memory.events.records import PlaceRow


class PlacesConfig(Config, frozen=True):
    """When two looks are of one place."""

    alike: float = 0.985
    """Least cosine of looks."""
    capacity: int = 512
    """Most places; afterwards the most alike is taken."""


class Places:
    """Assigns looks to places; the first look of a new one founds it."""

    def __init__(self, video: int, config: PlacesConfig, known: list[PlaceRow]):
        self.video, self.config = video, config
        self._rows = list(known)

    def __call__(self, vector: Float32[np.ndarray, "d"]) -> PlaceRow:
        """Return the place that looks so, a little changed by this look."""
        same = [row for row in self._rows if len(row.vector) == len(vector)]
        alike = [float(row.vector.astype(np.float32) @ vector) for row in same]
        best = int(np.argmax(alike)) if alike else -1
        full = len(self._rows) >= self.config.capacity
        if best < 0 or (alike[best] < self.config.alike and not full):
            row = PlaceRow(
                id=len(self._rows) + 1, video=self.video, seen=1, vector=vector.astype(np.float16)
            )
            self._rows.append(row)
            return row
        row = same[best]
        mean = row.vector.astype(np.float32) * row.seen + vector
        row.seen += 1
        row.vector = (mean / np.linalg.norm(mean)).astype(np.float16)
        return row
