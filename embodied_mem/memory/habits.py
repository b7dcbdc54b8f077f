"""Where this household keeps its things: counts of stays that last over days and fade.

A stay is one object resting on or in one receptacle for a few sightings. It counts once a session,
so that an object that is watched all day weighs no more than one that is passed by. What the agent
itself picked up says nothing about the household until the next session.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from embodied_mem.config import Config
from embodied_mem.goals import fold
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.scene_graph import SceneGraph


class HabitConfig(Config, frozen=True):
    """How stays become expectations."""

    half_life: float = 30 * 86_400.0
    """After this time a stay counts half [s]."""
    sightings: int = 3
    """Sightings in one place that make a stay."""
    doubt: float = 1.0
    """Weight of "somewhere else" beside the stays counted: few stays promise little."""
    capacity: int = 4000
    """Pairs of a label and a receptacle that are kept; the faintest go first."""


class Habit(msgspec.Struct, kw_only=True):
    """How often things of one label were found at one receptacle."""

    label: str
    """Label in the form of goals."""
    receptacle: str
    """Object id."""
    receptacle_label: str
    room: str = ""
    """Category of the room it was in; "" where unknown."""
    weight: float = 0.0
    """Stays, faded to `stamp`."""
    stays: int = 0
    """Stays ever counted."""
    stamp: float = 0.0
    """When the last one was counted [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPlace:
    """A place where things of a label are kept."""

    receptacle: str
    """Object id."""
    receptacle_label: str
    room: str
    """Category of its room; "" where unknown."""
    probability: float
    """Share of the stays that were here; what is missing to one is doubt."""
    stays: int
    """Stays that this rests on."""


class Habits:
    """Counts of stays by label and receptacle."""

    def __init__(self, config: HabitConfig | None = None):
        self.config = config or HabitConfig()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.table: dict[tuple[str, str], Habit] = {}
        """Habits by label and receptacle id."""
        self.changed: set[tuple[str, str]] = set()
        """Habits that differ from the store, or are gone."""
        self.begin_session()

    def begin_session(self) -> None:
        """Count stays anew from here on."""
        self._resting: dict[str, tuple[str, int]] = {}
        self._handled: set[str] = set()

    def handled(self, object_id: str) -> None:
        """Note that the agent itself has moved an object."""
        self._handled.add(object_id)

    def follow(
        self, buffer: ObjectBuffer, graph: SceneGraph, names: Iterable[str], stamp: float
    ) -> None:
        """Count the stays of objects that were just seen.

        Args:
            buffer: What is known.
            graph: Tells the category of an object's room.
            names: Objects that the newest percept shows.
            stamp: Now [s].
        """
        for name in dict.fromkeys(names):
            entry = buffer.entries.get(name)
            if entry is None or entry.placement is None or name in self._handled:
                continue
            parent = entry.placement.parent
            before, count = self._resting.get(name, ("", 0))
            count = count + 1 if before == parent else 1
            self._resting[name] = parent, count
            receptacle = buffer.entries.get(parent)
            if count == self.config.sightings and receptacle is not None:
                room = receptacle.room or ""
                category = graph[room].label if room in graph else ""
                self._count(entry.label, receptacle, category, stamp)

    def expected(self, label: str, stamp: float, limit: int = 10) -> tuple[ExpectedPlace, ...]:
        """Return where things of a label are kept, the likeliest place first.

        Args:
            label: In any spelling that goals know.
            stamp: Now [s].
            limit: Most places.
        """
        folded = fold(label)
        found = [habit for (name, _), habit in self.table.items() if name == folded]
        weights = np.array([self._faded(habit, stamp) for habit in found])
        total = float(weights.sum()) + self.config.doubt
        order = sorted(range(len(found)), key=lambda i: (-weights[i], found[i].receptacle))
        return tuple(
            ExpectedPlace(
                receptacle=found[i].receptacle,
                receptacle_label=found[i].receptacle_label,
                room=found[i].room,
                probability=float(weights[i]) / total,
                stays=found[i].stays,
            )
            for i in order[:limit]
        )

    def restore(self, habits: Iterable[Habit]) -> None:
        """Replace everything by what was stored."""
        self.clear()
        self.table = {(habit.label, habit.receptacle): habit for habit in habits}

    def rename(self, old: str, new: str) -> None:
        """Give the stays at one receptacle to another one that it turned out to be."""
        self._resting.pop(old, None)
        self._handled.discard(old)
        if old == new:
            return
        for label, receptacle in [key for key in self.table if key[1] == old]:
            habit = self.table.pop((label, receptacle))
            kept = self.table.setdefault((label, new), habit)
            if kept is not habit:
                kept.weight = self._faded(kept, habit.stamp) + self._faded(habit, kept.stamp)
                kept.stays += habit.stays
                kept.stamp = max(kept.stamp, habit.stamp)
            kept.receptacle = new
            self.changed |= {(label, old), (label, new)}

    def _count(self, label: str, receptacle: Entry, room: str, stamp: float) -> None:
        key = fold(label), receptacle.object_id
        habit = self.table.get(key)
        if habit is None:
            habit = Habit(label=key[0], receptacle=key[1], receptacle_label=receptacle.label)
            self.table[key] = habit
        habit.weight = self._faded(habit, stamp) + 1.0
        habit.receptacle_label, habit.room = receptacle.label, room or habit.room
        habit.stays += 1
        habit.stamp = stamp
        self.changed.add(key)
        if len(self.table) > self.config.capacity:
            faintest = min(self.table, key=lambda k: (self._faded(self.table[k], stamp), k))
            del self.table[faintest]
            self.changed.add(faintest)

    def _faded(self, habit: Habit, stamp: float) -> float:
        """Return a habit's weight at a time: halved with every half-life."""
        age = max(stamp - habit.stamp, 0.0)
        return habit.weight * 0.5 ** (age / self.config.half_life)
