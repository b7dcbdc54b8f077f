"""The policy that comes with the package, on recordings that it was not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from embodied_mem.backends.demonstrations import Demonstration, read_demonstrations
from planners.diffusion.batches import DemonstrationSet
from planners.diffusion.decisions import decided, decision_accuracy
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import DiffusionPolicy
from planners.diffusion.weights import load_policy, shipped

RECORDED = Path(__file__).parents[1] / "golden" / "policy"


@pytest.fixture(scope="module", params=[3, 5])
def colours(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def weights(colours: int) -> Path:
    return shipped(f"RememberColor{colours}-VLA-v0")


@pytest.fixture(scope="module")
def episodes(colours: int) -> list[Demonstration]:
    return read_demonstrations(RECORDED / f"remember_color_{colours}.safetensors")[1]


def test_the_shipped_policy_decides_by_what_it_saw_before(
    weights: Path, episodes: list[Demonstration]
) -> None:
    _, network = load_policy(weights)
    part = DemonstrationSet(episodes, [0] * len(episodes), 8, torch.device("cpu"))
    assert decision_accuracy(network, part, range(12), SamplingConfig(), seed=0) >= 11 / 12


@pytest.mark.parametrize(("forgets", "least", "most"), [(False, 11, 12), (True, 0, 9)])
def test_at_work_it_needs_its_memory(
    weights: Path, episodes: list[Demonstration], forgets: bool, least: int, most: int
) -> None:
    policy = DiffusionPolicy(weights)
    right = sum(decision_at_work(policy, episode, forgets=forgets) for episode in episodes)
    assert least <= right <= most


def decision_at_work(policy: DiffusionPolicy, episode: Demonstration, *, forgets: bool) -> bool:
    """Whether the action at the reveal leads to the right thing, frame by frame."""
    action = np.zeros((1, 7), np.float32)
    for step in range(episode.reveal + 1):
        action = policy.act(
            episode.frames[step][None],
            episode.proprio[step][None],
            policy.card.interface.instructions[0],
            steps=np.array([step], np.float32),
            begins=np.array([step == 0 or forgets]),
        )
    tool = episode.proprio[episode.reveal, :3]
    return decided(action[:, :3], tool, episode.options) == episode.cue
