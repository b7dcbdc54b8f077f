"""Half-open intervals against sets of whole seconds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.memory.events.intervals import Interval, merged, without

times = st.integers(0, 20).map(float)
intervals = st.tuples(times, times)


def seconds(parts: list[Interval]) -> set[int]:
    return {second for start, stop in parts for second in range(int(start), int(stop))}


@given(st.lists(intervals))
def test_merging_keeps_the_times_and_leaves_gaps_between(parts: list[Interval]):
    joined = merged(parts)
    assert seconds(joined) == seconds(parts)
    assert all(a[1] < b[0] for a, b in pairwise(joined))
    assert merged(joined) == joined


@given(intervals, st.lists(intervals))
def test_what_is_left_is_what_no_hole_covers(whole: Interval, holes: list[Interval]):
    left = without(whole, holes)
    assert seconds(left) == seconds([whole]) - seconds(holes)
    assert left == merged(left)
