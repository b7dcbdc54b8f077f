"""The values that travel between packages.

Axes: h w pixels, n detections, p points, d feature width.
Frames: world and body are right-handed, x forward, y left, z up (REP 103); cameras are optical
frames, x right, y down, z forward. `T_a_b` maps b-coordinates into a.
Units: metres, seconds, radians.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import FrameError

AttributeValue = bool | float | str
"""What an object's state may be: `open: True`, `temperature: "Hot"`."""

Attributes = Mapping[str, AttributeValue]
"""State attributes seen on one object. A key that is absent was not observed.

Keys in use: open, on, dirty, sliced, cooked, filled, broken, held (bool), temperature
("RoomTemp", "Hot", "Cold"), liquid (str), openness (0..1), called (str: the detector's own word
for it, where that is not its label).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera without distortion."""

    width: int
    """Image width [px]."""
    height: int
    """Image height [px]."""
    fx: float
    """Horizontal focal length [px]."""
    fy: float
    """Vertical focal length [px]."""
    cx: float
    """Principal point, from the left edge [px]; a pixel's centre lies at its index + 0.5."""
    cy: float
    """Principal point, from the top edge [px]."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise FrameError(f"a camera needs at least 1x1 pixels, got {self.width}x{self.height}.")
        if not (self.fx > 0 and self.fy > 0):
            raise FrameError(f"focal lengths must be positive [px], got {self.fx}, {self.fy}.")

    @classmethod
    def from_fov(cls, width: int, height: int, vertical_fov: float) -> "Camera":
        """Build a camera with square pixels from its vertical field of view.

        Args:
            width: Image width [px].
            height: Image height [px].
            vertical_fov: Angle between the top and the bottom edge [rad].
        """
        if not 0 < vertical_fov < np.pi:
            raise FrameError(f"field of view must lie in (0, pi) rad, got {vertical_fov}.")
        focal = height / (2 * np.tan(vertical_fov / 2))
        return cls(width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2)

    def project(self, points: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 2"]:
        """Project points of the camera frame [m] to pixels; NaN behind the camera."""
        z = np.where(points[:, 2] > 1e-6, points[:, 2], np.nan)
        return np.stack(
            (points[:, 0] / z * self.fx + self.cx, points[:, 1] / z * self.fy + self.cy), axis=1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What a simulator knows of one object in an image. Only the oracle and scoring may read it."""

    object_id: str
    """The simulator's own id."""
    label: str
    """Type name."""
    attributes: Attributes = field(default_factory=dict)
    """True state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A simulator's instance masks for one image."""

    ids: Int32[np.ndarray, "h w"]
    """Key into `instances` for each pixel; 0 where there is no object (walls, floor, sky)."""
    instances: Mapping[int, Instance]
    """Objects by the number that stands in `ids`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One RGB-D view of the world."""

    stamp: float
    """Capture time [s], on the clock of its source."""
    rgb: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"] | None = None
    """Distance along the optical axis [m]; NaN where unknown."""
    camera: Camera | None = None
    """Intrinsics; needed wherever depth is lifted to points."""
    T_world_camera: RigidTransform | None = None
    """Pose of the optical frame."""
    T_world_body: RigidTransform | None = None
    """Pose of the robot's base on the floor."""
    truth: Truth | None = None
    """Instance masks of a simulator; None on a robot or a video."""

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3:
            raise FrameError(f"rgb must be uint8 (h, w, 3), got {self.rgb.dtype} {self.rgb.shape}.")
        if not np.isfinite(self.stamp):
            raise FrameError(f"stamp must be a finite time [s], got {self.stamp}.")
        if self.depth is not None and self.depth.shape != self.rgb.shape[:2]:
            raise FrameError(
                f"depth must match rgb, {self.rgb.shape[:2]}, got {self.depth.shape}. "
                "Resize depth with nearest-neighbour sampling first."
            )
        if self.camera is not None and self.rgb.shape[:2] != (
            self.camera.height,
            self.camera.width,
        ):
            raise FrameError(
                f"camera is {self.camera.width}x{self.camera.height}, but rgb is "
                f"{self.rgb.shape[1]}x{self.rgb.shape[0]}. Scale the intrinsics with the image."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Percept:
    """What perception makes of one frame: n detections, described and placed."""

    frame: Frame
    masks: Bool[np.ndarray, "n h w"]
    labels: tuple[str, ...]
    """Best label of each detection."""
    scores: Float[np.ndarray, "n"]
    """Confidence of that label, 0..1."""
    features: Float32[np.ndarray, "n d"]
    """Appearance, unit length."""
    points: tuple[Float32[np.ndarray, "p 3"], ...]
    """Surface points of each detection in the world frame [m]; empty without depth."""
    boxes: Float[np.ndarray, "n 2 3"]
    """Lowest and highest corner in the world frame [m]; NaN without depth."""
    attributes: tuple[Attributes, ...]
    """States seen on each detection."""
    source_ids: tuple[str, ...] | None = None
    """The simulator's ids, for scoring alone: memory and planners must not read them."""

    def __post_init__(self) -> None:
        n = len(self.labels)
        lengths = {
            "masks": len(self.masks),
            "scores": len(self.scores),
            "features": len(self.features),
            "points": len(self.points),
            "boxes": len(self.boxes),
            "attributes": len(self.attributes),
        }
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong:
            raise FrameError(f"a percept of {n} labels needs {n} of each field, got {wrong}.")
        if n and self.masks.shape[1:] != self.frame.rgb.shape[:2]:
            raise FrameError(
                f"masks must be (n, h, w) with (h, w) = {self.frame.rgb.shape[:2]}, "
                f"got {self.masks.shape}."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One command to a backend, in AI2-THOR's vocabulary (`MoveAhead`, `PickupObject`, `Done`)."""

    name: str
    arguments: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """Named arguments as AI2-THOR spells them: degrees, `x` and `y` in [0, 1] from the top left."""

    def __str__(self) -> str:
        inside = ", ".join(
            f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}"
            for k, v in self.arguments.items()
        )
        return f"{self.name}({inside})"


DONE = Action(name="Done")
"""Declares the episode over."""

PASS = Action(name="Pass")
"""Looks again without moving."""
