"""How well memory tells objects apart, against a simulator's truth: pure functions.

Identity follows Ristani et al. 2016 (Performance Measures and a Data Set for Multi-Target,
Multi-Camera Tracking, section 3): true objects and memory's ids are matched one to one so that the
most detections agree; IDTP are the detections that do, IDFN those of true objects that do not, IDFP
those that were given an id and do not; IDF1 = 2 IDTP / (2 IDTP + IDFP + IDFN).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

_Group = TypeVar("_Group")


@dataclass(frozen=True, slots=True)
class Counts:
    """Right answers, wrong ones, and those that are missing."""

    right: int = 0
    wrong: int = 0
    missing: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.right + other.right, self.wrong + other.wrong, self.missing + other.missing
        )

    @property
    def precision(self) -> float:
        """Share of right answers in those given; 1 where none was given."""
        given = self.right + self.wrong
        return self.right / given if given else 1.0

    @property
    def recall(self) -> float:
        """Share of right answers in those wanted; 1 where none was wanted."""
        wanted = self.right + self.missing
        return self.right / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing was given or wanted."""
        total = 2 * self.right + self.wrong + self.missing
        return 2 * self.right / total if total else 1.0


def match_identities(truth: Sequence[str], found: Sequence[str]) -> dict[str, str]:
    """Match memory's ids to true objects, one to one, so that the most detections agree.

    Args:
        truth: True object of each detection, over all time.
        found: Memory's id of each; "" where it was given none.

    Returns:
        True object by memory's id; ids that share no detection with their match are left out.
    """
    pairs = Counter((f, t) for t, f in zip(truth, found, strict=True) if f)
    rows = {name: i for i, name in enumerate(dict.fromkeys(f for f, _ in pairs))}
    columns = {name: i for i, name in enumerate(dict.fromkeys(t for _, t in pairs))}
    shared = np.zeros((len(rows), len(columns)))
    for (f, t), count in pairs.items():
        shared[rows[f], columns[t]] = count
    names, objects = list(rows), list(columns)
    return {
        names[r]: objects[c]
        for r, c in zip(*linear_sum_assignment(shared, maximize=True), strict=True)
        if shared[r, c] > 0
    }


def identity_counts(truth: Sequence[str], found: Sequence[str]) -> Counts:
    """Count IDTP, IDFP and IDFN over all detections."""
    match = match_identities(truth, found)
    right = sum(match.get(f) == t for t, f in zip(truth, found, strict=True) if f)
    return Counts(right, sum(map(bool, found)) - right, len(truth) - right)


def identity_switches(truth: Sequence[str], found: Sequence[str]) -> int:
    """Count how often a true object's id differs from the one that it had before, in time order."""
    last: dict[str, str] = {}
    switches = 0
    for t, f in zip(truth, found, strict=True):
        if f:
            switches += last.get(t, f) != f
            last[t] = f
    return switches


def fragmentation(truth: Sequence[str], found: Sequence[str]) -> int:
    """Count the ids that true objects were given beyond one each."""
    ids: dict[str, set[str]] = {}
    for t, f in zip(truth, found, strict=True):
        if f:
            ids.setdefault(t, set()).add(f)
    return sum(len(names) - 1 for names in ids.values())


def owners(truth: Sequence[str], found: Sequence[str]) -> dict[str, str]:
    """Return for each of memory's ids the true object that most of its detections show."""
    votes: dict[str, Counter[str]] = {}
    for t, f in zip(truth, found, strict=True):
        if f:
            votes.setdefault(f, Counter())[t] += 1
    return {name: max(sorted(c), key=lambda t, c=c: c[t]) for name, c in votes.items()}


def mixed(truth: Sequence[str], found: Sequence[str]) -> int:
    """Count the detections whose id belongs mostly to another true object: false merges."""
    owner = owners(truth, found)
    return sum(owner[f] != t for t, f in zip(truth, found, strict=True) if f)


def surplus(alive: Sequence[str], owner: Mapping[str, str]) -> int:
    """Count memory's objects beyond one for each true object: duplicates, and those of nothing.

    Args:
        alive: Memory's ids of what it believes to be there.
        owner: True object by id.
    """
    return len(alive) - len({owner[name] for name in alive if name in owner})


def position_errors(
    boxes: Mapping[str, Float[np.ndarray, "2 3"]],
    match: Mapping[str, str],
    truth: Mapping[str, Float[np.ndarray, "2 3"]],
) -> Float[np.ndarray, "k"]:
    """Return the distance between the middles of each matched object's two boxes [m].

    Args:
        boxes: Memory's box by its id [m]; NaN where it has none: such objects are left out.
        match: True object by memory's id.
        truth: True box by true object [m].
    """
    pairs = [(boxes[f], truth[t]) for f, t in match.items() if f in boxes and t in truth]
    gaps = [float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))) for a, b in pairs]
    return np.array([gap for gap in gaps if np.isfinite(gap)])


def set_counts(found: Sequence[Hashable], truth: Sequence[Hashable]) -> Counts:
    """Count facts that are right, wrong and missing; a fact that is found twice is wrong once."""
    have, want = Counter(found), Counter(truth)
    right = sum((have & want).values())
    return Counts(right, sum(have.values()) - right, sum(want.values()) - right)


def bootstrap(
    groups: Sequence[_Group],
    statistic: Callable[[Sequence[_Group]], float],
    rng: np.random.Generator,
    *,
    times: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return an interval of a statistic over houses, drawn with replacement (percentile method).

    Args:
        groups: What each house gave.
        statistic: The number that many houses come to.
        rng: Draws the houses.
        times: Draws.
        level: Share of draws inside the interval, 0..1.
    """
    draws = rng.integers(0, len(groups), (times, len(groups)))
    values = [statistic([groups[i] for i in draw]) for draw in draws.tolist()]
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail]).tolist()
    return low, high
