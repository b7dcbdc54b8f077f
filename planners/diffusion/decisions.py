"""Memory at its first use: does the first chunk after the reveal lead to the right thing?"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from embodied_mem.backends.mikasa.expert import imagined_motions
from planners.diffusion.batches import DemonstrationSet
from planners.diffusion.network import PolicyNetwork
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.sampling import sample

Said = Callable[..., Tensor]
"""What the head says of noisy chunks (b, k, a) at times (b,), given tokens and a condition."""


@torch.no_grad()
def decision_accuracy(
    network: PolicyNetwork,
    demonstrations: DemonstrationSet,
    chosen: Sequence[int],
    sampling: SamplingConfig,
    *,
    seed: int,
) -> float:
    """Share of some episodes whose first chunk after the reveal is nearest to the right one's."""
    chunks = drawn_at_decisions(network, demonstrations, chosen, sampling, seed=seed)
    motions = chunks[..., :3].float().cpu().numpy()
    episodes = [demonstrations.episodes[index] for index in chosen]
    right = [
        decided(some, episode.proprio[episode.reveal, :3], episode.options) == episode.cue
        for some, episode in zip(motions, episodes, strict=True)
    ]
    return float(np.mean(right))


def drawn_at_decisions(
    network: PolicyNetwork,
    demonstrations: DemonstrationSet,
    chosen: Sequence[int],
    sampling: SamplingConfig,
    *,
    seed: int,
) -> Float[Tensor, "b k a"]:
    """Draw a chunk for the decision of each episode."""
    groups = demonstrations.until_decision(chosen)
    tokens, meant = network.sequence(
        groups.images, groups.proprio, groups.instructions, groups.times, groups.decision[:, None]
    )
    tokens, meant = tokens.squeeze(1), meant.squeeze(1)
    generator = torch.Generator(meant.device).manual_seed(seed)
    shape = (len(meant), network.head.chunk, network.head.actions)
    noise = torch.randn(shape, generator=generator, device=meant.device)
    return drawn(network, noise, tokens.float(), meant.float(), sampling)


def drawn(
    network: PolicyNetwork,
    noise: Float[Tensor, "b k a"],
    perceptual: Float[Tensor, "b n p"],
    cognitive: Float[Tensor, "b c"],
    sampling: SamplingConfig,
    said: Said | None = None,
) -> Float[Tensor, "b k a"]:
    """Draw chunks, in the robot's numbers; `said` is what `guided` returns, or that compiled."""
    asked = said or guided(network, sampling.guidance)
    told = (cognitive,)
    if sampling.guidance != 1:  # Once for all steps: each is little work for a small head.
        dropped = torch.arange(2 * len(noise), device=noise.device) >= len(noise)
        told = (cognitive.repeat(2, 1), dropped)

    def predict(x: Tensor, times: Tensor) -> Tensor:
        return asked(x, times, perceptual, *told)

    return network.unscaled(sample(predict, noise, sampling, network.objective))


def guided(network: PolicyNetwork, guidance: float) -> Said:
    """Return what the head says of noisy chunks, beyond what it says without the condition.

    With guidance it is given the conditions twice, and which of them are dropped: the second half.
    """

    def said(
        x: Tensor,
        times: Tensor,
        perceptual: Tensor,
        cognitive: Tensor,
        dropped: Tensor | None = None,
    ) -> Tensor:
        if dropped is None:
            return network.predict(x, times, perceptual, cognitive)
        twice = x.repeat(2, 1, 1), times.repeat(2)
        with_it, without = network.predict(*twice, perceptual, cognitive, dropped).chunk(2)
        return torch.lerp(without, with_it, guidance)

    return said


def decided(
    motions: Float32[np.ndarray, "k 3"],
    tool: Float32[np.ndarray, "3"],
    options: Float32[np.ndarray, "o 3"],
) -> int:
    """Say which option a chunk leads to: that for which the expert's chunk would be nearest."""
    imagined = [imagined_motions(option, tool, len(motions)) for option in options]
    return int(np.argmin([np.square(chunk - motions).sum() for chunk in imagined]))
