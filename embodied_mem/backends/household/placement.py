"""Where things can be put: free places on surfaces, and on the floor.

A place is free when the thing's footprint lies within the surface, it fits under what is above, and
its bounding box meets no other object. Positions are searched in a fixed order, so the same world
gives the same place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, dist, hypot
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.backends.household.parts import Surface, Vector
from embodied_mem.backends.household.poses import (
    part_box,
    plan_extent,
    surface_center,
    to_local,
    to_world,
)
from embodied_mem.backends.household.sim_object import SimObject

if TYPE_CHECKING:
    from embodied_mem.backends.household.world import World

GAP = 0.004
"""Kept free between neighbours [m]."""

LIFT = 0.001
"""Height above the surface at which things rest [m]."""

STEP = 0.04
"""Spacing of the places that are tried [m]."""

SMALL = 0.6
"""Surfaces narrower than this are filled from their edges [m]."""

PERCHES = frozenset(
    ("StoveBurner", "CoffeeMachine", "Toaster", "ToiletPaperHanger", "TowelHolder",
     "HandTowelHolder", "Cup", "Mug", "Bowl", "Plate", "Pan", "Pot")
)  # fmt: skip
"""Receptacles made for one thing, which may be wider than they are: it is centred on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A free place for one object."""

    surface: int
    position: Vector
    """Centre of the object's box in the world [m]."""
    yaw: float


def find_spot(
    world: "World",
    item: SimObject,
    receptacle: SimObject,
    *,
    near: Vector,
    inside_closed: bool = False,
) -> Spot | None:
    """Find the free place on or in a receptacle that lies nearest to a point.

    Args:
        world: Where both are.
        item: What is put; its own contents come along.
        receptacle: What it is put on or in.
        near: Point of the world that the place shall be near to [m].
        inside_closed: Whether surfaces behind closed doors count too.
    """
    height = stack_height(world, item)
    usable = [
        (index, surface)
        for index, surface in enumerate(receptacle.body.surfaces)
        if (receptacle.is_open or inside_closed or not surface.enclosed)
    ]
    usable.sort(key=lambda pair: (_distance(receptacle, pair[1], near), pair[0]))
    for index, _ in usable:
        spot = spot_on(world, item, receptacle, index, near=near, height=height)
        if spot is not None:
            return spot
    return None


def spot_on(
    world: "World",
    item: SimObject,
    receptacle: SimObject,
    index: int,
    *,
    near: Vector,
    height: float,
) -> Spot | None:
    """Find the free place on one surface that lies nearest to a point; see `find_spot`."""
    surface = receptacle.body.surfaces[index]
    if height > surface.clearance:
        return None
    center = surface_center(surface, receptacle.openness)
    blocked = _blockers(world, item, receptacle, center[1] + LIFT, height)
    local = to_local(near, receptacle.position, receptacle.yaw)
    target = (local[0] - center[0], local[2] - center[2])
    for turn in (0.0, 90.0):
        half = plan_extent(item.size, turn)
        places = _places(surface, half, target, perch=receptacle.type_name in PERCHES)
        if not len(places):
            continue
        free = _clear_of(places + np.array((center[0], center[2])), half, blocked)
        if free.any():
            order = _order(places, surface, half, target)
            best = places[int(np.where(free, order, np.inf).argmin())]
            x, z = float(best[0] + center[0]), float(best[1] + center[2])
            point = (x, center[1] + item.size[1] / 2 + LIFT, z)
            return Spot(
                surface=index,
                position=to_world(point, receptacle.position, receptacle.yaw),
                yaw=(receptacle.yaw + turn) % 360,
            )
    return None


def _order(
    places: Float[np.ndarray, "n 2"],
    surface: Surface,
    half: tuple[float, float],
    target: tuple[float, float],
) -> Float[np.ndarray, "n"]:
    """Rate places, lowest best: by distance to the target; on small surfaces, edges come first.

    A thing in the middle of a basin would leave no room beside it.
    """
    rating = np.hypot(places[:, 0] - target[0], places[:, 1] - target[1])
    for axis, extent in enumerate(surface.extent):
        if extent < SMALL:
            rating += 2 * np.maximum(extent / 2 - half[axis] - np.abs(places[:, axis]), 0.0)
    return rating


def stack_height(world: "World", item: SimObject) -> float:
    """Height of an object with everything on it [m]."""
    bottom = item.position[1] - item.size[1] / 2
    tops = [child.position[1] + child.size[1] / 2 for child in world.descendants(item)]
    return max([*tops, bottom + item.size[1]]) - bottom


def _places(
    surface: Surface, half: tuple[float, float], target: tuple[float, float], *, perch: bool
) -> Float[np.ndarray, "n 2"]:
    """Places of a footprint's centre on a surface, relative to its middle; the target's first."""
    room = [extent / 2 - side for extent, side in zip(surface.extent, half, strict=True)]
    if perch:
        room = [max(way, 0.0) for way in room]
    if min(room) < 0:
        return np.empty((0, 2))
    axes = []
    for way, wanted in zip(room, target, strict=True):
        count = min(2 * ceil(way / STEP) + 1, 61)
        exact = min(max(wanted, -way), way)
        axes.append(np.unique(np.append(np.linspace(-way, way, count), exact)))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def _clear_of(
    places: Float[np.ndarray, "n 2"], half: tuple[float, float], blocked: Float[np.ndarray, "m 4"]
) -> Bool[np.ndarray, "n"]:
    """Tell at which places a footprint meets none of the rectangles (x, z, half x, half z)."""
    if not len(blocked):
        return np.ones(len(places), dtype=bool)
    reach = blocked[:, 2:] + np.array(half) + GAP  # (m, 2)
    apart = np.abs(places[:, None] - blocked[None, :, :2]) >= reach  # (n, m, 2)
    return np.all(apart[..., 0] | apart[..., 1], axis=1)


def _blockers(
    world: "World", item: SimObject, receptacle: SimObject, bottom: float, height: float
) -> Float[np.ndarray, "m 4"]:
    """Rectangles, in the receptacle's plan, of what stands where the object would.

    Small things count by their bounding boxes, furniture by its parts.
    """
    moving = {item.object_id, *(child.object_id for child in world.descendants(item))}
    reach = hypot(*receptacle.size) / 2 + hypot(item.size[0], item.size[2])
    found: list[tuple[float, float, float, float]] = []
    for other in world.objects.values():
        if other.removed or other.held or other is receptacle or other.object_id in moving:
            continue
        if dist(other.position, receptacle.position) > reach + hypot(*other.size) / 2:
            continue
        for center, size, yaw in solid_boxes(other):
            x, y, z = to_local(center, receptacle.position, receptacle.yaw)
            if y + size[1] / 2 > bottom + 1e-4 and y - size[1] / 2 < bottom + height:
                found.append((x, z, *plan_extent(size, yaw - receptacle.yaw)))
    return np.array(found).reshape(-1, 4)


def solid_boxes(item: SimObject) -> Iterator[tuple[Vector, Vector, float]]:
    """Boxes that an object fills in the world: centre, size, yaw [degrees]."""
    if item.pickupable:
        yield item.position, item.size, item.yaw
        return
    for part in item.body.parts:
        if part.role != "liquid":
            center, size, yaw = part_box(part, item.openness)
            yield to_world(center, item.position, item.yaw), size, item.yaw + yaw


def _distance(receptacle: SimObject, surface: Surface, point: Vector) -> float:
    """From a point to a surface [m]."""
    x, y, z = surface_center(surface, receptacle.openness)
    local = to_local(point, receptacle.position, receptacle.yaw)
    dx = max(abs(local[0] - x) - surface.extent[0] / 2, 0.0)
    dz = max(abs(local[2] - z) - surface.extent[1] / 2, 0.0)
    return hypot(dx, local[1] - y, dz)


def put(world: "World", item: SimObject, receptacle: SimObject, spot: Spot) -> None:
    """Move an object to a place that was found for it."""
    world.move(item, spot.position, spot.yaw)
    world.attach(item, receptacle, spot.surface)


def settle(world: "World", item: SimObject, receptacle: SimObject) -> bool:
    """Bring an object that a house puts on or in another one onto a surface of it.

    Shapes here are approximate, so what fits a mesh may hang in the air or be sunk in. The nearest
    free place on the surface of nearest height is taken; where there is none, the object stays in
    the receptacle at the place that the house says.

    Returns:
        Whether a free place was found.
    """
    bottom = item.position[1] - item.size[1] / 2
    height = stack_height(world, item)

    def cost(index: int) -> tuple[float, int]:
        surface = receptacle.body.surfaces[index]
        low = (item.position[0], bottom, item.position[2])
        shut = surface.enclosed and not receptacle.has("openable")
        return _distance(receptacle, surface, low) + 10 * shut + (height > surface.clearance), index

    order = sorted(range(len(receptacle.body.surfaces)), key=cost)
    for index in order:
        if receptacle.body.surfaces[index].enclosed and not receptacle.has("openable"):
            continue
        spot = spot_on(world, item, receptacle, index, near=item.position, height=height)
        if spot is not None:
            put(world, item, receptacle, spot)
            return True
    if order:
        world.attach(item, receptacle, order[0])
    return False


def floor_spot(
    world: "World", item: SimObject, *, near: tuple[float, float], agent: tuple[float, float]
) -> Vector | None:
    """Find a free place on the floor near a point, not under the agent; None beyond 1.5 m.

    Args:
        world: Where to look.
        item: What is laid down.
        near: (x, z) of the point [m].
        agent: (x, z) of the agent [m].

    Returns:
        The centre of the object's box.
    """
    radius = hypot(item.size[0], item.size[2]) / 2
    for ring in np.arange(0.0, 1.5, 0.1).tolist():
        for angle in np.linspace(0, 2 * np.pi, max(1, int(ring * 60)), endpoint=False).tolist():
            x, z = near[0] + ring * float(np.sin(angle)), near[1] + ring * float(np.cos(angle))
            if (
                hypot(x - agent[0], z - agent[1]) > radius + 0.21
                and world.shell.room_at(x, z) is not None
                and world.collision.is_free(x, z, radius)
                and not meets_any(world, item, (x, item.size[1] / 2 + LIFT, z))
            ):
                return x, item.size[1] / 2 + LIFT, z
    return None


def meets_any(world: "World", item: SimObject, position: Vector) -> bool:
    """Whether an object, moved to a position, would meet another one (by upright boxes)."""
    moving = {item.object_id, *(child.object_id for child in world.descendants(item))}
    half = plan_extent(item.size, item.yaw)
    low, high = position[1] - item.size[1] / 2, position[1] + item.size[1] / 2
    for other in world.objects.values():
        if other.removed or other.held or other.object_id in moving:
            continue
        if dist(other.position, position) > (hypot(*other.size) + hypot(*item.size)) / 2:
            continue
        for (x, y, z), size, yaw in solid_boxes(other):
            side = plan_extent(size, yaw)
            if (
                abs(x - position[0]) < half[0] + side[0]
                and abs(z - position[2]) < half[1] + side[1]
                and y - size[1] / 2 < high
                and y + size[1] / 2 > low
            ):
                return True
    return False


def support_of(
    world: "World", item: SimObject, position: Vector | None = None
) -> tuple[SimObject, int] | None:
    """Find the surface on which an object rests, or would at a position, within 5 cm of height.

    Returns:
        The receptacle and the index of its surface; None on the floor or in the air.
    """
    place = item.position if position is None else position
    moving = {item.object_id, *(child.object_id for child in world.descendants(item))}
    height = stack_height(world, item)
    best: tuple[float, SimObject, int] | None = None
    for other in world.objects.values():
        if other.removed or other.held or other.object_id in moving:
            continue
        for index, surface in enumerate(other.body.surfaces):
            x, y, z = to_local(place, other.position, other.yaw)
            center = surface_center(surface, other.openness)
            gap = abs(y - item.size[1] / 2 - center[1])
            inside = (
                abs(x - center[0]) <= surface.extent[0] / 2
                and abs(z - center[2]) <= surface.extent[1] / 2
            )
            near = gap <= 0.05 and (best is None or gap < best[0])
            if inside and near and height <= surface.clearance:
                best = (gap, other, index)
    return None if best is None else best[1:]
