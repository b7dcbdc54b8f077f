"""The layout of 7-Scenes: frame-000000.color.png, .depth.png and .pose.txt in one folder.

Depth is 16-bit in millimetres, 65535 (or 0) where unknown; the pose is camera to world, 4x4.
Source: the data set's own page and readme (Shotton et al., CVPR 2013; Glocker et al., ISMAR 2013),
which gives 585 px and (320, 240) as the Kinect's calibration; colour and depth are not registered.
"""

import re
from collections import Counter
from pathlib import Path

from embodied_mem.backends.recordings import poses
from embodied_mem.backends.recordings.index import MILLIMETRE, Index, Intrinsics, Shot, in_time
from embodied_mem.errors import BackendError

KINECT = Intrinsics(fx=585.0, fy=585.0, cx=320.0, cy=240.0, width=640, height=480)
"""What the data set states."""

_NAME = re.compile(r"^frame-(\d+)\.(color|depth|pose)\.(png|txt)$")


def fits(folder: Path) -> bool:
    """Tell whether a folder holds files of this layout."""
    return next(folder.glob("frame-*.color.png"), None) is not None


def read_index(folder: Path, fps: float) -> Index:
    """List the frames of one sequence.

    Args:
        folder: The sequence (`seq-01`), not the scene.
        fps: Frames a second; the layout keeps no stamps.

    Raises:
        BackendError: It is a folder of several sequences.
    """
    parts: dict[str, set[str]] = {}
    for path in folder.iterdir():
        if match := _NAME.match(path.name):
            parts.setdefault(match[1], set()).add(match[2])
    if not parts and (inner := sorted(p.name for p in folder.glob("seq-*") if p.is_dir())):
        raise BackendError(f"{folder} holds several sequences; give one: {', '.join(inner)}.")
    skipped: Counter[str] = Counter()
    shots = []
    for number, has in sorted(parts.items(), key=lambda item: int(item[0])):
        missing = next((name for name in ("color", "depth", "pose") if name not in has), None)
        if missing is not None:
            skipped[_WITHOUT[missing]] += 1
            continue
        stem = folder / f"frame-{number}"
        words = " ".join(poses.read_lines(Path(f"{stem}.pose.txt"))).split()
        pose = poses.from_matrix([poses.number(word) for word in words])
        if pose is None:
            skipped["without a valid pose"] += 1
            continue
        shots.append(
            Shot(
                name=stem.name,
                stamp=int(number) / fps,
                color=Path(f"{stem}.color.png"),
                depth=Path(f"{stem}.depth.png"),
                T_world_camera=pose,
            )
        )
    return Index(
        shots=in_time(shots, skipped), intrinsics=KINECT, depth_unit=MILLIMETRE, skipped=skipped
    )


_WITHOUT = {
    "color": "without colour image",
    "depth": "without depth image",
    "pose": "without a valid pose",
}
