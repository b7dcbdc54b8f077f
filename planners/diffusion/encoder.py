"""From an image, an instruction and joints to perceptual tokens and one cognitive token.

A small convolutional network that a CPU can train, MemoryVLA's squeeze-and-excite bottleneck
(arXiv:2508.19236, section 3.1) and a small transformer with a token that asks what it all means.

A cue may be 20 of 5,120 pixels. So what all frames have in common is taken off the image, and what
all places have in common off the tokens: those that stand out are then long, and looking for what
is alike finds them before anything was learnt.

Axes: b images, n perceptual tokens, p, c widths.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from embodied_mem.config import Config
from planners.diffusion.denoiser import Block

STRIDE = 8
"""Pixels to a perceptual token, each way."""

_REDUCTION = 16
"""Of the bottleneck's squeeze."""


class EncoderConfig(Config, frozen=True):
    """How large the encoder is."""

    channels: tuple[int, int] = (32, 64)
    """At strides of 4 and 8 pixels."""
    perceptual: int = 32
    """Width of a perceptual token."""
    cognitive: int = 64
    """Width of the cognitive token."""
    layers: int = 1
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
        first, second = config.channels
        self.grid = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=4),
            nn.SiLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),  # Fields overlap: 16 pixels for 8.
        )
        self.bottleneck = Bottleneck(second, config.perceptual)
        count = (height // STRIDE) * (width // STRIDE)
        self.place = nn.Parameter(torch.randn(1, count, config.perceptual) * 0.1)
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
        pixels: Float[Tensor, "b h w 3"],
        proprio: Float[Tensor, "b m"],
        instructions: Int[Tensor, "b"],
    ) -> tuple[Float[Tensor, "b n p"], Float[Tensor, "b 1 c"]]:
        """Encode; pixels and proprioception are scaled."""
        grid = self.grid(pixels.permute(0, 3, 1, 2))  # In memory, channels stay last.
        tokens = standing_out(self.bottleneck(grid).flatten(2).transpose(1, 2)) + self.place
        x = torch.cat(
            [
                self.question.expand(len(pixels), -1, -1),
                self.seen(tokens),
                self.felt(proprio)[:, None],
                self.told(instructions)[:, None],
            ],
            1,
        )
        for number, block in enumerate(self.blocks, 1):
            last = number == len(self.blocks)
            x = block(x, None, 1 if last else None)
        return tokens, self.normal(x)


def standing_out(tokens: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
    """Take off what all places have in common, and scale the rest to a variance of one.

    A layer norm would make every token equally long. Hundreds of stored background tokens then
    outweigh the few that show a cue, and the more, the longer the memory is.
    """
    tokens = tokens - tokens.mean(1, keepdim=True)
    return tokens / (tokens.square().mean((1, 2), keepdim=True) + 1e-4).sqrt()


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
