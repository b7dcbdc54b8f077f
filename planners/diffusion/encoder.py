"""From an image, an instruction and joints to perceptual tokens and one cognitive token.

A network that makes a grid of features, MemoryVLA's squeeze-and-excite bottleneck
(arXiv:2508.19236, section 3.1) and a small transformer with a token that asks what it all means.
Here the grid is of a small convolutional network that a CPU can train.

A cue may be 20 of 5,120 pixels. So what all frames have in common is taken off the image, and what
all places have in common off the tokens: those that stand out are then long, and looking for what
is alike finds them before anything was learnt.

Axes: b images, n perceptual tokens, p, c widths.
"""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from embodied_mem.config import Config
from planners.diffusion.denoiser import Block
from planners.diffusion.instructions import (
    InstructionsConfig,
    LearntInstructionsConfig,
    build_instructions,
)

STRIDE = 8
"""Pixels to a perceptual token, each way."""

CONTRAST = 64
"""What a pixel differs from the mean image by, to count as one."""

_REDUCTION = 16
"""Of the bottleneck's squeeze."""


class GridEncoderConfig(Config, frozen=True):
    """What follows a grid of features."""

    perceptual: int = 32
    """Width of a perceptual token."""
    cognitive: int = 64
    """Width of the cognitive token."""
    layers: int = 1
    """Of the transformer that makes the cognitive token."""
    heads: int = 4
    told: InstructionsConfig = LearntInstructionsConfig()
    """What an instruction is to the network."""


class EncoderConfig(GridEncoderConfig, frozen=True, tag="cnn"):
    """How large the encoder is."""

    channels: tuple[int, int] = (32, 64)
    """At strides of 4 and 8 pixels."""


class GridEncoder(nn.Module):
    """What is seen, and what it means for the task, from a grid of features.

    Args:
        grid: Makes the grid of scaled images.
        channels: Of the grid.
        places: Cells of the grid.
        proprio: Numbers that tell of the robot's own state.
        instructions: How many there are.
        config: Sizes.
    """

    def __init__(
        self,
        grid: nn.Module,
        *,
        channels: int,
        places: int,
        proprio: int,
        instructions: int,
        config: GridEncoderConfig,
    ) -> None:
        super().__init__()
        self.places = places
        self.grid = grid
        self.bottleneck = Bottleneck(channels, config.perceptual)
        self.place = nn.Parameter(torch.randn(1, places, config.perceptual) * 0.1)
        self.seen = nn.Linear(config.perceptual, config.cognitive)
        self.felt = proprioception(proprio, config.cognitive)
        self.told = build_instructions(config.told, instructions, config.cognitive)
        self.question = nn.Parameter(torch.randn(1, 1, config.cognitive) * 0.02)
        self.blocks = nn.ModuleList(
            Block(config.cognitive, config.heads, looks=False) for _ in range(config.layers)
        )
        self.normal = nn.LayerNorm(config.cognitive)

    def scaled(
        self, images: UInt8[Tensor, "b h w 3"], usual: Float[Tensor, "h w 3"]
    ) -> Float[Tensor, "b h w 3"]:
        """Scale images as `forward` takes them; `usual` is the mean image."""
        return (images.float() - usual) / CONTRAST

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


class Encoder(GridEncoder):
    """A small convolutional network, from the ground up.

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
        first, second = config.channels
        grid = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=4),
            nn.SiLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),  # Fields overlap: 16 pixels for 8.
        )
        super().__init__(
            grid,
            channels=second,
            places=(height // STRIDE) * (width // STRIDE),
            proprio=proprio,
            instructions=instructions,
            config=config,
        )


def proprioception(numbers: int, width: int) -> nn.Sequential:
    """What the robot's own state says."""
    return nn.Sequential(nn.Linear(numbers, width), nn.SiLU(), nn.Linear(width, width))


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
