"""`embodied-mem suite`: many houses, several tasks in each, one table."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from embodied_mem.app.build import (
    AgentConfig,
    BackendName,
    agents_for_tasks,
    build_backend,
    senses,
)
from embodied_mem.app.commands import Senses, Suite
from embodied_mem.app.console import configure_logging, console, summary_table
from embodied_mem.app.graded import GradedJob, do_task
from embodied_mem.app.graded_suite import graded_jobs, graded_settings, show_graded
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house import load_houses
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.task_sampling import sample_tasks
from embodied_mem.config import load_config
from embodied_mem.errors import ConfigError, MissingExtraError, StoreError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Outcome
from embodied_mem.memory import Memory
from embodied_mem.runtime.metrics import EpisodeRow, later_exploration
from embodied_mem.runtime.sequence import run_tasks
from embodied_mem.runtime.suite import (
    Runner,
    SuiteProgress,
    SuiteResult,
    read_suite,
    run_suite,
)

RESULTS = "results.jsonl"
"""Name of the results file in the suite's folder."""


class SuiteJob(msgspec.Struct, frozen=True, kw_only=True):
    """One house, its tasks, and whether memory lasts."""

    house: HouseSource
    asset_database: str | None
    tasks: int
    memory: Literal["keep", "clear"]
    perception: Senses
    agent: str | None = None
    backend: BackendName
    max_steps: int
    seed: int


def run_many(command: Suite) -> int:
    """Run what is not done yet, print the table and the failures; 0 when every job was done."""
    configure_logging()
    if command.json is not None:
        _require_room(Path(command.json))
    path = Path(command.out) / RESULTS
    graded = command.suite is not None
    jobs: dict[str, SuiteJob] | dict[str, GradedJob]
    jobs = dict(graded_jobs(command)) if graded else dict(suite_jobs(command))
    settings = graded_settings(command) if graded else _settings(command)
    size = "a task" if graded else f"{command.tasks} tasks"
    console.print(f"{len(jobs)} jobs of {size}; results go to {path}")
    try:
        with _Bar(len(jobs)) as bar:
            result = run_suite(
                jobs,
                do_any,
                path=path,
                settings=settings,
                workers=ray_runner(command.ray) or command.workers,
                timeout=command.timeout,
                on_progress=bar.show,
            )
    except KeyboardInterrupt:
        _show(read_suite(path, list(jobs)), path.parent, graded=graded)
        console.print(f"interrupted; the same command goes on from {path}")
        raise
    _show(result, path.parent, graded=graded)
    if command.json is not None:
        write_json(result, Path(command.json))
    return 1 if result.missing else 0


def ray_runner(address: str | None) -> Runner | None:
    """Return what runs jobs over the Ray cluster at an address; None without one.

    Raises:
        MissingExtraError: Ray is asked for and not installed.
    """
    if address is None:
        return None
    try:
        from embodied_mem.runtime.ray_jobs import run_ray_jobs  # noqa: PLC0415 - an extra.
    except ModuleNotFoundError as error:
        raise MissingExtraError("running on a Ray cluster", "ray") from error
    return partial(run_ray_jobs, address=address)


def do_any(job: SuiteJob | GradedJob) -> tuple[EpisodeRow, ...]:
    """Do a job of either kind; called in a process of its own."""
    return do_task(job) if isinstance(job, GradedJob) else do_job(job)


def _show(result: SuiteResult, folder: Path, *, graded: bool) -> None:
    if graded:
        show_graded(result, folder)
    else:
        show_result(result)


def _settings(command: Suite) -> str:
    """Return all that a row depends on: same text, same rows."""
    names = ("tasks", "perception", "backend", "max_steps", "seed")
    files = {
        "houses": command.houses,
        "asset_database": command.asset_database,
        "agent": command.agent,
    }
    prints = {name: _fingerprint(Path(path)) for name, path in files.items() if path is not None}
    return msgspec.json.encode({n: getattr(command, n) for n in names} | prints).decode()


def _fingerprint(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error


def suite_jobs(command: Suite) -> Iterator[tuple[str, SuiteJob]]:
    """Yield each job under the key that names it in the results.

    Raises:
        ConfigError: Not exactly one of `houses` and `generated` was asked for.
        HouseError: The file cannot be read.
    """
    if (command.houses is None) == (command.generated is None):
        raise ConfigError(
            "say which houses: either `--houses FILE` or `--generated N`, and not both."
        )
    if command.houses is not None:
        file = Path(command.houses)
        count = sum(1 for _ in load_houses(file))
        sources = [(f"{file.name}:{i}", HouseSource(file=str(file), index=i)) for i in range(count)]
    else:
        seeds = range(command.seed, command.seed + (command.generated or 0))
        sources = [(f"seed:{seed}", HouseSource(seed=seed)) for seed in seeds]
    match command.memory:
        case "both":
            conditions = ("keep", "clear")
        case "keep" | "clear":
            conditions = (command.memory,)
        case _:
            raise ConfigError(
                f"memory '{command.memory}' is a part of it, which is for `--suite`. For houses, "
                "say keep, clear or both."
            )
    for number, (name, source) in enumerate(sources[: command.limit]):
        for memory in conditions:
            yield (
                f"{name}/{memory}",
                SuiteJob(
                    house=source,
                    asset_database=command.asset_database,
                    tasks=command.tasks,
                    memory=memory,
                    perception=command.perception,
                    agent=command.agent,
                    backend=command.backend,
                    max_steps=command.max_steps,
                    seed=command.seed + number,
                ),
            )


def do_job(job: SuiteJob) -> tuple[EpisodeRow, ...]:
    """Run the tasks of one house, one after another; called in a process of its own."""
    sim = HouseholdSimConfig(house=job.house, asset_database=job.asset_database)
    agent_config = _agent_config(job)
    goals = tasks_of(sim, job.tasks, job.seed)
    with ExitStack() as stack:
        backend = build_backend(job.backend, sim)
        stack.callback(backend.close)
        memory = Memory(agent_config.memory)
        outcomes = run_tasks(
            backend,
            agents_for_tasks(agent_config, memory, keep_memory=job.memory == "keep"),
            goals,
            max_steps=job.max_steps,
        )
        name = job.house.file and f"{Path(job.house.file).name}:{job.house.index}"
        house = name or f"seed:{job.house.seed}"
        return tuple(
            episode_row(outcome, group=job.memory, task=f"{house}#{number}")
            for number, outcome in enumerate(outcomes)
        )


def _agent_config(job: SuiteJob) -> AgentConfig:
    if job.agent is not None:
        return load_config(job.agent, AgentConfig)
    return AgentConfig(perception=senses(job.perception, seed=job.seed))


def tasks_of(config: HouseholdSimConfig, count: int, seed: int) -> tuple[Goal, ...]:
    """Draw feasible tasks for a house, from the truth at its start."""
    with HouseholdSim(config) as sim:
        sim.reset()
        return sample_tasks(sim.engine, count, seed)


def episode_row(outcome: Outcome, *, group: str, task: str) -> EpisodeRow:
    """Return an outcome as a row of the table."""
    return EpisodeRow(
        group=group,
        task=task,
        goal=str(outcome.goal),
        success=outcome.success,
        met=outcome.progress.met,
        total=outcome.progress.total,
        steps=outcome.steps,
        failed_actions=outcome.failed_actions,
        exploration_steps=outcome.exploration_steps,
        path_length=round(outcome.path_length, 3),
        seconds=round(outcome.seconds, 3),
        reason=outcome.reason,
    )


def show_result(result: SuiteResult) -> None:
    """Print failures with their reasons, then the table."""
    for row in result.failures:
        console.print(
            f"[red]missed[/] {row.task} ({row.group}): {row.goal}  {row.met}/{row.total} "
            f"conditions, {row.steps} steps. {row.reason}",
            markup=True,
        )
    for key, error in result.errors.items():
        console.print(f"[red]could not be done[/] {key}: {error}")
    if result.summaries:
        console.print(summary_table(result.summaries))
        later = later_exploration(result.episodes)
        if later.get("clear"):
            console.print(
                "exploring in the tasks after a house's first: "
                + ", ".join(f"{group} {steps:.1f}" for group, steps in later.items())
                + " steps a task"
                + (f", ratio {later['keep'] / later['clear']:.2f}" if "keep" in later else "")
            )
    if result.missing:
        console.print(f"{result.missing} jobs are not done.")


def _require_room(path: Path) -> None:
    """Refuse at once where hours later nothing could be written.

    Raises:
        StoreError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error


def write_json(result: SuiteResult, path: Path) -> None:
    """Write settings, table, episodes and failures as one JSON document.

    Raises:
        StoreError: The file cannot be written.
    """
    document = {**msgspec.structs.asdict(result), "failures": result.failures}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error
    console.print(f"everything as JSON: {path}")


class _Bar:
    """A progress bar, and one line for each job that could not be done."""

    def __init__(self, total: int):
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=total)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, now: SuiteProgress) -> None:
        """Move the bar."""
        if now.error:
            self._progress.console.print(f"[red]{now.latest}[/]: {now.error}")
        words = f"{now.succeeded} of {now.episodes} episodes reached"
        self._progress.update(self._task, completed=now.done, description=words)
        if not self._progress.console.is_terminal and now.latest:
            console.print(f"{now.done}/{now.total} {now.latest}: {words}, {now.elapsed:.0f} s")
