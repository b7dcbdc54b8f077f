"""A small description of how a thing looks: its colours.

The feature joins three histograms of eight bins each, of lightness and of the two colour axes of
CIE Lab, softened by a neighbour's share so that noise near a bin's edge changes little, square
rooted (so that a dot product is the Bhattacharyya coefficient) and scaled to unit length. Bins of
the colour axes are narrow near grey, where indoor colours lie. 24 numbers, no weights.
"""

from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.config import Config
from perception.pixels import sample_pixels

BINS = 8
"""Bins for each of the three axes."""

WIDTH = 3 * BINS
"""Length of the feature."""

_COLOUR_EDGES = 128 + np.array([-24, -12, -5, 5, 12, 24, 44])
_LIGHT_EDGES = np.linspace(0, 256, BINS + 1)[1:-1]
_BIN_OF_VALUE = np.stack(
    [
        np.searchsorted(edges, np.arange(256), side="right") + axis * BINS
        for axis, edges in enumerate((_LIGHT_EDGES, _COLOUR_EDGES, _COLOUR_EDGES))
    ]
)  # (3, 256): bin of each 8-bit value on each axis.


class ColourFeaturesConfig(Config, frozen=True, tag="colour"):
    """Colours alone: no weights."""

    max_samples: int = 300
    """Pixels of each mask that are looked at."""


@runtime_checkable
class Describer(Protocol):
    """Describes how what lies under masks looks."""

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], masks: Bool[np.ndarray, "n h w"]
    ) -> Float32[np.ndarray, "n d"]:
        """Return one vector of unit length for each mask, of the same width each time."""
        ...


class ColourFeatures:
    """Describes by colours; see `colour_features`."""

    def __init__(self, config: ColourFeaturesConfig | None = None):
        self.config = config or ColourFeaturesConfig()

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], masks: Bool[np.ndarray, "n h w"]
    ) -> Float32[np.ndarray, "n d"]:
        """Describe what lies under each mask."""
        return colour_features(rgb, masks, max_samples=self.config.max_samples)


def colour_features(
    rgb: UInt8[np.ndarray, "h w 3"],
    masks: Bool[np.ndarray, "n h w"],
    *,
    max_samples: int = 300,
) -> Float32[np.ndarray, "n d"]:
    """Describe what lies under each mask.

    Args:
        rgb: The image.
        masks: One mask for each detection; an empty one gets an even feature.
        max_samples: Pixels of each mask that are looked at.
    """
    sample = sample_pixels(masks, limit=max_samples)
    colours = rgb.reshape(-1, 3)[sample.pixels]
    counts = np.zeros((len(masks), WIDTH))
    if len(colours):
        lab = cv2.cvtColor(colours[None], cv2.COLOR_RGB2LAB)[0]  # (p, 3)
        bins = _BIN_OF_VALUE[np.arange(3), lab] + WIDTH * sample.owners[:, None]
        counts = np.bincount(bins.ravel(), minlength=counts.size).reshape(counts.shape)
    histograms = counts.reshape(-1, 3, BINS).astype(np.float32)
    soft = histograms + 0.25 * (
        np.pad(histograms[..., 1:], ((0, 0), (0, 0), (0, 1)))
        + np.pad(histograms[..., :-1], ((0, 0), (0, 0), (1, 0)))
    )
    features = np.sqrt(soft.reshape(-1, WIDTH) + 1e-6)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
