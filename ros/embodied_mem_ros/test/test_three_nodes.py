"""Simulator, memory and planner under a real ROS: a goal is pursued, fed back and cancelled."""

import tempfile
import time
import unittest
from pathlib import Path

import launch
import launch_testing.actions
import launch_testing.asserts
import pytest
import rclpy
from embodied_mem_msgs.action import Pursue
from launch_ros.actions import LifecycleNode
from rclpy.action import ActionClient

FOLDER = Path(tempfile.mkdtemp())
STORE = str(FOLDER / "store")


@pytest.mark.launch_test
def generate_test_description():
    sim, agent = FOLDER / "sim.yaml", FOLDER / "agent.yaml"
    sim.write_text("house: {seed: 3, rooms: 1}\nwidth: 200\nheight: 200\n")
    agent.write_text("perception: {type: oracle}\n")
    own = {
        "embodied_mem": ("memory_node", {"store": STORE, "agent": str(agent), "view": True,
                                         "topics.masks": "/camera/instances"}),
        "sim": ("sim_node", {"sim": str(sim), "navigate": "/navigate_to_pose"}),
        "planner": ("planner_node", {"store": STORE, "navigate": "/navigate_to_pose",
                                     "use_sim_time": True}),
    }  # fmt: skip
    nodes = [
        LifecycleNode(
            package="embodied_mem_ros",
            executable=executable,
            name=name,
            namespace="",
            parameters=[{**parameters, "autostart": True}],
            output="screen",
        )
        for name, (executable, parameters) in own.items()
    ]
    return launch.LaunchDescription([*nodes, launch_testing.actions.ReadyToTest()])


class TestThreeNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rclpy.init()

    @classmethod
    def tearDownClass(cls):
        rclpy.shutdown()

    def setUp(self):
        self.node = rclpy.create_node("operator")

    def tearDown(self):
        self.node.destroy_node()

    def test_a_goal_tells_how_it_goes_and_is_cancelled(self):
        heard = []
        pursuing = ActionClient(self.node, Pursue, "/planner/pursue")
        self.assertTrue(pursuing.wait_for_server(timeout_sec=120.0))
        goal = Pursue.Goal(goal="put a book on the sofa")
        future = pursuing.send_goal_async(goal, feedback_callback=heard.append)
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=60.0)
        handle = future.result()
        self.assertTrue(handle.accepted)
        end = time.monotonic() + 120.0
        while not heard and time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.1)
        self.assertTrue(heard)
        handle.cancel_goal_async()
        result = handle.get_result_async()
        rclpy.spin_until_future_complete(self.node, result, timeout_sec=60.0)
        self.assertIn(result.result().status, (4, 5, 6))
        pursuing.destroy()


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_the_nodes_ended_in_order(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
