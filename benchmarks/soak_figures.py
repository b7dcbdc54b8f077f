"""What a soak came to: growth per hour of each curve, a verdict, and a picture of all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

WARM_UP = 4
"""The hour from which growth is fitted: before, the memory learns the house and fills up."""
FLAT = 0.01
"""Growth per hour by the mean, at which a curve counts as flat."""

TIMED = ("write", "record", "find", "near", "since", "where", "describe", "search", "open")
JUDGED = (
    ("size_mib", "store [MiB]"),
    ("rss_mib", "process [MiB]"),
    ("known", "objects known"),
    *((f"{name}_cpu", f"{name}, CPU [ms]") for name in TIMED),
    *((f"{name}_median", f"{name}, wall [ms]") for name in TIMED),
)
"""Curves that shall be flat. Other work on the machine shows in times on the wall."""

PANELS = (
    ("on disk and in RAM [MiB]", ("size_mib", "rss_mib")),
    ("write [ms]", ("write_median", "write_p99", "write_cpu", "record_median")),
    ("questions, CPU [ms]", ("describe_cpu", "search_cpu")),
    ("questions, CPU [ms]", ("find_cpu", "near_cpu", "since_cpu", "where_cpu")),
    ("objects", ("known", "gone", "believed", "true")),
    ("share", ("located", "false")),
    ("open after kill -9 [ms]", ("open_median", "open_cpu")),
    ("rows", ("rows_sightings", "rows_frames", "rows_actions")),
)


def growth(rows: Sequence[dict[str, Any]], key: str) -> tuple[float, float] | None:
    """Fit a line from the warm-up on: growth per hour by the mean, and its standard error.

    Returns:
        None where fewer than three hours are left.
    """
    late = [row for row in rows if row["hour"] >= WARM_UP]
    if len(late) < 3:
        return None
    hours = np.array([row["hour"] for row in late], dtype=float)
    values = np.array([row[key] for row in late], dtype=float)
    away = hours - hours.mean()
    slope = float(away @ values / (away @ away))
    rest = values - values.mean() - slope * away
    error = float(np.sqrt(rest @ rest / (len(late) - 2) / (away @ away)))
    mean = max(abs(float(values.mean())), 1e-9)
    return slope / mean, error / mean


def verdict(rows: Sequence[dict[str, Any]]) -> str:
    """Say for each curve how it grew, and what was lost."""
    lines = [
        f"{len(rows)} hours, {sum(row['steps'] for row in rows)} writes, {len(rows)} kills; "
        f"acknowledged writes lost: {sum(row['lost'] for row in rows)}; "
        f"stores unlike what was acknowledged: {sum(not row['same'] for row in rows)}; "
        f"orphan files: {max(row['orphans'] for row in rows)}; "
        f"located {rows[-1]['located']:.3f}, false {rows[-1]['false']:.3f} in the last hour",
        f"growth per hour from hour {WARM_UP} on, by the mean (flat: at most {FLAT:.0%})",
    ]
    for key, name in JUDGED:
        found = growth(rows, key)
        if found is None:
            lines.append(f"  {name:26} too few hours to tell")
            continue
        slope, error = found
        word = "flat" if slope <= FLAT else "GROWS"
        ends = rows[min(WARM_UP, len(rows)) - 1][key], rows[-1][key]
        lines.append(
            f"  {name:26} {slope:+8.2%} ± {error:.2%}  {ends[0]:10.2f} -> {ends[1]:10.2f}  {word}"
        )
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw all curves over the hours."""
    mpl.use("Agg")
    figure, axes = pyplot.subplots(2, 4, figsize=(18, 7.5), constrained_layout=True)
    hours = [row["hour"] for row in rows]
    for axis, (title, keys) in zip(axes.flat, PANELS, strict=True):
        for key in keys:
            found = growth(rows, key)
            slope = "" if found is None else f" ({found[0]:+.2%}/h)"
            label = key.replace("_", " ").removesuffix(" median").removesuffix(" mib")
            axis.plot(hours, [row[key] for row in rows], marker=".", label=label + slope)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    for axis in axes[1]:
        axis.set_xlabel("simulated hour")
    figure.savefig(file, dpi=80)
    pyplot.close(figure)
