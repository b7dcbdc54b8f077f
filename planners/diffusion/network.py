"""The whole policy as one network: encoder, memory, action head, and how numbers are scaled.

Axes: b episodes, t steps, q steps asked about, n perceptual tokens, p, c widths, k actions of a
chunk, a numbers each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.memory.cognitive_bank import BankConfig
from planners.diffusion.denoiser import Denoiser, DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.encoders import AnyEncoderConfig, build_encoder
from planners.diffusion.noise import Objective, cosine_alphas
from planners.diffusion.remembering import (
    MemoryConfig,
    NoMemory,
    build_memory,
    chosen_steps,
)

GUESSES = 11
"""Values that a number of an action is guessed among, evenly from -1 to 1."""


class PolicyConfig(Config, frozen=True):
    """What a policy is made of."""

    encoder: AnyEncoderConfig = EncoderConfig()
    memory: MemoryConfig = BankConfig()
    head: DenoiserConfig = DenoiserConfig()
    objective: Objective = "epsilon"


class Interface(Config, frozen=True):
    """What a policy takes and gives."""

    instructions: tuple[str, ...]
    """Those that it knows."""
    height: int = 64
    """Of the images [px]."""
    width: int = 80
    """Of the images [px]."""
    proprio: int = 4
    """Numbers that tell of the robot's own state."""
    actions: int = 7
    """Numbers to an action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """How numbers are brought to a common size."""

    low: Float[Tensor, "a"]
    """An action's first percentile, which becomes -1."""
    high: Float[Tensor, "a"]
    """Its last percentile, which becomes 1."""
    mean: Float[Tensor, "m"]
    """Of proprioception."""
    deviation: Float[Tensor, "m"]
    """Of proprioception."""
    usual: Float[Tensor, "h w 3"]
    """The mean image."""


class PolicyNetwork(nn.Module):
    """Images, states and an instruction in, chunks of actions out; remembers.

    Args:
        config: What it is made of.
        interface: What it takes and gives.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    deviation: Tensor
    usual: Tensor
    alphas: Tensor

    def __init__(self, config: PolicyConfig, interface: Interface) -> None:
        super().__init__()
        self.objective: Objective = config.objective
        widths = config.encoder
        self.encoder = build_encoder(
            config.encoder,
            height=interface.height,
            width=interface.width,
            proprio=interface.proprio,
            instructions=len(interface.instructions),
        )
        self.memory = build_memory(
            config.memory, perceptual=widths.perceptual, cognitive=widths.cognitive
        )
        self.reading = nn.Sequential(
            nn.Linear(self.encoder.places * widths.perceptual, 2 * widths.cognitive),
            nn.SiLU(),
            nn.Linear(2 * widths.cognitive, widths.cognitive),
        )
        self.guess = nn.Linear(widths.cognitive, config.head.chunk * interface.actions * GUESSES)
        self.head = Denoiser(
            actions=interface.actions,
            cognitive=widths.cognitive,
            perceptual=widths.perceptual,
            config=config.head,
        )
        self.register_buffer("low", -torch.ones(interface.actions))
        self.register_buffer("high", torch.ones(interface.actions))
        self.register_buffer("mean", torch.zeros(interface.proprio))
        self.register_buffer("deviation", torch.ones(interface.proprio))
        self.register_buffer("usual", torch.full((interface.height, interface.width, 3), 127.5))
        self.register_buffer("alphas", cosine_alphas(), persistent=False)

    def set_scales(self, scales: Scales) -> None:
        """Take over how numbers are scaled; it is saved with the weights."""
        self.low.copy_(scales.low)
        self.high.copy_(scales.high)
        self.mean.copy_(scales.mean)
        self.deviation.copy_(scales.deviation)
        self.usual.copy_(scales.usual)

    def scaled(self, actions: Float[Tensor, "*b a"]) -> Float[Tensor, "*b a"]:
        """Bring actions to -1 to 1."""
        return 2 * (actions - self.low) / (self.high - self.low) - 1

    def unscaled(self, actions: Float[Tensor, "*b a"]) -> Float[Tensor, "*b a"]:
        """Bring them back; what is beyond the percentiles is cut."""
        return (actions.clamp(-1, 1) + 1) / 2 * (self.high - self.low) + self.low

    def encode(
        self,
        images: UInt8[Tensor, "b h w 3"],
        proprio: Float[Tensor, "b m"],
        instructions: Int[Tensor, "b"],
    ) -> tuple[Float[Tensor, "b n p"], Float[Tensor, "b 1 c"]]:
        """What is seen and what it means, for single frames."""
        pixels = self.encoder.scaled(images, self.usual)
        return self.encoder(pixels, (proprio - self.mean) / self.deviation, instructions)

    def sequence(
        self,
        images: UInt8[Tensor, "b t h w 3"],
        proprio: Float[Tensor, "b t m"],
        instructions: Int[Tensor, "b"],
        times: Float[Tensor, "b t"],
        asked: Int[Tensor, "b q"] | None = None,
    ) -> tuple[Float[Tensor, "b q n p"], Float[Tensor, "b q c"]]:
        """What is seen and what it means, given what was, for whole episodes.

        Args:
            images: What is seen.
            proprio: The robot's own state.
            instructions: Number of each episode's instruction.
            times: Steps since each episode began.
            asked: Which steps to answer for; None: all.
        """
        if isinstance(self.memory, NoMemory):  # What is not asked about need not be looked at.
            images, proprio = chosen_steps(images, asked), chosen_steps(proprio, asked)
            times, asked = chosen_steps(times, asked), None
        batch, steps = times.shape
        tokens, meant = self.encode(
            images.flatten(0, 1), proprio.flatten(0, 1), instructions.repeat_interleave(steps)
        )
        tokens, meant = self.memory.sequence(
            tokens.unflatten(0, (batch, steps)), meant.unflatten(0, (batch, steps)), times, asked
        )
        return tokens, self.condition(tokens, meant)

    def condition(
        self, perceptual: Float[Tensor, "*b n p"], cognitive: Float[Tensor, "*b 1 c"]
    ) -> Float[Tensor, "*b c"]:
        """What the head is told: what it all means, and what is where."""
        return cognitive.squeeze(-2) + self.reading(perceptual.flatten(-2))

    def guess_loss(
        self, condition: Float[Tensor, "b c"], chunks: Float[Tensor, "b k a"]
    ) -> Float[Tensor, ""]:
        """Cross entropy of a guess at scaled chunks from the condition alone, number by number.

        Noise predicted at high noise says little of what is conditioned on, so a memory trained by
        it alone learns late what to keep; a guess tells it at once. A robot does not use it.
        """
        logits = self.guess(condition).unflatten(-1, (*chunks.shape[1:], GUESSES))
        bins = ((chunks.clamp(-1, 1) + 1) / 2 * (GUESSES - 1)).round().long()
        return nn.functional.cross_entropy(logits.float().flatten(0, 2), bins.flatten())

    def predict(
        self,
        noisy: Float[Tensor, "b k a"],
        times: Float[Tensor, "b"],
        perceptual: Float[Tensor, "r n p"],
        cognitive: Float[Tensor, "b c"],
        dropped: Bool[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b k a"]:
        """What the action head says of noisy actions; see `Denoiser.forward`."""
        return self.head(noisy, times, cognitive, perceptual, dropped=dropped)
