"""The scene graph of a report, as an HTML tree: room, what stands there, what is on and in it."""

from html import escape

from embodied_mem.runtime.belief import Belief, ObjectBelief

_SHOWN = ("open", "on", "dirty", "sliced", "cooked", "filled", "broken")
_USUAL = ("RoomTemp",)


def draw_graph(belief: Belief | None) -> str:
    """Return the tree; rooms by name, things by label."""
    if belief is None or not belief.objects:
        return '<p class="empty">Nothing is remembered.</p>'
    by_id = {thing.object_id: thing for thing in belief.objects}
    children: dict[str, list[ObjectBelief]] = {}
    roots: dict[str, list[ObjectBelief]] = {}
    for thing in sorted(belief.objects, key=lambda o: (o.status == "gone", o.label, o.object_id)):
        if thing.parent in by_id and not _is_below(thing.parent, thing.object_id, by_id):
            children.setdefault(thing.parent, []).append(thing)
        else:
            roots.setdefault(thing.room, []).append(thing)
    parts = ['<div class="tree"><ul class="graph">']
    for room in sorted(roots, key=lambda name: (name == "", belief.rooms.get(name, name))):
        name = escape(belief.rooms.get(room, room) or "no room yet")
        count = sum(_size(thing, children) for thing in roots[room])
        parts.append(f'<li><details open><summary class="roomname">{name} <small>{count}</small>')
        parts.append("</summary><ul>")
        parts += [_draw(thing, children) for thing in roots[room]]
        parts.append("</ul></details></li>")
    parts.append("</ul></div>")
    return "".join(parts)


def _is_below(name: str, top: str, by_id: dict[str, ObjectBelief]) -> bool:
    """Tell whether following parents from `name` leads to `top`, or round in a ring."""
    seen: set[str] = set()
    while name in by_id and name not in seen:
        if name == top:
            return True
        seen.add(name)
        name = by_id[name].parent
    return name in seen


def _size(thing: ObjectBelief, children: dict[str, list[ObjectBelief]]) -> int:
    return 1 + sum(_size(child, children) for child in children.get(thing.object_id, ()))


def _draw(thing: ObjectBelief, children: dict[str, list[ObjectBelief]]) -> str:
    below = children.get(thing.object_id, [])
    relation = f"<i>{escape(thing.relation)}</i> " if thing.relation else ""
    states = [name for name in _SHOWN if thing.attributes.get(name) is True]
    temperature = thing.attributes.get("temperature")
    if isinstance(temperature, str) and temperature not in _USUAL:
        states.append(temperature.lower())
    badges = "".join(f'<b class="badge">{escape(state)}</b>' for state in states)
    if thing.status != "present":
        badges += f'<b class="badge {escape(thing.status)}">{escape(thing.status)}</b>'
    when = f"{thing.object_id}: seen {thing.sightings} times, {thing.first_seen:.1f} s to "
    tip = escape(f"{when}{thing.last_seen:.1f} s, belief {thing.confidence:.2f}")
    words = f'<span title="{tip}">{relation}{escape(thing.label)}</span>{badges}'
    if not below:
        return f'<li class="leaf">{words}</li>'
    inside = "".join(_draw(child, children) for child in below)
    return f"<li><details open><summary>{words}</summary><ul>{inside}</ul></details></li>"
