"""Ordered sub-goals, bootstrap intervals, and the numbers of an ablation."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.goals import Progress, parse_goal
from embodied_mem.runtime.ablation import ablate
from embodied_mem.runtime.ablation_report import write_ablation
from embodied_mem.runtime.aims import verdicts
from embodied_mem.runtime.intervals import mean, pooled_ratio
from embodied_mem.runtime.metrics import EpisodeRow
from embodied_mem.runtime.ordered_goals import OrderedProgress

GOALS = [
    parse_goal(text) for text in ("on(desklamp)", "off(desklamp) and clean(mug)", "sliced(egg)")
]


def followed(story: list[set[str]]) -> OrderedProgress:
    """Return the progress of a story: the conditions that hold at each moment."""
    now: set[str] = set()

    def judge(number: int) -> Progress:
        atoms = GOALS[number].atoms
        return Progress(sum(str(atom) in now for atom in atoms), len(atoms))

    progress = OrderedProgress(GOALS, judge)
    for now in story:  # noqa: B007 - read by the judge.
        progress.check()
    return progress


def test_goals_that_contradict_one_another_are_reached_one_after_another():
    done = followed([{"on(desklamp)"}, {"off(desklamp)", "clean(mug)"}, {"sliced(egg)"}])
    assert done.complete
    assert done.progress() == Progress(4, 4)


def test_a_later_goal_counts_only_after_the_earlier_ones():
    done = followed([{"sliced(egg)"}, {"on(desklamp)"}, {"clean(mug)"}])
    assert (done.reached, done.complete) == (1, False)
    assert done.progress() == Progress(2, 4)  # The lamp, and half of the next goal.


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from([str(a) for g in GOALS for a in g.atoms])), max_size=8))
def test_progress_never_goes_back(story: list[set[str]]):
    reached = [followed(story[:n]).reached for n in range(len(story) + 1)]
    assert reached == sorted(reached)


def test_intervals_match_a_bootstrap_written_out():
    a, b = np.array([3.0, 0.0, 5.0, 2.0, 8.0]), np.array([6.0, 1.0, 5.0, 4.0, 9.0])
    found = pooled_ratio(a, b, seed=3)
    draws = np.random.default_rng(3).integers(5, size=(2000, 5))
    ratios = sorted(sum(a[i] for i in draw) / sum(b[i] for i in draw) for draw in draws)
    assert found.value == pytest.approx(18 / 25)
    assert found.low == pytest.approx(ratios[50], abs=0.01)
    assert found.high == pytest.approx(ratios[1949], abs=0.01)
    saved = pooled_ratio(a, b, seed=3, complement=True)
    assert (saved.low, saved.high) == (1 - found.high, 1 - found.low)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), 0
    for trial in range(120):
        found = mean((rng.random(40) < 0.6).astype(float), seed=trial)
        hits += found.low <= 0.6 <= found.high
    assert hits / 120 > 0.86


def test_nothing_to_estimate_from_is_not_a_number():
    assert np.isnan(mean(np.zeros(0)).value)
    assert np.isnan(pooled_ratio(np.zeros(2), np.zeros(2)).value)
    assert np.isinf(pooled_ratio(np.ones(2), np.zeros(2)).value)


def row(task: str, group: str, **changes) -> EpisodeRow:
    usual = EpisodeRow(
        group=group, task=task, goal="g", success=True, met=2, total=2, steps=20,
        failed_actions=0, exploration_steps=2, path_length=1.0, seconds=1.0, expert_steps=10,
        suite="complex", asked=4, answered=3, recalled=2, visited_points=1,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changes)


ROWS = [
    row("a", "none", success=False, met=1, steps=60, exploration_steps=50, answered=0, recalled=0),
    row("b", "none", exploration_steps=30, steps=40),
    row("v", "none", scored=False, exploration_steps=999),
    row("a", "both"),
    row("b", "both", exploration_steps=6, expert_steps=40),
    row("v", "both", scored=False),
]


def test_an_ablation_compares_the_same_episodes():
    none, both = ablate(ROWS)
    assert (both.episodes, both.left_out) == (2, 1)
    assert both.success_ratio.value == pytest.approx(2.0)
    assert both.exploration_ratio.value == pytest.approx(80 / 8)
    assert both.reduced_exploration.value == pytest.approx(1 - 8 / 80)
    assert both.reduced_time.value == pytest.approx(1 - 40 / 100)
    assert both.retrieval_accuracy.value == pytest.approx(4 / 6)
    assert both.hit_rate.value == pytest.approx(6 / 8)
    assert both.path_weighted_success.value == pytest.approx((10 * 0.5 + 40) / 50)
    assert none.goal_conditions.value == pytest.approx(3 / 4)


def test_who_fails_early_is_not_thrifty():
    rows = [row(str(k), "none", success=k < 2, met=k < 2, total=1, exploration_steps=5, budget=90)
            for k in range(10)]  # fmt: skip
    rows += [row(str(k), "both", met=1, total=1, exploration_steps=5, budget=90) for k in range(10)]
    none, both = ablate(rows)
    assert none.exploration_to_success.value == pytest.approx(50 / 2)
    assert both.exploration_ratio.value == pytest.approx(1.0)  # Blind to failures.
    assert both.cost_ratio.value == pytest.approx((50 / 2) / (50 / 10))
    assert both.condition_ratio.value == pytest.approx(5.0)
    assert (both.reached_ratio.value, both.both_reached) == (pytest.approx(1.0), 2)
    assert both.charged_ratio.value == pytest.approx((2 * 5 + 8 * 90) / 50)


def test_cost_ratios_keep_pairs_as_a_bootstrap_written_out_does():
    rng = np.random.default_rng(5)
    explored = rng.integers(1, 60, (12, 2))
    reached = np.stack((rng.random(12) < 0.5, rng.random(12) < 0.9), axis=1)
    rows = [
        row(str(k), group, success=bool(reached[k, g]), exploration_steps=int(explored[k, g]))
        for g, group in enumerate(("none", "both"))
        for k in range(12)
    ]
    found = ablate(rows, seed=4)[1].cost_ratio
    ratios = []
    for draw in np.random.default_rng(4).integers(12, size=(2000, 12)):
        cost = [sum(explored[k, g] for k in draw) / max(1e-9, sum(reached[k, g] for k in draw))
                for g in (0, 1)]  # fmt: skip
        ratios.append(cost[0] / cost[1])
    ratios.sort()
    assert found.low == pytest.approx(ratios[50], rel=0.02)
    assert found.high == pytest.approx(ratios[1949], rel=0.02)


def test_success_within_part_of_the_budget_is_what_a_smaller_budget_gives():
    rows = [row(str(k), "both", steps=10 * k, budget=100, success=k < 10) for k in range(1, 11)]
    (both,) = ablate(rows)
    assert both.success_within == pytest.approx({0.6: 0.6, 0.7: 0.7, 0.8: 0.8, 0.9: 0.9, 1.0: 0.9})


def test_nothing_reached_costs_without_bound_and_a_correction_is_no_first_try():
    rows = [row("a", "none", success=False), row("a", "both", corrections=1)]
    none, both = ablate(rows)
    assert np.isinf(none.exploration_to_success.value)
    assert np.isinf(both.cost_ratio.value)
    assert (both.success_rate.value, both.first_try.value) == (1.0, 0.0)
    assert np.isnan(both.reached_ratio.value)


def rows_of(group: str, reached: int, explored: int, suite: str = "complex") -> list[EpisodeRow]:
    return [row(str(k), group, success=k < reached, exploration_steps=explored, suite=suite)
            for k in range(20)]  # fmt: skip


def test_the_verdicts_say_which_aims_hold():
    rows = [*rows_of("none", 4, 40), *rows_of("short", 9, 20), *rows_of("long", 3, 31),
            *rows_of("both", 20, 4)]  # fmt: skip
    lines = verdicts(ablate(rows))
    assert lines[0].startswith(
        "complex: success, both memories over none: 5.00 (2.50..20.00) times"
    )
    assert lines[0].endswith("aim 2.5: holds, with the whole interval.")
    assert "none over both memories: 50.00 (" in lines[1]
    assert lines[2].endswith(
        "does not hold for long (none 0.20, short 0.45, long 0.15, both 1.00)."
    )
    assert "does not hold for long (none 200.00, short 44.44, long 206.67" in lines[3]
    poor = verdicts(ablate([*rows_of("none", 12, 40), *rows_of("both", 16, 30)]))
    assert all(line.endswith("does not hold.") for line in poor)
    assert verdicts(ablate(rows_of("none", 4, 40))) == ()
    other = [*rows_of("none", 4, 40, "simple"), *rows_of("both", 9, 4, "simple")]
    assert verdicts(ablate(other)) == ()


def test_the_report_names_every_condition_and_escapes_what_it_shows(tmp_path: Path):
    rows = [*ROWS, row("x", "both", goal="<script>alert(1)</script>")]
    write_ablation(tmp_path / "r.html", ablate(rows), rows)
    page = (tmp_path / "r.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<rect") == 6  # Three figures of two bars.
    assert "complex: success, both memories over none" in page
