"""A small network with XMem's interface: the same arithmetic from narrower parts.

It computes what `perception.xmem.network` describes. What is narrower: basic blocks instead of
bottlenecks with 3x3 stems, 1x1 convolutions where widths change, and a decoder that narrows as maps
grow, as most of XMem's work is at stride 4 for each object.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.xmem.blocks import (
    Attention,
    DecoderSensoryUpdate,
    GroupResBlock,
    SensoryUpdate,
    spread,
)
from perception.xmem.network import Dimensions, KeyProjection, MemoryNetwork
from perception.xmem.trunks import BasicBlock, Features

_MASK_CHANNELS = 2


class CompactConfig(Config, frozen=True):
    """Widths [channels] and depths."""

    stem: int = 32
    """At stride 2, of both encoders."""
    image: tuple[int, int, int] = (64, 96, 192)
    """Of the key encoder at strides 4, 8, 16."""
    blocks: tuple[int, int, int] = (1, 2, 2)
    """Residual blocks at these strides."""
    mask: tuple[int, int, int] = (48, 64, 128)
    """Of the value encoder at strides 4, 8, 16."""
    key: int = 48
    value: int = 128
    hidden: int = 32
    """Sensory memory."""
    decoder: tuple[int, int, int] = (128, 64, 32)
    """Of the decoder at strides 16, 8, 4."""

    def __post_init__(self) -> None:
        widths = (self.stem, *self.image, *self.mask, self.key, self.value, *self.decoder)
        if min(*widths, *self.blocks, self.hidden) < 1:
            raise ConfigError(f"widths and depths must be at least 1, got {self}.")
        if min(self.value, self.decoder[0]) < 16:
            raise ConfigError(
                "the value and the decoder at stride 16 need 16 channels or more, got "
                f"{self.value} and {self.decoder[0]}."
            )


class _Stem(nn.Module):
    """Two 3x3 convolutions to stride 4."""

    def __init__(self, inside: int, middle: int, out: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, middle, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, out, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h4 w4"]:
        x = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(x)))


def _stage(inside: int, out: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inside, out, stride, nn.BatchNorm2d)
    return nn.Sequential(
        first, *(BasicBlock(out, out, 1, nn.BatchNorm2d) for _ in range(blocks - 1))
    )


class CompactKeyTrunk(nn.Module):
    """Maps of an image at strides 16, 8 and 4."""

    def __init__(self, config: CompactConfig):
        super().__init__()
        at4, at8, at16 = config.image
        self.stem = _Stem(3, config.stem, at4)
        self.layer1 = _stage(at4, at4, config.blocks[0], 1)
        self.layer2 = _stage(at4, at8, config.blocks[1], 2)
        self.layer3 = _stage(at8, at16, config.blocks[2], 2)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Features:
        """Return the maps at stride 16, 8 and 4."""
        f4 = self.layer1(self.stem(image))
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


class Fusion(nn.Module):
    """Brings an image's map and its objects' maps together, at stride 16."""

    def __init__(self, image: int, per_object: int, width: int):
        super().__init__()
        self.image = nn.Conv2d(image, width, 3, padding=1)
        self.own = nn.Conv2d(per_object, width, 1)
        self.block1 = GroupResBlock(width, width)
        self.attention = Attention(width)
        self.block2 = GroupResBlock(width, width)

    def forward(
        self, image: Float[Tensor, "b c h w"], objects: Float[Tensor, "o d h w"]
    ) -> Float[Tensor, "o e h w"]:
        """Fuse."""
        own = self.own(objects)
        x = self.block1(own + spread(self.image(image), len(own)))
        return self.block2(x + self.attention(x))


class Refinement(nn.Module):
    """Doubles the size of the objects' maps, with what the image shows at that size."""

    def __init__(self, skip: int, inside: int, out: int):
        super().__init__()
        self.skip = nn.Conv2d(skip, out, 1)
        self.narrow = nn.Conv2d(inside, out, 1)
        self.block = GroupResBlock(out, out)

    def forward(
        self, skip: Float[Tensor, "b s u v"], objects: Float[Tensor, "o c h w"]
    ) -> Float[Tensor, "o d u v"]:
        """Upsample and refine."""
        narrow = self.narrow(torch.relu(objects))
        up = functional.interpolate(narrow, scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(up + spread(self.skip(skip), len(up)))


class CompactValueEncoder(nn.Module):
    """Value of each object from the image and its mask."""

    def __init__(self, config: CompactConfig):
        super().__init__()
        at4, at8, at16 = config.mask
        self.stem = _Stem(3 + _MASK_CHANNELS, config.stem, at4)
        self.layer2 = _stage(at4, at8, 1, 2)
        self.layer3 = _stage(at8, at16, 1, 2)
        self.fuser = Fusion(config.image[2], at16, config.value)
        self.hidden_reinforce = SensoryUpdate(config.value, config.hidden)

    def forward(self, x: Float[Tensor, "o c h w"]) -> Float[Tensor, "o d h16 w16"]:
        """Return the map at stride 16, before the fuser."""
        return self.layer3(self.layer2(self.stem(x)))


class CompactDecoder(nn.Module):
    """Masks from what memory returns, the sensory memory and the image's maps."""

    def __init__(self, config: CompactConfig):
        super().__init__()
        at16, at8, at4 = config.decoder
        f4, f8, f16 = config.image
        self.fuser = Fusion(f16, config.value + config.hidden, at16)
        self.up_16_8 = Refinement(f8, at16, at8)
        self.up_8_4 = Refinement(f4, at8, at4)
        self.pred = nn.Conv2d(at4, 1, 3, padding=1)
        self.hidden_update = DecoderSensoryUpdate(config.hidden, at16, at8, at4, middle=at8)


class CompactXMem(MemoryNetwork):
    """The whole network."""

    def __init__(self, config: CompactConfig | None = None):
        config = config or CompactConfig()
        dimensions = Dimensions(config.key, config.value, config.hidden, _MASK_CHANNELS)
        super().__init__(
            dimensions,
            key_encoder=CompactKeyTrunk(config),
            value_encoder=CompactValueEncoder(config),
            key_proj=KeyProjection(config.key, config.image[2]),
            decoder=CompactDecoder(config),
        )
        self.config = config
