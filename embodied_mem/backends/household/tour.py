"""Shows a whole house to whoever looks: frames from places that together see all of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.thor_frames import thor_vector, world_from_thor
from embodied_mem.config import Config
from embodied_mem.errors import BackendError
from embodied_mem.types import Action, Frame


class TourConfig(Config, frozen=True):
    """Where to stand, and how to look about."""

    spacing: float = 1.1
    """Between the places to stand [m]."""
    headings: int = 4
    """Looks at each place, evenly turned."""
    horizon: float = 0.35
    """Camera's pitch, down is positive [rad]."""
    open_doors: bool = True
    """Whether doors are opened beforehand, as a visitor would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueRoom:
    """A room of the house file, in our axes."""

    id: str
    category: str
    """ProcTHOR's room type."""
    polygon: Float[np.ndarray, "k 2"]
    """Corners of its floor in the world [m]."""


def true_rooms(house: House) -> tuple[TrueRoom, ...]:
    """Return the rooms of a house, for scoring only."""
    return tuple(
        TrueRoom(
            id=room.id,
            category=room.roomType,
            polygon=world_from_thor(np.array([(p.x, p.y, p.z) for p in room.floorPolygon]))[:, :2],
        )
        for room in house.rooms
    )


def tour(
    sim: HouseholdSim,
    config: TourConfig | None = None,
    *,
    arrange: Callable[[HouseholdSim], object] | None = None,
) -> Iterator[Frame]:
    """Reset the house and yield what is seen on a walk through all that can be reached.

    Args:
        sim: The house; it is reset.
        config: Where to stand, and how to look about.
        arrange: Called once the house is reset, to move things before anybody looks.

    Raises:
        BackendError: The simulator does not tell where the body can stand.
    """
    config = config or TourConfig()
    start = sim.reset().frame
    if arrange is not None:
        arrange(sim)
    else:
        yield start
    if config.open_doors:
        for entry in sim.metadata["objects"]:
            if entry["objectType"] == "Doorway" and entry["openable"]:
                arguments = {"objectId": entry["objectId"], "forceAction": True}
                sim.step(Action(name="OpenObject", arguments=arguments))
    sim.step(Action(name="GetReachablePositions"))
    found = sim.metadata["actionReturn"]
    if not found:
        raise BackendError("the house has no place to stand: choose another one.")
    points = world_from_thor(np.array([(p["x"], p["y"], p["z"]) for p in found]))[:, :2]
    here = world_from_thor(thor_vector(sim.metadata["agent"]["position"]))[:2]
    for x, y in _route(_spread(points, config.spacing), here):
        for turn in range(config.headings):
            yaw = 2 * np.pi * turn / config.headings
            step = sim.stand(float(x), float(y), yaw, config.horizon)
            if step.action_success:
                yield step.frame


def _spread(points: Float[np.ndarray, "n 2"], spacing: float) -> Float[np.ndarray, "m 2"]:
    """Choose points of which no two are nearer than the spacing, farthest first."""
    chosen, distance = [0], np.linalg.norm(points - points[0], axis=1)
    while distance.max() >= spacing:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]


def _route(
    points: Float[np.ndarray, "m 2"], start: Float[np.ndarray, "2"]
) -> Iterator[Float[np.ndarray, "2"]]:
    """Order points so that each is the nearest to the one before."""
    left, at = list(points), start
    while left:
        nearest = int(np.argmin([np.linalg.norm(point - at) for point in left]))
        at = left.pop(nearest)
        yield at
