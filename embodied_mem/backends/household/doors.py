"""Hangs doors so that open ones stand in nobody's way.

House files do not say to which side a door swings. Each door takes, of its four ways to be hung,
the one whose open leaf meets the least furniture, walls and other doors' passages.
"""

from dataclasses import replace
from functools import lru_cache
from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from embodied_mem.backends.household.collision import CollisionMap
from embodied_mem.backends.household.obstacles import AGENT_RADIUS, moving_obstacles
from embodied_mem.backends.household.parts import Body, Joint, Part
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
        others = [other for other in doors if other is not door]
        around = _surroundings(door)
        free = world.collision.free(around.reshape(-1, 2), AGENT_RADIUS).reshape(around.shape[:2])
        bodies = (door.body, mirrored(door.body))
        ways = [(body, (door.yaw + turn) % 360) for body in bodies for turn in (0.0, 180.0)]
        costs = []
        for door.body, door.yaw in ways:
            costs.append(_cost(world, door, others, around, free))
        door.body, door.yaw = ways[costs.index(min(costs))]
        world.touch(door)


def _cost(
    world: "World",
    door: SimObject,
    others: list[SimObject],
    around: Float[np.ndarray, "n m 2"],
    free: Bool[np.ndarray, "n m"],
) -> float:
    """Rate a way to hang a door, lowest best: room that it takes, and what its leaf meets."""
    leaf = CollisionMap(moving_obstacles(door, 1.0))
    clear = free & leaf.free(around.reshape(-1, 2), AGENT_RADIUS).reshape(free.shape)
    parts = np.zeros(clear.shape, dtype=np.int32)
    ndimage.label(clear, output=parts)
    through = np.unique(parts[len(parts) // 2])
    open_share = np.isin(parts, through[through > 0]).sum() / max(free.sum(), 1)
    cost = 20.0 * (1.0 - float(open_share))
    for x, z in _leaf_points(door):
        cost += 0.5 * (world.collision.blocking(x, z, 0.03) is not None)
        cost += 5.0 * any(_in_passage(other, x, z) for other in others)
    return cost


def _surroundings(door: SimObject) -> Float[np.ndarray, "n m 2"]:
    """Places (x, z) before, in and behind a door; the middle row lies in the door."""
    depth = np.linspace(-1.4, 1.4, 29)
    side = np.linspace(-0.9, 0.9, 19)
    yaw = radians(door.yaw)
    along, across = np.meshgrid(depth, side, indexing="ij")
    x = door.position[0] + across * cos(yaw) + along * sin(yaw)
    z = door.position[2] - across * sin(yaw) + along * cos(yaw)
    return np.stack((x, z), axis=-1)


def _leaf_points(door: SimObject) -> list[tuple[float, float]]:
    """Points (x, z) along the open leaf or leaves; those at the hinge are left out."""
    points = []
    for part in door.body.parts:
        if part.joint is None or part.size[1] < door.size[1] / 2:
            continue
        center, _, _ = part_box(part, 1.0)
        hinge = part.joint.origin
        for share in (0.4, 0.8, 1.2, 1.6, 1.95):  # 1 is the middle of the leaf, 2 its free edge.
            x, z = (hinge[k] + share * (center[k] - hinge[k]) for k in (0, 2))
            place = to_world((x, 0.0, z), door.position, door.yaw)
            points.append((place[0], place[2]))
    return points


def _in_passage(door: SimObject, x: float, z: float) -> bool:
    dx, dz = x - door.position[0], z - door.position[2]
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
