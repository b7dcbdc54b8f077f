"""What a person sees while things run: rich on stdout; the only place that configures logging."""

import logging
import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime.metrics import EpisodeRow, Summary
from embodied_mem.runtime.recorders import MOVES
from embodied_mem.types import Percept

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)

_STYLE = {"explore": "yellow", "navigate": "blue", "act": "green"}


def configure_logging(level: int = logging.WARNING) -> None:
    """Send warnings of every package to the terminal."""
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=level, handlers=[handler], format="%(message)s")


class Narrator:
    """Tells an episode in a few lines: a new phase or plan, things touched, refusals."""

    def __init__(self, indent: str = "    "):
        self._indent = indent
        self._last: tuple[str, str] = ("", "")
        self._plan: tuple[str, ...] = ()
        self._count = 0

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Tell what is known beforehand."""
        self._last, self._plan, self._count = ("", ""), (), 0
        console.print(f"{self._indent}[dim]{len(memory)} things remembered at the start; {goal}[/]")

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Tell what is new about this decision."""
        if not step.action_success:
            self._say(f"[red]refused:[/] {plain(step.message)}")
        if decision.plan and decision.plan != self._plan:
            self._say(f"plan: {plain(', '.join(decision.plan))}")
        touches = not decision.action.name.startswith(MOVES)
        if touches or (decision.phase, decision.reason) != self._last:
            style = _STYLE.get(decision.phase, "dim")
            words = plain(decision.reason or str(decision.action))
            what = f" [bold]{decision.action.name}[/]" if touches else ""
            self._say(f"[{style}]{decision.phase}[/]{what} {words}")
        self._last, self._plan = (decision.phase, decision.reason), decision.plan
        self._count += 1

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Tell how it ended."""
        mark = "[green]reached[/]" if outcome.success else "[red]not reached[/]"
        console.print(
            f"{self._indent}{mark} after {outcome.steps} steps ({outcome.exploration_steps} "
            f"exploring), {outcome.seconds:.1f} s; {len(memory)} things remembered. "
            f"{plain(outcome.reason)}"
        )

    def _say(self, words: str) -> None:
        console.print(f"{self._indent}[dim]{self._count:4d}[/] {words}")


def plain(text: str) -> str:
    """Keep rich from reading brackets in a text as markup, and newlines from breaking the line."""
    return " ".join(text.split()).replace("[", r"\[")


def outcome_table(rows: Sequence[EpisodeRow], title: str) -> Table:
    """Return a table with a column for each group and a line for each task."""
    groups = list(dict.fromkeys(row.group for row in rows))
    table = Table(title=title, title_justify="left")
    table.add_column("task")
    for group in groups:
        table.add_column(group)
    for task in dict.fromkeys(row.task for row in rows):
        these = {row.group: row for row in rows if row.task == task}
        words = next(iter(these.values())).goal
        table.add_row(words, *(_cell(these.get(group)) for group in groups))
    return table


def _cell(row: EpisodeRow | None) -> str:
    if row is None:
        return "-"
    mark = "[green]reached[/]" if row.success else "[red]missed[/] "
    return (
        f"{mark} {row.steps:4d} steps, {row.exploration_steps:3d} exploring, {row.seconds:5.1f} s"
    )


def summary_table(summaries: Iterable[Summary], title: str = "") -> Table:
    """Return the table of a suite: a line for each group."""
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for name in (
        "memory", "n", "SR", "GC", "PLW-SR", "steps", "inv.", "expl.", "path m", "s/task",
        "ms/step",
    ):  # fmt: skip
        table.add_column(name, justify="left" if name == "memory" else "right", no_wrap=True)
    for summary in summaries:
        table.add_row(
            summary.group,
            str(summary.episodes),
            f"{summary.success_rate:.3f}",
            f"{summary.goal_conditions:.3f}",
            f"{summary.path_weighted_success:.3f}",
            f"{summary.steps:.1f}",
            f"{summary.invalid_rate:.1%}",
            f"{summary.exploration_steps:.1f}",
            f"{summary.path_length:.1f}",
            f"{summary.seconds:.1f}",
            f"{1000 * summary.seconds_per_step:.0f}",
        )
    return table
