"""The law by which an expert walks the tool to a cube; and what it would do next, imagined."""

import numpy as np
from jaxtyping import Float32

ABOVE = np.array([0, 0, 0.03], np.float32)
"""Where the tool is walked to, from the middle of the cube [m]."""

LONGEST = 0.1
"""Longest motion that a step can ask for along an axis [m]."""

_FOLLOWED = 0.37
"""Share of the motion asked for that the arm makes within a step (seen in the simulator)."""


def motion_towards(
    cube: Float32[np.ndarray, "3"], tool: Float32[np.ndarray, "3"]
) -> Float32[np.ndarray, "3"]:
    """Ask for a motion, in tenths of a metre, at most 1 along each axis."""
    return np.clip((cube + ABOVE - tool) / LONGEST, -1, 1)


def imagined_motions(
    cube: Float32[np.ndarray, "3"], tool: Float32[np.ndarray, "3"], count: int
) -> Float32[np.ndarray, "k 3"]:
    """What the expert would ask for in the next steps, were this the right cube."""
    motions = []
    for _ in range(count):
        motions.append(motion_towards(cube, tool))
        tool = tool + _FOLLOWED * LONGEST * motions[-1]
    return np.stack(motions)
