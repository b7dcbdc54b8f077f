"""The learning curve of a run: lines of JSON, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


class LearningCurve:
    """Losses and scores of a run, over its steps.

    Args:
        path: File of JSON lines; what it tells of steps after `until` is forgotten.
        until: Step from which a run goes on.
    """

    def __init__(self, path: Path, *, until: int) -> None:
        self._path = path
        self._rows = [row for row in read_curve(path) if row["step"] <= until]
        path.write_text("".join(json.dumps(row) + "\n" for row in self._rows))

    def write(self, step: int, seconds: float, **numbers: float) -> None:
        """Write a line: losses' means since the last one, or scores."""
        row = {"step": step, "seconds": round(seconds, 1)}
        row |= {name: float(f"{number:.4g}") for name, number in numbers.items()}
        self._rows.append(row)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def draw(
        self, path: Path, parts: Sequence[str], scores: Mapping[str, str], *, shown: str
    ) -> None:
        """Draw what was written; see `draw_curve`."""
        draw_curve(self._rows, path, parts, scores, shown=shown)


def read_curve(path: Path) -> list[dict[str, int | float]]:
    """Read the lines of a learning curve; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def draw_curve(
    rows: Sequence[Mapping[str, int | float]],
    path: Path,
    parts: Sequence[str],
    scores: Mapping[str, str],
    *,
    shown: str,
) -> None:
    """Draw losses, and beside them scores, over steps.

    Args:
        rows: Lines of a learning curve.
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
