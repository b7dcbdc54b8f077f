"""Hangs doors so that open ones stand in nobody's way.

House files do not say to which side a door swings. Each door takes, of its four ways to be hung,
the one whose open leaf meets the least furniture, walls and other doors' passages.
"""

from dataclasses import replace
from functools import lru_cache
from math import cos, radians, sin
from typing import TYPE_CHECKING

from embodied_mem.backends.household.parts import Body, Joint, Part, Vector
from embodied_mem.backends.household.poses import part_box, to_world
from embodied_mem.backends.household.sim_object import SimObject

if TYPE_CHECKING:
    from embodied_mem.backends.household.world import World

PASSAGE_LENGTH, PASSAGE_WIDTH = 0.8, 0.55
"""Room to keep free before and behind a door, and about its middle [m]."""


def hang_doors(world: "World") -> None:
    """Choose how every door that can open is hung, one after the other."""
    doors = [item for item in world.objects.values() if item.type_name == "Doorway"]
    for door in doors:
        if not door.has("openable"):
            continue
        world.collision.remove(door.object_id)
        bodies = (door.body, mirrored(door.body))
        ways = [(body, (door.yaw + turn) % 360) for body in bodies for turn in (0.0, 180.0)]
        costs = [_cost(world, door, body, yaw, doors) for body, yaw in ways]
        door.body, door.yaw = ways[costs.index(min(costs))]
        world.touch(door)


def _cost(world: "World", door: SimObject, body: Body, yaw: float, doors: list[SimObject]) -> float:
    cost = 0.0
    for point in _leaf_points(door, body, yaw):
        cost += world.collision.blocking(point[0], point[2], 0.03) is not None
        cost += 5 * any(_in_passage(other, point) for other in doors if other is not door)
    return cost


def _leaf_points(door: SimObject, body: Body, yaw: float) -> list[Vector]:
    """Points along the open leaf or leaves, in the world; those at the hinge are left out."""
    points = []
    for part in body.parts:
        if part.joint is None or part.size[1] < door.size[1] / 2:
            continue
        center, _, _ = part_box(part, 1.0)
        hinge = part.joint.origin
        for share in (0.4, 0.8, 1.2, 1.6, 1.95):  # 1 is the middle of the leaf, 2 its free edge.
            x, z = (hinge[k] + share * (center[k] - hinge[k]) for k in (0, 2))
            points.append(to_world((x, 0.0, z), door.position, yaw))
    return points


def _in_passage(door: SimObject, point: Vector) -> bool:
    dx, dz = point[0] - door.position[0], point[2] - door.position[2]
    yaw = radians(door.yaw)
    across, along = dx * cos(yaw) - dz * sin(yaw), dx * sin(yaw) + dz * cos(yaw)
    return abs(across) < PASSAGE_WIDTH / 2 + 0.1 and abs(along) < PASSAGE_LENGTH


@lru_cache(maxsize=256)
def mirrored(body: Body) -> Body:
    """Mirror a body left to right: a door hung at the left is then hung at the right."""
    return Body(parts=tuple(_mirrored_part(part) for part in body.parts), surfaces=body.surfaces)


def _mirrored_part(part: Part) -> Part:
    joint = part.joint
    if joint is not None:
        x, y, z = joint.axis
        axis = (-x, y, z) if joint.kind == "slide" else (x, -y, -z)
        origin = (-joint.origin[0], *joint.origin[1:])
        joint = Joint(kind=joint.kind, axis=axis, travel=joint.travel, origin=origin)
    return replace(part, center=(-part.center[0], *part.center[1:]), joint=joint)
