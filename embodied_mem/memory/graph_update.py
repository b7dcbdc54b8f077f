"""How the scene graph follows the objects, the rooms and the agent."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from embodied_mem.memory import relations
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.relations import RelationConfig
from embodied_mem.memory.rooms import DOORS, RoomMap, guess_category
from embodied_mem.memory.scene_graph import Kind, Node, SceneGraph

BUILDING, FLOOR, AGENT = "building_1", "floor_1", "agent_1"
_FURNITURE = 0.6
"""Things with an edge this long are furniture [m]."""
_NEAREST = 8
"""Near edges kept per object."""


def begin(graph: SceneGraph) -> None:
    """Make sure of the building and its floor."""
    if FLOOR not in graph:
        graph.put(Node(id=BUILDING, kind="building"))
        graph.put(Node(id=FLOOR, kind="floor"), BUILDING)


def follow_rooms(graph: SceneGraph, rooms: RoomMap, buffer: ObjectBuffer, stamp: float) -> None:
    """Bring rooms, places and their passages up to date, then everything that lies in them."""
    begin(graph)
    centers = rooms.centers
    for number, center in centers.items():
        name = f"room_{number}"
        node = Node(
            id=name,
            kind="room",
            label=graph[name].label if name in graph else "",
            position=(float(center[0]), float(center[1]), 0.0),
            first_seen=graph[name].first_seen if name in graph else stamp,
            last_seen=stamp,
        )
        graph.put(node, FLOOR)
    for index, (spot, number) in enumerate(zip(rooms.places, rooms.place_rooms, strict=True)):
        if number in centers:
            _put_place(graph, f"place_{index + 1}", spot, f"room_{number}", stamp)
    for a, b in rooms.doors:
        graph.relate(f"room_{a}", "connects", f"room_{b}", confidence=1.0, stamp=stamp)
    _connect_places(graph, rooms, stamp)
    strayed = locate(graph, rooms, buffer, list(buffer.entries.values()))
    for entry in strayed:  # They are where they were: only what contains them differs.
        if entry.object_id in graph:
            graph.set_parent(entry.object_id, _container(graph, buffer, entry))
    for node in graph.nodes("room"):
        if int(node.id.removeprefix("room_")) not in centers:
            graph.remove(node.id)
    name_rooms(graph, buffer)


def _put_place(
    graph: SceneGraph, name: str, spot: Float[np.ndarray, "2"], room: str, stamp: float
) -> None:
    first = graph[name].first_seen if name in graph else stamp
    position = (float(spot[0]), float(spot[1]), 0.0)
    if name in graph and graph.parent(name) == room and graph[name].position == position:
        return
    node = Node(id=name, kind="place", position=position, first_seen=first, last_seen=stamp)
    graph.put(node, room)


def _connect_places(graph: SceneGraph, rooms: RoomMap, stamp: float) -> None:
    if len(rooms.places) < 2:
        return
    pairs = KDTree(rooms.places).query_pairs(2 * rooms.config.spacing, output_type="ndarray")
    same = rooms.place_rooms[pairs[:, 0]] == rooms.place_rooms[pairs[:, 1]]
    for a, b in (np.sort(pairs[same], axis=1) + 1).tolist():
        ends = f"place_{a}", f"place_{b}"
        if ends[0] in graph and ends[1] in graph and not graph.edge(ends[0], "connects", ends[1]):
            graph.relate(ends[0], "connects", ends[1], confidence=0.8, stamp=stamp)


def name_rooms(graph: SceneGraph, buffer: ObjectBuffer) -> None:
    """Guess each room's type from the objects in it."""
    inside: dict[str, list[str]] = {}
    for entry in buffer.entries.values():
        if entry.room is not None and entry.status != "gone":
            inside.setdefault(entry.room, []).append(entry.label)
    for node in graph.nodes("room"):
        category = guess_category(inside.get(node.id, ()))
        if category != node.label:
            node.label = category
            graph.changed.add(node.id)


def door_boxes(buffer: ObjectBuffer) -> Float[np.ndarray, "n 2 3"]:
    """Return the boxes of the doors that were seen [m]."""
    boxes = [buffer.box(entry) for name in DOORS for entry in buffer.labelled(name)]
    return np.reshape(boxes, (-1, 2, 3))


def follow_objects(
    graph: SceneGraph,
    rooms: RoomMap,
    buffer: ObjectBuffer,
    names: Iterable[str],
    stamp: float,
) -> None:
    """Bring the nodes of some objects, and their on and in edges, up to date."""
    begin(graph)
    entries = [buffer[name] for name in dict.fromkeys(names)]
    locate(graph, rooms, buffer, entries)
    boxes = buffer.boxes[[entry.row for entry in entries]]
    placed = np.asarray(np.isfinite(boxes.reshape(-1, 6)).all(axis=1))
    middles = boxes.mean(axis=1)
    large = np.asarray((boxes[:, 1] - boxes[:, 0]).max(axis=1) >= _FURNITURE)  # NaN: small.
    shapes = zip(boxes.tolist(), middles.tolist(), placed.tolist(), large.tolist(), strict=True)
    for entry, (box, middle, is_placed, is_large) in zip(entries, shapes, strict=True):
        kind: Kind = "furniture" if is_large and entry.status != "held" else "object"
        node = Node(
            id=entry.object_id,
            kind=kind,
            label=entry.label,
            position=tuple(middle) if is_placed else (0.0, 0.0, 0.0),
            box=(tuple(box[0]), tuple(box[1])) if is_placed else None,
            first_seen=entry.first_seen,
            last_seen=entry.last_seen,
        )
        if entry.object_id not in graph or graph[entry.object_id] != node:
            graph.put(node)
    for entry in entries:  # Parents first have to be nodes.
        graph.set_parent(entry.object_id, _container(graph, buffer, entry))
        if entry.last_seen >= stamp or not _is_related(graph, entry):
            _relate_support(graph, entry, stamp)


def locate(
    graph: SceneGraph, rooms: RoomMap, buffer: ObjectBuffer, entries: list[Entry]
) -> list[Entry]:
    """Set the room and the place of objects; return those for which they changed."""
    if not entries:
        return []
    centers = buffer.boxes[[entry.row for entry in entries]].mean(axis=1)[:, :2]
    placed = np.isfinite(centers).all(axis=1)
    centers = np.where(placed[:, None], centers, 0.0)
    numbers = np.where(placed, rooms.room_at(centers), 0)
    places = rooms.place_at(centers, numbers)
    changed = []
    for entry, number, place in zip(entries, numbers.tolist(), places.tolist(), strict=True):
        before = entry.room, entry.place
        entry.room = f"room_{number}" if f"room_{number}" in graph else None
        entry.place = f"place_{place}" if entry.room and f"place_{place}" in graph else None
        if (entry.room, entry.place) != before:
            buffer.touch(entry)
            changed.append(entry)
    return changed


def _container(graph: SceneGraph, buffer: ObjectBuffer, entry: Entry) -> str:
    """Return the furniture below or around an object, else its place, its room or the floor."""
    if entry.status == "held":
        return entry.place or entry.room or FLOOR
    if graph[entry.object_id].kind == "object":
        at, seen = entry, {entry.object_id}
        while at.placement is not None and at.placement.parent in buffer.entries:
            at = buffer[at.placement.parent]
            if at.object_id in seen:
                break
            seen.add(at.object_id)
            if at.object_id in graph and graph[at.object_id].kind == "furniture":
                return at.object_id
    return entry.place or entry.room or FLOOR


def _is_related(graph: SceneGraph, entry: Entry) -> bool:
    """Tell whether the edge of an object's placement is there already."""
    support = entry.placement
    return support is not None and bool(
        graph.edge(entry.object_id, support.relation, support.parent)
    )


def _relate_support(graph: SceneGraph, entry: Entry, stamp: float) -> None:
    support = entry.placement
    for kind in ("on", "in"):
        keep = support.parent if support is not None and support.relation == kind else None
        graph.unrelate(entry.object_id, kind, keep)
    if support is not None and support.parent in graph:
        graph.relate(
            entry.object_id,
            support.relation,
            support.parent,
            confidence=support.confidence,
            stamp=stamp,
        )


def follow_nearness(
    graph: SceneGraph,
    buffer: ObjectBuffer,
    names: Iterable[str],
    config: RelationConfig,
    stamp: float,
) -> None:
    """Renew the near edges of objects that were placed anew."""
    entries = [buffer[name] for name in dict.fromkeys(names)]
    for entry in entries:
        graph.unrelate(entry.object_id, "near")
    rows = np.array([entry.row for entry in entries], np.int64)
    for a, b in relations.neighbours(rows, buffer.boxes, config, most=_NEAREST):
        one, other = buffer.rows[a], buffer.rows[b]
        if one is None or other is None or "gone" in {one.status, other.status}:
            continue
        if one.object_id in graph and other.object_id in graph:
            graph.relate(one.object_id, "near", other.object_id, confidence=1.0, stamp=stamp)


def follow_agent(
    graph: SceneGraph, rooms: RoomMap, position: Float[np.ndarray, "3"], stamp: float
) -> None:
    """Place the agent."""
    begin(graph)
    numbers = rooms.room_at(position[None, :2])
    place = f"place_{rooms.place_at(position[None, :2], numbers)[0]}"
    parent = place if place in graph else f"room_{numbers[0]}"
    x, y, z = position.tolist()
    node = Node(id=AGENT, kind="agent", position=(x, y, z), last_seen=stamp)
    graph.put(node, parent if parent in graph else FLOOR)
