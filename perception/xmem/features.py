"""How things look to a tracker: its keys, by which it finds them again, averaged under masks."""

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8

from perception.compact.weights import SHIPPED
from perception.timm_features import pool_under
from perception.xmem.images import normalise
from perception.xmem.loading import load_network

_STRIDE = 16


class TrackerFeatures:
    """Describes by the keys of a tracker's network; without a file, of the one in the package."""

    def __init__(self, weights: str | Path = SHIPPED):
        """Load the weights.

        Raises:
            ConfigError: They are missing, damaged, or another network's.
        """
        self._network = load_network(weights)

    @torch.inference_mode()
    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], masks: Bool[np.ndarray, "n h w"]
    ) -> Float32[np.ndarray, "n d"]:
        """Describe what lies under each mask, in one pass over the picture."""
        height, width = (max(1, round(side / _STRIDE)) * _STRIDE for side in rgb.shape[:2])
        fitting = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        image = normalise(fitting, dtype=torch.float32, device=torch.device("cpu"))
        return pool_under(self._network.encode_key(image[None]).key[0].numpy(), masks)
