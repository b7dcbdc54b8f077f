"""Depth, instances and colours of the renderer agree with the geometry that is drawn."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.backends.household.bodies import build_body
from embodied_mem.backends.household.catalog import object_type
from embodied_mem.backends.household.collision import Obstacle
from embodied_mem.backends.household.mesh import rotation_matrix
from embodied_mem.backends.household.parts import Body, Part
from embodied_mem.backends.household.render import DrawItem, Image, Renderer, View
from embodied_mem.backends.household.shell import Shell, ShellMesh
from embodied_mem.errors import BackendError

WIDTH, DEPTH, HEIGHT = 6.0, 5.0, 2.6
"""The room, about the origin of the floor [m]."""


def _sheet(corners: list[tuple[float, float, float]], kind: str, texture: str) -> ShellMesh:
    return ShellMesh(
        vertices=np.array(corners, dtype=np.float32),
        triangles=np.array(((0, 1, 2), (0, 2, 3)), dtype=np.int32),
        colour=(0.7, 0.7, 0.65),
        texture=texture,
        kind=kind,  # pyright: ignore[reportArgumentType]
        room_id="room|1",
    )


def make_room() -> Shell:
    x, z, h = WIDTH / 2, DEPTH / 2, HEIGHT
    meshes = [
        _sheet([(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)], "floor", "wood"),
        _sheet([(-x, h, -z), (x, h, -z), (x, h, z), (-x, h, z)], "ceiling", "plain"),
        _sheet([(-x, 0, z), (x, 0, z), (x, h, z), (-x, h, z)], "wall", "tiles"),
        _sheet([(-x, 0, -z), (x, 0, -z), (x, h, -z), (-x, h, -z)], "wall", "plain"),
        _sheet([(-x, 0, -z), (-x, 0, z), (-x, h, z), (-x, h, -z)], "wall", "plain"),
        _sheet([(x, 0, -z), (x, 0, z), (x, h, z), (x, h, -z)], "wall", "plain"),
    ]
    wall = Obstacle(
        name="wall", center_x=0, center_z=z, half_x=x, half_z=0.02, yaw=0, low=0, high=h
    )
    return Shell(
        meshes=tuple(meshes),
        obstacles=(wall,),
        rooms=(),
        doors=(),
        windows=(),
        bounds=(np.array((-x, 0, -z)), np.array((x, h, z))),
    )


def box(size: tuple[float, float, float], role: str = "body") -> Body:
    part = Part(
        shape="box", center=(0, 0, 0), size=size, colour=(0.6, 0.1, 0.1),
        role=role,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    return Body(parts=(part,))


def item(number: int, body: Body, position: tuple[float, float, float], **more) -> DrawItem:
    return DrawItem(number=number, body=body, position=position, yaw=more.pop("yaw", 0.0), **more)


EYE = (0.0, 1.5, -2.0)
AHEAD = View(position=EYE, width=101, height=101)


def points(image: Image, view: View) -> np.ndarray:
    """Back-project every pixel into the world by the depth image alone [m]."""
    focal = view.height / (2 * np.tan(np.deg2rad(view.field_of_view) / 2))
    right = (np.arange(view.width) + 0.5 - view.width / 2) / focal
    up = (view.height / 2 - np.arange(view.height) - 0.5) / focal
    rays = np.stack(np.broadcast_arrays(right, up[:, None], 1.0), axis=-1)
    local = rays * image.depth[..., None]
    return local @ rotation_matrix(view.yaw, view.horizon).T + view.position


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(make_room())


def test_depth_of_a_wall_is_its_distance_along_the_axis(renderer: Renderer):
    image = renderer.draw([], AHEAD)
    wall = DEPTH / 2 - EYE[2]
    middle = image.depth[40:60, 20:80]
    assert middle == pytest.approx(np.full_like(middle, wall), abs=1e-3)
    assert image.depth.dtype == np.float32
    assert (image.ids == 0).all()


def test_depth_of_a_box_is_exact_and_only_there_is_its_number(renderer: Renderer):
    image = renderer.draw([item(7, box((0.5, 0.5, 0.5)), (0, 1.5, 0.25))], AHEAD)
    focal = 101 / 2
    half = 0.25 / 2.0 * focal
    inside = slice(int(50.5 - half) + 1, int(50.5 + half) - 1)
    assert (image.ids[inside, inside] == 7).all()
    assert image.depth[inside, inside] == pytest.approx(2.0, abs=1e-3)
    assert (image.ids == 7).sum() == pytest.approx((2 * half) ** 2, rel=0.1)
    assert image.normals[50, 50] == pytest.approx((0, 0, -1), abs=1e-5)


@pytest.mark.parametrize(("width", "height", "fov"), [(300, 300, 90), (640, 480, 60), (97, 33, 45)])
def test_images_have_the_size_and_field_of_view_asked_for(
    renderer: Renderer, width: int, height: int, fov: float
):
    view = View(position=EYE, width=width, height=height, field_of_view=fov)
    image = renderer.draw([item(1, box((0.4, 0.4, 0.01)), (0.3, 1.7, 0.0))], view)
    assert image.rgb.shape == (height, width, 3)
    assert image.rgb.dtype == np.uint8
    assert image.ids.shape == image.depth.shape == (height, width)
    rows, columns = np.nonzero(image.ids == 1)
    focal = height / (2 * np.tan(np.deg2rad(fov) / 2))
    depth = 2.0 - 0.005
    assert columns.mean() + 0.5 == pytest.approx(width / 2 + 0.3 / depth * focal, abs=0.7)
    assert rows.mean() + 0.5 == pytest.approx(height / 2 - 0.2 / depth * focal, abs=0.7)


@given(
    name=st.sampled_from(("Mug", "Chair", "Fridge", "HousePlant", "Laptop", "Sofa", "Pan")),
    yaw=st.floats(0, 360),
    x=st.floats(-0.6, 0.6),
    camera_yaw=st.floats(-15, 15),
    horizon=st.floats(-20, 40),
)
@settings(max_examples=40, deadline=None)
def test_pixels_of_an_object_lie_in_its_bounding_box(
    renderer: Renderer, name: str, yaw: float, x: float, camera_yaw: float, horizon: float
):
    kind = object_type(name)
    body = build_body(name, kind.size)
    position = (x, kind.size[1] / 2, 0.8)
    view = View(position=EYE, yaw=camera_yaw, horizon=horizon, width=120, height=90)
    image = renderer.draw([item(3, body, position, yaw=yaw)], view)
    seen = points(image, view)[image.ids == 3]
    local = (seen - position) @ rotation_matrix(yaw)
    assert (np.abs(local) <= np.array(kind.size) / 2 + 0.013).all()


def test_yaw_turns_clockwise_from_above(renderer: Renderer):
    view = View(position=(0, 1.5, 0), yaw=90, width=51, height=51)
    image = renderer.draw([item(1, box((0.2, 0.2, 0.2)), (1.5, 1.5, 0))], view)
    assert image.ids[25, 25] == 1
    below = View(position=(0, 1.5, 0), horizon=45, width=51, height=51)
    image = renderer.draw([item(1, box((0.2, 0.2, 0.2)), (0, 0.5, 1.0))], below)
    assert image.ids[25, 25] == 1


def test_only_what_moved_is_rebuilt_and_it_appears_where_it_should():
    renderer = Renderer(make_room())
    body = build_body("Mug", object_type("Mug").size)
    items = [item(n, body, (0.2 * n - 1, 1.5, 0)) for n in range(1, 9)]
    renderer.draw(items, AHEAD)
    assert set(renderer.rebuilt) == set(range(1, 9))
    renderer.update(items)
    assert renderer.rebuilt == ()
    static = renderer._static
    for step in range(3):
        items[3] = dataclasses.replace(items[3], position=(0.1 * step, 1.9, 0), version=step + 1)
        renderer.update(items)
        assert renderer.rebuilt == (4,)
        moved = renderer.draw(items, AHEAD)
        assert np.array_equal(moved.ids, Renderer(make_room()).draw(items, AHEAD).ids)
        if step == 0:
            assert renderer._static is not static
            static = renderer._static
        assert renderer._static is static


def test_pictures_do_not_depend_on_what_was_drawn_before():
    renderer = Renderer(make_room())
    fridge = build_body("Fridge", object_type("Fridge").size)
    items = [
        item(1, fridge, (0.5, 0.9, 1.5), yaw=180),
        item(2, box((0.3, 0.3, 0.3)), (-0.5, 0.15, 0.5)),
    ]
    renderer.draw(items, AHEAD)
    items[0] = dataclasses.replace(items[0], openness=0.7, version=1)
    items[1] = dataclasses.replace(items[1], position=(-0.2, 1.0, 0.4), version=1)
    later = renderer.draw(items, AHEAD)
    fresh = Renderer(make_room()).draw(items, AHEAD)
    assert np.array_equal(later.ids, fresh.ids)
    assert later.depth == pytest.approx(fresh.depth, abs=1e-4)
    assert np.abs(later.rgb.astype(int) - fresh.rgb).max() <= 3


def test_what_is_hidden_or_gone_is_not_drawn(renderer: Renderer):
    thing = item(1, box((0.5, 0.5, 0.5)), (0, 1.5, 0.5))
    assert (renderer.draw([thing], AHEAD).ids == 1).any()
    hidden = dataclasses.replace(thing, hidden=True, version=1)
    assert not (renderer.draw([hidden], AHEAD).ids == 1).any()
    assert (renderer.draw([thing], AHEAD).ids == 1).any()
    assert not (renderer.draw([], AHEAD).ids == 1).any()


def test_depth_and_instances_are_those_behind_glass(renderer: Renderer):
    pane = item(1, box((1.0, 1.0, 0.01), role="glass"), (0, 1.5, -1.0))
    thing = item(2, box((0.4, 0.4, 0.4)), (0, 1.5, 0.5))
    bare = renderer.draw([thing], AHEAD)
    glazed = renderer.draw([pane, thing], AHEAD)
    assert np.array_equal(bare.ids, glazed.ids)
    assert bare.depth == pytest.approx(glazed.depth)
    assert np.abs(bare.rgb[70, 50].astype(int) - glazed.rgb[70, 50]).max() > 10
    ahead = np.array([EYE]), np.array([(0, 0, 2.0)])
    numbers, distances = renderer.first_hit(*ahead, through_glass=True)
    assert numbers.tolist() == [2]
    assert distances[0] == pytest.approx(2.3, abs=1e-3)
    numbers, distances = renderer.first_hit(*ahead, through_glass=False)
    assert numbers.tolist() == [1]
    assert distances[0] == pytest.approx(0.995, abs=1e-3)


def test_rays_that_meet_the_walls_return_zero(renderer: Renderer):
    renderer.update([])
    directions = np.array([(0, 0, 1.0), (1.0, 0, 0), (0, -1.0, 0)])
    numbers, distances = renderer.first_hit(
        np.repeat([EYE], 3, axis=0), directions, through_glass=True
    )
    assert numbers.tolist() == [0, 0, 0]
    assert distances == pytest.approx([4.5, 3.0, 1.5], abs=1e-3)
    empty = np.zeros((0, 3))
    assert len(renderer.first_hit(empty, empty, through_glass=True)[0]) == 0


def test_views_from_above_look_through_the_ceiling(renderer: Renderer):
    thing = item(5, box((0.5, 0.8, 0.5)), (1.0, 0.4, -0.5))
    view = View(
        position=(0, 6, 0), horizon=90, width=120, height=100,
        orthographic_size=2.5, skip_ceiling=True,
    )  # fmt: skip
    image = renderer.draw([thing], view)
    rows, columns = np.nonzero(image.ids == 5)
    assert columns.mean() + 0.5 == pytest.approx(60 + 1.0 / 0.05, abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(50 + 0.5 / 0.05, abs=0.6)
    assert len(rows) == pytest.approx(100, abs=8)
    assert image.depth[image.ids == 5] == pytest.approx(5.2, abs=1e-3)
    closed = renderer.draw([thing], dataclasses.replace(view, skip_ceiling=False))
    assert not (closed.ids == 5).any()
    lens = dataclasses.replace(view, orthographic_size=None, field_of_view=60.0)
    seen = renderer.draw([thing], lens)
    assert seen.depth[seen.ids == 5].min() == pytest.approx(5.2, abs=1e-3)


def test_nothing_is_drawn_beyond_the_far_plane(renderer: Renderer):
    outside = View(position=(0, 1.5, 10.0), width=20, height=20)
    assert (renderer.draw([], outside).depth == 20.0).all()
    near = dataclasses.replace(AHEAD, far=3.0)
    image = renderer.draw([], near)
    assert image.depth.max() == 3.0
    assert np.isfinite(image.depth).all()


def test_state_changes_the_picture(renderer: Renderer):
    lamp = item(1, build_body("DeskLamp", (0.4, 0.6, 0.4)), (0, 1.5, -1.0))
    off = renderer.draw([lamp], AHEAD)
    on = renderer.draw([dataclasses.replace(lamp, on=True, version=1)], AHEAD)
    mask = off.ids == 1
    assert on.rgb[mask].mean() > off.rgb[mask].mean() + 15
    mug = item(1, build_body("Mug", (0.3, 0.3, 0.3)), (0, 0.7, -1.2))
    looks = [
        renderer.draw([dataclasses.replace(mug, version=k, **change)], AHEAD).rgb
        for k, change in enumerate(
            ({}, {"filled": "coffee"}, {"tint": "dirty"}, {"tint": "cooked"}, {"tint": "broken"})
        )
    ]
    for one in range(len(looks)):
        for other in range(one):
            assert not np.array_equal(looks[one], looks[other])


def test_a_camera_inside_a_wall_still_takes_a_picture(renderer: Renderer):
    image = renderer.draw([], View(position=(WIDTH / 2, 1.5, 0), yaw=90, width=20, height=20))
    assert np.isfinite(image.depth).all()


@pytest.mark.parametrize(("field", "value"), [("width", 0), ("field_of_view", 180.0)])
def test_impossible_cameras_are_refused(field: str, value: float):
    with pytest.raises(BackendError):
        dataclasses.replace(AHEAD, **{field: value})
