"""From an image, an instruction and joints to perceptual tokens and one cognitive token.

A small convolutional network that a CPU can train, MemoryVLA's squeeze-and-excite bottleneck
(arXiv:2508.19236, section 3.1) and a small transformer with a token that asks what it all means.

Axes: b images, n perceptual tokens, p, c widths.
"""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from embodied_mem.config import Config
from planners.diffusion.denoiser import Block

STRIDE = 8
"""Pixels to a perceptual token, each way."""

_REDUCTION = 16
"""Of the bottleneck's squeeze."""


class EncoderConfig(Config, frozen=True):
    """How large the encoder is."""

    channels: tuple[int, int, int] = (32, 64, 128)
    """At strides of 2, 4 and 8 pixels; multiples of 8."""
    perceptual: int = 64
    """Width of a perceptual token."""
    cognitive: int = 128
    """Width of the cognitive token."""
    layers: int = 2
    """Of the transformer that makes the cognitive token."""
    heads: int = 4


class Encoder(nn.Module):
    """What is seen, and what it means for the task.

    Args:
        height: Of the images, a multiple of 8 [px].
        width: Of the images, a multiple of 8 [px].
        proprio: Numbers that tell of the robot's own state.
        instructions: How many there are.
        config: Sizes.
    """

    def __init__(
        self, *, height: int, width: int, proprio: int, instructions: int, config: EncoderConfig
    ) -> None:
        super().__init__()
        first, second, third = config.channels
        self.grid = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            Residual(first, second, stride=2),
            Residual(second, third, stride=2),
            Residual(third, third, stride=1),
        )
        self.bottleneck = Bottleneck(third, config.perceptual)
        self.even = nn.LayerNorm(config.perceptual)
        count = (height // STRIDE) * (width // STRIDE)
        self.place = nn.Parameter(torch.randn(1, count, config.perceptual) * 0.5)
        self.seen = nn.Linear(config.perceptual, config.cognitive)
        self.felt = nn.Sequential(
            nn.Linear(proprio, config.cognitive),
            nn.SiLU(),
            nn.Linear(config.cognitive, config.cognitive),
        )
        self.told = nn.Embedding(instructions, config.cognitive)
        self.question = nn.Parameter(torch.randn(1, 1, config.cognitive) * 0.02)
        self.blocks = nn.ModuleList(
            Block(config.cognitive, config.heads, looks=False) for _ in range(config.layers)
        )
        self.normal = nn.LayerNorm(config.cognitive)

    def forward(
        self,
        images: UInt8[Tensor, "b h w 3"],
        proprio: Float[Tensor, "b m"],
        instructions: Int[Tensor, "b"],
    ) -> tuple[Float[Tensor, "b n p"], Float[Tensor, "b 1 c"]]:
        """Encode."""
        pixels = images.permute(0, 3, 1, 2).float() / 127.5 - 1  # In memory, channels stay last.
        tokens = self.bottleneck(self.grid(pixels)).flatten(2).transpose(1, 2)
        tokens = self.even(tokens) + self.place
        x = torch.cat(
            [
                self.question.expand(len(images), -1, -1),
                self.seen(tokens),
                self.felt(proprio)[:, None],
                self.told(instructions)[:, None],
            ],
            1,
        )
        for block in self.blocks:
            x = block(x, None)
        return tokens, self.normal(x[:, :1])


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.GroupNorm(8, before),
            nn.SiLU(),
            nn.Conv2d(before, after, 3, stride=stride, padding=1),
            nn.GroupNorm(8, after),
            nn.SiLU(),
            nn.Conv2d(after, after, 3, padding=1),
        )
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, stride, stride=stride)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d g v"]:
        """Add what the convolutions find."""
        return self.shortcut(x) + self.network(x)


class Bottleneck(nn.Module):
    """Narrow features to tokens; what the whole image holds decides which channels count."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        wide = 2 * after
        self.widen = nn.Conv2d(before, wide, 1, bias=False)
        self.squeeze = nn.Conv2d(wide, max(wide // _REDUCTION, 1), 1)
        self.excite = nn.Conv2d(max(wide // _REDUCTION, 1), wide, 1)
        self.narrow = nn.Conv2d(wide, after, 1, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b p h w"]:
        """Weigh the channels, then narrow them."""
        z = self.widen(x).relu()
        weight = self.excite(self.squeeze(z.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.narrow(z * weight)
