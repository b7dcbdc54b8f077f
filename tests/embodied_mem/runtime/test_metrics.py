"""The formulas, against their definitions."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.runtime.metrics import (
    EpisodeRow,
    later_exploration,
    path_weight,
    reference_lengths,
    summarise,
)


def row(task: str = "t", *, steps: int = 10, **changes) -> EpisodeRow:
    usual = EpisodeRow(
        group="keep",
        task=task,
        goal="clean(mug)",
        success=True,
        met=1,
        total=1,
        steps=steps,
        failed_actions=0,
        exploration_steps=steps // 2,
        path_length=steps * 0.25,
        seconds=steps * 0.1,
    )
    return msgspec.structs.replace(usual, **changes)


def test_success_and_conditions_are_pooled():
    rows = [row("a", met=2, total=2), row("b", success=False, met=1, total=4, failed_actions=5)]
    (summary,) = summarise(rows)
    assert summary.success_rate == 0.5
    assert summary.goal_conditions == pytest.approx(3 / 6)
    assert summary.invalid_rate == pytest.approx(5 / 20)
    assert summary.steps == 10
    assert summary.exploration_steps == 5
    assert summary.seconds_per_step == pytest.approx(0.1)


def test_the_reference_is_the_expert_else_the_best_run_of_any_group_else_the_mean():
    rows = [
        row("a", steps=40, expert_steps=10),
        row("b", steps=30),
        row("b", steps=20, group="clear"),
        row("c", success=False, steps=3),
    ]
    assert reference_lengths(rows) == {"a": 10, "b": 20, "c": 15}


def test_path_weighted_success_by_hand():
    rows = [row("a", steps=40, expert_steps=10), row("b", steps=20), row("c", success=False)]
    (summary,) = summarise(rows)
    # L* = 10, 20, 15 (the mean); weights 1/4, 1, 0.
    assert summary.path_weighted_success == pytest.approx((10 / 4 + 20) / 45)


def test_nobody_succeeds_and_nothing_breaks():
    (summary,) = summarise([row(success=False, steps=0)])
    assert summary.path_weighted_success == 0
    assert summary.invalid_rate == 0
    assert summarise([]) == ()


def test_groups_keep_their_order():
    rows = [row("a", group="keep"), row("a", group="clear"), row("b", group="keep")]
    assert [(s.group, s.episodes) for s in summarise(rows)] == [("keep", 2), ("clear", 1)]


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 400), st.none() | st.integers(0, 100)),
        min_size=1,
        max_size=12,
    )
)
def test_path_weighted_success_is_the_weighted_mean_and_never_above_success(cases):
    rows = [
        row(str(i), success=success, steps=steps, expert_steps=expert)
        for i, (success, steps, expert) in enumerate(cases)
    ]
    (summary,) = summarise(rows)
    references = reference_lengths(rows)
    weights = np.array([references[r.task] for r in rows])
    parts = np.array(
        [r.success * min(1.0, references[r.task] / max(r.steps, 1)) for r in rows], dtype=float
    )
    assert (weights >= 1).all()
    assert summary.path_weighted_success == pytest.approx(np.average(parts, weights=weights))
    assert (
        summary.path_weighted_success
        <= np.average([r.success for r in rows], weights=weights) + 1e-9
    )
    assert all(0 <= path_weight(r, references[r.task]) <= 1 for r in rows)


def test_later_exploration_leaves_out_the_first_task_of_each_house():
    rows = [row("h:0#0", steps=80), row("h:0#1", steps=20), row("h:1#2", steps=40)]
    rows += [row("h:0#1", steps=100, group="clear"), row("h:1#0", steps=100, group="alone")]
    assert later_exploration(rows) == {"keep": 15.0, "clear": 50.0}
