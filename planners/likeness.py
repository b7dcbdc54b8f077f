"""What may be there, and be something else than it seems: what perception is trusted with."""

from collections.abc import Collection

import numpy as np

from planners.affordances import kind_of
from planners.belief import Belief, Thing

LEAST_OVERLOOKED = 0.04
"""Least chance that a thing was overlooked on a surface seen from near enough."""
_ODD = 0.1
"""How much less often than in a usual place a thing is in an odd one."""
_ALIKE = 1 / 3
"""Things of one kind, seen in part, may have edges that are this much shorter."""
_THIN = 0.03
"""Nothing is told from how much thinner than this a thing looks [m]."""


def real(thing: Thing) -> float:
    """Return the chance that a piece of furniture exists: of the doubtful ones few do."""
    return thing.confidence**2


def alike(thing: Thing, labels: Collection[str]) -> float:
    """Return how like one of some kinds a thing is in size, 0..1: a pillow is no egg."""
    edges = np.maximum(np.sort(thing.box[1] - thing.box[0]), _THIN)
    usual = np.maximum(np.sort([kind_of(label).size for label in sorted(labels)]), _THIN)
    ratio = np.minimum(edges / usual, usual / edges).min(axis=1).max(initial=0.0)
    return min(float(ratio) / _ALIKE, 1.0)


def in_place(thing: Thing, labels: Collection[str], belief: Belief) -> float:
    """Return 1 where one of some kinds may well be what lies where a thing is, else `_ODD`."""
    place = belief.location(thing)
    fits = place is thing or any(place.label in kind_of(label).usual for label in labels)
    return 1.0 if fits else _ODD


def overlooked(belief: Belief) -> float:
    """Return the chance that what lies in plain view was overlooked.

    Who is not sure of the small things that he sees overlooks others.
    """
    doubts = [1.0 - t.confidence for t in belief.things.values() if t.kind.graspable]
    return max(LEAST_OVERLOOKED, float(np.mean(doubts)) if doubts else 0.0)
