"""A world of labelled boxes on a floor, seen by a pinhole camera: percepts without a simulator."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import AttributeValue, Camera, Frame, Percept

_OPTICAL = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass
class Thing:
    label: str
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    hue: int = 0

    @property
    def box(self) -> np.ndarray:
        center, half = np.array(self.center), np.array(self.size) / 2
        return np.stack((center - half, center + half))


@dataclass
class BoxWorld:
    things: dict[str, Thing] = field(default_factory=dict)
    room: tuple[float, float, float, float] = (-5.0, -5.0, 5.0, 5.0)
    stamp: float = 0.0
    pixels: int = 240
    walls: list[np.ndarray] = field(default_factory=list)

    def add(self, name: str, label: str, center, size, **attributes) -> Thing:
        self.things[name] = Thing(label, center, size, attributes)
        return self.things[name]

    def frame(self, x: float, y: float, yaw: float, pitch: float = 0.3) -> tuple[Frame, np.ndarray]:
        """Return a view from 1.5 m above (x, y), looking along yaw, down by pitch, and its ids."""
        self.stamp += 0.2
        camera = Camera.from_fov(self.pixels, self.pixels, np.pi / 2)
        body = RigidTransform.from_components([x, y, 0.0], Rotation.from_euler("z", yaw))
        tilt = Rotation.from_euler("ZY", [yaw, pitch]) * _OPTICAL
        pose = RigidTransform.from_components([x, y, 1.5], tilt)
        u, v = np.meshgrid(np.arange(self.pixels) + 0.5, np.arange(self.pixels) + 0.5)
        rays = np.stack(
            ((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)), -1
        )
        directions = tilt.apply(rays.reshape(-1, 3))
        depth, ids = self._cast(pose.translation, directions)
        depth = depth.reshape(u.shape).astype(np.float32)
        frame = Frame(
            stamp=self.stamp,
            rgb=np.zeros((self.pixels, self.pixels, 3), np.uint8),
            depth=depth,
            camera=camera,
            T_world_camera=pose,
            T_world_body=body,
        )
        return frame, ids.reshape(u.shape)

    def look(self, x: float, y: float, yaw: float, pitch: float = 0.3, least: int = 4) -> Percept:
        """Return what an oracle makes of a view."""
        frame, ids = self.frame(x, y, yaw, pitch)
        return percept_from(frame, ids, list(self.things.values()), least)

    def _cast(self, eye: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x0, y0, x1, y1 = self.room
        shell = np.array([[x0, y0, 0.0], [x1, y1, 2.6]])
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / directions
            ways = (shell[:, None] - eye) * inverse
            depth = np.nanmin(np.maximum(ways[0], ways[1]), axis=1)
            ids = np.zeros(len(directions), np.int64)
            solids = [(i + 1, t.box) for i, t in enumerate(self.things.values())]
            solids += [(0, wall) for wall in self.walls]
            for number, box in solids:
                near, far = (box[:, None] - eye) * inverse
                enter = np.fmin(near, far).max(axis=1)
                leave = np.fmax(near, far).min(axis=1)
                hit = (enter < leave) & (enter > 0.05) & (enter < depth)
                depth[hit], ids[hit] = enter[hit], number
        return depth, ids


def percept_from(frame: Frame, ids: np.ndarray, things: list[Thing], least: int = 4) -> Percept:
    """Lift instance masks to a percept."""
    numbers = [n for n in np.unique(ids) if n > 0 and np.count_nonzero(ids == n) >= least]
    masks = np.array([ids == n for n in numbers], bool).reshape(-1, *ids.shape)
    chosen = [things[n - 1] for n in numbers]
    points = tuple(lift(frame, mask) for mask in masks)
    boxes = np.array([[p.min(axis=0), p.max(axis=0)] for p in points]).reshape(-1, 2, 3)
    return Percept(
        frame=frame,
        masks=masks,
        labels=tuple(thing.label for thing in chosen),
        scores=np.full(len(chosen), 0.95),
        features=np.array([feature(t.label, t.hue) for t in chosen], np.float32).reshape(-1, 8),
        points=points,
        boxes=boxes,
        attributes=tuple(dict(thing.attributes) for thing in chosen),
    )


def lift(frame: Frame, mask: np.ndarray) -> np.ndarray:
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    rows, columns = np.nonzero(mask & (frame.depth > 0))
    z = frame.depth[rows, columns]
    x = (columns + 0.5 - frame.camera.cx) / frame.camera.fx * z
    y = (rows + 0.5 - frame.camera.cy) / frame.camera.fy * z
    return frame.T_world_camera.apply(np.stack((x, y, z), axis=1)).astype(np.float32)


def feature(label: str, hue: int = 0) -> np.ndarray:
    """Return a unit vector that belongs to a label, turned a little by the hue."""
    rng = np.random.default_rng([sum(map(ord, label)), 7])
    base, other = rng.normal(size=(2, 8))
    vector = base + 0.3 * hue * other
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def without(percept: Percept, label: str) -> Percept:
    """Return the percept of a detector that misses a kind of thing."""
    kept = [i for i, name in enumerate(percept.labels) if name != label]
    return replace(
        percept,
        masks=percept.masks[kept],
        labels=tuple(percept.labels[i] for i in kept),
        scores=percept.scores[kept],
        features=percept.features[kept],
        points=tuple(percept.points[i] for i in kept),
        boxes=percept.boxes[kept],
        attributes=tuple(percept.attributes[i] for i in kept),
    )
