"""A task like RememberColor, drawn without a simulator: a colour, nothing, three colours."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from embodied_mem.backends.demonstrations import Demonstration
from embodied_mem.backends.mikasa.expert import motion_towards

HEIGHT, WIDTH = 16, 24
INSTRUCTION = "touch the colour that was shown"
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
