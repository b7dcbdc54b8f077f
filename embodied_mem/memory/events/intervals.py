"""Half-open intervals [start, stop) of time: what is left of some without others."""

from collections.abc import Iterable

Interval = tuple[float, float]
"""From, and up to but without [s]."""


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same times as few intervals, in order, none touching another."""
    joined: list[Interval] = []
    for start, stop in sorted(pair for pair in intervals if pair[0] < pair[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


def without(whole: Interval, holes: Iterable[Interval]) -> list[Interval]:
    """Return what is left of an interval without others, in order."""
    left, at = [], whole[0]
    for start, stop in merged(holes):
        if start > at:
            left.append((at, min(start, whole[1])))
        at = max(at, stop)
    left.append((at, whole[1]))
    return [(start, stop) for start, stop in left if start < stop]
