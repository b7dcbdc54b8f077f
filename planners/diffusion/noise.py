"""What is added to actions in training, and what is to be predicted of it.

Axes: b chunks, k actions, a numbers to an action.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from embodied_mem.config import Config

TIMES = 100
"""Steps of the diffusion in training."""

Objective = Literal["epsilon", "flow"]
"""What the head predicts: the noise of a diffusion, or the direction of a straight flow."""


class SamplingConfig(Config, frozen=True):
    """How chunks are drawn."""

    solver: Literal["ddim", "dpm"] = "ddim"
    """As published, or DPM-Solver++, which needs fewer steps. A flow has its own: Euler's."""
    steps: int = 10
    guidance: float = 1.5
    """How far past the unconditional prediction to go; 1: no guidance, at half the cost."""


def cosine_alphas() -> Float[Tensor, "t"]:
    """Share of the actions' variance that is left at each time (Nichol & Dhariwal, 2021, eq. 17).

    That is `squaredcos_cap_v2` of diffusers, whose samplers run it backwards.
    """

    def left(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - left((t + 1) / TIMES) / left(t / TIMES), 0.999) for t in range(TIMES)]
    return torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0).float()


def corrupted(
    actions: Float[Tensor, "b k a"],
    noise: Float[Tensor, "b k a"],
    draws: Float[Tensor, "b"],
    objective: Objective,
    alphas: Float[Tensor, "t"],
) -> tuple[Float[Tensor, "b k a"], Float[Tensor, "b"], Float[Tensor, "b k a"]]:
    """Add noise.

    Args:
        actions: Normalised.
        noise: Normal.
        draws: Uniform in 0 to 1: how much of it.
        objective: What is to be predicted.
        alphas: Of `cosine_alphas`.

    Returns:
        What the head is shown, the times that it is told, and what it should say.
    """
    if objective == "flow":
        share = draws[:, None, None]
        return (1 - share) * actions + share * noise, draws * TIMES, noise - actions
    times = (draws * TIMES).long().clamp(max=TIMES - 1)
    left = alphas[times][:, None, None]
    return left.sqrt() * actions + (1 - left).sqrt() * noise, times.to(draws.dtype), noise
