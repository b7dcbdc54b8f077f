"""How objects are followed through a video."""

from typing import Literal

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.feature_config import FeatureStoreConfig


class TrackerConfig(Config, frozen=True):
    """How objects are followed."""

    memory: FeatureStoreConfig = FeatureStoreConfig()
    memory_every: int = 5
    """Every so many frames one is remembered [frames]."""
    deep_update_every: int = -1
    """Frames between renewals of the sensory memory by the value encoder; -1: on each remembered
    frame, which then does without the decoder's."""
    max_internal_size: int | None = 480
    """Images with a longer short side are shrunk to this [px]; null keeps the camera's size."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of convolutions and stored values; similarities and probabilities are exact always."""
    flip: bool = False
    """Average with the same on mirrored images: twice the work."""
    look_ahead: int = 1
    """Frames of a file whose keys are computed in one batch, before memory is asked [frames]."""

    def __post_init__(self) -> None:
        if self.memory_every < 1:
            raise ConfigError(f"memory_every must be at least 1 frame, got {self.memory_every}.")
        if self.look_ahead < 1:
            raise ConfigError(f"look_ahead must be at least 1 frame, got {self.look_ahead}.")
        if self.deep_update_every == 0 or self.deep_update_every < -1:
            raise ConfigError(
                f"deep_update_every must be -1 or at least 1 frame, got {self.deep_update_every}."
            )
        if self.max_internal_size is not None and self.max_internal_size < 16:
            raise ConfigError(
                f"max_internal_size must be at least 16 px, got {self.max_internal_size}."
            )
