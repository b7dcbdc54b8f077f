"""How a whole picture looks, by a timm network: the mean of its map."""

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from perception.timm_config import TimmFeaturesConfig
from perception.timm_features import TimmFeatures


class TimmLook:
    """Describes by a network."""

    def __init__(self, config: TimmFeaturesConfig):
        """Load the weights.

        Raises:
            ConfigError: There is no such model, layer or device.
            WeightsError: The weights are missing, damaged, or another network's.
        """
        self.features = TimmFeatures(config)
        """Describes parts of pictures too."""

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], front: Bool[np.ndarray, "p q"]
    ) -> Float32[np.ndarray, "d"]:
        """Return the mean of the picture's map, of unit length; motion has no part in it."""
        del front
        mean = self.features.maps(rgb).mean(axis=(1, 2))
        return (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)
