import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from ros_nodes.tf_buffer import TfBuffer, TransformUnavailableError

S = 1_000_000_000


def pose(x=0.0, yaw=0.0):
    return RigidTransform.from_components([x, 0.0, 0.0], Rotation.from_euler("z", yaw))


def robot():
    tf = TfBuffer(cache=10.0)
    tf.add("base_link", "camera", 0, pose(0.2), is_static=True)
    tf.add("map", "odom", 0, pose(1.0), is_static=True)
    tf.add("odom", "base_link", 1 * S, pose(0.0))
    tf.add("odom", "base_link", 2 * S, pose(1.0, np.pi / 2))
    return tf


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 1))
def test_between_two_transforms_positions_are_linear_and_turns_are_slerp(share):
    found = robot().lookup("odom", "base_link", S + round(share * S))
    np.testing.assert_allclose(found.translation, [share, 0, 0], atol=1e-6)
    assert found.rotation.magnitude() == pytest.approx(share * np.pi / 2, abs=1e-6)


def test_chains_go_up_and_down_the_tree():
    found = robot().lookup("map", "camera", 2 * S)
    np.testing.assert_allclose(found.translation, [2.0, 0.2, 0], atol=1e-12)
    back = robot().lookup("camera", "map", 2 * S)
    np.testing.assert_allclose((found * back).as_matrix(), np.eye(4), atol=1e-12)


@pytest.mark.parametrize(
    ("target", "source", "stamp", "may_come"),
    [
        ("map", "camera", 3 * S, True),
        ("map", "camera", S // 2, False),
        ("map", "gripper", S, True),
    ],
)
def test_nothing_is_extrapolated_and_the_reason_is_said(target, source, stamp, may_come):
    with pytest.raises(TransformUnavailableError) as caught:
        robot().lookup(target, source, stamp)
    assert caught.value.may_come is may_come


def test_what_is_older_than_the_cache_is_forgotten():
    tf = TfBuffer(cache=1.0)
    for number in range(100):
        tf.add("odom", "base_link", number * S // 10, pose(number))
    assert len(tf) == 11


def test_late_transforms_are_put_in_their_place():
    tf = TfBuffer()
    for stamp in (10, 30, 20):
        tf.add("a", "b", stamp, pose(stamp))
    np.testing.assert_allclose(tf.lookup("a", "b", 25).translation[0], 25)


def test_leading_slashes_are_dropped():
    tf = TfBuffer()
    tf.add("/map", "/odom", 5, pose(3.0))
    np.testing.assert_allclose(tf.lookup("map", "odom", 5).translation[0], 3.0)


def test_a_clock_that_goes_back_forgets_the_future_and_keeps_what_is_static():
    tf = robot()
    tf.add("odom", "base_link", 100 * S, pose(9.0))
    tf.add("odom", "base_link", 5 * S, pose(4.0))  # The robot's clock went back.
    tf.jump_back(5 * S)
    np.testing.assert_allclose(tf.lookup("odom", "base_link", 5 * S).translation[0], 4.0)
    with pytest.raises(TransformUnavailableError):
        tf.lookup("odom", "base_link", 100 * S)
    tf.jump_back(S)
    with pytest.raises(TransformUnavailableError):
        tf.lookup("odom", "base_link", 5 * S)
    tf.lookup("base_link", "camera", 1)


def test_loops_do_not_hang():
    tf = TfBuffer()
    tf.add("a", "b", 5, pose())
    tf.add("b", "a", 5, pose())
    with pytest.raises(TransformUnavailableError):
        tf.lookup("map", "a", 5)
