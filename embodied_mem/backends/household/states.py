"""Rules of the household, free of physics: what running, hot and cold things do to others.

- A faucet that runs cleans what lies in the nearest basin, and fills what can be filled.
- A closed cold source (fridge) makes what is in it cold.
- A heat source that is on (microwave, stove burner, toaster) heats what is in or on it, and cooks
  what can be cooked; a coffee machine fills cups with hot coffee.
- Hot and cold things are at room temperature after a while (`seconds_until_room_temperature`),
  unless they are still heated or cooled.
"""

from collections.abc import Iterator
from math import hypot

from embodied_mem.backends.household.bodies import build_body
from embodied_mem.backends.household.catalog import ObjectType, object_type, object_types
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.poses import to_world
from embodied_mem.backends.household.sim_object import SimObject, Temperature
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.world import World

BASINS = frozenset(("Sink", "SinkBasin", "Bathtub", "BathtubBasin"))
"""What a faucet runs into."""

FAUCET_REACH = 1.0
"""Farthest basin into which a faucet runs, horizontally [m]."""

MOST_SLICES = 6
"""Into how many slices a thing is cut at most."""

CRACKED = {"Egg": "EggCracked"}
"""What becomes of things that do not fall into slices."""


def apply_rules(sim: Simulation) -> None:
    """Let every rule act once, as after each action."""
    world = sim.world
    for item in list(world.objects.values()):
        if item.temperature != "RoomTemp" and sim.time >= item.warm_until:
            item.temperature = "RoomTemp"
            world.touch(item)
    for item in list(world.objects.values()):
        if item.type_name == "Faucet" and item.toggled:
            run_water(world, item)
        elif item.has("cold_source") and not item.is_open:
            for child in world.descendants(item):
                set_temperature(sim, child, "Cold")
        elif item.has("heat_source") and item.toggled and not item.removed:
            heat_contents(sim, item)


def run_water(world: World, faucet: SimObject) -> None:
    """Clean and fill what lies in the basin beneath a faucet."""
    children = [child for basin in basins_of(world, faucet) for child in world.descendants(basin)]
    for child in children:
        if child.has("dirtyable") and child.dirty:
            child.dirty = False
            world.touch(child)
        if child.has("fillable") and child.liquid is None and not child.broken:
            child.liquid = "water"
            world.touch(child)


def basins_of(world: World, faucet: SimObject) -> list[SimObject]:
    """What a faucet runs into: its basin, and the sink around it, which a house may list too."""
    nearest = basin_of(world, faucet)
    if nearest is None:
        return []
    x, _, z = nearest.position
    found = [nearest]
    for other in world.objects.values():
        if other.type_name in BASINS and other is not nearest:
            apart = hypot(other.position[0] - x, other.position[2] - z)
            if apart < max(*nearest.size, *other.size) / 2:
                found.append(other)
    return found


def basin_of(world: World, faucet: SimObject) -> SimObject | None:
    """The nearest basin within reach of a faucet."""

    def away(basin: SimObject) -> float:
        dx, dz = (basin.position[axis] - faucet.position[axis] for axis in (0, 2))
        return hypot(dx, dz)

    basins = [item for item in world.objects.values() if item.type_name in BASINS]
    near = [basin for basin in basins if away(basin) <= FAUCET_REACH + max(basin.size) / 2]
    return min(near, key=lambda basin: (away(basin), basin.number), default=None)


def heat_contents(sim: Simulation, source: SimObject) -> None:
    """Heat what is in or on a source that is on; cook it, or fill it with coffee."""
    for child in list(sim.world.descendants(source)):
        set_temperature(sim, child, "Hot")
        if source.type_name == "CoffeeMachine":
            if child.has("fillable") and child.liquid is None and not child.broken:
                child.liquid = "coffee"
                sim.world.touch(child)
        elif child.has("cookable") and not child.cooked:
            child.cooked = True
            sim.world.touch(child)


def set_temperature(sim: Simulation, item: SimObject, temperature: Temperature) -> None:
    """Make an object hot or cold, from now on for a while."""
    item.warm_until = sim.time + sim.config.seconds_until_room_temperature
    if item.temperature != temperature:
        item.temperature = temperature
        sim.world.touch(item)


def cut(world: World, item: SimObject) -> list[SimObject]:
    """Cut an object into slices that lie where it lay; the whole one is gone.

    An egg cracks instead.

    Returns:
        The pieces.
    """
    kind = piece_type(item)
    pieces = []
    for index, (position, size) in enumerate(_pieces(item, kind)):
        piece = SimObject(
            number=world.next_number(),
            object_id=f"{item.object_id}|{kind.name}_{index}",
            kind=kind,
            asset_id=kind.name,
            size=size,
            body=build_body(kind.name, size),
            position=position,
            yaw=item.yaw,
            temperature=item.temperature,
            warm_until=item.warm_until,
            cooked=item.cooked and "cookable" in kind.properties,
            dirty=False,
        )
        world.add(piece)
        pieces.append(piece)
    parent, surface = world.parent_of(item), item.surface
    item.sliced = True
    world.remove(item)
    if parent is not None:
        for piece in pieces:
            world.attach(piece, parent, surface)
    return pieces


def piece_type(item: SimObject) -> ObjectType:
    """Type of the pieces of an object."""
    name = CRACKED.get(item.type_name, f"{item.type_name}Sliced")
    return object_types().get(name) or object_type(name)


def _pieces(item: SimObject, kind: ObjectType) -> Iterator[tuple[Vector, Vector]]:
    """Places and sizes of the pieces: slices in a row along the depth of the whole object."""
    width, height, depth = item.size
    count = 1 if item.type_name in CRACKED else round(depth / max(kind.size[2], 0.01))
    count = min(max(count, 1), MOST_SLICES)
    size = (
        min(kind.size[0], width) if count > 1 else kind.size[0],
        min(kind.size[1], height),
        0.94 * depth / count if count > 1 else kind.size[2],
    )
    for index in range(count):
        local = (0.0, (size[1] - height) / 2, ((index + 0.5) / count - 0.5) * depth)
        yield to_world(local, item.position, item.yaw), size
