"""Traces of object uses: recorded in households, and drawn from distributions by a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "household.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Uses of keys, in order."""

    family: str
    """What it stands for; traces of one family are averaged."""
    keys: list[int]
    stamps: list[float]
    """Time of each use [s]."""
    asked: list[bool] | None = None
    """Uses that only ask for a key, and bring it in no more than a question brings in a mug; they
    alone count then. None where every use brings in its key, and counts."""
    passing: int = 0
    """Keys that come once and never again, by design."""

    @property
    def population(self) -> int:
        """Return how many keys there are, without those that only pass."""
        return len(set(self.keys)) - self.passing

    @property
    def counted(self) -> int:
        """Return how many uses count."""
        return len(self.keys) if self.asked is None else sum(self.asked)


def _clocked(family: str, keys: np.ndarray, passing: int = 0) -> Trace:
    """Let one use happen each second."""
    stamps = np.arange(float(len(keys))).tolist()
    return Trace(family=family, keys=keys.tolist(), stamps=stamps, passing=passing)


def draw_zipf(rng: np.random.Generator, exponent: float, keys: int, length: int) -> np.ndarray:
    """Draw independent uses of `keys` keys, the k-th as often as 1 / k^exponent."""
    weights = 1 / np.arange(1, keys + 1) ** exponent
    return rng.choice(keys, length, p=weights / weights.sum())


def zipf(exponent: float, *, keys: int, length: int, seed: int) -> Trace:
    """Return independent uses."""
    rng = np.random.default_rng(seed)
    return _clocked(f"Zipf {exponent:g}", draw_zipf(rng, exponent, keys, length))


def loop(*, keys: int, length: int) -> Trace:
    """Return a round through all keys, again and again."""
    return _clocked("loop", np.arange(length) % keys)


def zipf_with_scans(*, keys: int, length: int, seed: int) -> Trace:
    """Return Zipf 0.9 uses among which, a third of the time, things pass that never come again."""
    rng = np.random.default_rng(seed)
    trace = draw_zipf(rng, 0.9, keys, length)
    blocks = np.arange(length) // 50 % 3 == 2
    passing = int(np.count_nonzero(blocks))
    trace[blocks] = keys + np.arange(passing)
    return _clocked("Zipf 0.9 + scans", trace, passing=passing)


def shifting(*, keys: int, length: int, every: int, seed: int) -> Trace:
    """Return Zipf 0.9 uses whose ranks are dealt anew after `every` uses."""
    rng = np.random.default_rng(seed)
    trace = draw_zipf(rng, 0.9, keys, length)
    for start in range(0, length, every):
        trace[start : start + every] = rng.permutation(keys)[trace[start : start + every]]
    return _clocked(f"shifting, every {every}", trace)


def household(path: Path = DATA) -> Iterator[Trace]:
    """Yield five traces of each recorded house.

    `frames`: what is in view and what is touched in each step, as memory itself is told.
    `visits`: an object counts when it comes into view, and when it is touched.
    `uses`: only what is touched.
    `habits`: the recorded tasks' uses, task by task, in the order of a household with habits.
    `recalls`: as frames; and as a task begins, what it will touch and was seen before is asked for.
    Only the asking counts.
    """
    arrays = np.load(path)
    for house in sorted({name.split(".")[0] for name in arrays.files}, key=int):
        seen, counts, used, stamps, starts = (
            arrays[f"{house}.{name}"] for name in ("seen", "counts", "used", "stamps", "starts")
        )
        views = [view.tolist() for view in np.split(seen, np.cumsum(counts)[:-1])]
        yield from _sights(views, used.tolist(), stamps.tolist())
        tasks = [
            [(key, stamp) for key, stamp in zip(keys, times, strict=True) if key >= 0]
            for keys, times in zip(
                np.split(used, starts[1:]), np.split(stamps, starts[1:]), strict=True
            )
        ]
        yield habits([task for task in tasks if task], seed=int(house))
        yield _recalls(views, used.tolist(), stamps.tolist(), starts.tolist())


def _sights(
    views: list[list[int]], used: list[int], stamps: list[float]
) -> tuple[Trace, Trace, Trace]:
    frames, visits, uses = _Events(), _Events(), _Events()
    before: set[int] = set()
    for view, target, stamp in zip(views, used, stamps, strict=True):
        frames.add(view, stamp)
        visits.add([key for key in view if key not in before], stamp)
        if target >= 0:
            for events in (frames, visits, uses):
                events.add([target], stamp)
        before = set(view)
    return frames.trace("frames"), visits.trace("visits"), uses.trace("uses")


def habits(tasks: list[list[tuple[int, float]]], *, seed: int, count: int = 400) -> Trace:
    """Draw tasks as a household does: the k-th favourite 1 / k as often, ten minutes apart.

    Args:
        tasks: What each recorded task touched, and when [s].
        seed: Of the favourites and of their order.
        count: Tasks to do.
    """
    rng = np.random.default_rng(seed)
    ranks = rng.permutation(len(tasks))
    events, now = _Events(), 0.0
    for number in ranks[draw_zipf(rng, 1.0, len(tasks), count)]:
        first = tasks[number][0][1]
        for key, stamp in tasks[number]:
            events.add([key], now + stamp - first)
        now = events.stamps[-1] + 600.0
    return events.trace("habits")


def _recalls(
    views: list[list[int]], used: list[int], stamps: list[float], starts: list[int]
) -> Trace:
    events, seen = _Events(), set[int]()
    for start, end in zip(starts, [*starts[1:], len(views)], strict=True):
        wanted = dict.fromkeys(key for key in used[start:end] if key in seen)
        events.add(list(wanted), stamps[start] if start < len(stamps) else 0.0, asked=True)
        for place in range(start, end):
            events.add(views[place], stamps[place])
            seen.update(views[place])
    return events.trace("recalls")


class _Events:
    """A trace in the making."""

    def __init__(self):
        self.keys: list[int] = []
        self.stamps: list[float] = []
        self.asked: list[bool] = []

    def add(self, keys: list[int], stamp: float, *, asked: bool = False) -> None:
        self.keys += keys
        self.stamps += [stamp] * len(keys)
        self.asked += [asked] * len(keys)

    def trace(self, name: str) -> Trace:
        return Trace(
            family=f"household {name}",
            keys=self.keys,
            stamps=self.stamps,
            asked=self.asked if any(self.asked) else None,
        )


def standard_traces(*, length: int = 10_000, keys: int = 400, seed: int = 0) -> list[Trace]:
    """Return the traces of the benchmark, the same for the same seed."""
    return [
        *household(),
        *(zipf(a, keys=keys, length=length, seed=seed) for a in (0.6, 0.9, 1.2)),
        loop(keys=keys, length=length),
        zipf_with_scans(keys=keys, length=length, seed=seed),
        shifting(keys=keys, length=length, every=2000, seed=seed),
        shifting(keys=keys, length=length, every=200, seed=seed),
    ]
