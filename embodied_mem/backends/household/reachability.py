"""Where the agent can go on its grid: AI2-THOR's reachable positions and shortest paths.

A position counts when the agent gets there in steps of one grid cell along the axes, each of them
swept for collisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order

from embodied_mem.backends.household.collision import CollisionMap


@dataclass(frozen=True, slots=True)
class Lattice:
    """The grid through the agent's position, with the moves that are free."""

    points: Float[np.ndarray, "n 2"]
    """(x, z) of each node [m]."""
    start: int
    """The node nearest to where the agent stands; it counts as free."""
    order: Int[np.ndarray, "r"]
    """Nodes that can be reached, nearest (in steps) first."""
    previous: Int[np.ndarray, "n"]
    """The node before on a shortest way from the start; negative where there is none."""


def explore(
    obstacles: CollisionMap,
    start: Sequence[float] | np.ndarray,
    grid_size: float = 0.25,
    radius: float = 0.2,
) -> Lattice:
    """Search the grid breadth first from where the agent stands.

    Args:
        obstacles: What is in the way. It must enclose the start, or the grid ends at its bounds.
        start: (x, z) of the agent [m]; the grid goes through it.
        grid_size: Length of a step [m].
        radius: Of the agent [m].
    """
    low, high = obstacles.bounds
    origin = np.asarray(start, dtype=float)
    first = np.minimum(np.ceil((low - origin) / grid_size), 0).astype(int)
    last = np.maximum(np.floor((high - origin) / grid_size), 0).astype(int)
    shape = tuple(int(n) for n in last - first + 1)
    points = np.stack(
        np.meshgrid(*(np.arange(first[k], last[k] + 1) for k in (0, 1)), indexing="ij"), axis=-1
    ).reshape(-1, 2)
    points = points * grid_size + origin
    here = int(np.ravel_multi_index(tuple(-first), shape))
    free = obstacles.free(points, radius)
    free[here] = True
    pairs = _neighbours(np.arange(len(points)).reshape(shape), free)
    passes = obstacles.free_moves(points[pairs[:, 0]], points[pairs[:, 1]], radius)
    for move in np.flatnonzero((pairs == here).any(axis=1) & ~passes):  # Touching at the start.
        there = pairs[move].sum() - here
        passes[move] = obstacles.sweep(points[here], points[there], radius) is None
    pairs = pairs[passes]
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2).tocsr()
    order, previous = breadth_first_order(graph, here, directed=False)
    return Lattice(points, here, order, previous)


def _neighbours(
    numbers: Int[np.ndarray, "a b"], free: Bool[np.ndarray, "n"]
) -> Int[np.ndarray, "m 2"]:
    right = np.stack((numbers[:-1].ravel(), numbers[1:].ravel()), axis=1)
    ahead = np.stack((numbers[:, :-1].ravel(), numbers[:, 1:].ravel()), axis=1)
    pairs = np.concatenate((right, ahead))
    return pairs[free[pairs].all(axis=1)]


def reachable_positions(
    obstacles: CollisionMap,
    start: Sequence[float] | np.ndarray,
    grid_size: float = 0.25,
    radius: float = 0.2,
) -> Float[np.ndarray, "n 2"]:
    """List the grid positions (x, z) that the agent can reach, its own first."""
    lattice = explore(obstacles, start, grid_size, radius)
    return lattice.points[lattice.order]


def shortest_path(
    obstacles: CollisionMap,
    start: Sequence[float] | np.ndarray,
    goal: Sequence[float] | np.ndarray,
    grid_size: float = 0.25,
    radius: float = 0.2,
) -> list[tuple[float, float]] | None:
    """Find a way with the fewest steps to the reachable position nearest to the goal.

    Returns:
        Grid positions from the start on; None when no reachable one lies within a step of the goal.
    """
    lattice = explore(obstacles, start, grid_size, radius)
    reached = lattice.points[lattice.order]
    gaps = np.linalg.norm(reached - np.asarray(goal, dtype=float), axis=1)
    if gaps.min() > grid_size:
        return None
    node = int(lattice.order[gaps.argmin()])
    path = [node]
    while path[-1] != lattice.start:
        path.append(int(lattice.previous[path[-1]]))
    return [(float(x), float(z)) for x, z in lattice.points[path[::-1]]]
