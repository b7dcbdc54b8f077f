"""The simulated world: objects, what holds them, and what the agent bumps into.

All changes of pose, containment and openness go through `World`, so that contents travel along,
collision obstacles follow, and `version` tells every cache that something changed.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.collision import CollisionMap
from embodied_mem.backends.household.doors import hang_doors
from embodied_mem.backends.household.obstacles import object_obstacles
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.placement import settle
from embodied_mem.backends.household.poses import rotated, surface_center
from embodied_mem.backends.household.render import DrawItem
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.shell import build_shell
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.spawning import link_knobs, spawn_objects
from embodied_mem.errors import HouseError

logger = logging.getLogger(__name__)

FLOOR_HEIGHT = 0.9009992
"""Height of the agent's position above the floor, as AI2-THOR gives it [m]."""

CAMERA_HEIGHT = {True: 1.576, False: 1.356}
"""Height of the camera above the floor, standing or crouching [m] (AI2-THOR)."""


@dataclass(slots=True, kw_only=True)
class AgentPose:
    """Where the agent stands and looks."""

    x: float
    z: float
    yaw: float = 0.0
    """Degrees, clockwise from above; 0 looks along +z."""
    horizon: float = 0.0
    """Degrees, positive downward."""
    standing: bool = True

    @property
    def camera(self) -> Vector:
        """Position of the camera [m]."""
        return self.x, CAMERA_HEIGHT[self.standing], self.z

    @property
    def key(self) -> tuple[float, float, float, float, bool]:
        """All of it, to compare."""
        return self.x, self.z, self.yaw, self.horizon, self.standing


class World:
    """A house with its objects, as it is now.

    Args:
        house: What to build.
        assets: Sizes and types by asset id; without it objects get the sizes of their types.
    """

    def __init__(self, house: House, *, assets: AssetDatabase | None = None) -> None:
        self.house = house
        self.shell = build_shell(house)
        self.objects: dict[str, SimObject] = {}
        self.by_number: dict[int, SimObject] = {}
        self.version = 0
        """Counts all changes to objects."""
        self.collision = CollisionMap(self.shell.obstacles)
        self._blocking: dict[str, int] = {}
        self._drawn: dict[str, tuple[int, bool, DrawItem]] = {}
        for item, parent_id in spawn_objects(house, self.shell, assets=assets):
            self.add(item)
            if parent_id is not None and item.kind.primary != "Static":
                settle(self, item, self.objects[parent_id])
        link_knobs(self.objects.values())
        hang_doors(self)

    def add(self, item: SimObject) -> None:
        """Bring a new object into the world; its number and id must be new."""
        assert item.object_id not in self.objects
        assert item.number not in self.by_number
        self.objects[item.object_id] = item
        self.by_number[item.number] = item
        self.touch(item)

    def next_number(self) -> int:
        """Give an instance number that no object has."""
        return max(self.by_number, default=0) + 1

    def touch(self, item: SimObject) -> None:
        """Note that an object changed: caches of it are stale, its obstacles are rebuilt."""
        item.version += 1
        self.version += 1
        # What lies on furniture rests within its outline, which blocks already.
        blocks = not item.held and not item.removed and item.parent is None
        if blocks or item.object_id in self._blocking:
            self.collision.replace(item.object_id, object_obstacles(item) if blocks else ())
            self._blocking[item.object_id] = item.version

    def descendants(self, item: SimObject) -> Iterator[SimObject]:
        """Go through everything on or in an object, at any depth."""
        for child_id in item.children:
            child = self.objects[child_id]
            yield child
            yield from self.descendants(child)

    def parent_of(self, item: SimObject) -> SimObject | None:
        """What the object is on or in; None on the floor, on a wall or in the hand."""
        return None if item.parent is None else self.objects[item.parent]

    def is_shut_in(self, item: SimObject) -> bool:
        """Whether a closed door or drawer is between the object and the room."""
        parent = self.parent_of(item)
        while parent is not None:
            if parent.body.surfaces[item.surface].enclosed and not parent.is_open:
                return True
            item, parent = parent, self.parent_of(parent)
        return False

    def attach(self, item: SimObject, parent: SimObject | None, surface: int = 0) -> None:
        """Change what an object is on or in, without moving it."""
        if item.parent is not None:
            old = self.objects[item.parent]
            old.children.remove(item.object_id)
            self.touch(old)
        item.parent = None if parent is None else parent.object_id
        item.surface = surface
        if parent is not None:
            parent.children.append(item.object_id)
            self.touch(parent)
        self.touch(item)
        for child in self.descendants(item):
            self.touch(child)

    def move(self, item: SimObject, position: Vector, yaw: float | None = None) -> None:
        """Move an object as a rigid body with everything on or in it.

        Args:
            item: What moves.
            position: New centre of its bounding box [m].
            yaw: New heading [degrees]; the old one when None.
        """
        turn = 0.0 if yaw is None else yaw - item.yaw
        x0, y0, z0 = item.position
        for child in self.descendants(item):
            dx, dz = rotated(child.position[0] - x0, child.position[2] - z0, turn)
            child.position = (
                position[0] + dx,
                position[1] + child.position[1] - y0,
                position[2] + dz,
            )
            child.yaw = (child.yaw + turn) % 360
            self.touch(child)
        item.position = position
        item.yaw = (item.yaw + turn) % 360
        self.touch(item)

    def set_openness(self, item: SimObject, openness: float) -> None:
        """Open or close; what lies in a drawer moves with it."""
        before = item.openness
        for child_id in item.children:
            child = self.objects[child_id]
            surface = item.body.surfaces[child.surface]
            if surface.joint is None:
                continue
            start, end = surface_center(surface, before), surface_center(surface, openness)
            dx, dz = rotated(end[0] - start[0], end[2] - start[2], item.yaw)
            x, y, z = child.position
            self.move(child, (x + dx, y + end[1] - start[1], z + dz))
        item.openness = openness
        self.touch(item)
        for child in self.descendants(item):
            self.touch(child)  # Shut in or not: it appears or disappears.

    def remove(self, item: SimObject) -> None:
        """Take an object out of the scene; it stays known by its id."""
        self.attach(item, None)
        item.removed = True
        self.touch(item)

    def start_pose(self, grid_size: float) -> AgentPose:
        """Where the agent wakes up: as the house says if it is free there, else near to it."""
        start = self.house.metadata.agent
        low, high = self.shell.bounds
        x, z = (low[0] + high[0]) / 2, (low[2] + high[2]) / 2
        pose = AgentPose(x=float(x), z=float(z))
        if start is not None:
            pose = AgentPose(
                x=start.position.x,
                z=start.position.z,
                yaw=start.rotation.y % 360,
                horizon=start.horizon,
                standing=start.standing,
            )
        pose.x, pose.z = self._free_spot(pose.x, pose.z, grid_size)
        return pose

    def _free_spot(self, x: float, z: float, grid_size: float) -> tuple[float, float]:
        if self.stands_free(x, z):
            return x, z
        low, high = self.shell.bounds
        columns = np.arange(np.floor(low[0] / grid_size), np.ceil(high[0] / grid_size)) * grid_size
        rows = np.arange(np.floor(low[2] / grid_size), np.ceil(high[2] / grid_size)) * grid_size
        spots = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        spots = spots[self.collision.free(spots)]
        order = np.argsort(np.hypot(spots[:, 0] - x, spots[:, 1] - z), kind="stable")
        for column, row in spots[order].tolist():
            if self.stands_free(column, row):
                return column, row
        raise HouseError(
            "there is no free spot for the agent in this house. Remove some furniture."
        )

    def stands_free(self, x: float, z: float) -> bool:
        """Whether the agent fits here, inside a room."""
        return self.shell.room_at(x, z) is not None and self.collision.is_free(x, z)

    def draw_items(self) -> list[DrawItem]:
        """Describe every object for the renderer; those that cannot be seen are hidden."""
        items = []
        for object_id, item in self.objects.items():
            cached = self._drawn.get(object_id)
            if cached is None or cached[0] != item.version:
                drawn = draw_item(item, hidden=item.removed or self._is_covered(item))
                cached = self._drawn[object_id] = (item.version, drawn.hidden, drawn)
            items.append(cached[2])
        return items

    def _is_covered(self, item: SimObject) -> bool:
        """Whether no ray can reach the object: shut in behind walls without glass."""
        if not self.is_shut_in(item):
            return False
        parent = self.parent_of(item)
        while parent is not None:
            if any(part.role == "glass" for part in parent.body.parts):
                return False
            parent = self.parent_of(parent)
        return True


def draw_item(item: SimObject, *, hidden: bool) -> DrawItem:
    """Describe one object for the renderer."""
    tint = (
        "broken" if item.broken else "dirty" if item.dirty else "cooked" if item.cooked else "plain"
    )
    return DrawItem(
        number=item.number,
        body=item.body,
        position=item.position,
        yaw=item.yaw,
        openness=item.openness,
        on=item.toggled,
        filled=item.liquid,
        tint=tint,
        hidden=hidden,
        version=item.version,
    )
