"""That a policy comes to its memory: small tasks, learnt within seconds."""

from pathlib import Path

import msgspec
import numpy as np
import torch
from cue_task import on_a_large_table
from jaxtyping import Float, Float64
from torch import Tensor

from embodied_mem.memory.bank_reading import Retrieval
from embodied_mem.memory.cognitive_bank import BankConfig
from planners.diffusion.batches import DemonstrationSet, SamplerConfig
from planners.diffusion.decisions import decision_accuracy
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import CONTRAST, Encoder, EncoderConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.remembering import ForgetfulConfig, MemoryConfig
from planners.diffusion.training import PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.weights import load_policy

CONFIG = PolicyTrainingConfig(
    batch=32,
    learning_rate=3e-3,
    policy=PolicyConfig(
        encoder=EncoderConfig(cognitive=32),
        head=DenoiserConfig(depth=1, width=32, heads=2, chunk=4),
    ),
    sampler=SamplerConfig(group=3, questions=1, decisions=1.0, waiting=0.0, repeats=1),
)


def decisions_after_training(memory: MemoryConfig, folder: Path, steps: int) -> float:
    """Share of right decisions in episodes that were not learnt from; chance is a third."""
    policy = msgspec.structs.replace(CONFIG.policy, memory=memory)
    config = msgspec.structs.replace(CONFIG, policy=policy, steps=steps)
    run = PolicyRunConfig(validate_every=0)
    list(train(folder, on_a_large_table(300), [], config, run))
    _, network = load_policy(folder / "policy.safetensors")
    others = [episode for _, episode in on_a_large_table(100, 1000)]
    held_out = DemonstrationSet(others, [0] * 100, 4, torch.device("cpu"))
    return decision_accuracy(network, held_out, range(100), SamplingConfig(), seed=0)


def test_a_policy_learns_to_act_on_what_its_bank_holds(tmp_path: Path) -> None:
    assert decisions_after_training(BankConfig(), tmp_path, 400) > 0.8


def test_without_a_memory_it_cannot_know(tmp_path: Path) -> None:
    assert decisions_after_training(ForgetfulConfig(), tmp_path, 100) < 0.55


@torch.no_grad()
def test_what_is_like_a_cue_finds_it_before_anything_was_learnt() -> None:
    episodes = [episode for _, episode in on_a_large_table(40)]
    usual = np.concatenate([episode.frames for episode in episodes]).mean(0)
    places = np.arange(60).reshape(6, 10)[3]  # Those of the row that the colours stand in.
    like, unlike = [], []
    for seed in range(5):
        torch.manual_seed(seed)
        encoder = Encoder(height=48, width=80, proprio=4, instructions=1, config=EncoderConfig())
        retrieval = Retrieval(32, 1)
        for episode in episodes:
            frames = episode.frames[: episode.reveal + 1]
            tokens = perceived(encoder, (frames - usual) / CONTRAST)
            query, keys = retrieval.query(tokens[-1]), retrieval.key(tokens[:-1].flatten(0, 1))
            attention = (query @ keys.T / 32**0.5).softmax(1)  # (n, t n)
            for option, place in zip(np.argsort(-episode.options[:, 1]), places[4:7], strict=True):
                found = like if option == episode.cue else unlike
                found.append(float(attention[place, places[5]]))
    assert np.mean(like) > 10 / 120  # Two or three frames of 60 places: an even share is 1 / 120.
    assert np.mean(like) > 2 * np.mean(unlike)


def perceived(encoder: Encoder, pixels: Float64[np.ndarray, "t h w 3"]) -> Float[Tensor, "t n p"]:
    nothing = torch.zeros(len(pixels), dtype=torch.long)
    return encoder(torch.from_numpy(pixels).float(), torch.zeros(len(pixels), 4), nothing)[0]
