"""How a camera moves through a house while it films a thing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.simulation import Simulation
from perception.learned.poses import CameraPose

_WALKS = (0.05, 2.5)
"""Shortest and longest way of the camera in a film [m]; as often far as near, by factors."""
_WANDERS = (1.5, 6.0, 20.0, 55.0)
"""How far the view swings from the thing, each as often [deg]; far swings lose it from view."""
_PLACES = 24
"""Ends of the way that are tried before the camera stays."""
_SHAKE = 0.25
"""Of a camera in the hand, standard deviation [deg]."""


@dataclass(frozen=True, slots=True)
class _Swing:
    """An oscillation that begins at zero."""

    reach: float
    cycles: float
    phase: float

    def at(self, share: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
        angle = 2 * np.pi * self.cycles * share + self.phase
        return self.reach * (np.sin(angle) - np.sin(self.phase))


def camera_path(
    sim: Simulation,
    start: CameraPose,
    target: Sequence[float],
    frames: int,
    rng: np.random.Generator,
) -> list[CameraPose]:
    """Move from a pose, with the view on a thing or swinging about it.

    Args:
        sim: The house.
        start: Pose of the first frame.
        target: Middle of what is filmed [m].
        frames: Length of the film.
        rng: Decides.
    """
    share = np.linspace(0, 1, frames)
    eyes = np.array(start.position) + _advance(frames, rng)[:, None] * _way(sim, start, rng)
    yaws, horizons = _aim(eyes, np.array(target))
    reach = float(rng.choice(_WANDERS))
    swing = _Swing(reach, rng.uniform(0.3, 1.6), rng.uniform(0, 2 * np.pi))
    nod = _Swing(reach / 3, rng.uniform(0.3, 1.6), rng.uniform(0, 2 * np.pi))
    yaws = yaws - yaws[0] + start.yaw + swing.at(share) + rng.normal(0, _SHAKE, frames)
    horizons = horizons - horizons[0] + start.horizon + nod.at(share)
    horizons = np.clip(horizons + rng.normal(0, _SHAKE, frames), -40, 65)
    return [
        CameraPose(
            position=(float(eye[0]), float(eye[1]), float(eye[2])),
            yaw=float(yaw) % 360,
            horizon=float(horizon),
            field_of_view=start.field_of_view,
        )
        for eye, yaw, horizon in zip(eyes, yaws, horizons, strict=True)
    ]


def _way(sim: Simulation, start: CameraPose, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A straight way that is free; no way where none was found."""
    x, y, z = start.position
    rise = float(rng.normal(0, 0.1))
    low, high = np.log(_WALKS)
    lengths = np.exp(rng.uniform(low, high, _PLACES))
    angles = rng.uniform(0, 2 * np.pi, _PLACES)
    ends = np.stack((x + lengths * np.sin(angles), z + lengths * np.cos(angles)), axis=1)
    starts = np.repeat([[x, z]], _PLACES, axis=0)
    for index in np.flatnonzero(sim.world.collision.free_moves(starts, ends, 0.15)):
        end_x, end_z = ends[index].tolist()
        if sim.world.shell.room_at(end_x, end_z) is not None:
            return np.array((end_x - x, np.clip(y + rise, 0.4, 2.0) - y, end_z - z))
    return np.zeros(3)


def _advance(frames: int, rng: np.random.Generator) -> Float[np.ndarray, "t"]:
    """Share of the way that is done at each frame: uneven steps, and at times back again."""
    knots = rng.uniform(0.1, 1.0, 5)
    steps = np.interp(np.linspace(0, 4, frames), np.arange(5), knots)
    done = np.cumsum(steps) - steps[0]
    done = done / max(done[-1], 1e-9)
    return 1 - np.abs(1 - 2 * done) if rng.random() < 0.35 else done


def _aim(
    eyes: Float[np.ndarray, "t 3"], target: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t"]]:
    """Yaw, without jumps, and horizon at which each eye sees the target in the middle [deg]."""
    x, y, z = (target - eyes).T
    yaw = np.degrees(np.unwrap(np.arctan2(x, z)))
    return yaw, np.degrees(np.arctan2(-y, np.hypot(x, z)))
