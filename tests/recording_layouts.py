"""Writes frames in the layouts of recordings, by other code than what reads them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import RigidTransform

from embodied_mem.types import Frame

FPS = 10.0


def _counts(frame: Frame, per_metre: float, unknown: int) -> np.ndarray:
    assert frame.depth is not None
    steps = np.full(frame.depth.shape, unknown, np.uint16)
    for row, column in zip(*np.nonzero(np.isfinite(frame.depth)), strict=True):
        steps[row, column] = round(float(frame.depth[row, column]) * per_metre)
    return steps


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _pose(frame: Frame) -> RigidTransform:
    assert frame.T_world_camera is not None
    return frame.T_world_camera


def write_7scenes(folder: Path, frames: Sequence[Frame]) -> None:
    for i, frame in enumerate(frames):
        stem = folder / f"frame-{i:06d}"
        _save(Path(f"{stem}.color.png"), frame.rgb)
        _save(Path(f"{stem}.depth.png"), _counts(frame, 1000, 65535))
        rows = _pose(frame).as_matrix()
        text = "\n".join("\t ".join(f"{v: .10e}" for v in row) for row in rows)
        Path(f"{stem}.pose.txt").write_text(text + "\n")


def write_tum(folder: Path, frames: Sequence[Frame], late: float = 0.004) -> None:
    """Depth comes `late` seconds after colour; the camera's pose is told 100 times a second."""
    lists = {name: ["# stamps and files", f"# file: '{folder.name}.bag'"] for name in "rdg"}
    for i, frame in enumerate(frames):
        stamp = 1305031102.0 + i / FPS
        _save(folder / f"rgb/{stamp:.6f}.png", frame.rgb)
        _save(folder / f"depth/{stamp + late:.6f}.png", _counts(frame, 5000, 0))
        lists["r"].append(f"{stamp:.6f} rgb/{stamp:.6f}.png")
        lists["d"].append(f"{stamp + late:.6f} depth/{stamp + late:.6f}.png")
        pose = _pose(frame)
        values = [*pose.translation.tolist(), *pose.rotation.as_quat().tolist()]
        for shift in (-0.03, 0.002, 0.03):
            moved = [values[0] + 100 * (shift != 0.002), *values[1:]]
            lists["g"].append(f"{stamp + shift:.4f} " + " ".join(f"{v:.9f}" for v in moved))
    for key, name in (("r", "rgb.txt"), ("d", "depth.txt"), ("g", "groundtruth.txt")):
        (folder / name).write_text("\n".join(lists[key]) + "\n")


def write_record3d(folder: Path, frames: Sequence[Frame]) -> None:
    """As a phone does: y-up world, cameras that look along -z, K in columns, numbers without 0s."""
    listed = []
    for i, frame in enumerate(frames):
        _save(folder / f"rgb/{i}.png", frame.rgb)
        (folder / "depth").mkdir(exist_ok=True)
        np.save(folder / f"depth/{i}.npy", np.asarray(frame.depth))
        world = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
        matrix = world @ _pose(frame).as_matrix() @ np.diag([1.0, -1, -1, 1])
        pose = RigidTransform.from_matrix(matrix)
        listed.append([*pose.rotation.as_quat().tolist(), *pose.translation.tolist()])
    camera = frames[0].camera
    assert camera is not None
    k = [camera.fx, 0, 0, 0, camera.fy, 0, camera.cx, camera.cy, 1]
    known = {"poses": listed, "K": k, "w": camera.width, "h": camera.height, "fps": FPS}
    (folder / "metadata.json").write_text(json.dumps(known))


def write_desk(folder: Path, frames: Sequence[Frame]) -> None:
    lines = []
    for i, frame in enumerate(frames, start=1):
        _save(folder / f"color/{i}.png", frame.rgb)
        counts = _counts(frame, 1000, 0)
        header = f"P5\n{counts.shape[1]} {counts.shape[0]}\n65535\n".encode()
        (folder / "depth").mkdir(exist_ok=True)
        (folder / f"depth/{i}.pgm").write_bytes(header + counts.astype(">u2").tobytes())
        pose = _pose(frame)
        values = [*pose.translation.tolist(), *pose.rotation.as_quat().tolist()]
        lines.append(" ".join(f"{v:.9g}" for v in values))
    (folder / "pose.txt").write_text("\n".join(lines) + "\n")


Writer = Callable[[Path, Sequence[Frame]], None]

WRITERS: dict[str, tuple[Writer, float]] = {
    "7scenes": (write_7scenes, 0.0005),
    "tum": (write_tum, 0.0001),
    "record3d": (write_record3d, 0.0),
    "desk": (write_desk, 0.0005),
}
"""Each layout's writer, and half a count of its depth [m]."""
