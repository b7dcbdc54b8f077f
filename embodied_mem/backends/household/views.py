"""Cameras of the simulator, and the pictures they take."""

from dataclasses import dataclass
from functools import lru_cache
from math import radians, tan

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from embodied_mem.backends.household.mesh import rotation_matrix
from embodied_mem.backends.household.parts import Vector
from embodied_mem.errors import BackendError

FAR = 20.0
"""Usual depth beyond which nothing is drawn [m] (AI2-THOR's far plane)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where a camera stands and what it takes in."""

    position: Vector
    """Of its eye [m]."""
    yaw: float = 0.0
    """0 looks along +z, 90 along +x [degrees]."""
    horizon: float = 0.0
    """Positive looks down [degrees]."""
    width: int = 300
    """[px]."""
    height: int = 300
    """[px]."""
    field_of_view: float = 90.0
    """Between the lower and the upper edge [degrees]."""
    orthographic_size: float | None = None
    """Half the height of what is seen by a camera without perspective [m]; None for a lens."""
    skip_ceiling: bool = False
    """From above the ceiling, look through it and cut the walls there."""
    far: float = FAR
    """Depth given where nothing is nearer [m]."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BackendError(f"an image needs at least 1x1 px, got {self.width}x{self.height}.")
        if not 0 < self.field_of_view < 180:
            raise BackendError(
                f"field of view must lie between 0 and 180 degrees, got {self.field_of_view}."
            )

    @property
    def rotation(self) -> Float32[np.ndarray, "3 3"]:
        """Maps right, up, forward of the camera to the world."""
        return rotation_matrix(self.yaw, self.horizon).astype(np.float32)

    @property
    def focal(self) -> float:
        """Focal length [px]; for an orthographic camera that of the same pixel at 5 m."""
        if self.orthographic_size is not None:
            return 2.5 * self.height / self.orthographic_size
        return self.height / (2 * tan(radians(self.field_of_view) / 2))


@dataclass(slots=True, kw_only=True, eq=False)
class Image:
    """What a camera saw; rows from the top."""

    rgb: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    """Along the optical axis [m]; the view's `far` where nothing is."""
    ids: Int32[np.ndarray, "h w"]
    """Instance number; 0 for the shell and the sky."""
    raw_normals: Float32[np.ndarray, "n 3"]
    """Of the triangles hit, on whichever side."""
    facing: Float32[np.ndarray, "n"]
    """Cosine between ray and raw normal."""

    @property
    def normals(self) -> Float32[np.ndarray, "h w 3"]:
        """Unit normals in the world, turned to the camera; zero where nothing is."""
        towards = np.where(self.facing > 0, -1, 1).astype(np.float32)
        return (self.raw_normals * towards[:, None]).reshape(*self.ids.shape, 3)


@lru_cache(maxsize=16)
def pixel_grid(
    width: int, height: int, half: float
) -> tuple[Float32[np.ndarray, "w"], Float32[np.ndarray, "h"], Float32[np.ndarray, "n"]]:
    """Middles of the pixels on a plane whose upper edge is at `half`.

    Returns:
        Places to the right by column and up by row, and the length of each pixel's ray when the
        plane is at distance 1.
    """
    scale = 2 * half / height
    right = (np.arange(width) + 0.5 - width / 2) * scale
    up = (height / 2 - np.arange(height) - 0.5) * scale
    lengths = np.sqrt(1 + right**2 + up[:, None] ** 2).reshape(-1)
    return right.astype(np.float32), up.astype(np.float32), lengths.astype(np.float32)


def world_rays(view: View) -> tuple[Float32[np.ndarray, "n 6"], Float32[np.ndarray, "n"]]:
    """The ray of each pixel, rows from the top: start [m] and direction; and the rays' lengths.

    The forward part of each direction is 1, so that what is counted in lengths of the ray is depth
    along the optical axis [m].
    """
    flat = view.orthographic_size
    half = tan(radians(view.field_of_view) / 2) if flat is None else flat
    right, up, lengths = pixel_grid(view.width, view.height, half)
    rotation = view.rotation
    rays = np.empty((view.height, view.width, 6), dtype=np.float32)
    spread, still = (slice(3, 6), slice(0, 3)) if flat is None else (slice(0, 3), slice(3, 6))
    base = rotation[:, 2] if flat is None else np.array(view.position, dtype=np.float32)
    rays[..., still] = view.position if flat is None else rotation[:, 2]
    for axis in range(3):
        rays[..., spread][..., axis] = (
            rotation[axis, 0] * right + (rotation[axis, 1] * up + base[axis])[:, None]
        )
    return rays.reshape(-1, 6), lengths if flat is None else np.ones_like(lengths)
