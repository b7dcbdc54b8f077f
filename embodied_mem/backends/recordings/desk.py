"""A plain layout: color/1.png, depth/1.pgm ... and pose.txt, one line for each pair.

A line is a position [m] and a quaternion x y z w, camera to world. Depth is 16-bit in millimetres,
0 where unknown. This is how the book `14 lectures on visual SLAM` (slambook2, chapter 5) keeps its
RGB-D example, and its camera is the default.
"""

from collections import Counter
from pathlib import Path

from embodied_mem.backends.recordings import poses
from embodied_mem.backends.recordings.index import MILLIMETRE, Index, Intrinsics, Shot, in_time
from embodied_mem.backends.recordings.numbered import first_number, numbered, paired
from embodied_mem.errors import BackendError

CAMERA = Intrinsics(fx=518.0, fy=519.0, cx=325.5, cy=253.5, width=640, height=480)
"""The example's."""

_PICTURES = (".png", ".jpg", ".jpeg")
_DEPTHS = (".pgm", ".png", ".tiff", ".npy")


def fits(folder: Path) -> bool:
    """Tell whether a folder holds files of this layout."""
    return (folder / "pose.txt").is_file() and (folder / "color").is_dir()


def read_index(folder: Path, fps: float) -> Index:
    """List the pairs of images.

    Args:
        folder: Holds color, depth and pose.txt.
        fps: Frames a second; the layout keeps no stamps.

    Raises:
        BackendError: There are no poses.
    """
    lines = poses.read_lines(folder / "pose.txt")
    if not lines:
        raise BackendError(f"{folder / 'pose.txt'} is missing, or holds no pose.")
    skipped: Counter[str] = Counter()
    color = numbered(folder / "color", _PICTURES)
    depth = numbered(folder / "depth", _DEPTHS)
    first = first_number(color | depth, len(lines), usual=1)
    shots = []
    for number in paired(color, depth, skipped):
        line = lines[number - first] if 0 <= number - first < len(lines) else ""
        values = [poses.number(word) for word in line.split()]
        pose = poses.from_parts(values[:3], values[3:7])
        if pose is None:
            skipped["without a valid pose"] += 1
            continue
        shots.append(
            Shot(
                name=str(number),
                stamp=number / fps,
                color=color[number],
                depth=depth[number],
                T_world_camera=pose,
            )
        )
    return Index(
        shots=in_time(shots, skipped), intrinsics=CAMERA, depth_unit=MILLIMETRE, skipped=skipped
    )
