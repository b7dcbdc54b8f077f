"""The scores of one associator's way through a visit, against the simulator's truth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from associators import Ours, Run
from house_tour import Visit

from embodied_mem.memory.relations import RelationConfig, supports
from embodied_mem.runtime import scoring
from embodied_mem.runtime.change_scoring import Belief, Event, change_counts, claims
from embodied_mem.runtime.scoring import Counts

VESSELS = frozenset(
    ("Bowl", "Mug", "Cup", "Pot", "Box", "GarbageCan", "Sink", "SinkBasin", "Bathtub",
     "BathtubBasin", "LaundryHamper", "Vase", "Toilet")
)  # fmt: skip
"""Types with walls and no lid."""


BELIEVED = 0.5
"""Objects count as there from this confidence on; claims of change need more."""


def score(visit: Visit, run: Run, in_view: set[str]) -> dict[str, Any]:
    """Score one run."""
    resolve = run.associator.resolve
    truth = [*run.truth[0], *run.truth[1]]
    found = [*run.found[0], *run.found[1]]
    final = [resolve(f) if f else "" for f in found]
    beliefs = run.associator.beliefs()
    owner = scoring.owners(truth, final)
    newest = [resolve(f) if f else "" for f in run.found[1]]
    late = scoring.owners(run.truth[1], newest)
    early = scoring.owners(run.truth[0], [resolve(f) if f else "" for f in run.found[0]])
    match = shown_now(run.truth[1], newest, truth, final)
    alive = [b for b in beliefs if b.confidence >= BELIEVED and not b.gone]
    before = [b for b in run.before if resolve(b.object_id) == b.object_id]
    said = claims(before, beliefs, early, {**owner, **late})
    events = visit.changes.events
    seen_late = Counter(run.truth[1])
    known = set(run.truth[0])
    noticeable = [
        e for e in events
        if (e.object_id in in_view & known if e.kind == "left" else seen_late[e.object_id] >= 1)
    ]  # fmt: skip
    said = [e for e in said if e.object_id not in visit.carried]
    changes = change_counts(said, events, noticeable, known=known)
    there = {n for n, o in visit.objects.items() if not o.removed}
    stale = {e.object_id for e in noticeable if e.kind == "arrived"}
    unseen = {e.object_id for e in events if e.kind == "arrived" and e.object_id not in stale}
    boxes = {name: visit.box(name) for name in there - unseen}
    errors = scoring.position_errors(
        {b.object_id: b.box for b in alive},
        match,
        {n: box for n, box in boxes.items() if visit.objects[n].pickupable},
    )
    return {
        "identity": _list(scoring.identity_counts(truth, final)),
        "online": _list(scoring.identity_counts(truth, found)),
        "switches": scoring.identity_switches(truth, found),
        "fragments": scoring.fragmentation(truth, final),
        "mixed": scoring.mixed(truth, final),
        "detections": len(truth),
        "surplus": scoring.surplus([b.object_id for b in alive], owner),
        "alive": len(alive),
        "objects": len(set(truth)),
        "errors": [round(e, 4) for e in errors.tolist()],
        **relation_scores(visit, alive, match, run, there - unseen),
        "changes": _list(changes),
        "by_kind": by_kind(visit, said, noticeable),
        "seconds": run.seconds,
    }


def shown_now(
    truth: Sequence[str], found: Sequence[str], all_truth: Sequence[str], all_found: Sequence[str]
) -> dict[str, str]:
    """Return the true object that each id shows now: by the last tour, else by all detections."""
    match = scoring.match_identities(truth, found)
    taken = set(match.values())
    earlier = scoring.match_identities(all_truth, all_found)
    return match | {
        f: t for f, t in earlier.items() if f not in match and t not in taken and f not in found
    }


def relation_scores(
    visit: Visit, alive: Sequence[Belief], match: Mapping[str, str], run: Run, known: set[str]
) -> dict[str, Any]:
    """Score on, in and room of what was seen against the simulator's truth."""
    seen = known & {*run.truth[0], *run.truth[1]}
    children = {n for n in seen if visit.objects[n].kind.primary != "Static"}
    true = [r for n in children if (r := true_relation(visit, n)) and r[2] in seen]
    placed = alive if isinstance(run.associator, Ours) else with_relations(alive)
    names = {b.object_id: match.get(b.object_id, f"?{b.object_id}") for b in placed}
    said = [
        (names[b.object_id], b.relation[0], names.get(b.relation[1], "?"))
        for b in placed
        if b.relation and (names[b.object_id] in children or names[b.object_id][0] == "?")
        and visit_label_moves(visit, b.label)
    ]  # fmt: skip
    rooms = {n: r for n in seen if (r := visit.room(n))}
    best = room_names(visit, run.associator) if isinstance(run.associator, Ours) else {}
    room_said = [
        (names[b.object_id], "room", best.get(b.room or "", ""))
        for b in placed
        if b.room and (names[b.object_id] in rooms or names[b.object_id][0] == "?")
    ]
    room_true = [(n, "room", r) for n, r in rooms.items()]
    support = scoring.set_counts(said, true)
    loose = scoring.set_counts([(a, c) for a, _, c in said], [(a, c) for a, _, c in true])
    room = scoring.set_counts(room_said, room_true)
    return {
        "support": _list(support),
        "support_any": _list(loose),
        "room": _list(room),
        "relations": _list(support + room),
    }


def visit_label_moves(visit: Visit, label: str) -> bool:
    """Whether things of a label are scored for what they rest on."""
    return any(o.type_name == label and o.kind.primary != "Static" for o in visit.objects.values())


def true_relation(visit: Visit, name: str) -> tuple[str, str, str] | None:
    """Return what a thing rests on by the simulator.

    It is in what is closed, has a board above it or is a vessel, and holds most of it; else on.
    """
    item = visit.now(name)
    if item.parent is None:
        return None
    parent = visit.objects[item.parent]
    surface = parent.body.surfaces[item.surface]
    a, b = visit.box(name), visit.box(item.parent)
    shared = np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None).prod()
    inside = shared / max(float((a[1] - a[0]).prod()), 1e-9) >= 0.7
    holds = surface.enclosed or surface.clearance < 1.5 or parent.type_name in VESSELS
    return name, "in" if inside and holds else "on", item.parent


def with_relations(beliefs: Sequence[Belief]) -> list[Belief]:
    """Give an associator that knows no relations those that its boxes say."""
    boxes = np.array([b.box for b in beliefs]).reshape(-1, 2, 3)
    relation: dict[int, tuple[str, str]] = {}
    for s in supports(np.arange(len(beliefs)), boxes, {}, RelationConfig()):
        relation[s.child] = (s.relation, beliefs[s.parent].object_id)
    return [
        Belief(object_id=b.object_id, label=b.label, box=b.box, relation=relation.get(i))
        for i, b in enumerate(beliefs)
    ]


def room_names(visit: Visit, ours: Ours) -> dict[str, str]:
    """Return the true room that each room of the memory overlaps most."""
    rooms, grid = ours.memory.rooms, ours.memory.occupancy
    rows, columns = np.nonzero(rooms.labels)
    spots = grid.cell_to_world(np.stack((columns, rows), axis=1))
    shell = visit.sim.engine.world.shell
    votes: dict[str, Counter[str]] = {}
    for (x, y), number in zip(spots.tolist(), rooms.labels[rows, columns].tolist(), strict=True):
        room = shell.room_at(-y, x)  # AI2-THOR's x is our -y, its z our x.
        if room is not None:
            votes.setdefault(f"room_{number}", Counter())[room.id] += 1
    return {name: count.most_common(1)[0][0] for name, count in votes.items()}


def by_kind(
    visit: Visit, said: Sequence[Event], noticeable: Sequence[Event]
) -> dict[str, list[int]]:
    """Count noticed and noticeable events by how things changed."""
    table: dict[str, list[int]] = {}
    for event in noticeable:
        row = table.setdefault(f"{visit.changes.kinds[event.object_id]}: {event.kind}", [0, 0])
        row[0] += event in said
        row[1] += 1
    return table


def _list(counts: Counts) -> list[int]:
    return [counts.right, counts.wrong, counts.missing]
