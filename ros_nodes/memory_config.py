"""Parameters of the memory node; a YAML file and ROS parameters read the same names."""

from typing import Literal

from embodied_mem.app.build import AgentConfig
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception import LearnedConfig


class TopicsConfig(Config, frozen=True):
    """Where images come from. Depth must be registered to colour."""

    color: str = "/camera/color/image_raw"
    depth: str = "/camera/aligned_depth_to_color/image_raw"
    camera_info: str = "/camera/color/camera_info"
    masks: str = ""
    """`embodied_mem_msgs/LabelledMasks` of a detector or a simulator; none when empty."""
    skill_results: str = "/skill_results"
    """`embodied_mem_msgs/SkillResult`: what the robot's hand did."""
    image_transport: Literal["raw", "compressed"] = "raw"
    """`compressed` reads `<color>/compressed` and `<depth>/compressedDepth`."""
    rectify: Literal["auto", "always", "never"] = "auto"
    """Whether images are raw, and to be straightened as the camera info says; `auto` does so where
    the name of `color` ends in `raw`. Depth and masks lie on the same pixels, and follow."""
    reliable: bool = False
    """Whether images are asked for reliably. A driver that sends best effort is then not heard."""

    @property
    def is_raw(self) -> bool:
        """Whether images are as the lens bends them."""
        return self.rectify == "always" or (self.rectify == "auto" and self.color.endswith("raw"))


class FramesConfig(Config, frozen=True):
    """Names of REP 105's frames."""

    map: str = "map"
    odom: str = "odom"
    base: str = "base_link"


class TimingConfig(Config, frozen=True):
    """How long things are waited for."""

    sync_slop: float = 0.02
    """Most that stamps of colour, depth and masks may differ [s]."""
    sync_queue: int = 10
    """Images of each topic that wait for their companions."""
    tf_timeout: float = 0.5
    """How long an image waits for its transform [s]."""
    tf_cache: float = 10.0
    """How long transforms are kept [s]."""
    publish_period: float = 0.5
    """Least time between two snapshots, markers and statuses [s]."""
    diagnostics_period: float = 1.0
    """Time between two diagnostics [s]."""

    def __post_init__(self) -> None:
        for name in ("sync_slop", "tf_timeout", "tf_cache", "publish_period"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"timing.{name} must not be negative, got {getattr(self, name)}.")
        if self.sync_queue < 1:
            raise ConfigError(f"timing.sync_queue must be at least 1, got {self.sync_queue}.")
        if not self.diagnostics_period > 0:
            raise ConfigError("timing.diagnostics_period must be positive.")


class ReanchorConfig(Config, frozen=True):
    """When a step of `odom` in `map` is a jump."""

    distance: float = 0.15
    """[m]."""
    degrees: float = 3.0
    """[deg]."""


class MemoryNodeConfig(Config, frozen=True):
    """A memory node."""

    name: str = "embodied_mem"
    namespace: str = "/"
    store: str = ""
    """Folder of the memory; in RAM when empty."""
    topics: TopicsConfig = TopicsConfig()
    frames: FramesConfig = FramesConfig()
    timing: TimingConfig = TimingConfig()
    reanchor: ReanchorConfig = ReanchorConfig()
    view: bool = False
    """Whether `~/view` shows planners each image with its depth and memory's ids."""
    agent: AgentConfig = AgentConfig(perception=LearnedConfig())
    """What sees, describes and remembers; `planner` is not used here."""
