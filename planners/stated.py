"""Things named by their state: `the dirty mug` of `wash the dirty mug` is none that is clean."""

from embodied_mem.goals import fold
from embodied_mem.memory import Known, Memory
from planners.affordances import whole
from planners.belief import STATE_KEYS

_NEGATED = frozenset(("clean", "empty", "closed", "off"))
"""States that hold where their attribute is false."""


def misfits(memory: Memory, label: str, state: str) -> frozenset[str]:
    """Return the things of a type that are known not to be in a state, by id.

    Args:
        memory: What is known; where it cannot tell, a thing may be meant.
        label: The type, as goals name it.
        state: The state, as goals name it.
    """
    return frozenset(
        thing.object_id
        for thing in memory.known()
        if label in {fold(thing.label), whole(thing.label)} and _lacks(thing, state)
    )


def _lacks(thing: Known, state: str) -> bool:
    value = thing.attributes.get(STATE_KEYS.get(state, ""))
    if value is None:
        return False
    if isinstance(value, str):
        return fold(value) != state
    return bool(value) == (state in _NEGATED)
