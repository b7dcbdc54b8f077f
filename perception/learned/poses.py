"""Where a camera stands and looks when a segmenter's training frames are taken."""

from dataclasses import dataclass

import numpy as np

from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.world import CAMERA_HEIGHT

_NEAR, _FAR = 0.45, 3.0
"""Distances from which single things are looked at [m]; near ones are as likely as far ones."""
_PLACES = 48
"""Places drawn before a look at one thing is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPose:
    """A camera in AI2-THOR's axes."""

    position: Vector
    """[m]."""
    yaw: float
    """[deg]."""
    horizon: float
    """Positive downwards [deg]."""
    field_of_view: float
    """Vertical [deg]."""


def look_at(sim: Simulation, target: SimObject, rng: np.random.Generator) -> CameraPose | None:
    """Stand where a thing can be seen, and look about where it is; None where nobody can.

    Half of the looks are tilted and turned as a planner does, in steps of 30 degrees.
    """
    middle = np.array(target.position)
    radius = np.exp(rng.uniform(np.log(_NEAR), np.log(_FAR), _PLACES))
    radius += max(target.size[0], target.size[2]) / 2
    angle = rng.uniform(0, 2 * np.pi, _PLACES)
    spots = middle[[0, 2]] + radius[:, None] * np.stack((np.sin(angle), np.cos(angle)), axis=1)
    eyes = np.insert(spots, 1, _height(rng), axis=1)  # (p, 3)
    ways = middle - eyes
    sim.renderer.update(sim.world.draw_items())
    hit, distance = sim.renderer.first_hit(eyes, ways, through_glass=True)
    lengths = np.linalg.norm(ways, axis=1)
    seen = (hit == target.number) | (distance > lengths - 0.15)
    for index in np.flatnonzero(seen & sim.world.collision.free(spots)):
        if sim.world.shell.room_at(*spots[index].tolist()) is None:
            continue
        x, y, z = ways[index].tolist()
        yaw = np.degrees(np.arctan2(x, z)) + rng.normal(0, 14)
        horizon = np.degrees(np.arctan2(-y, np.hypot(x, z))) + rng.normal(0, 10)
        if rng.random() < 0.5:
            yaw, horizon = 30 * round(yaw / 30), 30 * round(horizon / 30)
        return _pose(eyes[index], float(yaw), float(np.clip(horizon, -30, 60)), rng)
    return None


def look_about(sim: Simulation, rng: np.random.Generator) -> CameraPose:
    """Stand anywhere in the house, and look anywhere."""
    low, high = sim.world.shell.bounds
    while True:
        x, z = rng.uniform((low[0], low[2]), (high[0], high[2])).tolist()
        if sim.world.stands_free(x, z):
            break
    eye = np.array((x, _height(rng), z))
    horizon = float(rng.choice((0.0, 20.0, 30.0, rng.uniform(-20, 50))))
    return _pose(eye, float(rng.uniform(0, 360)), horizon, rng)


def _height(rng: np.random.Generator) -> float:
    """Of the camera above the floor [m]: mostly that of AI2-THOR's agent."""
    drawn = rng.random()
    if drawn < 0.75:
        return CAMERA_HEIGHT[True]
    return CAMERA_HEIGHT[False] if drawn < 0.85 else float(rng.uniform(0.6, 1.9))


def _pose(eye: np.ndarray, yaw: float, horizon: float, rng: np.random.Generator) -> CameraPose:
    x, y, z = eye.tolist()
    usual = rng.random() < 0.75
    return CameraPose(
        position=(x, y, z),
        yaw=yaw % 360,
        horizon=horizon,
        field_of_view=90.0 if usual else float(rng.uniform(55, 100)),
    )
