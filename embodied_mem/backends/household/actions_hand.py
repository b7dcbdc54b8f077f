"""Actions of the hand: pick up, put, drop, throw, push, place."""

from collections.abc import Callable, Mapping
from math import cos, hypot, radians, sin

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.arguments import Point
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.placement import (
    LIFT,
    find_spot,
    floor_spot,
    meets_any,
    put,
    support_of,
)
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.targets import (
    check_reachable,
    find_target,
    named_target,
    object_by_id,
    point_at,
)

NEWTONS_PER_METRE = 30.0
"""Pushing strength that moves 1 kg by 1 m over a floor. (Ours: there is no physics here.)"""

THROW_PER_NEWTON = 0.01
"""Way that 1 N throws 1 kg [m]; what weighs more flies less far. (Ours.)"""


def pickup_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Take an object into the hand, with everything on or in it."""
    item = named_target(sim, "PickupObject", object_id=object_id, x=x, y=y)
    if not item.pickupable:
        raise ActionError(
            f"{item.object_id} must have the property CanPickup to be picked up.",
            "ObjectNotPickupable",
        )
    if sim.held is not None:
        raise ActionError(
            "Agent hand has something in it already! Can't pick up anything else", "InventoryFull"
        )
    if item.removed:
        raise ActionError(f"{item.object_id} was sliced and is no longer there.")
    if not force_action:
        check_reachable(sim, item)
    sim.hold(item)


def put_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Put the held object on or in a receptacle.

    An image point also says where on it: the nearest free place is taken. By id, the place nearest
    to the agent is. A point that shows a thing on a receptacle means that receptacle, unless the
    thing itself can hold the object.
    """
    item = _held(sim, "Can't place an object if Agent isn't holding anything")
    receptacle = named_target(sim, "PutObject", object_id=object_id, x=x, y=y)
    near = sim.agent.camera
    if x is not None and y is not None:
        near = point_at(sim, x, y)
        receptacle = _meant(sim, item, receptacle)
    if not receptacle.has("receptacle") or receptacle is item:
        raise ActionError("This target object is NOT a receptacle!")
    if not force_action:
        check_reachable(sim, receptacle)
        if receptacle.has("openable") and not receptacle.is_open and _is_closed(receptacle):
            raise ActionError(
                "Target openable Receptacle is CLOSED, can't place if target is not open!",
                "ReceptacleNotOpen",
            )
        if not can_hold(receptacle.type_name, item.type_name):
            raise ActionError(
                f"{item.name} is not a valid Object Type to be placed in {receptacle.name}",
                "ObjectNotAllowedInReceptacle",
            )
    spot = find_spot(sim.world, item, receptacle, near=near, inside_closed=force_action)
    if spot is None:
        raise ActionError("No valid positions to place object found", "ReceptacleFull")
    sim.hold(None)
    put(sim.world, item, receptacle, spot)


def _held(sim: Simulation, message: str) -> SimObject:
    if sim.held is None:
        raise ActionError(message, "ObjectNotInInventory")
    return sim.held


def _is_closed(receptacle: SimObject) -> bool:
    """Whether every surface is behind a closed door; a toilet's lid leaves its tank's top free."""
    return all(surface.enclosed for surface in receptacle.body.surfaces)


def _meant(sim: Simulation, item: SimObject, shown: SimObject) -> SimObject:
    """Find the receptacle that a pointed-at object stands for."""
    target: SimObject | None = shown
    while target is not None:
        if target.has("receptacle") and can_hold(target.type_name, item.type_name):
            return target
        target = sim.world.parent_of(target)
    if not shown.has("receptacle") and (parent := sim.world.parent_of(shown)) is not None:
        return parent
    return shown


def drop_hand_object(sim: Simulation) -> None:
    """Let go of the held object: it comes to rest below, on a receptacle or on the floor."""
    item = _held(sim, "nothing in hand to drop!")
    _release(sim, item, ahead=0.6)


def throw_object(sim: Simulation, *, move_magnitude: float = 100.0) -> None:
    """Throw the held object forward; what can break breaks when it is thrown hard.

    Args:
        sim: Where.
        move_magnitude: Strength [N]; from 150 on, breakables break.
    """
    item = _held(sim, "Nothing in Hand to Throw!")
    if move_magnitude < 0:
        raise ActionError(f"moveMagnitude must be 0 or more, got {move_magnitude:g}.")
    ahead = 0.6 + min(THROW_PER_NEWTON * move_magnitude / max(item.kind.mass, 0.5), 3.0)
    _release(sim, item, ahead=ahead)
    if move_magnitude >= 150 and item.has("breakable"):
        item.broken = True
        sim.world.touch(item)


def _release(sim: Simulation, item: SimObject, *, ahead: float) -> None:
    """Lay the held object down where a way ahead is free; nearer where it is not."""
    agent, heading = sim.agent, radians(sim.agent.yaw)
    while ahead > 0.3 and sim.world.collision.sweep(
        (agent.x, agent.z),
        (agent.x + ahead * sin(heading), agent.z + ahead * cos(heading)),
        radius=0.05,
    ):
        ahead -= 0.1
    x, z = agent.x + ahead * sin(heading), agent.z + ahead * cos(heading)
    below = _receptacle_below(sim, item, (x, item.position[1], z))
    if below is not None:
        spot = find_spot(sim.world, item, below, near=(x, item.position[1], z))
        if spot is not None:
            sim.hold(None)
            put(sim.world, item, below, spot)
            return
    place = floor_spot(sim.world, item, near=(x, z), agent=(agent.x, agent.z))
    if place is None:
        raise ActionError("there is no free floor near the agent to drop the object on.")
    sim.hold(None)
    sim.world.move(item, place, item.yaw)


def _receptacle_below(sim: Simulation, item: SimObject, point: Vector) -> SimObject | None:
    """The receptacle with the highest surface under a point that can hold an object."""
    best: tuple[float, SimObject] | None = None
    for other in sim.world.objects.values():
        if other.removed or other.held or other is item or other.pickupable:
            continue
        low, high = other.box()
        inside = low[0] <= point[0] <= high[0] and low[2] <= point[2] <= high[2]
        if not inside or not can_hold(other.type_name, item.type_name):
            continue
        if high[1] <= point[1] + 0.5 and (best is None or high[1] > best[0]):
            best = (high[1], other)
    return None if best is None else best[1]


def push_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    move_magnitude: float = 100.0,
    force_action: bool = False,
) -> None:
    """Push a moveable or pickupable object away from the agent."""
    item = find_target(sim, "PushObject", object_id=object_id, x=x, y=y, force=force_action)
    _shove(sim, item, move_magnitude, 0.0)


def pull_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    move_magnitude: float = 100.0,
    force_action: bool = False,
) -> None:
    """Pull a moveable or pickupable object toward the agent."""
    item = find_target(sim, "PullObject", object_id=object_id, x=x, y=y, force=force_action)
    _shove(sim, item, move_magnitude, 180.0)


def _shove(sim: Simulation, item: SimObject, strength: float, direction: float) -> None:
    """Slide an object as far as its weight and its surroundings allow, at most 2 m."""
    if item.kind.primary == "Static":
        raise ActionError(
            "Target Sim Object type: Static must have Moveable or CanPickup property to be moved"
        )
    if strength < 0:
        raise ActionError(f"moveMagnitude must be 0 or more, got {strength:g}.")
    if item.held:
        raise ActionError(f"{item.object_id} is in the agent's hand: drop it first.")
    heading = radians(sim.agent.yaw + direction)
    way = min(strength / NEWTONS_PER_METRE / max(item.kind.mass, 0.1), 2.0)
    x, y, z = item.position
    reached = 0.0
    while reached + 0.02 <= way:
        trial = (x + (reached + 0.02) * sin(heading), y, z + (reached + 0.02) * cos(heading))
        if not _may_stand(sim, item, trial):
            break
        reached += 0.02
    if reached:
        sim.world.move(item, (x + reached * sin(heading), y, z + reached * cos(heading)))


def _may_stand(sim: Simulation, item: SimObject, position: Vector) -> bool:
    """Whether a shoved object may be here: supported, apart from others and from the agent."""
    half = hypot(item.size[0], item.size[2]) / 2
    if hypot(position[0] - sim.agent.x, position[2] - sim.agent.z) < half + 0.2:
        return False
    world = sim.world
    parent = world.parent_of(item)
    if parent is not None:
        return _rests_on(item, parent, position) and not meets_any(world, item, position)
    names = world.collision.names
    own = item.object_id in names
    if own:
        world.collision.remove(item.object_id)
    free = world.collision.is_free(position[0], position[2], half * 0.7)
    if own:
        world.touch(item)
    return free and world.shell.room_at(position[0], position[2]) is not None


def _rests_on(item: SimObject, parent: SimObject, position: Vector) -> bool:
    x, _, z = parent.surface_position(item.surface)
    surface = parent.body.surfaces[item.surface]
    away = radians(parent.yaw)
    dx, dz = position[0] - x, position[2] - z
    across, along = dx * cos(away) - dz * sin(away), dx * sin(away) + dz * cos(away)
    half = max(item.size[0], item.size[2]) / 2
    return (
        abs(across) + half <= surface.extent[0] / 2 and abs(along) + half <= surface.extent[1] / 2
    )


def place_object_at_point(
    sim: Simulation, *, object_id: str, position: Point, rotation: Point | None = None
) -> None:
    """Put an object down with its base at a point, on whatever receptacle or floor is there."""
    item = object_by_id(sim, object_id)
    if item.kind.primary == "Static":
        raise ActionError(f"{object_id} is not a moveable or pickupable object.")
    if sim.world.shell.room_at(position.x, position.z) is None:
        raise ActionError(f"the point ({position.x:g}, {position.z:g}) is outside the house.")
    center = (position.x, position.y + item.size[1] / 2 + LIFT, position.z)
    if meets_any(sim.world, item, center):
        raise ActionError("PlaceObjectAtPoint failed: another object is in the way.")
    support = support_of(sim.world, item, center)
    if support is None and position.y > 0.05:
        raise ActionError("PlaceObjectAtPoint failed: there is nothing below the point.")
    if sim.held is item:
        sim.hold(None)
    sim.world.move(item, center, item.yaw if rotation is None else rotation.y)
    sim.world.attach(item, *(support or (None, 0)))


HAND_ACTIONS: Mapping[str, Callable[..., object]] = {
    "PickupObject": pickup_object,
    "PutObject": put_object,
    "DropHandObject": drop_hand_object,
    "ThrowObject": throw_object,
    "PushObject": push_object,
    "PullObject": pull_object,
    "PlaceObjectAtPoint": place_object_at_point,
}
"""Actions of this file by AI2-THOR's names."""
