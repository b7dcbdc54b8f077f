"""Generates houses from a seed, in ProcTHOR's schema: plan, building, furniture, small things.

The same seed and config give the same bytes. Every room, and a place before each piece of
furniture, can be reached on the agent's grid; what stands in the way is taken out again, and a room
that lost what it needs is furnished anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from embodied_mem.backends.household import polygons
from embodied_mem.backends.household.collision import CollisionMap, Obstacle
from embodied_mem.backends.household.filling import Filler, fill_room
from embodied_mem.backends.household.floorplan import SPECS, RoomSpec, draw_plan
from embodied_mem.backends.household.furnish import Furnisher
from embodied_mem.backends.household.house import check_house
from embodied_mem.backends.household.layout import leaf_box, room_layout
from embodied_mem.backends.household.reachability import reachable_positions
from embodied_mem.backends.household.recipes import furnish_room
from embodied_mem.backends.household.schema import AgentStart, House, HouseObject, Vector3
from embodied_mem.backends.household.shell import Shell, ShellOpening, build_shell
from embodied_mem.backends.household.structure import build_structure
from embodied_mem.backends.household.wanted import WantedThing, place_wanted, stand_wanted
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, HouseError

AGENT_HEIGHT = 0.9009992
"""Of the agent's position above the floor [m] (AI2-THOR)."""

REACH = 0.8
"""The agent must get this near to every piece of furniture [m]."""

INDISPENSABLE = frozenset(("Fridge", "CounterTop", "Sink", "Bed", "Sofa", "Toilet"))
"""Types without which a room is furnished anew."""


_TRIES = 200
"""Buildings drawn before what is wanted counts as impossible."""


class GeneratorConfig(Config, frozen=True):
    """What houses to generate."""

    rooms: int | None = None
    """Number of rooms, 1 to 10; drawn for each house when None, mostly three to seven."""
    spec: str | None = None
    """Id of a room specification such as `2-bed-1-bath`; drawn by the number of rooms when None."""
    density: float = 1.0
    """Scales the number of small things."""
    closed_doors: float = 0.1
    """Share of inner doors that start closed; the rest are open."""
    grid_size: float = 0.25
    """Of the agent that must get everywhere [m]."""
    radius: float = 0.2
    """Of that agent [m]."""
    furniture: Mapping[str, tuple[str, ...]] = {}
    """Furniture that every room of a type must have, beside what its recipe puts there."""
    things: tuple[WantedThing, ...] = ()
    """Small things that the house must have, exactly as many as said."""

    def __post_init__(self) -> None:
        if self.rooms is not None and not 1 <= self.rooms <= max(SPECS):
            raise ConfigError(f"rooms must lie in 1..{max(SPECS)}, got {self.rooms}.")
        known = [spec.id for specs in SPECS.values() for spec in specs]
        if self.spec is not None and self.spec not in known:
            raise ConfigError(f"no room specification '{self.spec}'. Known: {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class _Furnished:
    """Furniture of a house by room, and where the agent can go."""

    rooms: list[list[HouseObject]]
    positions: np.ndarray


def generate_house(seed: int, config: GeneratorConfig | None = None) -> House:
    """Generate one house.

    Args:
        seed: Decides everything that the config leaves open.
        config: Wishes.

    Returns:
        A house that passes `check_house`.

    Raises:
        HouseError: What the config wants found no place in any of many houses.
    """
    config = config or GeneratorConfig()
    rng = np.random.default_rng((seed, 20250))
    spec = _choose_spec(config, rng)
    house, shell, furnished = _build(spec, config, rng, seed)
    fillers = []
    for number, (room, furniture) in enumerate(zip(shell.rooms, furnished.rooms, strict=True), 2):
        fillers.append(Filler(room.type, number, rng))
        fill_room(fillers[-1], furniture, density=config.density)
    place_wanted(config.things, list(zip(fillers, furnished.rooms, strict=True)), rng)
    house.objects = [item for room in furnished.rooms for item in room]
    house.metadata.agent = _start(shell, furnished.positions, rng)
    for door in house.doors:
        if door.openable and rng.random() < config.closed_doors:
            door.openness = 0.0
    check_house(house)
    return house


def _build(
    spec: RoomSpec, config: GeneratorConfig, rng: np.random.Generator, seed: int
) -> tuple[House, Shell, _Furnished]:
    """Draw buildings until one can be furnished."""
    for _ in range(_TRIES):
        house = build_structure(draw_plan(spec, rng), spec.id, rng)
        shell = build_shell(house)
        furnished = _furnish(shell, config, rng)
        if furnished is not None:
            return house, shell, furnished
    wanted = ", ".join(f"{kind}: {', '.join(names)}" for kind, names in config.furniture.items())
    raise HouseError(
        f"no house of the rooms {spec.id} could be furnished from seed {seed}, with "
        f"{wanted or 'no'} further furniture. Ask for less, for more rooms or for another seed."
    )


def _choose_spec(config: GeneratorConfig, rng: np.random.Generator) -> RoomSpec:
    if config.spec is not None:
        found = (spec for specs in SPECS.values() for spec in specs if spec.id == config.spec)
        return next(found)
    weights = np.array([1, 2, 3, 5, 5, 5, 4, 2, 1, 1], dtype=float)
    drawn = int(rng.choice(np.arange(1, 11), p=weights / weights.sum()))
    specs = SPECS[config.rooms or drawn]
    return specs[int(rng.integers(len(specs)))]


def _furnish(shell: Shell, config: GeneratorConfig, rng: np.random.Generator) -> _Furnished | None:
    """Furnish every room so that all of it can be reached; None when that does not come about."""
    rooms = [_furnish_room(shell, number, rng, config) for number in range(len(shell.rooms))]
    for _ in range(15):
        if not all(rooms):
            return None
        positions = _positions(shell, rooms, config)
        again, changed = set(), False
        for number, (room, furniture) in enumerate(zip(shell.rooms, rooms, strict=True)):
            here = polygons.contains(room.polygon, positions)
            lost = [item for item in furniture if not _is_near(item, positions[here])]
            vital = INDISPENSABLE.union(config.furniture.get(room.type, ()))
            if here.sum() < 4 or any(item.objectType in vital for item in lost):
                again.add(number)
            elif lost:
                rooms[number] = [item for item in furniture if item not in lost]
                changed = True
        if not again and not changed:
            return _Furnished(rooms, positions)
        for number in again:
            rooms[number] = _furnish_room(shell, number, rng, config)
    return None


def _furnish_room(
    shell: Shell, number: int, rng: np.random.Generator, config: GeneratorConfig
) -> list[HouseObject]:
    """Furnish one room with what it needs; nothing after ten failures."""
    room = shell.rooms[number]
    for _ in range(10):
        furnisher = Furnisher(room_layout(shell, room), rng, number + 2)
        wanted = config.furniture.get(room.type, ())
        if furnish_room(furnisher) and stand_wanted(furnisher, wanted):
            return furnisher.objects
    return []


def _positions(shell: Shell, rooms: list[list[HouseObject]], config: GeneratorConfig) -> np.ndarray:
    """The largest set of grid positions connected with one another, over some starts."""
    leaves = [_leaf(door) for door in shell.doors if door.openable]
    furniture = [_obstacle(item) for room in rooms for item in room]
    obstacles = CollisionMap([*shell.obstacles, *leaves, *furniture])
    low, high = shell.rooms[0].polygon.min(axis=0), shell.rooms[0].polygon.max(axis=0)
    best = np.empty((0, 2))
    axes = (np.arange(a + 0.25, b, config.grid_size) for a, b in zip(low, high, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    left = [
        (x, z)
        for (x, z), free in zip(points.tolist(), obstacles.free(points), strict=True)
        if free and shell.rooms[0].contains(x, z)
    ]
    while left:
        found = reachable_positions(obstacles, left[0], config.grid_size, config.radius)
        best = found if len(found) > len(best) else best
        seen = {(round(x, 3), round(z, 3)) for x, z in found.tolist()}
        left = [(x, z) for x, z in left if (round(x, 3), round(z, 3)) not in seen]
    return best


def _obstacle(item: HouseObject) -> Obstacle:
    assert item.size is not None
    return Obstacle(
        name=item.id, center_x=item.position.x, center_z=item.position.z,
        half_x=item.size.x / 2, half_z=item.size.z / 2, yaw=item.rotation.y,
        low=item.position.y - item.size.y / 2, high=item.position.y + item.size.y / 2,
    )  # fmt: skip


def _leaf(door: ShellOpening) -> Obstacle:
    """The leaf of a door that stands open."""
    box = leaf_box(door)
    return Obstacle(
        name=door.id, center_x=(box.x0 + box.x1) / 2, center_z=(box.z0 + box.z1) / 2,
        half_x=(box.x1 - box.x0) / 2, half_z=(box.z1 - box.z0) / 2, high=box.high,
    )  # fmt: skip


def _is_near(item: HouseObject, positions: np.ndarray) -> bool:
    """Whether some position lies within reach of the item's footprint, not behind it."""
    assert item.size is not None
    if item.position.y > 1.7:  # Wall cabinets hang above what stands below.
        return True
    yaw = np.deg2rad(item.rotation.y)
    front, right = np.array((np.sin(yaw), np.cos(yaw))), np.array((np.cos(yaw), -np.sin(yaw)))
    offset = positions - (item.position.x, item.position.z)
    gap_z = np.maximum(np.abs(offset @ front) - item.size.z / 2, 0)
    gap_x = np.maximum(np.abs(offset @ right) - item.size.x / 2, 0)
    before = (offset @ front > -item.size.z / 2) | (item.objectType == "Chair")
    limit = REACH if item.position.y < 1.0 else 1.4
    return bool((before & (np.hypot(gap_x, gap_z) < limit)).any())


def _start(shell: Shell, positions: np.ndarray, rng: np.random.Generator) -> AgentStart:
    """Wake up somewhere in the first room, looking along an axis."""
    inside = [p for p in positions.tolist() if shell.rooms[0].contains(*p)]
    x, z = inside[int(rng.integers(len(inside)))]
    return AgentStart(
        position=Vector3(round(x, 4), AGENT_HEIGHT, round(z, 4)),
        rotation=Vector3(0.0, float(rng.integers(4) * 90), 0.0),
        horizon=0.0,
        standing=True,
    )
