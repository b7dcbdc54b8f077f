"""How much a feature store keeps, and by which rules."""

from typing import Literal

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class FeatureStoreConfig(Config, frozen=True):
    """XMem's memory (arXiv:2207.07115, section 3.3); the defaults are those of its evaluation."""

    top_k: int = 30
    """Elements that a query reads."""
    max_work_frames: int = 10
    """When the working memory holds so many frames it is consolidated, or, without long-term
    memory, loses its oldest (T_max)."""
    min_work_frames: int = 5
    """Frames that remain after consolidation, the permanent ones included (T_min)."""
    prototypes: int = 128
    """Long-term elements that one consolidation makes (P)."""
    long_term: bool = True
    """Whether there is a long-term memory."""
    max_long_term: int = 10_000
    """Long-term elements of a group of objects (LT_max)."""
    max_bytes: int | None = None
    """Bound on all storage instead of `max_long_term` [bytes], divided evenly among groups."""
    max_permanent_frames: int = 8
    """Frames of a group that are never consolidated: the first, and those asked for."""
    count_long_term_usage: bool = True
    """Whether reading a long-term element makes it less likely to be evicted."""
    tile_bytes: int = 64 << 20
    """Largest buffer of similarities [bytes]."""
    compat: Literal["none", "xmem"] = "none"
    """`xmem` repeats upstream where it errs: one sequence of keys for all objects, which pairs late
    objects with the wrong keys; no bound without long-term memory; ties all evicted."""

    def __post_init__(self) -> None:
        for name in ("top_k", "prototypes", "max_permanent_frames", "tile_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not 2 <= self.min_work_frames < self.max_work_frames:
            raise ConfigError(
                "the working memory needs 2 <= min_work_frames < max_work_frames, got "
                f"{self.min_work_frames} and {self.max_work_frames}."
            )
        if self.long_term and self.max_long_term <= self.prototypes:
            raise ConfigError(
                f"max_long_term must exceed prototypes, {self.prototypes}, got "
                f"{self.max_long_term}: one consolidation would not fit."
            )
        if self.max_bytes is not None and self.max_bytes < 1 << 20:
            raise ConfigError(f"max_bytes must be at least 1 MiB, got {self.max_bytes}.")
