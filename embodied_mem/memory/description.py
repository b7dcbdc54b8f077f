"""What a planner's prompt is told of the memory: lines of text within a budget."""

from collections.abc import Callable, Sequence

from embodied_mem.goals import fold
from embodied_mem.memory.records import Known

_CHARACTERS_PER_TOKEN = 4


def describe(
    known: Sequence[Known],
    goal: str,
    *,
    budget: int,
    now: float,
    room_name: Callable[[str | None], str],
) -> str:
    """Return one line per object, those that the goal names first, then the newest.

    Args:
        known: The objects.
        goal: The task, in any words.
        budget: Most tokens, taking four characters for one [tokens].
        now: Time from which ages count [s].
        room_name: Gives a room's name for its id.
    """
    wanted = fold(goal)
    order = sorted(known, key=lambda k: (fold(k.label) not in wanted, -k.last_seen, k.object_id))
    lines, left = [], budget * _CHARACTERS_PER_TOKEN
    for thing in order:
        line = line_for(thing, now=now, room=room_name(thing.room))
        if len(line) + 1 > left:
            break
        lines.append(line)
        left -= len(line) + 1
    return "\n".join(lines)


def line_for(thing: Known, *, now: float, room: str) -> str:
    """Return what is known of one object as a line."""
    where = "held" if thing.status == "held" else ""
    if not where and thing.placement is not None:
        where = f"{thing.placement.relation} {thing.placement.parent}"
    where = " in ".join(filter(None, (where, room)))
    x, y, z = thing.position
    states = ", ".join(f"{name}={value}" for name, value in sorted(thing.attributes.items()))
    parts = [
        f"{thing.object_id} ({thing.label})",
        where,
        f"at ({x:.1f}, {y:.1f}, {z:.1f})",
        states,
        "gone" if thing.status == "gone" else "",
        f"seen {max(now - thing.last_seen, 0.0):.0f} s ago",
    ]
    return "; ".join(filter(None, parts))
