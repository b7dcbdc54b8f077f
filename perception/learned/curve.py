"""The learning curve of a run: lines of JSON, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

PARTS = ("kinds", "centres", "offsets", "states")
"""Losses of the segmenter that a picture shows."""

SCORES = {
    "miou": "mean IoU of kinds",
    "pixels": "pixels right",
    "state_accuracy": "states right",
}
"""Its scores, and what a picture calls them."""


class LearningCurve:
    """Means of the loss between lines, and scores on validation houses.

    Args:
        path: File of JSON lines; what it tells of steps after `until` is forgotten.
        until: Step from which a run goes on.
    """

    def __init__(self, path: Path, *, until: int) -> None:
        self._path = path
        rows = self._read()
        self._rows = [row for row in rows if row["step"] <= until]
        path.write_text("".join(json.dumps(row) + "\n" for row in self._rows))

    def _read(self) -> list[dict[str, int | float]]:
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines() if line]

    def write(self, step: int, seconds: float, *, rate: float, means: dict[str, float]) -> None:
        """Write a line: the losses' means since the last one."""
        self._append({"step": step, "seconds": round(seconds, 1), "rate": rate, **means})

    def write_validation(self, step: int, seconds: float, scores: dict[str, float]) -> None:
        """Write a line of scores."""
        self._append({"step": step, "seconds": round(seconds, 1), **scores})

    def _append(self, row: dict[str, int | float]) -> None:
        rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
        self._rows.append(rounded)
        with self._path.open("a") as file:
            file.write(json.dumps(rounded) + "\n")

    def draw(
        self, path: Path, parts: Sequence[str] = PARTS, scores: Mapping[str, str] = SCORES
    ) -> None:
        """Draw losses and scores, with the names that the picture gives them, over steps."""
        draw_curve(self._rows, path, parts, scores, shown="validation houses")


def draw_curve(
    rows: Sequence[Mapping[str, int | float]],
    path: Path,
    parts: Sequence[str],
    scores: Mapping[str, str],
    *,
    shown: str,
) -> None:
    """Draw lines of a learning curve: losses, and beside them scores, over steps.

    Args:
        rows: The lines.
        path: The picture.
        parts: Losses.
        scores: Scores, and what the picture calls them.
        shown: What they are scores of.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow, and only for the picture.

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, names in ((left, {part: part for part in parts}), (right, scores)):
        for name, label in names.items():
            told = [row for row in rows if name in row]
            style = ".-" if axes is right else "-"
            axes.plot([r["step"] for r in told], [r[name] for r in told], style, label=label)
        axes.grid(alpha=0.3)
        axes.legend()
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    right.set(xlabel="step", ylabel=shown, ylim=(0, 1))
    figure.savefig(path, dpi=110)
