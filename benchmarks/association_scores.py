"""The scores of one associator's way through a visit, against the simulator's truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from associators import Ours, Run
from house_tour import Visit

from embodied_mem.memory.relations import RelationConfig, supports
from embodied_mem.runtime import scoring
from embodied_mem.runtime.change_scoring import CLAIMED, Belief, Event, change_counts, claims
from embodied_mem.runtime.scoring import Counts

VESSELS = frozenset(
    ("Bowl", "Mug", "Cup", "Pot", "Box", "GarbageCan", "Sink", "SinkBasin", "Bathtub",
     "BathtubBasin", "LaundryHamper", "Vase", "Toilet")
)  # fmt: skip
"""Types with walls and no lid."""


BELIEVED = 0.5
"""Objects count as there from this confidence on; claims of change need a little more."""
SURE = 0.85
"""Claims are counted from this confidence on as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an associator says has changed, and what could be noticed."""

    before: list[Belief]
    """What it believed before the changes, but for what it has joined to another since."""
    now: dict[str, Belief]
    """What it believes at the end, by its id."""
    said: list[Event]
    sources: list[tuple[Belief | None, Belief]]
    """The belief before and the one now that each of these comes from."""
    noticeable: list[Event]
    known: set[str]
    """True objects detected before the changes."""
    early: dict[str, str]
    """True object by id, by the detections before."""
    late: dict[str, str]
    """The same, by those after."""
    owner: dict[str, str]
    """The same, by those after, else by all."""


def find_changes(visit: Visit, run: Run, in_view: set[str], *, least: float = CLAIMED) -> Findings:
    """Compare what a run believed before the changes with what it believes now.

    Args:
        visit: The truth.
        run: What an associator made of it.
        in_view: True objects whose old place was in view since.
        least: What is believed with less confidence makes no claim, 0..1.
    """
    resolve = run.associator.resolve
    truth = [*run.truth[0], *run.truth[1]]
    final = [resolve(f) if f else "" for f in (*run.found[0], *run.found[1])]
    late = scoring.owners(run.truth[1], final[len(run.truth[0]) :])
    early = scoring.owners(run.truth[0], final[: len(run.truth[0])])
    owner = scoring.owners(truth, final) | late
    before = [b for b in run.before if resolve(b.object_id) == b.object_id]
    now = {b.object_id: b for b in run.associator.beliefs()}
    was = {b.object_id: b for b in before}
    said: list[Event] = []
    sources: list[tuple[Belief | None, Belief]] = []
    for name in dict.fromkeys((*now, *was)):  # The claims of each belief are its own matter.
        old, new = was.get(name), now.get(name)
        for event in claims([old] if old else [], [new] if new else [], early, owner, least=least):
            if event.object_id not in visit.carried:
                said.append(event)
                sources.append((old, new or was[name]))
    seen_late, known = Counter(run.truth[1]), set(run.truth[0])
    noticeable = [
        e for e in visit.changes.events
        if (e.object_id in in_view & known if e.kind == "left" else seen_late[e.object_id] >= 1)
    ]  # fmt: skip
    return Findings(
        before=before, now=now, said=said, sources=sources, noticeable=noticeable, known=known,
        early=early, late=late, owner=owner,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSets:
    """What is said of on, in and room, and what is true."""

    said: list[tuple[str, str, str]]
    true: list[tuple[str, str, str]]
    room_said: list[tuple[str, str, str]]
    room_true: list[tuple[str, str, str]]
    names: dict[str, str]
    """The true object that each belief stands for; "?" and its own id where there is none."""


def score(visit: Visit, run: Run, in_view: set[str]) -> dict[str, Any]:
    """Score one run."""
    resolve = run.associator.resolve
    truth = [*run.truth[0], *run.truth[1]]
    found = [*run.found[0], *run.found[1]]
    final = [resolve(f) if f else "" for f in found]
    changed = find_changes(visit, run, in_view)
    owner = scoring.owners(truth, final)
    match = _match(run)
    alive = _alive(changed)
    changes = change_counts(
        changed.said, visit.changes.events, changed.noticeable, known=changed.known
    )
    boxes = {name: visit.box(name) for name in _placed(visit, changed)}
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
        **relation_scores(find_relations(visit, run, changed)),
        "changes": _list(changes),
        "changes_sure": _list(
            change_counts(
                find_changes(visit, run, in_view, least=SURE).said,
                visit.changes.events,
                changed.noticeable,
                known=changed.known,
            )
        ),
        "by_kind": by_kind(visit, changed.said, changed.noticeable),
        "seconds": run.seconds,
    }


def _match(run: Run) -> dict[str, str]:
    """Return the true object that each id shows now."""
    resolve = run.associator.resolve
    final = [[resolve(f) if f else "" for f in found] for found in run.found]
    truth = [*run.truth[0], *run.truth[1]]
    return shown_now(run.truth[1], final[1], truth, [*final[0], *final[1]])


def _alive(changed: Findings) -> list[Belief]:
    return [b for b in changed.now.values() if b.confidence >= BELIEVED and not b.gone]


def _placed(visit: Visit, changed: Findings) -> set[str]:
    """Return what is there, but for what was brought and never seen."""
    there = {n for n, o in visit.objects.items() if not o.removed}
    arrived = {e.object_id for e in visit.changes.events if e.kind == "arrived"}
    return there - (arrived - {e.object_id for e in changed.noticeable if e.kind == "arrived"})


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


def find_relations(visit: Visit, run: Run, changed: Findings) -> RelationSets:
    """Gather on, in and room of what was seen, as believed and as the simulator has it."""
    alive, match = _alive(changed), _match(run)
    seen = _placed(visit, changed) & {*run.truth[0], *run.truth[1]}
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
    return RelationSets(said=said, true=true, room_said=room_said, room_true=room_true, names=names)


def relation_scores(sets: RelationSets) -> dict[str, Any]:
    """Count on, in and room that are right, wrong and missing."""
    said, true = sets.said, sets.true
    support = scoring.set_counts(said, true)
    loose = scoring.set_counts([(a, c) for a, _, c in said], [(a, c) for a, _, c in true])
    room = scoring.set_counts(sets.room_said, sets.room_true)
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
