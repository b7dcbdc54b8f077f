"""Is this the house that memory knows, and where in it does the odometry begin?

The first views are made into a small floor plan of their own, which is compared with the one in
memory: walls on walls, free floor on free floor, large things on things of the same label. Where
they do not agree as they are, the plan is turned and shifted until walls lie best on walls
(correlative scan matching: every shift at once by Fourier transform, for each of many turns).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy import fft
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.config import Config
from embodied_mem.goals import fold
from embodied_mem.memory.memory import Memory
from embodied_mem.memory.occupancy import OccupancyMap
from embodied_mem.types import Percept


class RelocalisationConfig(Config, frozen=True):
    """What counts as the same house."""

    near: float = 0.15
    """Walls agree within this distance [m]."""
    object_near: float = 0.5
    """Large things agree within this distance [m]."""
    large: float = 0.5
    """Things with an edge this long tell places apart; smaller ones are moved about [m]."""
    agreement: float = 0.83
    """Least agreement of the same house ..."""
    overlap: float = 0.35
    """... over at least this share of what is seen."""
    least_walls: int = 60
    """With fewer cells of wall in view nothing can be told [cells]."""
    turns: int = 120
    """Turns that are tried."""
    candidates: int = 12
    """Best turns that are compared in detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well views fit the memory under one transform; each 0..1."""

    overlap: float
    """Share of the cells seen that memory knows."""
    walls: float
    """Share of the walls seen there that are walls in memory."""
    floor: float
    """Share of the free floor seen there that is no wall in memory."""
    objects: float | None
    """Share of the large things seen there that memory has there; None where too few are seen."""

    @property
    def score(self) -> float:
        """Mean agreement; the walls count twice."""
        parts = [self.walls, self.walls, self.floor]
        return float(np.mean(parts + ([self.objects] if self.objects is not None else [])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """Whether this is the house that memory knows."""

    same: bool
    """False: another house, or too little to tell; the views must not be written."""
    moved: bool
    """Whether the odometry begins elsewhere than it did; write `placed(percept, pose)` then."""
    pose: tuple[float, float, float]
    """x [m], y [m] and yaw [rad] of the odometry's origin in memory's frame."""
    agreement: Agreement
    sentence: str
    """The verdict for people."""


def recognise(
    memory: Memory, percepts: Sequence[Percept], config: RelocalisationConfig | None = None
) -> Recognition:
    """Compare the first views of a session with what is remembered; nothing is written.

    Args:
        memory: Of the house, or of another one.
        percepts: The first views, a look around at best.
        config: What counts as the same.
    """
    config = config or RelocalisationConfig()
    views = _Views(memory, percepts, config)
    here = (0.0, 0.0, 0.0)
    agreement = views.agreement(here)
    if len(views.walls) < config.least_walls or not memory.occupancy.score.size:
        said = "Too little is in view, or in memory, to tell the house: look around first."
        return Recognition(same=False, moved=False, pose=here, agreement=agreement, sentence=said)
    if _fits(agreement, config):
        said = f"This is the house in memory (agreement {agreement.score:.2f})."
        return Recognition(same=True, moved=False, pose=here, agreement=agreement, sentence=said)
    pose, found = views.search()
    if _fits(found, config):
        x, y, yaw = pose
        said = (
            f"This is the house in memory (agreement {found.score:.2f}); the odometry begins at "
            f"{x:.2f}, {y:.2f} m, turned by {np.degrees(yaw):.0f} degrees."
        )
        return Recognition(same=True, moved=True, pose=pose, agreement=found, sentence=said)
    said = (
        f"This is not the house in memory: at best {found.score:.2f} of what is seen agrees, over "
        f"{found.overlap:.0%} of it. Open another memory for it."
    )
    return Recognition(same=False, moved=False, pose=here, agreement=agreement, sentence=said)


def placed(percept: Percept, pose: tuple[float, float, float]) -> Percept:
    """Express a percept in memory's frame.

    Args:
        percept: In the odometry's frame.
        pose: Of the odometry's origin in memory's frame: x [m], y [m], yaw [rad].
    """
    x, y, yaw = pose
    move = RigidTransform.from_components([x, y, 0.0], Rotation.from_euler("z", yaw))
    frame, points = percept.frame, []
    boxes = percept.boxes.copy()
    for number, cloud in enumerate(percept.points):
        moved = move.apply(cloud).astype(np.float32) if len(cloud) else cloud
        points.append(moved)
        if len(cloud):
            boxes[number] = moved.min(axis=0), moved.max(axis=0)
    poses = {
        name: move * old
        for name in ("T_world_camera", "T_world_body")
        if (old := getattr(frame, name)) is not None
    }
    return replace(percept, frame=replace(frame, **poses), points=tuple(points), boxes=boxes)


def _fits(agreement: Agreement, config: RelocalisationConfig) -> bool:
    return agreement.score >= config.agreement and agreement.overlap >= config.overlap


class _Views:
    """The views as points, beside the memory's plan."""

    def __init__(self, memory: Memory, percepts: Sequence[Percept], config: RelocalisationConfig):
        self.config = config
        self.plan = memory.occupancy
        seen = OccupancyMap(memory.config.occupancy)
        for percept in percepts:
            seen.update(percept.frame)
        self.resolution = seen.resolution
        self.walls = seen.cell_to_world(np.argwhere(seen.tall > 0)[:, ::-1])
        self.floor = seen.cell_to_world(np.argwhere(seen.free)[:, ::-1])
        wall = (self.plan.tall > 0).astype(np.uint8)
        self.distance = cv2.distanceTransform(1 - wall, cv2.DIST_L2, 5) * self.resolution
        known = [k for k in memory.known() if k.status == "present" and k.size.max() > config.large]
        self.known = {
            label: np.array([k.position[:2] for k in known if fold(k.label) == label])
            for label in {fold(k.label) for k in known}
        }
        self.things = [
            (fold(label), box.mean(axis=0)[:2])
            for percept in percepts
            for label, box in zip(percept.labels, percept.boxes, strict=True)
            if np.isfinite(box).all() and (box[1] - box[0]).max() > config.large
        ]

    def agreement(self, pose: tuple[float, float, float]) -> Agreement:
        """Return how well the views agree with memory if the odometry begins at a pose."""
        walls, known_walls = self._distances(_moved(self.walls, pose))
        floor, known_floor = self._distances(_moved(self.floor, pose))
        total = len(walls) + len(floor)
        hits = []
        for label, spot in self.things:
            (there,) = _moved(spot[None], pose)
            if label in self.known:
                nearest = np.linalg.norm(self.known[label] - there, axis=1).min()
                hits.append(nearest <= self.config.object_near)
            elif self.plan.is_known(there[None])[0]:
                hits.append(False)
        near = walls[known_walls] <= self.config.near
        free = floor[known_floor] > self.resolution
        return Agreement(
            overlap=float(known_walls.sum() + known_floor.sum()) / max(total, 1),
            walls=float(near.mean()) if len(near) else 0.0,
            floor=float(free.mean()) if len(free) else 0.0,
            objects=float(np.mean(hits)) if len(hits) >= 3 else None,
        )

    def search(self) -> tuple[tuple[float, float, float], Agreement]:
        """Return the pose of the odometry's origin under which most agrees, and how well."""
        best = sorted(self._coarse(), reverse=True)[: self.config.candidates]
        poses = [self._refined(pose) for _, pose in best]
        found = [(self.agreement(pose), pose) for pose in poses]
        agreement, pose = max(found, key=lambda item: item[0].score * min(1, item[0].overlap * 2))
        return pose, agreement

    def _coarse(self) -> list[tuple[float, tuple[float, float, float]]]:
        """Return for each turn the shift under which most walls lie on walls."""
        scale = 2 * self.resolution
        field = np.exp(-np.square(self.distance / 0.15)).astype(np.float32)[::2, ::2]
        middle = self.walls.mean(axis=0)
        local = self.walls - middle
        reach = int(np.ceil(np.linalg.norm(local, axis=1).max() / scale)) + 2
        rows, columns = (n + 2 * reach + 1 for n in field.shape)
        shape = _fast(rows), _fast(columns)
        spectrum = np.fft.rfft2(field, shape)
        found = []
        for yaw in np.arange(self.config.turns) * 2 * np.pi / self.config.turns - np.pi:
            spots = np.round(_moved(local, (0.0, 0.0, yaw)) / scale).astype(int) + reach
            picture = np.zeros(shape, np.float32)
            np.add.at(picture, (spots[:, 1], spots[:, 0]), 1.0)
            match = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(picture, shape)), shape)
            row, column = np.unravel_index(int(match.argmax()), shape)
            peak = float(match[row, column])
            shift = [
                (int(n) if n <= f else int(n) - s) + reach
                for n, f, s in ((column, field.shape[1], shape[1]), (row, field.shape[0], shape[0]))
            ]
            x, y = self.plan.origin + np.array(shift) * scale
            (away,) = _moved(middle[None], (0.0, 0.0, yaw))
            x, y = x - away[0], y - away[1]
            found.append((peak, (float(x), float(y), float(yaw))))
        return found

    def _refined(self, pose: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return the best pose around one: a search that halves its steps.

        It turns about the middle of the walls, so that turning does not shift them.
        """
        middle = self.walls.mean(axis=0)
        step = np.array([0.1, 0.1, np.pi / self.config.turns])
        best, least = np.array(pose), self._misfit(pose)
        while step[0] > 0.01:
            tries = best + step * np.array([*np.eye(3), *-np.eye(3)])
            for spot in tries:
                spot[:2] += _moved(middle[None], (0.0, 0.0, best[2]))[0]
                spot[:2] -= _moved(middle[None], (0.0, 0.0, spot[2]))[0]
            costs = [self._misfit((float(x), float(y), float(yaw))) for x, y, yaw in tries]
            if min(costs) < least:
                best, least = tries[int(np.argmin(costs))], min(costs)
            else:
                step /= 2
        return float(best[0]), float(best[1]), float(best[2])

    def _misfit(self, pose: tuple[float, float, float]) -> float:
        """Return the mean distance of seen walls from known ones, far ones clipped [m]."""
        walls = self.walls[:: max(1, len(self.walls) // 1500)]
        return float(np.minimum(self._distances(_moved(walls, pose))[0], 0.5).mean())

    def _distances(
        self, points: Float[np.ndarray, "p 2"]
    ) -> tuple[Float[np.ndarray, "p"], Bool[np.ndarray, "p"]]:
        """Return each point's distance from memory's walls [m], and whether memory knows it."""
        cells = self.plan.world_to_cell(points)
        inside = ((cells >= 0) & (cells < self.plan.shape[::-1])).all(axis=1)
        away = np.full(len(points), np.inf)
        columns, rows = cells[inside].T
        away[inside] = self.distance[rows, columns]
        return away, self.plan.is_known(points)


def _fast(length: int) -> int:
    """Return the next length for which Fourier transforms are fast."""
    return int(fft.next_fast_len(length, real=True) or length)


def _moved(
    points: Float[np.ndarray, "p 2"], pose: tuple[float, float, float]
) -> Float[np.ndarray, "p 2"]:
    """Turn points about the origin, then shift them."""
    x, y, yaw = pose
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return points @ turn.T + np.array([x, y])
