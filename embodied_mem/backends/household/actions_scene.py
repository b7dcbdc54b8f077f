"""Actions on the whole scene: settings, scenes and houses, many objects at once."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.arguments import Angles, Point
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house import house_from_json
from embodied_mem.backends.household.placement import find_spot, put, support_of
from embodied_mem.backends.household.scenes import load_scene, scene_names
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.errors import HouseError

NEAR_PLANE, FAR_PLANE = 0.1, 20.0
"""Nearest and farthest distance that cameras see [m]."""

LARGEST_IMAGE = 4096
"""Widest and highest image [px]."""


def initialize(  # noqa: PLR0913 - AI2-THOR's arguments.
    sim: Simulation,
    *,
    grid_size: float | None = None,
    visibility_distance: float | None = None,
    field_of_view: float | None = None,
    rotate_step_degrees: float | None = None,
    snap_to_grid: bool | None = None,
    render_depth_image: bool | None = None,
    render_instance_segmentation: bool | None = None,
    agent_count: int = 1,
    agent_mode: str = "default",
    width: int | None = None,
    height: int | None = None,
) -> dict[str, float]:
    """Change settings; those that are not given stay as they are.

    Returns:
        The near and far plane of the cameras [m].
    """
    if agent_count != 1:
        raise ActionError(f"agentCount must be 1: this scene has one agent, got {agent_count}.")
    if agent_mode.lower() != "default":
        raise ActionError(f"agentMode must be 'default', got '{agent_mode}'.")
    wanted: dict[str, bool | float | None] = {
        "grid_size": grid_size,
        "visibility_distance": visibility_distance,
        "field_of_view": field_of_view,
        "rotate_step_degrees": rotate_step_degrees,
        "snap_to_grid": snap_to_grid,
        "render_depth": render_depth_image,
        "render_instances": render_instance_segmentation,
        "width": width,
        "height": height,
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    limits = {
        "grid_size": (0.01, 5.0),
        "visibility_distance": (0.0, 1e4),
        "field_of_view": (1.0, 179.0),
        "rotate_step_degrees": (0.0, 360.0),
        "width": (1, LARGEST_IMAGE),
        "height": (1, LARGEST_IMAGE),
    }
    for name, (low, high) in limits.items():
        if name in changes and not low <= changes[name] <= high:
            raise ActionError(
                f"{name} must lie in [{low:g}, {high:g}], got {changes[name]:g}.", "InvalidArgument"
            )
    sim.configure(**changes)
    return {"cameraNearPlane": NEAR_PLANE, "cameraFarPlane": FAR_PLANE}


def reset(sim: Simulation, *, scene_name: str | None = None) -> None:
    """Load a built-in scene, or start again in the present one."""
    name = sim.scene_name if scene_name is None else scene_name
    load_scene(sim, name)


def create_house(sim: Simulation, *, house: dict[str, Any]) -> None:
    """Build a house in ProcTHOR's schema."""
    try:
        sim.load(house_from_json(house))
    except HouseError as error:
        raise ActionError(f"CreateHouse failed: {error}") from error


def get_scenes_in_build(sim: Simulation) -> list[str]:  # noqa: ARG001
    """List the scenes that Reset knows."""
    return list(scene_names())


def change_resolution(sim: Simulation, *, x: int, y: int) -> None:
    """Set the size of images [px]."""
    if not (1 <= x <= LARGEST_IMAGE and 1 <= y <= LARGEST_IMAGE):
        raise ActionError(f"a resolution must lie in 1..{LARGEST_IMAGE} px, got {x}x{y}.")
    sim.configure(width=x, height=y)


def change_quality(sim: Simulation, *, quality: str = "") -> None:
    """Accept a quality setting; there is one quality."""


class ObjectPose(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of SetObjectPoses."""

    object_name: str
    position: Point
    rotation: Angles = Angles()


def set_object_poses(sim: Simulation, *, object_poses: list[ObjectPose]) -> None:
    """Put objects where a list says, free of any check; what they hold comes along.

    Moveable and pickupable objects that the list does not name stay. (AI2-THOR removes them.)
    """
    names = {item.name: item for item in sim.world.objects.values()}
    missing = [pose.object_name for pose in object_poses if pose.object_name not in names]
    if missing:
        raise ActionError(f"No object of name {missing[0]} found in scene.")
    for pose in object_poses:
        item = names[pose.object_name]
        if item.kind.primary == "Static" or item.removed:
            raise ActionError(f"{item.object_id} is not a moveable or pickupable object.")
    for pose in object_poses:
        item = names[pose.object_name]
        if sim.held is item:
            sim.hold(None)
        place = (pose.position.x, pose.position.y, pose.position.z)
        sim.world.move(item, place, pose.rotation.y)
        sim.world.attach(item, *(support_of(sim.world, item) or (None, 0)))


def initial_random_spawn(
    sim: Simulation,
    *,
    random_seed: int = 0,
    place_stationary: bool = True,  # noqa: ARG001
    num_placement_attempts: int = 5,
    excluded_receptacles: list[str] | None = None,
    excluded_object_ids: list[str] | None = None,
) -> None:
    """Put every pickupable object on or in some receptacle that fits, by chance.

    Args:
        sim: Where.
        random_seed: The same seed gives the same arrangement.
        place_stationary: Accepted; nothing falls here anyway.
        num_placement_attempts: Receptacles that are tried for each object, before it stays.
        excluded_receptacles: Types of receptacles to leave alone.
        excluded_object_ids: Objects to leave alone.
    """
    random = np.random.default_rng(abs(random_seed))
    world = sim.world
    excluded = set(excluded_receptacles or ())
    receptacles = [
        item
        for item in world.objects.values()
        if item.has("receptacle")
        and not item.pickupable
        and item.type_name not in excluded
        and not item.removed
    ]
    for item in list(world.objects.values()):
        if not item.pickupable or item.held or item.removed:
            continue
        if item.object_id in (excluded_object_ids or ()):
            continue
        fitting = [other for other in receptacles if can_hold(other.type_name, item.type_name)]
        tries = min(num_placement_attempts, len(fitting))
        for choice in random.permutation(len(fitting))[:tries].tolist():
            receptacle = fitting[choice]
            offset = (random.random(3) - 0.5) * receptacle.size
            near = tuple((np.array(receptacle.position) + offset).tolist())
            spot = find_spot(world, item, receptacle, near=near, inside_closed=True)
            if spot is not None:
                put(world, item, receptacle, spot)
                break


SCENE_ACTIONS: Mapping[str, Callable[..., object]] = {
    "Initialize": initialize,
    "Reset": reset,
    "CreateHouse": create_house,
    "GetScenesInBuild": get_scenes_in_build,
    "ChangeResolution": change_resolution,
    "ChangeQuality": change_quality,
    "SetObjectPoses": set_object_poses,
    "InitialRandomSpawn": initial_random_spawn,
}
"""Actions of this file by AI2-THOR's names."""
