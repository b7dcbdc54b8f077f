"""Episodes side by side: the same results as one by one, and what happens to processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from cue_processes import Dying, Shorter
from cue_task import HEIGHT, INSTRUCTION, WIDTH, CueTask
from torch import nn

from embodied_mem.app.cli import execute
from embodied_mem.app.policy_commands import Eval
from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.cognitive_bank import BankConfig
from planners.diffusion.apart import apart
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.evaluation import Environment, EpisodeOutcome, Here, evaluate
from planners.diffusion.network import Interface, PolicyConfig
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import PolicyAtWork
from planners.diffusion.weights import PolicyCard

SEEDS = range(4)


def policy(executed: int = 1) -> PolicyAtWork:
    """An untrained policy, whose actions depend on what it saw and on noise."""
    torch.manual_seed(3)
    card = PolicyCard(
        policy=PolicyConfig(
            head=DenoiserConfig(depth=1, width=32, heads=2, chunk=4), memory=BankConfig(capacity=4)
        ),
        interface=Interface(instructions=(INSTRUCTION,), height=HEIGHT, width=WIDTH),
    )
    network = card.build().eval().requires_grad_(requires_grad=False)
    nn.init.normal_(network.head.out.weight, std=0.1)
    sampling = SamplingConfig(steps=2, guidance=1.0)  # Quick.
    return PolicyAtWork((card, network), sampling=sampling, executed=executed)


def ended(
    environments: Sequence[Environment], executed: int = 1, seeds: Sequence[int] = SEEDS
) -> dict[int, tuple[EpisodeOutcome, int, np.ndarray]]:
    """What came of each seed: its row, its length, and where the tool went on the way."""
    ways: dict[int, tuple[EpisodeOutcome, int, np.ndarray]] = {}

    def watch(trial, row) -> None:
        tools = np.stack([moment.seen.tool for moment in trial.moments])
        ways[trial.seed] = row, len(tools), tools

    rows = list(evaluate(environments, policy(executed), "p", seeds, watch=watch))
    assert sorted(row.seed for row in rows) == sorted(seeds)
    return ways


@pytest.mark.parametrize("executed", [1, 3])
def test_what_comes_of_a_seed_is_the_same_in_any_company(executed: int) -> None:
    alone = ended([Here(Shorter())], executed)
    assert len({steps for _, steps, _ in alone.values()}) > 1
    beside = ended([Here(Shorter()) for _ in range(2)], executed)
    others = [beside, ended([Here(Shorter())], executed, seeds=[3, 1])]
    for other in others:
        for seed, (row, steps, tools) in other.items():
            assert alone[seed][:2] == (row, steps)
            np.testing.assert_allclose(alone[seed][2], tools, atol=1e-5)
    first = np.stack([tools[1] for _, _, tools in alone.values()])
    assert np.ptp(first, 0).max() > 0.01  # Each episode has noise of its own.


def test_a_batch_changes_its_size_only_between_episodes() -> None:
    acting, seen = policy(), CueTask().reset(0)

    def act(count: int, begins: bool) -> np.ndarray:
        return acting.act(
            np.stack([seen.image] * count),
            np.stack([seen.proprio] * count),
            INSTRUCTION,
            steps=np.zeros(count, np.float32),
            begins=np.full(count, begins),
        )

    assert act(2, begins=True).shape == (2, 7)
    assert act(3, begins=True).shape == (3, 7)
    with pytest.raises(ConfigError, match="2 episodes cannot go on where 3 were"):
        act(2, begins=False)


def test_processes_give_the_same_results() -> None:
    alone = ended([Here(Shorter())], seeds=range(3))
    with apart(Shorter, 2) as environments:
        beside = ended(environments, seeds=range(3))
    assert not active_children()
    for seed, (row, steps, tools) in alone.items():
        assert beside[seed][:2] == (row, steps)
        np.testing.assert_allclose(beside[seed][2], tools, atol=1e-5)


@pytest.mark.parametrize(
    ("kill", "words"), [(True, "exit code -9"), (False, "ZeroDivisionError: by zero")]
)
def test_a_dead_process_is_one_sentence_and_what_was_done_stays_done(
    kill: bool, words: str, tmp_path: Path
) -> None:
    log = tmp_path / "rows.jsonl"
    sentence = f"the process of the simulator, in the episode with seed 3, died: {words}."
    with (
        pytest.raises(BackendError, match=f"^{sentence}$"),
        apart(partial(Dying, kill), 2) as environments,
    ):
        list(evaluate(environments, policy(), "p", range(5), log))
    assert not active_children()
    done = len(log.read_text().splitlines())
    assert done >= 2
    simulator = CueTask()
    assert len(list(evaluate([Here(simulator)], policy(), "p", range(5), log))) == 5
    assert simulator.resets == 5 - done


WAITING = """
import sys, time
from multiprocessing import active_children
from cue_task import CueTask
from planners.diffusion.apart import apart

if __name__ == "__main__":
    with apart(CueTask, 2) as environments:
        environments[0].reset(0)
        environments[0].seen()
        print(*[child.pid for child in active_children()], flush=True)
        time.sleep(60)
"""


def test_ctrl_c_ends_all_processes(tmp_path: Path) -> None:
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 2
    os.killpg(parent.pid, signal.SIGINT)  # As a terminal does.
    said = parent.communicate(timeout=60)[1]
    assert "KeyboardInterrupt" in said
    until = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_several_simulators_that_are_missing_are_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert execute(Eval(part="policy", episodes=2, environments=2)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the simulator of RememberColor3-VLA-v0 is not installed here" in said
    with pytest.raises(ConfigError, match="at least 1 environment"):
        Eval(part="policy", environments=0)
