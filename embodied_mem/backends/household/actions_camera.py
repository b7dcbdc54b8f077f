"""Actions on cameras that the agent does not carry."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.arguments import Angles, Point, Rotation, angles
from embodied_mem.backends.household.metadata import xyz
from embodied_mem.backends.household.simulation import ExtraCamera, Simulation

MOST_CAMERAS = 16
"""Extra cameras that a scene can have."""


def get_map_view_camera_properties(sim: Simulation) -> dict[str, object]:
    """Give arguments for AddThirdPartyCamera that show the whole house from above."""
    low, high = sim.world.shell.bounds
    middle = (low + high) / 2
    size = high - low
    return {
        "position": xyz((float(middle[0]), float(high[1] + 2.0), float(middle[2]))),
        "rotation": {"x": 90.0, "y": 0.0, "z": 0.0},
        "orthographicSize": float(max(size[0], size[2]) / 2 + 0.2),
        "orthographic": True,
    }


def add_third_party_camera(
    sim: Simulation,
    *,
    position: Point,
    rotation: Rotation,
    field_of_view: float = 90.0,
    orthographic: bool = False,
    orthographic_size: float = 5.0,
) -> None:
    """Add a camera; its images come with every event from now on.

    Args:
        sim: Where.
        position: Of the camera [m].
        rotation: x tilts it down, y turns it [degrees]; z must be 0.
        field_of_view: Vertical angle [degrees].
        orthographic: Whether the projection is parallel.
        orthographic_size: Half of the height that a parallel projection shows [m].
    """
    if len(sim.cameras) >= MOST_CAMERAS:
        raise ActionError(f"a scene has at most {MOST_CAMERAS} third-party cameras.")
    turn = _checked(rotation)
    sim.cameras.append(
        ExtraCamera(
            position=(position.x, position.y, position.z),
            yaw=turn.y % 360,
            pitch=turn.x,
            field_of_view=_checked_angle(field_of_view),
            orthographic_size=_checked_size(orthographic_size) if orthographic else None,
        )
    )


def update_third_party_camera(
    sim: Simulation,
    *,
    third_party_camera_id: int = 0,
    position: Point | None = None,
    rotation: Rotation | None = None,
    field_of_view: float | None = None,
    orthographic: bool | None = None,
    orthographic_size: float | None = None,
) -> None:
    """Change a camera; what is not given stays. See `add_third_party_camera`."""
    if not 0 <= third_party_camera_id < len(sim.cameras):
        raise ActionError(
            f"there is no third-party camera {third_party_camera_id}: the scene has "
            f"{len(sim.cameras)}, numbered from 0."
        )
    camera = sim.cameras[third_party_camera_id]
    turn = None if rotation is None else _checked(rotation)
    angle = None if field_of_view is None else _checked_angle(field_of_view)
    size = None if orthographic_size is None else _checked_size(orthographic_size)
    if position is not None:
        camera.position = (position.x, position.y, position.z)
    if turn is not None:
        camera.yaw, camera.pitch = turn.y % 360, turn.x
    if angle is not None:
        camera.field_of_view = angle
    if orthographic is False:
        camera.orthographic_size = None
    elif orthographic or camera.orthographic_size is not None:
        camera.orthographic_size = size or camera.orthographic_size or 5.0


def _checked(rotation: Rotation) -> Angles:
    turn = angles(rotation)
    if turn.z % 360:
        raise ActionError(f"a camera cannot roll: rotation.z must be 0, got {turn.z:g}.")
    pitch = (turn.x + 180) % 360 - 180
    if abs(pitch) > 90:
        raise ActionError(f"a camera's rotation.x must lie in [-90, 90], got {turn.x:g}.")
    return Angles(x=pitch, y=turn.y)


def _checked_angle(field_of_view: float) -> float:
    if not 0 < field_of_view < 180:
        raise ActionError("fov must be set to (0, 180) noninclusive.")
    return field_of_view


def _checked_size(size: float) -> float:
    if not 0.01 <= size <= 1000:
        raise ActionError(f"orthographicSize must lie in [0.01, 1000] m, got {size:g}.")
    return size


CAMERA_ACTIONS: Mapping[str, Callable[..., object]] = {
    "GetMapViewCameraProperties": get_map_view_camera_properties,
    "AddThirdPartyCamera": add_third_party_camera,
    "UpdateThirdPartyCamera": update_third_party_camera,
}
"""Actions of this file by AI2-THOR's names."""
