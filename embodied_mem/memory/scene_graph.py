"""The long-term memory as a graph: building > floor > room > place > furniture > object, agents.

Containment is a tree whose layers descend; `on`, `in`, `near` and `connects` are further edges.
"""

from typing import Any, Literal

import msgspec
import rustworkx as rx

from embodied_mem.errors import UnknownObjectError

Kind = Literal["building", "floor", "room", "place", "furniture", "object", "agent"]
EdgeKind = Literal["contains", "on", "in", "near", "connects"]

LAYERS: dict[Kind, int] = {
    "building": 0,
    "floor": 1,
    "room": 2,
    "place": 3,
    "furniture": 4,
    "object": 5,
    "agent": 5,
}
"""Depth of each kind; a parent's is less than its child's."""

_DSG_LAYERS = {"building": 5, "floor": 5, "room": 4, "place": 3, "furniture": 2, "object": 2}


class Node(msgspec.Struct, kw_only=True):
    """One thing in the graph."""

    id: str
    kind: Kind
    label: str = ""
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre [m]."""
    box: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Lowest and highest corner [m]."""
    first_seen: float = 0.0
    last_seen: float = 0.0


class Edge(msgspec.Struct, kw_only=True):
    """One relation, from the thing that is on, in or near; from parents to what they contain."""

    kind: EdgeKind
    confidence: float = 1.0
    count: int = 1
    """Times it was observed."""
    first_seen: float = 0.0
    last_seen: float = 0.0


class SceneGraph:
    """Nodes by id; one parent each."""

    def __init__(self):
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._graph: rx.PyDiGraph[Node, Edge] = rx.PyDiGraph()
        self._index: dict[str, int] = {}
        self._parent: dict[str, str] = {}
        self._edges: dict[tuple[str, EdgeKind, str], int] = {}
        self.changed: set[str] = set()
        """Nodes that differ from the store."""
        self.changed_edges: set[tuple[str, EdgeKind, str]] = set()
        """Edges, containment included, that differ from the store or were removed."""

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._index

    def __getitem__(self, node_id: str) -> Node:
        return self._graph[self._at(node_id)]

    def nodes(self, kind: Kind | None = None) -> list[Node]:
        """Return the nodes of a kind, or all, in order of their ids' first appearance."""
        nodes = (self._graph[index] for index in self._index.values())
        return [node for node in nodes if kind is None or node.kind == kind]

    def edges(self, kind: EdgeKind | None = None) -> list[tuple[str, Edge, str]]:
        """Return the edges of a kind, or all, each with its ends."""
        return [
            (source, self._graph.get_edge_data_by_index(index), target)
            for (source, of_kind, target), index in self._edges.items()
            if kind is None or of_kind == kind
        ]

    def edge(self, source: str, kind: EdgeKind, target: str) -> Edge | None:
        """Return one edge, if it is there."""
        index = self._edges.get((source, kind, target))
        return None if index is None else self._graph.get_edge_data_by_index(index)

    def neighbours(self, node_id: str, kind: EdgeKind) -> list[str]:
        """Return the ids at the other ends of a node's edges of a kind, in either direction."""
        index = self._at(node_id)
        found = [self._graph[b].id for _, b, e in self._graph.out_edges(index) if e.kind == kind]
        found += [self._graph[a].id for a, _, e in self._graph.in_edges(index) if e.kind == kind]
        return sorted(set(found))

    def parent(self, node_id: str) -> str | None:
        """Return the id of what contains a node."""
        self._at(node_id)
        return self._parent.get(node_id)

    def children(self, node_id: str) -> list[str]:
        """Return the ids of what a node contains directly."""
        out = self._graph.out_edges(self._at(node_id))
        return sorted(self._graph[b].id for _, b, edge in out if edge.kind == "contains")

    def ancestor(self, node_id: str, kind: Kind) -> str | None:
        """Return the id of the container of a kind, if there is one."""
        at = self.parent(node_id)
        while at is not None and self[at].kind != kind:
            at = self._parent.get(at)
        return at

    def put(self, node: Node, parent: str | None = None) -> None:
        """Add a node, or renew one of the same id, and place it under its parent.

        A node that changes its kind loses the children and the parent that no longer lie in lower
        and higher layers.
        """
        old = self._index.get(node.id)
        if old is None:
            self._index[node.id] = self._graph.add_node(node)
        else:
            was = self._graph[old].kind
            self._graph[old] = node
            if was != node.kind:
                self._relayer(node)
        self.changed.add(node.id)
        if parent is not None:
            self.set_parent(node.id, parent)

    def _relayer(self, node: Node) -> None:
        """Cut a node that changed its kind from what no longer lies below and above it."""
        for child in self.children(node.id):
            if LAYERS[self[child].kind] <= LAYERS[node.kind]:
                self._unlink(node.id, "contains", child)
        above = self._parent.get(node.id)
        if above is not None and LAYERS[self[above].kind] >= LAYERS[node.kind]:
            self._unlink(above, "contains", node.id)

    def set_parent(self, node_id: str, parent: str) -> None:
        """Move a node, with all that it contains, under another one."""
        node, above = self[node_id], self[parent]
        if LAYERS[above.kind] >= LAYERS[node.kind]:
            raise ValueError(f"a {above.kind} cannot contain a {node.kind}: layers must descend.")
        old = self._parent.get(node_id)
        if old == parent:
            return
        if old is not None:
            self._unlink(old, "contains", node_id)
        self._parent[node_id] = parent
        self._link(parent, node_id, Edge(kind="contains", first_seen=node.last_seen))

    def relate(
        self, source: str, kind: EdgeKind, target: str, *, confidence: float, stamp: float
    ) -> None:
        """Note that a relation was observed at `stamp` [s]."""
        old = self.edge(source, kind, target)
        if old is None:
            edge = Edge(kind=kind, confidence=confidence, first_seen=stamp, last_seen=stamp)
            self._link(source, target, edge)
            return
        old.count += 1
        old.last_seen = stamp
        old.confidence = confidence
        self.changed_edges.add((source, kind, target))

    def unrelate(self, source: str, kind: EdgeKind, keep: str | None = None) -> None:
        """Forget a node's outgoing relations of a kind, but for the one to `keep`."""
        for _, b, edge in self._graph.out_edges(self._at(source)):
            if edge.kind == kind and self._graph[b].id != keep:
                self._unlink(source, kind, self._graph[b].id)

    def remove(self, node_id: str) -> None:
        """Forget a node and its edges; what it contained goes to its parent where layers allow."""
        index = self._at(node_id)
        above, below = self._parent.get(node_id), self.children(node_id)
        for a, b, edge in [*self._graph.out_edges(index), *self._graph.in_edges(index)]:
            self._unlink(self._graph[a].id, edge.kind, self._graph[b].id)
        self._graph.remove_node(self._index.pop(node_id))
        self.changed.add(node_id)
        if above is not None:
            for child in below:
                self.set_parent(child, above)

    def restore(self, nodes: list[Node], edges: list[tuple[str, Edge, str]]) -> None:
        """Replace everything by what was stored."""
        self.clear()
        for node in nodes:
            self._index[node.id] = self._graph.add_node(node)
        for source, edge, target in edges:
            if edge.kind == "contains":
                self._parent[target] = source
            self._link(source, target, edge)
        self.changed.clear()
        self.changed_edges.clear()

    def check(self) -> None:
        """Raise AssertionError where an invariant is broken: our own bug, never the user's."""
        assert set(self._index.values()) == set(self._graph.node_indices())
        assert set(self._edges.values()) == set(self._graph.edge_indices())
        for (source, kind, target), index in self._edges.items():
            assert source in self._index, f"orphan edge {source} {kind} {target}"
            assert target in self._index, f"orphan edge {source} {kind} {target}"
            a, b = self._graph.get_edge_endpoints_by_index(index)
            assert (self._graph[a].id, self._graph[b].id) == (source, target)
            if kind == "contains":
                assert self._parent[target] == source, f"{target} has two parents"
                assert LAYERS[self[source].kind] < LAYERS[self[target].kind]
        assert all((p, "contains", c) in self._edges for c, p in self._parent.items())

    def to_json(self) -> dict[str, Any]:
        """Return the graph as plain JSON, laid out like a Spark-DSG file.

        `nodes[].id` are our strings, `layer` is Spark-DSG's number (objects and furniture 2, places
        3, rooms 4, buildings and floors 5, agents 2 in partition "a"); containment is an edge from
        parent to child, and every edge's `info` has its kind, confidence, count and times.
        """
        nodes = [
            {
                "id": node.id,
                "layer": _DSG_LAYERS.get(node.kind, 2),
                "partition": "a" if node.kind == "agent" else 0,
                "attributes": {
                    "type": node.kind,
                    "name": node.id,
                    "semantic_label": node.label,
                    "position": list(node.position),
                    "bounding_box": None if node.box is None else [list(c) for c in node.box],
                    "first_seen": node.first_seen,
                    "last_seen": node.last_seen,
                },
            }
            for node in self.nodes()
        ]
        edges = [
            {"source": a, "target": b, "info": msgspec.to_builtins(edge)}
            for a, edge, b in self.edges()
        ]
        return {"directed": True, "multigraph": True, "nodes": nodes, "edges": edges}

    def _at(self, node_id: str) -> int:
        try:
            return self._index[node_id]
        except KeyError:
            raise UnknownObjectError(node_id, self._index) from None

    def _link(self, source: str, target: str, edge: Edge) -> None:
        index = self._graph.add_edge(self._at(source), self._at(target), edge)
        self._edges[source, edge.kind, target] = index
        self.changed_edges.add((source, edge.kind, target))

    def _unlink(self, source: str, kind: EdgeKind, target: str) -> None:
        index = self._edges.pop((source, kind, target), None)
        if index is None:
            return
        self._graph.remove_edge_from_index(index)
        self.changed_edges.add((source, kind, target))
        if kind == "contains":
            del self._parent[target]
