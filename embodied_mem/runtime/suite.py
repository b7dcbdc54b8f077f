"""Many episodes: in parallel, resumable, with the same table whatever the order of finishing."""

import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.metrics import EpisodeRow, Summary, summarise
from embodied_mem.runtime.trace import LineWriter, read_lines
from embodied_mem.runtime.workers import Answer, run_jobs

Job = TypeVar("Job")
Rows = tuple[EpisodeRow, ...]


@runtime_checkable
class Runner(Protocol):
    """Does jobs somewhere and yields answers as they come, as `run_jobs` does."""

    def __call__(
        self, jobs: Mapping[str, Job], work: Callable[[Job], Rows], *, timeout: float | None
    ) -> Generator[Answer[Rows], None, None]:
        """Do jobs, each within `timeout` [s]."""
        ...


class SettingsLine(msgspec.Struct, frozen=True, tag_field="kind", tag="settings"):
    """First line of a results file."""

    settings: str
    """Everything that the results depend on, as text; compared on resumption."""


class JobLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="job"):
    """One finished job: a house, its tasks and a condition."""

    key: str
    rows: tuple[EpisodeRow, ...] = ()
    error: str = ""
    """Why it could not be done; such a job is tried again on resumption."""
    seconds: float = 0.0


class SuiteProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a suite is."""

    done: int
    """Jobs, those of earlier runs included."""
    total: int
    episodes: int
    succeeded: int
    latest: str
    """Key of the newest finished job; empty at the start."""
    error: str = ""
    """Why that job failed, if it did."""
    elapsed: float
    """Since this run began [s]."""


class SuiteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite came to."""

    settings: str
    summaries: tuple[Summary, ...]
    episodes: tuple[EpisodeRow, ...]
    """In the order of the jobs."""
    errors: dict[str, str]
    """Jobs that could not be done, and why."""
    missing: int
    """Jobs not done yet, after an interruption."""

    @property
    def failures(self) -> tuple[EpisodeRow, ...]:
        """Episodes without success."""
        return tuple(row for row in self.episodes if not row.success)


_DECODER: msgspec.json.Decoder[SettingsLine | JobLine] = msgspec.json.Decoder(
    SettingsLine | JobLine
)


def _progress(
    done: Mapping[str, JobLine], total: int, latest: str, error: str, elapsed: float
) -> SuiteProgress:
    rows = [row for line in done.values() for row in line.rows]
    return SuiteProgress(
        done=sum(not line.error for line in done.values()),
        total=total,
        episodes=len(rows),
        succeeded=sum(row.success for row in rows),
        latest=latest,
        error=error,
        elapsed=elapsed,
    )


def run_suite(
    jobs: Mapping[str, Job],
    work: Callable[[Job], tuple[EpisodeRow, ...]],
    *,
    path: str | Path,
    settings: str,
    workers: int | Runner = 1,
    timeout: float | None = None,
    on_progress: Callable[[SuiteProgress], None] = lambda _: None,
) -> SuiteResult:
    """Do what is not yet done and return everything.

    Each finished job is one line of `path`, on the disk before the next is asked for, so that a run
    killed at any moment goes on where it was. Ctrl-C ends the workers and goes on to the caller;
    `read_suite` then gives what there is.

    Args:
        jobs: By key; the order of this mapping is the order of the result.
        work: Does one job in a process of its own; see `run_jobs`.
        path: The results file.
        settings: Everything that the results depend on; a file of other settings is refused.
        workers: Processes on this machine, or what does the jobs elsewhere.
        timeout: Longest time for one job [s].
        on_progress: Called at the start and after each job.

    Raises:
        ConfigError: The file holds results of other settings.
        StoreError: The file cannot be read or written.
    """
    done = _resume(Path(path), settings)
    began = time.monotonic()

    def report(latest: str = "", error: str = "") -> None:
        on_progress(_progress(done, len(jobs), latest, error, time.monotonic() - began))

    report()
    left = {key: job for key, job in jobs.items() if key not in done or done[key].error}
    lines = LineWriter(path)
    runner = partial(run_jobs, workers=workers) if isinstance(workers, int) else workers
    answers = runner(left, work, timeout=timeout)
    try:
        for answer in answers:
            line = JobLine(
                key=answer.key,
                rows=answer.result or (),
                error=answer.error,
                seconds=answer.seconds,
            )
            lines.write(line, sync=True)
            done[answer.key] = line
            report(answer.key, answer.error)
    finally:
        answers.close()
        lines.close()
    return _result(done, list(jobs), settings)


def read_suite(path: str | Path, keys: list[str] | None = None) -> SuiteResult:
    """Read a results file, finished or not.

    Args:
        path: The file.
        keys: The jobs asked for, in order; those of the file when None.

    Raises:
        StoreError: The file cannot be read.
    """
    settings, done = _read(Path(path))
    return _result(done, list(done) if keys is None else keys, settings)


def _resume(path: Path, settings: str) -> dict[str, JobLine]:
    """Return the jobs done before under these settings; start the file if there is none."""
    before, done = _read(path) if path.exists() and path.stat().st_size else ("", {})
    if before and before != settings:
        raise ConfigError(
            f"{path} holds results of other settings ({before}); asked for are {settings}. "
            "Choose another folder, or delete that file."
        )
    if not before:
        lines = LineWriter(path)
        lines.write(SettingsLine(settings), sync=True)
        lines.close()
    return done


def _read(path: Path) -> tuple[str, dict[str, JobLine]]:
    settings, done = "", {}
    for line in read_lines(path, _DECODER):
        if isinstance(line, SettingsLine):
            settings = line.settings
        else:
            done[line.key] = line
    return settings, done


def _result(done: Mapping[str, JobLine], keys: list[str], settings: str) -> SuiteResult:
    lines = [done[key] for key in keys if key in done]
    rows = tuple(row for line in lines for row in line.rows)
    return SuiteResult(
        settings=settings,
        summaries=summarise(rows),
        episodes=rows,
        errors={line.key: line.error for line in lines if line.error},
        missing=len(keys) - sum(not line.error for line in lines),
    )
