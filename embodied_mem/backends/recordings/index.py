"""What a recording holds, before any image is read: shots with their files, stamps and poses."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import BackendError
from embodied_mem.types import AttributeValue, Camera

MILLIMETRE = 0.001
"""Metres per count of a depth image in millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intrinsics:
    """A pinhole and the size of the image that it was measured on, as calibrations publish them."""

    fx: float
    """[px]."""
    fy: float
    """[px]."""
    cx: float
    """From the centre of the first pixel, OpenCV's convention [px]."""
    cy: float
    """From the centre of the first pixel [px]."""
    width: int | None = None
    """Of the image that these are for; None for whatever the images' own size is [px]."""
    height: int | None = None
    """[px]."""

    def camera(self, width: int, height: int) -> Camera:
        """Return the camera of an image of this size, which may be the calibrated one scaled.

        Raises:
            BackendError: The image is not the calibrated one scaled.
        """
        sx = 1.0 if self.width is None else width / self.width
        sy = 1.0 if self.height is None else height / self.height
        if abs(sx / sy - 1) > 0.01:
            raise BackendError(
                f"the images are {width}x{height}, but the known intrinsics are for "
                f"{self.width}x{self.height}. Give fx, fy, cx and cy of these images."
            )
        return Camera(
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx,
            cy=(self.cy + 0.5) * sy,
        )


class InstanceLine(Config, frozen=True):
    """One object of a simulator's truth, as our own recordings keep it."""

    object_id: str
    label: str
    attributes: dict[str, AttributeValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One moment of a recording: files that are said to be there, and where the camera was."""

    name: str
    """The recording's own name of it."""
    stamp: float
    """[s]."""
    color: Path
    depth: Path
    T_world_camera: RigidTransform
    """Pose of the optical frame."""
    intrinsics: Intrinsics | None = None
    """Where they differ from shot to shot."""
    truth: tuple[Path, Mapping[str, InstanceLine]] | None = None
    """Instance masks and what their numbers stand for, where a simulator was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The shots that can be used as far as file names and poses tell, in order of time."""

    shots: tuple[Shot, ...]
    intrinsics: Intrinsics
    depth_unit: float
    """Metres per count of an integer depth image."""
    skipped: Counter[str] = field(default_factory=Counter)
    """How many were left out, by reason."""


def in_time(shots: list[Shot], skipped: Counter[str]) -> tuple[Shot, ...]:
    """Sort shots by time, and leave out those that repeat a stamp."""
    kept: list[Shot] = []
    for shot in sorted(shots, key=lambda shot: shot.stamp):
        if kept and shot.stamp <= kept[-1].stamp:
            skipped["with the stamp of another"] += 1
        else:
            kept.append(shot)
    return tuple(kept)


def told(skipped: Counter[str]) -> str:
    """Return what was left out as part of a sentence: `3 without a pose, 1 without depth`."""
    return ", ".join(f"{count} {reason}" for reason, count in skipped.most_common())
