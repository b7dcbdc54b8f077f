"""The one place where AI2-THOR's axes meet ours (REP 103).

AI2-THOR (Unity): left-handed, x right, y up, z forward, metres and degrees; yaw turns clockwise
seen from above, 0 looks along +z and 90 along +x; horizon is the camera's pitch, down is positive.
Ours: world and body right-handed, x forward, y left, z up, radians; cameras are optical frames, x
right, y down, z forward. World x = thor z, world y = -thor x, world z = thor y.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import RigidTransform, Rotation

AGENT_HEIGHT = 0.9009992
"""Height of the agent's `position` above the floor it stands on [m] (`agent.position.y`)."""

CAMERA_OFFSET = 0.675
"""Height of the standing agent's camera above `agent.position` [m]."""

_WORLD_THOR = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Turns thor coordinates into world coordinates; its determinant is -1, as the handedness flips."""

_THOR_OPTICAL = np.diag([1.0, -1.0, 1.0])
"""Optical axes of a camera that looks along thor's +z: right = x, down = -y, forward = z."""


def thor_vector(point: Mapping[str, float]) -> Float[np.ndarray, "3"]:
    """Read `{x, y, z}` as an array, still in AI2-THOR's axes."""
    return np.array([point["x"], point["y"], point["z"]], dtype=np.float64)


def thor_mapping(point: Float[np.ndarray, "3"]) -> dict[str, float]:
    """Write an array in AI2-THOR's axes as `{x, y, z}`."""
    return {"x": float(point[0]), "y": float(point[1]), "z": float(point[2])}


def world_from_thor(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Convert points or directions from AI2-THOR's axes to the world frame [m]."""
    return np.asarray(points, dtype=np.float64) @ _WORLD_THOR.T


def thor_from_world(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Convert points or directions from the world frame to AI2-THOR's axes [m]."""
    return np.asarray(points, dtype=np.float64) @ _WORLD_THOR


def world_yaw(degrees: float) -> float:
    """Convert AI2-THOR's yaw [deg, clockwise] to a world yaw in [-pi, pi) [rad, anticlockwise]."""
    return float((-np.radians(degrees) + np.pi) % (2 * np.pi) - np.pi)


def thor_yaw(radians: float) -> float:
    """Convert a world yaw [rad, anticlockwise] to AI2-THOR's yaw in [0, 360) [deg, clockwise]."""
    degrees = float(-np.degrees(radians) % 360.0)
    return 0.0 if degrees == 360.0 else degrees  # -1e-17 % 360 rounds up to 360.


def body_pose(position: Mapping[str, float], yaw: float) -> RigidTransform:
    """Place the robot's base: on the floor below the agent, x forward.

    Args:
        position: `agent.position` of the metadata [m].
        yaw: `agent.rotation.y` [deg].

    Returns:
        T_world_body.
    """
    base = thor_vector(position) - np.array([0.0, AGENT_HEIGHT, 0.0])
    return RigidTransform.from_components(
        world_from_thor(base), Rotation.from_euler("z", world_yaw(yaw))
    )


def thor_agent(T_world_body: RigidTransform) -> tuple[dict[str, float], float]:  # noqa: N803
    """Invert `body_pose`: the agent's `position` [m] and yaw [deg] for a base pose."""
    base = thor_from_world(T_world_body.translation)
    forward = T_world_body.rotation.apply([1.0, 0.0, 0.0])
    position = thor_mapping(base + np.array([0.0, AGENT_HEIGHT, 0.0]))
    return position, thor_yaw(np.arctan2(forward[1], forward[0]))


def camera_pose(
    position: Mapping[str, float], yaw: float, horizon: float, roll: float = 0.0
) -> RigidTransform:
    """Place a camera's optical frame.

    Args:
        position: `cameraPosition` of the metadata [m].
        yaw: `agent.rotation.y` [deg].
        horizon: `agent.cameraHorizon`, positive downwards [deg].
        roll: Turn about the line of sight, `rotation.z` of a third-party camera [deg].

    Returns:
        T_world_camera.
    """
    turned = thor_rotation({"x": horizon, "y": yaw, "z": roll})
    axes = _WORLD_THOR @ turned @ _THOR_OPTICAL  # (world, optical)
    return RigidTransform.from_components(
        world_from_thor(thor_vector(position)), Rotation.from_matrix(axes)
    )


def thor_camera(T_world_camera: RigidTransform) -> tuple[dict[str, float], float, float]:  # noqa: N803
    """Invert `camera_pose` for a camera without roll: position [m], yaw and horizon [deg].

    A camera that looks straight up or down has its yaw taken from where the image's top points.
    """
    axes = _WORLD_THOR.T @ T_world_camera.rotation.as_matrix()  # (thor, optical)
    forward, right = axes[:, 2], axes[:, 0]
    yaw = np.degrees(np.arctan2(-right[2], right[0])) % 360.0  # right = (cos yaw, 0, -sin yaw)
    horizon = np.degrees(np.arctan2(-forward[1], -axes[1, 1]))  # up.y = cos horizon
    position = thor_mapping(thor_from_world(T_world_camera.translation))
    return position, float(yaw), float(horizon)


def object_pose(position: Mapping[str, float], rotation: Mapping[str, float]) -> RigidTransform:
    """Place an object's frame: x to its front (thor's z), y to its left, z up.

    Args:
        position: `position` of the object's metadata [m].
        rotation: `rotation` of the object's metadata, Euler angles [deg].

    Returns:
        T_world_object.
    """
    turned = _WORLD_THOR @ thor_rotation(rotation) @ _WORLD_THOR.T
    return RigidTransform.from_components(
        world_from_thor(thor_vector(position)), Rotation.from_matrix(turned)
    )


def thor_rotation(angles: Mapping[str, float]) -> Float[np.ndarray, "3 3"]:
    """Build the matrix of Unity's Euler angles [deg]: about z first, then x, then y.

    Written out, as in Unity's left-handed axes all three turn clockwise seen against their axis:
    yaw 90 takes +z to +x, pitch 90 takes +z to -y, roll 90 takes +x to +y.
    """
    x, y, z = (np.radians(angles.get(name, 0.0)) for name in "xyz")
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(x), -np.sin(x)], [0.0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0.0, np.sin(y)], [0.0, 1.0, 0.0], [-np.sin(y), 0.0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0.0], [np.sin(z), np.cos(z), 0.0], [0.0, 0.0, 1.0]])
    return about_y @ about_x @ about_z


def world_box(corners: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "2 3"]:
    """Bound corners given in AI2-THOR's axes by a box of the world frame, lowest corner first."""
    points = world_from_thor(corners)
    return np.stack((points.min(axis=0), points.max(axis=0)))
