"""The ROS side of the nodes, run against a stand-in for rclpy where there is no ROS.

`test_rclpy_nodes.py` is for machines that have it. Here what is our own is tried: what is declared,
built, announced and filled in, and that three nodes solve a task through it.
"""

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import ros_standin
from ros_standin import TransitionCallbackReturn, graph
from ros_standin_messages import message_type

from ros_nodes.node_kinds import KINDS, MEMORY, PLANNER, POLICY, SIM

DONE = TransitionCallbackReturn.SUCCESS
OURS = ("rclpy_nodes", "rclpy_transport", "rclpy_actions")


@pytest.fixture(name="ros")
def a_stand_in(monkeypatch):
    if "rclpy" in sys.modules:
        pytest.skip("rclpy itself is here, and is used instead: see test_rclpy_nodes.py")
    for name, module in ros_standin.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    graph.clear()
    from ros_nodes import rclpy_nodes  # noqa: PLC0415

    yield rclpy_nodes
    for name in OURS:
        sys.modules.pop(f"ros_nodes.{name}", None)


def spin_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        graph.spin_once()
        time.sleep(0.001)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not POLICY], ids=lambda kind: kind.name
)
def test_a_node_goes_through_its_life_twice_and_leaves_nothing(ros, kind):
    node = ros.CoreLifecycleNode(kind)
    for _ in range(2):
        assert node.trigger_configure() == DONE, node.told
        assert node.trigger_activate() == DONE, node.told
        for _ in range(5):
            graph.spin_once()
        assert node.trigger_deactivate() == DONE, node.told
        assert node.trigger_cleanup() == DONE, node.told
        assert [*graph.subscriptions, *graph.timers, *graph.services, *graph.actions] == []
    assert node.trigger_shutdown() == DONE


def test_the_simulated_robot_is_heard_when_it_is_active_and_only_then(ros):
    node = ros.CoreLifecycleNode(SIM)
    node.trigger_configure()
    assert not graph.heard
    node.trigger_activate()
    spin_until(lambda: graph.heard.get("/camera/color/image_raw", 0) >= 2)
    assert {"/clock", "/tf", "/tf_static", "/odom"} <= graph.heard.keys()
    node.trigger_deactivate()
    before = dict(graph.heard)
    for _ in range(5):
        graph.spin_once()
    assert graph.heard == before
    node.trigger_shutdown()


def test_what_does_not_fit_is_refused_with_its_reason(ros):
    node = ros.CoreLifecycleNode(MEMORY)
    (result,) = node.set_parameters({"timing.sync_slop": -1.0})
    assert not result.successful
    assert "sync_slop" in result.reason
    (result,) = node.set_parameters({"agent": "/nowhere.yaml"})
    assert not result.successful
    node = ros.CoreLifecycleNode(POLICY)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "needs weights" in node.told[0]


def test_a_bug_in_a_transition_is_told(ros, monkeypatch):
    node = ros.CoreLifecycleNode(MEMORY)
    monkeypatch.setattr(node, "_config", lambda _: 1 / 0)
    assert node.trigger_configure() == TransitionCallbackReturn.ERROR
    assert "ZeroDivisionError" in node.told[0]


def test_three_nodes_pursue_a_goal(ros, tmp_path):
    nodes = _three(ros, tmp_path, use_sim_time=True)
    result = _pursue("put a pen on the side table", nodes[2])
    assert result.status == 4, result.result.message
    assert result.result.steps > 3
    kind, judge = graph.services["/sim/judge"]
    truth = judge(kind.Request(goal="on(pen, sidetable)"), kind.Response())
    assert truth.success, truth.message
    assert _pursue("put a pen on the bed", nodes[2], cancel=True).status == 5
    assert graph.heard["/embodied_mem/updates"] > 1
    for node in nodes:
        assert node.trigger_shutdown() == DONE, node.told


def test_a_planner_by_another_clock_says_so_and_does_not_wait_for_ever(ros, tmp_path):
    nodes = _three(ros, tmp_path, image_timeout=1.0)
    result = _pursue("put a pen on the side table", nodes[2])
    assert result.status == 6
    assert "use_sim_time" in result.result.message
    for node in nodes:
        node.trigger_shutdown()


def _three(ros, folder, **own):
    """Return the simulated robot, memory and planner, active."""
    sim, store = folder / "sim.yaml", str(folder / "store")
    sim.write_text("house: {seed: 3, rooms: 1}\nwidth: 200\nheight: 200\n")
    seen = {"view": True, "topics.masks": "/camera/instances", "topics.reliable": True}
    chosen = (
        (SIM, {"sim": str(sim), "navigate": "/navigate_to_pose"}),
        (MEMORY, {"store": store, **seen}),
        (PLANNER, {"store": store, "navigate": "/navigate_to_pose", **own}),
    )
    nodes = []
    for kind, values in chosen:
        node = ros.CoreLifecycleNode(kind)
        assert all(result.successful for result in node.set_parameters(values))
        assert node.trigger_configure() == DONE, node.told
        nodes.append(node)
    for node in reversed(nodes):
        assert node.trigger_activate() == DONE, node.told
    spin_until(lambda: graph.heard.get("/embodied_mem/status", 0) > 0)
    return nodes


def _pursue(text, node, *, cancel=False):
    kind = SimpleNamespace(Goal=message_type("embodied_mem_msgs/action/Pursue_Goal"))
    client = ros_standin.ActionClient(node, kind, "/planner/pursue")
    told = []
    sent = client.send_goal_async(kind.Goal(goal=text), feedback_callback=told.append)
    spin_until(sent.done)
    assert sent.result().accepted
    ended = sent.result().get_result_async()
    if cancel:
        spin_until(lambda: told)
        sent.result().cancel_goal_async()
    spin_until(ended.done, 240.0)
    return ended.result()


def test_the_stand_in_is_as_strict_as_rosidl():
    image = message_type("sensor_msgs/msg/Image")()
    with pytest.raises(AssertionError):
        image.height = np.int64(3)
    with pytest.raises(AttributeError):
        image.hight = 3
