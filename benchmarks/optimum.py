"""What no policy can beat: hit rates with the future known."""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np


def next_uses(keys: Sequence[int]) -> np.ndarray:
    """Return for each use the place of the same key's next one; the length where there is none."""
    last: dict[int, int] = {}
    after = np.full(len(keys), len(keys))
    for place in range(len(keys) - 1, -1, -1):
        after[place] = last.get(keys[place], len(keys))
        last[keys[place]] = place
    return after


def belady_hits(keys: Sequence[int], capacity: int, *, bypass: bool = False) -> int:
    """Count the hits of MIN (Belady 1966): the key whose next use is farthest goes.

    Args:
        keys: The uses.
        capacity: Keys held.
        bypass: Whether a newcomer may be refused. Without, this is the ceiling of every policy
            that takes in what was just used, as all of ours do; with, of every policy.
    """
    after = next_uses(keys)
    inside: dict[int, int] = {}
    """Next use of each key held."""
    heap: list[tuple[int, int]] = []
    """Farthest first, with entries that hold no longer."""
    hits = 0
    for place, key in enumerate(keys):
        upcoming = int(after[place])
        if key in inside:
            hits += 1
        elif len(inside) >= capacity:
            while inside.get(heap[0][1]) != -heap[0][0]:
                heapq.heappop(heap)
            if bypass and -heap[0][0] <= upcoming:
                continue
            del inside[heapq.heappop(heap)[1]]
        inside[key] = upcoming
        heapq.heappush(heap, (-upcoming, key))
    return hits


def static_hits(keys: Sequence[int], capacity: int) -> int:
    """Count the hits of the best fixed choice of keys: those used most often in the whole trace.

    Each costs one miss to fetch. Where uses are independent draws, no policy that cannot see the
    future does better in the long run (the A0 of Aho, Denning and Ullman, 1971).
    """
    return sum(count - 1 for _, count in Counter(keys).most_common(capacity))


def asked_hits(keys: Sequence[int], asked: Sequence[bool], capacity: int) -> int:
    """Count the most questions that can be answered from memory, with the future known.

    A question is answered if its key is held from the last use before it on. So the questions are
    intervals, of which at most `capacity` may overlap; to drop the one that ends last whenever
    there are too many leaves the most (Faigle and Nawijn, 1995).

    Args:
        keys: The uses, in order.
        asked: Which of them are questions; the others show a key.
        capacity: Keys held.
    """
    last: dict[int, int] = {}
    intervals: list[tuple[int, int]] = []
    for place, (key, question) in enumerate(zip(keys, asked, strict=True)):
        if question and key in last:
            intervals.append((last[key], place))
        last[key] = place
    held: list[int] = []
    """Ends of the intervals under way."""
    dropped = 0
    for start, end in sorted(intervals):
        held = [other for other in held if other > start]
        held.append(end)
        if len(held) > capacity:
            held.remove(max(held))
            dropped += 1
    return len(intervals) - dropped
