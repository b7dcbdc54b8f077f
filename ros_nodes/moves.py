"""AI2-THOR's moves as poses to go to, for robots that navigate by themselves."""

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import Action

NAVIGATE = "nav2_msgs/action/NavigateToPose"

_STEP, _TURN = 0.25, 90.0
"""What a move and a turn are where nothing is said [m], [deg]."""

_DIRECTIONS = {"MoveAhead": (1, 0), "MoveLeft": (0, 1), "MoveBack": (-1, 0), "MoveRight": (0, -1)}
_TURNS = {"RotateLeft": 1, "RotateRight": -1}


def pose_after(action: Action, body: RigidTransform) -> RigidTransform | None:
    """Return where a move takes the body; None for what is no move.

    Args:
        action: The move.
        body: Where the body is, `T_map_body`.
    """
    if action.name in _DIRECTIONS:
        length = float(action.arguments.get("moveMagnitude", _STEP))
        shift = length * np.array([*_DIRECTIONS[action.name], 0.0])
        return body * RigidTransform.from_translation(shift)
    if action.name in _TURNS:
        degrees = _TURNS[action.name] * float(action.arguments.get("degrees", _TURN))
        return body * RigidTransform.from_rotation(Rotation.from_euler("z", degrees, degrees=True))
    return None
