"""Policies at MIKASA's RememberColor tasks, with the benchmark's seeds, next to chance.

    python benchmarks/policy_mikasa.py POLICY... --task RememberColor3-VLA-v0 --episodes 50

Needs the simulator's environment (docs/policy.md). Success counts if it is reached once; the first
touch tells memory from search; the decision is what the first action after the reveal leads to.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch

from embodied_mem.backends.mikasa.simulator import OFFICIAL_SEED, TASKS, RememberColor
from planners.diffusion.decisions import decided
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
    flags.add_argument("--guidance", type=float, default=1.5)
    options = flags.parse_args()
    torch.set_num_threads(1)
    simulator = RememberColor(options.task)
    for path in options.policies:
        sampling = SamplingConfig(guidance=options.guidance)
        policy = DiffusionPolicy(path, sampling=sampling, executed=options.executed)
        seeds = range(options.first, options.first + options.episodes)
        rows = [episode(simulator, policy, seed) for seed in seeds]
        scores: dict[str, object] = {"policy": path.name, "task": options.task}
        scores |= {"episodes": len(rows), "chance": 1 / rows[0]["options"]}
        for name in ("success", "first_touch", "decision"):
            right = sum(row[name] for row in rows)
            scores[name] = [round(x, 3) for x in (right / len(rows), *wilson(right, len(rows)))]
        print(json.dumps(scores), flush=True)
    simulator.close()


def episode(simulator: RememberColor, policy: DiffusionPolicy, seed: int) -> dict[str, int]:
    """Run one episode; say what came of it."""
    seen, begins = simulator.reset(seed), True
    touched, success, decision = None, False, -1
    for _ in range(simulator.horizon):
        action = policy.act(
            seen.image[None],
            seen.proprio[None],
            simulator.task.instruction,
            steps=np.array([seen.step], np.float32),
            begins=np.array([begins]),
        )[0]
        if seen.step == seen.reveal:
            decision = decided(action[None, :3], seen.tool, seen.options)
        seen, begins = simulator.step(action), False
        touched = seen.touched if touched is None else touched
        success = success or seen.success
    return {
        "success": int(success),
        "first_touch": int(touched == seen.cue),
        "decision": int(decision == seen.cue),
        "options": len(seen.options),
    }


def wilson(right: int, count: int) -> tuple[float, float]:
    """Interval that holds a share with 95 % confidence (Wilson, 1927)."""
    z = 1.96
    middle = (right + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(right * (count - right) / count + z * z / 4)
    return middle - half, middle + half


if __name__ == "__main__":
    main()
