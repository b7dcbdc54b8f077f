"""Measuring a policy: what counts, that a log is gone on with, and the commands."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from cue_task import TASK, CueTask, demonstrations
from jaxtyping import Bool, Float32, Int64, UInt8

from embodied_mem.app.cli import execute
from embodied_mem.app.policy_commands import Eval, TrainPolicy
from embodied_mem.app.train_commands import Train
from embodied_mem.app.train_policy import training_config
from embodied_mem.backends.demonstrations import write_demonstrations
from embodied_mem.backends.mikasa.expert import motion_towards
from embodied_mem.errors import ConfigError, StoreFormatError
from planners.diffusion.evaluation import Here, evaluate, summary, wilson
from planners.diffusion.trial import EpisodeOutcome


class Choosing:
    """Walks to an option, told by the distance from the right one; forgets when told to."""

    def __init__(self, simulator: CueTask, off: int = 0) -> None:
        self._simulator, self._off, self.begun = simulator, off, 0

    def act(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
        seeds: Int64[np.ndarray, "b"] | None = None,
    ) -> Float32[np.ndarray, "b a"]:
        self.begun += int(begins[0])
        now = self._simulator._now
        action = np.zeros(7, np.float32)
        if now.step >= now.reveal:
            action[:3] = motion_towards(now.options[(now.cue + self._off) % 3], now.tool)
        return action[None]


@pytest.mark.parametrize("off", [0, 1])
def test_success_touch_and_decision_are_those_of_the_right_thing(off: int) -> None:
    simulator = CueTask()
    rows = list(evaluate([Here(simulator)], Choosing(simulator, off), "p", range(6)))
    for row in rows:
        assert (row.success, row.first_touch, row.decision) == (off == 0,) * 3
    assert summary(rows)["chance"] == 0.333


def test_an_episode_ends_when_all_is_known_of_it() -> None:
    simulator = CueTask()
    for off, early in ((0, True), (1, False)):
        list(evaluate([Here(simulator)], Choosing(simulator, off), "p", range(1)))
        assert (simulator._now.step < CueTask.horizon) is early


def test_a_log_is_gone_on_with(tmp_path: Path) -> None:
    simulator, log = CueTask(), tmp_path / "rows.jsonl"
    first = list(evaluate([Here(simulator)], Choosing(simulator), "p", range(3), log))
    assert simulator.resets == 3
    again = list(evaluate([Here(simulator)], Choosing(simulator), "p", range(5), log))
    assert simulator.resets == 5
    assert again[:3] == first
    list(evaluate([Here(simulator)], Choosing(simulator), "other", range(2), log))
    assert simulator.resets == 7
    assert len(log.read_text().splitlines()) == 7
    log.write_text("{}\n")
    with pytest.raises(StoreFormatError, match="does not hold outcomes"):
        list(evaluate([Here(simulator)], Choosing(simulator), "p", range(1), log))


def test_a_memory_can_be_emptied_before_each_step() -> None:
    simulator = CueTask()
    for forgets, begun in ((False, 1), (True, CueTask.horizon)):
        policy = Choosing(simulator, off=1)
        (row,) = evaluate([Here(simulator)], policy, "p", range(1), forgets=forgets)
        assert policy.begun == begun
        assert row.policy == ("p, emptied" if forgets else "p")


def test_intervals_are_those_of_wilson() -> None:
    assert wilson(48, 50) == pytest.approx((0.8654, 0.9890), abs=1e-3)
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-9)
    with pytest.raises(ConfigError, match="at least one episode"):
        summary([])


def test_the_commands_train_and_say_that_the_simulator_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    episodes = [episode for _, episode in demonstrations(12)]
    write_demonstrations(data / "a.safetensors", TASK, episodes)
    command = TrainPolicy(
        data=str(data), out=str(out), steps=2, batch=2, validation=4, validate_every=0
    )
    assert execute(Train(task=command)) == 0
    assert [row["step"] for row in map(msgspec.json.decode, (out / "curve.jsonl").open())] == [2]
    whole = msgspec.structs.replace(command, group=9)
    assert training_config(whole).sampler.group == 9
    assert execute(Train(task=whole)) == 2  # The folder's run drew fewer frames.
    few = msgspec.structs.replace(command, validation=12)
    assert execute(Train(task=few)) == 2
    capsys.readouterr()
    measure = Eval(part="policy", weights=str(out / "policy.safetensors"), episodes=1)
    assert execute(measure) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the simulator of RememberColor3-VLA-v0 is not installed here" in said


def test_outcomes_are_lines_of_json() -> None:
    row = EpisodeOutcome(
        policy="p", task="t", seed=1, success=True, first_touch=True, decision=False, options=3
    )
    assert msgspec.json.decode(msgspec.json.encode(row), type=EpisodeOutcome) == row
