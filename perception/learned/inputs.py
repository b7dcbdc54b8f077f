"""What the network sees of a frame: colour, and what depth and pose tell about surfaces.

Channels: red, green, blue; inverse depth; height above the floor; how much the surface faces up;
how much it faces the camera; whether depth is known. Height and direction of a surface are worth
more to a small network than depth alone (HHA: Gupta et al., arXiv:1407.5736).
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, UInt8

from embodied_mem.types import Camera

CHANNELS = 8
"""Channels of the network's input."""

NEAREST = 0.2
"""Depths below this count as this [m]."""

_FARTHEST = 19.9


def network_input(
    rgb: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "h w"],
    camera: Camera,
    pose: Float[np.ndarray, "4 4"],
    floor: float = 0.0,
) -> Float32[np.ndarray, "c h w"]:
    """Prepare one image.

    Args:
        rgb: Colour.
        depth: Along the optical axis [m]; anything that is not a distance is unknown.
        camera: Intrinsics of exactly this image.
        pose: T_world_camera.
        floor: Height of the floor in the world [m].
    """
    channels = np.zeros((CHANNELS, *depth.shape), np.float32)
    np.multiply(rgb.transpose(2, 0, 1), np.float32(1 / 64), out=channels[:3])
    channels[:3] -= 2.0
    with np.errstate(invalid="ignore"):
        known = (depth > 0) & (depth < _FARTHEST)
    z = np.where(known, np.maximum(depth, NEAREST), 1).astype(np.float32)
    across, down = _rays(camera)
    x, y = across * z, down[:, None] * z
    up = pose[2, :3].astype(np.float32)  # World's up, in the camera frame.
    channels[3] = 1 / z - 0.5
    channels[4] = (up[0] * x + up[1] * y + up[2] * z + np.float32(pose[2, 3] - floor)).clip(-1, 3)
    channels[4] -= 1.0
    nx, ny, nz = _normals(x, y, z)
    channels[5] = up[0] * nx + up[1] * ny + up[2] * nz
    lengths = np.sqrt(across**2 + (down**2)[:, None] + 1)
    channels[6] = -(nx * across + ny * down[:, None] + nz) / lengths
    channels[7] = 1
    channels[3:] *= known
    return channels


def _normals(
    x: Float32[np.ndarray, "h w"], y: Float32[np.ndarray, "h w"], z: Float32[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Unit normals that face the camera, from differences between neighbours; 0 at the edge."""
    right = [_difference(axis, 1) for axis in (x, y, z)]
    below = [_difference(axis, 0) for axis in (x, y, z)]
    nx = below[1] * right[2] - below[2] * right[1]
    ny = below[2] * right[0] - below[0] * right[2]
    nz = below[0] * right[1] - below[1] * right[0]
    scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-18)
    return nx * scale, ny * scale, nz * scale


def _difference(values: Float32[np.ndarray, "h w"], axis: int) -> Float32[np.ndarray, "h w"]:
    out = np.zeros_like(values)
    if axis == 0:
        np.subtract(values[2:], values[:-2], out=out[1:-1])
    else:
        np.subtract(values[:, 2:], values[:, :-2], out=out[:, 1:-1])
    return out


@lru_cache(maxsize=64)
def _rays(camera: Camera) -> tuple[Float32[np.ndarray, "w"], Float32[np.ndarray, "h"]]:
    """Where the pixels' centres lie at depth 1: to the right by column, down by row [m]."""
    across = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    down = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    return across.astype(np.float32), down.astype(np.float32)
