"""Averages what chunks of the last steps say of the action that is due now (CogACT).

A chunk says what to do from its own step on. Those drawn before often lead the same way, and then
smooth the motion; but an average of two ways around a thing leads into it. So each counts by how
much it is like the newest (arXiv:2411.19650, adaptive action ensemble):

    weight = exp(alpha * cos(what it says of now, what the newest says of now))

Axes: b episodes, h chunks kept, k actions of a chunk, a numbers each.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError

_NOTHING = 1e-7
"""Keeps an action of zeros, which is like nothing, from a division by zero (published code)."""


class EnsembleConfig(Config, frozen=True):
    """How the chunks of the last steps are averaged."""

    window: int = 7
    """Steps that a chunk counts for, its own included; at most the actions that it has. Published:
    7 for WidowX, 2 for Google's robot."""
    alpha: float = 0.1
    """How much less a chunk counts that is unlike the newest; 0: all count alike. As published."""

    def __post_init__(self) -> None:
        if self.window < 1 or not self.alpha >= 0:
            raise ConfigError(
                "an ensemble needs a window of 1 or more steps and an alpha of 0 or more, "
                f"got {self.window} and {self.alpha}."
            )


class Ensemble:
    """The chunks of the last steps of a batch of episodes, which begin and go on each on its own.

    Args:
        config: Which of them count, and how.
        chunk: Actions of a chunk.

    Raises:
        ConfigError: The window is longer than a chunk.
    """

    def __init__(self, config: EnsembleConfig, chunk: int) -> None:
        if config.window > chunk:
            raise ConfigError(
                f"an ensemble's window can be at most a chunk's {chunk} actions, "
                f"got {config.window}."
            )
        self._config = config
        self._chunks: Float32[np.ndarray, "b h k a"] = np.zeros(
            (0, config.window, chunk, 1), np.float32
        )
        self._drawn = np.zeros((0, config.window))  # (b, h): when; long ago where there is none.
        self._next = 0

    def action(
        self,
        chunks: Float32[np.ndarray, "b k a"],
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a chunk of each episode, and return what to do now.

        Args:
            chunks: What was drawn now.
            steps: Of the environment since each episode began; chunks are as old as these say.
            begins: Which episodes begin now: what was drawn before is forgotten.
        """
        if self._chunks.shape[0] != len(chunks) or self._chunks.shape[3] != chunks.shape[2]:
            kept = (len(chunks), self._config.window)
            self._chunks = np.zeros((*kept, *chunks.shape[1:]), np.float32)
            self._drawn = np.full(kept, -np.inf)
        self._drawn[begins] = -np.inf
        self._chunks[:, self._next], self._drawn[:, self._next] = chunks, steps
        ages = steps[:, None] - self._drawn  # (b, h)
        counts = (ages >= 0) & (ages < self._config.window)
        which = np.where(counts, ages, 0).astype(np.intp)[..., None, None]
        said = np.take_along_axis(self._chunks, which, 2)[:, :, 0].astype(np.float64)  # (b, h, a)
        weights = self._weights(said, said[:, self._next], counts)
        self._next = (self._next + 1) % self._config.window
        return (weights[..., None] * said).sum(1).astype(np.float32)

    def _weights(
        self,
        said: Float64[np.ndarray, "b h a"],
        newest: Float64[np.ndarray, "b a"],
        counts: Bool[np.ndarray, "b h"],
    ) -> Float64[np.ndarray, "b h"]:
        """How much each counts; they sum to one."""
        lengths = np.linalg.norm(said, axis=2) * np.linalg.norm(newest, axis=1)[:, None]
        alike = np.einsum("bha,ba->bh", said, newest) / (lengths + _NOTHING)
        weights = np.exp(self._config.alpha * alike) * counts
        return weights / weights.sum(1, keepdims=True)
