"""Actions that move the agent: steps, turns, looks, teleports."""

from collections.abc import Callable, Mapping
from math import cos, hypot, radians, sin

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.arguments import Angles, Point, Rotation, angles
from embodied_mem.backends.household.simulation import Simulation

LOOK_UP_LIMIT, LOOK_DOWN_LIMIT = 30.0, 60.0
"""How far the camera looks above and below the horizon [degrees]."""

LONGEST_MOVE = 20.0
"""A single step cannot be longer [m]."""


def move_ahead(sim: Simulation, *, move_magnitude: float | None = None) -> None:
    """Step forward; blocked by walls, furniture and doors."""
    _move(sim, 0.0, move_magnitude)


def move_back(sim: Simulation, *, move_magnitude: float | None = None) -> None:
    """Step backward without turning."""
    _move(sim, 180.0, move_magnitude)


def move_left(sim: Simulation, *, move_magnitude: float | None = None) -> None:
    """Step to the left without turning."""
    _move(sim, 270.0, move_magnitude)


def move_right(sim: Simulation, *, move_magnitude: float | None = None) -> None:
    """Step to the right without turning."""
    _move(sim, 90.0, move_magnitude)


def _move(sim: Simulation, direction: float, magnitude: float | None) -> None:
    agent, grid = sim.agent, sim.config.grid_size
    length = grid if magnitude is None else magnitude
    if not 0 < length <= LONGEST_MOVE:
        raise ActionError(
            f"moveMagnitude must lie in (0, {LONGEST_MOVE:g}] m, got {length:g}.", "InvalidArgument"
        )
    heading = radians((agent.yaw + direction) % 360)
    x, z = agent.x + length * sin(heading), agent.z + length * cos(heading)
    if sim.config.snap_to_grid:
        x, z = (_snap(v, o, grid) for v, o in zip((x, z), sim.grid_origin, strict=True))
        if hypot(x - agent.x, z - agent.z) < grid / 4:
            raise ActionError(
                f"a move of {length:g} m ends on the same point of the grid of {grid:g} m. "
                "Move farther, or set snapToGrid to False."
            )
    blocking = sim.world.collision.sweep((agent.x, agent.z), (x, z))
    if blocking is not None:
        sim.collided = (blocking,)
        raise ActionError(
            f"{blocking} is blocking Agent 0 from moving by "
            f"({x - agent.x:.4f}, 0.0000, {z - agent.z:.4f})"
        )
    agent.x, agent.z = x, z


def _snap(value: float, origin: float, grid: float) -> float:
    return round(origin + round((value - origin) / grid) * grid, 6)


def rotate_right(sim: Simulation, *, degrees: float | None = None) -> None:
    """Turn clockwise."""
    turn = sim.config.rotate_step_degrees if degrees is None else degrees
    sim.agent.yaw = round((sim.agent.yaw + turn) % 360, 4) % 360


def rotate_left(sim: Simulation, *, degrees: float | None = None) -> None:
    """Turn anticlockwise."""
    turn = sim.config.rotate_step_degrees if degrees is None else degrees
    sim.agent.yaw = round((sim.agent.yaw - turn) % 360, 4) % 360


def look_up(sim: Simulation, *, degrees: float = 30.0) -> None:
    """Tilt the camera up, at most to 30 degrees above the horizon."""
    _check_positive("LookUp", degrees)
    horizon = round(sim.agent.horizon - degrees, 4)
    if horizon < -LOOK_UP_LIMIT:
        raise ActionError(
            f"can't look up beyond {LOOK_UP_LIMIT:g} degrees above the forward horizon",
            "LookUpCantExceedMax",
        )
    sim.agent.horizon = horizon


def look_down(sim: Simulation, *, degrees: float = 30.0) -> None:
    """Tilt the camera down, at most to 60 degrees below the horizon."""
    _check_positive("LookDown", degrees)
    horizon = round(sim.agent.horizon + degrees, 4)
    if horizon > LOOK_DOWN_LIMIT:
        raise ActionError(
            f"can't look down beyond {LOOK_DOWN_LIMIT:g} degrees below the forward horizon",
            "LookDownCantExceedMin",
        )
    sim.agent.horizon = horizon


def _check_positive(action: str, degrees: float) -> None:
    if degrees < 0:
        raise ActionError(
            f"{action} action requires positive degree value. Invalid value used: {degrees:g}"
        )


def crouch(sim: Simulation) -> None:
    """Lower the camera by 22 cm."""
    if not sim.agent.standing:
        raise ActionError("Already crouching.")
    sim.agent.standing = False


def stand(sim: Simulation) -> None:
    """Raise the camera again."""
    if sim.agent.standing:
        raise ActionError("Already standing.")
    sim.agent.standing = True


def teleport(
    sim: Simulation,
    *,
    position: Point | None = None,
    rotation: Rotation | None = None,
    horizon: float | None = None,
    standing: bool | None = None,
    force_action: bool = False,
) -> None:
    """Take any part of a new pose, if the agent fits there; a forced one may stand anywhere."""
    agent = sim.agent
    turn = Angles(y=agent.yaw) if rotation is None else angles(rotation)
    if turn.x or turn.z:
        raise ActionError(
            "ArgumentOutOfRangeException: No agents currently can change in pitch or roll. So, you "
            f"must set rotation(x=0, y=yaw, z=0). You gave ({turn.x:g}, {turn.y:g}, {turn.z:g})."
        )
    tilt = agent.horizon if horizon is None else horizon
    if not force_action and not -LOOK_UP_LIMIT <= tilt <= LOOK_DOWN_LIMIT:
        raise ActionError(
            "ArgumentOutOfRangeException: Each horizon must be in "
            f"[-{LOOK_UP_LIMIT:g}:{LOOK_DOWN_LIMIT:g}]. You gave {tilt:g}."
        )
    if not -90 < tilt < 90:
        raise ActionError(f"a horizon must lie between -90 and 90 degrees, got {tilt:g}.")
    if position is not None:
        _check_place(sim, position, force=force_action)
        agent.x, agent.z = position.x, position.z
        sim.grid_origin = (position.x, position.z)
    agent.yaw = turn.y % 360
    agent.horizon = tilt
    agent.standing = agent.standing if standing is None else standing


def _check_place(sim: Simulation, position: Point, *, force: bool) -> None:
    low, high = sim.world.shell.bounds
    inside = (
        low[0] <= position.x <= high[0]
        and low[2] <= position.z <= high[2]
        and low[1] - 0.5 <= position.y <= high[1] + 0.5
    )
    room = sim.world.shell.room_at(position.x, position.z)
    if not force and not (inside and room is not None):
        raise ActionError(
            f"ArgumentOutOfRangeException: Teleport position ({position.x:.6f}, {position.y:.6f}, "
            f"{position.z:.6f}) out of scene bounds! Ignore this by setting forceAction=true."
        )
    blocking = None if force else sim.world.collision.blocking(position.x, position.z)
    if blocking is not None:
        sim.collided = (blocking,)
        raise ActionError(f"Cannot teleport due to hitting an object: {blocking}")


def teleport_full(
    sim: Simulation,
    *,
    position: Point,
    rotation: Rotation,
    horizon: float,
    standing: bool,
    force_action: bool = False,
) -> None:
    """Take a whole new pose, if the agent fits there."""
    teleport(
        sim,
        position=position,
        rotation=rotation,
        horizon=horizon,
        standing=standing,
        force_action=force_action,
    )


def do_nothing(sim: Simulation) -> None:
    """Let time pass."""


MOTION_ACTIONS: Mapping[str, Callable[..., object]] = {
    "MoveAhead": move_ahead,
    "MoveBack": move_back,
    "MoveLeft": move_left,
    "MoveRight": move_right,
    "RotateLeft": rotate_left,
    "RotateRight": rotate_right,
    "LookUp": look_up,
    "LookDown": look_down,
    "Crouch": crouch,
    "Stand": stand,
    "Teleport": teleport,
    "TeleportFull": teleport_full,
    "Pass": do_nothing,
    "Done": do_nothing,
}
"""Actions of this file by AI2-THOR's names."""
