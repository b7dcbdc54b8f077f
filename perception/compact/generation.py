"""Films generated houses: the same seed and version give the same films.

A film looks at one thing, kind by kind, so that rare kinds are seen as often as common ones. The
camera walks, turns, and at times looks away and back; hands carry things past it and open doors.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Int32

from embodied_mem.backends.event_step import STRUCTURE
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import ExtraCamera
from embodied_mem.runtime.houses import each_house
from perception.compact.camera_paths import camera_path
from perception.compact.clip_encoding import encode
from perception.compact.clips import Clip, clip_path, write_clips
from perception.compact.films_config import FilmsConfig
from perception.compact.hands import Carry, Swinging, carry, swing
from perception.learned.generation import disturb
from perception.learned.poses import CameraPose, look_about, look_at

VERSION = 1
"""Of the generator: films of different versions differ."""

_MOST = 255
"""Things that have an id of their own in a film."""


def generate_clips(
    folder: Path, seeds: Sequence[int], config: FilmsConfig, workers: int = 0
) -> Iterator[int]:
    """Write the files of those houses that are not there yet, and yield their seeds.

    Args:
        folder: Of the files.
        seeds: Of the houses.
        config: What films are taken.
        workers: Processes that film; with 0 or 1 it is this one, and the seeds come in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not clip_path(folder, seed).exists()]
    yield from each_house(partial(_write_house, folder, config), missing, workers)


def _write_house(folder: Path, config: FilmsConfig, seed: int) -> int:
    """Write the file of one house, and return its seed."""
    clips = film_house(seed, config)
    videos = [encode(clip.rgb, quality=config.quality) for clip in clips]
    header = {"generator": VERSION, "seed": seed, "config": msgspec.to_builtins(config)}
    write_clips(clip_path(folder, seed), videos, [clip.ids for clip in clips], header)
    return seed


def film_house(seed: int, config: FilmsConfig) -> list[Clip]:
    """Take the films of one house."""
    rng = np.random.default_rng((seed, VERSION, 7))
    house = generate_house(seed, GeneratorConfig(density=float(rng.uniform(0.8, 1.8))))
    sim = HouseholdSim(HouseholdSimConfig(width=config.width, height=config.height), house=house)
    with sim:
        sim.engine.create_house(house)
        clips = []
        for number in range(config.clips):
            disturb(sim, rng, strength=0.5 * number / config.clips)
            clips.append(_Film(sim, rng, config).take())
    return clips


class _Film:
    """One film in one house."""

    def __init__(self, sim: HouseholdSim, rng: np.random.Generator, config: FilmsConfig) -> None:
        self._sim, self._rng, self._config = sim, rng, config
        self._world = sim.engine.world
        self._simulation = sim.engine.simulation

    def take(self) -> Clip:
        """Choose what to film and how, and film it."""
        pose, target = self._choose()
        frames = self._config.frames
        middle = self._ahead(pose) if target is None else target.position
        cameras = camera_path(self._simulation, pose, middle, frames, self._rng)
        first = self._shoot(cameras[0])[1]
        moves = self._moves(target, first, cameras)
        shots = []
        for number, camera in enumerate(cameras):
            for move in moves:
                move.at(self._world, number)
            shots.append(self._shoot(camera))
        rgb, numbers = (np.stack(part) for part in zip(*shots, strict=True))
        return Clip(rgb=rgb, ids=self._renumbered(numbers))

    def _choose(self) -> tuple[CameraPose, SimObject | None]:
        """Look at one thing of a kind that is drawn evenly from the kinds here, or about."""
        kinds: dict[str, list[SimObject]] = {}
        for item in self._world.objects.values():
            if not item.removed and item.type_name not in STRUCTURE:
                kinds.setdefault(item.type_name, []).append(item)
        names = sorted(kinds)
        for _ in range(8):
            items = kinds[names[int(self._rng.integers(len(names)))]]
            target = items[int(self._rng.integers(len(items)))]
            if self._world.is_shut_in(target):
                continue
            pose = look_at(self._simulation, target, self._rng)
            if pose is not None:
                return pose, target
        return look_about(self._simulation, self._rng), None

    @staticmethod
    def _ahead(pose: CameraPose) -> tuple[float, float, float]:
        x, y, z = pose.position
        yaw = np.radians(pose.yaw)
        return float(x + 2 * np.sin(yaw)), y, float(z + 2 * np.cos(yaw))

    def _moves(
        self,
        target: SimObject | None,
        first: Int32[np.ndarray, "h w"],
        cameras: Sequence[CameraPose],
    ) -> list[Carry | Swinging]:
        """Decide what hands do: carry what is filmed or something near it, open and shut."""
        rng, config = self._rng, self._config
        numbers, counts = np.unique(first, return_counts=True)
        large = numbers[counts > config.least_pixels].tolist()
        seen = [item for n in large if (item := self._world.by_number.get(n)) is not None]
        loose = [item for item in seen if item.pickupable]
        moves: list[Carry | Swinging] = []
        for _ in range(2):
            if loose and rng.random() < config.carried:
                item = loose.pop(int(rng.integers(len(loose))))
                if target in loose and rng.random() < 0.5:
                    loose.append(item)
                    loose.remove(target)
                    item = target
                moves.append(carry(self._sim, item, cameras, rng))
        doors = [item for item in seen if item.has("openable") and not item.pickupable]
        if doors and rng.random() < config.opened:
            moves.append(swing(doors[int(rng.integers(len(doors)))], len(cameras), rng))
        return moves

    def _shoot(self, pose: CameraPose) -> tuple[np.ndarray, np.ndarray]:
        camera = ExtraCamera(
            position=pose.position,
            yaw=pose.yaw,
            pitch=pose.horizon,
            field_of_view=pose.field_of_view,
        )
        image = self._simulation.look_from(camera)
        return image.rgb.copy(), image.ids.copy()

    def _renumbered(self, numbers: Int32[np.ndarray, "t h w"]) -> np.ndarray:
        """Number the things of a film from 1, those that fill the most pixels first."""
        found, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        local = np.zeros(len(found), np.uint8)
        number = 0
        for index in np.argsort(-counts, kind="stable").tolist():
            item = self._world.by_number.get(int(found[index]))
            if item is not None and item.type_name not in STRUCTURE and number < _MOST:
                number += 1
                local[index] = number
        return local[places].reshape(numbers.shape)
