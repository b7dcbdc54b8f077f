"""The report of an ablation: one self-contained HTML page with bars, a table and all episodes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from embodied_mem.runtime.ablation import Ablation
from embodied_mem.runtime.aims import verdicts
from embodied_mem.runtime.intervals import Estimate, shown
from embodied_mem.runtime.metrics import EpisodeRow

_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;text-align:right;
border-bottom:1px solid #ddd;white-space:nowrap;vertical-align:top}
td:first-child,th:first-child,td.t,th.t{text-align:left}small{color:#777}.no{color:#b33}
.yes{color:#273}figure{display:inline-block;margin:0 2rem 1rem 0}figcaption{font-weight:600}
"""

_COLOURS = {"none": "#9aa3ab", "short": "#d99a3d", "long": "#5a8fc0", "both": "#3f8f5f"}

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("SR", "success_rate"), ("SR1", "first_try"), ("GC", "goal_conditions"),
    ("PLW-SR", "path_weighted_success"), ("MRA", "retrieval_accuracy"), ("MHR", "hit_rate"),
    ("RE", "reduced_exploration"), ("RT", "reduced_time"), ("steps", "steps"),
    ("SR times", "success_ratio"),
)  # fmt: skip

_COSTS: tuple[tuple[str, str], ...] = (
    ("steps", "exploration"), ("points", "points"), ("to success", "exploration_to_success"),
    ("to success, times lower", "cost_ratio"), ("per condition", "condition_ratio"),
    ("plain", "exploration_ratio"), ("both reached", "reached_ratio"),
    ("charged", "charged_ratio"),
)  # fmt: skip


def write_ablation(path: Path, numbers: Sequence[Ablation], episodes: Sequence[EpisodeRow]) -> None:
    """Write the page; OSError is the caller's."""
    parts = [
        "<!doctype html><meta charset=utf-8><title>Memory ablation</title>",
        f"<style>{_STYLE}</style><h1>What the memory is worth</h1>",
        "<p>Brackets and small print are bootstrap 95 % intervals over episodes; RE, RT and the "
        "ratios are paired with the condition <code>none</code>. A bracket that ends at the top "
        "goes on beyond it.</p>",
        "<ul>" + "".join(f"<li>{escape(line)}" for line in verdicts(numbers)) + "</ul>",
        _bars("Success rate", numbers, "success_rate", most=1.0),
        _bars("Exploration until a task is done [steps]", numbers, "exploration_to_success"),
        _bars("Exploration [steps per episode]", numbers, "exploration"),
        _table("Success", numbers, _COLUMNS),
        _table(
            "Exploration: its cost, and how many times lower than with none", numbers, _COSTS, 1
        ),
        _episodes(episodes),
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


_WIDE = 42
"""From one bar to the next [px]."""


_TALL = 160.0
"""Height of the highest bar [px]."""


def _bars(title: str, numbers: Sequence[Ablation], name: str, most: float | None = None) -> str:
    """Draw a bar with its interval for each suite and condition."""
    values: list[Estimate] = [getattr(a, name) for a in numbers]
    top = most or 1.4 * max((v.value for v in values if np.isfinite(v.value)), default=1.0) or 1.0
    left, drawn = 20, []
    for suite in dict.fromkeys(a.suite for a in numbers):
        drawn.append(f'<text x="{left}" y="216" font-size="12">{escape(suite)}</text>')
        bars = [(a.group, v) for a, v in zip(numbers, values, strict=True) if a.suite == suite]
        drawn += [
            _bar(group, v, left + _WIDE * k, top) for k, (group, v) in enumerate(bars) if v.known
        ]
        left += max(_WIDE * len(bars), 7 * len(suite)) + 24
    line = f'<path d="M16 180H{left - 16}" stroke="#999"/>'
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg width="{left}" height="224">'
        f"{''.join(drawn)}{line}</svg></figure>"
    )


def _bar(group: str, estimate: Estimate, x: int, top: float) -> str:
    """Draw one bar with its interval and its names."""
    ends = (estimate.value, estimate.low, estimate.high)
    y, low, high = (20 + _TALL * (1 - min(p / top, 1)) for p in ends)
    digits = 2 if top <= 1 else 1 if estimate.value < 10 else 0
    return (
        f'<rect x="{x}" y="{y:.1f}" width="30" height="{20 + _TALL - y:.1f}" '
        f'fill="{_COLOURS.get(group, "#888")}"/>'
        f'<path d="M{x + 15} {low:.1f}V{high:.1f}M{x + 11} {low:.1f}h8M{x + 11} {high:.1f}h8" '
        'stroke="#222" fill="none"/>'
        f'<text x="{x + 15}" y="195" text-anchor="middle" font-size="11">{escape(group)}</text>'
        f'<text x="{x + 15}" y="{min(y, high) - 4:.1f}" text-anchor="middle" font-size="11">'
        f"{shown(estimate.value, digits)}</text>"
    )


def _table(
    title: str, numbers: Sequence[Ablation], columns: Sequence[tuple[str, str]], digits: int = 2
) -> str:
    head = "".join(f"<th>{escape(name)}" for name, _ in columns)
    lines = []
    for a in numbers:
        cells = "".join(f"<td>{_cell(getattr(a, name), digits)}" for _, name in columns)
        lines.append(
            f"<tr><td>{escape(a.suite)}<td class=t>{escape(a.group)}<td>{a.episodes}{cells}"
        )
    return (
        f"<h3>{escape(title)}</h3>"
        f"<table><tr><th>suite<th class=t>memory<th>n{head}{''.join(lines)}</table>"
    )


def _cell(estimate: Estimate, digits: int) -> str:
    if not estimate.known:
        return "-"
    ends = f"{shown(estimate.low, digits)}..{shown(estimate.high, digits)}"
    return f"{shown(estimate.value, digits)}<br><small>{ends}</small>"


def _episodes(rows: Sequence[EpisodeRow]) -> str:
    lines = []
    for row in rows:
        mark = "<td class=yes>reached" if row.success else "<td class=no>missed"
        if not row.scored:
            mark = "<td>left out"
        lines.append(
            f"<tr><td>{escape(row.task)}<td class=t>{escape(row.group)}{mark}"
            f"<td>{row.met}/{row.total}<td>{row.steps}<td>{row.expert_steps or '-'}"
            f"<td>{row.exploration_steps}<td>{row.corrections}<td class=t>{escape(row.goal[:90])}"
            f"<td class=t>{escape(row.reason[:100])}"
        )
    return (
        "<h3>Episodes</h3><table><tr><th>task<th>memory<th><th>conditions<th>steps<th>expert"
        f"<th>exploring<th>told no<th class=t>instruction<th class=t>ended with"
        f"{''.join(lines)}</table>"
    )
