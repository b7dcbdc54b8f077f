"""Time the memories of two soaks, or of two hours of one, side by side in one process.

Run `python benchmarks/soak_compare.py EARLY LATE [STEPS]` with copies of a soak's folder: both go
on from where they end, in turns, so that other work on the machine slows both alike.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from soak_hour import Hour

SEED, ROOMS, STEPS_AN_HOUR = 3, 5, 2000
SETTLING = 10
"""First steps, which are not counted: caches are cold."""


class Timed(Hour):
    """An hour whose steps are kept instead of told."""

    def __init__(self, folder: Path):
        newest = max(int(file.stem) for file in (folder / "acks").iterdir())
        super().__init__(folder, SEED, ROOMS, newest, STEPS_AN_HOUR)
        self.lines: list[dict[str, Any]] = []

    def step(self) -> None:
        """Go on by one step."""
        self._step()

    def _tell(self, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def summary(self) -> str:
        """Say what a write and each question took of the processor [ms]."""
        kept = self.lines[SETTLING:]
        asked = [line["asked"] for line in kept if "asked" in line]
        written = [line["write"][1] for line in kept]
        cells = [f"write {np.median(written):.2f} (p99 {np.percentile(written, 99):.1f})"]
        kinds = asked[0] if asked else {}
        cells += [f"{key} {np.median([row[key][1] for row in asked]):.3f}" for key in kinds]
        return f"{self.memory.frame} percepts, {len(self.memory)} objects: " + ", ".join(cells)


def main() -> None:
    """Let both go on in turns; print the medians."""
    hours = [Timed(Path(folder)) for folder in sys.argv[1:3]]
    for number in range(int(sys.argv[3]) if len(sys.argv) > 3 else 400):
        for hour in hours if number % 2 else reversed(hours):
            hour.step()
    for hour in hours:
        print(hour.summary())


if __name__ == "__main__":
    main()
