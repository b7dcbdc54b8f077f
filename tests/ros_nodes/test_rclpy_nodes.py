"""Under a real rclpy: every node goes through its life, and actions pass between two of them.

Skipped where ROS is not installed. `ros/embodied_mem_ros/test` has launch tests of whole processes.
"""

import time
from threading import Thread

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs ROS 2: source /opt/ros/jazzy/setup.bash")
pytest.importorskip("embodied_mem_msgs", reason="needs the built package embodied_mem_msgs")

pytestmark = pytest.mark.ros

from rclpy.executors import SingleThreadedExecutor  # pyright: ignore[reportMissingImports]  # noqa: E402
from rclpy.lifecycle import (  # pyright: ignore[reportMissingImports]  # noqa: E402
    LifecycleNode,
    TransitionCallbackReturn,
)

from ros_nodes.actions import Act, GoalStatus, Sending  # noqa: E402
from ros_nodes.node_kinds import KINDS, POLICY  # noqa: E402
from ros_nodes.rclpy_nodes import CoreLifecycleNode  # noqa: E402
from ros_nodes.rclpy_transport import RclpyTransport  # noqa: E402

ASK = "embodied_mem_msgs/action/Ask"


@pytest.fixture(scope="module", autouse=True)
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not POLICY], ids=lambda kind: kind.name
)
def test_a_node_goes_through_its_life_twice(kind):
    node = CoreLifecycleNode(kind)
    done = TransitionCallbackReturn.SUCCESS
    for _ in range(2):
        assert node.trigger_configure() == done
        assert node.trigger_activate() == done
        assert node.trigger_deactivate() == done
        assert node.trigger_cleanup() == done
    assert node.trigger_shutdown() == done
    node.destroy_node()


def test_a_node_that_lacks_what_it_needs_is_not_configured():
    node = CoreLifecycleNode(POLICY)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    node.destroy_node()


def test_goals_are_accepted_refused_and_cancelled_between_two_nodes():
    nodes = [LifecycleNode("server"), LifecycleNode("client")]
    server, client = (RclpyTransport(node) for node in nodes)
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    goals, ends = [], []
    act = Act(
        accept=lambda request: request.text != "no",
        begin=goals.append,
        cancel=lambda goal: goal.canceled({"message": "given up"}) or True,
    )
    server.serve_action("~/ask", ASK, act)

    def send(text):
        return client.send_goal(
            Sending(
                action="/server/ask",
                typename=ASK,
                goal={"text": text},
                feedback=lambda _: None,
                done=ends.append,
            )
        )

    spinning = Thread(target=executor.spin, daemon=True)
    spinning.start()
    try:
        send("no")
        wait_for(lambda: ends)
        assert ends[0].status == GoalStatus.REJECTED
        send("yes")
        wait_for(lambda: goals)
        goals[0].succeed({"message": "heard"})
        wait_for(lambda: len(ends) == 2)
        assert (ends[1].status, ends[1].result.message) == (GoalStatus.SUCCEEDED, "heard")
        give_up = send("wait")
        wait_for(lambda: len(goals) == 2)
        give_up()
        wait_for(lambda: len(ends) == 3)
        assert (ends[2].status, ends[2].result.message) == (GoalStatus.CANCELED, "given up")
    finally:
        executor.shutdown()
        spinning.join()
        for transport in (server, client):
            transport.close()


def wait_for(condition, longest=60.0):

    end = time.monotonic() + longest
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.02)
