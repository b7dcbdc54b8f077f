# ruff: noqa: E402 - torchvision must be made to load first.
"""Demonstrations of a task without a simulator, and the dataset that is made of them."""

from embodied_mem.runtime.torchvision_ops import ensure_torchvision

ensure_torchvision()  # LeRobot imports it, perhaps beside a CPU build of torch.

from pathlib import Path

import pytest
from cue_task import demonstrations
from lerobot_policy_embodied_mem.export import export

from planners.diffusion.recordings import Recorded


@pytest.fixture(scope="session")
def episodes() -> Recorded:
    return demonstrations(4)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, episodes: Recorded) -> Path:
    out = tmp_path_factory.mktemp("lerobot") / "cue"
    export(out, episodes, repo_id="tests/cue", fps=20, videos=False)
    return out
