"""A robot that sees a red box, and a memory node in the same process that hears it."""

from dataclasses import replace

import numpy as np
from loop_transport import LoopTransport
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.app.build import AgentConfig
from embodied_mem.memory import Memory
from embodied_mem.types import Camera, Frame, Instance, Truth
from ros_nodes.memory_config import FramesConfig, MemoryNodeConfig, TopicsConfig
from ros_nodes.node_core import MemoryNode
from ros_nodes.robot_messages import MASKS, frame_messages, static_messages
from ros_nodes.stamps import to_nanoseconds
from ros_nodes.worker import InlineWorker

TOPICS, FRAMES = TopicsConfig(masks=MASKS), FramesConfig()
CAMERA = Camera.from_fov(64, 48, np.radians(60))
LOOKING_AHEAD = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])


def frame(stamp=10.0, *, x=0.0, yaw=0.0):
    """A red box, 2 m ahead of the camera, in front of a wall at 3 m."""
    ids = np.zeros((48, 64), np.int32)
    ids[20:30, 28:38] = 7
    rgb = np.where(ids[:, :, None] > 0, [200, 10, 10], [90, 90, 90]).astype(np.uint8)
    body = RigidTransform.from_components([x, 0, 0], Rotation.from_euler("z", yaw))
    camera = RigidTransform.from_components([0, 0, 0.5], LOOKING_AHEAD)
    return Frame(
        stamp=stamp,
        rgb=rgb,
        depth=np.where(ids > 0, 2.0, 3.0).astype(np.float32),
        camera=CAMERA,
        T_world_camera=body * camera,
        T_world_body=body,
        truth=Truth(ids=ids, instances={7: Instance(object_id="Box|1", label="Box")}),
    )


def make_robot(*, static_odom=True, config=None, worker=None):
    loop = LoopTransport("/embodied_mem")
    worker = worker(loop.drops) if worker else InlineWorker()
    node = MemoryNode(
        config or MemoryNodeConfig(topics=TOPICS, agent=AgentConfig()), loop, worker, Memory()
    )
    node.activate()
    if static_odom:
        loop.send(static_messages(FRAMES, 1.0))
    return Robot(loop, node)


class Robot:
    """Sends frames, each message of which can be changed or left out."""

    def __init__(self, loop, node):
        self.loop, self.node = loop, node

    @property
    def dropped(self):
        return dict(self.loop.drops.counts)

    def see(self, seen, *, without=(), edit=None, **changes):
        """Send a frame; `edit` changes every image, `changes` the fields of a topic."""
        self.loop.time = to_nanoseconds(seen.stamp)
        for message in frame_messages(seen, TOPICS, FRAMES):
            if message.topic not in without:
                changed = changes.get(message.topic.rsplit("/", 1)[-1], {})
                values = {**message.values, **changed}
                if edit is not None and "data" in values:
                    values |= edit(values)
                if edit is not None and "numbers" in values:
                    values["numbers"] = values["numbers"] | edit(values["numbers"])
                self.loop.send(replace(message, values=values))

    def ask(self, service, **request):
        return self.loop.question(f"/embodied_mem/{service}", request)
