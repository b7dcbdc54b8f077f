"""Spark-DSG files: what the real package reads, saves, and what comes back."""

import json
from pathlib import Path

import numpy as np
import pytest

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.scene_graph import LAYERS, Edge, Node, SceneGraph
from embodied_mem.memory.spark_dsg_json import from_spark_dsg, to_spark_dsg


def house(seed: int = 0) -> SceneGraph:
    """Return a graph with every kind of node and edge."""
    rng, graph = np.random.default_rng(seed), SceneGraph()
    graph.put(Node(id="building_1", kind="building"))
    graph.put(Node(id="floor_1", kind="floor"), "building_1")
    for room in (1, 2):
        graph.put(Node(id=f"room_{room}", kind="room", label="Kitchen"), "floor_1")
        graph.put(Node(id=f"place_{room}", kind="place"), f"room_{room}")
        for kind in ("furniture", "object"):
            low = rng.normal(size=3)
            box = tuple(low.tolist()), tuple((low + rng.uniform(0.1, 1, 3)).tolist())
            name = f"{kind}_{room}"
            node = Node(
                id=name,
                kind=kind,
                label="Mug" if kind == "object" else "Shelf",
                position=tuple(np.mean(box, axis=0).tolist()),
                box=box,
                first_seen=1.5,
                last_seen=float(room) + 0.25,
            )
            graph.put(node, f"place_{room}" if kind == "furniture" else f"furniture_{room}")
    graph.put(Node(id="apple_1", kind="object", label="Apple"), "floor_1")
    graph.put(Node(id="agent_1", kind="agent", position=(1.0, 2.0, 0.0)), "place_1")
    graph.relate("object_1", "on", "furniture_1", confidence=0.9, stamp=3.0)
    graph.relate("object_1", "near", "object_2", confidence=0.5, stamp=2.0)
    graph.relate("object_1", "near", "object_2", confidence=0.6, stamp=4.0)
    graph.relate("room_1", "connects", "room_2", confidence=1.0, stamp=2.0)
    return graph


def assert_same(one: SceneGraph, other: SceneGraph) -> None:
    other.check()
    found = {node.id: node for node in other.nodes()}
    assert found.keys() == {node.id for node in one.nodes()}
    for node in one.nodes():
        again = found[node.id]
        assert (again.kind, again.label) == (node.kind, node.label)
        assert again.last_seen == node.last_seen
        assert again.position == pytest.approx(node.position, abs=1e-6)
        assert (again.box is None) == (node.box is None)
        if node.box is not None and again.box is not None:
            assert np.allclose(again.box, node.box, atol=1e-5)
        assert one.parent(node.id) == other.parent(node.id)
    edges = [{(a, e.kind, b): e for a, e, b in graph.edges()} for graph in (one, other)]
    assert edges[0] == edges[1]


def test_what_is_written_reads_back():
    assert_same(house(), from_spark_dsg(to_spark_dsg(house())))


def test_the_real_package_reads_ours_and_what_it_saves_comes_back(tmp_path: Path):
    spark_dsg = pytest.importorskip("spark_dsg", reason="the dsg extra is not installed")
    ours, graph = tmp_path / "ours.json", house()
    ours.write_bytes(to_spark_dsg(graph))
    real = spark_dsg.DynamicSceneGraph.load(str(ours))
    assert real.num_nodes() == len(graph)
    for layer, kinds in ((2, {"object", "furniture"}), (3, {"place"}), (4, {"room"})):
        names = {node.attributes.name for node in real.get_layer(layer).nodes}
        assert names == {node.id for node in graph.nodes() if node.kind in kinds}
    mugs = [n for n in real.get_layer(2).nodes if n.attributes.name == "object_1"]
    box = mugs[0].attributes.bounding_box
    assert np.allclose(box.world_P_center, graph["object_1"].position, atol=1e-5)
    low, high = graph["object_1"].box or ((), ())
    assert np.allclose(box.dimensions, np.subtract(high, low), atol=1e-5)
    furniture = next(n for n in real.get_layer(2).nodes if n.attributes.name == "furniture_1")
    assert real.get_node(furniture.get_parent()).attributes.name == "place_1"
    saved = tmp_path / "theirs.json"
    real.save(str(saved), include_mesh=False)
    assert_same(graph, from_spark_dsg(saved.read_bytes()))


def test_a_graph_of_somebody_elses_reads_by_its_layers(tmp_path: Path):
    spark_dsg = pytest.importorskip("spark_dsg", reason="the dsg extra is not installed")
    real = spark_dsg.DynamicSceneGraph()
    attributes = spark_dsg.ObjectNodeAttributes()
    attributes.name, attributes.position = "cup", np.array([1.0, 2.0, 3.0])
    turned = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    attributes.bounding_box = spark_dsg.BoundingBox(
        spark_dsg.BoundingBoxType.OBB, np.array([2.0, 1.0, 1.0]), np.zeros(3), turned
    )
    symbols = [spark_dsg.NodeSymbol(letter, 7).value for letter in "OpR"]
    real.add_node(spark_dsg.DsgLayers.OBJECTS, symbols[0], attributes)
    real.add_node(spark_dsg.DsgLayers.PLACES, symbols[1], spark_dsg.PlaceNodeAttributes())
    real.add_node(spark_dsg.DsgLayers.ROOMS, symbols[2], spark_dsg.RoomNodeAttributes())
    real.insert_edge(symbols[1], symbols[0])
    real.insert_edge(symbols[2], symbols[1])
    real.save(str(tmp_path / "graph.json"), include_mesh=False)
    graph = from_spark_dsg((tmp_path / "graph.json").read_bytes())
    graph.check()
    assert graph["O7"].label == "cup"
    assert np.allclose(graph["O7"].box or 0, [[-0.5, -1, -0.5], [0.5, 1, 0.5]], atol=1e-6)
    assert graph.ancestor("O7", "room") == "R7"


def test_damage_is_named():
    with pytest.raises(StoreFormatError, match="no Spark-DSG file"):
        from_spark_dsg(b"{}")
    data = json.loads(to_spark_dsg(house()))
    data["edges"][0]["target"] = 5
    with pytest.raises(StoreFormatError, match="no such nodes"):
        from_spark_dsg(json.dumps(data).encode())
    data = json.loads(to_spark_dsg(house()))
    relation = next(
        r
        for edge in data["edges"]
        for r in edge["info"]["metadata"]["embodied_mem"]
        if r["edge"]["kind"] == "contains"
    )
    relation["source"], relation["target"] = relation["target"], relation["source"]
    with pytest.raises(StoreFormatError, match="layers must descend"):
        from_spark_dsg(json.dumps(data).encode())
    assert LAYERS["room"] < LAYERS["object"]
    assert Edge(kind="on").count == 1
