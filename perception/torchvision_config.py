"""What a torchvision detector can be told."""

from typing import Literal

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.feature_bank_config import FeatureBankConfig
from perception.label_map import COCO
from perception.lift import LiftConfig
from perception.precision import Precision

Architecture = Literal[
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
]


class TorchvisionConfig(Config, frozen=True, tag="torchvision"):
    """Mask R-CNN, or Faster R-CNN with masks cut out of its boxes by depth."""

    architecture: Architecture = "maskrcnn_resnet50_fpn_v2"
    weights: str = "maskrcnn_resnet50_fpn_v2_coco"
    """Path of a .pth or .safetensors file, or the name of a release."""
    sha256: str | None = None
    """Digest that the file must have, or its first 8 digits or more."""
    classes: tuple[str, ...] = COCO
    """What the network's classes are called, by number; number 0 is the background."""
    rename: dict[str, str] = msgspec.field(default_factory=lambda: {"cup": "Mug"})
    """Labels by the detector's words, before AI2-THOR's names: COCO's cups are mugs more often."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`."""
    precision: Precision = "float32"
    """float32, or half precision where that is safe."""
    image_size: int = 800
    """The image's shorter side is brought to this length [px]; less is faster and sees less."""
    score: float = 0.5
    """Less certain detections are dropped, 0..1."""
    max_detections: int = 100
    """Most detections in one frame."""
    min_pixels: int = 12
    """Smaller masks are dropped [px]."""
    bank: FeatureBankConfig | None = None
    """Features of earlier frames that those of a frame are made clearer by; null for none."""
    lift: LiftConfig | None = LiftConfig()
    """How masks are placed in the world; null leaves them without points."""

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ConfigError(f"torchvision.score must lie in 0..1, got {self.score}.")
        if self.max_detections < 1 or self.image_size < 32 or len(self.classes) < 2:
            raise ConfigError(
                "torchvision needs max_detections >= 1, image_size >= 32 px and a class beside the "
                f"background, got {self.max_detections}, {self.image_size}, {self.classes}."
            )
