"""The soak in little: two hours of twenty steps, each killed once, and what it makes of losses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak_figures import FLAT, JUDGED, WARM_UP, growth, verdict
from embodied_mem.memory import Memory

ROOT = Path(__file__).parents[1]
STEPS = 20


def run(script: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "benchmarks" / script), *arguments]


def read(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_two_short_hours_lose_nothing_to_kill_9_and_go_on(tmp_path: Path):
    arguments = ("--hours", "2", "--steps", str(STEPS), "--rooms", "2", "--out", str(tmp_path))
    command = run("soak.py", *arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "acknowledged writes lost: 0" in done.stdout
    hours, kills = read(tmp_path / "hours.jsonl"), read(tmp_path / "kills.jsonl")
    assert [kill["hour"] for kill in kills] == [0, 1]
    for number, (hour, kill) in enumerate(zip(hours, kills, strict=True)):
        found = hour["recovery"]
        assert number * STEPS < kill["after"] < (number + 1) * STEPS
        # The killed process may have got on for a moment, but for what it had told.
        assert found["frame"] >= found["acknowledged"] >= kill["after"]
        assert found["frame"] <= found["acknowledged"] + 1
        assert (found["lost"], found["same"], found["orphans"], found["missing"]) == (0, True, 0, 0)
    told = [line["frame"] for n in (0, 1) for line in read(tmp_path / "acks" / f"{n:03d}.jsonl")]
    in_flight = sum(hour["recovery"]["ahead"] for hour in hours)
    assert told == sorted(set(told))
    assert len(told) == 2 * STEPS - in_flight
    with Memory.open(tmp_path / "store", read_only=True) as memory:
        assert memory.frame == 2 * STEPS
        assert memory.stamp == pytest.approx((2 * STEPS - 1) * 3600 / STEPS)
    finds_losses(tmp_path)


def finds_losses(folder: Path) -> None:
    """A store that lacks what was acknowledged does not pass."""
    last = read(folder / "acks" / "001.jsonl")[-1]
    with (folder / "acks" / "001.jsonl").open("a") as file:
        file.write(json.dumps(last | {"frame": 2 * STEPS + 3}) + "\n")
    command = run("soak_hour.py", str(folder), "3", "2", "2", str(STEPS))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())["opened"]
        process.kill()
    assert (found["lost"], found["same"]) == (3, False)


def hours(values: np.ndarray) -> list[dict]:
    named = [key for key, _ in JUDGED]
    fixed = {"steps": 10, "lost": 0, "same": True, "orphans": 0, "located": 1.0, "false": 0.0}
    return [
        {"hour": hour, **fixed, **dict.fromkeys(named, float(value))}
        for hour, value in enumerate(values, 1)
    ]


def test_growth_is_that_of_the_line_and_the_verdict_follows_it():
    steps = np.arange(1, 25.0)
    flat, steep = hours(50 + 0.2 * FLAT * 50 * steps), hours(50 + 3 * FLAT * 50 * steps)
    late = steps >= WARM_UP
    for rows in (flat, steep):
        values = np.array([row["size_mib"] for row in rows])[late]
        slope = np.polyfit(steps[late], values, 1)[0] / values.mean()
        assert growth(rows, "size_mib") == pytest.approx((slope, 0.0), abs=1e-9)
    assert "GROWS" not in verdict(flat)
    assert verdict(steep).count("GROWS") == verdict(flat).count(" flat\n") + 1
    assert growth(flat[: WARM_UP + 1], "size_mib") is None
