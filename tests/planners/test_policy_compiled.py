"""A policy compiled for this machine: it says the same, and machines that cannot are told why."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cue_task import demonstrations
from torch import Tensor

from embodied_mem.app.cli import execute
from embodied_mem.app.policy_commands import Eval
from embodied_mem.errors import ConfigError
from embodied_mem.runtime.compilation import check_compiler
from planners.diffusion.decisions import Said
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import DiffusionPolicy
from planners.diffusion.training import PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.weights import SHIPPED

CPU = torch.device("cpu")
TESTS = Path(__file__).parents[1]


def lacking() -> str:
    """What this machine lacks to compile, if anything."""
    try:
        check_compiler(CPU)
    except ConfigError as error:
        return str(error)
    return ""


def test_a_compiled_head_is_asked_about_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[int] = set()

    def recorded(said: Said, device: torch.device) -> Said:
        def asking(x: Tensor, *others: Tensor) -> Tensor:
            asked.add(len(x))
            return said(x, *others)

        return asking

    monkeypatch.setattr("planners.diffusion.policy.compiled", recorded)
    plain, fixed = (
        DiffusionPolicy(SHIPPED, sampling=SamplingConfig(steps=2, compile=on), executed=2)
        for on in (False, True)
    )
    takes, random = plain.card.interface, np.random.default_rng(0)
    steps = np.zeros(3, np.float32)
    for call in range(5):
        begins = np.array([call == 0, call in (0, 1), call in (0, 4)])  # They are due apart.
        steps = np.where(begins, 0, steps + 1).astype(np.float32)
        images = random.integers(0, 255, (3, takes.height, takes.width, 3), np.uint8)
        proprio = random.normal(size=(3, 16)).astype(np.float32)
        now = {"steps": steps, "begins": begins, "seeds": np.arange(3)}
        acted = [p.act(images, proprio, takes.instructions[0], **now) for p in (plain, fixed)]
        np.testing.assert_allclose(acted[1], acted[0], rtol=1e-4, atol=1e-5)
    assert asked == {3}


@pytest.mark.skipif(bool(lacking()), reason=lacking())
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_compiled_policy_acts_and_learns_as_it_does_otherwise(tmp_path: Path) -> None:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(TESTS / "compiled_policy.py")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    (chunks, losses), (fast_chunks, fast_losses) = told["eager"], told["compiled"]
    np.testing.assert_allclose(fast_chunks, chunks, rtol=1e-5, atol=1e-5)
    assert np.std(chunks) > 0.1  # The head says something.
    assert fast_losses == pytest.approx(losses, rel=1e-5)
    assert losses[0] != losses[2]
    assert list(tmp_path.rglob("*.so"))  # Something was built.


def test_a_machine_without_a_compiler_is_told_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert execute(Eval(part="policy", compile=True)) == 2
    said = capsys.readouterr().err
    assert said.startswith("embodied-mem: compiling needs the compiler `")
    assert said.count("\n") == 1
    run, config = PolicyRunConfig(compile=True), PolicyTrainingConfig(steps=1)
    with pytest.raises(ConfigError, match="compiling needs the compiler"):
        list(train(tmp_path / "run", demonstrations(2), [], config, run))
    with pytest.raises(ConfigError, match="compiling needs the compiler"):
        check_compiler(torch.device("cuda"))


def test_a_machine_without_headers_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    with pytest.raises(ConfigError, match=r"Python's headers, /nowhere/Python\.h"):
        check_compiler(CPU)
