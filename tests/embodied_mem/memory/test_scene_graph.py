"""The scene graph under any sequence of changes: one parent each, layers descend, no orphans."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from embodied_mem.errors import UnknownObjectError
from embodied_mem.memory.scene_graph import LAYERS, Edge, Kind, Node, SceneGraph

KINDS: st.SearchStrategy[Kind] = st.sampled_from(sorted(LAYERS))
NUMBERS = st.integers(0, 12)
RELATIONS = st.sampled_from(["on", "in", "near", "connects"])


class AnyGraph(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.graph = SceneGraph()
        self.kinds: dict[str, Kind] = {}
        self.parents: dict[str, str] = {}
        self.relations: dict[tuple[str, str, str], int] = {}

    @rule(number=NUMBERS, kind=KINDS)
    def put(self, number, kind):
        name = f"n{number}"
        self.graph.put(Node(id=name, kind=kind))
        self.kinds[name] = kind
        self.parents = {
            child: parent
            for child, parent in self.parents.items()
            if LAYERS[self.kinds[parent]] < LAYERS[self.kinds[child]]
        }

    @precondition(lambda self: len(self.kinds) > 1)
    @rule(data=st.data())
    def set_parent(self, data):
        child, parent = (data.draw(st.sampled_from(sorted(self.kinds))) for _ in range(2))
        if LAYERS[self.kinds[parent]] < LAYERS[self.kinds[child]]:
            self.graph.set_parent(child, parent)
            self.parents[child] = parent
        else:
            with pytest.raises(ValueError, match="layers must descend"):
                self.graph.set_parent(child, parent)

    @precondition(lambda self: len(self.kinds) > 1)
    @rule(data=st.data(), kind=RELATIONS)
    def relate(self, data, kind):
        a, b = (data.draw(st.sampled_from(sorted(self.kinds))) for _ in range(2))
        self.graph.relate(a, kind, b, confidence=0.5, stamp=1.0)
        self.relations[a, kind, b] = self.relations.get((a, kind, b), 0) + 1

    @precondition(lambda self: self.relations)
    @rule(data=st.data())
    def unrelate(self, data):
        source, kind, _ = data.draw(st.sampled_from(sorted(self.relations)))
        self.graph.unrelate(source, kind)
        self.relations = {e: n for e, n in self.relations.items() if e[:2] != (source, kind)}

    @precondition(lambda self: self.kinds)
    @rule(data=st.data())
    def remove(self, data):
        name = data.draw(st.sampled_from(sorted(self.kinds)))
        above = self.parents.pop(name, None)
        for child in [c for c, p in self.parents.items() if p == name]:
            del self.parents[child]
            if above is not None:
                self.parents[child] = above
        del self.kinds[name]
        self.relations = {e: n for e, n in self.relations.items() if name not in (e[0], e[2])}
        self.graph.remove(name)

    @invariant()
    def is_what_the_model_says(self):
        self.graph.check()
        assert {node.id: node.kind for node in self.graph.nodes()} == self.kinds
        for name in self.kinds:
            assert self.graph.parent(name) == self.parents.get(name)
            below = sorted(c for c, p in self.parents.items() if p == name)
            assert self.graph.children(name) == below
        found = {(a, e.kind, b): e.count for a, e, b in self.graph.edges() if e.kind != "contains"}
        assert found == self.relations

    @invariant()
    def comes_back_from_its_rows(self):
        again = SceneGraph()
        again.restore(self.graph.nodes(), self.graph.edges())
        again.check()
        assert again.to_json() == self.graph.to_json()


TestAnyGraph = AnyGraph.TestCase
TestAnyGraph.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_json_is_laid_out_like_spark_dsg():
    graph = SceneGraph()
    graph.put(Node(id="room_1", kind="room", label="Kitchen"))
    graph.put(Node(id="mug_1", kind="object", label="Mug", position=(1, 2, 3)), "room_1")
    data = graph.to_json()
    assert [node["layer"] for node in data["nodes"]] == [4, 2]
    assert data["edges"][0]["source"] == "room_1"
    assert data["edges"][0]["info"]["kind"] == "contains"


def test_an_unknown_node_is_an_error_that_names_the_known():
    graph = SceneGraph()
    graph.restore([Node(id="a", kind="room")], [])
    assert Edge(kind="near").count == 1
    with pytest.raises(UnknownObjectError, match="b"):
        graph.parent("b")
