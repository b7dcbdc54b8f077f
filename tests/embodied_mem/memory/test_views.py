"""What was in view when, and what memory concludes from it."""

import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.memory import Memory
from embodied_mem.memory.views import ViewConfig, ViewLog
from embodied_mem.types import Camera, Frame

CAMERA = Camera(width=60, height=60, fx=60.0, fy=60.0, cx=30.0, cy=30.0)


def view(stamp: float, x: float, yaw: float, wall: float) -> Frame:
    """Return a level view from (x, 0, 1) onto a wall at a range [m]."""
    ahead = Rotation.from_euler("z", yaw) * Rotation.from_matrix(
        [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    )
    return Frame(
        stamp=stamp,
        rgb=np.zeros((60, 60, 3), np.uint8),
        depth=np.full((60, 60), wall, np.float32),
        camera=CAMERA,
        T_world_camera=RigidTransform.from_components([x, 0.0, 1.0], ahead),
    )


def cube(x: float, y: float, edge: float = 0.2) -> np.ndarray:
    middle = np.array([x, y, 1.0])
    return np.stack((middle - edge / 2, middle + edge / 2))


@given(
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
    wall=st.floats(1, 4),
    yaw=st.floats(-3.1, 3.1),
)
def test_a_place_was_in_view_if_its_middle_projects_into_the_image_before_the_wall(x, y, wall, yaw):
    log = ViewLog(ViewConfig(stride=1))
    log.add(view(1.0, 0.0, yaw, wall))
    ahead, left = x * np.cos(yaw) + y * np.sin(yaw), y * np.cos(yaw) - x * np.sin(yaw)
    inside = abs(left) < 0.35 * ahead
    outside = ahead < 0 or abs(left) > 0.75 * ahead + 0.3
    if 0.6 < ahead < min(wall - 0.3, 2.0) and inside:
        assert log.looks(cube(x, y), 2.0) >= 1
    if outside or ahead > wall + 0.3:
        assert log.looks(cube(x, y), 2.0) == 0


def test_only_earlier_views_count_and_plain_ones_twice():
    log = ViewLog()
    log.add(view(1.0, 0.0, 0.0, 4.0))
    log.add(view(3.0, 1.0, 0.0, 4.0))
    assert log.looks(cube(2.0, 0.0, 0.4), 1.0) == 0
    assert log.looks(cube(2.0, 0.0, 0.4), 2.0) == 2  # 144 pixels.
    assert log.looks(cube(2.0, 0.0), 2.0) == 1  # 36 pixels.
    assert log.looks(cube(2.0, 0.0), 4.0) == 3
    assert log.looks(cube(2.0, 0.0, 0.1), 2.0) == 0  # 9 pixels may be missed.


def test_the_log_keeps_the_first_views_of_a_spot_and_forgets_the_oldest_spot():
    log = ViewLog(ViewConfig(capacity=3, repeats=1))
    for stamp in range(5):
        log.add(view(float(stamp), 0.0, 0.0, 4.0))
    assert len(log) == 1
    assert log.whole
    assert log.looks(cube(2.0, 0.0), 0.5) == 1
    for number in range(1, 4):
        log.add(view(10.0 + number, 5.0 * number, 0.0, 4.0))
    assert len(log) == 3
    assert not log.whole
    assert log.looks(cube(2.0, 0.0), 20.0) == 0
    assert log.was_in_view(cube(2.0, 0.0), 20.0)  # Not known: it may have been.


def mugs(**spots: tuple[float, float]) -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    for name, (x, y) in spots.items():
        world.add(name, "Mug", (x, y, 0.85), (0.1, 0.1, 0.1))
    return world


@pytest.mark.parametrize("looked_before", [True, False])
def test_an_equal_thing_in_a_place_never_seen_before_is_another_one(looked_before):
    world, memory = mugs(mug=(1.8, 0.0)), Memory()
    for yaw in (np.pi, np.pi, 0.0) if looked_before else (0.0,):
        memory.write(world.look(0, 0, yaw))
    world.things["mug"].center = (-1.6, 0.0, 0.05)
    for yaw in (np.pi, 0.0, 0.0, 0.0):
        memory.write(world.look(0, 0, yaw))
    statuses = {known.object_id: known.status for known in memory.find("mug")}
    assert statuses == (
        {"mug_1": "moved"} if looked_before else {"mug_1": "gone", "mug_2": "present"}
    )


@pytest.mark.parametrize("kind", ["Painting", "Mug"])
def test_what_seldom_moves_is_believed_slowly_where_it_was_not_before(kind):
    world, memory = mugs(), Memory()
    for _ in range(2):
        memory.write(world.look(0, 0, 0))
    world.add("new", kind, (1.8, 0.0, 0.9), (0.2, 0.2, 0.2))
    beliefs = []
    for _ in range(8):
        memory.write(world.look(0, 0, 0))
        beliefs += [known.confidence for known in memory.find(kind)]
    assert (beliefs[0] > 0.6) == (kind == "Mug")
    assert beliefs == sorted(beliefs)
    assert beliefs[-1] > 0.85


def test_what_was_there_from_the_first_view_is_believed_at_once():
    world, memory = mugs(), Memory()
    world.add("picture", "Painting", (1.8, 0.0, 0.9), (0.2, 0.2, 0.2))
    memory.write(world.look(0, 0, 0))
    assert memory.find("Painting")[0].confidence > 0.6
