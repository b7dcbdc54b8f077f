"""Policies with an encoder that a test chooses: trained for two steps, and asked once."""

from pathlib import Path

import numpy as np
import torch
from cue_task import INSTRUCTION, demonstrations
from jaxtyping import Float32

from embodied_mem.memory.cognitive_bank import BankConfig
from embodied_mem.memory.text import TextEncoder
from planners.diffusion.batches import SamplerConfig
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoders import AnyEncoderConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.policy import DiffusionPolicy
from planners.diffusion.training import WEIGHTS, PolicyRunConfig, PolicyTrainingConfig, train

BEGINNING = {"steps": np.zeros(1, np.float32), "begins": np.ones(1, np.bool_)}
"""The first frame of an episode."""


def trained(out: Path, encoder: AnyEncoderConfig, sentences: TextEncoder | None = None) -> Path:
    """Train, and return the file of weights."""
    config = PolicyTrainingConfig(
        steps=2,
        batch=2,
        policy=PolicyConfig(
            encoder=encoder,
            head=DenoiserConfig(depth=1, width=32, heads=2, chunk=4),
            memory=BankConfig(capacity=4, heads=2),
        ),
        sampler=SamplerConfig(group=3, questions=1, repeats=1),
    )
    run = PolicyRunConfig(validate_every=0)
    list(train(out, demonstrations(4), [], config, run, sentences))
    return out / WEIGHTS


def acted(weights: Path) -> Float32[np.ndarray, "1 a"]:
    """The action that a policy begins an episode with."""
    episode = demonstrations(1)[0][1]
    return DiffusionPolicy(weights).act(
        episode.frames[:1], episode.proprio[:1], INSTRUCTION, **BEGINNING
    )


def understood(
    weights: Path, told: str = INSTRUCTION, sentences: TextEncoder | None = None
) -> Float32[np.ndarray, "1 c"]:
    """What the head is told at that time."""
    policy = DiffusionPolicy(weights, sentences=sentences)
    episode = demonstrations(1)[0][1]
    frame, felt = episode.frames[:1], episode.proprio[:1]
    with torch.inference_mode():
        return policy._remembered(frame, felt, told, **BEGINNING)[1].numpy()
