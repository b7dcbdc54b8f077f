"""Actions that only ask: where the agent can go, from where it can reach, what a pixel shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import atan2, degrees, dist

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.arguments import Point, Rotation
from embodied_mem.backends.household.metadata import xyz
from embodied_mem.backends.household.reachability import reachable_positions, shortest_path
from embodied_mem.backends.household.render import View
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.targets import object_at, object_by_id, point_at
from embodied_mem.backends.household.visibility import camera_axes, sample_points
from embodied_mem.backends.household.world import CAMERA_HEIGHT, FLOOR_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A pose of the agent, as `TeleportFull` takes it."""

    x: float
    z: float
    rotation: float
    """Degrees."""
    horizon: float
    """Degrees, positive downward."""
    standing: bool

    def as_json(self) -> dict[str, float | bool]:
        """Write it as AI2-THOR does."""
        return {
            "x": self.x,
            "y": FLOOR_HEIGHT,
            "z": self.z,
            "rotation": self.rotation,
            "standing": self.standing,
            "horizon": self.horizon,
        }


def get_reachable_positions(
    sim: Simulation,
    *,
    grid_size: float | None = None,
    max_step_count: int | None = None,
) -> list[dict[str, float]]:
    """List the grid positions that the agent can walk to, its own first."""
    grid = sim.config.grid_size if grid_size is None else grid_size
    if not 0.02 <= grid <= 5:
        raise ActionError(f"gridSize must lie in [0.02, 5] m, got {grid:g}.", "InvalidArgument")
    found = _reachable(sim, grid)
    if max_step_count is not None:
        steps = np.abs(found - found[0]).sum(axis=1) / grid
        found = found[steps <= max_step_count + 1e-6]
    return [xyz((x, FLOOR_HEIGHT, z)) for x, z in found.tolist()]


def _reachable(sim: Simulation, grid: float) -> Float[np.ndarray, "n 2"]:
    return reachable_positions(sim.world.collision, (sim.agent.x, sim.agent.z), grid)


def get_interactable_poses(
    sim: Simulation,
    *,
    object_id: str,
    positions: list[Point] | None = None,
    rotations: list[float] | None = None,
    horizons: list[float] | None = None,
    standings: list[bool] | None = None,
    max_poses: int | None = None,
) -> list[dict[str, float | bool]]:
    """List poses from which an object can be seen and reached.

    Args:
        sim: Where.
        object_id: The object.
        positions: Places to try; every reachable one by default.
        rotations: Yaws to try [degrees]; 0, 90, 180, 270 by default.
        horizons: Tilts to try [degrees]; -30, 0, 30, 60 by default.
        standings: Whether to stand; both by default.
        max_poses: Most poses to give; all by default.
    """
    item = object_by_id(sim, object_id)
    places = (
        _reachable(sim, sim.config.grid_size)
        if positions is None
        else np.array([(p.x, p.z) for p in positions]).reshape(-1, 2)
    )
    poses = []
    for pose in interactable_poses(
        sim,
        item,
        places,
        yaws=rotations or (0.0, 90.0, 180.0, 270.0),
        horizons=horizons or (-30.0, 0.0, 30.0, 60.0),
        standings=standings or (True, False),
    ):
        if max_poses is not None and len(poses) >= max_poses:
            break
        poses.append(pose.as_json())
    return poses


def interactable_poses(
    sim: Simulation,
    item: SimObject,
    places: Float[np.ndarray, "n 2"],
    *,
    yaws: Sequence[float],
    horizons: Sequence[float],
    standings: Sequence[bool],
) -> Iterator[Pose]:
    """Go through the poses from which rays reach points of an object within the image.

    Nearest places come first, then the given orders.
    """
    if item.removed or item.held or sim.world.is_shut_in(item):
        return
    sim.look()  # Brings the renderer's scene up to date.
    points = sample_points(item)
    reach = sim.config.visibility_distance
    gaps = np.linalg.norm(places[:, None] - points[None, :, [0, 2]], axis=2).min(axis=1)
    near = np.flatnonzero(gaps <= reach)
    near = near[np.argsort(gaps[near], kind="stable")]
    for index in near.tolist():
        x, z = places[index].tolist()
        for standing in standings:
            eye = (x, CAMERA_HEIGHT[standing], z)
            hit = _seen_points(sim, item, points, eye)
            for yaw in yaws if len(hit) else ():
                for horizon in horizons:
                    if _in_image(sim, hit, eye, yaw, horizon):
                        yield Pose(x=x, z=z, rotation=yaw % 360, horizon=horizon, standing=standing)


def _seen_points(
    sim: Simulation, item: SimObject, points: np.ndarray, eye: tuple[float, float, float]
) -> Float[np.ndarray, "k 3"]:
    rays = points - eye
    origins = np.broadcast_to(np.array(eye), rays.shape)
    numbers, distances = sim.renderer.first_hit(origins, rays, through_glass=False)
    lengths = np.linalg.norm(rays, axis=1, keepdims=True)
    struck = eye + rays / np.maximum(lengths, 1e-9) * distances[:, None]
    near = np.hypot(struck[:, 0] - eye[0], struck[:, 2] - eye[2]) <= sim.config.visibility_distance
    return struck[(numbers == item.number) & near]


def _in_image(
    sim: Simulation,
    points: Float[np.ndarray, "k 3"],
    eye: tuple[float, float, float],
    yaw: float,
    horizon: float,
) -> bool:
    """Whether a point lies within the image, a little off its edges."""
    config = sim.config
    view = View(position=eye, yaw=yaw, horizon=horizon, width=config.width,
                height=config.height, field_of_view=config.field_of_view)  # fmt: skip
    local = (points - eye) @ camera_axes(view).T
    half = np.tan(np.radians(config.field_of_view / 2)) * 0.97
    ahead = local[:, 2]
    inside = (ahead > 0.1) & (np.abs(local[:, 1]) < half * ahead)
    return bool(
        (inside & (np.abs(local[:, 0]) < half * config.width / config.height * ahead)).any()
    )


def get_shortest_path(
    sim: Simulation,
    *,
    object_id: str | None = None,
    object_type: str | None = None,
    position: Point | None = None,
    rotation: Rotation | None = None,  # noqa: ARG001 - a way has no heading.
    allowed_error: float = 0.25,
) -> dict[str, list[dict[str, float]]]:
    """Find a shortest way to where an object can be reached, the nearest one of a type.

    Args:
        sim: Where.
        object_id: The object; or
        object_type: its type.
        position: Where the way begins; at the agent by default.
        rotation: Accepted.
        allowed_error: How near to the place the way must come [m]; a grid step at least.

    Returns:
        `corners`: the positions along the way.
    """
    poses = [_best_pose(sim, item) for item in _named(sim, object_id, object_type)]
    goals = [(pose.x, pose.z) for pose in poses if pose is not None]
    return _corners(_shortest(sim, position, goals, allowed_error))


def get_shortest_path_to_point(
    sim: Simulation,
    *,
    x: float,
    y: float,  # noqa: ARG001 - all floors are level.
    z: float,
    position: Point | None = None,
    allowed_error: float = 0.25,
) -> dict[str, list[dict[str, float]]]:
    """Find a shortest way to a point; see `get_shortest_path`."""
    return _corners(_shortest(sim, position, [(x, z)], allowed_error))


def _corners(way: list[tuple[float, float]]) -> dict[str, list[dict[str, float]]]:
    return {"corners": [xyz((x, FLOOR_HEIGHT, z)) for x, z in way]}


def _shortest(
    sim: Simulation,
    position: Point | None,
    goals: list[tuple[float, float]],
    allowed_error: float,
) -> list[tuple[float, float]]:
    start = (sim.agent.x, sim.agent.z) if position is None else (position.x, position.z)
    reach = max(allowed_error, sim.config.grid_size)
    ways = []
    for goal in goals:
        way = shortest_path(sim.world.collision, start, goal, sim.config.grid_size)
        if way is not None and dist(way[-1], goal) <= reach:
            ways.append(way)
    if not ways:
        raise ActionError("Path to target could not be found")
    return min(ways, key=len)


def _named(sim: Simulation, object_id: str | None, object_type: str | None) -> list[SimObject]:
    if object_id is not None:
        return [object_by_id(sim, object_id)]
    if object_type is None:
        raise ActionError(
            "action: GetShortestPath is missing the following arguments: objectType",
            "MissingArguments",
        )
    found = [
        item
        for item in sim.world.objects.values()
        if item.type_name == object_type and not item.removed
    ]
    if not found:
        raise ActionError(f"No objects of type {object_type} exist in the scene.")
    return found


def _best_pose(sim: Simulation, item: SimObject) -> Pose | None:
    places = _reachable(sim, sim.config.grid_size)
    poses = interactable_poses(
        sim,
        item,
        places,
        yaws=(sim.agent.yaw, *((sim.agent.yaw + turn) % 360 for turn in (90.0, 180.0, 270.0))),
        horizons=(0.0, 30.0, 60.0, -30.0),
        standings=(True,),
    )
    return next(poses, None)


def object_nav_expert_action(
    sim: Simulation,
    *,
    object_type: str | None = None,
    object_id: str | None = None,
    position: Point | None = None,
) -> str | None:
    """Name the next action on a shortest way to an object of a type, or to a point.

    Returns:
        `MoveAhead`, `RotateLeft`, `RotateRight`, `LookUp` or `LookDown`; None on arrival.
    """
    agent = sim.agent
    pose: Pose | None = None
    if position is None:
        poses = [_best_pose(sim, item) for item in _named(sim, object_id, object_type)]
        ways = [(pose, _path(sim, (pose.x, pose.z))) for pose in poses if pose is not None]
        reached = [(len(way), pose) for pose, way in ways if way is not None]
        if not reached:
            raise ActionError("Path to target could not be found")
        pose = min(reached, key=lambda pair: pair[0])[1]
        goal = (pose.x, pose.z)
    else:
        goal = (position.x, position.z)
    way = _path(sim, goal)
    if way is None:
        raise ActionError("Path to target could not be found")
    if len(way) > 1:
        dx, dz = way[1][0] - agent.x, way[1][1] - agent.z
        return _turn(sim, degrees(atan2(dx, dz))) or "MoveAhead"
    if pose is None:
        return None
    turn = _turn(sim, pose.rotation)
    tilt = pose.horizon - agent.horizon
    return turn or ("LookDown" if tilt > 15 else "LookUp" if tilt < -15 else None)


def _path(sim: Simulation, goal: tuple[float, float]) -> list[tuple[float, float]] | None:
    here = (sim.agent.x, sim.agent.z)
    return shortest_path(sim.world.collision, here, goal, sim.config.grid_size)


def _turn(sim: Simulation, yaw: float) -> str | None:
    gap = (yaw - sim.agent.yaw + 180) % 360 - 180
    if abs(gap) <= min(sim.config.rotate_step_degrees / 2, 45.0):
        return None
    return "RotateRight" if gap > 0 else "RotateLeft"


def get_object_in_frame(
    sim: Simulation, *, x: float, y: float, check_visible: bool = False
) -> str | None:
    """Name the object that the agent's image shows at a point.

    Args:
        sim: Where.
        x: From the left edge, 0..1.
        y: From the top edge, 0..1.
        check_visible: Whether only objects within the visibility distance count.
    """
    item = object_at(sim, x, y)
    if item is None or (check_visible and item.number not in sim.look().visible):
        return None
    return item.object_id


def get_coordinate_from_raycast(sim: Simulation, *, x: float, y: float) -> dict[str, float]:
    """Give the point of the world that the agent's image shows at a point of the image [m]."""
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ActionError(f"x and y must be in [0:1], got x={x:g}, y={y:g}.")
    return xyz(point_at(sim, x, y))


QUERY_ACTIONS: Mapping[str, Callable[..., object]] = {
    "GetReachablePositions": get_reachable_positions,
    "GetInteractablePoses": get_interactable_poses,
    "GetShortestPath": get_shortest_path,
    "GetShortestPathToPoint": get_shortest_path_to_point,
    "ObjectNavExpertAction": object_nav_expert_action,
    "GetObjectInFrame": get_object_in_frame,
    "GetCoordinateFromRaycast": get_coordinate_from_raycast,
}
"""Actions of this file by AI2-THOR's names."""
