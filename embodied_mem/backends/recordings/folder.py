"""Our own recordings: a folder that keeps frames without loss beyond the counts of their depth.

recording.json tells the unit of depth; frames.jsonl has a line for each frame, written after its
files: color/000000.png, depth/000000.png (16-bit, 0 where unknown), and instances/000000.png where
a simulator's masks were there to keep. What a killed writer leaves behind is a shorter recording.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import cv2
import msgspec
import numpy as np
from jaxtyping import Float32, UInt16

from embodied_mem.backends.recordings import poses
from embodied_mem.backends.recordings.images import UnusableImageError
from embodied_mem.backends.recordings.index import (
    Index,
    InstanceLine,
    Intrinsics,
    Shot,
    in_time,
)
from embodied_mem.config import Config
from embodied_mem.errors import BackendError, FrameError, StoreError
from embodied_mem.types import Frame, Instance, Truth

HEAD, LINES, COLOR, DEPTH, INSTANCES = (
    "recording.json",
    "frames.jsonl",
    "color",
    "depth",
    "instances",
)
"""Names in the folder."""

FINE_UNIT = 0.0005
"""Usual metres per count: half a millimetre, up to 32.7 m."""

_LARGEST = 65534


class Head(Config, frozen=True):
    """recording.json."""

    depth_unit: float = FINE_UNIT
    """Metres per count."""
    source: str = ""
    """What it was made from, and how; a conversion goes on only with the same."""
    format: int = 1


class FrameLine(Config, frozen=True):
    """One line of frames.jsonl."""

    number: int
    """Of the files."""
    source: str
    """What the source called it."""
    stamp: float
    camera: tuple[float, float, float, float]
    """fx, fy, cx, cy; from the image's corner, as `Camera` counts [px]."""
    position: tuple[float, float, float]
    rotation: tuple[float, float, float, float]
    """Quaternion x y z w of the optical frame in the world."""
    instances: dict[str, InstanceLine] | None = None


def counts(depth: Float32[np.ndarray, "h w"], unit: float) -> UInt16[np.ndarray, "h w"]:
    """Round depth [m] to 16-bit counts; 0 where it is unknown or too far to be told."""
    steps = np.rint(np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0) / unit)
    return np.where((steps > 0) & (steps <= _LARGEST), steps, 0).astype(np.uint16)


class RecordingWriter:
    """Writes a recording, or goes on with one that the same source began."""

    def __init__(self, folder: str | Path, head: Head | None = None):
        """Create the folder, or open it.

        Raises:
            StoreError: It cannot be written, or holds a recording from another source.
        """
        self.folder, self.head = Path(folder), head or Head()
        try:
            self._open()
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"cannot write {self.folder}: {error.strerror}.") from error

    @property
    def last(self) -> str | None:
        """The source's name of the last frame that is there."""
        return self._last

    @property
    def written(self) -> int:
        """Frames in the folder."""
        return self._number

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def write(self, frame: Frame, source: str = "") -> None:
        """Add a frame.

        Raises:
            FrameError: It lacks depth, camera or pose.
            StoreError: The disk is full or fails.
        """
        if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
            raise FrameError("a recording needs frames with depth, camera and T_world_camera.")
        name = f"{self._number:06d}.png"
        self._image(COLOR, name, frame.rgb[:, :, ::-1])
        self._image(DEPTH, name, counts(frame.depth, self.head.depth_unit))
        instances = None
        if frame.truth is not None:
            self._image(INSTANCES, name, _instance_counts(frame.truth))
            instances = {
                str(number): InstanceLine(
                    object_id=known.object_id, label=known.label, attributes=dict(known.attributes)
                )
                for number, known in frame.truth.instances.items()
            }
        camera, pose = frame.camera, frame.T_world_camera
        x, y, z = pose.translation.tolist()
        a, b, c, d = pose.rotation.as_quat().tolist()
        line = FrameLine(
            number=self._number,
            source=source or str(self._number),
            stamp=float(frame.stamp),
            camera=(float(camera.fx), float(camera.fy), float(camera.cx), float(camera.cy)),
            position=(x, y, z),
            rotation=(a, b, c, d),
            instances=instances,
        )
        try:
            self._lines.write(msgspec.json.encode(line) + b"\n")
            self._lines.flush()
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}.") from error
        self._number, self._last = self._number + 1, line.source

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._lines.close()

    def _open(self) -> None:
        head, lines = self.folder / HEAD, self.folder / LINES
        self._number, self._last = 0, None
        if head.is_file():
            if _read_head(self.folder) != self.head:
                raise StoreError(
                    f"{self.folder} holds a recording from another source or with other settings. "
                    "Choose another folder, or remove it first."
                )
            written, whole = _read_lines(lines)
            self._number = len(written)
            self._last = written[-1].source if written else None
            with lines.open("ab") as file:
                file.truncate(whole)
        else:
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise StoreError(f"{self.folder} holds other files. Choose an empty folder.")
            for name in (COLOR, DEPTH, INSTANCES):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            head.write_bytes(msgspec.json.encode(self.head))
        self._lines = lines.open("ab")

    def _image(self, part: str, name: str, image: np.ndarray) -> None:
        path = self.folder / part / name
        try:
            good = cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        except cv2.error:
            good = False
        if not good:
            raise StoreError(f"cannot write {path}. Is the disk full?")


def fits(folder: Path) -> bool:
    """Tell whether a folder holds a recording of our own."""
    return (folder / HEAD).is_file()


def read_index(folder: Path) -> Index:
    """List the frames.

    Raises:
        BackendError: It is damaged, or of another version.
    """
    head = _read_head(folder)
    lines, _ = _read_lines(folder / LINES)
    skipped: Counter[str] = Counter()
    shots = []
    for line in lines:
        pose = poses.from_parts(line.position, line.rotation)
        if pose is None or not np.isfinite(line.stamp):
            skipped["without a valid pose"] += 1
            continue
        name = f"{line.number:06d}.png"
        shots.append(
            Shot(
                name=line.source,
                stamp=line.stamp,
                color=folder / COLOR / name,
                depth=folder / DEPTH / name,
                T_world_camera=pose,
                intrinsics=_intrinsics(line),
                truth=None
                if line.instances is None
                else (folder / INSTANCES / name, line.instances),
            )
        )
    if not shots:
        raise BackendError(f"{folder} holds no frames yet.")
    return Index(
        shots=in_time(shots, skipped),
        intrinsics=shots[0].intrinsics or _intrinsics(lines[0]),
        depth_unit=head.depth_unit,
        skipped=skipped,
    )


def read_truth(path: Path, instances: Mapping[str, InstanceLine]) -> Truth:
    """Read a simulator's masks.

    Raises:
        UnusableImageError: They are missing or damaged.
    """
    ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if ids is None or ids.ndim != 2:
        raise UnusableImageError("whose instance masks cannot be read")
    if not all(number.isascii() and number.isdigit() for number in instances):
        raise UnusableImageError("whose instances have no numbers")
    return Truth(
        ids=ids.astype(np.int32),
        instances={
            int(number): Instance(
                object_id=line.object_id, label=line.label, attributes=line.attributes
            )
            for number, line in instances.items()
        },
    )


def _intrinsics(line: FrameLine) -> Intrinsics:
    fx, fy, cx, cy = line.camera
    return Intrinsics(fx=fx, fy=fy, cx=cx - 0.5, cy=cy - 0.5)


def _instance_counts(truth: Truth) -> UInt16[np.ndarray, "h w"]:
    if truth.ids.size and not 0 <= truth.ids.min() <= truth.ids.max() <= 65535:
        raise FrameError("a recording keeps instance numbers up to 65535.")
    return truth.ids.astype(np.uint16)


def _read_head(folder: Path) -> Head:
    try:
        head = msgspec.json.decode((folder / HEAD).read_bytes(), type=Head)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise BackendError(f"{folder / HEAD} cannot be read as a recording's head.") from error
    if head.format != 1:
        raise BackendError(f"{folder} has format {head.format}; this release reads format 1.")
    return head


def _read_lines(path: Path) -> tuple[list[FrameLine], int]:
    """Return the lines that are whole, and where they end [bytes]; a torn last one is left out."""
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise BackendError(f"cannot read {path}: {error.strerror}.") from error
    lines: list[FrameLine] = []
    end = 0
    for row in data.splitlines(keepends=True):
        if not row.endswith(b"\n"):
            break
        try:
            lines.append(msgspec.json.decode(row, type=FrameLine))
        except (ValueError, msgspec.MsgspecError) as error:  # Also text that is no UTF-8.
            raise BackendError(f"line {len(lines) + 1} of {path} is damaged.") from error
        end += len(row)
    return lines, end
