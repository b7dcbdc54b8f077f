"""What films are taken of a house; light to import."""

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class FilmsConfig(Config, frozen=True):
    """What films are taken of each house."""

    clips: int = 4
    """Of each house."""
    frames: int = 20
    """Of each film."""
    width: int = 400
    height: int = 304
    """Of the pictures [px]."""
    carried: float = 0.45
    """How likely a thing is carried; asked twice for each film."""
    opened: float = 0.3
    """How likely a door or drawer swings."""
    least_pixels: int = 150
    """Smaller things in the first frame are not carried [px]."""
    quality: int = 28
    """x264's constant rate factor."""

    def __post_init__(self) -> None:
        if self.frames < 2 or self.clips < 1:
            raise ConfigError(
                f"films need 2 or more frames, got {self.frames}; houses 1 or more films, got "
                f"{self.clips}."
            )
        if self.width % 2 or self.height % 2:
            raise ConfigError(f"sides must be even, got {self.width} x {self.height} px.")
