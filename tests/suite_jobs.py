"""Jobs for worker processes, and a suite of them to run and to kill."""

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from embodied_mem.errors import HouseError
from embodied_mem.runtime.metrics import EpisodeRow
from embodied_mem.runtime.suite import run_suite

FOREVER = 900.0
"""How long a job takes that is to be ended; who waits for it took as long, on any machine [s]."""


class NumberJob(msgspec.Struct, frozen=True):
    """Square a number, after a while, perhaps never; leaves a line in a log."""

    number: int
    log: str
    seconds: float = 0.0
    trouble: str = ""


def go_on(log: str | Path) -> Path:
    """Return the file for which jobs wait that are told to."""
    return Path(f"{log}.go")


def square(job: NumberJob) -> tuple[EpisodeRow, ...]:
    with Path(job.log).open("a") as log:
        log.write(f"{job.number} {os.environ.get('OMP_NUM_THREADS')} {os.getpid()}\n")
    while job.trouble == "meet" and len(Path(job.log).read_text().splitlines()) < 2:
        time.sleep(0.02)  # Until another worker is at its job.
    machine = os.getppid()
    while job.trouble == "wait" and not go_on(job.log).exists():
        time.sleep(0.02)
    if os.getppid() != machine:
        time.sleep(FOREVER)  # It is gone: nobody hears of a job there.
    time.sleep(job.seconds)
    match job.trouble:
        case "house":
            raise HouseError("the house has no rooms.")
        case "bug":
            raise ZeroDivisionError("a bug")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill once" if Path(job.log).read_text().count(f"{job.number} ") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return (
        EpisodeRow(
            group="keep",
            task=str(job.number),
            goal=f"clean(plate#{job.number})",
            success=job.number % 3 > 0,
            met=1,
            total=1,
            steps=job.number**2,
            failed_actions=0,
            exploration_steps=0,
            path_length=1.0,
            seconds=2.0,
        ),
    )


def jobs(log: str, count: int = 6, seconds: float = 0.0) -> dict[str, NumberJob]:
    return {f"job{n}": NumberJob(n, log, seconds) for n in range(1, count + 1)}


if __name__ == "__main__":
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    run_suite(
        jobs(str(folder / "log"), seconds=seconds),
        square,
        path=folder / "results.jsonl",
        settings="squares",
        workers=2,
        on_progress=lambda p: print(p.done, flush=True),  # noqa: T201
    )
