"""How much of earlier frames a detector keeps and reads."""

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class FeatureBankConfig(Config, frozen=True):
    """How much is kept and read."""

    capacity: int = 20_000
    """Rows of each bank."""
    keys: int = 2_000
    """Rows that a read attends to, drawn for each frame."""
    written: int = 75
    """Rows of a frame that are written, the likeliest things first."""
    weights: str | None = None
    """Projections of a trained reader, a file; without it, alike features are averaged."""
    sha256: str | None = None
    """Digest that the file must have, or its first 8 digits or more."""
    heads: int = 16
    """Of a trained reader."""
    sharpness: float = 30.0
    """How much more what is more alike counts, without weights."""
    share: float = 0.5
    """Share of what is read in a feature, without weights, 0..1."""
    seed: int = 0
    """Of chance."""

    def __post_init__(self) -> None:
        if min(self.capacity, self.keys, self.written, self.heads) < 1:
            raise ConfigError("a feature bank's capacity, keys, written and heads are at least 1.")
        if not 0 <= self.share <= 1 or self.sharpness <= 0:
            raise ConfigError("a feature bank's share lies in 0..1, its sharpness above 0.")
