"""A task like RememberColor, drawn without a simulator: a colour, nothing, three colours."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, UInt8

from embodied_mem.backends.demonstrations import Demonstration, Task
from embodied_mem.backends.mikasa.expert import motion_towards

HEIGHT, WIDTH = 16, 24
INSTRUCTION = "touch the colour that was shown"
TASK = Task(name="toy", instruction=INSTRUCTION)
_COLOURS = 255 * np.eye(3, dtype=np.uint8)
_PLACES = np.array([[0, y, 0.02] for y in (0.2, 0.0, -0.2)], np.float32)


def demonstration(seed: int, *, steps: int = 8) -> Demonstration:
    """Draw an episode; the choice is shown from frame 2 or 3 on."""
    random = np.random.default_rng(seed)
    cue, reveal = int(random.integers(3)), int(random.integers(2, 4))
    order = random.permutation(3)  # Which colour stands at each place.
    options = _PLACES[np.argsort(order)]
    frames = random.integers(40, 60, (steps, HEIGHT, WIDTH, 3)).astype(np.uint8)
    frames[0, 8:16, 8:16] = _COLOURS[cue]
    for place, colour in enumerate(order):
        frames[reveal:, 8:16, 8 * place : 8 * place + 8] = _COLOURS[colour]
    tool = np.array([0, 0, 0.3], np.float32)
    actions, proprio = np.zeros((steps, 7), np.float32), np.zeros((steps, 16), np.float32)
    actions[:, 6] = -1
    for step in range(steps):
        proprio[step, :3] = tool
        if step >= reveal:
            actions[step, :3] = motion_towards(options[cue], tool)
            tool = tool + 0.037 * actions[step, :3]
    return Demonstration(
        frames=frames,
        proprio=proprio,
        actions=actions,
        executed=actions,
        options=options,
        cue=cue,
        reveal=reveal,
        seed=seed,
        success=True,
    )


def demonstrations(count: int, first: int = 0) -> list[tuple[str, Demonstration]]:
    """Draw episodes with their instruction."""
    return [(INSTRUCTION, demonstration(seed)) for seed in range(first, first + count)]


def on_a_large_table(count: int, first: int = 0) -> list[tuple[str, Demonstration]]:
    """Draw the same episodes in the middle of images of 60 tokens, of which one is the cue."""
    some = demonstrations(count, first)
    return [(told, replace(episode, frames=_embedded(episode))) for told, episode in some]


def _embedded(episode: Demonstration) -> UInt8[np.ndarray, "t h w 3"]:
    random = np.random.default_rng(episode.seed)
    shape = (len(episode.frames), 6 * 8, 10 * 8, 3)
    frames = random.integers(40, 60, shape).astype(np.uint8)
    frames[:, 16 : 16 + HEIGHT, 32 : 32 + WIDTH] = episode.frames
    return frames


@dataclass(frozen=True)
class Shown:
    episode: Demonstration
    step: int
    tool: Float32[np.ndarray, "3"]

    @property
    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        return self.episode.frames[min(self.step, len(self.episode.frames) - 1)]

    @property
    def proprio(self) -> Float32[np.ndarray, "16"]:
        return np.concatenate([self.tool, np.zeros(13)]).astype(np.float32)

    @property
    def options(self) -> Float32[np.ndarray, "o 3"]:
        return self.episode.options

    @property
    def cue(self) -> int:
        return self.episode.cue

    @property
    def hides(self) -> int:
        return 1

    @property
    def camera(self) -> Float32[np.ndarray, "3 4"]:
        return np.array([[0, -40, 0, 12], [0, 0, 0, 12], [0, 0, 0, 1]], np.float32)

    @property
    def reveal(self) -> int:
        return self.episode.reveal

    @property
    def touched(self) -> int | None:
        distances = np.linalg.norm(self.options - self.tool, axis=1)
        return int(distances.argmin()) if distances.min() < 0.05 else None

    @property
    def success(self) -> bool:
        return self.touched == self.cue


class CueTask:
    """The toy task, acted in: the tool goes where it is told."""

    task, horizon = TASK, 16

    def __init__(self) -> None:
        self.resets = 0

    def reset(self, seed: int) -> Shown:
        self.resets += 1
        self._now = Shown(demonstration(seed), 0, np.array([0, 0, 0.3], np.float32))
        return self._now

    def step(self, action: Float32[np.ndarray, "a"]) -> Shown:
        tool = self._now.tool + 0.037 * action[:3]
        self._now = Shown(self._now.episode, self._now.step + 1, tool.astype(np.float32))
        return self._now
