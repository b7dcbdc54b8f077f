"""What of an object the agent bumps into: the boxes of its parts, in plan, with their heights."""

from functools import lru_cache

from embodied_mem.backends.household.collision import Obstacle
from embodied_mem.backends.household.parts import Body, Vector
from embodied_mem.backends.household.poses import part_box, plan_extent, to_world
from embodied_mem.backends.household.sim_object import SimObject

AGENT_RADIUS = 0.2
"""Radius of the agent's body [m]."""

AGENT_LOW, AGENT_HIGH = 0.05, 1.8
"""Heights between which the agent's body bumps into things [m]."""

PlacedBox = tuple[Vector, Vector, float]
"""Centre, size and yaw [degrees] of a box in the frame of its object."""


def object_obstacles(item: SimObject) -> list[Obstacle]:
    """Give the obstacles of one object, at its present openness."""
    return [
        _obstacle(item, center, size, yaw)
        for center, size, yaw in outline(
            item.body, round(item.openness, 3), round(item.position[1], 2)
        )
    ]


def moving_obstacles(item: SimObject, openness: float) -> list[Obstacle]:
    """Give the obstacles of an object's doors and drawers alone, at some openness."""
    return [
        _obstacle(item, *part_box(part, openness))
        for part in item.body.parts
        if part.joint is not None
    ]


def _obstacle(item: SimObject, center: Vector, size: Vector, yaw: float) -> Obstacle:
    x, y, z = to_world(center, item.position, item.yaw)
    return Obstacle(
        name=item.object_id,
        center_x=x,
        center_z=z,
        half_x=size[0] / 2,
        half_z=size[2] / 2,
        yaw=item.yaw + yaw,
        low=y - size[1] / 2,
        high=y + size[1] / 2,
    )


@lru_cache(maxsize=4096)
def outline(body: Body, openness: float, height: float) -> tuple[PlacedBox, ...]:
    """Reduce a body to the boxes that matter to the agent, in plan.

    What the agent steps over or walks under is left out, and so is a part whose rectangle lies
    within that of another one.

    Args:
        body: Shape of the object.
        openness: How far its doors and drawers are open, 0..1.
        height: Of the body's centre above the floor [m].
    """
    placed = (part_box(part, openness) for part in body.parts if part.role != "liquid")
    met = (
        (center, size, yaw)
        for center, size, yaw in placed
        if center[1] + size[1] / 2 + height > AGENT_LOW
        and center[1] - size[1] / 2 + height < AGENT_HIGH
    )
    boxes = sorted(met, key=lambda box: -box[1][0] * box[1][2])
    kept: list[PlacedBox] = []
    for box in boxes:
        if not any(_covers(other, box) for other in kept):
            kept.append(box)
    return tuple(kept)


def _covers(outer: PlacedBox, inner: PlacedBox) -> bool:
    if outer[2] != 0.0:
        return False
    half_x, half_z = plan_extent(inner[1], inner[2])
    return (
        abs(inner[0][0] - outer[0][0]) + half_x <= outer[1][0] / 2 + 1e-6
        and abs(inner[0][2] - outer[0][2]) + half_z <= outer[1][2] / 2 + 1e-6
    )
