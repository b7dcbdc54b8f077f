"""What an unseen hand does while the camera runs: carries things, opens and shuts doors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.world import World
from perception.learned.poses import CameraPose

_REACH = 4.0
"""Farthest that a thing is carried from where it was [m]."""
_TRIES = 6
"""Receptacles tried before a thing is carried around and put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """One thing on its way through the view."""

    item: SimObject
    path: Float[np.ndarray, "t 3"]
    """Middle at each frame [m]."""
    yaws: Float[np.ndarray, "t"]
    """[deg]."""

    def at(self, world: World, frame: int) -> None:
        """Bring the thing to where it is in a frame."""
        x, y, z = self.path[frame].tolist()
        if (x, y, z) != self.item.position:
            world.move(self.item, (x, y, z), float(self.yaws[frame]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swinging:
    """A door or drawer that opens or shuts."""

    item: SimObject
    openness: Float[np.ndarray, "t"]

    def at(self, world: World, frame: int) -> None:
        """Open or shut as in a frame."""
        if abs(self.item.openness - self.openness[frame]) > 1e-3:
            world.set_openness(self.item, float(self.openness[frame]))


def carry(
    sim: HouseholdSim, item: SimObject, cameras: Sequence[CameraPose], rng: np.random.Generator
) -> Carry:
    """Take a thing past the camera to where it may lie, or back to where it was."""
    frames = len(cameras)
    before, old_yaw = item.position, item.yaw
    after = _put_elsewhere(sim, item, rng)
    begin = rng.uniform(0, 0.4)
    share = _ease((np.linspace(0, 1, frames) - begin) / rng.uniform(0.25, 0.9))
    near = [_before(cameras[int(p * (frames - 1))], rng) for p in (begin, (begin + 1) / 2)]
    corners = np.array((before, *near, after))
    yaws = old_yaw + share * (item.yaw - old_yaw + float(rng.choice((0, 0, 360, -360))))
    return Carry(item=item, path=_bezier(corners, share), yaws=yaws)


def swing(item: SimObject, frames: int, rng: np.random.Generator) -> Swinging:
    """Open what is shut, and shut what is open."""
    begin, length = rng.uniform(0, 0.6), rng.uniform(0.1, 0.5)
    share = _ease((np.linspace(0, 1, frames) - begin) / length)
    end = 0.0 if item.is_open else float(rng.uniform(0.4, 1.0))
    return Swinging(item=item, openness=item.openness + share * (end - item.openness))


def _put_elsewhere(sim: HouseholdSim, item: SimObject, rng: np.random.Generator) -> Vector:
    """Settle a thing on an open receptacle nearby, and say where that is."""
    world = sim.engine.world
    places = [
        place
        for place in world.objects.values()
        if place is not item
        and place.has("receptacle")
        and place.body.surfaces
        and not place.removed
        and (place.is_open or not place.has("openable"))
        and np.hypot(*np.subtract(place.position, item.position)[[0, 2]]) < _REACH
    ]
    rng.shuffle(places)  # type: ignore[arg-type]
    for place in places[:_TRIES]:
        if sim.engine.relocate(item.object_id, place.object_id):
            break
    return item.position


def _before(camera: CameraPose, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A point in view of a camera, or a little beside it [m]."""
    yaw, horizon = np.radians((camera.yaw, camera.horizon))
    ahead = np.array(
        (np.sin(yaw) * np.cos(horizon), -np.sin(horizon), np.cos(yaw) * np.cos(horizon))
    )
    right = np.array((np.cos(yaw), 0, -np.sin(yaw)))
    up = np.cross(ahead, right)
    distance = rng.uniform(0.5, 1.8)
    aside, rise = rng.uniform(-0.6, 0.6) * distance, rng.uniform(-0.45, 0.35) * distance
    return np.array(camera.position) + distance * ahead + aside * right + rise * up


def _ease(share: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    """Start and end gently."""
    inside = np.clip(share, 0, 1)
    return inside * inside * (3 - 2 * inside)


def _bezier(
    corners: Float[np.ndarray, "4 3"], share: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t 3"]:
    s = share[:, None]
    weights = np.concatenate(((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3), axis=1)
    return weights @ corners
