"""What is not seen where it should be: how much that says, and when it is enough."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.memory import Memory
from embodied_mem.memory.evidence import DepthView, EvidenceConfig
from embodied_mem.types import Camera, Percept


def table_with(name: str, label: str, size: tuple[float, float, float]) -> BoxWorld:
    """Return a table with one thing in the middle of its near half."""
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add(name, label, (1.65, 0.0, 0.8 + size[2] / 2), size)
    return world


def blind(percept: Percept) -> Percept:
    """Return the percept of a detector that misses everything."""
    none = np.zeros(0, int)
    return replace(
        percept,
        masks=percept.masks[none],
        labels=(),
        scores=percept.scores[none],
        features=percept.features[none],
        points=(),
        boxes=percept.boxes[none],
        attributes=(),
    )


def look(world: BoxWorld, y: float = 0.0) -> Percept:
    return world.look(0.9, y, 0.0, 0.8)


def looks_until_gone(world: BoxWorld, name: str, *, away: float, most: int = 8) -> int:
    """Count the frames of an empty place until what was there counts as gone, at most `most`.

    Args:
        world: Holds the thing.
        name: Its name.
        away: Time out of sight before [s].
        most: Frames tried.
    """
    memory = Memory()
    for y in (0.0, 0.1, -0.1):
        memory.write(look(world, y))
    label = world.things.pop(name).label
    world.stamp += away
    for count in range(1, most + 1):
        memory.write(look(world, 0.02 * count))
        if memory.find(label)[0].status == "gone":
            return count
    return most + 1


KNIFE = (0.02, 0.3, 0.01)
"""Too thin for depth, too narrow to be told from what lies beside it [m]."""


def test_less_is_needed_against_what_was_out_of_sight_for_long():
    watched = looks_until_gone(table_with("knife", "Knife", KNIFE), "knife", away=0.0)
    away = looks_until_gone(table_with("knife", "Knife", KNIFE), "knife", away=60.0)
    assert away < watched


def test_a_knife_that_was_taken_away_is_missed():
    world = table_with("knife", "Knife", KNIFE)
    assert looks_until_gone(world, "knife", away=60.0) <= 4


def test_one_frame_is_never_enough():
    world = table_with("mug", "Mug", (0.1, 0.1, 0.1))
    assert looks_until_gone(world, "mug", away=1e5) == 2


def test_what_is_built_in_is_not_doubted_sooner():
    watched = looks_until_gone(table_with("bar", "TowelHolder", KNIFE), "bar", away=0.0)
    away = looks_until_gone(table_with("bar", "TowelHolder", KNIFE), "bar", away=60.0)
    assert away == watched


def test_a_frame_without_detections_neither_doubts_nor_confirms_what_is_thin():
    world, memory = table_with("book", "Book", (0.2, 0.25, 0.065)), Memory()
    for y in (0.0, 0.1, -0.1):
        memory.write(look(world, y))
    (book,) = memory.objects.labelled("book")
    book.misses = 1.0
    memory.write(blind(look(world)))
    assert book.misses == 1.0


def test_a_frame_without_detections_shows_that_something_tall_is_there():
    world, memory = table_with("vase", "Vase", (0.15, 0.15, 0.3)), Memory()
    for y in (0.0, 0.1, -0.1):
        memory.write(look(world, y))
    (vase,) = memory.objects.labelled("vase")
    vase.misses = 1.0
    memory.write(blind(look(world)))
    assert vase.misses == 0.0


def test_what_is_gone_is_looked_for_until_that_is_certain():
    world, memory = table_with("knife", "Knife", KNIFE), Memory()
    for y in (0.0, 0.1, -0.1):
        memory.write(look(world, y))
    del world.things["knife"]
    world.stamp += 60.0
    (knife,) = memory.objects.labelled("knife")
    certain, told = memory.objects.config.refutations_to_gone, 0
    misses = []
    for count in range(10):
        told += len(memory.write(look(world, 0.02 * count)).gone)
        misses.append(knife.misses)
    assert told == 1
    assert certain <= misses[-1] < certain + 1  # And then no more.
    assert misses[-1] == misses[-2]


@given(
    st.tuples(*[st.floats(0.02, 0.4)] * 3),
    st.tuples(st.floats(1.5, 4.0), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
@settings(deadline=None)
def test_a_silhouette_is_about_the_area_of_the_projected_box(size, center):
    camera = Camera.from_fov(300, 300, np.pi / 2)
    optical = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    pose = RigidTransform.from_components([0.0, 0.0, 0.0], optical).inv().as_matrix()
    view = DepthView(np.full((300, 300), 9.0, np.float32), camera, pose, EvidenceConfig())
    half = np.array(size) / 2
    box = np.stack((np.array(center) - half, np.array(center) + half))
    corners = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1)
                        for k in (0, 1)])  # fmt: skip
    area = ConvexHull(camera.project(view.in_camera(corners))).volume
    assert view.silhouettes(box[None])[0] == pytest.approx(area, rel=0.35)
