"""The layout of the TUM RGB-D benchmark: rgb.txt, depth.txt and groundtruth.txt.

Each line has a stamp [s] and a file, or a stamp, position [m] and quaternion x y z w of the colour
camera in the world, whose z is up. Depth is 16-bit, 5000 counts a metre, 0 where unknown. Source:
the benchmark's pages on file formats and intrinsics, and its `associate.py` (Sturm et al., IROS
2012). Its authors advise against undistorting the registered depth; we do it only when told to.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64
from scipy.spatial.transform import RigidTransform

from embodied_mem.backends.recordings import poses
from embodied_mem.backends.recordings.index import Index, Intrinsics, Shot, in_time
from embodied_mem.errors import BackendError

DEPTH_UNIT = 1 / 5000
"""Metres per count."""

ROS_DEFAULT = Intrinsics(fx=525.0, fy=525.0, cx=319.5, cy=239.5, width=640, height=480)
"""Where nothing tells which camera it was."""

FREIBURG = {
    "1": Intrinsics(fx=517.3, fy=516.5, cx=318.6, cy=255.3, width=640, height=480),
    "2": Intrinsics(fx=520.9, fy=521.0, cx=325.1, cy=249.7, width=640, height=480),
    "3": Intrinsics(fx=535.4, fy=539.2, cx=320.1, cy=247.6, width=640, height=480),
}
"""The benchmark's colour cameras."""

_CAMERA = re.compile(r"freiburg([123])")


@dataclass(frozen=True, slots=True)
class _Listed:
    stamps: Float[np.ndarray, "n"]
    files: tuple[Path, ...]


def fits(folder: Path) -> bool:
    """Tell whether a folder holds files of this layout."""
    return (folder / "rgb.txt").is_file() and (folder / "depth.txt").is_file()


def read_index(folder: Path, max_difference: float) -> Index:
    """Associate pictures, depth and poses.

    Args:
        folder: Holds the three lists.
        max_difference: Most that two stamps of one shot may differ [s].

    Raises:
        BackendError: A list is missing or holds nothing.
    """
    skipped: Counter[str] = Counter()
    color = _listed(folder, "rgb.txt", skipped)
    depth = _listed(folder, "depth.txt", skipped)
    stamps, trajectory = _trajectory(folder)
    pairs = associate(color.stamps, depth.stamps, max_difference)
    if len(pairs) < len(color.stamps):
        skipped["without depth near in time"] += len(color.stamps) - len(pairs)
    shots = []
    for i, j in pairs.tolist():
        stamp = float(color.stamps[i])
        k = _nearest(stamps, stamp)
        if abs(stamps[k] - stamp) > max_difference:
            skipped["without a valid pose near in time"] += 1
            continue
        name = f"{stamp:.6f}"
        shots.append(
            Shot(
                name=name,
                stamp=stamp,
                color=color.files[i],
                depth=depth.files[j],
                T_world_camera=trajectory[k],
            )
        )
    return Index(
        shots=in_time(shots, skipped),
        intrinsics=_camera_of(folder),
        depth_unit=DEPTH_UNIT,
        skipped=skipped,
    )


def associate(
    one: Float[np.ndarray, "n"], two: Float[np.ndarray, "m"], limit: float
) -> Int64[np.ndarray, "p 2"]:
    """Pair stamps one to one, the nearest pair first, none further apart than `limit` [s].

    Returns:
        Indices into `one` and `two`, in the order of `one`'s stamps.
    """
    order = np.argsort(two, kind="stable")
    ordered = two[order]
    low = np.searchsorted(ordered, one - limit, side="left")
    high = np.searchsorted(ordered, one + limit, side="right")
    candidates = [
        (abs(float(one[i] - two[j])), i, int(j))
        for i in range(len(one))
        for j in order[low[i] : high[i]]
    ]
    free_one, free_two = set(range(len(one))), set(range(len(two)))
    pairs = []
    for _, i, j in sorted(candidates):
        if i in free_one and j in free_two:
            free_one.remove(i)
            free_two.remove(j)
            pairs.append((i, j))
    pairs.sort(key=lambda pair: one[pair[0]])
    return np.array(pairs, np.int64).reshape(-1, 2)


def _nearest(stamps: Float[np.ndarray, "n"], stamp: float) -> int:
    right = min(int(np.searchsorted(stamps, stamp)), len(stamps) - 1)
    left = max(right - 1, 0)
    return left if abs(stamps[left] - stamp) <= abs(stamps[right] - stamp) else right


def _listed(folder: Path, name: str, skipped: Counter[str]) -> _Listed:
    """Read a list of stamps and files; what points out of the folder is not read."""
    stamps, files = [], []
    root = folder.resolve()
    for line in poses.read_lines(folder / name):
        words = line.replace(",", " ").split()
        stamp = poses.number(words[0])
        file = folder / " ".join(words[1:])
        if len(words) < 2 or not np.isfinite(stamp):
            skipped[f"whose line in {name} cannot be read"] += 1
        elif not file.resolve().is_relative_to(root):
            skipped["whose file lies outside the recording"] += 1
        else:
            stamps.append(stamp)
            files.append(file)
    if not stamps:
        raise BackendError(f"{folder / name} is missing, or lists no files.")
    return _Listed(np.array(stamps), tuple(files))


def _trajectory(
    folder: Path,
) -> tuple[Float[np.ndarray, "n"], tuple[RigidTransform, ...]]:
    rows = []
    for line in poses.read_lines(folder / "groundtruth.txt"):
        values = [poses.number(word) for word in line.replace(",", " ").split()]
        pose = poses.from_parts(values[1:4], values[4:8])
        if pose is not None and np.isfinite(values[0]):
            rows.append((values[0], pose))
    if not rows:
        raise BackendError(
            f"{folder / 'groundtruth.txt'} is missing, or holds no pose. "
            "Each line needs a stamp, a position and a quaternion x y z w."
        )
    rows.sort(key=lambda row: row[0])
    return np.array([stamp for stamp, _ in rows]), tuple(pose for _, pose in rows)


def _camera_of(folder: Path) -> Intrinsics:
    """Tell the camera by the folder's name, or by the name of the bag in the lists' comments."""
    known = _CAMERA.search(folder.resolve().name)
    for name in ("rgb.txt", "depth.txt", "groundtruth.txt"):
        path = folder / name
        if known is None and path.is_file():
            with path.open(encoding="utf-8", errors="replace") as lines:
                known = _CAMERA.search(lines.read(1000))
    return FREIBURG[known[1]] if known else ROS_DEFAULT
