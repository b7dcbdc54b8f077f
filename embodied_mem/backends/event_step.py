"""AI2-THOR's metadata and images, as a `Step`: the same for the simulator and the real client."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from embodied_mem.backends.thor_frames import body_pose, camera_pose
from embodied_mem.interfaces import Step
from embodied_mem.types import Attributes, AttributeValue, Camera, Frame, Instance, Truth

Metadata = Mapping[str, Any]
"""JSON of one agent's event, or of one object in it."""

FAR_PLANE = 20.0
"""AI2-THOR's camera sees nothing beyond this distance [m]."""

STRUCTURE = frozenset({"Wall", "Floor", "Ceiling", "Room", "Undefined"})
"""Types that AI2-THOR lists as objects and that are parts of the building."""

_STATES = (
    ("open", "openable", "isOpen"),
    ("openness", "openable", "openness"),
    ("on", "toggleable", "isToggled"),
    ("dirty", "dirtyable", "isDirty"),
    ("sliced", "sliceable", "isSliced"),
    ("cooked", "cookable", "isCooked"),
    ("filled", "canFillWithLiquid", "isFilledWithLiquid"),
    ("broken", "breakable", "isBroken"),
    ("held", "pickupable", "isPickedUp"),
    ("temperature", "pickupable", "temperature"),
)
"""Our attribute, the property that an object needs to have it, and AI2-THOR's name of its value."""


def step_from_event(
    metadata: Metadata,
    *,
    rgb: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "h w"] | None = None,
    numbers: Int32[np.ndarray, "h w"] | None = None,
    object_ids: Mapping[int, str] | None = None,
) -> Step:
    """Turn one event into a step.

    Args:
        metadata: One agent's event metadata, in AI2-THOR's axes and units.
        rgb: The agent's image, top row first.
        depth: Distance along the optical axis [m].
        numbers: Which object each pixel shows, 0 for none.
        object_ids: The object's id for each number; numbers that are missing count as none.
    """
    agent = metadata["agent"]
    yaw = float(agent["rotation"]["y"])
    height, width = rgb.shape[:2]
    frame = Frame(
        stamp=float(metadata["currentTime"]),
        rgb=rgb,
        depth=None if depth is None else measured_depth(depth),
        camera=Camera.from_fov(width, height, np.radians(float(metadata["fov"]))),
        T_world_camera=camera_pose(metadata["cameraPosition"], yaw, float(agent["cameraHorizon"])),
        T_world_body=body_pose(agent["position"], yaw),
        truth=None if numbers is None else truth(metadata["objects"], numbers, object_ids or {}),
    )
    return Step(
        frame=frame,
        action_success=bool(metadata["lastActionSuccess"]),
        message=str(metadata.get("errorMessage") or ""),
    )


def measured_depth(depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Mark what a depth camera would not measure, nothing or too far, as NaN."""
    seen = (depth > 0) & (depth < FAR_PLANE - 1e-3)
    return np.where(seen, depth, np.float32(np.nan)).astype(np.float32)


def truth(
    objects: Sequence[Metadata], numbers: Int32[np.ndarray, "h w"], object_ids: Mapping[int, str]
) -> Truth:
    """Name the objects in an image of numbers; the building itself becomes 0."""
    by_id = {entry["objectId"]: entry for entry in objects}
    counts = np.bincount(numbers.ravel()) if numbers.size else np.zeros(0, dtype=np.int64)
    instances: dict[int, Instance] = {}
    unnamed = []
    for number in np.flatnonzero(counts).tolist():
        entry = by_id.get(object_ids.get(number, ""))
        if number and entry is not None and entry["objectType"] not in STRUCTURE:
            instances[number] = Instance(
                object_id=entry["objectId"],
                label=entry["objectType"],
                attributes=object_attributes(entry),
            )
        elif number:
            unnamed.append(number)
    ids = np.where(np.isin(numbers, unnamed), 0, numbers) if unnamed else numbers
    return Truth(ids=ids.astype(np.int32, copy=False), instances=instances)


def object_attributes(entry: Metadata) -> Attributes:
    """Read an object's state from its metadata; a state that it cannot have is left out."""
    found: dict[str, AttributeValue] = {
        name: entry[key] for name, needed, key in _STATES if entry.get(needed)
    }
    if found.get("filled"):
        found["liquid"] = str(entry.get("fillLiquid") or "water")
    if entry["objectType"].endswith("Sliced"):
        found["sliced"] = True
    return found
