"""The benchmark of replacement policies: its ceilings, its traces, and what it shows."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import replacement as bench
from benchmarks.cache_traces import Trace, habits, household, loop, shifting, zipf, zipf_with_scans
from benchmarks.optimum import asked_hits, belady_hits, static_hits

ROOT = Path(__file__).parents[1]
SHORT = st.lists(st.integers(0, 4), max_size=10)


def best_of_all(keys: tuple[int, ...], capacity: int, *, bypass: bool) -> int:
    """Try every choice of whom to evict."""

    @functools.cache
    def best(place: int, inside: frozenset[int]) -> int:
        if place == len(keys):
            return 0
        key = keys[place]
        if key in inside:
            return 1 + best(place + 1, inside)
        if len(inside) < capacity:
            choices = [inside | {key}]
        else:
            choices = [inside - {out} | {key} for out in inside]
        if bypass:
            choices.append(inside)
        return max(best(place + 1, choice) for choice in choices)

    return best(0, frozenset())


@settings(max_examples=60, deadline=None)
@given(keys=SHORT, capacity=st.integers(1, 3), bypass=st.booleans())
def test_belady_is_the_best_of_all_choices(keys, capacity, bypass):
    assert belady_hits(keys, capacity, bypass=bypass) == best_of_all(
        tuple(keys), capacity, bypass=bypass
    )


@settings(max_examples=60, deadline=None)
@given(uses=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=9), capacity=st.just(2))
def test_asked_hits_is_the_most_intervals_that_fit(uses, capacity):
    keys, asked = [k for k, _ in uses], [a for _, a in uses]
    intervals = []
    for end, (key, question) in enumerate(uses):
        earlier = [place for place in range(end) if keys[place] == key]
        if question and earlier:
            intervals.append((earlier[-1], end))

    def fits(chosen: int) -> bool:
        held = [span for i, span in enumerate(intervals) if chosen >> i & 1]
        return all(
            sum(start <= place < end for start, end in held) <= capacity
            for place in range(len(uses))
        )

    most = max(c.bit_count() for c in range(2 ** len(intervals)) if fits(c))
    assert asked_hits(keys, asked, capacity) == most


@settings(max_examples=15, deadline=None)
@given(
    keys=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    asked=st.data(),
    capacity=st.integers(1, 8),
)
def test_no_policy_beats_the_ceilings(keys, asked, capacity):
    plain = Trace(family="f", keys=keys, stamps=[float(i) for i in range(len(keys))])
    rates = bench.rates(plain, capacity, peer=False)
    assert rates[bench.BYPASS] >= rates[bench.CEILING]
    assert all(rates[name] <= rates[bench.CEILING] for name in bench.POLICIES)
    assert static_hits(keys, capacity) <= belady_hits(keys, capacity, bypass=True)
    flags = asked.draw(st.lists(st.booleans(), min_size=len(keys), max_size=len(keys)))
    if any(flags):
        questions = Trace(family="f", keys=keys, stamps=plain.stamps, asked=flags)
        rates = bench.rates(questions, capacity, peer=False)
        assert all(rates[name] <= rates[bench.CEILING] for name in bench.POLICIES)


def test_traces_are_the_same_for_the_same_seed():
    def draw(seed: int) -> list[Trace]:
        return [
            zipf(0.9, keys=50, length=300, seed=seed),
            zipf_with_scans(keys=50, length=300, seed=seed),
            shifting(keys=50, length=300, every=100, seed=seed),
            habits([[(0, 1.0)], [(1, 2.0), (2, 3.0)]], seed=seed, count=50),
        ]

    assert draw(3) == draw(3)
    assert all(a.keys != b.keys for a, b in zip(draw(3), draw(4), strict=True))
    assert loop(keys=3, length=5).keys == [0, 1, 2, 0, 1]


def test_recorded_households_are_whole():
    traces = list(household())
    assert len(traces) % 5 == 0
    for trace in traces:
        assert len(trace.keys) == len(trace.stamps)
        assert np.all(np.diff(trace.stamps) >= 0)
    assert {trace.family.split()[1] for trace in traces} == {
        "frames",
        "visits",
        "uses",
        "habits",
        "recalls",
    }


@pytest.fixture(name="rows", scope="module")
def rows_of_a_quick_run(tmp_path_factory) -> dict[str, dict[str, float]]:
    """Run the benchmark as a user does, on short traces at 25 %, and return rates by family."""
    out = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.replacement", "--quick", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (out / "replacement.png").stat().st_size > 10_000
    found = {
        row["family"]: row for row in json.loads((out / "replacement.json").read_text())["rows"]
    }
    assert all(family in done.stdout for family in found)
    assert all(row["share"] == 0.25 for row in found.values())
    return {family: row["rates"] for family, row in found.items()}


def test_w_tinylfu_hits_more_often_where_some_are_popular(rows):
    for family, others in {
        "Zipf 0.9": ("FIFO", "LRU"),
        "Zipf 0.9 + scans": ("FIFO", "LRU", "LFU"),
        "shifting, every 2000": ("FIFO", "LRU", "LFU"),
        "household habits": ("FIFO", "LRU"),
    }.items():
        rates = rows[family]
        assert rates["W-TinyLFU"] > max(rates[name] for name in others), family


def test_an_adaptive_window_is_near_the_better_of_lru_and_a_small_window(rows):
    for family, rates in rows.items():
        better = max(rates["LRU"], rates["W-TinyLFU 1 %"])
        assert rates["W-TinyLFU"] > better - 0.03, family


def test_w_tinylfu_admits_as_a_peer_does(rows):
    if "theine" not in rows["Zipf 0.9"]:
        pytest.skip("the peer is not installed: `pip install theine`")
    for family in ("Zipf 0.9", "Zipf 0.9 + scans"):
        rates = rows[family]
        assert rates["W-TinyLFU"] == pytest.approx(rates["theine"], abs=0.03)
        assert min(rates["W-TinyLFU"], rates["theine"]) > rates["LRU"] + 0.04
