"""Plan geometry of rooms: areas, ear clipping, containment. Points are (x, z) in metres."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int32

Point = tuple[float, float]
Plan = Sequence[float] | np.ndarray


def signed_area(polygon: Float[np.ndarray, "k 2"]) -> float:
    """Area by the shoelace formula [m^2]; positive where x turns to z along the boundary."""
    x, z = polygon[:, 0], polygon[:, 1]
    return float(x @ np.roll(z, -1) - z @ np.roll(x, -1)) / 2


def without_repeats(polygon: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "j 2"]:
    """Drop points that repeat their predecessor (within 0.1 mm), the closing point included."""
    step = np.abs(polygon - np.roll(polygon, 1, axis=0)).max(axis=1)
    return polygon[step > 1e-4]


def crossing(polygon: Float[np.ndarray, "k 2"]) -> tuple[int, int] | None:
    """Find two edges that properly cross; touching boundaries are allowed.

    Returns:
        The edges' first point indices, or None for a simple polygon.
    """
    ends = np.roll(polygon, -1, axis=0)
    for i in range(len(polygon)):
        for j in range(i + 2, len(polygon)):
            if _cross(polygon[i], ends[i], polygon[j], ends[j]):
                return i, j
    return None


def _turn(a: Plan, b: Plan, c: Plan) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the open segments ab and cd cross at one inner point."""
    margin = 1e-9
    ac, ad = _turn(a, b, c), _turn(a, b, d)
    ca, cb = _turn(c, d, a), _turn(c, d, b)
    apart_ab = (ac > margin and ad < -margin) or (ac < -margin and ad > margin)
    apart_cd = (ca > margin and cb < -margin) or (ca < -margin and cb > margin)
    return apart_ab and apart_cd


def triangulate(polygon: Float[np.ndarray, "k 2"]) -> Int32[np.ndarray, "t 3"]:
    """Cut a simple polygon into triangles by clipping ears.

    Args:
        polygon: Corners in either direction; collinear points are allowed.

    Returns:
        Indices of corners, every triangle with positive area in the (x, z) plane.
    """
    points = [(float(x), float(z)) for x, z in polygon]
    order = list(range(len(points)))
    if signed_area(polygon) < 0:
        order.reverse()
    triangles: list[tuple[int, int, int]] = []
    while len(order) > 3:
        at = _ear(points, order)
        before, tip, after = order[at - 1], order[at], order[(at + 1) % len(order)]
        if _turn(points[before], points[tip], points[after]) > 1e-9:
            triangles.append((before, tip, after))
        del order[at]
    if len(order) == 3 and _turn(*(points[i] for i in order)) > 1e-9:
        triangles.append((order[0], order[1], order[2]))
    return np.array(triangles, dtype=np.int32).reshape(-1, 3)


def _ear(points: Sequence[Point], order: list[int]) -> int:
    """Index into `order` of a corner to cut off: a flat one first, else the fattest ear."""
    best, best_area = -1, -1.0
    for at in range(len(order)):
        a, b, c = (points[order[(at + k) % len(order)]] for k in (-1, 0, 1))
        turn = _turn(a, b, c)
        if abs(turn) <= 1e-9:
            return at
        if turn < 0 or turn <= best_area:
            continue
        others = (points[i] for i in order if points[i] not in (a, b, c))
        if not any(_in_triangle(point, a, b, c) for point in others):
            best, best_area = at, turn
    return best if best >= 0 else 0  # A polygon that touches itself: cut anyway, lose a sliver.


def _in_triangle(point: Point, a: Point, b: Point, c: Point) -> bool:
    return all(_turn(p, q, point) >= -1e-12 for p, q in pairwise((a, b, c, a)))


def contains(
    polygon: Float[np.ndarray, "k 2"], points: Float[np.ndarray, "p 2"]
) -> Bool[np.ndarray, "p"]:
    """Tell which points lie inside, by counting crossings of a ray along +x."""
    inside = np.zeros(len(points), dtype=bool)
    x, z = points[:, 0], points[:, 1]
    for (x0, z0), (x1, z1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        spans = (z0 > z) != (z1 > z)
        if z0 != z1:
            inside ^= spans & (x < x0 + (z - z0) / (z1 - z0) * (x1 - x0))
    return inside


def interior_point(polygon: Float[np.ndarray, "k 2"]) -> Point:
    """A point well inside: the centre of the largest triangle of the polygon."""
    triangles = triangulate(polygon)
    corners = polygon[triangles]  # (t, 3, 2)
    sizes = [abs(signed_area(triangle)) for triangle in corners]
    x, z = corners[int(np.argmax(sizes))].mean(axis=0)
    return float(x), float(z)
