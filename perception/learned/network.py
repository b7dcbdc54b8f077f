"""The network: a small backbone, a light decoder, one head for kinds and one for instances.

The instance head follows Panoptic-DeepLab (arXiv:1911.10194): a heatmap of the middles of things,
and for each pixel the way to the middle of its thing.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from embodied_mem.config import Config
from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from perception.learned.inputs import CHANNELS

ensure_torchvision()
import timm  # noqa: E402 - only now can it be imported.


class NetworkConfig(Config, frozen=True):
    """Size and shape of the network."""

    backbone: str = "resnet18"
    """A model of timm's, trained from scratch here."""
    channels: tuple[int, ...] = (64, 128, 256, 320)
    """Widths of a ResNet's four stages; those of timm's model when empty."""
    width: int = 64
    """Channels of the decoder at the coarse maps."""
    fine_width: int = 48
    """Channels of the decoder at the fine maps."""


class Maps(NamedTuple):
    """What the network says of b images."""

    kinds: Float[Tensor, "b k h w"]
    """Logit of each kind; 0 is background. At every second pixel."""
    states: Float[Tensor, "b s h w"]
    """Logit of each state, at every second pixel."""
    centres: Float[Tensor, "b 1 y x"]
    """Logit of being the middle of a thing, at every fourth pixel."""
    offsets: Float[Tensor, "b 2 y x"]
    """Way down and right to the middle of the pixel's thing [`REACH` px]."""


class Segmenter(nn.Module):
    """Images to maps. Heights and widths must be multiples of 32.

    Args:
        kinds: Number of kinds, background included.
        states: Number of states.
        config: Size and shape.
    """

    def __init__(self, *, kinds: int, states: int, config: NetworkConfig) -> None:
        super().__init__()
        other: dict[str, Any] = {"channels": config.channels} if config.channels else {}
        self.backbone = timm.create_model(
            config.backbone, pretrained=False, features_only=True, in_chans=CHANNELS, **other
        )
        # Stride 2, 4, 8, 16 and 32.
        widths = self.backbone.feature_info.channels()  # pyright: ignore
        width, fine = config.width, config.fine_width
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths[1:])
        self.context = nn.Conv2d(widths[-1], width, 1)
        self.smooth = nn.ModuleList(_block(width, width) for _ in range(2))
        self.stem = nn.Conv2d(widths[0], fine, 1)
        self.narrow = nn.Conv2d(width, fine, 1)
        self.detail = _block(fine, fine)
        self.kinds = nn.Conv2d(fine, kinds, 1)
        self.states = nn.Conv2d(fine, states, 1)
        self.instances = nn.Sequential(_block(width, fine), nn.Conv2d(fine, 3, 1))
        nn.init.constant_(self.instances[1].bias[:1], -3.0)  # pyright: ignore # Middles are rare.

    def forward(self, images: Float[Tensor, "b c h w"]) -> Maps:
        """Look at b images."""
        first, *levels = self.backbone(images)
        top = self.lateral[-1](levels[-1])
        top = top + self.context(levels[-1].mean(dim=(2, 3), keepdim=True))
        for index in (2, 1, 0):
            top = functional.interpolate(top, scale_factor=2.0, mode="nearest")
            top = top + self.lateral[index](levels[index])
            if index < 2:
                top = self.smooth[index](top)
        instances = self.instances(top)
        fine = functional.interpolate(self.narrow(top), scale_factor=2.0, mode="nearest")
        fine = self.detail(fine + self.stem(first))
        return Maps(
            kinds=self.kinds(fine),
            states=self.states(fine),
            centres=instances[:, :1],
            offsets=instances[:, 1:],
        )


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def parameter_count(network: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(parameter.numel() for parameter in network.parameters())


def to_device(network: Segmenter, device: torch.device) -> Segmenter:
    """Move a network to where it runs, in the memory layout in which convolutions are fastest."""
    return network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore
