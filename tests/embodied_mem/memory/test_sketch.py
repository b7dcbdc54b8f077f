"""The frequency sketch, and the queues that are judged by it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.memory.replacement import FrequencySketch
from embodied_mem.memory.replacement.segments import Segments

few = settings(max_examples=30, deadline=None)
TRACES = st.lists(st.integers(0, 40).map(str), max_size=150)


@few
@given(trace=TRACES)
def test_it_never_counts_too_few_before_a_halving(trace):
    sketch = FrequencySketch(1000)
    for key in trace:
        sketch.add(key)
    for key in set(trace):
        assert min(trace.count(key), 16) <= sketch.estimate(key) <= 16


@few
@given(trace=TRACES)
def test_it_counts_exactly_where_there_is_room(trace):
    sketch = FrequencySketch(5000)
    for key in trace:
        sketch.add(key)
    for key in set(trace) | {"never seen"}:
        assert sketch.estimate(key) == min(trace.count(key), 16)


@few
@given(uses=st.integers(1, 60))
def test_a_period_ends_with_half_the_counts_and_an_empty_doorkeeper(uses):
    sketch = FrequencySketch(60)
    before = 0
    for number in range(60):
        before = sketch.estimate("a")
        sketch.add("a" if number < uses else f"other {number}")
    assert before >= min(uses - (uses == 60), 16)
    assert sketch.estimate("a") == min(uses - 1, 15) // 2
    assert sketch.estimate("other 59") == 0
    for _ in range(30):  # The half that is left counts as used: the next period is shorter.
        sketch.add("b")
    assert sketch.estimate("b") == 7


@few
@given(trace=TRACES, capacity=st.integers(1, 12), share=st.sampled_from([0.01, 0.3, 0.7, 1.0]))
def test_segments_do_what_lists_do(trace, capacity, share):
    """A naive W-TinyLFU with exact counts: window, probation and protected as lists."""
    sketch = FrequencySketch(5000)
    segments = Segments(capacity, share, 0.8, sketch)
    counts: Counter[str] = Counter()
    window: list[str] = []
    probation: list[str] = []
    protected: list[str] = []
    window_size = min(max(1, round(share * capacity)), capacity)
    main = capacity - window_size
    for key in trace:
        sketch.add(key)
        counts[key] += 1
        assert segments.use(key) == (key in window + probation + protected)
        if key in window:
            window.append(window.pop(window.index(key)))
        elif key in protected:
            protected.append(protected.pop(protected.index(key)))
        elif key in probation:
            protected.append(probation.pop(probation.index(key)))
            if len(protected) > int(0.8 * main):
                probation.append(protected.pop(0))
        else:
            window.append(key)
            if len(window) > window_size:
                candidate = window.pop(0)
                if len(probation) + len(protected) < main:
                    probation.append(candidate)
                else:
                    out = candidate
                    rival = (probation or protected or [candidate])[0]
                    if min(counts[candidate], 16) > min(counts[rival], 16):
                        (probation or protected).pop(0)
                        probation.append(candidate)
                        out = rival
                    assert segments.victim(lambda _: False) == out
                    segments.drop(out)
        assert list(segments.window) == window
        assert list(segments.probation) == probation
        assert list(segments.protected) == protected


@few
@given(trace=TRACES, shares=st.lists(st.sampled_from([0.01, 0.25, 0.5, 0.75, 1.0]), max_size=5))
def test_a_window_that_changes_loses_nobody(trace, shares):
    segments = Segments(10, 0.01, 0.8, FrequencySketch(100))
    for key in dict.fromkeys(trace[:10]):
        segments.use(key)
    held = {*segments.window, *segments.probation, *segments.protected}
    for share in shares:
        segments.resize(share)
        assert {*segments.window, *segments.probation, *segments.protected} == held
        assert len(segments.probation) + len(segments.protected) <= segments.main_size
