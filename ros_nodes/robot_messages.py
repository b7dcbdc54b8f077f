"""A frame as a robot would publish it: colour, depth, camera info, masks, transforms, odometry."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import BackendError
from embodied_mem.types import Action, Frame
from ros_nodes import convert
from ros_nodes.images import image_values
from ros_nodes.memory_config import FramesConfig, TopicsConfig
from ros_nodes.messages import Values
from ros_nodes.stamps import header_values
from ros_nodes.transport import EVENTS, SENSOR, TF, TF_STATIC, Qos

CAMERA_FRAME = "camera_color_optical_frame"

MASKS = "/camera/instances"
"""Where a simulator's instance masks are published."""

CLOCK_START = 1.0
"""What a simulator's clock is advanced by: it begins at zero, which in ROS means no time [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message that is to be sent."""

    topic: str
    typename: str
    values: Values
    qos: Qos


def static_messages(frames: FramesConfig, stamp: float) -> Outgoing:
    """Return the transforms that hold for ever: odometry that never drifts."""
    still = convert.transform_values(stamp, frames.map, frames.odom, RigidTransform.identity())
    return Outgoing(
        topic="/tf_static",
        typename="tf2_msgs/msg/TFMessage",
        values={"transforms": [still]},
        qos=TF_STATIC,
    )


def frame_messages(frame: Frame, topics: TopicsConfig, frames: FramesConfig) -> Iterator[Outgoing]:
    """Yield a frame's messages: transforms first, so that images need not wait for them.

    Raises:
        BackendError: The frame has no depth, camera or pose.
    """
    if frame.depth is None or frame.camera is None:
        raise BackendError(f"the frame at {frame.stamp:.2f} s has no depth camera to publish.")
    if frame.T_world_camera is None or frame.T_world_body is None:
        raise BackendError(f"the frame at {frame.stamp:.2f} s has no poses to publish.")
    T_base_camera = frame.T_world_body.inv() * frame.T_world_camera  # noqa: N806
    header = header_values(frame.stamp, CAMERA_FRAME)
    transforms = [
        convert.transform_values(frame.stamp, frames.odom, frames.base, frame.T_world_body),
        convert.transform_values(frame.stamp, frames.base, CAMERA_FRAME, T_base_camera),
    ]
    yield _out("/tf", "tf2_msgs/msg/TFMessage", {"transforms": transforms}, TF)
    odometry = convert.odometry_values(frame.stamp, frame, (frames.odom, frames.base))
    yield _out("/odom", "nav_msgs/msg/Odometry", odometry, EVENTS)
    info = convert.camera_info_values(frame.camera, header)
    yield _out(topics.camera_info, "sensor_msgs/msg/CameraInfo", info, SENSOR)
    image = "sensor_msgs/msg/Image"
    yield _out(topics.color, image, image_values(frame.rgb, "rgb8", header), SENSOR)
    depth = image_values(np.asarray(frame.depth, np.float32), "32FC1", header)
    yield _out(topics.depth, image, depth, SENSOR)
    if frame.truth is not None and topics.masks:
        masks = convert.masks_values(frame.truth, header)
        yield _out(topics.masks, "embodied_mem_msgs/msg/LabelledMasks", masks, SENSOR)


def skill_result(
    topics: TopicsConfig,
    action: Action,
    *,
    target: str | None,
    success: bool,
    message: str,
    stamp: float,
) -> Outgoing:
    """Return what tells memory that the robot did something."""
    values = {
        "header": header_values(stamp, ""),
        "name": action.name,
        "arguments": msgspec.json.encode(dict(action.arguments)).decode(),
        "target": target or "",
        "success": success,
        "message": message,
    }
    return _out(topics.skill_results, "embodied_mem_msgs/msg/SkillResult", values, EVENTS)


def _out(topic: str, typename: str, values: Values, qos: Qos) -> Outgoing:
    return Outgoing(topic=topic, typename=typename, values=values, qos=qos)
