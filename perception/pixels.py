"""A bounded, even choice of pixels from each mask, so that cost does not grow with mask area."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
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


Window = tuple[slice, slice]
"""Rows and columns of an image."""


def mask_windows(masks: Bool[np.ndarray, "n h w"]) -> list[Window]:
    """Return the rows and columns that each mask spans: mostly a small part of the image."""
    spans = [cv2.boundingRect(mask) for mask in np.ascontiguousarray(masks).view(np.uint8)]
    return [
        (slice(top, top + height), slice(left, left + width)) for left, top, width, height in spans
    ]


def sample_pixels(
    masks: Bool[np.ndarray, "n h w"],
    *,
    limit: int,
    valid: Bool[np.ndarray, "h w"] | None = None,
    windows: Sequence[Window] | None = None,
) -> PixelSample:
    """Choose at most `limit` pixels of each mask, spread evenly over it; the same ones each time.

    One pixel is drawn from each of `limit` equal runs of the mask's pixels, at a jittered place:
    an even stride would fall into step with the image rows and see only a few columns.

    Args:
        masks: The masks.
        limit: Most pixels for each mask.
        valid: Pixels that may be chosen; all of them when None.
        windows: What each mask lies within, as `mask_windows` finds it; found here when None.
    """
    chosen: list[np.ndarray] = []
    width = masks.shape[2]
    for mask, window in zip(masks, windows or mask_windows(masks), strict=True):
        here = mask[window] if valid is None else mask[window] & valid[window]
        rows, columns = np.nonzero(here)
        inside = (rows + window[0].start) * width + columns + window[1].start
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
