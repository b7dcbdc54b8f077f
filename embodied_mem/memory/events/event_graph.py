"""How events hang together: by the things in them, their places, and by time."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from embodied_mem.memory.events.records import EventRow
from embodied_mem.memory.pagerank import personalised_pagerank

_NEXT = 0.3
"""Weight of the edge to the next event, against 1 to a thing."""


def relatedness(
    events: Sequence[EventRow], start: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Return how near events are to those that a walk begins from (HippoRAG, arXiv:2405.14831).

    Events are tied to their things, to the segment that they are in, and to their neighbours in
    time; the walk goes back to `start` half of the time.

    Args:
        events: In order of video and time.
        start: Weight of each event as a beginning, not negative.
    """
    number = {event.id: row for row, event in enumerate(events)}
    hubs: defaultdict[str, list[int]] = defaultdict(list)
    for row, event in enumerate(events):
        for thing, _ in event.things:
            hubs[thing].append(row)
        if event.parent is not None:
            hubs[f"segment {event.parent}"].append(row)
    rows, columns, weights = [], [], []
    for place, members in enumerate(hubs.values(), start=len(events)):
        rows += [*members, *[place] * len(members)]
        columns += [*[place] * len(members), *members]
        weights += [1.0] * (2 * len(members))
    for row, (event, after) in enumerate(pairwise(events)):
        if event.video == after.video:
            rows += [row, row + 1]
            columns += [row + 1, row]
            weights += [_NEXT, _NEXT]
    count = len(number) + len(hubs)
    graph = csr_array((weights, (rows, columns)), shape=(count, count))
    restart = np.zeros(count)
    restart[: len(events)] = start
    return personalised_pagerank(graph, restart)[: len(events)]
