"""Believing what is seen of an object's state, without falling for one misread frame.

Each attribute is a saturating counter: a sighting that agrees strengthens the value, one that
disagrees weakens it, and a value without strength gives way to the newest one.
"""

from collections.abc import Mapping, MutableMapping

from embodied_mem.types import AttributeValue

SETTLED = 2
"""Strength at most: so many contrary sightings in a row change a settled value."""

CERTAIN = 0.999
"""A detection with this score is believed at once."""


def settle(
    values: MutableMapping[str, AttributeValue],
    strengths: MutableMapping[str, int],
    name: str,
    value: AttributeValue,
) -> None:
    """Take a value as certain: the agent's own doing."""
    values[name] = value
    strengths[name] = SETTLED


def fuse(
    values: MutableMapping[str, AttributeValue],
    strengths: MutableMapping[str, int],
    seen: Mapping[str, AttributeValue],
    score: float,
) -> None:
    """Add one sighting's states to what is believed, in place.

    Args:
        values: Believed value of each attribute.
        strengths: How settled each is, 1..`SETTLED`; what is not named counts as 1.
        seen: Values that this sighting shows.
        score: Confidence of the detection, 0..1.
    """
    for name, value in seen.items():
        if score >= CERTAIN:
            settle(values, strengths, name, value)
        elif name not in values:
            values[name], strengths[name] = value, 1
        elif _agree(values[name], value):
            values[name] = value  # Of two that agree, as numbers may, the newest.
            strengths[name] = min(strengths.get(name, 1) + 1, SETTLED)
        elif strengths.get(name, 1) > 1:
            strengths[name] -= 1
        else:
            values[name], strengths[name] = value, 1


def _agree(old: AttributeValue, new: AttributeValue) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return abs(old - new) < 0.2  # Openness is read off an image.
    return old == new
