"""What of the films a step shows, and how it is changed."""

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class SamplingConfig(Config, frozen=True):
    """How batches are made of films."""

    crop: int = 288
    """Side of the pictures [px]."""
    frames: tuple[int, ...] = (3, 5, 8)
    """Lengths of clips; each is shown for as long a part of the training."""
    load: int = 256
    """Frames of all clips of a batch together: short clips come in large batches."""
    gaps: tuple[int, int] = (2, 5)
    """Most frames of the film between two of a clip, at the beginning and at the end."""
    objects: tuple[float, ...] = (0.25, 0.35, 0.4)
    """How often one, two, three ... objects are followed."""
    remembered: int = 2
    """Frames of a clip that are remembered besides the first."""
    least_area: float = 0.002
    most_area: float = 0.5
    """Share of the picture that an object fills in the first frame."""
    still: float = 0.25
    """Share of clips that are one frame, moved about, with other objects laid over it."""
    occluded: float = 0.3
    """Share of the other clips past which an object of another film moves."""
    zoom: tuple[float, float] = (0.55, 1.15)
    """Height of what is cut out, in heights of the film's picture."""
    turn: float = 12.0
    """Most that clips are rotated, either way [deg]."""

    def __post_init__(self) -> None:
        if self.crop < 32 or self.crop % 16:
            raise ConfigError(
                f"the side of the crops must be a multiple of 16 px from 32 on, got {self.crop}."
            )
        if not self.frames or min(self.frames) < 2 or max(self.frames) > self.load:
            raise ConfigError(
                f"clips need 2 frames or more, and no more than load, {self.load}, got "
                f"{self.frames}."
            )
        if not self.objects or min(self.objects) < 0 or sum(self.objects) <= 0:
            raise ConfigError(f"objects must be shares of at least one count, got {self.objects}.")
