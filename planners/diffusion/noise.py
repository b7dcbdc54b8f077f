"""What is added to actions in training, and what is to be predicted of it.

Axes: b chunks, k actions, a numbers to an action.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
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
    compile: bool = False
    """Compile the head for this machine; the first chunk then takes seconds to minutes."""


def cosine_alphas() -> Float[Tensor, "t"]:
    """Share of the actions' variance that is left at each time (Nichol & Dhariwal, 2021, eq. 17).

    That is `squaredcos_cap_v2` of diffusers, whose samplers run it backwards.
    """

    def left(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - left((t + 1) / TIMES) / left(t / TIMES), 0.999) for t in range(TIMES)]
    return torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0).float()


def generators(
    seed: int, episodes: Int64[np.ndarray, "b"], steps: Float32[np.ndarray, "b"]
) -> Sequence[torch.Generator]:
    """Return a generator for each chunk, which follows from the seeds and the step alone.

    Args:
        seed: Of the policy.
        episodes: Seeds of the episodes.
        steps: Since each of them began.
    """

    def mixed(episode: int, step: int) -> int:
        words = np.random.SeedSequence([seed, episode, step]).generate_state(1, np.uint64)
        return int(words[0])

    return [
        torch.Generator().manual_seed(mixed(int(episode), int(step)))
        for episode, step in zip(episodes, steps, strict=True)
    ]


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
