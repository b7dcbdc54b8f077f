"""What the agent can get at: seen near enough from a place where it can stand.

AI2-THOR answers this for one object with GetInteractablePoses, by looking from every pose; here
rays are cast from the best few places to points of every object at once.
"""

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.reachability import reachable_positions
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.visibility import sample_points
from embodied_mem.backends.household.world import CAMERA_HEIGHT

_MARGIN = 0.15
"""Kept from the visibility distance, as an agent stops on its grid, not at the best place [m]."""

_PLACES = 12
_POINTS = 24
_MIN_HITS = 3
"""Rays that must reach the object: a single one may slip through a gap."""


def accessible_objects(simulation: Simulation) -> frozenset[str]:
    """Find the objects that the agent could interact with after walking there, as things are now.

    What is shut in a closed receptacle or in the agent's hand is not among them.

    Args:
        simulation: The world and the agent; not changed.
    """
    simulation.look()  # Brings the renderer's scene up to date.
    world, agent, config = simulation.world, simulation.agent, simulation.config
    standing = reachable_positions(world.collision, (agent.x, agent.z), config.grid_size)
    reach = config.visibility_distance - _MARGIN
    numbers, origins, directions = [], [], []
    for item in world.objects.values():
        if item.removed or item.held or world.is_shut_in(item):
            continue
        start, ray = _rays(item, standing, reach)
        numbers.append(np.full(len(start), item.number))
        origins.append(start)
        directions.append(ray)
    if not numbers:
        return frozenset()
    owners = np.concatenate(numbers)
    hits, _ = simulation.renderer.first_hit(
        np.concatenate(origins), np.concatenate(directions), through_glass=False
    )
    counts = np.bincount(owners[hits == owners], minlength=1)
    return frozenset(
        world.by_number[number].object_id for number in np.flatnonzero(counts >= _MIN_HITS).tolist()
    )


def _rays(
    item: SimObject, standing: Float[np.ndarray, "n 2"], reach: float
) -> tuple[Float[np.ndarray, "r 3"], Float[np.ndarray, "r 3"]]:
    """Aim from the nearest places, and some farther ones, at points of the object."""
    points = sample_points(item)
    points = points[:: max(len(points) // _POINTS, 1)]
    gaps = np.linalg.norm(standing[:, None] - points[None, :, [0, 2]], axis=2)  # (place, point)
    places = np.flatnonzero(gaps.min(axis=1) <= reach)
    places = places[np.argsort(gaps[places].min(axis=1), kind="stable")]
    chosen = np.unique(np.linspace(0, len(places) - 1, _PLACES).astype(int)) if len(places) else []
    place, point = np.nonzero(gaps[places[chosen]] <= reach)
    feet = standing[places[chosen]][place]
    eyes = np.insert(feet, 1, CAMERA_HEIGHT[True], axis=1)
    return eyes, points[point] - eyes
