"""One object of the simulated world: what it is, where it is, and its state."""

from dataclasses import dataclass, field
from typing import Literal

from embodied_mem.backends.household.catalog import ObjectType
from embodied_mem.backends.household.parts import Body, Vector
from embodied_mem.backends.household.poses import bounding_box, surface_center, to_world

Temperature = Literal["RoomTemp", "Hot", "Cold"]

OPEN_ENOUGH = 0.05
"""Openness above which an object counts as open: its inside can be reached."""


@dataclass(slots=True, eq=False, kw_only=True)
class SimObject:
    """A thing in the world. Change it through `World`, which keeps contents and caches in step."""

    number: int
    """Instance number in images; above 0."""
    object_id: str
    kind: ObjectType
    asset_id: str
    size: Vector
    """Size of the closed object along its own axes [m]."""
    body: Body
    position: Vector
    """Centre of the bounding box [m]."""
    yaw: float
    """Degrees, clockwise from above."""
    anchor: Literal["floor", "wall", "object"] = "object"
    """What holds it up when it rests on no receptacle."""
    parent: str | None = None
    """The receptacle that it is on or in. (A faucet is beside its sink, not in it.)"""
    surface: int = 0
    """On which of the parent's surfaces."""
    children: list[str] = field(default_factory=list)
    openness: float = 0.0
    toggled: bool = False
    dirty: bool = False
    sliced: bool = False
    cooked: bool = False
    broken: bool = False
    used_up: bool = False
    liquid: str | None = None
    temperature: Temperature = "RoomTemp"
    warm_until: float = 0.0
    """Simulated time at which a hot or cold object is at room temperature again [s]."""
    held: bool = False
    removed: bool = False
    """No longer in the scene: it was sliced into pieces."""
    controls: tuple[str, ...] = ()
    """Objects that it switches: a stove knob's burner."""
    version: int = 0
    """Counts its changes."""

    @property
    def name(self) -> str:
        """Name in error sentences; AI2-THOR's procedural objects are named by their ids too."""
        return self.object_id

    @property
    def type_name(self) -> str:
        """AI2-THOR's objectType."""
        return self.kind.name

    def has(self, capability: str) -> bool:
        """Whether its type has a property of the catalog, e.g. `openable`."""
        return capability in self.kind.properties

    @property
    def is_open(self) -> bool:
        """Whether its inside can be reached."""
        return self.openness > OPEN_ENOUGH

    @property
    def pickupable(self) -> bool:
        """Whether the agent can hold it."""
        return self.kind.primary == "CanPickup"

    def box(self) -> tuple[Vector, Vector]:
        """Lowest and highest corner of the closed object in the world [m]."""
        return bounding_box(self.position, self.size, self.yaw)

    def surface_position(self, index: int) -> Vector:
        """Middle of one of its surfaces in the world, at its present openness [m]."""
        local = surface_center(self.body.surfaces[index], self.openness)
        return to_world(local, self.position, self.yaw)
