"""A dataset that LeRobot's own reader reads back."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot_policy_embodied_mem.export import CAMERA, export, main

from embodied_mem.backends.demonstrations import Task, write_demonstrations
from embodied_mem.errors import ConfigError
from planners.diffusion.recordings import Recorded


def test_what_was_written_is_read_back_exactly(dataset: Path, episodes: Recorded) -> None:
    read = LeRobotDataset("tests/cue", root=dataset)
    assert read.meta.info["codebase_version"] == "v3.0"
    assert (read.num_episodes, read.num_frames) == (4, sum(len(e.frames) for _, e in episodes))
    index = 0
    for number, (told, episode) in enumerate(episodes):
        for step in range(len(episode.frames)):
            row = read[index]
            image = (row[CAMERA] * 255).round().byte().permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(image, episode.frames[step])
            np.testing.assert_array_equal(row["observation.state"], episode.proprio[step])
            np.testing.assert_array_equal(row["action"], episode.actions[step])
            np.testing.assert_array_equal(row["executed"], episode.executed[step])
            assert (row["task"], int(row["episode_index"])) == (told, number)
            assert bool(row["decision"]) == (step == episode.reveal)
            assert bool(row["next.done"]) == (step == len(episode.frames) - 1)
            index += 1


def test_windows_reach_back_and_chunks_ahead(dataset: Path, episodes: Recorded) -> None:
    deltas = {CAMERA: [-0.1, -0.05, 0.0], "action": [0.0, 0.05]}
    row = LeRobotDataset("tests/cue", root=dataset, delta_timestamps=deltas)[1]
    assert row[CAMERA].shape == (3, 3, 16, 24)
    assert row[f"{CAMERA}_is_pad"].tolist() == [True, False, False]
    torch.testing.assert_close(row["action"], torch.from_numpy(episodes[0][1].actions[1:3]))


def test_the_command_line_exports_a_folder(
    tmp_path: Path, episodes: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    task = Task(name="cue", instruction=episodes[0][0])
    some = [episode for _, episode in episodes[:2]]
    write_demonstrations(tmp_path / "data/cue.safetensors", task, some)
    out = tmp_path / "out"
    flags = ["--data", str(tmp_path / "data"), "--out", str(out), "--repo-id", "tests/cue"]
    monkeypatch.setattr("sys.argv", ["export", *flags])
    main()
    said = json.loads((out / "meta/info.json").read_text())
    assert (said["total_episodes"], said["fps"]) == (2, 20)


def test_nothing_is_overwritten(dataset: Path, episodes: Recorded) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        export(dataset, episodes, repo_id="tests/cue", fps=20, videos=False)
