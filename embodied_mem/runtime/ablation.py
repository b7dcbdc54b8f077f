"""What the parts of a memory are worth: numbers of each condition, with bootstrap intervals.

Over the episodes of one suite and one condition, where condition `none` carries nothing along:

- SR: share of episodes whose every sub-goal was reached in order. SR1: without a correction.
- GC: goal conditions met, of all that were asked for, pooled.
- PLW-SR: sum of L* s min(1, L* / L) over sum of L* (ALFRED), L* being the expert's steps.
- MRA, memory retrieval accuracy: of memory's answers about things and places at the beginning of
  sub-goals, how many were true at that time (KARMA).
- MHR, memory hit rate: of those questions, how many memory had an answer to (KARMA).
- exploration: steps that went into looking for things; points: places gone to for that.
- cost, exploration to success: exploration of all episodes over the number that succeeded (the
  expected running time of COCO, arXiv:1603.08785). See docs/suites.md for why, and for the others.
- RE, reduced exploration: 1 - exploration / exploration under `none`, paired by episode.
- RT, reduced time: 1 - steps / steps under `none`, paired by episode.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.runtime.intervals import Estimate, mean, of_sums, pooled_ratio
from embodied_mem.runtime.metrics import EpisodeRow

BASELINE = "none"
"""The condition that the others are compared with."""

PARTS = (0.6, 0.7, 0.8, 0.9, 1.0)
"""Parts of the budget."""

Value = Callable[[EpisodeRow], float]


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one suite under one condition; see the module's text."""

    suite: str
    group: str
    episodes: int
    left_out: int
    """Episodes whose beginning did not come about, under any condition."""
    success_rate: Estimate
    first_try: Estimate
    """Success rate without a correction."""
    goal_conditions: Estimate
    path_weighted_success: Estimate
    retrieval_accuracy: Estimate
    hit_rate: Estimate
    steps: Estimate
    exploration: Estimate
    """Mean of all episodes [steps]."""
    points: Estimate
    exploration_to_success: Estimate
    """Exploration of all episodes over the number that succeeded [steps]."""
    reduced_exploration: Estimate
    reduced_time: Estimate
    success_ratio: Estimate
    """Success rate over that of `none`."""
    cost_ratio: Estimate
    """Exploration to success of `none` over this one's: how many times lower it is."""
    condition_ratio: Estimate
    """The same of exploration per goal condition met."""
    exploration_ratio: Estimate
    """The same of mean exploration."""
    reached_ratio: Estimate
    """The same of the episodes that succeed under both conditions."""
    both_reached: int
    """How many these are."""
    charged_ratio: Estimate
    """The same where a failed episode counts with its whole budget."""
    success_within: dict[float, float]
    """Success rate within parts of the budget, of which the agent is not told."""
    seconds: float
    """Mean wall time of an episode [s]."""


def ablate(rows: Sequence[EpisodeRow], *, seed: int = 0) -> tuple[Ablation, ...]:
    """Return the numbers of each suite and condition, in order of appearance."""
    found = []
    for suite in dict.fromkeys(row.suite for row in rows):
        these = [row for row in rows if row.suite == suite]
        base = {row.task: row for row in these if row.group == BASELINE and row.scored}
        for group in dict.fromkeys(row.group for row in these):
            mine = [row for row in these if row.group == group]
            found.append(_ablation(suite, group, mine, base, seed))
    return tuple(found)


def _ablation(
    suite: str, group: str, rows: Sequence[EpisodeRow], base: dict[str, EpisodeRow], seed: int
) -> Ablation:
    scored = [row for row in rows if row.scored]
    pairs = [(row, base[row.task]) for row in scored if row.task in base]
    reached = [(row, other) for row, other in pairs if row.success and other.success]

    def average(value: Value) -> Estimate:
        return mean(_column(scored, value), seed=seed)

    def ratio(mine: Value, other: Value) -> Estimate:
        return pooled_ratio(_column(scored, mine), _column(scored, other), seed=seed)

    def saved(value: Value) -> Estimate:
        own, none = _paired(pairs, value).T
        return pooled_ratio(own, none, seed=seed, complement=True)

    return Ablation(
        suite=suite,
        group=group,
        episodes=len(scored),
        left_out=len(rows) - len(scored),
        success_rate=average(_success),
        first_try=average(lambda row: row.success and not row.corrections),
        goal_conditions=ratio(_met, lambda row: row.total),
        path_weighted_success=ratio(_weighted, _expert),
        retrieval_accuracy=ratio(lambda row: row.recalled, lambda row: row.answered),
        hit_rate=ratio(lambda row: row.answered, lambda row: row.asked),
        steps=average(_steps),
        exploration=average(_explored),
        points=average(lambda row: row.visited_points),
        exploration_to_success=ratio(_explored, _success),
        reduced_exploration=saved(_explored),
        reduced_time=saved(_steps),
        success_ratio=_times(pairs, _success, seed, inverse=True),
        cost_ratio=_times_per(pairs, _success, seed),
        condition_ratio=_times_per(pairs, _met, seed),
        exploration_ratio=_times(pairs, _explored, seed),
        reached_ratio=_times(reached, _explored, seed),
        both_reached=len(reached),
        charged_ratio=_times(pairs, _charged, seed),
        success_within={part: average(_within(part)).value for part in PARTS},
        seconds=float(_column(scored, lambda row: row.seconds).mean()) if scored else 0.0,
    )


Pairs = Sequence[tuple[EpisodeRow, EpisodeRow]]
"""Episodes under one condition, each with the same task's under the baseline."""


def _column(rows: Sequence[EpisodeRow], value: Value) -> Float[np.ndarray, "n"]:
    return np.array([value(row) for row in rows], dtype=np.float64)


def _paired(pairs: Pairs, value: Value) -> Float[np.ndarray, "n 2"]:
    """Return a value under the condition and under the baseline."""
    both = [(value(row), value(other)) for row, other in pairs]
    return np.array(both, dtype=np.float64).reshape(-1, 2)


def _times(pairs: Pairs, value: Value, seed: int, *, inverse: bool = False) -> Estimate:
    """Estimate how many times lower (or higher, `inverse`) a value is than under the baseline."""
    own, none = _paired(pairs, value).T
    return pooled_ratio(own, none, seed=seed) if inverse else pooled_ratio(none, own, seed=seed)


def _times_per(pairs: Pairs, gain: Value, seed: int) -> Estimate:
    """Estimate how many times lower exploration per gain is than under the baseline."""

    def figure(sums: Float[np.ndarray, "d 4"]) -> Float[np.ndarray, "d"]:
        own, none, gained, gained_none = sums.T
        return (none * gained) / (own * gained_none)

    columns = np.hstack((_paired(pairs, _explored), _paired(pairs, gain)))
    return of_sums(columns, figure, seed=seed)


def _success(row: EpisodeRow) -> float:
    return float(row.success)


def _within(part: float) -> Value:
    return lambda row: row.success and (not row.budget or row.steps <= part * row.budget)


def _met(row: EpisodeRow) -> float:
    return float(row.met)


def _steps(row: EpisodeRow) -> float:
    return float(row.steps)


def _explored(row: EpisodeRow) -> float:
    return float(row.exploration_steps)


def _charged(row: EpisodeRow) -> float:
    """Return the exploration, or for a failed episode all the steps that it might have taken."""
    return _explored(row) if row.success else float(max(row.budget, row.steps))


def _expert(row: EpisodeRow) -> float:
    return float(max(row.expert_steps or 1, 1))


def _weighted(row: EpisodeRow) -> float:
    """Return L* s min(1, L* / L) (ALFRED, arXiv:1912.01734, section 5.2)."""
    expert = _expert(row)
    return expert * row.success * min(1.0, expert / max(row.steps, 1))
