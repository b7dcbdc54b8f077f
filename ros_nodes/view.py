"""The newest percept between processes: `embodied_mem_msgs/View`. Pure."""

from collections.abc import Sequence

import msgspec
import numpy as np

from embodied_mem.types import Frame, Percept
from perception.lift import LiftConfig, lift
from ros_nodes import convert
from ros_nodes.images import depth_image, image_values, number_image
from ros_nodes.messages import Message
from ros_nodes.outputs import Fields
from ros_nodes.stamps import SECOND, header_values, nanoseconds


def view_values(percept: Percept, ids: Sequence[str], stamp: int, map_frame: str) -> Fields:
    """Return the fields of a percept's view; where masks overlap, the later detection is shown.

    Args:
        percept: With depth, camera and poses.
        ids: Object of each detection; "" for none.
        stamp: Of the image [ns].
        map_frame: Name of the world frame.

    Raises:
        ValueError: The frame lacks what the view is made of.
    """
    frame = percept.frame
    if frame.depth is None or frame.camera is None:
        raise ValueError("a view needs depth and a camera")
    if frame.T_world_camera is None or frame.T_world_body is None:
        raise ValueError("a view needs the poses of camera and body")
    numbers = np.zeros(frame.depth.shape, np.int32)
    for number, mask in enumerate(percept.masks, start=1):
        numbers[mask] = number
    header = header_values(stamp, map_frame)
    return {
        "header": header,
        "numbers": image_values(numbers, "32SC1", header),
        "depth": image_values(frame.depth, "32FC1", header),
        "camera_info": convert.camera_info_values(frame.camera, header),
        "camera": convert.pose_values(frame.T_world_camera),
        "body": convert.pose_values(frame.T_world_body),
        "instances": [
            {
                "number": number,
                "object_id": name,
                "label": label,
                "score": float(score),
                "attributes": msgspec.json.encode(dict(states)).decode(),
            }
            for number, (name, label, score, states) in enumerate(
                zip(ids, percept.labels, percept.scores, percept.attributes, strict=True), start=1
            )
        ],
    }


def percept_of(view: Message) -> tuple[Percept, tuple[str, ...]]:
    """Return a view as a percept without colours, and the object of each detection.

    Raises:
        UnusableMessageError: The view is malformed.
    """
    depth, numbers = depth_image(view.depth), number_image(view.numbers)
    height, width = depth.shape
    frame = Frame(
        stamp=nanoseconds(view.header.stamp) / SECOND,
        rgb=np.zeros((height, width, 3), np.uint8),
        depth=depth,
        camera=convert.camera(view.camera_info, width, height),
        T_world_camera=convert.rigid(view.camera.position, view.camera.orientation),
        T_world_body=convert.rigid(view.body.position, view.body.orientation),
    )
    entries = list(view.instances)
    masks = np.zeros((len(entries), height, width), bool)
    for mask, entry in zip(masks, entries, strict=True):
        np.equal(numbers, int(entry.number), out=mask)
    points, boxes = lift(frame, masks, LiftConfig())
    percept = Percept(
        frame=frame,
        masks=masks,
        labels=tuple(entry.label for entry in entries),
        scores=np.array([entry.score for entry in entries], np.float64),
        features=np.zeros((len(entries), 0), np.float32),
        points=points,
        boxes=boxes,
        attributes=tuple(convert.attributes(entry.attributes) for entry in entries),
    )
    return percept, tuple(entry.object_id for entry in entries)
