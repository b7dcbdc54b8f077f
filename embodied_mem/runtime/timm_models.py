"""timm's networks by name, with random weights: nothing is fetched."""

from importlib import import_module

from torch import nn

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.torchvision_ops import ensure_torchvision


def build_timm(model: str) -> nn.Module:
    """Build a network of timm without its classifier.

    Raises:
        ConfigError: timm is not installed, has no such model, or it gives no maps.
    """
    ensure_torchvision()
    try:
        timm = import_module("timm")  # Imports torchvision.
    except ImportError as error:
        raise ConfigError(
            f"'{model}' needs timm, which is not installed. Run `pip install timm`."
        ) from error
    if not timm.is_model(model):
        raise ConfigError(
            f"timm has no model '{model}'. `timm.list_models()` names those that it has, "
            "for example resnet18, convnext_tiny, vit_small_patch14_dinov2."
        )
    network = timm.create_model(model, pretrained=False, num_classes=0)
    if not hasattr(network, "forward_intermediates"):
        raise ConfigError(f"timm's '{model}' gives no maps. resnet18, for one, does.")
    return network
