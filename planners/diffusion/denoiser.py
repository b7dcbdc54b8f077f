"""The action head: a transformer that takes noise out of a chunk of actions.

As in CogACT (arXiv:2411.19650) the condition is a token before those of the actions, and as in
MemoryVLA (arXiv:2508.19236) each block also looks at perceptual tokens. The published look begins
at zero with keys and queries that then hardly learn; ours begins like any other layer.

Axes: b chunks, r views that they repeat, k actions, a numbers to an action, n perceptual tokens,
p, c, d widths.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError

WAVES = 256
"""Sines and cosines of the time of diffusion."""


class DenoiserConfig(Config, frozen=True):
    """How large the action head is."""

    depth: int = 2
    width: int = 96
    heads: int = 4
    chunk: int = 8
    """Actions at once."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(
                f"the action head's width must be a multiple of its {self.heads} heads, "
                f"got {self.width}."
            )


def published(size: Literal["S", "B", "L"], chunk: int = 16) -> DenoiserConfig:
    """Return one of the sizes of CogACT and MemoryVLA."""
    depth, width, heads = {"S": (6, 384, 4), "B": (12, 768, 12), "L": (24, 1024, 16)}[size]
    return DenoiserConfig(depth=depth, width=width, heads=heads, chunk=chunk)


class Denoiser(nn.Module):
    """Predicts what was added to a chunk of actions.

    Args:
        actions: Numbers to an action.
        cognitive: Width of the condition.
        perceptual: Width of perceptual tokens; None: the head does not look at any (CogACT).
        config: Its size.
    """

    def __init__(
        self, *, actions: int, cognitive: int, perceptual: int | None, config: DenoiserConfig
    ) -> None:
        super().__init__()
        width = config.width
        self.chunk, self.actions = config.chunk, actions
        self.action = nn.Linear(actions, width)
        self.time = nn.Sequential(nn.Linear(WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.condition = nn.Linear(cognitive, width)
        self.unconditional = nn.Parameter(torch.empty(1, cognitive))
        self.position = nn.Parameter(torch.empty(1, config.chunk + 1, width))
        self.perception = None if perceptual is None else nn.Linear(perceptual, width)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, looks=perceptual is not None) for _ in range(config.depth)
        )
        self.normal = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.out = nn.Linear(width, actions)
        self._begin(width)

    def _begin(self, width: int) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.unconditional, std=self.unconditional.shape[1] ** -0.5)
        nn.init.normal_(self.position, std=width**-0.5)
        for layer in (self.time[0], self.time[2]):
            nn.init.normal_(layer.weight, std=0.02)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.out.weight)

    def forward(
        self,
        noisy: Float[Tensor, "b k a"],
        times: Float[Tensor, "b"],
        cognitive: Float[Tensor, "b c"],
        perceptual: Float[Tensor, "r n p"] | None = None,
        *,
        dropped: Bool[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b k a"]:
        """Predict.

        Args:
            noisy: Actions and noise.
            times: How far into the diffusion, 0 to 99.
            cognitive: What it all means.
            perceptual: What is seen; None where the head does not look. Where it has fewer rows,
                all chunks are so many repeats of it, one whole after the other.
            dropped: Which conditions are replaced by the learnt lack of one. What is seen stays.
        """
        if dropped is not None:
            cognitive = torch.where(
                dropped[:, None], self.unconditional.to(cognitive.dtype), cognitive
            )
        first = self.condition(cognitive) + self.time(waves(times).to(cognitive.dtype))
        x = torch.cat([first[:, None], self.action(noisy)], 1) + self.position
        seen = None
        if self.perception is not None and perceptual is not None:
            seen = self.perception(perceptual)
        for block in self.blocks:
            x = block(x, seen)
        return self.out(self.normal(x[:, 1:]))


class Block(nn.Module):
    """Actions look at each other, at what is seen, and think."""

    def __init__(self, width: int, heads: int, *, looks: bool) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.among = Attention(width, heads)
        self.before_look = nn.LayerNorm(width, eps=1e-6) if looks else None
        self.look = Attention(width, heads) if looks else None
        self.before_network = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        seen: Float[Tensor, "r n d"] | None,
        first: int | None = None,
    ) -> Float[Tensor, "b f d"]:
        """Go on; only the first so many tokens, where no more are needed."""
        normal = self.before(x)
        x = x[:, :first] + self.among(normal[:, :first], normal)
        if self.look is not None and self.before_look is not None and seen is not None:
            x = x + self.look(self.before_look(x), seen)
        return x + self.network(self.before_network(x))


class Attention(nn.Module):
    """Attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b t d"], seen: Float[Tensor, "r n d"]
    ) -> Float[Tensor, "b t d"]:
        """Mix values by how well keys fit queries.

        Keys and values of the same things are made once, for all repeats: these ask side by side.
        """
        repeats = len(x) // len(seen)
        if repeats > 1:
            x = x.unflatten(0, (repeats, -1)).transpose(0, 1).flatten(1, 2)  # (r, repeats t, d)
        q, k, v = (
            part.unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(seen), self.value(seen))
        )
        found = nn.functional.scaled_dot_product_attention(q, k, v)
        mixed = self.out(found.transpose(1, 2).flatten(2))
        if repeats > 1:
            mixed = mixed.unflatten(1, (repeats, -1)).transpose(0, 1).flatten(0, 1)
        return mixed


def waves(times: Float[Tensor, "b"]) -> Float[Tensor, "b w"]:
    """Encode times as cosines and sines of falling frequency (CogACT)."""
    half = WAVES // 2
    steps = torch.arange(half, device=times.device, dtype=times.dtype) / half
    angles = times[:, None] * torch.exp(-math.log(1e4) * steps)
    return torch.cat([angles.cos(), angles.sin()], -1)
