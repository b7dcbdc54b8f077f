"""The timeline of a report, as SVG: what the agent was about, and what memory learnt when."""

from html import escape

from embodied_mem.runtime.report_run import ReportRun

WIDTH, HEIGHT = 720, 118
"""Size of the picture [px]; stretched to the column's width."""

ROWS = {"appeared": 62, "moved": 76, "gone": 90, "state": 104}
"""Height at which each kind of change is drawn; `state` is for all others too."""
_DRAWN_AS = {"back": "appeared"}


def draw_timeline(run: ReportRun) -> str:
    """Return the timeline as an SVG element; `data-step` carries the number of each step."""
    n = len(run.steps)
    if n == 0:
        return ""
    unit = (WIDTH - 70) / n
    parts = [
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" data-left="70" '
        f'data-unit="{unit:.4f}" aria-label="timeline">'
    ]
    parts += [
        f'<text class="row" x="62" y="{y + 4}">{escape(name)}</text>' for name, y in ROWS.items()
    ]
    parts.append('<text class="row" x="62" y="40">doing</text>')
    parts += _draw_episodes(run, unit)
    parts += _draw_phases(run, unit)
    parts += _draw_changes(run, unit)
    parts.append(f'<line class="cursor" x1="70" x2="70" y1="2" y2="{HEIGHT - 2}"/></svg>')
    return "".join(parts)


def _draw_episodes(run: ReportRun, unit: float) -> list[str]:
    parts: list[str] = []
    for episode in dict.fromkeys(step.episode for step in run.steps):
        numbers = [i for i, step in enumerate(run.steps) if step.episode == episode]
        left, width = 70 + numbers[0] * unit, len(numbers) * unit
        end = run.end(episode)
        state = "open" if end is None else "good" if end.success else "bad"
        words = escape(run.goal_words(episode))
        fits = int(width / 6.2)
        shown = escape(_shortened(run.goal_words(episode), fits))
        parts.append(
            f'<g class="episode {state}"><title>{words}</title>'
            f'<rect x="{left + 1:.1f}" y="4" width="{max(width - 2, 1):.1f}" height="18" rx="4"/>'
            f'<text x="{left + 7:.1f}" y="17">{shown}</text></g>'
        )
    return parts


def _shortened(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…" if limit > 4 else ""


def _draw_phases(run: ReportRun, unit: float) -> list[str]:
    """Return one bar for each stretch of steps of the same phase."""
    parts: list[str] = []
    start = 0
    for i in range(1, len(run.steps) + 1):
        if i < len(run.steps) and run.steps[i].phase == run.steps[start].phase:
            continue
        phase = escape(run.steps[start].phase)
        parts.append(
            f'<rect class="phase {phase}" x="{70 + start * unit:.1f}" y="28" height="16" '
            f'width="{(i - start) * unit:.2f}"><title>{phase}, {i - start} steps</title></rect>'
        )
        start = i
    return parts


def _draw_changes(run: ReportRun, unit: float) -> list[str]:
    parts: list[str] = []
    for i, step in enumerate(run.steps):
        for kind in dict.fromkeys(change.change for change in step.changes):
            these = [change for change in step.changes if change.change == kind]
            words = ", ".join(f"{c.label} {c.detail}".strip() for c in these)
            height = ROWS.get(_DRAWN_AS.get(kind, kind), ROWS["state"])
            radius = min(2.2 + 0.6 * len(these), 5.0)
            parts.append(
                f'<circle class="change {escape(kind)}" cx="{70 + (i + 0.5) * unit:.1f}" '
                f'cy="{height}" r="{radius:.1f}" data-step="{i}">'
                f"<title>step {step.step}: {escape(kind)}: {escape(words)}</title></circle>"
            )
    return parts
