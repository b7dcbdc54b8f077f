"""Raw images made straight: what a lens bends, by the distortion that the camera info tells. Pure.

The straightened image has the pinhole K of the raw one, and its frame: a stereo pair's
rectification (R and P) is not followed.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32

from embodied_mem.types import Camera
from ros_nodes.convert import pinhole
from ros_nodes.drops import Reason, UnusableMessageError

_LENGTHS = {"plumb_bob": (4, 5), "rational_polynomial": (8,), "equidistant": (4,)}
"""Numbers of each model that is known; OpenCV orders them as ROS does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A camera that bends lines."""

    camera: Camera
    """The pinhole without the lens."""
    model: str
    """`plumb_bob`, `rational_polynomial` or `equidistant`."""
    distortion: tuple[float, ...]
    """Of the model; of no meaning where all are zero."""

    @property
    def is_straight(self) -> bool:
        """Whether there is nothing to do. A fisheye bends with zeros, too."""
        return self.model != "equidistant" and not any(self.distortion)


def lens(info: Any, width: int, height: int) -> Lens:
    """Return the lens of a raw image from its `sensor_msgs/CameraInfo`.

    Args:
        info: The message.
        width: Of the image [px].
        height: Of the image [px].

    Raises:
        UnusableMessageError: It is for another size, holds no calibration, or a model that is not
            known.
    """
    camera = pinhole(info, width, height, raw=True)
    model = str(info.distortion_model)
    distortion = tuple(float(number) for number in info.d)
    if model not in _LENGTHS and not any(distortion):
        model, distortion = "plumb_bob", (0.0,) * 5  # Drivers leave the name out, too.
    if model not in _LENGTHS or not np.isfinite(distortion).all():
        raise UnusableMessageError(
            Reason.CAMERA_INFO,
            f"the distortion '{model}' {distortion} is not known; known are "
            f"{', '.join(sorted(_LENGTHS))}. Use rectified topics.",
        )
    if len(distortion) not in _LENGTHS[model] and any(distortion):
        raise UnusableMessageError(
            Reason.CAMERA_INFO, f"the distortion '{model}' has {len(distortion)} numbers."
        )
    return Lens(camera=camera, model=model, distortion=distortion)


def straightened(image: np.ndarray, by: Lens, *, blend: bool, beyond: float = 0.0) -> np.ndarray:
    """Return an image as the pinhole sees it.

    Args:
        image: (h, w) or (h, w, c).
        by: Its lens.
        blend: Mix neighbours, as is right for colours, and wrong for depths and numbers.
        beyond: What pixels get that the raw image does not show.
    """
    if by.is_straight:
        return image
    across, down = _maps(by)
    how = cv2.INTER_LINEAR if blend else cv2.INTER_NEAREST
    kind = image.dtype
    given = image.astype(np.float32) if kind == np.int32 else image  # OpenCV knows no int32 here.
    bent = cv2.remap(
        given, across, down, how, borderMode=cv2.BORDER_CONSTANT, borderValue=(beyond,) * 4
    )
    return bent.astype(kind, copy=False)


@lru_cache(maxsize=4)
def _maps(by: Lens) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Return where each straight pixel lies in the raw image [px]."""
    camera = by.camera
    # OpenCV counts from the middle of the first pixel, `Camera` from its corner.
    matrix = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    size, numbers = (camera.width, camera.height), np.array(by.distortion or (0.0,) * 4)
    find = cv2.initUndistortRectifyMap
    if by.model == "equidistant":
        find = cv2.fisheye.initUndistortRectifyMap
    across, down = find(matrix, numbers, np.eye(3), matrix, size, cv2.CV_32FC1)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)
