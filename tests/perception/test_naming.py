"""Things that were named once are found again, and their shape is told whichever way they stand."""

from dataclasses import replace

import numpy as np
import pytest
from box_backend import BoxBackend, furnished_room
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.errors import NamingError
from embodied_mem.memory import Memory
from embodied_mem.types import Frame
from perception import GeometricConfig, OracleConfig, Pipeline
from perception.naming import Namer, colour_and_shape
from perception.shape import WIDTH, shape_features


def block(width: float, length: float, height: float, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (200, 3))
    side = np.random.default_rng(seed + 1).integers(3, size=200)
    points[np.arange(200), side] = np.sign(points[np.arange(200), side]) / 2
    return (points * (width, length, height)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    turn=st.floats(0, 2 * np.pi),
    move=st.tuples(*[st.floats(-5, 5)] * 3),
    seed=st.integers(0, 1000),
)
def test_shape_does_not_depend_on_place_heading_or_order(turn, move, seed):
    points = block(0.1, 0.25, 0.4)
    c, s = np.cos(turn), np.sin(turn)
    turned = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + move
    mixed = np.random.default_rng(seed).permutation(turned).astype(np.float32)
    here, there = shape_features([points, mixed])
    assert here @ there > 0.99


def test_a_bottle_a_box_and_a_plate_differ_in_shape():
    features = shape_features(
        [block(0.08, 0.08, 0.3), block(0.3, 0.3, 0.3), block(0.25, 0.25, 0.02)]
    )
    again = shape_features(
        [block(0.08, 0.08, 0.3, 7), block(0.3, 0.3, 0.3, 7), block(0.25, 0.25, 0.02, 7)]
    )
    alike = features @ again.T
    assert (alike.argmax(axis=1) == np.arange(3)).all()
    assert np.diag(alike).min() > 0.97
    assert (alike - np.diag(np.diag(alike))).max() < 0.9


@given(count=st.integers(0, 6))
def test_shapes_have_unit_length_even_of_hardly_a_point(count: int):
    points = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    features = shape_features([points])
    assert features.shape == (1, WIDTH)
    assert np.linalg.norm(features[0]) == pytest.approx(1, abs=1e-5)
    same = np.zeros((count, 3), np.float32)
    assert np.isfinite(shape_features([same])).all()


def test_no_views_have_no_description():
    assert colour_and_shape(np.zeros((0, 24), np.float32), []).shape == (0, 24 + WIDTH)


def unnamed(frame: Frame):
    percept = Pipeline(OracleConfig())(frame)
    return replace(percept, labels=("object",) * len(percept))


@pytest.mark.parametrize("kind", ["oracle", "geometric"])
def test_a_dax_is_found_again_from_elsewhere_and_the_rest_stays_nameless(kind: str):
    backend, memory = BoxBackend(furnished_room(200)), Memory()
    look = unnamed if kind == "oracle" else Pipeline(GeometricConfig())
    namer = Namer(look, memory)
    percept = namer(backend.reset().frame)
    ids = memory.write(percept).ids
    middle = [1.2, 0.4, 0.86] if kind == "oracle" else [3.6, 2.8, 0.9]  # A mug, a shelf.
    middles = np.array([box.mean(axis=0) for box in percept.boxes])
    taught = int(np.argmin(np.linalg.norm(middles - middle, axis=1)))
    assert namer.teach("dax", ids[taught]) == "dax"
    assert namer.find("dax") == ids[taught]
    backend.pose = (-0.6, -0.4, 0.45)
    percept = namer(backend.frame())
    named = [i for i, label in enumerate(percept.labels) if label == "dax"]
    assert len(named) == 1
    np.testing.assert_allclose(percept.boxes[named[0]].mean(axis=0), middle, atol=0.15)
    memory.write(percept)
    assert [k.object_id for k in memory.find("dax")] == [ids[taught]]


def test_a_memory_without_names_leaves_percepts_alone():
    frame = BoxBackend(furnished_room(100)).reset().frame
    percept = unnamed(frame)
    assert Namer(lambda frame: percept, Memory())(frame) is percept


def test_labels_that_are_names_already_are_kept():
    memory = Memory()
    frame = BoxBackend(furnished_room(160)).reset().frame
    memory.write(unnamed(frame))
    namer = Namer(Pipeline(OracleConfig()), memory)
    namer.teach("dax", next(iter(memory.in_view())))
    assert "dax" not in namer(frame).labels


def test_what_memory_keeps_of_a_thing_will_do_where_it_is_out_of_view():
    backend, memory = BoxBackend(furnished_room(200)), Memory()
    namer = Namer(unnamed, memory)
    ids = memory.write(namer(backend.reset().frame)).ids
    backend.pose = (0.0, -3.0, -np.pi / 2)
    memory.write(namer(backend.frame()))
    assert ids[0] not in memory.in_view()
    namer.teach("dax", ids[0])
    with pytest.raises(NamingError, match="no name 'wug' was taught"):
        namer.find("wug")
    assert memory.find("dax")[0].object_id == ids[0]
