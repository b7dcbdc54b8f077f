import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.backends import thor_frames
from embodied_mem.types import Camera

metres = st.floats(-50, 50)
points = st.tuples(metres, metres, metres).map(np.array)
positions = st.fixed_dictionaries({"x": metres, "y": st.floats(0, 3), "z": metres})
yaws = st.floats(0, 359.99)
horizons = st.floats(-85, 85)

AGENT = {"x": 1.0, "y": 0.9009992, "z": 2.0}


@pytest.mark.parametrize(
    ("yaw", "direction"), [(0, (0, 0, 1)), (90, (1, 0, 0)), (180, (0, 0, -1)), (270, (-1, 0, 0))]
)
def test_yaw_turns_clockwise_from_thors_plus_z(yaw: float, direction: tuple[float, ...]):
    forward = thor_frames.body_pose(AGENT, yaw).rotation.apply([1.0, 0.0, 0.0])
    np.testing.assert_allclose(thor_frames.thor_from_world(forward), direction, atol=1e-12)


@pytest.mark.parametrize(("yaw", "turned"), [(0, 0.0), (90, -np.pi / 2), (270, np.pi / 2)])
def test_world_yaw_is_anticlockwise(yaw: float, turned: float):
    assert thor_frames.world_yaw(yaw) == pytest.approx(turned)


def test_world_axes_are_thors_forward_left_and_up():
    np.testing.assert_array_equal(
        thor_frames.world_from_thor(np.array([1.0, 2.0, 3.0])), [3, -1, 2]
    )


def test_base_stands_on_the_floor_below_a_standing_agent():
    np.testing.assert_allclose(
        thor_frames.body_pose(AGENT, 0).translation, [2.0, -1.0, 0.0], atol=1e-12
    )


def test_published_camera_height_is_above_the_base():
    eye = AGENT | {"y": AGENT["y"] + thor_frames.CAMERA_OFFSET}
    assert thor_frames.camera_pose(eye, 0, 0).translation[2] == pytest.approx(1.5759992)


@pytest.mark.parametrize("yaw", [0, 90, 215])
def test_horizon_looks_down_when_positive(yaw: float):
    axes = thor_frames.camera_pose(AGENT, yaw, 30.0).rotation.as_matrix()
    assert axes[2, 2] == pytest.approx(-0.5)  # The line of sight falls at sin 30 degrees.
    assert axes[2, 0] == pytest.approx(0.0)  # The image's horizontal stays level.
    assert axes[2, 1] < 0  # The image's downward axis points down.


@given(points)
def test_points_come_back(point: np.ndarray):
    there = thor_frames.world_from_thor(point)
    np.testing.assert_allclose(thor_frames.thor_from_world(there), point, atol=1e-12)


@given(points, points)
def test_handedness_flips_and_distance_stays(a: np.ndarray, b: np.ndarray):
    world = thor_frames.world_from_thor(np.stack((a, b)))
    np.testing.assert_allclose(np.linalg.norm(world[0] - world[1]), np.linalg.norm(a - b))
    np.testing.assert_allclose(  # Left-handed and right-handed cross products differ in sign.
        np.cross(world[0], world[1]), -thor_frames.world_from_thor(np.cross(a, b)), atol=1e-9
    )


@given(positions, yaws)
def test_agent_pose_comes_back(position: dict[str, float], yaw: float):
    back, angle = thor_frames.thor_agent(thor_frames.body_pose(position, yaw))
    assert back == pytest.approx(position, abs=1e-9)
    assert abs((angle - yaw + 180) % 360 - 180) < 1e-6
    assert 0 <= angle < 360


@given(positions, yaws, horizons)
def test_camera_pose_comes_back(position: dict[str, float], yaw: float, horizon: float):
    pose = thor_frames.camera_pose(position, yaw, horizon)
    assert np.linalg.det(pose.rotation.as_matrix()) == pytest.approx(1.0)
    back, angle, pitch = thor_frames.thor_camera(pose)
    assert back == pytest.approx(position, abs=1e-9)
    assert abs((angle - yaw + 180) % 360 - 180) < 1e-6
    assert pitch == pytest.approx(horizon, abs=1e-6)


@pytest.mark.parametrize("horizon", [90.0, -90.0])
def test_straight_down_and_up_keep_their_yaw(horizon: float):
    back = thor_frames.thor_camera(thor_frames.camera_pose(AGENT, 90.0, horizon))
    assert back[1:] == pytest.approx((90.0, horizon))


@given(yaws)
def test_object_faces_where_an_agent_of_the_same_yaw_looks(yaw: float):
    placed = thor_frames.object_pose(AGENT, {"x": 0.0, "y": yaw, "z": 0.0})
    body = thor_frames.body_pose(AGENT, yaw)
    np.testing.assert_allclose(placed.rotation.as_matrix(), body.rotation.as_matrix(), atol=1e-12)


@given(positions, yaws, horizons, points, st.floats(30, 120))
def test_projection_agrees_with_thors_own_formulas(
    eye: dict[str, float], yaw: float, horizon: float, corner: np.ndarray, field_of_view: float
):
    """f = H / (2 tan(fov / 2)); the camera's axes written out in AI2-THOR's coordinates."""
    width, height = 400, 300
    psi, pitch = np.radians(yaw), np.radians(horizon)
    forward = np.array([np.sin(psi) * np.cos(pitch), -np.sin(pitch), np.cos(psi) * np.cos(pitch)])
    right = np.array([np.cos(psi), 0.0, -np.sin(psi)])
    up = np.array([np.sin(psi) * np.sin(pitch), np.cos(pitch), np.cos(psi) * np.sin(pitch)])
    away = corner - [eye["x"], eye["y"], eye["z"]]
    if away @ forward < 0.1:
        return
    focal = height / (2 * np.tan(np.radians(field_of_view) / 2))
    expected = (
        width / 2 + focal * (away @ right) / (away @ forward),
        height / 2 - focal * (away @ up) / (away @ forward),
    )
    pose = thor_frames.camera_pose(eye, yaw, horizon)
    seen = pose.inv().apply(thor_frames.world_from_thor(corner)[None])
    camera = Camera.from_fov(width, height, np.radians(field_of_view))
    np.testing.assert_allclose(camera.project(seen)[0], expected, rtol=1e-6, atol=1e-6)


def test_roll_turns_the_image_about_the_line_of_sight():
    straight = thor_frames.camera_pose(AGENT, 40.0, 20.0).rotation
    rolled = thor_frames.camera_pose(AGENT, 40.0, 20.0, roll=90.0).rotation
    turn = (straight.inv() * rolled).as_matrix()
    np.testing.assert_allclose(turn[:, 2], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turn[:, 0], [0, -1, 0], atol=1e-12)


def test_world_box_bounds_all_corners():
    corners = np.array([[0, 0, 0], [1, 2, 3]], dtype=float)
    np.testing.assert_array_equal(thor_frames.world_box(corners), [[0, -1, 0], [3, 0, 2]])
