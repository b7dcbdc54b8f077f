"""`embodied-mem suite --suite NAME`: the shipped suites of ordered sub-goals, one table."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

import sim_configs
from embodied_mem.app.commands import MemoryName, Suite
from embodied_mem.app.console import console
from embodied_mem.app.graded import GradedJob
from embodied_mem.backends.task_files import suite_files
from embodied_mem.errors import ConfigError, StoreError
from embodied_mem.memory.dual import Carried
from embodied_mem.runtime.ablation import Ablation, ablate
from embodied_mem.runtime.ablation_report import write_ablation
from embodied_mem.runtime.suite import SuiteResult

_CONDITIONS: dict[MemoryName, tuple[Carried, ...]] = {
    "none": ("none",),
    "clear": ("none",),
    "short": ("short",),
    "long": ("long",),
    "both": ("both",),
    "keep": ("both",),
    "all": ("none", "short", "long", "both"),
}


def graded_jobs(command: Suite) -> Iterator[tuple[str, GradedJob]]:
    """Yield each task under the key that names it in the results.

    Raises:
        ConfigError: Houses were asked for as well, or a task file does not fit.
    """
    if command.suite is None or command.houses is not None or command.generated is not None:
        raise ConfigError(
            "a suite brings its own houses: leave out `--houses` and `--generated` with `--suite`."
        )
    if command.backend != "household":
        raise ConfigError("suites of ordered sub-goals run in the `household` backend alone.")
    for number, (_, file) in enumerate(suite_files(command.suite)):
        for task in file.tasks[: command.limit]:
            yield (
                f"{file.suite}/{task.name}",
                GradedJob(
                    suite=file.suite,
                    task=task,
                    budget=file.budget,
                    conditions=_CONDITIONS[command.memory],
                    policy=command.policy,
                    capacity=command.capacity,
                    perception=command.perception,
                    seed=command.seed + 1000 * number,
                ),
            )


def graded_settings(command: Suite) -> str:
    """Return all that a row depends on: same text, same rows."""
    assert command.suite is not None, "asked of suites alone"
    names = ("suite", "memory", "policy", "capacity", "perception", "seed")
    prints = {
        name: hashlib.sha256(sim_configs.path(f"tasks/{name}").read_bytes()).hexdigest()[:16]
        for name, _ in suite_files(command.suite)
    }
    return msgspec.json.encode({n: getattr(command, n) for n in names} | prints).decode()


def show_graded(result: SuiteResult, folder: Path) -> None:
    """Print failures with their reasons, then the table; write report.html and ablation.json.

    Raises:
        StoreError: The folder cannot be written.
    """
    for key, error in result.errors.items():
        console.print(f"[red]could not be done[/] {key}: {error}")
    left_out = {row.task: row.reason for row in result.episodes if not row.scored}
    for task, reason in left_out.items():
        console.print(f"[yellow]left out[/] {task}: {reason}")
    numbers = ablate(result.episodes)
    if numbers:
        console.print(graded_table(numbers))
        try:
            data = msgspec.json.format(msgspec.json.encode(numbers), indent=2)
            (folder / "ablation.json").write_bytes(data + b"\n")
            write_ablation(folder / "report.html", numbers, result.episodes)
        except OSError as error:
            raise StoreError(f"cannot write into {folder}: {error.strerror}.") from error
        console.print(f"report: {folder / 'report.html'}")
    if result.missing:
        console.print(f"{result.missing} jobs are not done.")


def graded_table(numbers: tuple[Ablation, ...]) -> Table:
    """Return a line for each suite and condition; intervals are bootstrap 95 %."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.padding = (0, 1, 0, 0)
    names = ("suite", "memory", "n", "SR", "GC", "PLW-SR", "MRA", "MHR", "expl.", "points", "RE",
             "RT", "SR x", "expl. /", "s")  # fmt: skip
    for name in names:
        left = name in {"suite", "memory"}
        table.add_column(name, justify="left" if left else "right", no_wrap=not left)
    for a in numbers:
        table.add_row(
            a.suite, a.group, str(a.episodes), _brief(a.success_rate), _brief(a.goal_conditions),
            _brief(a.path_weighted_success), _brief(a.retrieval_accuracy), _brief(a.hit_rate),
            _brief(a.exploration, 1), _brief(a.points, 1), _brief(a.reduced_exploration),
            _brief(a.reduced_time), _brief(a.success_ratio, 1), _brief(a.exploration_ratio, 1),
            f"{a.seconds:.0f}",
        )  # fmt: skip
    return table


def _brief(estimate: object, digits: int = 2) -> str:
    """Write value and interval below one another, without leading zeros' width."""
    value, low, high = (getattr(estimate, name) for name in ("value", "low", "high"))
    if value != value:  # noqa: PLR0124 - NaN.
        return "-"
    return f"{value:.{digits}f}\n{low:.{digits}f}..{high:.{digits}f}"
