"""The grid of poses that the body moves on: fixed steps along four headings."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

Node = tuple[int, int]
"""Steps along the world's x and y from the lattice's origin."""

HEADINGS: tuple[Node, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Forward direction of heading 0..3: along x, y, -x, -y, counter-clockwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Nodes at multiples of a step from an origin, along the world's axes."""

    origin: tuple[float, float]
    """World position of node (0, 0) [m]."""
    spacing: float = 0.25
    """Length of one move [m]."""

    def node(self, point: Float[np.ndarray, "2"]) -> Node:
        """Return the node nearest to a world point [m]."""
        steps = np.round((np.asarray(point)[:2] - self.origin) / self.spacing)
        return int(steps[0]), int(steps[1])

    def point(self, node: Node) -> Float[np.ndarray, "2"]:
        """Return the world position of a node [m]."""
        return np.asarray(self.origin) + np.asarray(node) * self.spacing

    def points(self, nodes: Int[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Return the world positions of nodes [m]."""
        return np.asarray(self.origin) + nodes * self.spacing

    def offset(self, point: Float[np.ndarray, "2"]) -> float:
        """Return how far a world point is from its node [m]."""
        return float(np.linalg.norm(np.asarray(point)[:2] - self.point(self.node(point))))


def heading_of(yaw: float) -> tuple[int, float]:
    """Return the heading nearest to a yaw [rad], and what the yaw lacks to it [rad]."""
    quarter = np.pi / 2
    heading = round(yaw / quarter)
    return heading % 4, heading * quarter - yaw
