"""Why a run's claims of change and its relations differ from the truth: one line for each."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from association_scores import BELIEVED, Findings, RelationSets, find_changes, find_relations
from associators import Ours, Run
from house_tour import Visit

from embodied_mem.runtime.change_scoring import CLAIMED, Belief, Event

FURNITURE = 0.8
"""Things with an edge this long are called furniture here [m]."""


def explain(visit: Visit, run: Run, in_view: Mapping[str, int]) -> list[str]:
    """Return a line `cause: what` for each false or missed change and relation.

    Args:
        visit: The truth.
        run: What an associator made of it.
        in_view: Frames of the second tour that would have shown what left, by true object.
    """
    found = find_changes(visit, run, set(in_view))
    true = Counter(visit.changes.events)
    lines = []
    for event, claim in zip(found.said, found.sources, strict=True):
        if event in true:
            continue
        if event.kind == "arrived" and event.object_id not in found.known:
            continue
        lines.append(_false_change(visit, run, found, event, claim))
    lines += [
        _missed_change(visit, run, found, event, in_view)
        for event in found.noticeable
        if event not in found.said
    ]
    return lines + _relations(visit, run, found)


def _say(belief: Belief | None) -> str:
    if belief is None:
        return "-"
    middle, size = belief.box.mean(axis=0), belief.box[1] - belief.box[0]
    return (
        f"{belief.object_id} at {np.round(middle, 2).tolist()} size {np.round(size, 2).tolist()} "
        f"conf {belief.confidence:.2f}{' gone' if belief.gone else ''}"
    )


def _kind_of(visit: Visit, name: str, belief: Belief) -> str:
    size = float((belief.box[1] - belief.box[0]).max())
    if not name:
        return "nothing"
    if size > FURNITURE or not visit.objects[name].pickupable:
        return "furniture"
    if name in visit.changes.kinds:
        return "changed thing"
    return "small thing"


def _false_change(
    visit: Visit, run: Run, found: Findings, event: Event, claim: tuple[Belief | None, Belief]
) -> str:
    was, now = claim
    resolve = run.associator.resolve
    name = event.object_id
    kind = _kind_of(visit, name, now if was is None or now is not None else was)
    late = [resolve(f) for t, f in zip(run.truth[1], run.found[1], strict=True) if t == name and f]
    shown = [
        t
        for t, f in zip(run.truth[1], run.found[1], strict=True)
        if f and resolve(f) == now.object_id
    ]
    if event.kind == "left":
        how = "gone" if now.gone else "moved"
        if not late:
            cause = f"false {how}, {kind}, never detected again"
        elif Counter(late).most_common(1)[0][0] != now.object_id:
            cause = f"false {how}, {kind}, detected again as another"
        else:
            cause = f"false {how}, {kind}, detected again as itself"
    else:
        old = [b for b in found.before if found.early.get(b.object_id) == name]
        cause = f"false arrival, {kind}, " + (
            "known as itself before" if any(b.object_id == now.object_id for b in old)
            else "known as another before" if old else "not known before"
        )  # fmt: skip
    return (
        f"{cause}: {name or '?'} was {_say(was)} now {_say(now)}; "
        f"true {np.round(visit.box(name), 2).tolist() if name else '-'}; "
        f"ids late {Counter(late).most_common(3)}; it shows late {Counter(shown).most_common(3)}"
    )


def _missed_change(
    visit: Visit, run: Run, found: Findings, event: Event, in_view: Mapping[str, int]
) -> str:
    resolve = run.associator.resolve
    name = event.object_id
    how = visit.changes.kinds[name]
    if event.kind == "left":
        old = [b for b in found.before if found.early.get(b.object_id) == name]
        if not old:
            cause = "left, was never owned by a belief"
        elif max(b.confidence for b in old) < CLAIMED:
            cause = "left, was believed too little"
        elif any((now := found.now.get(b.object_id)) is None for b in old):
            cause = "left, belief vanished"
        else:
            now = found.now[old[0].object_id]
            cause = "left, still believed there" + (
                " (doubted)" if now.confidence < BELIEVED else ""
            )
            if found.late.get(now.object_id, name) != name:
                cause = "left, another took its id"
        state = "; ".join(f"{_say(b)} now {_say(found.now.get(b.object_id))}" for b in old)
        return f"missed {cause} [{how}]: {name} in view {in_view.get(name, 0)}; {state}"
    ids = Counter(resolve(f) for t, f in zip(run.truth[1], run.found[1], strict=True) if t == name)
    top = ids.most_common(1)[0][0]
    now = found.now.get(top)
    if not top or now is None:
        cause = "arrived, given no object"
    elif now.confidence < CLAIMED:
        cause = "arrived, believed too little"
    elif found.owner.get(top) != name:
        cause = "arrived, under another's id"
    else:
        cause = "arrived, taken for what was there before"
    before = next((b for b in found.before if b.object_id == top), None)
    return (
        f"missed {cause} [{how}]: {name} ids {ids.most_common(3)}; before {_say(before)} "
        f"now {_say(now)}; true {np.round(visit.box(name), 2).tolist()}"
    )


def _relations(visit: Visit, run: Run, found: Findings) -> list[str]:
    if not isinstance(run.associator, Ours):
        return []
    sets = find_relations(visit, run, found)
    about = _behind(run, found, sets)
    lines = []
    said, true = {s[0]: s for s in sets.said}, {t[0]: t for t in sets.true}
    for s in (Counter(sets.said) - Counter(sets.true)).elements():
        t = true.get(s[0])
        if s[0].startswith("?"):
            cause = "false support of a duplicate or nothing"
        elif t is None:
            cause = "false support where none is scored"
        elif t[2] != s[2]:
            a = visit.objects[s[2]].type_name if s[2] in visit.objects else "?"
            cause = f"support: other parent: {visit.objects[t[2]].type_name} taken for {a}"
        else:
            cause = f"support: {s[1]} for {t[1]} {visit.objects[t[2]].type_name}"
        lines.append(f"{cause}: {s} true {t}; {about.get(s[0], '')}")
    for t in (Counter(sets.true) - Counter(sets.said)).elements():
        if t[0] not in said:
            there = t[0] in sets.names.values()
            cause = "none said" if there else "the thing is not believed there"
            where = visit.objects[t[2]].type_name
            lines.append(f"support missing: {cause}, {where}: {t}; {about.get(t[0], '')}")
    rooms = {s[0]: s for s in sets.room_true}
    for s in (Counter(sets.room_said) - Counter(sets.room_true)).elements():
        t = rooms.get(s[0])
        cause = "of a duplicate or nothing" if t is None else "wrong"
        movable = t is not None and visit.objects[s[0]].pickupable
        size = "small" if movable else "furniture"
        lines.append(f"room {cause}, {size}: {s} true {t}; {about.get(s[0], '')}")
    placed = {s[0] for s in sets.room_said}
    lines += [
        f"room missing: {t}; {about.get(t[0], '')}" for t in sets.room_true if t[0] not in placed
    ]
    return lines


def _behind(run: Run, found: Findings, sets: RelationSets) -> dict[str, str]:
    """Say for each name in the relations which belief it is, and what that is said to rest on."""
    assert isinstance(run.associator, Ours)
    buffer, lines = run.associator.memory.objects, {}
    shown: dict[str, Counter[str]] = {}
    for t, f in zip((*run.truth[0], *run.truth[1]), (*run.found[0], *run.found[1]), strict=True):
        if f:
            shown.setdefault(run.associator.resolve(f), Counter())[t] += 1
    for object_id, belief in found.now.items():
        entry = buffer[object_id]
        below = found.now.get(belief.relation[1]) if belief.relation else None
        lines[sets.names.get(object_id, "")] = (
            f"{_say(belief)} seen {entry.sightings} misses {entry.misses:.1f} "
            f"labels { {k: round(v, 1) for k, v in entry.label_weights.items()} } "
            f"shows {shown.get(object_id, Counter()).most_common(3)} rests "
            f"{belief.relation} {_say(below)}"
        )
    return lines


def causes(lines: Sequence[str]) -> str:
    """Count lines by their causes."""
    counted = Counter(line.split(": ")[0] if not line.startswith("support: ")
                      else ": ".join(line.split(": ")[:2]) for line in lines)  # fmt: skip
    return "\n".join(f"{count:4d}  {cause}" for cause, count in counted.most_common())
