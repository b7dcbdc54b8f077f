"""A bounded, even choice of pixels from each mask, so that cost does not grow with mask area."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int64


@dataclass(frozen=True, slots=True)
class PixelSample:
    """Pixels of n masks, one mask after another."""

    pixels: Int64[np.ndarray, "p"]
    """Row-major index into the image."""
    starts: Int64[np.ndarray, "bounds"]
    """Mask i owns pixels[starts[i]:starts[i + 1]]; n + 1 entries."""

    @property
    def owners(self) -> Int64[np.ndarray, "p"]:
        """Number of the mask that each pixel belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def sample_pixels(
    masks: Bool[np.ndarray, "n h w"],
    *,
    limit: int,
    valid: Bool[np.ndarray, "h w"] | None = None,
) -> PixelSample:
    """Choose at most `limit` pixels of each mask, spread evenly over it; the same ones each time.

    One pixel is drawn from each of `limit` equal runs of the mask's pixels, at a jittered place:
    an even stride would fall into step with the image rows and see only a few columns.

    Args:
        masks: The masks.
        limit: Most pixels for each mask.
        valid: Pixels that may be chosen; all of them when None.
    """
    chosen: list[np.ndarray] = []
    for mask in masks:
        inside = np.flatnonzero(mask if valid is None else mask & valid)
        if len(inside) > limit:
            bounds = np.arange(limit + 1) * len(inside) // limit
            places = bounds[:-1] + (_jitter(limit) * np.diff(bounds)).astype(np.int64)
            inside = inside[places]
        chosen.append(inside)
    starts = np.cumsum([0, *(len(pixels) for pixels in chosen)])
    pixels = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    return PixelSample(pixels.astype(np.int64), starts.astype(np.int64))


@lru_cache(maxsize=8)
def _jitter(count: int) -> Float[np.ndarray, "count"]:
    return np.random.default_rng(0).random(count)
