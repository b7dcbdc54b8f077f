"""Whoever gives detections ids, and their way through a visit."""

import time
from collections.abc import Sequence
from typing import Protocol

from house_tour import Glance
from peers.concept_graphs import ConceptGraphs
from peers.nearest_centroid import NearestCentroid

from embodied_mem.memory import Memory
from embodied_mem.runtime.change_scoring import Belief
from embodied_mem.types import Action, Percept


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
