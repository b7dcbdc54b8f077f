"""Time the memory with many objects: writes of a 20-object percept to disk, and queries.

Run `python benchmarks/memory.py [OBJECTS]`; prints a table of milliseconds.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.memory import Memory
from embodied_mem.types import Camera, Frame, Percept

LABELS = ("Mug", "Plate", "Book", "Apple", "Chair", "Bowl", "Pen", "Box", "Lamp", "Vase")
FEATURES = 384
SEEN = 20
_OPTICAL = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def warehouse_percept(start: int, stamp: float, rng: np.random.Generator) -> Percept:
    """Return a view of objects `start` ... `start + SEEN` of a grid of things 0.6 m apart."""
    numbers = np.arange(start, start + SEEN)
    centers = np.stack((numbers // 100 * 0.6, numbers % 100 * 0.6, np.full(SEEN, 0.8)), axis=1)
    eye = centers.mean(axis=0) + np.array([-3.0, 0.0, 0.7])
    camera = Camera.from_fov(300, 300, np.pi / 2)
    tilt = Rotation.from_euler("y", 0.2) * _OPTICAL
    points = tuple(
        (center + rng.uniform(-0.08, 0.08, (400, 3))).astype(np.float32) for center in centers
    )
    masks = np.zeros((SEEN, 300, 300), bool)
    for index in range(SEEN):
        masks[index, 100:120, 12 * index + 10 : 12 * index + 20] = True
    features = np.array([np.random.default_rng(n).normal(size=FEATURES) for n in numbers])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    frame = Frame(
        stamp=stamp,
        rgb=np.zeros((300, 300, 3), np.uint8),
        depth=_floor_depth(camera, tilt, eye[2]),
        camera=camera,
        T_world_camera=RigidTransform.from_components(eye, tilt),
        T_world_body=RigidTransform.from_translation(eye * (1, 1, 0)),
    )
    return Percept(
        frame=frame,
        masks=masks,
        labels=tuple(LABELS[n % len(LABELS)] for n in numbers),
        scores=np.full(SEEN, 0.9),
        features=features.astype(np.float32),
        points=points,
        boxes=np.array([[p.min(axis=0), p.max(axis=0)] for p in points]),
        attributes=({},) * SEEN,
    )


def _floor_depth(camera: Camera, tilt: Rotation, height: float) -> np.ndarray:
    """Return what a camera sees of a floor and a wall 5 m away [m]."""
    v, u = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)), -1)
    down = -tilt.apply(rays.reshape(-1, 3))[:, 2].reshape(u.shape)
    return np.where(down > 1e-3, height / np.maximum(down, 1e-3), 5.0).clip(0, 5).astype(np.float32)


def milliseconds(call: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of a call's time [ms]."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    return float(np.median(taken)), float(np.percentile(taken, 99))


def main() -> None:
    """Fill a memory on disk, then time it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder) / "memory") as memory:
        began = time.perf_counter()
        for start in range(0, count, SEEN):
            memory.write(warehouse_percept(start, float(start), rng))
        filled = time.perf_counter() - began
        views = iter(
            [
                warehouse_percept(int(rng.integers(0, count - SEEN)), float(count + i), rng)
                for i in range(200)
            ]
        )
        rows = [("write of 20 objects", *milliseconds(lambda: memory.write(next(views)), 200))]
        rows.append(("find (1 in 10)", *milliseconds(lambda: memory.find("mug"), 50)))
        spots = iter(rng.uniform((0, 0, 0.5), (60, 60, 1.0), (200, 3)))
        rows.append(("near, 1 m", *milliseconds(lambda: memory.near(next(spots), 1.0), 200)))
        last = next(iter(memory.objects.entries))
        rows.append(("get", *milliseconds(lambda: memory.get(last), 200)))
        rows.append(("where", *milliseconds(lambda: memory.where(last), 200)))
        rows.append(("since", *milliseconds(lambda: memory.since(memory.stamp - 10), 50)))
        rows.append(("frontiers", *milliseconds(memory.occupancy.frontiers, 20)))
        memory.close()
        began = time.perf_counter()
        with Memory.open(Path(folder) / "memory") as again:
            opened, kept = time.perf_counter() - began, len(again)
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    lines = [
        f"{kept} objects; filled in {filled:.1f} s, opened in {opened:.2f} s, "
        f"{size / 1e6:.0f} MB on disk",
        f"{'':24}{'median ms':>12}{'p99 ms':>12}",
    ]
    lines += [f"{name:24}{median:12.3f}{worst:12.3f}" for name, median, worst in rows]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
