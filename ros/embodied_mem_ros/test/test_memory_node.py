"""The node under a real ROS: lifecycle, parameters, an image to memory, services, shutdown."""

import tempfile
import time
import unittest
from pathlib import Path

import launch
import launch_testing.actions
import launch_testing.asserts
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from embodied_mem_msgs.action import Ask
from embodied_mem_msgs.msg import MemoryStatus
from embodied_mem_msgs.srv import GetSnapshot, Query
from geometry_msgs.msg import TransformStamped
from launch_ros.actions import LifecycleNode
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

FOLDER = Path(tempfile.mkdtemp())
STORE, AGENT = str(FOLDER / "store"), FOLDER / "agent.yaml"
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
WIDTH, HEIGHT = 320, 240


@pytest.mark.launch_test
def generate_test_description():
    AGENT.write_text("perception: {type: geometric}\n")
    node = LifecycleNode(
        package="embodied_mem_ros",
        executable="memory_node",
        name="embodied_mem",
        namespace="",
        parameters=[{"store": STORE, "agent": str(AGENT), "autostart": True}],
        output="screen",
    )
    return launch.LaunchDescription([node, launch_testing.actions.ReadyToTest()])


class TestMemoryNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rclpy.init()

    @classmethod
    def tearDownClass(cls):
        rclpy.shutdown()

    def setUp(self):
        self.node = rclpy.create_node("examiner")

    def tearDown(self):
        self.node.destroy_node()

    def call(self, kind, name, request):
        client = self.node.create_client(kind, name)
        self.assertTrue(client.wait_for_service(timeout_sec=60.0), name)
        future = client.call_async(request)
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=30.0)
        self.assertTrue(future.done(), name)
        return future.result()

    def wait(self, condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "nothing came in time")
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def state(self):
        return self.call(GetState, "/embodied_mem/get_state", GetState.Request()).current_state.id

    def test_1_autostart_makes_the_node_active(self):
        self.wait(lambda: self.state() == State.PRIMARY_STATE_ACTIVE)

    def test_2_images_reach_memory_and_the_status_is_latched(self):
        publishers = {
            COLOR: self.node.create_publisher(Image, COLOR, 5),
            DEPTH: self.node.create_publisher(Image, DEPTH, 5),
        }
        info = self.node.create_publisher(CameraInfo, "/camera/color/camera_info", 5)
        tf = self.node.create_publisher(TFMessage, "/tf", 10)
        heard = []
        latched = QoSProfile(
            depth=1,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
            reliability=ReliabilityPolicy.RELIABLE,
        )
        self.node.create_subscription(MemoryStatus, "/embodied_mem/status", heard.append, latched)

        def send():
            stamp = self.node.get_clock().now().to_msg()
            tf.publish(transforms(stamp))
            info.publish(camera_info(stamp))
            publishers[COLOR].publish(image(stamp, "rgb8", 3))
            publishers[DEPTH].publish(image(stamp, "16UC1", 2))
            time.sleep(0.1)
            return bool(heard) and heard[-1].frames >= 3

        self.wait(send)
        self.assertEqual(heard[-1].state, "active")
        self.assertEqual(heard[-1].store, STORE)

    def test_3_questions_are_answered(self):
        snapshot = self.call(GetSnapshot, "/embodied_mem/get_snapshot", GetSnapshot.Request())
        self.assertTrue(snapshot.success)
        answer = self.call(Query, "/embodied_mem/query", Query.Request(label="unicorn"))
        self.assertFalse(answer.success)
        self.assertIn("unicorn", answer.message)

    def test_4_diagnostics_come(self):
        heard = []
        self.node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
        self.wait(lambda: heard)
        self.assertIn("embodied_mem", heard[0].status[0].name)

    def test_5_a_question_is_answered_as_an_action(self):
        asking = ActionClient(self.node, Ask, "/embodied_mem/answer")
        self.assertTrue(asking.wait_for_server(timeout_sec=60.0))
        for text, accepted in ((" ", False), ("where is the unicorn", True)):
            future = asking.send_goal_async(Ask.Goal(text=text))
            rclpy.spin_until_future_complete(self.node, future, timeout_sec=30.0)
            self.assertEqual(future.result().accepted, accepted)
        result = future.result().get_result_async()
        rclpy.spin_until_future_complete(self.node, result, timeout_sec=30.0)
        self.assertIn(result.result().status, (4, 6))  # Succeeded, or aborted with a reason.
        self.assertTrue(result.result().result.message)
        asking.destroy()

    def test_6_the_node_can_be_cleaned_up_and_configured_again(self):
        for transition in (
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
        ):
            request = ChangeState.Request(transition=Transition(id=transition))
            answer = self.call(ChangeState, "/embodied_mem/change_state", request)
            self.assertTrue(answer.success, transition)


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    def test_the_node_ended_in_order(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)


def transforms(stamp):
    chain = (("map", "odom"), ("odom", "base_link"), ("base_link", "camera_color_optical_frame"))
    message = TFMessage()
    for parent, child in chain:
        entry = TransformStamped()
        entry.header.stamp, entry.header.frame_id, entry.child_frame_id = stamp, parent, child
        if child == "camera_color_optical_frame":
            turn = entry.transform.rotation
            turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
            entry.transform.translation.z = 0.5
        message.transforms.append(entry)
    return message


def camera_info(stamp):
    message = CameraInfo(width=WIDTH, height=HEIGHT)
    message.header.stamp = stamp
    message.k = [250.0, 0.0, 159.5, 0.0, 250.0, 119.5, 0.0, 0.0, 1.0]
    return message


def image(stamp, encoding, pixel):
    message = Image(width=WIDTH, height=HEIGHT, encoding=encoding, step=WIDTH * pixel)
    message.header.stamp = stamp
    message.header.frame_id = "camera_color_optical_frame"
    message.data = bytes([0, 4]) * (WIDTH * HEIGHT * pixel // 2)
    return message
