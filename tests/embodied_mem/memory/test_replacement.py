"""Replacement policies: capacity is kept, and each evicts by its rule."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.memory.replacement import (
    DecayConfig,
    FIFOConfig,
    FrequencySketch,
    LRUConfig,
    ReplacementConfig,
    TinyLFUConfig,
    make_policy,
)

KEYS = st.lists(st.integers(0, 30).map(str), max_size=300)
CONFIGS: list[ReplacementConfig] = [
    FIFOConfig(),
    LRUConfig(),
    TinyLFUConfig(window=0.2),
    DecayConfig(),
]


def nothing(key: str) -> bool:
    return False


def hits(config: ReplacementConfig, trace: list[str], capacity: int) -> int:
    policy, inside, found = make_policy(config, capacity), set(), 0
    for stamp, key in enumerate(trace):
        found += key in inside
        inside.add(key)
        policy.use(key, float(stamp))
        while len(inside) > capacity:
            victim = policy.victim(float(stamp), pinned=nothing)
            assert victim is not None
            assert victim in inside
            policy.drop(victim)
            inside.discard(victim)
        assert len(inside) <= capacity
    return found


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)
@given(trace=KEYS, capacity=st.integers(1, 12))
def test_capacity_is_kept_and_the_victim_is_inside(config, trace, capacity):
    hits(config, trace, capacity)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)
@given(trace=KEYS, pinned=st.sets(st.integers(0, 30).map(str)))
def test_the_pinned_never_go(config, trace, pinned):
    policy, inside = make_policy(config, 4), set()
    for stamp, key in enumerate(trace):
        inside.add(key)
        policy.use(key, float(stamp))
        while len(inside) > 4:
            victim = policy.victim(float(stamp), pinned=pinned.__contains__)
            if victim is None:
                assert inside <= pinned
                break
            assert victim not in pinned
            policy.drop(victim)
            inside.discard(victim)


@given(trace=KEYS, capacity=st.integers(1, 12))
def test_lru_is_a_bounded_ordered_dict(trace, capacity):
    policy, model = make_policy(LRUConfig(), capacity), OrderedDict()
    for stamp, key in enumerate(trace):
        model[key] = None
        model.move_to_end(key)
        policy.use(key, float(stamp))
        if len(model) > capacity:
            expected, _ = model.popitem(last=False)
            assert policy.victim(float(stamp), pinned=nothing) == expected
            policy.drop(expected)


@given(trace=KEYS)
def test_the_sketch_never_counts_too_few(trace):
    sketch = FrequencySketch(capacity=64, sample=100)
    for key in trace:
        sketch.add(key)
    for key in set(trace):
        assert sketch.estimate(key) >= min(trace.count(key), 15)


def test_w_tinylfu_hits_more_often_than_lru_and_fifo_where_some_are_popular():
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, 1001) ** 0.9
    popular = rng.choice(1000, 4000, p=weights / weights.sum())
    scan = np.arange(10_000, 14_000)
    trace = [str(key) for key in np.stack((popular, scan), axis=1).ravel()]
    found = {type(c).__name__: hits(c, trace, 50) for c in CONFIGS[:3]}
    assert found["TinyLFUConfig"] > 1.3 * found["LRUConfig"] > 1.3 * found["FIFOConfig"]


def test_the_forgetting_curve_keeps_what_was_used_often():
    policy = make_policy(DecayConfig(tau=10.0), 2)
    for stamp in range(5):
        policy.use("often", float(stamp))
    policy.use("once", 6.0)
    assert policy.victim(30.0, pinned=nothing) == "once"
