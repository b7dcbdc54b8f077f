"""Jobs in parallel processes, of which any may die: its job is done once more, then reported."""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from embodied_mem.errors import EmbodiedMemError

Job = TypeVar("Job")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS")
"""Of numpy's and torch's libraries, and of Mesa's renderer."""
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Result]):
    """What became of one job."""

    key: str
    result: Result | None = None
    """None when it failed."""
    error: str = ""
    """Why it failed, in one sentence."""
    seconds: float = 0.0
    """Wall time of the last try [s]."""


@dataclass(slots=True)
class _Worker(Generic[Job]):
    process: SpawnProcess
    connection: Connection
    job: tuple[str, Job] | None = None
    began: float = 0.0

    def give(self, job: tuple[str, Job]) -> None:
        self.job, self.began = job, time.monotonic()
        self.connection.send(job[1])

    def stop(self) -> int | None:
        """End the process, whatever it does, and return its exit code."""
        self.connection.close()
        self.process.join(timeout=0.1)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        return self.process.exitcode


def run_jobs(
    jobs: Mapping[str, Job],
    work: Callable[[Job], Result],
    *,
    workers: int,
    timeout: float | None = None,
) -> Generator[Answer[Result], None, None]:
    """Do jobs in spawned processes of one thread each, and yield answers as they come.

    A worker that dies (out of memory, killed, a bug) is replaced and its job tried once more.
    Closing the iterator, or an exception in its consumer's wait (Ctrl-C), ends every worker;
    workers themselves do not hear Ctrl-C. Whatever kills this process ends them too.

    Args:
        jobs: What to do, by key; values must be picklable.
        work: Does one job; a function of a module, or a partial of one. An EmbodiedMemError is an
            answer; any other exception ends its process.
        workers: Processes.
        timeout: Longest time for one job [s]; its worker is then killed. None waits for ever.
    """
    waiting = deque(jobs.items())
    tries = dict.fromkeys(jobs, 0)
    pool: list[_Worker[Job]] = []
    try:
        for _ in range(min(workers, len(jobs))):
            pool.append(_start(work))
            pool[-1].give(waiting.popleft())
        while busy := [worker for worker in pool if worker.job is not None]:
            ready = wait([worker.connection for worker in busy], timeout=_patience(busy, timeout))
            for worker in busy:
                late = timeout is not None and time.monotonic() - worker.began > timeout
                if worker.connection not in ready and not late:
                    continue
                answer: Answer[Result] = _listen(worker, timeout if late else None)
                assert worker.job is not None
                died = worker.process.exitcode is not None
                tries[answer.key] += 1
                if died and not late and tries[answer.key] < _TRIES:
                    waiting.append(worker.job)
                else:
                    yield answer
                worker.job = None
                if waiting:
                    if died:
                        pool.remove(worker)
                        worker = _start(work)  # noqa: PLW2901
                        pool.append(worker)
                    worker.give(waiting.popleft())
    finally:
        for worker in pool:
            worker.stop()


def _start(work: Callable[[Job], Result]) -> _Worker[Job]:
    return _Worker(*start_process(serve, work))


def start_process(
    serve: Callable[[Connection, Any], None], given: object
) -> tuple[SpawnProcess, Connection]:
    """Spawn a process of one thread, deaf to Ctrl-C, and return it and our end of its pipe.

    Args:
        serve: Gets the other end, and what is given; a function of a module. It should start with
            `watch_parent`.
        given: Must be picklable.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, given), daemon=True)
    with _environment(dict.fromkeys(_THREADS, "1")), _deaf_to_interrupts():
        process.start()
    theirs.close()  # So that the death of the worker ends the pipe.
    return process, ours


def _patience(busy: Sequence[_Worker[Job]], timeout: float | None) -> float | None:
    """Return how long to wait until the first of the jobs is late [s]."""
    if timeout is None:
        return None
    return max(0.0, min(worker.began for worker in busy) + timeout - time.monotonic()) + 0.01


def _listen(worker: _Worker[Job], late: float | None) -> Answer[Any]:
    """Take a worker's answer, or its death; ends one that is late [s]."""
    assert worker.job is not None
    key, seconds = worker.job[0], time.monotonic() - worker.began
    if late is not None and not worker.connection.poll():
        worker.process.kill()
        worker.stop()
        return Answer(key=key, error=f"gave no answer within {late:.0f} s.", seconds=seconds)
    words = ""
    try:
        kind, value = worker.connection.recv()
        if kind == "done":
            return Answer(key=key, result=value, seconds=seconds)
        if kind == "failed":
            return Answer(key=key, error=value, seconds=seconds)
        words = value
    except (EOFError, OSError):
        pass  # It died without last words.
    code = worker.stop()
    return Answer(
        key=key, error=f"its process died: {words or f'exit code {code}'}.", seconds=seconds
    )


def serve(connection: Connection, work: Callable[[Job], Result]) -> None:
    """Do jobs in a process of its own, and answer each, until the other end closes.

    An error of ours is an answer; any other is the process's last word, and ends it.
    """
    watch_parent()
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        answer: tuple[str, object] | None = None
        try:
            answer = ("done", work(job))
        except EmbodiedMemError as error:
            answer = ("failed", str(error))
        finally:
            if answer is None:  # Last words; the exception goes on and ends the process.
                error = sys.exc_info()[1]
                answer = ("died", f"{type(error).__name__}: {error}")
            connection.send(answer)


def watch_parent() -> None:
    """See to it that whatever kills the process that started this one ends this one too."""
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    """End this process as soon as the one that asks for answers has died."""
    parent = parent_process()
    assert parent is not None  # Workers are spawned.
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the children that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let children that are started meanwhile ignore Ctrl-C, from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
