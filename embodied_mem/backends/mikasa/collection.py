"""Records an expert at MIKASA's tasks: `python -m embodied_mem.backends.mikasa.collection`.

The expert keeps still until the cubes are shown, or its arm would give the answer away, then walks
the tool to the right one. What it does is disturbed, what is recorded as its action is not (DART,
arXiv:1703.09327): so the policy sees mistakes, and what to do about them.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from embodied_mem.backends.demonstrations import Demonstration, write_demonstrations
from embodied_mem.backends.mikasa.expert import ABOVE, motion_towards
from embodied_mem.backends.mikasa.simulator import TASKS, Observation, RememberTask
from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.runtime.workers import run_jobs

EPISODES_PER_FILE = 25

_ARRIVED = 0.02
"""Distance from where the tool is walked to at which an episode is nearly over [m]."""

_REST = 3
"""Frames recorded once there."""

_NOISE = (0.0, 0.15, 0.3)
"""Standard deviations of what is added to the motions of an episode; one is drawn for each. Within
a step's reach of the cube there is less of it, or the cube would be pushed away."""

_NOISE_WAITING = 0.1
"""Share of it while the expert waits."""


def expert(seen: Observation) -> Float32[np.ndarray, "7"]:
    """Say what one who knows the answer would do."""
    action = np.zeros(RememberTask.actions, np.float32)
    action[-1] = -1  # The gripper is closed throughout.
    if seen.step >= seen.reveal:
        action[:3] = motion_towards(seen.options[seen.cue], seen.tool)
    return action


def demonstrate(simulator: RememberTask, seed: int) -> Demonstration:
    """Record the episode of a seed."""
    random = np.random.default_rng(seed)
    scale = random.choice(_NOISE)
    seen = simulator.reset(seed)
    past: list[tuple[Observation, Float32[np.ndarray, 7], Float32[np.ndarray, 7]]] = []
    arrived, success, options = 0, False, seen.options
    while len(past) < simulator.horizon and arrived < _REST:
        action = expert(seen)
        waiting = seen.step < seen.reveal
        share = _NOISE_WAITING if waiting else min(1, float(np.abs(action[:3]).max()))
        done = action.copy()
        done[:3] += random.normal(0, scale * share, 3)
        done = np.clip(done, -1, 1)
        past.append((seen, action, done))
        if seen.step == seen.reveal:
            options = seen.options
        seen = simulator.step(done)
        way = np.linalg.norm(seen.options[seen.cue] + ABOVE - seen.tool)
        arrived = arrived + 1 if not waiting and way < _ARRIVED else 0
        success = success or seen.success
    observed = [observation for observation, _, _ in past]
    return Demonstration(
        frames=np.stack([observation.image for observation in observed]),
        proprio=np.stack([observation.proprio for observation in observed]),
        actions=np.stack([action for _, action, _ in past]),
        executed=np.stack([done for _, _, done in past]),
        options=options,
        cue=seen.cue,
        reveal=seen.reveal,
        seed=seed,
        success=success,
    )


def collect(folder: Path, task: str, seeds: range, environments: int = 1) -> Iterator[Path]:
    """Record the episodes that are missing in a folder, some to a file, and yield each file.

    Args:
        folder: Of the files.
        task: One of `TASKS`.
        seeds: Of the episodes.
        environments: Files that are recorded at once, each in a process of its own.

    Raises:
        BackendError: A process died twice over a file.
        ConfigError: There is to be no environment.
    """
    if environments < 1:
        raise ConfigError(f"at least 1 environment is needed, got {environments}.")
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[str, tuple[Path, str, range]] = {}
    for first in range(seeds.start, seeds.stop, EPISODES_PER_FILE):
        path = folder / f"{task}-{first:07d}.safetensors"
        if path.exists():
            yield path
        else:
            some = range(first, min(first + EPISODES_PER_FILE, seeds.stop))
            missing[path.name] = path, task, some
    if environments == 1:
        yield from map(record, missing.values())
        return
    for answer in run_jobs(missing, record, workers=environments):
        if answer.result is None:
            raise BackendError(f"{answer.key} was not recorded: {answer.error}")
        yield answer.result


def record(job: tuple[Path, str, range]) -> Path:
    """Record the episodes of some seeds of a task to a file."""
    path, task, seeds = job
    simulator = _simulator(task)
    write_demonstrations(path, simulator.task, [demonstrate(simulator, seed) for seed in seeds])
    return path


@cache
def _simulator(task: str) -> RememberTask:
    """Start a simulator, once in a process."""
    return RememberTask(task)


def main() -> None:
    """Record as the flags say; run again, it goes on."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--task", choices=TASKS, default=TASKS[0])
    flags.add_argument("--out", type=Path, required=True)
    flags.add_argument("--first", type=int, default=0, help="seed of the first episode")
    flags.add_argument("--episodes", type=int, default=1000)
    flags.add_argument("--environments", type=int, default=1, help="files recorded at once")
    options = flags.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.first, options.first + options.episodes)
    for path in collect(options.out, options.task, seeds, options.environments):
        sys.stdout.write(f"{path.name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
