"""What a planner's prompt is told of the memory: lines of text within a budget, in stable order.

An object's place in the order depends on itself, the goal and what it is related to, never on how
many other things there are: what is added without relation to the goal comes after all else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from embodied_mem.goals import fold
from embodied_mem.memory.records import Known
from embodied_mem.memory.scene_graph import SceneGraph
from embodied_mem.memory.text import count_tokens

_RECENT = 120.0
"""What moved or vanished within so long is told early [s]."""
_NAMED, _SUPPORTS, _INSIDE, _CHANGED, _OTHERWISE, _SAME_ROOM, _REST = range(7)


def describe(
    known: Sequence[Known],
    wanted: Mapping[str, float],
    *,
    budget: int,
    now: float,
    graph: SceneGraph,
    changed_at: Mapping[str, float],
) -> str:
    """Return one line per room or object: what matters most for a goal first.

    In this order: what is in the hand and what the goal names; what these are on or in, and their
    rooms; what is on or in them; what moved or vanished lately; what may be what the goal names,
    though another label fits better; the rest of those rooms; everything else.

    Args:
        known: The objects.
        wanted: Folded labels that the goal names.
        budget: Most tokens [tokens].
        now: Time from which ages count [s].
        graph: Knows the rooms.
        changed_at: When each object last appeared, moved, vanished or was acted on [s].
    """
    tiers = _tiers(known, wanted, now, changed_at)
    order = sorted(known, key=lambda k: (tiers[k.object_id], k.status == "gone", *_natural(k)))
    rooms = dict.fromkeys(k.room for k in order if tiers[k.object_id] == _NAMED and k.room)
    named = sum(tier == _NAMED for tier in tiers.values())

    def lines(some: Sequence[Known]) -> Iterator[str]:
        return (line_for(k, now=now, room=room_name(graph, k.room)) for k in some)

    around = (_room_line(graph, room) for room in rooms if room in graph)
    return "\n".join(_fitting(chain(lines(order[:named]), around, lines(order[named:])), budget))


def _tiers(
    known: Sequence[Known],
    wanted: Mapping[str, float],
    now: float,
    changed_at: Mapping[str, float],
) -> dict[str, int]:
    """Return how near each object is to the goal; 0 is nearest."""
    by_id = {thing.object_id: thing for thing in known}
    named = {k.object_id for k in known if k.status == "held" or fold(k.label) in wanted}
    supports: set[str] = set()
    for name in named:
        at = by_id[name]
        while at.placement is not None and at.placement.parent in by_id:
            at = by_id[at.placement.parent]
            if at.object_id in supports:
                break
            supports.add(at.object_id)
    rooms = {by_id[name].room for name in named} - {None}
    tiers = {}
    for thing in known:
        name = thing.object_id
        parent = thing.placement.parent if thing.placement is not None else ""
        moved = thing.status in {"moved", "gone"} and now - changed_at.get(name, -1e9) < _RECENT
        reasons = (
            (_NAMED, name in named),
            (_SUPPORTS, name in supports),
            (_INSIDE, parent in named),
            (_CHANGED, moved),
            (_OTHERWISE, any(fold(label) in wanted for label in thing.label_scores)),
            (_SAME_ROOM, thing.room in rooms),
        )
        tiers[name] = next((tier for tier, holds in reasons if holds), _REST)
    return tiers


def _natural(thing: Known) -> tuple[str, int]:
    """Return a key that puts mug_2 before mug_10."""
    stem, _, number = thing.object_id.rpartition("_")
    return (stem, int(number)) if number.isdigit() else (thing.object_id, 0)


def _fitting(lines: Iterable[str], budget: int) -> list[str]:
    """Return the first lines that fit into a budget together [tokens]."""
    kept, left = [], budget
    for line in lines:
        left -= count_tokens(line) + 1  # The line's end.
        if left < 0:
            break
        kept.append(line)
    return kept


def room_name(graph: SceneGraph, room: str | None) -> str:
    """Return a room's type and id; nothing where it is unknown."""
    if room is None or room not in graph:
        return ""
    return " ".join(filter(None, (graph[room].label, room)))


def _room_line(graph: SceneGraph, room: str) -> str:
    x, y, _ = graph[room].position
    beyond = sorted(graph.neighbours(room, "connects"))
    leads = f"; leads to {', '.join(beyond)}" if beyond else ""
    return f"{room_name(graph, room)}; around ({x:.1f}, {y:.1f}){leads}"


def line_for(thing: Known, *, now: float, room: str) -> str:
    """Return what is known of one object as a line."""
    where = "held" if thing.status == "held" else ""
    if not where and thing.placement is not None:
        where = f"{thing.placement.relation} {thing.placement.parent}"
    where = " in ".join(filter(None, (where, room)))
    x, y, z = thing.position
    states = ", ".join(f"{name}={value}" for name, value in sorted(thing.attributes.items()))
    parts = [
        f"{thing.object_id} ({_label(thing)})",
        where,
        f"at ({x:.1f}, {y:.1f}, {z:.1f})",
        states,
        "gone" if thing.status == "gone" else "",
        f"seen {max(now - thing.last_seen, 0.0):.0f} s ago",
    ]
    return "; ".join(filter(None, parts))


def _label(thing: Known) -> str:
    """Return a label without line breaks, cut short: it comes out of the world."""
    return re.sub(r"\s+", " ", thing.label)[:60]
