"""Jobs over a Ray cluster: the same answers as from processes here, from many machines."""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from embodied_mem.errors import BackendError, ConfigError, EmbodiedMemError
from embodied_mem.runtime.workers import Answer

Job = TypeVar("Job")
Result = TypeVar("Result")

_TRIES = 2
"""How often a job is begun that ends in an exception."""
_LOSSES = 4
"""How often one is begun whose worker or machine dies."""
_FAILED_STARTS = 5
"""How many workers in a row may die before their first job."""
_LOOK = 5.0
"""Machines may join and leave: so often they are counted [s]."""
_KNOCK = 5.0
"""How long an address may take to answer [s]."""


class _Worker:
    """Does jobs in a process somewhere in the cluster."""

    def __init__(self, work: Callable[[Any], Any]):
        self._work = work

    def release(self) -> str:
        """Return which release of this package is installed there."""
        return version("embodied-mem")

    def do(self, job: object) -> tuple[str, Any]:
        """Do one job."""
        try:
            return "done", self._work(job)
        except EmbodiedMemError as error:
            return "failed", str(error)


@dataclass(slots=True)
class _Slot:
    """One worker, and what it is at."""

    actor: Any
    reference: Any
    """Its next answer: that it is there, or of its job."""
    key: str | None = None
    """The job; None before the first and after the last."""
    began: float = 0.0

    def late(self, timeout: float | None) -> bool:
        """Whether its job takes too long."""
        return self.key is not None and timeout is not None and self.seconds() > timeout

    def seconds(self) -> float:
        """Return how long it has been at its job [s]."""
        return time.monotonic() - self.began


def run_ray_jobs(
    jobs: Mapping[str, Job],
    work: Callable[[Job], Result],
    *,
    address: str,
    timeout: float | None = None,
) -> Generator[Answer[Result], None, None]:
    """Do jobs on all CPUs of a Ray cluster, one thread each, and yield answers as they come.

    A job whose worker or machine dies is done again elsewhere. Machines that join later are used.
    Closing the iterator ends every worker. This package must be installed, in the same release, on
    every machine, and files that jobs name must be there.

    Args:
        jobs: What to do, by key; values must be picklable.
        work: Does one job; a function of a module, or a partial of one. An EmbodiedMemError is an
            answer; any other exception is tried once more.
        address: HOST:PORT of the cluster, `auto` for the one that this machine belongs to, `local`
            for one of this machine's CPUs.
        timeout: Longest time for one job [s]; its worker is then killed. None waits for ever.

    Raises:
        ConfigError: No cluster answers there, or it has another release of this package.
        BackendError: No worker can be started in it.
    """
    with connected(address):
        pool = _Pool(jobs, work, timeout)
        try:
            yield from pool.run()
        finally:
            pool.close()


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster; one that this process is connected to already is used.

    Raises:
        ConfigError: No cluster answers there.
    """
    ours = not ray.is_initialized()
    if ours:
        _connect(address)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _connect(address: str) -> None:
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    try:
        if colon:  # Ray itself would try for minutes.
            socket.create_connection((host, int(port)), timeout=_KNOCK).close()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Nothing is told to Ray's makers.
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            configure_logging=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"no Ray cluster answers at '{address}': {error}. Start one with `ray start --head` "
            "and give its HOST:PORT."
        ) from error


class _Pool:
    """Workers in the cluster, as many as it has CPUs and there are jobs."""

    def __init__(
        self, jobs: Mapping[str, Any], work: Callable[[Any], Any], timeout: float | None
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._timeout = timeout
        self._worker: Any = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
        self._waiting = deque(jobs)
        self._slots: list[_Slot] = []
        self._errors = dict.fromkeys(jobs, 0)
        self._losses = dict.fromkeys(jobs, 0)
        self._failed_starts = 0

    def run(self) -> Generator[Answer[Any], None, None]:
        """Yield answers until there are no jobs left."""
        while self._waiting or any(slot.key is not None for slot in self._slots):
            self._grow()
            ready, _ = ray.wait([slot.reference for slot in self._slots], timeout=self._patience())
            for slot in list(self._slots):
                if slot.reference in ready:
                    answer = self._hear(slot)
                elif slot.late(self._timeout):
                    answer = self._end(slot, f"gave no answer within {self._timeout:.0f} s.")
                else:
                    continue
                if answer is not None:
                    yield answer

    def close(self) -> None:
        """End every worker."""
        for slot in self._slots:
            ray.kill(slot.actor)
        self._slots.clear()

    def _grow(self) -> None:
        busy = sum(slot.key is not None for slot in self._slots)
        cpus = max(1, int(ray.cluster_resources().get("CPU", 0)))
        while len(self._slots) < min(cpus, busy + len(self._waiting)):
            actor = self._worker.remote(self._work)
            self._slots.append(_Slot(actor, actor.release.remote()))

    def _patience(self) -> float:
        """Return how long to wait until the first of the jobs is late [s]."""
        if self._timeout is None:
            return _LOOK
        begun = [slot.began for slot in self._slots if slot.key is not None]
        left = min(begun, default=time.monotonic()) + self._timeout - time.monotonic()
        return min(_LOOK, max(0.0, left) + 0.01)

    def _hear(self, slot: _Slot) -> Answer[Any] | None:
        """Take what a worker has to say, and give it its next job."""
        try:
            said: Any = ray.get(slot.reference)
        except RayTaskError as error:
            return self._failed(slot, error)
        except RayError as error:
            return self._lost(slot, error)
        self._failed_starts = 0
        if slot.key is None:
            self._check_release(said)
            self._give(slot)
            return None
        kind, value = said
        answer: Answer[Any] = Answer(
            key=slot.key,
            result=value if kind == "done" else None,
            error="" if kind == "done" else value,
            seconds=slot.seconds(),
        )
        self._give(slot)
        return answer

    def _give(self, slot: _Slot) -> None:
        if not self._waiting:
            slot.key = None
            self._remove(slot)
            return
        slot.key, slot.began = self._waiting.popleft(), time.monotonic()
        slot.reference = slot.actor.do.remote(self._jobs[slot.key])

    def _failed(self, slot: _Slot, error: RayTaskError) -> Answer[Any] | None:
        """Try once more what ended in an exception, in another process."""
        if slot.key is None:
            return self._lost(slot, error)
        self._errors[slot.key] += 1
        if self._errors[slot.key] < _TRIES:
            return self._again(slot)
        cause = error.cause
        return self._end(slot, f"its process died: {type(cause).__name__}: {cause}.")

    def _lost(self, slot: _Slot, error: RayError) -> Answer[Any] | None:
        """Do again what a worker was at that is no more."""
        if slot.key is None:
            self._failed_starts += 1
            self._remove(slot)
            if self._failed_starts >= _FAILED_STARTS:
                raise BackendError(
                    f"no worker can be started in the Ray cluster: {error}"
                ) from error
            return None
        self._losses[slot.key] += 1
        if self._losses[slot.key] < _LOSSES:
            return self._again(slot)
        what = "it or its machine was killed" if isinstance(error, RayActorError) else str(error)
        return self._end(slot, f"its process died: {what}.")

    def _again(self, slot: _Slot) -> None:
        assert slot.key is not None
        self._waiting.append(slot.key)
        self._remove(slot)

    def _end(self, slot: _Slot, error: str) -> Answer[Any]:
        """Give up a job and its worker."""
        assert slot.key is not None
        self._remove(slot)
        return Answer(key=slot.key, error=error, seconds=slot.seconds())

    def _remove(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        ray.kill(slot.actor)

    def _check_release(self, theirs: str) -> None:
        ours = version("embodied-mem")
        if theirs != ours:
            raise ConfigError(
                f"the Ray cluster has embodied-mem {theirs}, this is {ours}. Install the same "
                "release on every machine."
            )
