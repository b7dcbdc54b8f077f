"""What many episodes come to: the numbers of one table.

Let episode e have success s_e (0 or 1), L_e steps taken and a reference length L*_e: the expert's
steps where there is one, otherwise the fewest steps of any successful run of the same task in the
whole table; a task that nobody solved has the mean reference of the others.

- SR: mean of s_e.
- GC: goal conditions met, of all that were asked for, pooled over episodes (ALFRED).
- PLW-SR: sum of L*_e s_e min(1, L*_e / max(L_e, 1)) over sum of L*_e (ALFRED's path weighting).
- invalid rate: refused actions of all actions.
- exploration: mean steps that went into looking for things.
- seconds per step: wall time over steps, both summed.
"""

from collections.abc import Iterable, Sequence

import msgspec


class EpisodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One finished episode."""

    group: str
    """What the table compares: a condition, e.g. `keep` or `clear`."""
    task: str
    """Names the task; the same in every group."""
    goal: str
    success: bool
    met: int
    total: int
    steps: int
    failed_actions: int
    exploration_steps: int
    path_length: float
    """[m]."""
    seconds: float
    """Wall time [s]."""
    reason: str = ""
    expert_steps: int | None = None
    """Steps of an expert, where known."""
    suite: str = ""
    """The split that the task belongs to."""
    asked: int = 0
    """Things and places that memory was asked for when a sub-goal began."""
    answered: int = 0
    """How many of them it held something for."""
    recalled: int = 0
    """How many of its answers were true at that time."""
    visited_points: int = 0
    """Places gone to in search of something (KARMA's exploration cost)."""
    corrections: int = 0
    """How often the agent had declared a sub-goal reached, was told no, and tried another way."""
    budget: int = 0
    """Most steps that it had."""
    scored: bool = True
    """False where what was to be remembered did not come about: left out of the numbers."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one group; see the module's text for each."""

    group: str
    episodes: int
    success_rate: float
    goal_conditions: float
    path_weighted_success: float
    steps: float
    """Mean steps of an episode."""
    invalid_rate: float
    exploration_steps: float
    """Mean of an episode."""
    path_length: float
    """Mean [m]."""
    seconds: float
    """Mean wall time of an episode [s]."""
    seconds_per_step: float


def reference_lengths(rows: Iterable[EpisodeRow]) -> dict[str, float]:
    """Return the reference length L* of each task [steps], at least 1."""
    rows = list(rows)
    best: dict[str, float] = {}
    for row in rows:
        if row.success:
            best[row.task] = max(1.0, min(best.get(row.task, float("inf")), float(row.steps)))
    for row in rows:
        if row.expert_steps is not None:
            best[row.task] = max(1.0, float(row.expert_steps))
    mean = sum(best.values()) / len(best) if best else 1.0
    return {row.task: best.get(row.task, mean) for row in rows}


def summarise(rows: Sequence[EpisodeRow]) -> tuple[Summary, ...]:
    """Return the numbers of each group, groups in order of appearance."""
    references = reference_lengths(rows)
    groups = dict.fromkeys(row.group for row in rows)
    return tuple(
        _summary(group, [row for row in rows if row.group == group], references) for group in groups
    )


def later_exploration(rows: Iterable[EpisodeRow]) -> dict[str, float]:
    """Return each group's mean exploration steps of the tasks after a house's first.

    The first task of a house (`...#0`) begins with an empty memory in every group; only the later
    ones can show what memory saves. Groups without later tasks are left out.
    """
    later: dict[str, list[int]] = {}
    for row in rows:
        if not row.task.endswith("#0"):
            later.setdefault(row.group, []).append(row.exploration_steps)
    return {group: sum(steps) / len(steps) for group, steps in later.items()}


def path_weight(row: EpisodeRow, reference: float) -> float:
    """Return s min(1, L* / L) of one episode, 0..1."""
    return min(1.0, reference / max(row.steps, 1)) if row.success else 0.0


def _summary(group: str, rows: list[EpisodeRow], references: dict[str, float]) -> Summary:
    n = len(rows)
    steps = sum(row.steps for row in rows)
    weights = [references[row.task] for row in rows]
    weighted = sum(w * path_weight(row, w) for w, row in zip(weights, rows, strict=True))
    seconds = sum(row.seconds for row in rows)
    return Summary(
        group=group,
        episodes=n,
        success_rate=sum(row.success for row in rows) / n,
        goal_conditions=sum(r.met for r in rows) / max(1, sum(r.total for r in rows)),
        path_weighted_success=weighted / sum(weights),
        steps=steps / n,
        invalid_rate=sum(row.failed_actions for row in rows) / max(1, steps),
        exploration_steps=sum(row.exploration_steps for row in rows) / n,
        path_length=sum(row.path_length for row in rows) / n,
        seconds=seconds / n,
        seconds_per_step=seconds / max(1, steps),
    )
