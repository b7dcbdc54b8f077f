"""What a policy is told: a vector for each instruction, learnt or of a sentence model.

A learnt vector stands for one of a fixed set. Vectors of sentences, such as sentence-transformers
makes, are alike where meanings are, and let a policy be told what it was not trained on.

Axes: b images, i instructions, d numbers of a sentence's vector, c width of the cognitive token.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class LearntInstructionsConfig(Config, frozen=True, tag="learnt"):
    """A vector for each of a fixed set, learnt with the rest."""


class SentenceInstructionsConfig(Config, frozen=True, tag="sentences"):
    """Vectors of a sentence model, and a learnt layer after them."""

    folder: str
    """Of the model, as `SentenceTransformer.save` writes it; needed in training, and for
    instructions that the policy was not trained on."""
    width: int | None = None
    """Numbers of a vector; training finds it out."""


InstructionsConfig = LearntInstructionsConfig | SentenceInstructionsConfig


class SentenceVectors(nn.Module):
    """The vectors of those instructions that a policy knows, and of one more.

    Args:
        count: Instructions that it knows.
        before: Numbers of a sentence's vector.
        after: Numbers that it is brought to.
    """

    vectors: Tensor
    another: Tensor

    def __init__(self, count: int, before: int, after: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(count, before))
        self.register_buffer("another", torch.zeros(1, before), persistent=False)
        self.out = nn.Linear(before, after)

    def set_vectors(self, vectors: Float[Tensor, "i d"]) -> None:
        """Take over the vectors of the known instructions; they are saved with the weights."""
        self.vectors.copy_(vectors)

    def set_another(self, vector: Float[Tensor, "d"]) -> None:
        """Take over the vector of an instruction that is not known: number i, after the others."""
        self.another.copy_(vector[None])

    def forward(self, instructions: Int[Tensor, "b"]) -> Float[Tensor, "b c"]:
        """Return what each instruction says."""
        return self.out(torch.cat([self.vectors, self.another])[instructions])


def build_instructions(
    config: InstructionsConfig, count: int, width: int
) -> nn.Embedding | SentenceVectors:
    """Build what a config names.

    Raises:
        ConfigError: The width of a sentence's vector is not known yet.
    """
    match config:
        case LearntInstructionsConfig():
            return nn.Embedding(count, width)
        case SentenceInstructionsConfig(width=int(before)):
            return SentenceVectors(count, before, width)
        case SentenceInstructionsConfig():
            raise ConfigError(
                "how many numbers a sentence's vector has is not known: give `told.width`, or "
                "train with `embodied-mem train policy`, which asks the model."
            )
