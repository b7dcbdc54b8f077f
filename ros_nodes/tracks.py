"""Tracks as the fields of messages. Pure."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from embodied_mem.types import Instance
from perception.xmem.tracker import Tracked
from ros_nodes.outputs import Fields


def tracks_values(
    followed: Tracked, named: Mapping[int, Instance], header: Mapping[str, Any]
) -> Fields:
    """Return the fields of a `vision_msgs/Detection2DArray`: what is in view, with its box [px].

    The score is the mean probability of the pixels that show the thing.
    """
    detections: list[Fields] = []
    for row, number in enumerate(followed.objects, start=1):
        mask = followed.ids == number
        left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
        if not width:
            continue
        score = float(followed.probabilities[row].cpu().numpy()[mask].mean())
        hypothesis = {"class_id": named[number].label, "score": score}
        middle = {"x": left + width / 2, "y": top + height / 2}
        detections.append(
            {
                "header": header,
                "id": named[number].object_id or str(number),
                "bbox": {
                    "center": {"position": middle},
                    "size_x": float(width),
                    "size_y": float(height),
                },
                "results": [{"hypothesis": hypothesis}],
            }
        )
    return {"header": header, "detections": detections}
