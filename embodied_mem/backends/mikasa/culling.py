"""Which triangles of a mesh can be seen from in front: rendering the others is in vain.

Axes: n vertices, t triangles, v views, p points.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

_POINTS = 1_000_000
"""Drawn evenly from the surface; some to each cell."""

_CELL = 5e-4
"""Side of a cell of the depth image [m]; a twentieth of what a pixel of the task's camera shows."""

_BEHIND = 2e-3
"""Depth behind the nearest surface up to which a triangle is kept [m]."""

_VIEWS = 14
_CONE = np.radians(50)
"""Views are spread over a cone of this half-angle around the usual one."""


def seen_from(
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "t 3"],
    towards: Float[np.ndarray, "3"],
) -> Bool[np.ndarray, "t"]:
    """Say which triangles are seen from somewhere around a direction, from far away.

    Args:
        vertices: Places [m].
        triangles: Their corners.
        towards: From the mesh towards the usual view, of any length.
    """
    corners = vertices[triangles].astype(np.float64)  # (t, 3, 3)
    owners, points = _surface(corners)
    seen = np.zeros(len(triangles), bool)
    for view in _views(towards):
        seen[owners[_in_front(points, view)]] = True
    return seen


def _surface(
    corners: Float[np.ndarray, "t 3 3"],
) -> tuple[Int[np.ndarray, "p"], Float[np.ndarray, "p 3"]]:
    """Draw points from the surface, and the middle of each triangle, with whose they are."""
    random = np.random.default_rng(0)
    sides = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    owners = random.choice(len(corners), _POINTS, p=area / area.sum())
    far, along = np.sqrt(random.random(_POINTS)), random.random(_POINTS)
    shares = np.stack([1 - far, far * (1 - along), far * along], 1)
    points = np.einsum("pk,pkd->pd", shares, corners[owners])
    every = np.arange(len(corners))
    return np.concatenate([owners, every]), np.concatenate([points, corners.mean(1)])


def _in_front(points: Float[np.ndarray, "p 3"], view: Float[np.ndarray, "3"]) -> np.ndarray:
    """Say which points have nothing before them."""
    across, up = _beside(view)
    cells = np.stack([points @ across, points @ up], 1)
    cells = ((cells - cells.min(0)) / _CELL).astype(np.int64)
    flat = cells[:, 1] * (cells[:, 0].max() + 1) + cells[:, 0]
    nearness = points @ view
    nearest = np.full(flat.max() + 1, -np.inf)
    np.maximum.at(nearest, flat, nearness)
    return nearness >= nearest[flat] - _BEHIND


def _views(towards: Float[np.ndarray, "3"]) -> Float[np.ndarray, "v 3"]:
    """Spread directions evenly over the cone (a Fibonacci lattice)."""
    middle = towards / np.linalg.norm(towards)
    across, up = _beside(middle)
    number = np.arange(_VIEWS)
    cosine = 1 - (1 - np.cos(_CONE)) * number / (_VIEWS - 1)
    sine, turn = np.sqrt(1 - cosine**2), number * np.pi * (3 - np.sqrt(5))
    sideways = np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * up
    return cosine[:, None] * middle + sine[:, None] * sideways


def _beside(view: Float[np.ndarray, "3"]) -> tuple[np.ndarray, np.ndarray]:
    """Two directions at right angles to one, and to each other."""
    across = np.cross(view, np.eye(3)[np.abs(view).argmin()])
    across /= np.linalg.norm(across)
    return across, np.cross(across, view)
