"""Settings of the learned detector; light to import, as the command line reads them."""

from typing import Literal

from embodied_mem.config import Config
from perception.lift import LiftConfig


class GroupingConfig(Config, frozen=True):
    """How cells become things."""

    centre_score: float = 0.3
    """Least score of a middle, 0..1."""
    most_centres: int = 100
    """Middles that are taken at most, the best first."""
    claim: float = 32.0
    """Farthest that a vote may miss a middle [px]."""
    step: float = 0.06
    """Depths of neighbouring cells that differ by more than `step + step_slope * depth` are two
    surfaces [m]."""
    step_slope: float = 0.04
    """Growth of that difference with depth."""
    fragment: float = 0.45
    """A middle that claims less than this share of a connected surface has no part in it."""


class LearnedConfig(Config, frozen=True, tag="learned"):
    """Our own small segmenter."""

    weights: str | None = None
    """File of weights; those that come with the package when null."""
    min_score: float = 0.6
    """Things of which it is less sure are not detected, 0..1."""
    min_pixels: int = 16
    """Smaller masks are not detected [px]."""
    sure: float = 0.75
    """States less likely than this, either way, are not told, 0.5..1."""
    sure_of_faint: float = 0.95
    """The same for states that hardly show: filled, cooked."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network; `auto` is bfloat16 where the processor computes in it natively, which takes
    half as long and finds as much, else float32."""
    grouping: GroupingConfig = GroupingConfig()
    lift: LiftConfig | None = LiftConfig()
    """How masks are placed in the world; null leaves them without points."""
