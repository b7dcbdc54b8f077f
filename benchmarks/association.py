"""Compare associators without ids in generated houses: who is who, where, and what has changed.

Each house is toured, the agent carries one thing to another place, an outside hand moves, removes
and brings things (a vessel with its contents among them) and exchanges two equal ones, and the
house is toured again. All associators are given the same percepts, per level of noise; the
simulator's ids are used for scoring alone.

Run `python benchmarks/association.py --houses 40 --noise default`; prints tables with 95 %
bootstrap intervals over houses, and writes one JSON line per house, which a later run goes on from.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from house_tour import Glance, Visit
from peers.concept_graphs import ConceptGraphs
from peers.nearest_centroid import NearestCentroid

from embodied_mem.memory import Memory
from embodied_mem.memory.relations import RelationConfig, supports
from embodied_mem.runtime import scoring
from embodied_mem.runtime.change_scoring import (
    Belief,
    Event,
    change_counts,
    claims,
    is_place_in_view,
)
from embodied_mem.runtime.scoring import Counts
from embodied_mem.types import Action, Percept
from perception.noise import NoiseConfig
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline

NOISE = {
    "none": None,
    "default": NoiseConfig(),
    "heavy": NoiseConfig(
        drop=0.25,
        split=0.08,
        mislabel=0.12,
        attribute_error=0.05,
        boundary=0.5,
        depth_sigma=0.015,
        depth_dropout=0.1,
    ),
}


VESSELS = frozenset(
    ("Bowl", "Mug", "Cup", "Pot", "Box", "GarbageCan", "Sink", "SinkBasin", "Bathtub",
     "BathtubBasin", "LaundryHamper", "Vase", "Toilet")
)  # fmt: skip
"""Types with walls and no lid."""


BELIEVED = 0.5
"""Objects count as there from this confidence on; claims of change need more."""


class Associator(Protocol):
    """Gives detections ids."""

    def write(self, percept: Percept) -> tuple[str, ...]:
        """Take in a percept, and return the object of each detection; "" for none."""
        ...

    def beliefs(self) -> list[Belief]:
        """Return all that it believes of objects."""
        ...

    def resolve(self, object_id: str) -> str:
        """Return what an id is called now."""
        ...


class Ours:
    """The memory of this project."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.alarms = 0

    def write(self, percept: Percept) -> tuple[str, ...]:
        """Take in a percept, and return the object of each detection."""
        return self.memory.write(percept).ids

    def act(self, glance: Glance, target: str | None) -> None:
        """Take in what the agent did."""
        assert glance.done is not None
        self.memory.record(
            Action(name=glance.done[0]), target=target, succeeded=True, stamp=glance.frame.stamp
        )

    def beliefs(self) -> list[Belief]:
        """Return all objects."""
        return [
            Belief(
                object_id=k.object_id,
                label=k.label,
                box=k.box,
                gone=k.status == "gone",
                confidence=k.confidence,
                relation=(k.placement.relation, k.placement.parent) if k.placement else None,
                room=k.room,
            )
            for k in self.memory.known()
        ]

    def resolve(self, object_id: str) -> str:
        """Return what an id is called now."""
        return self.memory.objects.aliases.get(object_id, object_id)


class Run:
    """One associator's way through a visit at one level of noise."""

    def __init__(self, associator: Associator) -> None:
        self.associator = associator
        self.truth: tuple[list[str], list[str]] = ([], [])
        self.found: tuple[list[str], list[str]] = ([], [])
        self.before: list[Belief] = []
        self.last: dict[str, str] = {}
        self.seconds = 0.0

    def see(self, glance: Glance, percept: Percept, names: Sequence[str]) -> None:
        """Take in one percept with the true ids of its detections."""
        if glance.done is not None and isinstance(self.associator, Ours):
            self.associator.act(glance, self.last.get(glance.done[1]))
        if glance.phase and not self.before:
            self.before = self.associator.beliefs()
        began = time.perf_counter()
        ids = self.associator.write(percept)
        self.seconds += time.perf_counter() - began
        self.truth[glance.phase].extend(names)
        self.found[glance.phase].extend(ids)
        self.last = {t: f for t, f in zip(names, ids, strict=True) if f}


ASSOCIATORS = {"ours": Ours, "concept-graphs": ConceptGraphs, "nearest-centroid": NearestCentroid}


def run_house(seed: int, wanted: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Go through one house with each wanted pair of noise and associator, and score them."""
    visit = Visit(seed)
    pipes: dict[str, Pipeline] = {}
    for name in dict.fromkeys(level for level, _ in wanted):
        noise = NOISE[name]
        seeded = (
            None
            if noise is None
            else NoiseConfig(
                **{f: getattr(noise, f) for f in noise.__struct_fields__ if f != "seed"}, seed=seed
            )
        )
        pipes[name] = Pipeline(OracleConfig(noise=seeded))
    runs = {(level, name): Run(ASSOCIATORS[name]()) for level, name in wanted}
    in_view: set[str] = set()
    frames = 0
    for glance in visit.glances():
        frames += 1
        if glance.phase:
            in_view |= _places_in_view(visit, glance, in_view)
        for level, pipe in pipes.items():
            percept = pipe(glance.frame)
            names = [name_of(visit, glance, s) for s in percept.source_ids or ()]
            for (of, _), run in runs.items():
                if of == level:
                    run.see(glance, percept, names)
    return [
        {"seed": seed, "noise": level, "associator": name, "frames": frames,
         **score(visit, run, in_view)}
        for (level, name), run in runs.items()
    ]  # fmt: skip


def name_of(visit: Visit, glance: Glance, source: str) -> str:
    """Return the true id of a detection; of two equal things exchanged, the one that was there."""
    return visit.changes.same_as.get(source, source) if glance.phase else source


def _places_in_view(visit: Visit, glance: Glance, known: set[str]) -> set[str]:
    frame = glance.frame
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    pose = frame.T_world_camera.inv().as_matrix()
    return {
        name
        for name, box in visit.changes.old_boxes.items()
        if name not in known and is_place_in_view(box, frame.depth, frame.camera, pose)
    }


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


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the numbers of each noise level and associator, with intervals over houses."""
    lines = []
    groups = dict.fromkeys((r["noise"], r["associator"]) for r in rows)
    head = ("noise", "associator", "identity F1", "online F1", "relation F1", "on/in F1",
            "room F1", "change P", "change R", "err med", "p90 [m]", "switch", "frag", "mixed",
            "surplus", "ms/frame")  # fmt: skip
    lines.append("| " + " | ".join(head) + " |")
    lines.append("|" + "---|" * len(head))
    for noise, name in groups:
        mine = [r for r in rows if (r["noise"], r["associator"]) == (noise, name)]
        objects = sum(r["objects"] for r in mine)
        errors = [e for r in mine for e in r["errors"]]
        cells = [noise, name]
        for key, part in (("identity", "f1"), ("online", "f1"), ("relations", "f1"),
                          ("support", "f1"), ("room", "f1"), ("changes", "precision"),
                          ("changes", "recall")):  # fmt: skip
            cells.append(_interval(mine, key, part))
        cells += [f"{np.median(errors):.3f}", f"{np.quantile(errors, 0.9):.3f}"]
        per_object = [sum(r[k] for r in mine) / objects for k in ("switches", "fragments")]
        cells += [f"{v:.2f}" for v in per_object]
        cells.append(f"{sum(r['mixed'] for r in mine) / sum(r['detections'] for r in mine):.3f}")
        cells.append(f"{sum(r['surplus'] for r in mine) / objects:.3f}")
        frames = sum(r["frames"] for r in mine)
        cells.append(f"{1e3 * sum(r['seconds'] for r in mine) / frames:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    for noise, name in groups:
        if name == "ours":
            kinds: Counter[str] = Counter()
            total: Counter[str] = Counter()
            for r in rows:
                if (r["noise"], r["associator"]) == (noise, name):
                    for kind, (hit, of) in r["by_kind"].items():
                        kinds[kind] += hit
                        total[kind] += of
            lines.append(
                f"noticed by ours ({noise}): "
                + ", ".join(f"{kind} {kinds[kind]}/{of}" for kind, of in sorted(total.items()))
            )
    return "\n".join(lines)


def _interval(rows: Sequence[dict[str, Any]], key: str, part: str) -> str:
    def statistic(sample: Sequence[dict[str, Any]]) -> float:
        return getattr(sum((Counts(*r[key]) for r in sample), Counts()), part)

    low, high = scoring.bootstrap(rows, statistic, np.random.default_rng(0))
    return f"{statistic(rows):.3f} ({low:.3f}-{high:.3f})"


def main() -> None:
    """Run the houses that are not in the output yet; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first house")
    parser.add_argument("--noise", nargs="+", default=["default"], choices=list(NOISE))
    parser.add_argument("--who", nargs="+", default=list(ASSOCIATORS), choices=list(ASSOCIATORS))
    parser.add_argument("--out", type=Path, default=Path("association.jsonl"))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.out.exists():
        rows = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    wanted = range(arguments.first, arguments.first + arguments.houses)
    for seed in wanted:
        have = {(r["noise"], r["associator"]) for r in rows if r["seed"] == seed}
        missing = [(n, w) for n in arguments.noise for w in arguments.who if (n, w) not in have]
        if not missing:
            continue
        began = time.perf_counter()
        fresh = run_house(seed, missing)
        rows += fresh
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in fresh)
        taken = time.perf_counter() - began
        print(f"house {seed}: {fresh[0]['frames']} frames, {taken:.0f} s", file=sys.stderr)
    kept = [
        r
        for r in rows
        if r["seed"] in wanted
        and r["noise"] in arguments.noise
        and r["associator"] in arguments.who
    ]
    print(table(kept))


if __name__ == "__main__":
    main()
