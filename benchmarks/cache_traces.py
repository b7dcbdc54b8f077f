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

    @property
    def distinct(self) -> int:
        """Return how many keys there are."""
        return len(set(self.keys))


def _clocked(family: str, keys: np.ndarray) -> Trace:
    """Let one use happen each second."""
    return Trace(family=family, keys=keys.tolist(), stamps=np.arange(float(len(keys))).tolist())


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
    trace[blocks] = keys + np.arange(np.count_nonzero(blocks))
    return _clocked("Zipf 0.9 + scans", trace)


def shifting(*, keys: int, length: int, every: int, seed: int) -> Trace:
    """Return Zipf 0.9 uses whose ranks are dealt anew after `every` uses."""
    rng = np.random.default_rng(seed)
    trace = draw_zipf(rng, 0.9, keys, length)
    for start in range(0, length, every):
        trace[start : start + every] = rng.permutation(keys)[trace[start : start + every]]
    return _clocked(f"shifting, every {every}", trace)


def household(path: Path = DATA) -> Iterator[Trace]:
    """Yield three traces of each recorded house.

    `frames`: what is in view and what is touched in each step, as memory itself is told.
    `visits`: an object counts when it comes into view, and when it is touched.
    `uses`: only what is touched.
    """
    arrays = np.load(path)
    for seed in sorted({name.split(".")[0] for name in arrays.files}, key=int):
        seen, counts, used, stamps = (
            arrays[f"{seed}.{name}"] for name in ("seen", "counts", "used", "stamps")
        )
        views = np.split(seen, np.cumsum(counts)[:-1])
        yield from _house_traces([view.tolist() for view in views], used.tolist(), stamps.tolist())


def _house_traces(
    views: list[list[int]], used: list[int], stamps: list[float]
) -> tuple[Trace, Trace, Trace]:
    frames: list[tuple[int, float]] = []
    visits: list[tuple[int, float]] = []
    uses: list[tuple[int, float]] = []
    before: set[int] = set()
    for view, target, stamp in zip(views, used, stamps, strict=True):
        touched = [(target, stamp)] if target >= 0 else []
        frames += [(key, stamp) for key in view] + touched
        visits += [(key, stamp) for key in view if key not in before] + touched
        uses += touched
        before = set(view)
    first, second, third = (
        Trace(family=f"household {name}", keys=[k for k, _ in pairs], stamps=[s for _, s in pairs])
        for name, pairs in (("frames", frames), ("visits", visits), ("uses", uses))
    )
    return first, second, third


def standard_traces(*, length: int = 20_000, keys: int = 400, seed: int = 0) -> list[Trace]:
    """Return the traces of the benchmark, the same for the same seed."""
    return [
        *household(),
        *(zipf(a, keys=keys, length=length, seed=seed) for a in (0.6, 0.9, 1.2)),
        loop(keys=keys, length=length),
        zipf_with_scans(keys=keys, length=length, seed=seed),
        shifting(keys=keys, length=length, every=2000, seed=seed),
        shifting(keys=keys, length=length, every=200, seed=seed),
    ]
