"""Learning curves in trackio: every whole line once, on this machine, and never in the way."""

import json
import logging
import sqlite3
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cue_processes import Tracker
from cue_task import TASK, demonstrations

from embodied_mem.app.cli import execute
from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.app.train_commands import Train
from embodied_mem.backends.demonstrations import write_demonstrations
from embodied_mem.errors import MissingExtraError
from embodied_mem.runtime import tracking
from embodied_mem.runtime.tracking import LocalRun, TrackedCurve


def write(curve: Path, *steps: int, rest: str = "") -> None:
    with curve.open("a") as file:
        file.write("".join(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in steps) + rest)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tracking, "LocalRun", Tracker)
    (tmp_path / "curve.jsonl").touch()
    return tmp_path / "told"


def test_every_whole_line_is_passed_on_once(told: Path) -> None:
    path = told.with_name("curve.jsonl")
    write(path, 1, 2)
    curve = TrackedCurve(path, str(told))
    curve.follow()
    assert told.read_text() == "1\n2\n"
    write(path, 3, rest='{"step": 4')
    curve.follow()
    assert told.read_text() == "1\n2\n3\n"
    with path.open("a") as file:
        file.write(', "loss": 1}\n')
    curve.close()
    assert told.read_text() == "1\n2\n3\n4\nend\n"


def test_training_goes_on_without_a_tracker_that_died(
    told: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = told.with_name("curve.jsonl")
    curve = TrackedCurve(path, str(told))
    with caplog.at_level(logging.WARNING):
        for step in (13, 14, 15):
            write(path, step)
            curve.follow()
        curve.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the run is no longer tracked: the process of trackio died: exit code -9."
    ]
    assert told.read_text() == "13\n"


def test_without_trackio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # Given back at the end.
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(MissingExtraError, match=r"trackio .*pip install 'embodied-mem\[train\]'"):
        LocalRun("a")


def trained(folder: Path, track: bool) -> int:
    (folder / "data").mkdir()
    episodes = [episode for _, episode in demonstrations(6)]
    write_demonstrations(folder / "data" / "a.safetensors", TASK, episodes)
    command = TrainPolicy(
        data=str(folder / "data"), out=str(folder / "run"), steps=2, batch=2, validation=2,
        validate_every=2, track="trackio" if track else None,
    )  # fmt: skip
    return execute(Train(task=command))


def test_the_command_says_so_and_draws_the_curve_when_not_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec("trackio") is not None:
        pytest.skip("trackio is installed here")
    assert trained(tmp_path, track=True) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].endswith("Run `pip install 'embodied-mem[train]'`.")
    (tmp_path / "other").mkdir()
    assert trained(tmp_path / "other", track=False) == 0
    assert (tmp_path / "other" / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_trackio_keeps_the_curve_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("trackio") is None:
        pytest.skip("trackio is not installed here (extra `train`)")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/elsewhere")
    monkeypatch.setenv("TRACKIO_SERVER_URL", "http://127.0.0.1:9/?write_token=a")
    assert trained(tmp_path, track=True) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "curve.jsonl").open()]
    (database,) = (tmp_path / "store").glob("*.db")
    with sqlite3.connect(database) as store:
        rows = store.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
    assert {name for name, _, _ in rows} == {"run"}
    kept = [{"step": step, **json.loads(numbers)} for _, step, numbers in rows]
    assert kept == lines
