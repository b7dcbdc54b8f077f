"""Draws labelled frames of generated houses: the same seed and version give the same frames.

Houses are disturbed as a household would: doors and drawers stand open, appliances are on, things
are dirty, filled, cooked, cut, broken and elsewhere. Most looks are at single things, kind by kind,
so that rare kinds are seen as often as common ones; the others are anywhere.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Int8

from embodied_mem.backends.event_step import STRUCTURE
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import Property, can_hold, object_types
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.render import Image
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import ExtraCamera
from embodied_mem.backends.household.world import AgentPose
from embodied_mem.backends.thor_frames import camera_pose, thor_mapping
from embodied_mem.config import Config
from embodied_mem.runtime.houses import each_house
from embodied_mem.types import Camera
from perception.learned.poses import CameraPose, look_about, look_at
from perception.learned.shards import LabelledFrame, shard_path, write_shard

VERSION = 1
"""Of the generator: frames of different versions differ."""

STATE_PROPERTIES: Mapping[str, Property] = {
    "open": "openable",
    "on": "toggleable",
    "dirty": "dirtyable",
    "cooked": "cookable",
    "filled": "fillable",
    "broken": "breakable",
}
"""States that can be seen, in the order of a shard's columns, and what a type must be for each."""


class FramesConfig(Config, frozen=True):
    """What frames are drawn of each house."""

    frames: int = 16
    """Of each house."""
    arrangements: int = 2
    """How often a house is disturbed: the first time a little, the last time a lot."""
    size: int = 300
    """Width and height [px]."""
    about: float = 0.25
    """Share of looks that are at nothing in particular."""
    holding: float = 0.12
    """Share of looks with something in the hand."""


def generate_shards(
    folder: Path, seeds: range, config: FramesConfig, workers: int = 0
) -> Iterator[int]:
    """Write the files of those houses that are not there yet, and yield their seeds.

    Args:
        folder: Of the files.
        seeds: Of the houses.
        config: What is drawn of each.
        workers: Processes that draw; with 0 or 1 it is this one, and the seeds come in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not shard_path(folder, seed).exists()]
    yield from each_house(partial(_draw_house, folder, config), missing, workers)


def _draw_house(folder: Path, config: FramesConfig, seed: int) -> int:
    """Write the file of one house, and return its seed."""
    header = shard_header(seed, config)
    write_shard(shard_path(folder, seed), house_frames(seed, config), header)
    return seed


def shard_header(seed: int, config: FramesConfig) -> dict[str, object]:
    """What is to be known of the frames of one house."""
    return {
        "generator": VERSION,
        "seed": seed,
        "config": msgspec.to_builtins(config),
        "labels": list(object_types()),
        "states": list(STATE_PROPERTIES),
    }


def house_frames(seed: int, config: FramesConfig) -> list[LabelledFrame]:
    """Draw the frames of one house."""
    rng = np.random.default_rng((seed, VERSION))
    density = float(rng.uniform(0.8, 1.8))
    house = generate_house(seed, GeneratorConfig(density=density))
    sim = HouseholdSim(HouseholdSimConfig(width=config.size, height=config.size), house=house)
    with sim:
        sim.engine.create_house(house)
        photographer = _Photographer(sim, rng, config)
        found: list[LabelledFrame] = []
        for turn in range(config.arrangements):
            disturb(sim, rng, strength=(turn + 0.5) / config.arrangements)
            wanted = (turn + 1) * config.frames // config.arrangements
            found += [photographer.take() for _ in range(wanted - len(found))]
    return found


def disturb(sim: HouseholdSim, rng: np.random.Generator, *, strength: float) -> None:
    """Change the state and place of many things at once, through the simulator's own actions.

    Args:
        sim: The house.
        rng: Decides.
        strength: 0..1; 0 changes nothing.
    """
    objects = sim.engine.world.objects
    receptacles = [item for item in objects.values() if item.has("receptacle")]
    for item in list(objects.values()):
        if item.removed:
            continue
        if item.pickupable and rng.random() < 0.4 * strength:
            places = [p for p in receptacles if p is not item and p.body.surfaces]
            place = places[int(rng.integers(len(places)))]
            if can_hold(place.type_name, item.type_name) and not place.removed:
                sim.engine.relocate(item.object_id, place.object_id)
        for action in _changes(item, rng, strength):
            force = {"objectId": item.object_id, "forceAction": True}
            sim.engine.skip({**action, **force})


def _changes(
    item: SimObject, rng: np.random.Generator, strength: float
) -> Iterator[Mapping[str, object]]:
    """Actions that may befall one thing; what the simulator refuses does not happen."""
    if item.has("openable") and rng.random() < strength:
        openness = float(rng.choice((0.0, 1.0, 1.0, rng.uniform(0.3, 1))))
        yield {"action": "OpenObject", "openness": openness}
    if item.has("toggleable") and rng.random() < 0.7 * strength:
        yield {"action": "ToggleObjectOff" if item.toggled else "ToggleObjectOn"}
    if item.has("dirtyable") and rng.random() < 0.6 * strength:
        yield {"action": "CleanObject" if item.dirty else "DirtyObject"}
    if item.has("fillable") and rng.random() < 0.6 * strength:
        liquid = str(rng.choice(("water", "coffee", "wine")))
        yield {"action": "FillObjectWithLiquid", "fillLiquid": liquid}
    if item.has("cookable") and rng.random() < 0.4 * strength:
        yield {"action": "CookObject"}
    if item.has("sliceable") and rng.random() < 0.5 * strength:
        yield {"action": "SliceObject"}
    elif item.has("breakable") and rng.random() < 0.1 * strength:
        yield {"action": "BreakObject"}


class _Photographer:
    """Takes frames in one house."""

    def __init__(self, sim: HouseholdSim, rng: np.random.Generator, config: FramesConfig) -> None:
        self._sim = sim
        self._simulation = sim.engine.simulation
        self._rng = rng
        self._config = config
        self._label = {name: index for index, name in enumerate(object_types())}

    def take(self) -> LabelledFrame:
        """Choose where to look, perhaps take something into the hand, and draw."""
        pose = self._choose()
        held = self._grasp(pose) if self._rng.random() < self._config.holding else None
        camera = ExtraCamera(
            position=pose.position,
            yaw=pose.yaw,
            pitch=pose.horizon,
            field_of_view=pose.field_of_view,
        )
        image = self._simulation.look_from(camera)
        if held is not None:
            self._put_back(*held)
        return self._labelled(image, pose)

    def _choose(self) -> CameraPose:
        """Look at one thing of a kind that is drawn evenly from the kinds here, or about."""
        for _ in range(6):
            if self._rng.random() < self._config.about:
                break
            kinds: dict[str, list[SimObject]] = {}
            for item in self._simulation.world.objects.values():
                if not item.removed and item.type_name not in STRUCTURE:
                    kinds.setdefault(item.type_name, []).append(item)
            items = kinds[str(self._rng.choice(sorted(kinds)))]
            target = items[int(self._rng.integers(len(items)))]
            self._uncover(target)
            pose = look_at(self._simulation, target, self._rng)
            if pose is not None:
                return pose
        return look_about(self._simulation, self._rng)

    def _uncover(self, item: SimObject) -> None:
        """Open what a thing is shut in."""
        world = self._simulation.world
        parent = world.parent_of(item)
        if parent is not None and world.is_shut_in(item) and parent.has("openable"):
            action = {"action": "OpenObject", "objectId": parent.object_id, "forceAction": True}
            self._sim.engine.skip(action)

    def _grasp(self, pose: CameraPose) -> tuple[SimObject, SimObject | None] | None:
        """Bring a thing into the hand of an agent that stands at the camera."""
        sim = self._simulation
        free = [
            item
            for item in sim.world.objects.values()
            if item.pickupable and not item.removed and not item.children
        ]
        if not free:
            return None
        item = free[int(self._rng.integers(len(free)))]
        before = sim.world.parent_of(item)
        x, _, z = pose.position
        sim.agent = AgentPose(x=x, z=z, yaw=pose.yaw, horizon=pose.horizon)
        sim.hold(item)
        return item, before

    def _put_back(self, item: SimObject, before: SimObject | None) -> None:
        """Lay what was held where it was, or where there is room; else it is lost."""
        self._simulation.hold(None)
        if before is None or not self._sim.engine.relocate(item.object_id, before.object_id):
            self._simulation.world.remove(item)

    def _labelled(self, image: Image, pose: CameraPose) -> LabelledFrame:
        """Number the things in the picture from 1, and note what they are."""
        by_number = self._simulation.world.by_number
        numbers, places = np.unique(image.ids, return_inverse=True)
        local = np.zeros(len(numbers), np.uint16)
        seen: list[SimObject] = []
        for index, number in enumerate(numbers.tolist()):
            item = by_number.get(number)
            if number and item is not None and item.type_name not in STRUCTURE:
                seen.append(item)
                local[index] = len(seen)
        camera = Camera.from_fov(
            self._config.size, self._config.size, float(np.radians(pose.field_of_view))
        )
        depth = np.where(image.depth < 19.99, image.depth * 1000, 0).round()
        where = camera_pose(thor_mapping(np.array(pose.position)), pose.yaw, pose.horizon)
        return LabelledFrame(
            rgb=image.rgb.copy(),
            depth=depth.astype(np.uint16),
            ids=local[places].reshape(image.ids.shape),
            camera=np.array((camera.fx, camera.fy, camera.cx, camera.cy), np.float32),
            pose=where.as_matrix(),
            labels=np.array([self._label[item.type_name] for item in seen], np.int32),
            states=np.stack([state_row(item) for item in seen])
            if seen
            else np.zeros((0, len(STATE_PROPERTIES)), np.int8),
        )


def state_row(item: SimObject) -> Int8[np.ndarray, "s"]:
    """The states of one thing in the order of a shard: 1 yes, 0 no, -1 does not apply."""
    values = {
        "open": item.is_open,
        "on": item.toggled,
        "dirty": item.dirty,
        "cooked": item.cooked,
        "filled": item.liquid is not None,
        "broken": item.broken,
    }
    row = [int(values[s]) if item.has(needed) else -1 for s, needed in STATE_PROPERTIES.items()]
    return np.array(row, np.int8)
