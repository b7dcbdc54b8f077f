"""A trained policy at work: frames in, actions out, for a batch of episodes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor

from embodied_mem.errors import ConfigError
from embodied_mem.memory.text import TextEncoder
from embodied_mem.runtime.compilation import compiled
from planners.diffusion.batches import FELT
from planners.diffusion.decisions import drawn, guided
from planners.diffusion.ensemble import Ensemble, EnsembleConfig
from planners.diffusion.instructions import SentenceVectors
from planners.diffusion.network import PolicyNetwork
from planners.diffusion.noise import SamplingConfig, generators
from planners.diffusion.remembering import MemoryState
from planners.diffusion.vlm_encoder import VlmEncoder
from planners.diffusion.weights import PolicyCard, load_policy

Execution = int | EnsembleConfig
"""What is done of chunks: so many of the first actions of each, or an average of several."""


class PolicyAtWork:
    """Remembers every frame, and draws a chunk of actions whenever the last one is used up.

    Args:
        loaded: What the network is, and it with its weights.
        device: Where the network runs.
        sampling: How chunks are drawn.
        executed: Actions of a chunk that are done before the next is drawn; or how the chunks of
            the last steps are averaged, of which one is drawn at each step.
        seed: Of the chunks' noise.
        sentences: Gives vectors of instructions that the policy was not trained on, if it is told
            by such: of the model that it was trained with.
        felt: Columns of proprioception that the network is told.
    """

    def __init__(
        self,
        loaded: tuple[PolicyCard, PolicyNetwork],
        *,
        device: str = "cpu",
        sampling: SamplingConfig | None = None,
        executed: Execution = 1,
        seed: int = 0,
        sentences: TextEncoder | None = None,
        felt: Sequence[int] = FELT,
    ) -> None:
        self.card, network = loaded
        chunk, self._ensemble = self.card.policy.head.chunk, None
        if isinstance(executed, EnsembleConfig):
            self._ensemble, executed = Ensemble(executed, chunk), 1
        if not 1 <= executed <= chunk:
            raise ConfigError(
                f"between 1 and {chunk} actions of a chunk can be executed, got {executed}."
            )
        self._network = network.to(device)
        self._device = torch.device(device)
        self._sampling = sampling or SamplingConfig()
        self._said = guided(self._network, self._sampling.guidance)
        if self._sampling.compile:
            self._said = compiled(self._said, self._device)
        self._executed, self._felt = executed, list(felt)
        self._sentences, self._another = sentences, ""
        self._seed, self._generator = seed, torch.Generator(self._device).manual_seed(seed)
        self._state: MemoryState = None
        self._chunks, self._done = np.zeros((0, 0, 0), np.float32), np.zeros(0, np.int64)

    @torch.inference_mode()
    def act(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
        seeds: Int64[np.ndarray, "b"] | None = None,
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a frame of each episode, and say what to do.

        Args:
            images: What is seen.
            proprio: As demonstrations hold it.
            instruction: One of those that the policy was trained on; any, with `sentences`.
            steps: Of the environment, since each episode began.
            begins: Which episodes begin with this frame.
            seeds: Of the episodes: noise then depends on them and on steps, and not on what was
                drawn before or on what else is in the batch.

        Raises:
            ConfigError: The policy does not know the instruction, or the batch changed its size
                within episodes.
        """
        tokens, condition = self._remembered(images, proprio, instruction, steps, begins)
        due = begins | (self._done >= self._executed)
        if due.any():
            asked = due | self._sampling.compile  # Compiled is a batch of one size.
            own = None if seeds is None else generators(self._seed, seeds[asked], steps[asked])
            rows = self._given(asked)
            chunks = self._drawn(tokens[rows], condition[rows], own)
            self._chunks[due] = chunks[due[asked]]
            self._done[due] = 0
        self._done += 1
        if self._ensemble is not None:
            return self._ensemble.action(self._chunks, steps=steps, begins=begins)
        return self._chunks[np.arange(len(due)), self._done - 1]

    @torch.inference_mode()
    def chunk(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> Float32[np.ndarray, "b k a"]:
        """Take in a frame of each episode, and say what to do from it on; see `act`."""
        return self._drawn(*self._remembered(images, proprio, instruction, steps, begins))

    def _drawn(
        self, tokens: Tensor, condition: Tensor, own: Sequence[torch.Generator] | None = None
    ) -> Float32[np.ndarray, "b k a"]:
        """Draw chunks; with a generator of noise for each, or with the policy's own for all."""
        shape = (self._network.head.chunk, self._network.head.actions)
        if own is None:
            options = {"generator": self._generator, "device": self._device}
            noise = torch.randn((len(condition), *shape), **options)
        else:
            each = [torch.randn(shape, generator=generator) for generator in own]
            noise = torch.stack(each).to(self._device)
        network, sampling = self._network, self._sampling
        return drawn(network, noise, tokens, condition, sampling, self._said).cpu().numpy()

    def _remembered(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> tuple[Tensor, Tensor]:
        if len(self._done) != len(images):
            self._make_room(len(images), begins)
        network = self._network
        told = torch.full((len(images),), self._number(instruction), device=self._device)
        tokens, meant = network.encode(
            self._given(images), self._given(proprio[:, self._felt]), told
        )
        state = self._state
        if state is None:
            state = network.memory.initial(tokens, meant)
        tokens, meant, self._state = network.memory.step(
            state,  # pyright: ignore[reportArgumentType] - of the memory's own kind.
            tokens,
            meant,
            times=self._given(steps),
            begins=self._given(begins),
            overwrites=True,
        )
        return tokens, network.condition(tokens, meant)

    def _make_room(self, episodes: int, begins: Bool[np.ndarray, "b"]) -> None:
        """Forget what was, for a batch of another size."""
        if self._state is not None and not begins.all():
            raise ConfigError(
                f"{episodes} episodes cannot go on where {len(self._done)} were: a batch changes "
                "its size only where all of its episodes begin."
            )
        head = self._network.head
        self._state, self._done = None, np.full(episodes, self._executed)
        self._chunks = np.zeros((episodes, head.chunk, head.actions), np.float32)

    def _number(self, instruction: str) -> int:
        known, encoder = self.card.interface.instructions, self._network.encoder
        if instruction in known:
            return known.index(instruction)
        told = None if isinstance(encoder, VlmEncoder) else encoder.told
        if self._sentences is None or not isinstance(told, SentenceVectors):
            raise ConfigError(f"the policy was not trained to '{instruction}', but to {known}.")
        if instruction != self._another:
            told.set_another(self._given(self._sentences([instruction])[0]))
            self._another = instruction
        return len(known)

    def _given(self, array: np.ndarray) -> Tensor:
        copied = np.array(array, order="C")  # What is seen may be read only, or flipped.
        return torch.from_numpy(copied).to(self._device)


class DiffusionPolicy(PolicyAtWork):
    """A policy at work, from a file of weights.

    Args:
        path: Weights.
        device: Where the network runs.
        sampling: How chunks are drawn.
        executed: See `PolicyAtWork`.
        seed: Of the chunks' noise.
        sentences: See `PolicyAtWork`.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        sampling: SamplingConfig | None = None,
        executed: Execution = 1,
        seed: int = 0,
        sentences: TextEncoder | None = None,
    ) -> None:
        super().__init__(
            load_policy(path),
            device=device,
            sampling=sampling,
            executed=executed,
            seed=seed,
            sentences=sentences,
        )
