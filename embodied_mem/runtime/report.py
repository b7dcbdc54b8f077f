"""One HTML page about one or more runs, complete in itself: it needs no network to open."""

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np

from embodied_mem.errors import StoreError
from embodied_mem.runtime.metrics import Summary, summarise
from embodied_mem.runtime.report_graph import draw_graph
from embodied_mem.runtime.report_map import MapFrame, draw_map
from embodied_mem.runtime.report_run import ReportRun
from embodied_mem.runtime.report_timeline import draw_timeline
from embodied_mem.runtime.trace import StepLine

MAX_PICTURES = 90
"""Key frames of one run that the page carries; evenly chosen where there are more."""

_LEGEND = (
    ("explore", "looking for things"),
    ("navigate", "on the way"),
    ("act", "acting"),
    ("appeared", "appeared"),
    ("moved", "moved"),
    ("bad", "gone"),
    ("held", "in the hand"),
)


def write_report(
    path: str | Path, runs: Sequence[ReportRun], *, title: str, subtitle: str = ""
) -> Path:
    """Write the page.

    Args:
        path: The HTML file.
        runs: Drawn side by side, in this order.
        title: Heading of the page.
        subtitle: One or two sentences under it.

    Raises:
        StoreError: The file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_report(runs, title=title, subtitle=subtitle), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error
    return path


def render_report(runs: Sequence[ReportRun], *, title: str, subtitle: str = "") -> str:
    """Return the page; see `write_report`."""
    folder = files("embodied_mem.runtime")
    style = folder.joinpath("report_style.css").read_text(encoding="utf-8")
    script = folder.joinpath("report_player.js").read_text(encoding="utf-8")
    sections = "".join(_draw_run(run) for run in runs)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"
        f'{_draw_outcomes(runs)}<div class="columns">{sections}</div>'
        f"</main><script>{script}</script></body></html>\n"
    )


def _draw_outcomes(runs: Sequence[ReportRun]) -> str:
    """Return the table of outcomes: a line for each task of each run, and one for each run."""
    rows = [row for run in runs for row in run.rows()]
    if not rows:
        return ""
    parts = [
        '<div class="card scroll"><table><tr><th>run</th><th>task</th><th>outcome</th>'
        '<th class="number">conditions</th><th class="number">steps</th>'
        '<th class="number">exploring</th><th class="number">refused</th>'
        '<th class="number">path [m]</th><th class="number">time [s]</th>'
        "<th>in its own words</th></tr>"
    ]
    for summary in summarise(rows):
        for row in rows:
            if row.group != summary.group:
                continue
            mark = '<span class="mark good">reached</span>'
            if not row.success:
                mark = '<span class="mark">missed</span>'
            parts.append(
                f"<tr><td>{escape(row.group)}</td><td>{escape(row.goal)}</td><td>{mark}</td>"
                f'<td class="number">{row.met}/{row.total}</td><td class="number">{row.steps}</td>'
                f'<td class="number">{row.exploration_steps}</td>'
                f'<td class="number">{row.failed_actions}</td>'
                f'<td class="number">{row.path_length:.1f}</td>'
                f'<td class="number">{row.seconds:.1f}</td>'
                f'<td class="reason">{escape(row.reason)}</td></tr>'
            )
        parts.append(_total_row(summary))
    parts.append("</table></div>")
    return "".join(parts)


def _total_row(summary: Summary) -> str:
    n = summary.episodes
    return (
        f'<tr class="total"><td>{escape(summary.group)}</td><td>all {n}</td>'
        f"<td>{summary.success_rate:.0%}</td>"
        f'<td class="number">{summary.goal_conditions:.0%}</td>'
        f'<td class="number">{summary.steps * n:.0f}</td>'
        f'<td class="number">{summary.exploration_steps * n:.0f}</td>'
        f'<td class="number">{summary.invalid_rate:.0%}</td>'
        f'<td class="number">{summary.path_length * n:.1f}</td>'
        f'<td class="number">{summary.seconds * n:.1f}</td>'
        f'<td class="reason">path-weighted success {summary.path_weighted_success:.2f}, '
        f"{1000 * summary.seconds_per_step:.0f} ms a step</td></tr>"
    )


def _draw_run(run: ReportRun) -> str:
    frame = MapFrame(run.belief, run.steps)
    parts = [f'<section class="run card"><h2>{escape(run.title)}</h2>', _draw_tiles(run)]
    if run.steps:
        parts += [_STAGE, draw_timeline(run), _draw_controls(len(run.steps))]
    parts += ["<h3>Map</h3>", draw_map(run.belief, run.steps, frame), _draw_legend()]
    pictures = _draw_pictures(run)
    if pictures:
        parts += ["<h3>Key frames</h3>", pictures]
    parts += ["<h3>Scene graph at the end</h3>", draw_graph(run.belief)]
    if run.steps:
        parts += ["<h3>The plan and its changes</h3>", _draw_plans(run)]
        parts += ["<h3>What was remembered when</h3>", _draw_log(run)]
    parts.append(
        f'<script class="data" type="application/json">{_player_data(run, frame)}</script>'
    )
    parts.append("</section>")
    return "".join(parts)


_STAGE = (
    '<div class="stage"><figure style="margin:0"><img alt="what the robot saw">'
    '<figcaption class="empty" style="font-size:12px"></figcaption></figure><div class="now">'
    '<div class="goal"></div><div class="action"><span class="pill"></span> '
    '<span class="act-name"></span></div><div class="why"></div><div class="failed"></div>'
    '<ol class="plan"></ol><ul class="learnt"></ul></div></div>'
)


def _draw_controls(n: int) -> str:
    return (
        '<div class="controls"><button type="button">play</button>'
        f'<input type="range" min="0" max="{n - 1}" value="{n - 1}" aria-label="step">'
        "<output></output></div>"
    )


def _draw_tiles(run: ReportRun) -> str:
    values: list[tuple[str, str]] = []
    if run.ends:
        values = [
            (f"{sum(end.success for end in run.ends)} of {len(run.ends)}", "tasks reached"),
            (str(sum(end.steps for end in run.ends)), "steps"),
            (str(sum(end.exploration_steps for end in run.ends)), "steps exploring"),
            (f"{sum(end.path_length for end in run.ends):.0f} m", "travelled"),
        ]
    if run.belief is not None:
        present = sum(thing.status != "gone" for thing in run.belief.objects)
        values.append((str(present), "things remembered at the end"))
    tiles = "".join(f'<div class="tile"><b>{a}</b><span>{b}</span></div>' for a, b in values)
    return f'<div class="tiles">{tiles}</div>'


def _draw_legend() -> str:
    entries = "".join(
        f'<span><i style="background:var(--{name})"></i>{words}</span>' for name, words in _LEGEND
    )
    return f'<div class="legend">{entries}</div>'


def _draw_pictures(run: ReportRun) -> str:
    kept = [(i, step) for i, step in enumerate(run.steps) if step.frame]
    if len(kept) > MAX_PICTURES:
        kept = [kept[i] for i in np.linspace(0, len(kept) - 1, MAX_PICTURES).astype(int)]
    parts = [
        f'<figure data-step="{i}"><img alt="step {step.step}" src="{picture}">'
        f"<figcaption>{step.step}: {escape(_caption(step))}</figcaption></figure>"
        for i, step in kept
        if (picture := run.picture(step.frame))
    ]
    return f'<div class="frames">{"".join(parts)}</div>' if parts else ""


def _caption(step: StepLine) -> str:
    told = [f"{c.label} {c.change}" for c in step.changes if c.change != "state"]
    return ", ".join(told[:3]) or step.action


def _draw_plans(run: ReportRun) -> str:
    parts: list[str] = []
    for step in run.steps:
        if step.plan is None:
            continue
        lines = "".join(f"<li>{escape(line)}</li>" for line in step.plan)
        where = f"task {step.episode + 1}, step {step.step}"
        count = f"{len(step.plan)} steps" if step.plan else "no plan"
        parts.append(
            f'<details class="plans"><summary>{where}: {count} '
            f"<small>{escape(step.reason)}</small></summary><ol>{lines}</ol></details>"
        )
    return f'<div class="log">{"".join(parts)}</div>' if parts else '<p class="empty">No plan.</p>'


def _draw_log(run: ReportRun) -> str:
    rows = [
        f'<tr><td class="number">{step.stamp:.1f} s</td><td>{escape(change.change)}</td>'
        f"<td>{escape(change.label)} <small>{escape(change.object_id)}</small></td>"
        f"<td>{escape(change.detail)}</td></tr>"
        for step in run.steps
        for change in step.changes
    ]
    if not rows:
        return '<p class="empty">Nothing new.</p>'
    return f'<div class="log"><table>{"".join(rows)}</table></div>'


def _player_data(run: ReportRun, frame: MapFrame) -> str:
    """Return what the page's script needs, as JSON that may stand in HTML."""
    plans: list[tuple[str, ...]] = []
    steps: list[dict[str, object]] = []
    for step in run.steps:
        if step.plan is not None:
            plans.append(step.plan)
        place = None
        if step.pose is not None:
            x, y = frame.at(step.pose[0], step.pose[1])
            place = (x, y, round(-math.degrees(step.pose[2]), 1))
        told = [f"{c.label} {c.change} {c.detail}".strip() for c in step.changes]
        steps.append(
            {
                "e": step.episode,
                "s": step.step,
                "t": step.stamp,
                "a": step.action,
                "p": step.phase,
                "r": step.reason,
                "m": "" if step.last_success else step.last_message or "refused",
                "n": len(plans) - 1,
                "c": told,
                "xy": place,
            }
        )
    goals = {start.episode: start.text or start.goal for start in run.starts}
    text = msgspec.json.encode({"steps": steps, "plans": plans, "goals": goals}).decode()
    return text.replace("<", "\\u003c").replace("&", "\\u0026")
