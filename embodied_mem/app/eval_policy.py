"""`embodied-mem eval policy`: a policy in MIKASA-Robo, where that is installed.

The simulator's environment has little else; so this imports no more than it needs.
"""

import errno
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from embodied_mem.app.policy_commands import Eval
from embodied_mem.errors import BackendError, ConfigError
from planners.diffusion.apart import apart
from planners.diffusion.ensemble import EnsembleConfig
from planners.diffusion.evaluation import Environment, Here, Watch, evaluate, summary
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import DiffusionPolicy, Execution
from planners.diffusion.trial import EpisodeOutcome, Trial
from planners.diffusion.weights import shipped

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def eval_policy(command: Eval) -> int:
    """Measure the policy; what came of each episode and the sum of all are lines of JSON.

    Raises:
        ConfigError: The simulator, or what writes videos, is not here.
        BackendError: The process of a simulator died, or a video cannot be written.
    """
    path = shipped(command.task) if command.weights is None else Path(command.weights)
    log = None if command.out is None else Path(command.out)
    watch = None if command.videos is None else videos_in(Path(command.videos))
    policy = DiffusionPolicy(
        path,
        sampling=SamplingConfig(guidance=command.guidance, compile=command.compile),
        executed=execution(command),
    )
    seeds = range(command.first, command.first + command.episodes)
    outcomes = []
    with environments(command.task, min(command.environments, command.episodes)) as simulators:
        for outcome in evaluate(
            simulators, policy, path.name, seeds, log, forgets=command.forget, watch=watch
        ):
            outcomes.append(outcome)
            right = sum(each.success for each in outcomes)
            sys.stderr.write(f"\r{len(outcomes)} of {command.episodes} episodes, {right} succeeded")
    sys.stderr.write("\n")
    sys.stdout.write(json.dumps(summary(outcomes)) + "\n")
    return 0


def execution(command: Eval) -> Execution:
    """Return what is done of chunks.

    Raises:
        ConfigError: The flags do not fit.
    """
    if command.ensemble is None:
        return command.executed
    if command.executed != 1:
        raise ConfigError(
            "an ensemble does one action of each chunk: leave out --executed or --ensemble."
        )
    return EnsembleConfig(window=command.ensemble, alpha=command.ensemble_alpha)


@contextmanager
def environments(task: str, count: int) -> Iterator[Sequence[Environment]]:
    """Start simulators of a task: one in this process, several in processes of their own."""
    if count > 1:
        with apart(partial(simulator, task), count) as several:
            yield several
        return
    one = simulator(task)
    yield [Here(one)]
    one.close()


def simulator(task: str) -> Any:
    """Start the simulator of a task in this process.

    Raises:
        ConfigError: It is not here.
    """
    try:
        module = importlib.import_module("embodied_mem.backends.mikasa.simulator")
    except ImportError as error:
        raise ConfigError(
            f"the simulator of {task} is not installed here ({error}). It lives in an environment "
            "of its own: docs/policy.md says how to make one."
        ) from error
    return module.RememberTask(task)


def videos_in(folder: Path) -> Watch:
    """Return what writes a video of every episode to a folder, as long as there is room.

    Raises:
        ConfigError: What writes videos is not here, or the folder cannot be made.
    """
    try:
        rollout_video = importlib.import_module("planners.diffusion.rollout_video")
    except ImportError as error:
        raise ConfigError(
            f"videos cannot be written here ({error}). Run `pip install av opencv-python-headless "
            "pillow` in this environment, or leave out --videos."
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder}: {error.strerror}.") from error

    def write(trial: Trial, outcome: EpisodeOutcome) -> None:
        path = folder / rollout_video.file_name(outcome)
        try:
            rollout_video.write_rollout(path, trial)
        except BackendError as error:
            if getattr(error.__cause__, "errno", None) not in _FULL:
                raise
            sys.stderr.write(f"\nembodied-mem: no video {path.name}: the disk is full.\n")

    return write
