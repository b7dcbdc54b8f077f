"""Training a policy by several processes: what comes of it, interruption, and refusals."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import torch
from cue_task import INSTRUCTION, demonstrations
from safetensors.torch import load_file

from embodied_mem.backends.demonstrations import Task, write_demonstrations
from embodied_mem.config import dump_config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.cognitive_bank import BankConfig
from embodied_mem.runtime.exchange import JoinedProcesses
from embodied_mem.runtime.processes import ALONE, Processes, joined
from planners.diffusion.__main__ import main
from planners.diffusion.batches import SamplerConfig
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.training import PolicyTrainingConfig

CONFIG = PolicyTrainingConfig(
    steps=24,
    batch=4,
    policy=PolicyConfig(
        encoder=EncoderConfig(channels=(16, 32), perceptual=16, cognitive=32, layers=1, heads=2),
        head=DenoiserConfig(depth=1, width=32, heads=2, chunk=4),
        memory=BankConfig(capacity=4, heads=2),
    ),
    sampler=SamplerConfig(group=4, questions=2, repeats=2),
)
EVERY = 8
"""Steps between validations: a line of the curve each, by which the test sees how far it is."""


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of training on a tiny set, without a folder of the run."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "data").mkdir()
    task = Task(name="toy", instruction=INSTRUCTION)
    episodes = [episode for _, episode in demonstrations(30)]
    write_demonstrations(folder / "data/a.safetensors", task, episodes)
    (folder / "config.yaml").write_text(dump_config(CONFIG))
    chosen = {"data": folder / "data", "config": folder / "config.yaml", "validation": 6}
    chosen["validate-every"] = EVERY
    return [word for name, value in chosen.items() for word in (f"--{name}", str(value))]


def launched(flags: list[str], out: Path) -> subprocess.Popen[str]:
    """Train by two processes of this machine."""
    return torchrun("-m", "planners.diffusion", *flags, "--out", str(out))


def torchrun(*words: str) -> subprocess.Popen[str]:
    """Start two processes of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    command += ["--master-port", str(port), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *command], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def curve(out: Path) -> list[dict[str, float]]:
    path = out / "curve.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def interrupted(flags: list[str], out: Path, number: signal.Signals) -> int:
    """Train until the next line of the curve, then send a signal; return the checkpoint's step."""
    before = len(curve(out))
    process = launched(flags, out)
    try:
        while len(curve(out)) <= before and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode, said
    header = json.loads(safetensors_header(out / "checkpoint.safetensors"))
    return int(header["step"])


def safetensors_header(path: Path) -> str:
    size = int.from_bytes(path.read_bytes()[:8], "little")
    return json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]["header"]


@pytest.mark.slow
def test_two_processes_come_to_what_one_comes_to_also_when_interrupted(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["planners.diffusion", *flags, "--out", str(tmp_path / "one")])
    main()
    reached = [
        interrupted(flags, tmp_path / "two", number) for number in (signal.SIGTERM, signal.SIGINT)
    ]
    assert EVERY <= reached[0] < reached[1] < CONFIG.steps  # Else nothing was interrupted.
    process = launched(flags, tmp_path / "two")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said.count(f"step {CONFIG.steps}, loss") == 1  # Of two, one tells.
    one, two = (load_file(tmp_path / run / "checkpoint.safetensors") for run in ("one", "two"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        if name.startswith(("network/", "average/")) and not name.endswith(".key.bias"):
            # A softmax has no gradients for a key's bias: rounding alone moves it.
            torch.testing.assert_close(two[name], tensor, rtol=1e-5, atol=1e-5)
    ends = [curve(tmp_path / run)[-1] for run in ("one", "two")]
    assert ends[0]["decisions"] == ends[1]["decisions"]


LEAVES = """
import os
from pathlib import Path
import torch
from embodied_mem.runtime.processes import joined

def threads():
    return {task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}

with joined() as processes:
    torch.optim.AdamW(torch.nn.Linear(2, 2).parameters())
    processes.average([torch.ones(3)])
    assert any("gloo" in name for name in threads()), threads()
assert not any("gloo" in name for name in threads()), threads()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed in /proc")
def test_who_left_has_no_threads_that_exchange(tmp_path: Path) -> None:
    """One that is left over may want the interpreter when it is gone, and then it aborts."""
    path = tmp_path / "leaves.py"
    path.write_text(LEAVES)
    done = torchrun(str(path))
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0, said


def test_shares_are_equal_and_make_up_the_batch() -> None:
    rows = [Processes(rank, 3).share(6) for rank in range(3)]
    assert [list(range(6))[row] for row in rows] == [[0, 1], [2, 3], [4, 5]]
    assert ALONE.share(5) == slice(0, 5)
    with pytest.raises(ConfigError, match="3 processes cannot have equal shares of a batch of 7"):
        Processes(1, 3).share(7)


def test_a_batch_that_cannot_be_shared_is_told_in_one_sentence(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    words = ["planners.diffusion", *flags, "--batch", "3", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "2 processes cannot have equal shares of a batch of 3" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_alone_nothing_is_joined(flags: list[str], tmp_path: Path) -> None:
    config = msgspec.structs.replace(CONFIG, steps=1)
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    words = [*flags, "--config", str(path), "--out", str(tmp_path / "run"), "--validate-every", "0"]
    code = (
        "import sys, torch.distributed as d\n"
        "def refuse(*_, **__): raise AssertionError('started')\n"
        "d.init_process_group = refuse\n"
        "from planners.diffusion.__main__ import main\n"
        f"sys.argv = {['x', *words]!r}\n"
        "main()\n"
        "assert 'embodied_mem.runtime.exchange' not in sys.modules\n"
        "assert not d.is_initialized()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_missing_to_join_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match="but RANK is not set"), joined():
        pass


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert JoinedProcesses(1, 2, 1).device("cuda") == "cuda:1"
    assert chosen == [1]
    assert JoinedProcesses(1, 2, 1).device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="and 2 are here"):
        JoinedProcesses(2, 3, 2).device("cuda")
    with pytest.raises(ConfigError, match="cannot share cuda:0"):
        JoinedProcesses(1, 2, 1).device("cuda:0")
