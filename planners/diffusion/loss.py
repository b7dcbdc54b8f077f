"""What a policy is to make small: the error of what its head says of noisy chunks.

Axes: b groups, t frames of a group, q questions, s repeats, k actions of a chunk, a numbers each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from planners.diffusion.batches import Groups
from planners.diffusion.network import PolicyNetwork
from planners.diffusion.noise import corrupted
from planners.diffusion.remembering import chosen_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What chance does to the chunks that are asked for, `repeats` times to each."""

    actions: Float[Tensor, "s b q k a"]
    """Normal."""
    amounts: Float[Tensor, "s b q"]
    """Uniform in 0 to 1: how much of it."""
    dropped: Float[Tensor, "s b q"]
    """Uniform in 0 to 1: below some share, the condition is left out."""

    def rows(self, rows: slice) -> "Noise":
        """Return what is done to some of the groups."""
        return Noise(
            actions=self.actions[:, rows],
            amounts=self.amounts[:, rows],
            dropped=self.dropped[:, rows],
        )


def drawn_noise(
    groups: Groups, asked: Int[Tensor, "b q"], generator: torch.Generator, repeats: int
) -> Noise:
    """Draw what is done to the chunks that are asked for."""
    shape = (repeats, *asked.shape)
    options = {"generator": generator, "device": asked.device}
    actions = torch.randn((*shape, *groups.chunks.shape[2:]), **options)
    amounts, dropped = torch.rand((2, *shape), **options)
    return Noise(actions=actions, amounts=amounts, dropped=dropped)


def policy_loss(
    network: PolicyNetwork,
    groups: Groups,
    asked: Int[Tensor, "b q"],
    noise: Noise,
    *,
    dropped: float,
    guess: float,
) -> Float[Tensor, ""]:
    """Mean squared error of what the head says of noisy chunks at some frames of each group.

    Args:
        network: The policy.
        groups: Frames.
        asked: Which of them chunks are asked for.
        noise: Which is added to the chunks.
        dropped: Share of chunks whose condition is left out.
        guess: Weight of the guess from the condition alone.
    """
    tokens, meant = network.sequence(
        groups.images, groups.proprio, groups.instructions, groups.times, asked
    )
    tokens, meant = tokens.flatten(0, 1), meant.flatten(0, 1)
    clean = network.scaled(chosen_steps(groups.chunks, asked).flatten(0, 1))
    repeats = len(noise.amounts)
    noisy, times, wanted = corrupted(
        clean.repeat(repeats, 1, 1),
        noise.actions.flatten(0, 2),
        noise.amounts.flatten(),
        network.objective,
        network.alphas,
    )
    left_out = noise.dropped.flatten() < dropped
    said = network.predict(noisy, times, tokens, meant.repeat(repeats, 1), left_out)
    error = (said.float() - wanted).square().mean()
    return error + guess * network.guess_loss(meant, clean)
