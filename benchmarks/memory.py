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
COLUMNS, STEP = 5, (0.3, 0.35)
"""Things side by side on a shelf, and their distance sideways and upwards [m]."""
AISLE, BESIDE, IN_A_ROW = 3.0, 2.6, 25
"""Distance of the rows of shelves and of the shelves in one [m], and shelves in a row."""
EDGE = 0.16
"""Of a thing [m]."""
AWAY, WALL, EYE = 1.8, 2.2, 0.9
"""From the camera to a shelf and to the wall behind it, and its height above the floor [m]."""
_OPTICAL = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def warehouse_percept(start: int, stamp: float, rng: np.random.Generator) -> Percept:
    """Return a view of one shelf of a warehouse: objects `start` ... `start + SEEN`, nothing else.

    Depth, masks, points and poses agree: what is not shown is behind the wall or out of the image.
    """
    row, place = divmod(start // SEEN, IN_A_ROW)
    eye = np.array([row * AISLE - AWAY, place * BESIDE, EYE])
    camera = Camera.from_fov(300, 300, np.pi / 2)
    numbers = np.arange(SEEN)
    across = (numbers % COLUMNS - (COLUMNS - 1) / 2) * STEP[0]
    height = numbers // COLUMNS * STEP[1] + 0.3
    depth, masks = _view(camera, across, height)
    faces = np.stack((np.full(SEEN, AWAY), across, height - EYE), axis=1) + eye  # (n, 3)
    spread = np.array([0.01, EDGE / 2, EDGE / 2])
    points = tuple(
        (face + rng.uniform(-spread, spread, (400, 3))).astype(np.float32) for face in faces
    )
    things = start + numbers
    features = np.array([np.random.default_rng(n).normal(size=FEATURES) for n in things])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    frame = Frame(
        stamp=stamp,
        rgb=np.zeros((300, 300, 3), np.uint8),
        depth=depth,
        camera=camera,
        T_world_camera=RigidTransform.from_components(eye, _OPTICAL),
        T_world_body=RigidTransform.from_translation(eye * (1, 1, 0)),
    )
    return Percept(
        frame=frame,
        masks=masks,
        labels=tuple(LABELS[n % len(LABELS)] for n in things),
        scores=np.full(SEEN, 0.9),
        features=features.astype(np.float32),
        points=points,
        boxes=np.array([[p.min(axis=0), p.max(axis=0)] for p in points]),
        attributes=({},) * SEEN,
    )


def _view(camera: Camera, across: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the camera sees: depth [m] of floor, wall and things, and the things' masks."""
    v, u = np.mgrid[: camera.height, : camera.width] + 0.5
    left, up = (camera.cx - u) / camera.fx, (camera.cy - v) / camera.fy
    depth = np.minimum(WALL, EYE / np.maximum(-up, 1e-3))
    masks = np.array(
        [
            (np.abs(left * AWAY - y) < EDGE / 2) & (np.abs(up * AWAY - (z - EYE)) < EDGE / 2)
            for y, z in zip(across, height, strict=True)
        ]
    )
    depth[masks.any(axis=0)] = AWAY
    return depth.astype(np.float32), masks


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
                warehouse_percept(int(rng.integers(count // SEEN)) * SEEN, float(count + i), rng)
                for i in range(200)
            ]
        )
        rows = [("write of 20 objects", *milliseconds(lambda: memory.write(next(views)), 200))]
        rows.append(("find (1 in 10)", *milliseconds(lambda: memory.find("mug"), 50)))
        spots = iter(rng.uniform((0, 0, 0.3), (57, 62, 1.3), (200, 3)))
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
