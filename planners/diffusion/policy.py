"""A trained policy at work: frames in, actions out, for a batch of episodes."""

from collections import deque
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from embodied_mem.errors import ConfigError
from planners.diffusion.batches import FELT
from planners.diffusion.decisions import drawn
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.remembering import MemoryState
from planners.diffusion.weights import load_policy


class DiffusionPolicy:
    """Remembers every frame, and draws a chunk of actions whenever the last one is used up.

    Args:
        path: Weights.
        device: Where the network runs.
        sampling: How chunks are drawn.
        executed: Actions of a chunk that are done before the next is drawn.
        seed: Of the chunks' noise.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        sampling: SamplingConfig | None = None,
        executed: int = 1,
        seed: int = 0,
    ) -> None:
        self.card, network = load_policy(path)
        if not 1 <= executed <= self.card.policy.head.chunk:
            raise ConfigError(
                f"between 1 and {self.card.policy.head.chunk} actions of a chunk can be executed, "
                f"got {executed}."
            )
        self._network = network.to(device)
        self._device = torch.device(device)
        self._sampling = sampling or SamplingConfig()
        self._executed = executed
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._state: MemoryState = None
        self._queue: deque[Float32[np.ndarray, "b a"]] = deque()

    @torch.inference_mode()
    def act(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a frame of each episode, and say what to do.

        Args:
            images: What is seen.
            proprio: As demonstrations hold it.
            instruction: One of those that the policy was trained on.
            steps: Of the environment, since each episode began.
            begins: Which episodes begin with this frame.

        Raises:
            ConfigError: The policy does not know the instruction.
        """
        tokens, condition = self._remembered(images, proprio, instruction, steps, begins)
        if begins.any():
            self._queue.clear()
        if not self._queue:
            head = self._network.head
            noise = torch.randn(
                (len(images), head.chunk, head.actions),
                generator=self._generator,
                device=self._device,
            )
            chunks = drawn(self._network, noise, tokens, condition, self._sampling)
            self._queue.extend(chunks[:, : self._executed].cpu().numpy().swapaxes(0, 1))
        return self._queue.popleft()

    def _remembered(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> tuple[Tensor, Tensor]:
        known = self.card.interface.instructions
        if instruction not in known:
            raise ConfigError(f"the policy was not trained to '{instruction}', but to {known}.")
        network = self._network
        told = torch.full((len(images),), known.index(instruction), device=self._device)
        tokens, meant = network.encode(self._given(images), self._given(proprio[:, FELT]), told)
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

    def _given(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
