"""How far a depth image can be trusted, read off the image itself.

The error of a stereo or structured-light camera grows with the square of the range (Khoshelham and
Elberink 2012); on smooth surfaces a pixel differs from the median of its neighbours by about that
error.
"""

import cv2
import numpy as np
from jaxtyping import Float

_LEAST_RANGE = 2.0
"""Up to here depth is trusted whatever its noise [m]."""


def scatter(depth: Float[np.ndarray, "h w"] | None) -> float:
    """Return the standard deviation of depth at 1 m [m]; 0 where nothing is known.

    Args:
        depth: Distance along the optical axis [m]; NaN where unknown.
    """
    if depth is None:
        return 0.0
    here = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
    off = np.abs(here - cv2.medianBlur(here, 3))[::2, ::2]
    valid = here[::2, ::2] > 0.3
    if not valid.any():
        return 0.0
    return 1.48 * float(np.median(off[valid] / np.square(here[::2, ::2][valid])))


def range_within(error: float, noise: float) -> float:
    """Return the range up to which depth errs by less than `error` [m]; infinite without noise.

    Args:
        error: The standard deviation that will do [m].
        noise: That at 1 m, as `scatter` returns it [m].
    """
    return np.inf if noise <= 0 else max(_LEAST_RANGE, float(np.sqrt(error / noise)))
