"""Association by the published rule of ConceptGraphs (Gu et al. 2023, arXiv:2309.16650).

Section III-A and the released defaults: points under each mask are thinned to 2.5 cm and denoised
by DBSCAN (5 cm, 10 points, largest cluster); similarity is the share of a detection's points that
have an object's point within 2.5 cm, plus the cosine of the visual features; each detection goes to
the most similar object above 1.2, else it is a new one. Every 20 frames the objects are denoised,
and those that overlap by 0.7 with features (visual and label) that agree by 0.7 are merged. Objects
with fewer than 3 detections are left out in the end. Written from the paper.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import open3d as o3d
from scipy.spatial import KDTree

from embodied_mem.runtime.change_scoring import Belief
from embodied_mem.types import Percept

VOXEL = 0.025
"""Spacing of points, and reach of a neighbour [m]."""
EPS, MIN_POINTS, LEAST = 0.05, 10, 16
SIMILAR = 1.2
MERGE = 0.7
EVERY = 20
DETECTIONS = 3
MIN_PIXELS, MIN_SCORE = 25, 0.2


@dataclass(slots=True)
class _Thing:
    points: np.ndarray
    feature: np.ndarray
    labels: Counter[str]
    count: int
    name: str
    tree: KDTree = field(init=False)
    box: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.reshape(self.points)

    def reshape(self, points: np.ndarray) -> None:
        """Take other points, and what is derived from them."""
        self.points, self.tree = points, KDTree(points)
        self.box = np.stack((points.min(axis=0), points.max(axis=0)))


class ConceptGraphs:
    """Greedy fusion of point clouds with features."""

    def __init__(self) -> None:
        self.things: list[_Thing] = []
        self.aliases: dict[str, str] = {}
        self._frames = self._named = 0

    def write(self, percept: Percept) -> tuple[str, ...]:
        """Take in a percept, and return the object of each detection."""
        ids = [""] * len(percept)
        found = []
        for i, mask in enumerate(percept.masks):
            if np.count_nonzero(mask) < MIN_PIXELS or percept.scores[i] < MIN_SCORE:
                continue
            points = denoised(thinned(lifted(percept, mask)))
            if len(points) >= LEAST:
                found.append((i, points, self._best(points, percept.features[i])))
        for i, points, best in found:  # All are compared before any is fused.
            label, feature = percept.labels[i], percept.features[i].astype(np.float64)
            thing = _Thing(points, feature, Counter([label]), 1, "")
            if best is None:
                self._named += 1
                thing.name = f"c{self._named}"
                self.things.append(thing)
            else:
                fuse(best, thing)
            ids[i] = thing.name if best is None else best.name
        self._frames += 1
        if self._frames % EVERY == 0:
            self._clean()
        return tuple(ids)

    def beliefs(self) -> list[Belief]:
        """Return all objects, those with few detections as doubtful; none is ever gone."""
        return [
            Belief(
                object_id=t.name,
                label=t.labels.most_common(1)[0][0],
                box=t.box,
                confidence=float(t.count >= DETECTIONS),
            )
            for t in self.things
        ]

    def resolve(self, object_id: str) -> str:
        """Return what an id is called now."""
        while object_id in self.aliases:
            object_id = self.aliases[object_id]
        return object_id

    def _best(self, points: np.ndarray, feature: np.ndarray) -> _Thing | None:
        low, high = points.min(axis=0), points.max(axis=0)
        best, most = None, SIMILAR
        for thing in self.things:
            cosine = float(feature @ thing.feature)
            if (thing.box[0] > high).any() or (thing.box[1] < low).any() or 1 + cosine <= most:
                continue
            similarity = overlap(points, thing.tree) + cosine
            if similarity > most:
                best, most = thing, similarity
        return best

    def _clean(self) -> None:
        for thing in self.things:
            points = denoised(thinned(thing.points))
            if len(points) >= LEAST:
                thing.reshape(points)
        kept: list[_Thing] = []
        for thing in sorted(self.things, key=lambda t: -t.count):
            twin = next((k for k in kept if self._is_same(thing, k)), None)
            if twin is None:
                kept.append(thing)
            else:
                fuse(twin, thing)
                self.aliases[thing.name] = twin.name
        self.things = kept

    def _is_same(self, one: _Thing, other: _Thing) -> bool:
        a, b = one.box, other.box
        if (a[0] > b[1]).any() or (a[1] < b[0]).any() or one.feature @ other.feature <= MERGE:
            return False
        names = sorted({*one.labels, *other.labels})
        x, y = (np.array([t.labels[n] for n in names], float) for t in (one, other))
        if x @ y / np.linalg.norm(x) / np.linalg.norm(y) <= MERGE:
            return False
        return overlap(one.points, other.tree) > MERGE


def lifted(percept: Percept, mask: np.ndarray) -> np.ndarray:
    """Return the points under a mask in the world frame [m]."""
    frame = percept.frame
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    rows, columns = np.nonzero(mask)
    step = max(1, len(rows) // 4000)
    rows, columns = rows[::step], columns[::step]
    z = frame.depth[rows, columns].astype(np.float64)
    camera = frame.camera
    x, y = (columns + 0.5 - camera.cx) / camera.fx * z, (rows + 0.5 - camera.cy) / camera.fy * z
    points = np.stack((x, y, z), axis=1)[np.isfinite(z) & (z > 0)]
    return frame.T_world_camera.apply(points) if len(points) else points


def thinned(points: np.ndarray) -> np.ndarray:
    """Return one mean point per voxel."""
    if not len(points):
        return points
    x, y, z = np.floor(points / VOXEL).astype(np.int64).T + (1 << 20)  # 26 km each way.
    _, which, count = np.unique((x << 42) | (y << 21) | z, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(which, points[:, k]) for k in range(3)], axis=1)
    return sums / count[:, None]


def denoised(points: np.ndarray) -> np.ndarray:
    """Return the largest cluster; all points where there is none."""
    if len(points) < MIN_POINTS:
        return points
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    labels = np.asarray(cloud.cluster_dbscan(EPS, MIN_POINTS))
    if labels.max(initial=-1) < 0:
        return points
    return points[labels == np.bincount(labels[labels >= 0]).argmax()]


def overlap(points: np.ndarray, tree: KDTree) -> float:
    """Return the share of points that have a neighbour within 2.5 cm."""
    near, _ = tree.query(points, distance_upper_bound=VOXEL)
    return float(np.isfinite(near).mean())


def fuse(kept: _Thing, other: _Thing) -> None:
    """Let one object take in another: points joined and thinned, feature by count."""
    kept.reshape(thinned(np.concatenate((kept.points, other.points))))
    mean = kept.feature * kept.count + other.feature * other.count
    kept.feature = mean / max(float(np.linalg.norm(mean)), 1e-9)
    kept.labels += other.labels
    kept.count += other.count
