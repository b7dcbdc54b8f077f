"""Does a question find the right thing? Recall and rank of questions with known answers.

A few generated houses are looked over from many places by the oracle's eyes; questions and their
answers come from the simulator's truth, among the objects that memory has seen:

- name: `where is the mug`; typo: `where is the mgu`; synonym: `where is the couch`.
- place: `the mug in the kitchen`, where other rooms have mugs too; support: `the mug on the desk`.
- state: `which things are dirty`.
- history: `the mug I used before`, where there are other mugs; done: `what did I pick up`.
- beside: `things next to the mug I used`, which takes several hops: act, mug, table, other things.

Run `python benchmarks/retrieval.py [--houses N]`: recall at 5 and mean reciprocal rank by kind of
question, for each way of searching, then the time of a search among 10,000 objects.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from memory import warehouse_percept

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.errors import UnknownObjectError
from embodied_mem.goals import fold
from embodied_mem.memory import Memory
from embodied_mem.memory.retrieval import PartWeights, RetrievalConfig
from embodied_mem.memory.text import phrases, words
from embodied_mem.types import PASS, Action
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.lexicon import SYNONYMS

AT = 5
VIEWS = 48
_OFF = {"label": 0.0, "words": 0.0, "graph": 0.0}
WAYS: dict[str, RetrievalConfig | None] = {
    "label match": None,
    "words": RetrievalConfig(weights=PartWeights(**(_OFF | {"words": 1.0})), synonyms=SYNONYMS),
    "graph": RetrievalConfig(weights=PartWeights(**(_OFF | {"graph": 1.0})), synonyms=SYNONYMS),
    "fused, no synonyms": RetrievalConfig(),
    "fused": RetrievalConfig(synonyms=SYNONYMS),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and memory's ids of all right answers."""

    kind: str
    text: str
    answers: frozenset[str]


def look_over(sim: HouseholdSim, rng: np.random.Generator) -> tuple[Memory, dict[str, str]]:
    """Look over a house from many places; return the memory, and its id for each of the truth's."""
    memory, perceive = Memory(), Pipeline(OracleConfig())
    votes: dict[str, dict[str, int]] = {}
    sim.reset()
    places = sim.engine.step({"action": "GetReachablePositions"}).metadata["actionReturn"]
    chosen = rng.permutation(len(places))[: VIEWS // 4]
    for index in chosen:
        for yaw in (0.0, 90.0, 180.0, 270.0):
            pose = {"position": places[index], "rotation": yaw, "horizon": 30.0, "standing": True}
            sim.engine.step({"action": "TeleportFull", **pose})
            percept = perceive(sim.step(PASS).frame)
            report = memory.write(percept)
            for source, name in zip(percept.source_ids or (), report.ids, strict=True):
                if name:
                    tally = votes.setdefault(source, {})
                    tally[name] = tally.get(name, 0) + 1
    return memory, {source: max(tally, key=lambda n: tally[n]) for source, tally in votes.items()}


def questions(
    sim: HouseholdSim, memory: Memory, ids: dict[str, str], rng: np.random.Generator
) -> Iterator[Question]:
    """Yield questions whose answers the truth knows."""
    objects = sim.engine.look().metadata["objects"]
    truth = {o["objectId"]: o for o in objects if ids.get(o["objectId"]) in memory.objects.entries}
    by_type: dict[str, list[str]] = {}
    for name, entry in truth.items():
        by_type.setdefault(entry["objectType"], []).append(name)
    for kind, names in sorted(by_type.items()):
        answers = frozenset(ids[n] for n in names)
        spoken = " ".join(words(kind))
        yield Question("name", f"where is the {spoken}", answers)
        if len(kind) >= 5:
            yield Question("typo", f"where is the {mistyped(fold(kind), rng)}", answers)
        for word in (w for w, labels in SYNONYMS.items() if labels == (kind,)):
            yield Question("synonym", f"where is the {word}", answers)
            break
        yield from _which(spoken, names, truth, ids, memory)
    dirty = frozenset(ids[n] for n, o in truth.items() if o["isDirty"])
    if dirty:
        yield Question("state", "which things are dirty", dirty)
    yield from _history(memory, by_type, truth, ids, rng)


def _which(
    spoken: str,
    names: list[str],
    truth: dict[str, Any],
    ids: dict[str, str],
    memory: Memory,
) -> Iterator[Question]:
    """Yield questions for one of several things of a kind."""
    rooms: dict[str, set[str]] = {}
    parents: dict[str, set[str]] = {}
    for name in names:
        room = memory.get(ids[name]).room
        label = memory.graph[room].label if room is not None and room in memory.graph else ""
        rooms.setdefault(label, set()).add(ids[name])
        for parent in truth[name]["parentReceptacles"] or ():
            if parent in truth:
                parents.setdefault(truth[parent]["objectType"], set()).add(ids[name])
    for label, found in sorted(rooms.items()):
        if label and len(rooms) > 1:
            room = " ".join(words(label))
            yield Question("place", f"the {spoken} in the {room}", frozenset(found))
    for parent, found in sorted(parents.items()):
        if len(parents) > 1 and len(found) < len(names):
            support = " ".join(words(parent))
            yield Question("support", f"the {spoken} on the {support}", frozenset(found))


def _history(
    memory: Memory,
    by_type: dict[str, list[str]],
    truth: dict[str, Any],
    ids: dict[str, str],
    rng: np.random.Generator,
) -> Iterator[Question]:
    """Let some things be picked up and put back, and ask for them and what is beside them."""
    several = [
        (kind, name)
        for kind, names in sorted(by_type.items())
        for name in names
        if len(names) > 1 and truth[name]["pickupable"] and _carrier(name, truth) is not None
    ]
    used = [several[i] for i in rng.permutation(len(several))[:3]]
    stamp = memory.stamp
    for _, name in used:
        carrier = ids[_carrier(name, truth) or ""]
        for action, target in (("PickupObject", ids[name]), ("PutObject", carrier)):
            memory.record(Action(name=action), target=target, succeeded=True, stamp=stamp)
    kinds = [kind for kind, _ in used]
    for kind, name in used:
        spoken = " ".join(words(kind))
        if kinds.count(kind) == 1:
            answer = frozenset({ids[name]})
            yield Question("history", f"the {spoken} I used before", answer)
            beside = frozenset(
                ids[other]
                for other in truth
                if other != name and _carrier(other, truth) == _carrier(name, truth)
            )
            if beside:
                yield Question("beside", f"things next to the {spoken} I used", beside)
    if used:
        yield Question("done", "what did I pick up", frozenset(ids[n] for _, n in used))


def _carrier(name: str, truth: dict[str, Any]) -> str | None:
    return next((p for p in truth[name]["parentReceptacles"] or () if p in truth), None)


def mistyped(word: str, rng: np.random.Generator) -> str:
    """Return a word with two neighbouring letters swapped."""
    at = int(rng.integers(1, len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def answer(memory: Memory, question: str, way: RetrievalConfig | None) -> list[str]:
    """Return the objects that one way of searching finds, the best first."""
    if way is not None:
        memory.retrieval = way
        return [found.id for found in memory.search(question, 20, kinds=("object",))]
    found: list[str] = []
    for name in phrases(question):
        try:
            found += [known.object_id for known in memory.find(name)]
        except UnknownObjectError:
            continue
    return list(dict.fromkeys(found))


def score(found: list[str], answers: frozenset[str]) -> tuple[float, float]:
    """Return recall at `AT`, of as many as could be there, and the reciprocal rank."""
    recall = len(answers & set(found[:AT])) / min(AT, len(answers))
    first = next((rank for rank, name in enumerate(found, start=1) if name in answers), None)
    return recall, 1 / first if first else 0.0


def quality(houses: int) -> None:
    """Print recall and rank by kind of question."""
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in range(houses):
        rng = np.random.default_rng(seed)
        with HouseholdSim(house=generate_house(500 + seed, GeneratorConfig(rooms=4))) as sim:
            memory, ids = look_over(sim, rng)
            for question in list(questions(sim, memory, ids, rng)):
                for way, config in WAYS.items():
                    found = answer(memory, question.text, config)
                    scores.setdefault((question.kind, way), []).append(
                        score(found, question.answers)
                    )
    kinds = dict.fromkeys(kind for kind, _ in scores)
    print(f"{houses} houses; recall at {AT} / mean reciprocal rank")
    print(f"{'':10}{'asked':>7}" + "".join(f"{way:>20}" for way in WAYS))
    for kind in kinds:
        cells = [np.mean(scores[kind, way], axis=0) for way in WAYS]
        asked = len(scores[kind, "fused"])
        print(f"{kind:10}{asked:7}" + "".join(f"{r:13.2f} / {m:.2f}" for r, m in cells))
    means = [np.mean([np.mean(scores[k, w], axis=0) for k in kinds], axis=0) for w in WAYS]
    print(f"{'mean':10}{'':7}" + "".join(f"{r:13.2f} / {m:.2f}" for r, m in means))


def latency(count: int) -> None:
    """Print the time of a search among many objects, beside that of a label match."""
    rng, memory = np.random.default_rng(0), Memory()
    for start in range(0, count, 20):
        memory.write(warehouse_percept(start, float(start), rng))
    rows = [("label match", _milliseconds(lambda: memory.find("mug"), 20))]
    rows.append(("first search", _milliseconds(lambda: memory.search("the mug near a book"), 1)))
    rows.append(("search", _milliseconds(lambda: memory.search("the mug near a book"), 20)))
    fresh = [warehouse_percept(i * 20, float(count + i), rng) for i in range(5)]
    after = []
    for percept in fresh:
        memory.write(percept)
        after.append(_milliseconds(lambda: memory.search("the mug near a book"), 1))
    rows.append(("search after a write", statistics.median(after)))
    rows.append(("describe", _milliseconds(lambda: memory.describe("put the mug on a book"), 5)))
    print(f"{len(memory)} objects")
    for name, taken in rows:
        print(f"{name:24}{taken:10.2f} ms{taken / rows[0][1]:10.1f} x")


def _milliseconds(call: Any, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=6)
    parser.add_argument("--objects", type=int, default=10_000)
    options = parser.parse_args()
    if options.houses:
        quality(options.houses)
    if options.objects:
        latency(options.objects)


if __name__ == "__main__":
    main()
