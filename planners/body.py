"""Where the body is and looks, and the actions that turn it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from embodied_mem.errors import PlanningError
from embodied_mem.memory import Memory
from embodied_mem.types import Action

LOOK_UP_LIMIT, LOOK_DOWN_LIMIT = -30.0, 60.0
"""How far the camera tilts [degrees], positive downward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Pose of the body and of its camera."""

    position: Float[np.ndarray, "2"]
    """On the floor [m]."""
    yaw: float
    """Counter-clockwise from the world's x [rad]."""
    horizon: float
    """Tilt of the camera, positive downward [degrees]."""
    camera_height: float
    """Height of the camera in the world [m]."""

    @classmethod
    def of(cls, memory: Memory) -> "Body":
        """Read the pose from the newest percept.

        Raises:
            PlanningError: The percept has no poses.
        """
        frame = memory.latest.frame if memory.latest is not None else None
        if frame is None or frame.T_world_body is None or frame.T_world_camera is None:
            raise PlanningError(
                "the planner needs the pose of body and camera in each frame, got none. "
                "Use a backend that gives poses."
            )
        body, camera = frame.T_world_body.as_matrix(), frame.T_world_camera.as_matrix()
        return cls(
            position=body[:2, 3],
            yaw=float(np.arctan2(body[1, 0], body[0, 0])),
            horizon=float(np.degrees(np.arcsin(np.clip(-camera[2, 2], -1, 1)))),
            camera_height=float(camera[2, 3]),
        )

    def bearing(self, point: Float[np.ndarray, "*"]) -> float:
        """Return the turn, counter-clockwise, that faces a point of the floor plan [rad]."""
        offset = np.asarray(point)[:2] - self.position
        return wrap(float(np.arctan2(offset[1], offset[0])) - self.yaw)

    def tilt_to(self, point: Float[np.ndarray, "3"]) -> float:
        """Return the tilt at which the camera looks at a point, within its limits [degrees]."""
        away = max(float(np.hypot(*(point[:2] - self.position))), 1e-3)
        tilt = np.degrees(np.arctan2(self.camera_height - point[2], away))
        return float(np.clip(tilt, LOOK_UP_LIMIT, LOOK_DOWN_LIMIT))


def wrap(angle: float) -> float:
    """Bring an angle [rad] into (-pi, pi]."""
    return float(np.pi - (np.pi - angle) % (2 * np.pi))


def turn(angle: float) -> Action:
    """Return the action that turns the body counter-clockwise by an angle [rad]."""
    degrees = round(float(np.degrees(angle)), 2)
    return Action(
        name="RotateLeft" if degrees > 0 else "RotateRight", arguments={"degrees": abs(degrees)}
    )


def tilt(change: float) -> Action:
    """Return the action that tilts the camera, downward for a positive change [degrees]."""
    degrees = round(abs(change), 2)
    return Action(name="LookDown" if change > 0 else "LookUp", arguments={"degrees": degrees})


def tilt_change(horizon: float, wanted: float) -> float:
    """Return the change of tilt [degrees] that stays within the camera's limits."""
    return float(np.clip(wanted, LOOK_UP_LIMIT, LOOK_DOWN_LIMIT)) - horizon
