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
from embodied_mem.runtime.ablation import PARTS, Ablation, ablate
from embodied_mem.runtime.ablation_report import write_ablation
from embodied_mem.runtime.aims import verdicts
from embodied_mem.runtime.intervals import Estimate, shown
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
    if command.agent is not None:
        raise ConfigError("`--agent` is for houses: leave it out with `--suite`.")
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
    """Print what was left out, both tables and whether the aims hold; write the report.

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
        console.print(exploration_table(numbers))
        console.print(budget_table(numbers))
        for line in verdicts(numbers):
            console.print(line, highlight=False)
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
    names = ("n", "SR", "SR1", "GC", "PLW-SR", "MRA", "MHR", "RT", "SR x", "steps", "s")
    table = _table("What the parts of the memory are worth", names)
    for a in numbers:
        rates = (a.success_rate, a.first_try, a.goal_conditions, a.path_weighted_success,
                 a.retrieval_accuracy, a.hit_rate, a.reduced_time)  # fmt: skip
        table.add_row(
            a.suite, a.group, str(a.episodes), *map(_brief, rates), _brief(a.success_ratio, 1),
            _brief(a.steps, 0),
            f"{a.seconds:.0f}",
        )  # fmt: skip
    return table


def exploration_table(numbers: tuple[Ablation, ...]) -> Table:
    """Return what exploration cost; the last columns say how many times less than with none."""
    names = ("steps", "points", "RE", "to success", "times lower", "per cond.", "plain",
             "both reached", "n", "charged")  # fmt: skip
    table = _table("Exploration", names)
    for a in numbers:
        table.add_row(
            a.suite, a.group, _brief(a.exploration, 1), _brief(a.points, 1),
            _brief(a.reduced_exploration),
            _brief(a.exploration_to_success, 1), _brief(a.cost_ratio, 1),
            _brief(a.condition_ratio, 1), _brief(a.exploration_ratio, 1),
            _brief(a.reached_ratio, 1), str(a.both_reached), _brief(a.charged_ratio, 1),
        )  # fmt: skip
    return table


def budget_table(numbers: tuple[Ablation, ...]) -> Table:
    """Return the success rate within parts of the budget: how much hangs on its size."""
    table = _table("Success within a part of the budget", tuple(f"{part:.0%}" for part in PARTS))
    for a in numbers:
        table.add_row(a.suite, a.group, *(shown(a.success_within[part]) for part in PARTS))
    return table


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.padding = (0, 1, 0, 0)
    for name in ("suite", "memory"):
        table.add_column(name, no_wrap=name == "memory")
    for name in names:
        table.add_column(name, justify="right")
    return table


def _brief(estimate: Estimate, digits: int = 2) -> str:
    """Write value and interval below one another."""
    if not estimate.known:
        return "-"
    ends = f"{shown(estimate.low, digits)}..{shown(estimate.high, digits)}"
    return f"{shown(estimate.value, digits)}\n{ends}"
