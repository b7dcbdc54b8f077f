"""`embodied-mem eval policy`: a policy in MIKASA-Robo, where that is installed.

The simulator's environment has little else; so this imports no more than it needs.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from embodied_mem.app.policy_commands import Eval
from embodied_mem.errors import ConfigError
from planners.diffusion.ensemble import EnsembleConfig
from planners.diffusion.evaluation import evaluate, summary
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import DiffusionPolicy, Execution
from planners.diffusion.weights import shipped


def eval_policy(command: Eval) -> int:
    """Measure the policy; what came of each episode and the sum of all are lines of JSON.

    Raises:
        ConfigError: The simulator is not here.
    """
    path = shipped(command.task) if command.weights is None else Path(command.weights)
    log = None if command.out is None else Path(command.out)
    policy = DiffusionPolicy(
        path,
        sampling=SamplingConfig(guidance=command.guidance),
        executed=execution(command),
    )
    simulator = _simulator(command.task)
    seeds = range(command.first, command.first + command.episodes)
    outcomes = []
    for outcome in evaluate(simulator, policy, path.name, seeds, log, forgets=command.forget):
        outcomes.append(outcome)
        right = sum(each.success for each in outcomes)
        sys.stderr.write(f"\r{len(outcomes)} of {command.episodes} episodes, {right} succeeded")
    sys.stderr.write("\n")
    sys.stdout.write(json.dumps(summary(outcomes)) + "\n")
    simulator.close()
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


def _simulator(task: str) -> Any:
    try:
        module = importlib.import_module("embodied_mem.backends.mikasa.simulator")
    except ImportError as error:
        raise ConfigError(
            f"the simulator of {task} is not installed here ({error}). It lives in an environment "
            "of its own: docs/policy.md says how to make one."
        ) from error
    return module.RememberTask(task)
