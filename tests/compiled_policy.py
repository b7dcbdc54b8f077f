"""A tiny policy, compiled and as it is, in a process without the tests' checks of types.

The compiler cannot look through those. One line of JSON: chunks and losses of both. The code for a
chunk is built; that for training, four times as much, is traced, taken apart and run unbuilt.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from cue_task import INSTRUCTION, demonstration, demonstrations
from torch import nn

from planners.diffusion.batches import SamplerConfig
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.network import Interface, PolicyConfig
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import PolicyAtWork
from planners.diffusion.remembering import ForgetfulConfig
from planners.diffusion.training import PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.weights import PolicyCard

POLICY = PolicyConfig(
    encoder=EncoderConfig(cognitive=16, heads=2),
    memory=ForgetfulConfig(),
    head=DenoiserConfig(depth=1, width=16, heads=2, chunk=4),
)


def chunks(*, compiled: bool) -> list[list[list[float]]]:
    """Draw a chunk for each of some frames."""
    torch.manual_seed(0)
    interface = Interface(instructions=(INSTRUCTION,), height=16, width=24)
    card = PolicyCard(policy=POLICY, interface=interface)
    network = card.build().eval()
    torch.nn.init.normal_(network.head.out.weight, std=0.1)
    policy = PolicyAtWork((card, network), sampling=SamplingConfig(steps=4, compile=compiled))
    episode, drawn = demonstration(0), []
    for step in range(4):
        chunk = policy.chunk(
            episode.frames[step][None],
            episode.proprio[step][None],
            INSTRUCTION,
            steps=np.array([step], np.float32),
            begins=np.array([step == 0]),
        )
        drawn.append(chunk[0].tolist())
    return drawn


def losses(folder: Path, *, compiled: bool) -> list[float]:
    """Train for three steps."""
    config = PolicyTrainingConfig(
        steps=3, batch=4, policy=POLICY, sampler=SamplerConfig(group=4, questions=2, repeats=2)
    )
    built = nn.Module.compile
    nn.Module.compile = lambda module, **told: built(module, backend="aot_eager", **told)  # pyright: ignore
    run = PolicyRunConfig(log_every=1, validate_every=0, compile=compiled)
    name = "compiled" if compiled else "eager"
    told = [loss for _, loss in train(folder / name, demonstrations(12), [], config, run)]
    nn.Module.compile = built
    return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        told = {
            name: [chunks(compiled=on), losses(Path(place), compiled=on)]
            for name, on in (("eager", False), ("compiled", True))
        }
    sys.stdout.write(json.dumps(told) + "\n")
