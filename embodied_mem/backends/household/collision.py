"""What the agent bumps into: a disc moving in plan among oriented rectangles.

Exact: a move is a capsule, and the distance of a segment to a rectangle is closed-form. All
obstacles are tested at once with numpy after a cut by bounding boxes, so no tree is kept up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

TOLERANCE = 1e-4
"""Contact that is not yet a collision [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """A box that stands upright: an oriented rectangle in plan, over a span of heights."""

    name: str
    """What is reported as blocking; several obstacles may share it (the parts of an object)."""
    center_x: float
    center_z: float
    half_x: float
    """Half of the size along its own x [m]."""
    half_z: float
    """Half of the size along its own z [m]."""
    yaw: float = 0.0
    """Clockwise from above [degrees]: its z axis points to (sin yaw, cos yaw) in (x, z)."""
    low: float = 0.0
    """Underside above the floor [m]."""
    high: float = 3.0
    """Top above the floor [m]."""


class CollisionMap:
    """Obstacles of a house, asked about by an upright cylinder.

    Args:
        obstacles: What stands in the way.
        low: Underside of the agent's body [m]; what ends below is stepped over.
        high: Top of the agent's body [m]; what begins above is walked under.
    """

    def __init__(
        self, obstacles: Iterable[Obstacle] = (), *, low: float = 0.05, high: float = 1.8
    ) -> None:
        self.low, self.high = low, high
        self._slots: dict[str, list[int]] = {}
        self._unused: list[int] = []
        self._names: list[str] = []
        self._rows = np.empty((0, 6))  # center x z, half x z, sin yaw, cos yaw
        self._boxes = np.empty((0, 4))  # low x z, high x z in plan; empty where unused
        for obstacle in obstacles:
            self.add(obstacle)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all obstacles."""
        return tuple(self._slots)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """Lowest and highest (x, z) of all obstacles [m]; zeros without any."""
        boxes = self._boxes[np.isfinite(self._boxes[:, 0])]
        if not len(boxes):
            return np.zeros(2), np.zeros(2)
        return boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)

    def add(self, obstacle: Obstacle) -> None:
        """Add one obstacle; others of its name stay. It is left out where the agent clears it."""
        if obstacle.high <= self.low or obstacle.low >= self.high:
            self._slots.setdefault(obstacle.name, [])
            return
        if not self._unused:
            self._grow()
        slot = self._unused.pop()
        yaw = np.deg2rad(obstacle.yaw)
        sin, cos = np.sin(yaw), np.cos(yaw)
        half = np.array((obstacle.half_x, obstacle.half_z))
        center = np.array((obstacle.center_x, obstacle.center_z))
        self._rows[slot] = (*center, *half, sin, cos)
        reach = np.abs(((cos, sin), (-sin, cos))) @ half
        self._boxes[slot] = (*(center - reach), *(center + reach))
        self._names[slot] = obstacle.name
        self._slots.setdefault(obstacle.name, []).append(slot)

    def _grow(self) -> None:
        size = len(self._names)
        more = max(64, size)
        self._rows = np.concatenate((self._rows, np.zeros((more, 6))))
        self._boxes = np.concatenate((self._boxes, np.full((more, 4), np.nan)))
        self._names += [""] * more
        self._unused += range(size + more - 1, size - 1, -1)

    def remove(self, name: str) -> None:
        """Take away every obstacle of this name; none is fine."""
        for slot in self._slots.pop(name, ()):
            self._boxes[slot] = np.nan
            self._unused.append(slot)

    def replace(self, name: str, obstacles: Iterable[Obstacle]) -> None:
        """Put these in place of all obstacles of this name, as when an object moves."""
        self.remove(name)
        for obstacle in obstacles:
            self.add(obstacle)

    def is_free(self, x: float, z: float, radius: float = 0.2) -> bool:
        """Whether a disc fits here."""
        return self.blocking(x, z, radius) is None

    def blocking(self, x: float, z: float, radius: float = 0.2) -> str | None:
        """Name the obstacle into which a disc would reach deepest, or None."""
        point = np.array((x, z))
        near = self._near(point, point, radius)
        if not len(near):
            return None
        gaps = _segment_gap(self._rows[near], point, point)
        return self._names[near[gaps.argmin()]] if gaps.min() < radius - TOLERANCE else None

    def free(self, points: Float[np.ndarray, "n 2"], radius: float = 0.2) -> Bool[np.ndarray, "n"]:
        """Tell for many points (x, z) whether a disc fits."""
        return self.free_moves(points, points, radius)

    def free_moves(
        self,
        starts: Float[np.ndarray, "n 2"],
        ends: Float[np.ndarray, "n 2"],
        radius: float = 0.2,
    ) -> Bool[np.ndarray, "n"]:
        """Tell for many straight moves whether a disc gets through."""
        result = np.ones(len(starts), dtype=bool)
        low, high = np.minimum(starts, ends) - radius, np.maximum(starts, ends) + radius
        for slot in np.flatnonzero(np.isfinite(self._boxes[:, 0])):
            box = self._boxes[slot]
            near = result & (low <= box[2:]).all(axis=1) & (high >= box[:2]).all(axis=1)
            which = np.flatnonzero(near)
            if len(which):
                gaps = _segment_gap(self._rows[slot], starts[which], ends[which])
                result[which] = gaps >= radius - TOLERANCE
        return result

    def sweep(
        self,
        start: Sequence[float] | np.ndarray,
        end: Sequence[float] | np.ndarray,
        radius: float = 0.2,
    ) -> str | None:
        """Move a disc along a segment.

        An obstacle that the disc already touches at the start blocks only a move that goes deeper,
        so that nothing gets stuck.

        Args:
            start: (x, z) of the disc's centre [m].
            end: The same at the end.
            radius: Of the disc [m].

        Returns:
            Name of the obstacle that comes nearest, or None when the way is free.
        """
        a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
        near = self._near(np.minimum(a, b), np.maximum(a, b), radius)
        if not len(near):
            return None
        rows = self._rows[near]
        limit = np.minimum(radius, _segment_gap(rows, a, a))
        depth = limit - _segment_gap(rows, a, b)
        inside = (
            limit <= 0
        )  # The centre itself is in the obstacle: any move that leads out is fine.
        depth[inside] = radius - _segment_gap(rows[inside], b, b)
        worst = int(depth.argmax())
        return self._names[near[worst]] if depth[worst] > TOLERANCE else None

    def _near(self, low: np.ndarray, high: np.ndarray, radius: float) -> np.ndarray:
        """Slots whose bounding box comes within the radius; NaN boxes never do."""
        close = (self._boxes[:, :2] <= high + radius) & (self._boxes[:, 2:] >= low - radius)
        return np.flatnonzero(close[:, 0] & close[:, 1])


def _segment_gap(rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance between rectangles and segments, broadcast over both; 0 where they meet."""
    center, half, sin, cos = rows[..., 0:2], rows[..., 2:4], rows[..., 4], rows[..., 5]

    def local(point: np.ndarray) -> np.ndarray:
        offset = point - center
        x, z = offset[..., 0], offset[..., 1]
        return np.stack((x * cos - z * sin, x * sin + z * cos), axis=-1)

    a, b = local(start), local(end)
    gap = np.minimum(_point_gap(a, half), _point_gap(b, half))
    for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        gap = np.minimum(gap, _point_to_segment(half * corner, a, b))
    return np.where(_meets(a, b, half), 0.0, gap)


def _point_gap(point: np.ndarray, half: np.ndarray) -> np.ndarray:
    outside = np.maximum(np.abs(point) - half, 0.0)
    return np.hypot(outside[..., 0], outside[..., 1])


def _point_to_segment(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    along = b - a
    length = (along * along).sum(axis=-1)
    t = ((point - a) * along).sum(axis=-1) / np.where(length > 0, length, 1.0)
    nearest = a + np.clip(t, 0.0, 1.0)[..., None] * along
    return np.hypot(*np.moveaxis(point - nearest, -1, 0))


def _meets(a: np.ndarray, b: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Whether segments enter rectangles centred at the origin (slab test)."""
    along = b - a
    still = np.abs(along) < 1e-12
    step = np.where(still, 1.0, along)
    t0, t1 = (-half - a) / step, (half - a) / step
    near, far = np.minimum(t0, t1), np.maximum(t0, t1)
    within = np.abs(a) <= half
    near = np.where(still, np.where(within, -np.inf, np.inf), near)
    far = np.where(still, np.where(within, np.inf, -np.inf), far)
    enters = np.maximum(near.max(axis=-1), 0.0)
    return enters <= np.minimum(far.min(axis=-1), 1.0)
