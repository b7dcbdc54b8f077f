"""Policies at MIKASA's RememberColor and RememberShape, with the benchmark's seeds, next to chance.

    python benchmarks/policy_mikasa.py POLICY... --task RememberColor3-VLA-v0 --episodes 50

Needs the simulator's environment (docs/policy.md). Success counts if it is reached once; the first
touch tells memory from search; the decision is what the first action after the reveal leads to.
"""

import argparse
import json
from pathlib import Path

import torch

from embodied_mem.backends.mikasa.simulator import OFFICIAL_SEED, TASKS, RememberTask
from planners.diffusion.evaluation import Here, evaluate, summary
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import DiffusionPolicy


def main() -> None:
    """Measure as the flags say; a line of JSON for each policy."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("policies", type=Path, nargs="+")
    flags.add_argument("--task", choices=TASKS, default=TASKS[0])
    flags.add_argument("--episodes", type=int, default=50)
    flags.add_argument("--first", type=int, default=OFFICIAL_SEED, help="seed of the first episode")
    flags.add_argument("--executed", type=int, default=1, help="actions of a chunk that are done")
    flags.add_argument("--out", type=Path, help="a line of JSON for each episode; resumable")
    flags.add_argument("--guidance", type=float, default=1.5)
    flags.add_argument("--forget", action="store_true", help="empty the memory before each step")
    options = flags.parse_args()
    torch.set_num_threads(1)
    simulator = RememberTask(options.task)
    for path in options.policies:
        sampling = SamplingConfig(guidance=options.guidance)
        policy = DiffusionPolicy(path, sampling=sampling, executed=options.executed)
        seeds = range(options.first, options.first + options.episodes)
        rows = list(
            evaluate(
                [Here(simulator)], policy, path.name, seeds, options.out, forgets=options.forget
            )
        )
        print(json.dumps(summary(rows)), flush=True)
    simulator.close()


if __name__ == "__main__":
    main()
