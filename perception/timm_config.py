"""What appearance features of a timm model can be told."""

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.precision import Precision


class TimmFeaturesConfig(Config, frozen=True, tag="timm"):
    """The maps of a timm network, averaged under each mask."""

    weights: str
    """Path of a .pth or .safetensors file, or the name of a release."""
    model: str = "resnet18"
    """Name among `timm.list_models()`."""
    sha256: str | None = None
    """Digest that the file must have, or its first 8 digits or more."""
    layer: int = -1
    """Which of the network's maps: its stages, or the blocks of a transformer, from 0; -1 is the
    last one."""
    image_size: int = 224
    """Side of the square that the image is brought to [px]; larger tells smaller things apart."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`."""
    precision: Precision = "float32"
    """float32, or half precision where that is safe."""

    def __post_init__(self) -> None:
        if self.image_size < 32:
            raise ConfigError(f"timm.image_size must be at least 32 px, got {self.image_size}.")
