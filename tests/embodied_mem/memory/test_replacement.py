"""Replacement policies: capacity is kept, and each evicts by its rule, as naive models do."""

import math
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem.memory.replacement import (
    Decay,
    DecayConfig,
    FIFOConfig,
    LFUConfig,
    LRUConfig,
    Policy,
    ReplacementConfig,
    TinyLFU,
    TinyLFUConfig,
    make_policy,
)

KEYS = st.lists(st.integers(0, 20).map(str), max_size=80)
CAPACITIES = st.integers(1, 12)
CONFIGS: dict[str, ReplacementConfig] = {
    "fifo": FIFOConfig(),
    "lru": LRUConfig(),
    "lfu": LFUConfig(),
    "w_tinylfu": TinyLFUConfig(window=0.2, adaptive=False),
    "adaptive": TinyLFUConfig(),
    "decay": DecayConfig(tau=20.0, spacing=3.0),
}
FORGETFUL = [name for name in CONFIGS if name not in ("w_tinylfu", "adaptive")]
"""Those of which a dropped key leaves nothing; TinyLFU's sketch outlives keys by design."""

few = settings(max_examples=30, deadline=None)
each_policy = pytest.mark.parametrize("name", CONFIGS)


def nothing(key: str) -> bool:
    return False


def evictions(
    policy: Policy, trace: list[str], capacity: int, *, batch: int = 1
) -> Iterator[tuple[float, str]]:
    """Feed a policy, several keys before it may evict, and yield whom it lets go, and when."""
    inside: set[str] = set()
    for stamp, key in enumerate(trace):
        inside.add(key)
        policy.use(key, float(stamp))
        if (stamp + 1) % batch:
            continue
        while len(inside) > capacity:
            victim = policy.victim(float(stamp), pinned=nothing)
            assert victim in inside
            yield float(stamp), victim
            policy.drop(victim)
            inside.discard(victim)


def hits(config: ReplacementConfig, trace: list[str], capacity: int) -> int:
    """Count the keys that were there when they were used."""
    policy, inside, found = make_policy(config, capacity), set(), 0
    for stamp, key in enumerate(trace):
        found += key in inside
        inside.add(key)
        policy.use(key, float(stamp))
        if len(inside) > capacity:
            victim = policy.victim(float(stamp), pinned=nothing)
            assert victim is not None
            policy.drop(victim)
            inside.discard(victim)
    return found


@each_policy
@few
@given(trace=KEYS, capacity=CAPACITIES, batch=st.integers(1, 5))
def test_capacity_is_kept_and_the_victim_is_inside(name, trace, capacity, batch):
    policy = make_policy(CONFIGS[name], capacity)
    for _ in evictions(policy, trace, capacity, batch=batch):
        assert len(policy) <= capacity + batch
    assert len(policy) <= capacity + batch - 1


@each_policy
@few
@given(trace=KEYS, pinned=st.sets(st.integers(0, 30).map(str)))
def test_the_pinned_never_go(name, trace, pinned):
    policy, inside = make_policy(CONFIGS[name], 4), set()
    for stamp, key in enumerate(trace):
        inside.add(key)
        policy.use(key, float(stamp))
        while len(inside) > 4:
            victim = policy.victim(float(stamp), pinned=pinned.__contains__)
            if victim is None:
                assert inside <= pinned
                break
            assert victim in inside - pinned
            policy.drop(victim)
            inside.discard(victim)


@each_policy
@few
@given(trace=KEYS, capacity=CAPACITIES)
def test_no_newcomer_is_refused(name, trace, capacity):
    for stamp, victim in evictions(make_policy(CONFIGS[name], capacity), trace, capacity):
        assert victim != trace[int(stamp)]


@each_policy
@few
@given(trace=KEYS, capacity=CAPACITIES)
def test_the_same_uses_lead_to_the_same_evictions(name, trace, capacity):
    runs = [list(evictions(make_policy(CONFIGS[name], capacity), trace, capacity)) for _ in "ab"]
    assert runs[0] == runs[1]


@each_policy
@few
@given(trace=KEYS)
def test_what_is_dropped_is_not_held(name, trace):
    policy = make_policy(CONFIGS[name], 8)
    for stamp, key in enumerate(trace):
        policy.use(key, float(stamp))
    for key in [*trace, "never seen"]:
        policy.drop(key)
    assert len(policy) == 0
    assert policy.victim(1e3, pinned=nothing) is None


@pytest.mark.parametrize("name", FORGETFUL)
@few
@given(before=KEYS, trace=KEYS, capacity=CAPACITIES)
def test_what_was_dropped_leaves_no_trace(name, before, trace, capacity):
    used, fresh = (make_policy(CONFIGS[name], capacity) for _ in "ab")
    for key in before:
        used.use(key, 0.0)
    for key in before:
        used.drop(key)
    assert list(evictions(used, trace, capacity)) == list(evictions(fresh, trace, capacity))


@few
@given(trace=KEYS, capacity=CAPACITIES)
def test_fifo_and_lru_are_bounded_ordered_dicts(trace, capacity):
    for config, moves in ((FIFOConfig(), False), (LRUConfig(), True)):
        model: OrderedDict[str, None] = OrderedDict()
        expected = []
        for stamp, key in enumerate(trace):
            model.setdefault(key)
            if moves:
                model.move_to_end(key)
            if len(model) > capacity:
                expected.append((float(stamp), model.popitem(last=False)[0]))
        assert list(evictions(make_policy(config, capacity), trace, capacity)) == expected


@few
@given(trace=KEYS, capacity=CAPACITIES)
def test_lfu_drops_the_rarest_and_among_equals_the_one_used_longest_ago(trace, capacity):
    counts: Counter[str] = Counter()
    last: dict[str, int] = {}
    expected = []
    for stamp, key in enumerate(trace):
        counts[key] += 1
        last[key] = stamp
        if len(counts) > capacity:
            rarest = min((k for k in counts if k != key), key=lambda k: (counts[k], last[k]))
            expected.append((float(stamp), rarest))
            del counts[rarest]
    assert list(evictions(make_policy(LFUConfig(), capacity), trace, capacity)) == expected


@few
@given(
    uses=st.lists(st.tuples(st.integers(0, 12).map(str), st.floats(0, 30)), max_size=100),
    capacity=CAPACITIES,
)
def test_decay_drops_the_least_retained(uses, capacity):
    config = DecayConfig(tau=7.0, spacing=5.0, max_strength=4)
    policy = make_policy(config, capacity)
    assert isinstance(policy, Decay)
    memory: dict[str, tuple[float, int]] = {}
    now = 0.0
    for key, pause in uses:
        now += pause
        before, strength = memory.get(key, (-math.inf, 0))
        recalled = strength == 0 or now - before >= config.spacing
        memory[key] = (now, min(strength + recalled, config.max_strength))
        policy.use(key, now)
        retained = {k: math.exp(-(now - t) / (config.tau * s)) for k, (t, s) in memory.items()}
        assert {k: policy.retention(k, now) for k in memory} == pytest.approx(retained)
        if len(memory) > capacity:
            victim = policy.victim(now, pinned=nothing)
            assert victim is not None
            assert victim != key
            others = [value for k, value in retained.items() if k != key]
            assert retained[victim] == pytest.approx(min(others))
            policy.drop(victim)
            del memory[victim]


def test_recalls_strengthen_and_staring_does_not():
    policy = Decay(DecayConfig(tau=10.0, spacing=5.0))
    for stamp in np.arange(0.0, 4.0, 0.2):
        policy.use("stared at", stamp)
    for stamp in (0.0, 10.0, 20.0):
        policy.use("recalled", stamp)
    assert policy.retention("stared at", 3.8 + 10.0) == pytest.approx(math.exp(-1.0))
    assert policy.retention("recalled", 20.0 + 10.0) == pytest.approx(math.exp(-1 / 3))


def lines_run(call: Callable[[], object]) -> int:
    """Count the lines of Python that a call runs."""
    count = 0

    def tracer(frame, event, arg):
        nonlocal count
        count += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def cost_of(policy: Policy, stamp: int) -> int:
    """Count the lines that a use and an eviction run; every third use is of a known key."""
    key = str(stamp - 7 if stamp % 3 == 0 else stamp)
    cost = lines_run(lambda: policy.use(key, float(stamp)))
    cost += lines_run(lambda: policy.victim(float(stamp), pinned=nothing))
    policy.drop(policy.victim(float(stamp), pinned=nothing) or "")
    return cost


@each_policy
def test_a_use_and_a_choice_cost_the_same_however_many_are_held(name):
    most = []
    for capacity in (32, 256):
        policy = make_policy(CONFIGS[name], capacity)
        for stamp in range(capacity):
            policy.use(str(stamp), float(stamp))
        most.append(float(np.median([cost_of(policy, capacity + n) for n in range(20)])))
    assert most[1] <= 1.2 * most[0] + 10


def zipf_and_scan(length: int) -> list[str]:
    """Draw popular keys, each before one that never comes again."""
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, 301) ** 0.9
    popular = rng.choice(300, length // 2, p=weights / weights.sum())
    scan = np.arange(10_000, 10_000 + length // 2)
    return [str(key) for key in np.stack((popular, scan), axis=1).ravel()]


def test_the_popular_outlive_scans_and_hits_do_not_depend_on_the_process():
    trace = zipf_and_scan(1000)
    found = {name: hits(config, trace, 20) for name, config in CONFIGS.items()}
    assert found == snapshot(
        {"fifo": 68, "lru": 80, "lfu": 147, "w_tinylfu": 170, "adaptive": 174, "decay": 104}
    )
    assert found["w_tinylfu"] > 1.3 * found["lru"] > 1.3 * found["fifo"]
    assert found["adaptive"] > 1.3 * found["lru"]


def test_the_window_grows_where_only_the_latest_come_back():
    rng = np.random.default_rng(0)
    drift = [str(t // 4 + k) for t, k in enumerate(rng.integers(0, 12, 1500))]
    found = {name: hits(config, drift, 12) for name, config in CONFIGS.items()}
    fixed = hits(TinyLFUConfig(adaptive=False), drift, 12)
    assert found["adaptive"] > 1.2 * fixed
    assert found["adaptive"] > 0.95 * found["lru"]


def test_a_large_cache_is_modelled_by_a_part_of_its_keys():
    policy = make_policy(TinyLFUConfig(), 1000)
    for stamp in range(1500):
        policy.use(str(stamp % 700), float(stamp))
    assert len(policy) == 700
    assert isinstance(policy, TinyLFU)
    choice = policy._choice
    assert choice is not None
    assert 0 < choice._due < choice._period
    assert all(0 < len(model) <= 256 for model in choice._models.values())
