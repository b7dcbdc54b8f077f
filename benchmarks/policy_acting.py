"""What a policy's `act` takes beside its network: queues, conversions, the sampler's own sums.

    python benchmarks/policy_acting.py --batches 1 8 --executed 1 8

A line of JSON for each: microseconds of processor time (medians over calls, one core) of a call
that draws chunks and of one that takes the next action of the last one, and how much of each is
not spent in the encoder, the memory and the action head. Of the policy for RememberColor3 that
comes with the package, on made-up images.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import PolicyAtWork
from planners.diffusion.weights import SHIPPED, load_policy


class Clock:
    """Adds up the processor time of what it is put around [s]."""

    def __init__(self) -> None:
        self.spent = 0.0

    def around(self, part: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same part, timed."""

        def timed(*inputs: Any, **named: Any) -> Any:
            begun = time.process_time()
            result = part(*inputs, **named)
            self.spent += time.process_time() - begun
            return result

        return timed


def main() -> None:
    """Measure as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    flags.add_argument("--executed", type=int, nargs="+", default=[1, 8])
    flags.add_argument("--solver", choices=("ddim", "dpm"), default="ddim")
    flags.add_argument("--steps", type=int, default=10, help="of the solver")
    flags.add_argument("--calls", type=int, default=160)
    options = flags.parse_args()
    torch.set_num_threads(1)
    sampling = SamplingConfig(solver=options.solver, steps=options.steps)
    for batch in options.batches:
        for executed in options.executed:
            row = {"batch": batch, "executed": executed, "solver": options.solver}
            row |= measured(batch, executed, sampling, options.calls)
            print(json.dumps(row), flush=True)


def measured(batch: int, executed: int, sampling: SamplingConfig, calls: int) -> dict[str, float]:
    """Medians over calls [us], after two chunks that do not count."""
    clock, (card, network) = Clock(), load_policy(SHIPPED)
    for owner, name in (
        (network, "encode"), (network, "condition"), (network, "predict"), (network.memory, "step"),
    ):  # fmt: skip
        setattr(owner, name, clock.around(getattr(owner, name)))
    policy = PolicyAtWork((card, network), sampling=sampling, executed=executed)
    takes, random = card.interface, np.random.default_rng(0)
    shape = (batch, takes.height, takes.width, 3)
    times: dict[str, list[tuple[float, float]]] = {"drawing": [], "queued": []}
    for call in range(calls + 2 * executed):
        images = random.integers(0, 255, shape, np.uint8)
        proprio = random.normal(size=(batch, 16)).astype(np.float32)
        now = {"steps": np.full(batch, call, np.float32), "begins": np.full(batch, call == 0)}
        clock.spent, begun = 0.0, time.process_time()
        policy.act(images, proprio, takes.instructions[0], **now)
        whole = time.process_time() - begun
        if call >= 2 * executed:
            times["queued" if call % executed else "drawing"].append((whole, clock.spent))
    told: dict[str, float] = {}
    for kind, some in times.items():
        if some:
            told[f"{kind}_us"] = round(1e6 * median(whole for whole, _ in some))
            told[f"{kind}_outside_us"] = round(
                1e6 * median(whole - inside for whole, inside in some)
            )
    return told


if __name__ == "__main__":
    main()
