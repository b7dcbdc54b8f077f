"""What of a memory goes to its store, and how it comes back."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.experience import Experience
from embodied_mem.memory.habits import Habit, Habits
from embodied_mem.memory.happenings import EventLog
from embodied_mem.memory.journal import (
    Change,
    State,
    object_row,
    object_tensors,
    restore_object,
)
from embodied_mem.memory.names import Names
from embodied_mem.memory.object_buffer import ObjectBuffer
from embodied_mem.memory.occupancy import OccupancyMap
from embodied_mem.memory.retrieval import SearchIndex
from embodied_mem.memory.rooms import RoomMap
from embodied_mem.memory.scene_graph import Edge, Node, SceneGraph
from embodied_mem.memory.sessions import SessionClock
from embodied_mem.memory.store import Snapshot, Store
from embodied_mem.memory.tensors import Fields

_ROOMS = "rooms:"
_BLOCK = "block:"
_NAME = "name:"


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a memory that are stored."""

    objects: ObjectBuffer
    occupancy: OccupancyMap
    rooms: RoomMap
    graph: SceneGraph
    habits: Habits = field(default_factory=Habits)
    clock: SessionClock = field(default_factory=SessionClock)
    log: EventLog = field(default_factory=EventLog)
    """What the agent did."""
    experience: Experience = field(default_factory=Experience)
    """What past episodes teach."""
    names: Names = field(default_factory=Names)
    """What was told to be called what."""
    index: SearchIndex = field(default_factory=SearchIndex)
    """What of all this can be searched; built by the first question."""
    changed_at: dict[str, float] = field(default_factory=dict)
    """When each object last appeared, moved, vanished or was acted on [s]."""
    frame: int = 0
    """Percepts written."""
    actions: int = 0
    """Actions recorded since it was opened."""
    stamp: float = 0.0
    """Stamp of the newest [s]."""
    stored_rooms: int = 0
    """Version of the rooms that is stored."""

    def everything_changed(self) -> None:
        """Mark all parts for storing, as for a new store."""
        self.objects.changed |= set(self.objects.entries)
        self.objects.reshaped |= set(self.objects.entries)
        self.graph.changed |= {node.id for node in self.graph.nodes()}
        self.graph.changed_edges |= {(a, edge.kind, b) for a, edge, b in self.graph.edges()}
        self.habits.changed |= set(self.habits.table)
        self.names.changed |= set(self.names.table)
        self.occupancy.touch_all()
        self.stored_rooms = -1

    def settled(self) -> None:
        """Note that the store holds everything."""
        self.objects.settled()
        self.graph.changed.clear()
        self.graph.changed_edges.clear()
        self.habits.changed.clear()
        self.names.changed.clear()
        self.occupancy.dirty.clear()
        self.stored_rooms = self.rooms.version


def collect(parts: Parts) -> Change:
    """Return all that changed since the parts were last settled."""
    objects, graph = parts.objects, parts.graph
    change = Change(
        state=State(
            frame=parts.frame,
            stamp=parts.stamp,
            counters=objects.counters,
            held=list(objects.held),
            aliases=objects.aliases,
            next_room=parts.rooms.next_room,
            session=parts.clock.session,
        )
    )
    changed_at = parts.changed_at
    order = sorted(objects.changed, key=lambda name: (objects[name].first_seen, name))
    change.objects = {
        name: object_row(objects, objects[name], changed_at.get(name)) for name in order
    }
    forgotten = sorted(_NAME + name for name in parts.names.changed - parts.names.table.keys())
    change.removed = [*sorted(objects.removed), *forgotten]
    change.tensors = {
        name: object_tensors(objects, objects[name])
        for name in sorted(objects.reshaped & objects.entries.keys())
    }
    for name in sorted(parts.names.changed & parts.names.table.keys()):
        change.tensors[_NAME + name] = parts.names.fields(name)
    encode = msgspec.json.encode
    for name in graph.changed:
        change.nodes[name] = encode(graph[name]) if name in graph else None
    for ends in graph.changed_edges:
        edge = graph.edge(*ends)
        change.edges[ends] = None if edge is None else encode(edge)
    for key in parts.habits.changed:
        habit = parts.habits.table.get(key)
        change.habits[key] = None if habit is None else encode(habit)
    for x, y in parts.occupancy.dirty:
        block = parts.occupancy.block((x, y)).astype(np.int8)
        change.tensors[f"{_BLOCK}{x}:{y}"] = {"cells": block}
    if parts.rooms.version != parts.stored_rooms:
        change.tensors[_ROOMS] = parts.rooms.fields()
    return change


def restore(parts: Parts, snapshot: Snapshot) -> None:
    """Fill empty parts from a store.

    Raises:
        StoreFormatError: What is stored is not what a memory stores.
    """
    try:
        _restore(parts, snapshot)
    except _NO_MEMORY as error:
        why = " ".join(str(error).split())[:160]
        raise StoreFormatError(
            f"the records of this store are no memory's: {type(error).__name__}, {why}. "
            "Restore it from a copy made with `save`."
        ) from error


_NO_MEMORY = (
    msgspec.MsgspecError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What reading records that were written by somebody else ends in."""


def _restore(parts: Parts, snapshot: Snapshot) -> None:
    state, tensors = snapshot.state, snapshot.tensors
    parts.frame, parts.stamp = state.frame, state.stamp
    for name, record in snapshot.objects.items():
        changed_at = restore_object(parts.objects, name, record, tensors[name])
        if changed_at is not None:
            parts.changed_at[name] = changed_at
    parts.objects.counters = dict(state.counters)
    parts.objects.held = dict.fromkeys(state.held)
    parts.objects.aliases = dict(state.aliases)
    _restore_floor(parts, tensors, state.next_room)
    decode = msgspec.json.decode
    nodes = [decode(record, type=Node) for record in snapshot.nodes]
    edges = [(a, decode(record, type=Edge), b) for a, record, b in snapshot.edges]
    parts.graph.restore(nodes, edges)
    parts.habits.restore(decode(record, type=Habit) for record in snapshot.habits)
    parts.clock.restore(state.session, state.stamp)
    taught = {
        owner.removeprefix(_NAME): f for owner, f in tensors.items() if owner.startswith(_NAME)
    }
    parts.names.restore(taught)
    parts.log.restore(snapshot.actions)
    parts.experience.restore(snapshot.experience)
    parts.settled()


def _restore_floor(parts: Parts, tensors: dict[str, Fields], next_room: int) -> None:
    for owner, fields in tensors.items():
        if owner.startswith(_BLOCK):
            x, y = owner.removeprefix(_BLOCK).split(":")
            parts.occupancy.set_block((int(x), int(y)), fields["cells"].astype(np.int16))
    if _ROOMS in tensors:
        parts.rooms.restore(tensors[_ROOMS], next_room)


def write_all(parts: Parts, path: Path) -> None:
    """Store everything in a new folder."""
    store = Store(path)
    try:
        parts.everything_changed()
        change = collect(parts)
        change.experience = list(parts.experience.numbered)
        change.sightings = [s for e in parts.objects.entries.values() for s in e.history]
        store.commit(change)
    finally:
        parts.settled()
        store.close()
