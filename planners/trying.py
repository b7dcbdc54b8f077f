"""What may be what is wanted, though it was mostly taken for something else: is it worth a try?"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from embodied_mem.goals import fold
from planners.affordances import kind_of
from planners.behaviour import Situation
from planners.navigation import standpoints
from planners.pilot import Pilot
from planners.search import SearchLog

_LEAST = 0.2
"""Share of the sightings from which on a thing may be what is wanted."""
_PRICE = 20.0
"""What a try costs beside the way there [moves]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A thing that may be what is wanted."""

    target: str
    """Object id."""
    label: str
    """What it is tried as, folded."""
    value: float
    """Chance over price."""


def best_try(
    situation: Situation,
    pilot: Pilot,
    log: SearchLog,
    needs: Sequence[frozenset[str]],
    excluded: Set[str],
) -> Try | None:
    """Return what may best be taken for one of some needs, of what was looked at from near.

    Args:
        situation: What is known.
        pilot: Knows the ways.
        log: What was looked at.
        needs: For each need the labels of which one will do.
        excluded: Ids that proved to be of no use.
    """
    wanted = {label for labels in needs for label in labels if kind_of(label).graspable}
    found = []
    for known in situation.memory.known():
        thing = situation.belief.things.get(known.object_id)
        if thing is None or thing.held or not thing.kind.graspable or thing.label in wanted:
            continue
        if thing.object_id not in log.inspected or thing.object_id in excluded:
            continue
        votes = {fold(label): share for label, share in known.label_scores.items()}
        label = max(sorted(wanted), key=lambda name: votes.get(name, 0.0), default="")
        if (chance := votes.get(label, 0.0)) < _LEAST:
            continue
        stands = standpoints(pilot.ground(), pilot.costs(), thing.box[:, :2], pilot.config)
        if stands:
            value = chance / (stands[0].cost + _PRICE)
            found.append(Try(target=thing.object_id, label=label, value=value))
    return max(found, key=lambda each: each.value, default=None)
