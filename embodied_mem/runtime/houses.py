"""Work on many houses, each known by its seed, in this process or in several."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence


def each_house(work: Callable[[int], int], seeds: Sequence[int], workers: int) -> Iterator[int]:
    """Do the work for every seed, and yield what it returns.

    Args:
        work: What is done; it must be picklable where there are several workers.
        seeds: Of the houses.
        workers: Processes that work; with 0 or 1 it is this one, and results come in order.
    """
    if workers < 2 or len(seeds) < 2:
        yield from map(work, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(seeds)), _leave_interrupts) as pool:
        yield from pool.imap_unordered(work, seeds)


def _leave_interrupts() -> None:
    """Let Ctrl-C reach only the process that waits; it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
