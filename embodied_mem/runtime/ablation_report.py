"""The report of an ablation: one self-contained HTML page with bars, a table and all episodes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from embodied_mem.runtime.ablation import Ablation
from embodied_mem.runtime.intervals import Estimate
from embodied_mem.runtime.metrics import EpisodeRow

_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;text-align:right;
border-bottom:1px solid #ddd;white-space:nowrap}td:first-child,th:first-child,td.t{text-align:left}
small{color:#777}.no{color:#b33}.yes{color:#273}svg{margin:0 2rem 1rem 0}
"""

_COLOURS = {"none": "#9aa3ab", "short": "#d99a3d", "long": "#5a8fc0", "both": "#3f8f5f"}

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("SR", "success_rate"), ("GC", "goal_conditions"), ("PLW-SR", "path_weighted_success"),
    ("MRA", "retrieval_accuracy"), ("MHR", "hit_rate"), ("steps", "steps"),
    ("exploration", "exploration"), ("points", "points"), ("RE", "reduced_exploration"),
    ("RT", "reduced_time"), ("SR times", "success_ratio"), ("expl. lower", "exploration_ratio"),
)  # fmt: skip


def write_ablation(path: Path, numbers: Sequence[Ablation], episodes: Sequence[EpisodeRow]) -> None:
    """Write the page; OSError is the caller's."""
    parts = [
        "<!doctype html><meta charset=utf-8><title>Memory ablation</title>",
        f"<style>{_STYLE}</style><h1>What the memory is worth</h1>",
        "<p>Bars and brackets are bootstrap 95 % intervals over episodes; RE, RT and the ratios "
        "are paired with the condition <code>none</code>.</p>",
        _bars("Success rate", numbers, "success_rate", most=1.0),
        _bars("Exploration [steps per episode]", numbers, "exploration"),
        _table(numbers),
        _episodes(episodes),
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


_WIDE = 34
"""From one bar to the next [px]."""


def _bars(title: str, numbers: Sequence[Ablation], name: str, most: float | None = None) -> str:
    """Draw a bar with its interval for each suite and condition."""
    values: list[Estimate] = [getattr(a, name) for a in numbers]
    top = most or max([v.high for v in values if np.isfinite(v.high)], default=1.0) or 1.0
    height, left, drawn = 160.0, 20, []
    for suite in dict.fromkeys(a.suite for a in numbers):
        drawn.append(f'<text x="{left}" y="211" font-size="11">{escape(suite)}</text>')
        bars = [(a.group, v) for a, v in zip(numbers, values, strict=True) if a.suite == suite]
        drawn += [
            _bar(group, v, left + _WIDE * k, height, top)
            for k, (group, v) in enumerate(bars)
            if np.isfinite(v.value)
        ]
        left += max(_WIDE * len(bars), 7 * len(suite)) + 24
    return f'<h3>{escape(title)}</h3><svg width="{left}" height="220">{"".join(drawn)}</svg>'


def _bar(group: str, estimate: Estimate, x: int, height: float, top: float) -> str:
    """Draw one bar with its interval and its names."""
    ends = (estimate.value, estimate.low, estimate.high)
    y, low, high = (20 + height * (1 - min(p / top, 1)) for p in ends)
    shown = f"{estimate.value:.2f}" if estimate.value < 10 else f"{estimate.value:.0f}"
    return (
        f'<rect x="{x}" y="{y:.1f}" width="26" height="{20 + height - y:.1f}" '
        f'fill="{_COLOURS.get(group, "#888")}"/>'
        f'<path d="M{x + 13} {low:.1f}V{high:.1f}M{x + 9} {low:.1f}h8M{x + 9} {high:.1f}h8" '
        'stroke="#222" fill="none"/>'
        f'<text x="{x + 13}" y="195" text-anchor="middle" font-size="10">{escape(group)}</text>'
        f'<text x="{x + 13}" y="{y - 3:.1f}" text-anchor="middle" font-size="10">{shown}</text>'
    )


def _table(numbers: Sequence[Ablation]) -> str:
    head = "".join(f"<th>{escape(title)}" for title, _ in _COLUMNS)
    lines = []
    for a in numbers:
        cells = "".join(f"<td>{_cell(getattr(a, name))}" for _, name in _COLUMNS)
        lines.append(
            f"<tr><td>{escape(a.suite)}<td class=t>{escape(a.group)}<td>{a.episodes}{cells}"
        )
    return f"<table><tr><th>suite<th>memory<th>n{head}{''.join(lines)}</table>"


def _cell(estimate: Estimate) -> str:
    if not np.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.2f}<br><small>{estimate.low:.2f}..{estimate.high:.2f}</small>"


def _episodes(rows: Sequence[EpisodeRow]) -> str:
    lines = []
    for row in rows:
        mark = "<td class=yes>reached" if row.success else "<td class=no>missed"
        if not row.scored:
            mark = "<td>left out"
        lines.append(
            f"<tr><td>{escape(row.task)}<td class=t>{escape(row.group)}{mark}"
            f"<td>{row.met}/{row.total}<td>{row.steps}<td>{row.expert_steps or '-'}"
            f"<td>{row.exploration_steps}<td class=t>{escape(row.goal[:90])}"
            f"<td class=t>{escape(row.reason[:100])}"
        )
    return (
        "<h3>Episodes</h3><table><tr><th>task<th>memory<th><th>conditions<th>steps<th>expert"
        f"<th>exploring<th>instruction<th>ended with{''.join(lines)}</table>"
    )
