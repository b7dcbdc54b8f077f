"""What the parts of a memory are worth: numbers of each condition, with bootstrap intervals.

Over the episodes of one suite and one condition, where condition `none` carries nothing along:

- SR: share of episodes whose every sub-goal was reached in order.
- GC: goal conditions met, of all that were asked for, pooled.
- PLW-SR: sum of L* s min(1, L* / L) over sum of L* (ALFRED), L* being the expert's steps.
- MRA, memory retrieval accuracy: of memory's answers about things and places at the beginning of
  sub-goals, how many were true at that time (KARMA).
- MHR, memory hit rate: of those questions, how many memory had an answer to (KARMA).
- exploration: steps that went into looking for things; points: places gone to for that.
- RE, reduced exploration: 1 - exploration / exploration under `none`, paired by episode.
- RT, reduced time: 1 - steps / steps under `none`, paired by episode.

Sums run over the same episodes in both; an episode that the budget ended has explored less than it
had to, so RE and RT err to the low side.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.runtime.intervals import Estimate, mean, pooled_ratio
from embodied_mem.runtime.metrics import EpisodeRow

NOTHING = "none"
"""The condition that the others are compared with."""


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one suite under one condition; see the module's text."""

    suite: str
    group: str
    episodes: int
    left_out: int
    """Episodes whose beginning did not come about, under any condition."""
    success_rate: Estimate
    goal_conditions: Estimate
    path_weighted_success: Estimate
    retrieval_accuracy: Estimate
    hit_rate: Estimate
    steps: Estimate
    exploration: Estimate
    points: Estimate
    reduced_exploration: Estimate
    reduced_time: Estimate
    success_ratio: Estimate
    """Success rate over that of `none`."""
    exploration_ratio: Estimate
    """Exploration of `none` over this one's: how many times lower it is."""
    seconds: float
    """Mean wall time of an episode [s]."""


def ablate(rows: Sequence[EpisodeRow], *, seed: int = 0) -> tuple[Ablation, ...]:
    """Return the numbers of each suite and condition, in order of appearance."""
    found = []
    for suite in dict.fromkeys(row.suite for row in rows):
        these = [row for row in rows if row.suite == suite]
        base = {row.task: row for row in these if row.group == NOTHING and row.scored}
        for group in dict.fromkeys(row.group for row in these):
            mine = [row for row in these if row.group == group]
            found.append(_ablation(suite, group, mine, base, seed))
    return tuple(found)


def _ablation(
    suite: str, group: str, rows: Sequence[EpisodeRow], base: dict[str, EpisodeRow], seed: int
) -> Ablation:
    scored = [row for row in rows if row.scored]
    pairs = [(row, base[row.task]) for row in scored if row.task in base]

    def column(value: Callable[[EpisodeRow], float]) -> Float[np.ndarray, "n"]:
        return np.array([value(row) for row in scored], dtype=np.float64)

    def ratio(
        mine: Callable[[EpisodeRow], float], other: Callable[[EpisodeRow], float]
    ) -> Estimate:
        return pooled_ratio(column(mine), column(other), seed=seed)

    def against(
        value: Callable[[EpisodeRow], float], *, inverse: bool = False, saved: bool = False
    ) -> Estimate:
        own = np.array([value(row) for row, _ in pairs], dtype=np.float64)
        none = np.array([value(other) for _, other in pairs], dtype=np.float64)
        if inverse:
            return pooled_ratio(none, own, seed=seed)
        return pooled_ratio(own, none, seed=seed, complement=saved)

    return Ablation(
        suite=suite,
        group=group,
        episodes=len(scored),
        left_out=len(rows) - len(scored),
        success_rate=mean(column(lambda row: row.success), seed=seed),
        goal_conditions=ratio(lambda row: row.met, lambda row: row.total),
        path_weighted_success=ratio(_weighted, _expert),
        retrieval_accuracy=ratio(lambda row: row.recalled, lambda row: row.answered),
        hit_rate=ratio(lambda row: row.answered, lambda row: row.asked),
        steps=mean(column(lambda row: row.steps), seed=seed),
        exploration=mean(column(lambda row: row.exploration_steps), seed=seed),
        points=mean(column(lambda row: row.visited_points), seed=seed),
        reduced_exploration=against(lambda row: row.exploration_steps, saved=True),
        reduced_time=against(lambda row: row.steps, saved=True),
        success_ratio=against(lambda row: row.success),
        exploration_ratio=against(lambda row: row.exploration_steps, inverse=True),
        seconds=float(column(lambda row: row.seconds).mean()) if scored else 0.0,
    )


def _expert(row: EpisodeRow) -> float:
    return float(max(row.expert_steps or 1, 1))


def _weighted(row: EpisodeRow) -> float:
    """Return L* s min(1, L* / L) (ALFRED, arXiv:1912.01734, section 5.2)."""
    expert = _expert(row)
    return expert * row.success * min(1.0, expert / max(row.steps, 1))
