"""A recording of any layout as frames."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, assert_never

import numpy as np
from jaxtyping import Float32
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.calibration import Distortion, Undistorter, register
from embodied_mem.backends.recordings import (
    desk,
    folder,
    poses,
    record3d,
    seven_scenes,
    tum,
)
from embodied_mem.backends.recordings.images import (
    UnusableImageError,
    fit,
    read_color,
    read_depth,
)
from embodied_mem.backends.recordings.index import Index, Intrinsics, Shot, told
from embodied_mem.config import Config
from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.types import Camera, Frame

KnownLayout = Literal["7scenes", "tum", "record3d", "desk", "embodied"]
"""How files lie in a folder; `embodied` is our own."""

LayoutName = Literal["auto", "7scenes", "tum", "record3d", "desk", "embodied"]
"""The same, or found out by looking."""

UpName = Literal["auto", "z", "y", "-y"]
"""Which axis of a recording's world points up."""

_LOOKS = 5
_GOLDEN = 0.618033988749895  # Multiples of it, modulo 1, begin at 0 and are spread evenly.

_UP: dict[KnownLayout, poses.Axis] = {
    "record3d": "y",
    "7scenes": "-y",
    "desk": "-y",
    "tum": "z",
    "embodied": "z",
}


class RegistrationConfig(Config, frozen=True):
    """A depth camera beside the colour camera."""

    intrinsics: tuple[float, float, float, float]
    """fx, fy, cx, cy of the depth images, from the centre of the first pixel [px]."""
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the depth camera in the colour camera's optical frame [m]."""
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """From the depth camera's axes to the colour camera's, as a rotation vector [rad]."""

    def __post_init__(self) -> None:
        if not min(self.intrinsics[:2]) > 0:
            raise ConfigError("registration.intrinsics are fx, fy, cx, cy; fx and fy are positive.")

    @property
    def T_color_depth(self) -> RigidTransform:  # noqa: N802 - the frames' names.
        """From the depth camera's optical frame to the colour camera's."""
        return RigidTransform.from_components(self.position, Rotation.from_rotvec(self.rotation))


class RecordingConfig(Config, frozen=True):
    """Which recording, and what its files do not tell."""

    folder: str
    layout: LayoutName = "auto"
    intrinsics: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy of the colour images, from the centre of the first pixel [px]; the layout's
    own when null."""
    depth_unit: float | None = None
    """Metres per count of 16-bit depth; the layout's own when null."""
    distortion: Distortion | None = None
    """Lens of the colour camera; pictures, and the depth that is registered to them, are
    straightened. None leaves them as they are."""
    registration: RegistrationConfig | None = None
    """The depth camera, where depth is not registered to colour: it is then drawn as the colour
    camera would see it. None takes both as one camera."""
    fps: float = 30.0
    """Frames a second, where the layout keeps no stamps."""
    max_difference: float = 0.02
    """Most that stamps of colour, depth and pose may differ in TUM's layout [s]."""
    up: UpName = "auto"
    """Axis of the recording's world that points up, and becomes z. `auto` takes y for Record3D, -y
    for 7-Scenes and `desk`, whose worlds begin at a camera, and z for TUM's and our own."""
    level: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How that world is then turned to be level, as a rotation vector [rad]."""
    floor: float = 0.0
    """Height of the floor in the level world, which becomes 0 [m]."""
    stride: int = 1
    """One of so many frames is used."""
    limit: int | None = None
    """Only so many frames, after the stride."""

    def __post_init__(self) -> None:
        if not self.fps > 0:
            raise ConfigError(f"recording.fps must be positive, got {self.fps}.")
        if not self.max_difference >= 0:
            raise ConfigError(
                f"recording.max_difference must be >= 0 s, got {self.max_difference}."
            )
        if self.depth_unit is not None and not 0 < self.depth_unit < 1:
            raise ConfigError(
                f"recording.depth_unit must lie in (0, 1) m per count, got {self.depth_unit}; "
                "millimetres are 0.001."
            )
        if self.stride < 1 or (self.limit is not None and self.limit < 1):
            raise ConfigError("recording.stride and recording.limit must be at least 1.")
        if self.intrinsics is not None and not min(self.intrinsics[:2]) > 0:
            raise ConfigError("recording.intrinsics are fx, fy, cx, cy; fx and fy are positive.")


def detect(path: Path) -> KnownLayout:
    """Tell the layout of a folder.

    Raises:
        BackendError: It is none that is known.
    """
    layouts: tuple[tuple[KnownLayout, bool], ...] = (
        ("embodied", folder.fits(path)),
        ("7scenes", seven_scenes.fits(path) or any(path.glob("seq-*"))),
        ("tum", tum.fits(path)),
        ("record3d", record3d.fits(path)),
        ("desk", desk.fits(path)),
    )
    for name, is_there in layouts:
        if is_there:
            return name
    raise BackendError(
        f"{path} has no layout that is known: neither frame-*.color.png (7scenes), nor rgb.txt and "
        "depth.txt (tum), nor rgb/ and metadata.json (record3d), nor color/ and pose.txt (desk), "
        "nor recording.json (embodied)."
    )


class Recording:
    """Frames of one recording in order; what cannot be used is left out and counted."""

    def __init__(self, config: RecordingConfig):
        """List the shots; no image is read yet.

        Raises:
            BackendError: The folder, its lists or poses cannot be used; the message says what.
        """
        self.config = config
        path = Path(config.folder)
        if not path.is_dir():
            raise BackendError(f"there is no folder {path}.")
        try:
            self.layout: KnownLayout = detect(path) if config.layout == "auto" else config.layout
            self._index = self._read(path)
        except OSError as error:
            raise BackendError(f"cannot read {path}: {error.strerror}.") from error
        self.shots: tuple[Shot, ...] = self._index.shots[:: config.stride][: config.limit]
        self._lens: Undistorter | None = None
        self.unreadable: Counter[str] = Counter()
        """Shots whose images could not be used so far, by reason."""
        if not self.shots:
            raise BackendError(f"{path} holds no frame that can be used{self._because()}.")

    def __len__(self) -> int:
        return len(self.shots)

    @property
    def depth_unit(self) -> float:
        """Metres per count of 16-bit depth."""
        return self.config.depth_unit or self._index.depth_unit

    @property
    def skipped(self) -> Counter[str]:
        """How many frames were left out so far, by reason."""
        return self._index.skipped + self.unreadable

    def frames(self, after: str | None = None) -> Iterator[tuple[Shot, Frame]]:
        """Read the frames, from the first one or from the one after the shot of that name.

        All have the size that most of a few frames from all over the recording have.

        Raises:
            BackendError: The intrinsics do not fit the images, or not one frame can be used.
        """
        shape = self._usual_shape()
        self.unreadable.clear()
        names = [shot.name for shot in self.shots]
        start = names.index(after) + 1 if after in names else 0
        for shot in self.shots[start:]:
            frame = self._try(shot)
            if frame is not None and frame.rgb.shape != shape:
                self.unreadable["of another size"] += 1
            elif frame is not None:
                yield shot, frame

    def spread(self, count: int) -> list[Frame]:
        """Read so many frames, or all that can be used, from all over the recording.

        The first that can be used is among them.

        Raises:
            BackendError: Not one frame can be used.
        """
        order = np.argsort(np.arange(len(self.shots)) * _GOLDEN % 1, kind="stable").tolist()
        readable = filter(None, map(self._try, (self.shots[i] for i in order)))
        seen = list(islice(readable, count))
        if not seen:
            raise BackendError(
                f"{self.config.folder} holds no frame that can be used{self._because()}."
            )
        return seen

    def _usual_shape(self) -> tuple[int, ...]:
        """Return the size that most of a few frames have, the first among them."""
        shapes = [frame.rgb.shape for frame in self.spread(_LOOKS)]
        return Counter(shapes).most_common(1)[0][0]

    def _try(self, shot: Shot) -> Frame | None:
        """Read a shot; count it where it cannot be used."""
        try:
            return self.frame(shot)
        except UnusableImageError as error:
            self.unreadable[str(error)] += 1
            return None

    def frame(self, shot: Shot) -> Frame:
        """Read one shot.

        Raises:
            UnusableImageError: An image is missing, damaged or does not fit; the message says how.
            BackendError: The intrinsics do not fit the images.
        """
        rgb = read_color(shot.color)
        camera = self._intrinsics(shot).camera(rgb.shape[1], rgb.shape[0])
        depth = self._registered(read_depth(shot.depth, self.depth_unit), camera)
        truth = None if shot.truth is None else folder.read_truth(*shot.truth)
        if truth is not None and truth.ids.shape != depth.shape:
            raise UnusableImageError("whose instance masks have another size")
        if self.config.distortion is not None:
            straight = self._undistorter(camera, self.config.distortion)
            rgb, depth = straight.color(rgb), straight.depth(depth)
        return Frame(
            stamp=shot.stamp,
            rgb=rgb,
            depth=depth,
            camera=camera,
            T_world_camera=shot.T_world_camera,
            truth=truth,
        )

    def _registered(
        self, depth: Float32[np.ndarray, "r c"], camera: Camera
    ) -> Float32[np.ndarray, "h w"]:
        """Bring depth into the colour picture's size and, where they are two, camera."""
        beside = self.config.registration
        if beside is None:
            return fit(depth, (camera.height, camera.width))
        fx, fy, cx, cy = beside.intrinsics
        own = Intrinsics(fx=fx, fy=fy, cx=cx, cy=cy).camera(depth.shape[1], depth.shape[0])
        return register(depth, own, beside.T_color_depth, camera)

    def _undistorter(self, camera: Camera, lens: Distortion) -> Undistorter:
        """Return the maps of this camera; they are built anew only for another one."""
        if self._lens is None or self._lens.camera != camera:
            self._lens = Undistorter(camera, lens)
        return self._lens

    def _intrinsics(self, shot: Shot) -> Intrinsics:
        given = self.config.intrinsics
        if given is not None:
            fx, fy, cx, cy = given
            return Intrinsics(fx=fx, fy=fy, cx=cx, cy=cy)
        return shot.intrinsics or self._index.intrinsics

    def _read(self, path: Path) -> Index:
        index = _read_index(path, self.layout, self.config)
        config = self.config
        if self._up == "z" and not any(config.level) and not config.floor:
            return index
        turn = poses.ground(self._up, config.level, config.floor)
        shots = tuple(
            replace(shot, T_world_camera=turn * shot.T_world_camera) for shot in index.shots
        )
        return replace(index, shots=shots)

    @property
    def _up(self) -> poses.Axis:
        return _UP[self.layout] if self.config.up == "auto" else self.config.up

    def _because(self) -> str:
        return f": {told(self.skipped)}" if self.skipped else ""


def _read_index(path: Path, layout: KnownLayout, config: RecordingConfig) -> Index:
    match layout:
        case "7scenes":
            return seven_scenes.read_index(path, config.fps)
        case "tum":
            return tum.read_index(path, config.max_difference)
        case "record3d":
            return record3d.read_index(path, config.fps)
        case "desk":
            return desk.read_index(path, config.fps)
        case "embodied":
            return folder.read_index(path)
        case _:
            assert_never(layout)
