"""Simulator, memory and planner as processes over DDS, each killed with `kill -9` in turn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")
pytest.importorskip("cyclonedds", reason="needs the extra `dds`")
pytest.importorskip("unified_planning", reason="needs the extra `plan`")

from benchmarks.ros_soak_examiner import Acknowledged
from benchmarks.ros_soak_figures import stored_well
from embodied_mem.memory import Memory

ROOT = Path(__file__).parents[2]
AT_KILLS = {"busy", "out_of_sync", "no_transform", "no_camera_info", "clock_jump"}
"""What may be left out where a sender is killed half way, or a machine is loaded."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_process_is_killed_and_what_was_acknowledged_is_still_there(tmp_path):
    words = ["-m", "benchmarks.ros_soak", "--minutes", "0.1", "--every", "4", "--goals", "3"]
    command = [sys.executable, *words, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert [kill["victim"] for kill in result["kills"]] == ["join", "sim", "plan"]
    assert (result["lost"], result["unsound"]) == (0, 0)
    assert result["not_counted"] == {}
    assert result["other_drops"].keys() <= AT_KILLS
    with Memory.open(tmp_path / "store", read_only=True) as memory:
        assert memory.frame >= result["frames"] > result["kills"][0]["acknowledged"]
    assert stored_well(tmp_path / "store", Acknowledged(10**6, frozenset()))[1] > 0
