"""AI2-THOR's event metadata of one agent, in plain Python types.

Keys and their meaning are those of AI2-THOR 5 (MetadataWrapper and ObjectMetadata). What does not
change is written once per object and shared by the metadata of later steps: treat it as read-only.
"""

from math import dist
from typing import Any
from zlib import crc32

from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.poses import box_corners
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import ExtraCamera, Simulation
from embodied_mem.backends.household.visibility import Sight
from embodied_mem.backends.household.world import FLOOR_HEIGHT, World

Json = dict[str, Any]
"""A JSON object."""


def xyz(point: Vector) -> dict[str, float]:
    """Write a vector as AI2-THOR does."""
    return {"x": float(point[0]), "y": float(point[1]), "z": float(point[2])}


class MetadataWriter:
    """Writes the metadata of one world; keeps what did not change since the last time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._objects: dict[str, tuple[int, Json]] = {}
        self._colors: dict[str, tuple[int, int, int]] = {}
        self._color_list: list[Json] = []
        low, high = world.shell.bounds
        corners = [[float(x), float(y), float(z)] for x in (low[0], high[0])
                   for y in (low[1], high[1]) for z in (low[2], high[2])]  # fmt: skip
        center, size = (low + high) / 2, high - low
        self._bounds = {
            "cornerPoints": corners,
            "center": xyz(tuple(center.tolist())),
            "size": xyz(tuple(size.tolist())),
        }

    def colors(self) -> dict[str, tuple[int, int, int]]:
        """Give each object's colour in instance images: fixed by its id, and unique."""
        if len(self._colors) != len(self._world.objects):
            used = set(self._colors.values())
            for object_id in self._world.objects.keys() - self._colors.keys():
                self._colors[object_id] = (0, 0, 0)
            for object_id in sorted(k for k, v in self._colors.items() if v == (0, 0, 0)):
                self._colors[object_id] = color = instance_color(object_id, used)
                used.add(color)
            self._color_list = [
                {"name": name, "color": list(color)} for name, color in self._colors.items()
            ]
        return self._colors

    def objects(self, agent: Vector, sight: Sight) -> list[Json]:
        """Write every object.

        Args:
            agent: The agent's position [m].
            sight: What it sees.
        """
        entries = []
        for object_id, item in self._world.objects.items():
            cached = self._objects.get(object_id)
            if cached is None or cached[0] != item.version:
                cached = self._objects[object_id] = (item.version, object_metadata(item))
            entry = cached[1].copy()
            entry["visible"] = item.number in sight.visible
            entry["isInteractable"] = item.number in sight.interactable
            entry["distance"] = dist(agent, item.position)
            entries.append(entry)
        return entries

    def agent_metadata(self, sim: Simulation, sight: Sight) -> Json:
        """Write everything but the outcome of the last action."""
        agent, config = sim.agent, sim.config
        position = (float(agent.x), FLOOR_HEIGHT, float(agent.z))
        rotation = {"x": 0.0, "y": float(agent.yaw), "z": 0.0}
        self.colors()
        return {
            "objects": self.objects(position, sight),
            "isSceneAtRest": True,
            "agent": {
                "name": "agent",
                "position": xyz(position),
                "rotation": rotation,
                "cameraHorizon": float(agent.horizon),
                "isStanding": agent.standing,
                "inHighFrictionArea": False,
            },
            "heldObjectPose": _held_pose(sim),
            "arm": None,
            "fov": float(config.field_of_view),
            "cameraPosition": xyz(agent.camera),
            "cameraOrthSize": 0.0,
            "thirdPartyCameras": [
                _camera_metadata(number, camera) for number, camera in enumerate(sim.cameras)
            ],
            "collided": bool(sim.collided),
            "collidedObjects": list(sim.collided),
            "inventoryObjects": []
            if sim.held is None
            else [{"objectId": sim.held.object_id, "objectType": sim.held.type_name}],
            "sceneName": sim.scene_name,
            "screenWidth": config.width,
            "screenHeight": config.height,
            "agentId": 0,
            "depthFormat": "Meters",
            "colors": self._color_list,
            "flatSurfacesOnGrid": [],
            "distances": [],
            "normals": [],
            "isOpenableGrid": [],
            "segmentedObjectIds": [],
            "objectIdsInBox": [],
            "actionIntReturn": 0,
            "actionFloatReturn": 0.0,
            "actionStringsReturn": [],
            "actionFloatsReturn": [],
            "actionVector3sReturn": [],
            "visibleRange": None,
            "currentTime": float(sim.time),
            "sceneBounds": self._bounds,
        }


def instance_color(object_id: str, used: set[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Derive a colour from an id by its checksum; the next free one if it is taken.

    Args:
        object_id: Whose colour.
        used: Colours that others have. Black is nobody's.
    """
    value = crc32(object_id.encode()) & 0xFFFFFF
    while True:
        color = (value >> 16, value >> 8 & 0xFF, value & 0xFF)
        if any(color) and color not in used:
            return color
        value = (value + 1) & 0xFFFFFF


def object_metadata(item: SimObject) -> Json:
    """Write what of an object does not depend on where the agent is."""
    kind = item.kind
    receptacle = item.has("receptacle")
    moves = kind.primary != "Static"
    return {
        "name": item.name,
        "position": xyz(item.position),
        "rotation": {"x": 0.0, "y": float(item.yaw), "z": 0.0},
        "visible": False,
        "isInteractable": False,
        "receptacle": receptacle,
        "toggleable": item.has("toggleable"),
        "isToggled": item.toggled,
        "breakable": item.has("breakable"),
        "isBroken": item.broken,
        "canFillWithLiquid": item.has("fillable"),
        "isFilledWithLiquid": item.liquid is not None,
        "fillLiquid": item.liquid,
        "dirtyable": item.has("dirtyable"),
        "isDirty": item.dirty,
        "canBeUsedUp": item.has("usable_up"),
        "isUsedUp": item.used_up,
        "cookable": item.has("cookable"),
        "isCooked": item.cooked,
        "temperature": item.temperature,
        "isHeatSource": item.has("heat_source"),
        "isColdSource": item.has("cold_source"),
        "sliceable": item.has("sliceable"),
        "isSliced": item.sliced,
        "openable": item.has("openable"),
        "isOpen": item.is_open,
        "openness": float(item.openness),
        "pickupable": item.pickupable,
        "isPickedUp": item.held,
        "moveable": kind.primary == "Moveable",
        "mass": float(kind.mass) if moves else 0.0,
        "salientMaterials": list(kind.materials) if moves else None,
        "receptacleObjectIds": list(item.children) if receptacle else None,
        "distance": 0.0,
        "objectType": item.type_name,
        "objectId": item.object_id,
        "assetId": item.asset_id,
        "parentReceptacles": [item.parent] if item.parent else None,
        "controlledObjects": list(item.controls) or None,
        "isMoving": False,
        "axisAlignedBoundingBox": _aligned_box(item),
        "objectOrientedBoundingBox": {
            "cornerPoints": box_corners(item.position, item.size, item.yaw)
        }
        if item.pickupable
        else None,
    }


def _aligned_box(item: SimObject) -> Json:
    low, high = item.box()
    corners = [[x, y, z] for x in (high[0], low[0]) for y in (high[1], low[1])
               for z in (high[2], low[2])]  # fmt: skip
    size = (high[0] - low[0], high[1] - low[1], high[2] - low[2])
    return {"cornerPoints": corners, "center": xyz(item.position), "size": xyz(size)}


def _held_pose(sim: Simulation) -> Json | None:
    item = sim.held
    if item is None:
        return None
    x, y, z = sim.agent.camera
    local = (item.position[0] - x, item.position[1] - y, item.position[2] - z)
    return {
        "position": xyz(item.position),
        "rotation": {"x": 0.0, "y": float(item.yaw), "z": 0.0},
        "localPosition": xyz(local),
        "localRotation": {"x": 0.0, "y": float((item.yaw - sim.agent.yaw) % 360), "z": 0.0},
    }


def _camera_metadata(number: int, camera: ExtraCamera) -> Json:
    return {
        "thirdPartyCameraId": number,
        "position": xyz(camera.position),
        "rotation": {"x": float(camera.pitch), "y": float(camera.yaw), "z": 0.0},
        "fieldOfView": float(camera.field_of_view),
    }
