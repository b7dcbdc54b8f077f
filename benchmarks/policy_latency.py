"""From tokens to a chunk of actions: what the bank adds to the action head, on one CPU core.

    python benchmarks/policy_latency.py --sizes S B --tokens 80 --width 32

A line of JSON for each size, solver and number of entries: milliseconds of processor time (median)
of the head with guidance, of a full bank's reading and writing, and the share that it adds.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from embodied_mem.memory.cognitive_bank import BankConfig, CognitiveBank
from planners.diffusion.denoiser import Denoiser, published
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.sampling import sample

SOLVERS = (SamplingConfig(solver="ddim", steps=10), SamplingConfig(solver="dpm", steps=5))
COGNITIVE = 256
"""Width of the cognitive token."""
ACTIONS = 7


def main() -> None:
    """Measure as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--sizes", nargs="+", choices=("S", "B"), default=["S", "B"])
    flags.add_argument("--tokens", type=int, default=80, help="perceptual tokens of a frame")
    flags.add_argument("--width", type=int, default=32, help="of a perceptual token")
    flags.add_argument("--entries", type=int, nargs="+", default=[16, 256])
    flags.add_argument("--rounds", type=int, default=7)
    options = flags.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    banks = {
        entries: measured(remembering(entries, options.tokens, options.width), options.rounds)
        for entries in options.entries
    }
    for size in options.sizes:
        for solver in SOLVERS:
            head = measured(
                drawing(size, solver, options.tokens, options.width), min(options.rounds, 5)
            )
            for entries, bank in banks.items():
                row = {"size": size, "solver": solver.solver, "steps": solver.steps}
                row |= {"tokens": options.tokens, "width": options.width, "entries": entries}
                row |= {"head_ms": round(head, 1), "bank_ms": round(bank, 2)}
                print(json.dumps(row | {"added": round(bank / head, 4)}), flush=True)


@torch.inference_mode()
def measured(work: Callable[[], object], rounds: int) -> float:
    """Median of processor time [ms], after one round that does not count."""
    work()
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1000 * median(times)


@torch.inference_mode()
def remembering(entries: int, tokens: int, width: int) -> Callable[[], object]:
    """Reading and writing of a bank that is full, frame after frame, as a policy does it."""
    bank = CognitiveBank(
        perceptual=width, cognitive=COGNITIVE, config=BankConfig(capacity=entries)
    ).eval()
    frames = [(torch.randn(1, tokens, width), torch.randn(1, 1, COGNITIVE)) for _ in range(16)]
    state, step = bank.initial(*frames[0]), 0

    def work() -> None:
        nonlocal state, step
        *_, state = bank.step(
            state, *frames[step % len(frames)],
            times=torch.tensor([float(step)]), begins=torch.tensor([step == 0]), overwrites=True,
        )  # fmt: skip
        step += 1

    for _ in range(entries + 1):
        work()
    return work


@torch.inference_mode()
def drawing(size: str, config: SamplingConfig, tokens: int, width: int) -> Callable[[], object]:
    """Drawing of one chunk, with guidance."""
    shape = published("S" if size == "S" else "B")
    head = Denoiser(actions=ACTIONS, cognitive=COGNITIVE, perceptual=width, config=shape).eval()
    seen, meant = torch.randn(1, tokens, width), torch.randn(2, COGNITIVE)
    dropped = torch.tensor([False, True])

    def predict(noisy: Tensor, times: Tensor) -> Tensor:
        both = head(noisy.repeat(2, 1, 1), times.repeat(2), meant, seen, dropped=dropped)
        with_it, without = both.chunk(2)
        return without + config.guidance * (with_it - without)

    noise = torch.randn(1, shape.chunk, ACTIONS)
    return lambda: sample(predict, noise, config)


if __name__ == "__main__":
    main()
