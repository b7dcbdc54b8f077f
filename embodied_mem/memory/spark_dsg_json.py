"""The scene graph as a Spark-DSG file, and back; written and read without that package.

Spark-DSG (version 1.1) keeps an undirected graph with one edge for each pair of nodes. What it has
no field for, our ids, kinds, times and the direction of relations, travels in the `metadata` of
nodes and edges, which it keeps as it is. A file of somebody else's reads by its layers.
"""

from typing import Any

import msgspec
import numpy as np
from scipy.spatial.transform import Rotation

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.scene_graph import LAYERS, Edge, Kind, Node, SceneGraph

_VERSION = {"major": 1, "minor": 1, "patch": 3}
_AGENTS = ord("a")
_UNLABELLED = 4294967295
_PLACES: dict[Kind, tuple[int, int, str, str]] = {
    "building": (5, 0, "B", "SemanticNodeAttributes"),
    "floor": (5, 0, "F", "SemanticNodeAttributes"),
    "room": (4, 0, "R", "RoomNodeAttributes"),
    "place": (3, 0, "p", "PlaceNodeAttributes"),
    "furniture": (2, 0, "f", "ObjectNodeAttributes"),
    "object": (2, 0, "O", "ObjectNodeAttributes"),
    "agent": (2, _AGENTS, "a", "AgentNodeAttributes"),
}
"""Layer, partition, first letter of the symbol, and type of the attributes of each kind."""
_KINDS: dict[int, Kind] = {5: "building", 4: "room", 3: "place", 2: "object"}
_NAMES = {"OBJECTS": 2, "PLACES": 3, "ROOMS": 4, "BUILDINGS": 5}
_TURN = {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0}
_FEATURE = {"cols": 0, "data": None, "rows": 0}
_EXTRA: dict[Kind, dict[str, Any]] = {
    "object": {"mesh_connections": [], "registered": False, "world_R_object": _TURN},
    "room": {"semantic_class_probabilities": {}},
    "place": {
        "active_frontier": False,
        "anti_frontier": False,
        "deformation_connections": [],
        "distance": 0.0,
        "frontier_scale": [0.0, 0.0, 0.0],
        "mesh_vertex_labels": [],
        "need_cleanup": False,
        "num_basis_points": 0,
        "num_frontier_voxels": 0,
        "orientation": _TURN,
        "pcl_mesh_connections": [],
        "real_place": True,
        "voxblox_mesh_connections": [],
    },
}
"""What Spark-DSG wants besides of each type of node."""


_Point = tuple[float, float, float]


class _Ours(msgspec.Struct, kw_only=True):
    """Our own part of a node's metadata."""

    id: str
    kind: Kind
    label: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0


class _Relation(msgspec.Struct, kw_only=True):
    """One relation in an edge's metadata; a pair of nodes may have several."""

    source: str
    target: str
    edge: Edge


class _Turn(msgspec.Struct, frozen=True):
    w: float = 1.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class _Box(msgspec.Struct):
    type: str = "INVALID"
    dimensions: tuple[float, float, float] = (0.0, 0.0, 0.0)
    world_P_center: tuple[float, float, float] = (0.0, 0.0, 0.0)  # noqa: N815 - the file's name.
    world_R_center: _Turn = _Turn()  # noqa: N815 - the file's name.


class _NodeMetadata(msgspec.Struct):
    embodied_mem: _Ours | None = None


class _Attributes(msgspec.Struct):
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    name: str = ""
    semantic_label: int = _UNLABELLED
    bounding_box: _Box | None = None
    metadata: _NodeMetadata | None = None


class _Node(msgspec.Struct):
    id: int
    layer: int
    attributes: _Attributes
    partition: int = 0


class _EdgeMetadata(msgspec.Struct):
    embodied_mem: list[_Relation] = []


class _Info(msgspec.Struct, frozen=True):
    metadata: _EdgeMetadata | None = None


class _Edge(msgspec.Struct):
    source: int
    target: int
    info: _Info = _Info()


class _File(msgspec.Struct):
    nodes: list[_Node]
    edges: list[_Edge] = []


def to_spark_dsg(graph: SceneGraph) -> bytes:
    """Write a graph as a Spark-DSG file (JSON)."""
    labels = {label: n for n, label in enumerate(sorted({node.label for node in graph.nodes()}))}
    symbols: dict[str, int] = {}
    counts: dict[str, int] = {}
    for node in graph.nodes():
        letter = _PLACES[node.kind][2]
        symbols[node.id] = _symbol(letter, counts.get(letter, 0))
        counts[letter] = counts.get(letter, 0) + 1
    relations: dict[tuple[int, int], list[_Relation]] = {}
    for source, edge, target in graph.edges():
        ends = symbols[source], symbols[target]
        back = ends[1], ends[0]
        pair = back if back in relations else ends
        found = relations.setdefault(pair, [])
        found.append(_Relation(source=source, target=target, edge=edge))
    data = {
        "SPARK_DSG_header": {"project_name": "main", "version": _VERSION},
        "directed": False,
        "multigraph": False,
        "layer_keys": [{"layer": n, "partition": p} for n, p in _layers()],
        "layer_names": {
            **{name: {"layer": layer, "partition": 0} for name, layer in _NAMES.items()},
            "AGENTS": {"layer": 2, "partition": 0},
        },
        "metadata": {"labels": {str(n): label for label, n in labels.items()}},
        "nodes": [_node(node, symbols[node.id], labels[node.label]) for node in graph.nodes()],
        "edges": [
            {
                "source": source,
                "target": target,
                "info": {
                    "type": "EdgeAttributes",
                    "weighted": False,
                    "weight": 1.0,
                    "metadata": {"embodied_mem": found},
                },
            }
            for (source, target), found in relations.items()
        ],
    }
    return msgspec.json.encode(data)


def from_spark_dsg(data: bytes) -> SceneGraph:
    """Read a graph from a Spark-DSG file (JSON), one of ours or another.

    Raises:
        StoreFormatError: It is no such file.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreFormatError(
            f"this is no Spark-DSG file: {error}. Save the graph with `save('graph.json')`."
        ) from error
    nodes = {node.id: _read(node) for node in file.nodes}
    if len({node.id for node in nodes.values()}) < len(file.nodes):
        raise StoreFormatError("this Spark-DSG file has two nodes of one id. Export it anew.")
    graph = SceneGraph()
    edges: list[tuple[str, Edge, str]] = []
    for edge in file.edges:
        if edge.source not in nodes or edge.target not in nodes:
            raise StoreFormatError(
                f"this Spark-DSG file has an edge from {edge.source} to {edge.target}, and no "
                "such nodes. Export it anew."
            )
        edges += _relations(edge, nodes)
    for node in nodes.values():
        graph.put(node)
    parents = set()
    for source, edge, target in edges:
        if source not in graph or target not in graph:
            raise StoreFormatError(f"this Spark-DSG file relates {source} to {target}: unknown.")
        if edge.kind == "contains":
            levels = LAYERS[graph[source].kind], LAYERS[graph[target].kind]
            if levels[0] >= levels[1] or target in parents:
                raise StoreFormatError(f"{source} cannot contain {target}: layers must descend.")
            parents.add(target)
    graph.restore(list(nodes.values()), edges)
    return graph


def _layers() -> list[tuple[int, int]]:
    return sorted({(layer, partition) for layer, partition, _, _ in _PLACES.values()})


def _symbol(letter: str, number: int) -> int:
    """Return the 64-bit id of a node symbol: its letter in the highest byte."""
    return ord(letter) << 56 | number


def _node(node: Node, symbol: int, label: int) -> dict[str, Any]:
    layer, partition, _, kind = _PLACES[node.kind]
    ours = _Ours(
        id=node.id,
        kind=node.kind,
        label=node.label,
        first_seen=node.first_seen,
        last_seen=node.last_seen,
    )
    attributes: dict[str, Any] = {
        "type": kind,
        "position": node.position,
        "is_active": False,
        "is_predicted": False,
        "last_update_time_ns": max(0, round(node.last_seen * 1e9)),
        "metadata": {"embodied_mem": ours},
    }
    if node.kind == "agent":
        stamp = {"external_key": 0, "timestamp": attributes["last_update_time_ns"]}
        bag = {"dbow_ids": None, "dbow_values": None}
        attributes |= {**stamp, **bag, "world_R_body": _TURN}
    else:
        attributes |= {
            "name": node.id,
            "semantic_label": label if node.label else _UNLABELLED,
            "semantic_feature": _FEATURE,
            "color": {"r": 0, "g": 0, "b": 0, "a": 255},
            "bounding_box": _box(node),
            **_EXTRA.get("object" if node.kind == "furniture" else node.kind, {}),
        }
    return {"id": symbol, "layer": layer, "partition": partition, "attributes": attributes}


def _box(node: Node) -> _Box:
    if node.box is None:
        return _Box()
    low, high = np.array(node.box)
    size, middle = (high - low).tolist(), ((low + high) / 2).tolist()
    return _Box("AABB", (size[0], size[1], size[2]), (middle[0], middle[1], middle[2]))


def _read(node: _Node) -> Node:
    attributes = node.attributes
    ours = attributes.metadata.embodied_mem if attributes.metadata is not None else None
    if ours is None:
        kind = "agent" if node.partition else _KINDS.get(node.layer)
        if kind is None:
            raise StoreFormatError(
                f"this Spark-DSG file has a node in layer {node.layer}; layers 2 to 5 are read."
            )
        letter = chr(node.id >> 56)
        name = f"{letter if letter.isalnum() else 'n'}{node.id & ((1 << 56) - 1)}"
        ours = _Ours(id=name, kind=kind, label=attributes.name)
    return Node(
        id=ours.id,
        kind=ours.kind,
        label=ours.label,
        position=attributes.position,
        box=_corners(attributes.bounding_box),
        first_seen=ours.first_seen,
        last_seen=ours.last_seen,
    )


def _corners(box: _Box | None) -> tuple[_Point, _Point] | None:
    """Return the lowest and the highest corner of a box, of one that is turned around it [m]."""
    if box is None or box.type == "INVALID":
        return None
    turn = box.world_R_center
    rotation = np.eye(3)
    if box.type != "AABB":
        rotation = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    half = np.abs(rotation) @ np.array(box.dimensions) / 2
    middle = np.array(box.world_P_center)
    low, high = (middle - half).tolist(), (middle + half).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _relations(edge: _Edge, nodes: dict[int, Node]) -> list[tuple[str, Edge, str]]:
    """Return our relations of an edge, or what an edge of somebody else's means."""
    ours = edge.info.metadata.embodied_mem if edge.info.metadata is not None else []
    if ours:
        return [(relation.source, relation.edge, relation.target) for relation in ours]
    one, other = nodes[edge.source], nodes[edge.target]
    if LAYERS[one.kind] > LAYERS[other.kind]:
        one, other = other, one
    if LAYERS[one.kind] < LAYERS[other.kind]:
        return [(one.id, Edge(kind="contains"), other.id)]
    kind = "connects" if one.kind in {"room", "place", "building"} else "near"
    return [(one.id, Edge(kind=kind), other.id)]
