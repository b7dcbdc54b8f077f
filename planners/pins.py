"""Terms of a goal that stand for one certain object, or for any but one."""

from collections.abc import Mapping
from dataclasses import dataclass

from embodied_mem.goals import Term, fold
from embodied_mem.memory import Known, Memory

_ALIKE = 0.5
"""Least similarity of appearance at which a thing may be one that vanished elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a term may stand for."""

    object_id: str = ""
    """This object alone, where given."""
    excluded: frozenset[str] = frozenset()
    """Never these."""


def barred(pins: Mapping[Term, Pin], memory: Memory) -> dict[Term, frozenset[str]]:
    """Return, for each pinned term, the ids that it does not stand for.

    An object that was seen to be gone may have turned up as a new one of the same type: the one
    that looks most like it, first seen after it was last seen in its place, then stands for it.
    For an object that memory has forgotten anything of the type will do.
    """
    known = {thing.object_id: thing for thing in memory.known()}
    aliases = memory.objects.aliases
    found: dict[Term, frozenset[str]] = {}
    for term, pin in pins.items():
        excluded = frozenset(aliases.get(name, name) for name in pin.excluded)
        if pin.object_id:
            meant = _meant(aliases.get(pin.object_id, pin.object_id), known)
            excluded |= known.keys() - {meant} if meant in known else frozenset()
        found[term] = excluded
    return found


def _meant(name: str, known: Mapping[str, Known]) -> str:
    thing = known.get(name)
    if thing is None or thing.status != "gone":
        return name
    later = [
        other
        for other in known.values()
        if fold(other.label) == fold(thing.label)
        and other.status != "gone"
        and other.first_seen > thing.last_seen
        and float(thing.feature @ other.feature) >= _ALIKE
    ]
    if not later:
        return name
    return max(later, key=lambda other: float(thing.feature @ other.feature)).object_id
