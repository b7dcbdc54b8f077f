"""The graph that retrieval walks on: objects, rooms, places, labels and happenings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from embodied_mem.memory.documents import Document
from embodied_mem.memory.happenings import Happening
from embodied_mem.memory.scene_graph import EdgeKind, SceneGraph

_WEIGHTS: Mapping[EdgeKind, float] = {
    "on": 1.0,
    "in": 1.0,
    "near": 0.5,
    "contains": 0.3,
    "connects": 0.1,
}
"""Of the scene graph's edges, in both directions."""
_LABEL = 0.3
"""Between an object and its label."""
_DONE_TO = 1.0
"""Between a happening and what it was about."""
_NEXT = 0.2
"""Between a happening and the next one: what happened together is recalled together."""


@dataclass(slots=True)
class KnowledgeGraph:
    """Nodes by number: first the documents, then places and labels."""

    numbers: dict[str, int] = field(default_factory=dict)
    weights: csr_array = field(default_factory=lambda: csr_array((0, 0)))
    rests: csr_array = field(default_factory=lambda: csr_array((0, 0)))
    """1 where one node (row) is on or in another one (column)."""
    near: csr_array = field(default_factory=lambda: csr_array((0, 0)))
    """1 where two nodes are near each other."""
    size: int = 0

    def __len__(self) -> int:
        return self.size

    @classmethod
    def of(
        cls, documents: Sequence[Document], graph: SceneGraph, happenings: Sequence[Happening]
    ) -> "KnowledgeGraph":
        """Build the graph; the documents' numbers are their positions."""
        numbers = {document.id: i for i, document in enumerate(documents)}
        for node in graph.nodes("place"):
            numbers.setdefault(node.id, len(numbers))
        edges: list[tuple[int, int, float]] = []
        rests: list[tuple[int, int]] = []
        near: list[tuple[int, int]] = []
        for source, edge, target in graph.edges():
            a, b = numbers.get(source), numbers.get(target)
            if a is None or b is None:
                continue
            edges.append((a, b, _WEIGHTS[edge.kind] * max(edge.confidence, 0.05)))
            if edge.kind in {"on", "in"}:
                rests.append((a, b))
            elif edge.kind == "near":
                near += [(a, b), (b, a)]
        for i, document in enumerate(documents):
            if document.label:
                name = f"label:{document.label}"
                edges.append((i, numbers.setdefault(name, len(numbers)), _LABEL))
        edges += _happened(happenings, numbers)
        size = len(numbers)
        return cls(numbers, _matrix(edges, size), _marks(rests, size), _marks(near, size), size)


def _happened(
    happenings: Sequence[Happening], numbers: Mapping[str, int]
) -> list[tuple[int, int, float]]:
    edges = [
        (numbers[happening.id], numbers[name], _DONE_TO)
        for happening in happenings
        for name in happening.objects
        if name in numbers
    ]
    edges += [(numbers[one.id], numbers[other.id], _NEXT) for one, other in pairwise(happenings)]
    return edges


def _marks(pairs: Sequence[tuple[int, int]], size: int) -> csr_array:
    """Return the matrix (n, n) with 1 at each pair."""
    rows, columns = np.array(sorted(set(pairs)), np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))


def _matrix(edges: Sequence[tuple[int, int, float]], size: int) -> csr_array:
    """Return the symmetric matrix of weights (n, n)."""
    if not edges:
        return csr_array((size, size))
    table = np.array(edges)
    rows, columns = table[:, 0].astype(int), table[:, 1].astype(int)
    both = np.concatenate((rows, columns)), np.concatenate((columns, rows))
    return csr_array((np.tile(table[:, 2], 2), both), shape=(size, size))
