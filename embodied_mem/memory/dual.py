"""A memory in two parts, after KARMA: what stays in its place, and what is moved about.

Long-term: furniture and fittings, rooms, and where the floor is free. Short-term: small things with
their places and states, and what the agent did with them; bounded, with a replacement policy of its
own. Either part can be left behind between tasks, which is how the use of each is measured.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory import graph_update, persistence
from embodied_mem.memory.memory import Memory, MemoryConfig
from embodied_mem.memory.occupancy import OccupancyMap
from embodied_mem.memory.records import WriteReport
from embodied_mem.memory.replacement import LRUConfig, Policy, ReplacementConfig, make_policy
from embodied_mem.memory.rooms import RoomMap
from embodied_mem.memory.scene_graph import SceneGraph
from embodied_mem.memory.store import Store
from embodied_mem.types import Action, Percept

Carried = Literal["none", "short", "long", "both"]
"""Which parts of the memory last from one task to the next."""


class ShortTermConfig(Config, frozen=True):
    """How much of what is moved about is kept."""

    capacity: int = 100
    """Small things kept (KARMA's released code: 100); what is in view or in the hand stays."""
    replacement: ReplacementConfig = LRUConfig()
    """Who goes when there are more."""
    deeds: int = 400
    """Newest actions on things that are kept."""

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.deeds < 1:
            raise ConfigError(
                f"a short-term memory keeps at least 1 object and 1 deed, got {self.capacity} and "
                f"{self.deeds}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action of the agent on a thing, that succeeded."""

    stamp: float
    """When it was done [s]."""
    action: str
    """AI2-THOR's name of the action."""
    object_id: str
    """What it was done to: for `PutObject` what was put down."""
    label: str
    place: str | None
    """Where the object was taken from, or put on or in, by id."""
    place_label: str = ""


class DualMemory(Memory):
    """A memory whose two parts are kept apart; see the module's text."""

    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        stays: Callable[[str], bool],
        short_term: ShortTermConfig | None = None,
        store: Store | None = None,
    ):
        """Start an empty memory.

        Args:
            config: Capacities and thresholds.
            stays: Tells of a label whether such things stay where they are: furniture, fittings.
            short_term: Bounds of the short-term part.
            store: Where it is kept as well.
        """
        self.short_term = short_term or ShortTermConfig()
        self.stays = stays
        self._forget_short_term()
        self.seen_from: dict[str, Float[np.ndarray, 2]] = {}
        """Whence each thing was seen from nearest [m]."""
        super().__init__(config, store=store)

    def _forget_short_term(self) -> None:
        self.deeds: deque[Deed] = deque(maxlen=self.short_term.deeds)
        """What the agent did, newest last."""
        self._short: Policy = make_policy(self.short_term.replacement, self.short_term.capacity)

    def write(self, percept: Percept) -> WriteReport:
        """Take in one percept; what the short-term part has no room for is forgotten."""
        report = super().write(percept)
        body = percept.frame.T_world_body
        for name in dict.fromkeys(filter(None, report.ids)):
            self.use(name)
            if body is not None and name in self.objects.entries:
                self._note_view(name, body.translation[:2])
        dropped = {*report.evicted, *self._make_room()}
        for name in dropped:
            self._short.drop(name)
            self.seen_from.pop(name, None)
        return report

    def _note_view(self, name: str, here: Float[np.ndarray, "2"]) -> None:
        center = self.objects.centers[self.objects.entries[name].row, :2]
        before = self.seen_from.get(name)
        if before is None or not math.dist(before, center) < math.dist(here, center):
            self.seen_from[name] = here

    def use(self, object_id: str) -> None:
        """Note that a thing was seen or asked for, which is what replacement policies count."""
        entry = self.objects.entries.get(object_id)
        if entry is not None and not self.stays(entry.label):
            self._short.use(object_id, self.stamp)

    def record(self, action: Action, *, target: str | None, succeeded: bool, stamp: float) -> None:
        """Take in what the agent did, and to what."""
        deed = self._deed(action, target, stamp) if succeeded else None
        super().record(action, target=target, succeeded=succeeded, stamp=stamp)
        if deed is not None:
            self.deeds.append(deed)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self.seen_from.clear()
        self._forget_short_term()

    def carry(self, what: Carried) -> None:
        """Leave behind what does not last to the next task."""
        match what:
            case "none":
                self.clear()
            case "long":
                self.retain(small=False, floor=True)
            case "short":
                self.retain(small=True, floor=False)
            case "both":
                pass

    def retain(self, *, small: bool, floor: bool) -> None:
        """Keep one part and forget the other, on the disk as well.

        Args:
            small: Keep small things and deeds; False forgets them.
            floor: Keep furniture, rooms and the map of the floor; False forgets them.
        """
        kept = {True: floor, False: small}
        victims = [
            name
            for name, entry in self.objects.entries.items()
            if not kept[self.stays(entry.label)]
        ]
        with self._all_or_nothing():
            self._remove(victims)
            if not floor:
                self._forget_floor()
            self._commit_anew()
        if not small:
            self._forget_short_term()
        self.latest, self._latest_ids = None, ()

    def _forget_floor(self) -> None:
        """Start the map, the rooms and the graph anew; small things go into the new graph."""
        parts, stamp = self._parts, self.stamp
        parts.occupancy = OccupancyMap(self.config.occupancy)
        parts.rooms = RoomMap(self.config.rooms)
        parts.graph = SceneGraph()
        for entry in self.objects.entries.values():
            if entry.placement is not None and entry.placement.parent not in self.objects.entries:
                entry.placement = None  # What it lay on is not known any more.
            entry.room = entry.place = None
            self.objects.touch(entry)
        names = list(self.objects.entries)
        graph_update.follow_objects(parts.graph, parts.rooms, self.objects, names, stamp)

    def _commit_anew(self) -> None:
        """Let the store hold what is left, and nothing else."""
        if self._store is not None:
            self._parts.everything_changed()
            change = persistence.collect(self._parts)
            change.clear = True
            self._store.commit(change)
        self._parts.settled()

    def _make_room(self) -> list[str]:
        """Forget small things beyond the capacity."""
        entries = self.objects.entries
        count = sum(not self.stays(entry.label) for entry in entries.values())
        pinned = self.objects.held.keys() | self.in_view().keys()
        victims: list[str] = []
        while count - len(victims) > self.short_term.capacity:
            victim = self._short.victim(self.stamp, pinned=pinned.__contains__)
            if victim is None:
                break
            self._short.drop(victim)
            if victim in entries:
                victims.append(victim)
        if victims:
            with self._all_or_nothing():
                self._remove(victims)
                self._commit()
        return victims

    def _remove(self, names: list[str]) -> None:
        for name in names:
            self.objects.remove(name)
            self.seen_from.pop(name, None)
        self._forget(names)

    def _deed(self, action: Action, target: str | None, stamp: float) -> Deed | None:
        """Tell what an action is about to do, before memory follows it."""
        thing = self.held if action.name in _RELEASES else None
        if thing is None:
            name = self.objects.aliases.get(target, target) if target else None
            if name is None or name not in self.objects.entries:
                return None
            thing = self.get(name)
        place = thing.placement.parent if thing.placement is not None else None
        if action.name in _RELEASES:
            place = target
        label = self.objects.entries[place].label if place in self.objects.entries else ""
        return Deed(
            stamp=stamp,
            action=action.name,
            object_id=thing.object_id,
            label=thing.label,
            place=place,
            place_label=label,
        )


_RELEASES = frozenset(("PutObject", "DropHandObject", "ThrowObject"))
"""Actions on what is in the hand."""
