"""Messages to the values that memory takes, and back.

Pure, and duck-typed: the messages of rclpy and those of rosbags have the same attributes.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import AttributeValue, Camera, Frame, Instance, Truth
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.images import image_values, number_image
from ros_nodes.stamps import header_values

_MOST_SKEW = 1e-3
"""Of the focal length: what is less is a calibration's noise."""


def camera(info: Any, width: int, height: int) -> Camera:
    """Return the pinhole of a rectified image from its `sensor_msgs/CameraInfo`; see `pinhole`.

    Raises:
        UnusableMessageError: It is for another size, or holds no calibration.
    """
    return pinhole(info, width, height, raw=False)


def pinhole(info: Any, width: int, height: int, *, raw: bool) -> Camera:
    """Return the pinhole of an image from its `sensor_msgs/CameraInfo`.

    The projection matrix P is that of a rectified image and K that of a raw one; K is taken for
    rectified ones too where P is not filled in. Binning and the region of interest are as in REP
    104. ROS counts the principal point from the centre of the first pixel, `Camera` from its
    corner.

    Args:
        info: The message.
        width: Of the image [px].
        height: Of the image [px].
        raw: Whether the image is not rectified.

    Raises:
        UnusableMessageError: It is for another size, or holds no calibration.
    """
    roi = info.roi
    across, down = max(int(info.binning_x), 1), max(int(info.binning_y), 1)
    full = (int(roi.width) or int(info.width), int(roi.height) or int(info.height))
    size = full[0] // across, full[1] // down
    if size != (width, height):
        raise UnusableMessageError(
            Reason.CAMERA_INFO,
            f"the camera info is for {size[0]}x{size[1]} pixels, the image has {width}x{height}.",
        )
    if int(roi.x_offset) + full[0] > int(info.width) or (
        int(roi.y_offset) + full[1] > int(info.height)
    ):
        raise UnusableMessageError(
            Reason.CAMERA_INFO, "the region of interest reaches beyond the camera's own pixels."
        )
    fx, skew, cx, fy, cy = _projection(info, raw=raw)
    if not (np.isfinite([fx, fy, cx, cy]).all() and fx > 0 and fy > 0):
        raise UnusableMessageError(
            Reason.CAMERA_INFO, f"the camera is not calibrated: focal lengths {fx:g} and {fy:g}."
        )
    if abs(skew) > _MOST_SKEW * fx:
        raise UnusableMessageError(Reason.CAMERA_INFO, f"the pixels are skewed by {skew:g}.")
    return Camera(
        width=width,
        height=height,
        fx=float(fx) / across,
        fy=float(fy) / down,
        cx=(float(cx) + 0.5 - int(roi.x_offset)) / across,
        cy=(float(cy) + 0.5 - int(roi.y_offset)) / down,
    )


def _projection(info: Any, *, raw: bool) -> tuple[float, float, float, float, float]:
    """Return fx, skew, cx, fy and cy of P or of K.

    Raises:
        UnusableMessageError: The camera is the second of a stereo pair: its image is not seen from
            the frame that it names.
    """
    p, k = np.asarray(info.p, np.float64), np.asarray(info.k, np.float64)
    if raw or not (p[0] > 0 and p[5] > 0):
        fx, skew, cx, fy, cy = k[[0, 1, 2, 4, 5]].tolist()
        return fx, skew, cx, fy, cy
    if p[3] or p[7]:
        raise UnusableMessageError(
            Reason.CAMERA_INFO,
            f"the camera is a stereo pair's second, {p[3] / -p[0]:.3f} m aside. Use the first.",
        )
    fx, skew, cx, fy, cy = p[[0, 1, 2, 5, 6]].tolist()
    return fx, skew, cx, fy, cy


def camera_info_values(camera: Camera, header: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `sensor_msgs/CameraInfo` for an undistorted pinhole."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5
    return {
        "header": header,
        "height": camera.height,
        "width": camera.width,
        "distortion_model": "plumb_bob",
        "d": np.zeros(5),
        "k": np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1]),
        "r": np.eye(3).ravel(),
        "p": np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0]),
    }


def rigid(translation: Any, quaternion: Any) -> RigidTransform:
    """Return a pose or a transform from its two parts.

    Raises:
        UnusableMessageError: A number is missing, or the quaternion is no rotation.
    """
    shift = np.array([translation.x, translation.y, translation.z], np.float64)
    turn = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w], np.float64)
    length = float(np.linalg.norm(turn))
    if not (np.isfinite(shift).all() and abs(length - 1) < 0.01):
        raise UnusableMessageError(
            Reason.MALFORMED, f"translation {shift} and quaternion {turn} are no pose."
        )
    return RigidTransform.from_components(shift, Rotation.from_quat(turn))


def vector_values(vector: Any) -> dict[str, float]:
    """Return the fields of a `Vector3` or a `Point`."""
    return dict(zip("xyz", np.asarray(vector, np.float64).tolist(), strict=True))


def quaternion_values(rotation: Rotation) -> dict[str, float]:
    """Return the fields of a `Quaternion`."""
    return dict(zip("xyzw", rotation.as_quat().tolist(), strict=True))


def pose_values(pose: RigidTransform) -> dict[str, Any]:
    """Return the fields of a `geometry_msgs/Pose`."""
    return {
        "position": vector_values(pose.translation),
        "orientation": quaternion_values(pose.rotation),
    }


def transform_values(
    stamp: float | int, parent: str, child: str, pose: RigidTransform
) -> dict[str, Any]:
    """Return the fields of a `geometry_msgs/TransformStamped`."""
    return {
        "header": header_values(stamp, parent),
        "child_frame_id": child,
        "transform": {
            "translation": vector_values(pose.translation),
            "rotation": quaternion_values(pose.rotation),
        },
    }


def masks_values(truth: Truth, header: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an `embodied_mem_msgs/LabelledMasks`."""
    return {
        "header": header,
        "numbers": image_values(truth.ids, "32SC1", header),
        "instances": [
            {
                "number": number,
                "object_id": instance.object_id,
                "label": instance.label,
                "score": 1.0,
                "attributes": msgspec.json.encode(dict(instance.attributes)).decode(),
            }
            for number, instance in truth.instances.items()
        ],
    }


def masks(message: Any) -> Truth:
    """Return the instance masks of an `embodied_mem_msgs/LabelledMasks`.

    Raises:
        UnusableMessageError: The image or the attributes are malformed.
    """
    return Truth(
        ids=number_image(message.numbers),
        instances={
            int(entry.number): Instance(
                object_id=entry.object_id,
                label=entry.label,
                attributes=attributes(entry.attributes),
            )
            for entry in message.instances
        },
    )


def attributes(text: str) -> Mapping[str, AttributeValue]:
    """Read states from JSON.

    Raises:
        UnusableMessageError: It is no JSON object of values.
    """
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, bool | float | str])
    except msgspec.MsgspecError as error:
        raise UnusableMessageError(
            Reason.MALFORMED, f"states are no JSON object: {error}."
        ) from error


def odometry_values(stamp: float | int, frame: Frame, names: tuple[str, str]) -> dict[str, Any]:
    """Return the fields of a `nav_msgs/Odometry` from a frame's body; `names` are odom and base.

    Raises:
        ValueError: The frame has no pose of the body.
    """
    if frame.T_world_body is None:
        raise ValueError("odometry needs the pose of the body")
    return {
        "header": header_values(stamp, names[0]),
        "child_frame_id": names[1],
        "pose": {"pose": pose_values(frame.T_world_body)},
    }
