"""From tokens to a chunk of actions: what the bank adds to the action head, on one CPU core.

    python benchmarks/policy_latency.py --sizes S B --tokens 80 --width 32

A line of JSON for each size, solver and number of entries (0: no bank): milliseconds of processor
time (median) of the head with guidance, of a full bank's reading and writing, and the share that it
adds. They take turns, as at work: so each finds the caches as the other left them, and what else
keeps the machine busy slows all of them. With `--compile` the compiled head takes turns with them
as well, and a line says how much of the head's time it needs.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from embodied_mem.memory.cognitive_bank import BankConfig, CognitiveBank
from embodied_mem.runtime.compilation import compiled
from planners.diffusion.denoiser import Denoiser, DenoiserConfig, published
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.sampling import sample

SOLVERS = (SamplingConfig(solver="ddim", steps=10), SamplingConfig(solver="dpm", steps=5))
COGNITIVE = 256
"""Width of the cognitive token."""
ACTIONS = 7


def main() -> None:
    """Measure as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument(
        "--sizes", nargs="+", choices=("own", "S", "B"), default=["S", "B"],
        help="published ones, or that of the policies that come with the package",
    )  # fmt: skip
    flags.add_argument("--tokens", type=int, default=80, help="perceptual tokens of a frame")
    flags.add_argument("--width", type=int, default=32, help="of a perceptual token")
    flags.add_argument("--entries", type=int, nargs="+", default=[0, 16, 256])
    flags.add_argument("--rounds", type=int, default=7)
    flags.add_argument("--compile", action="store_true", help="measure the compiled head as well")
    options = flags.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    banks = [
        remembering(entries, options.tokens, options.width) if entries else lambda: None
        for entries in options.entries
    ]
    for size in options.sizes:
        for solver in SOLVERS:
            shapes = (size, solver, options.tokens, options.width)
            heads = [drawing(*shapes)]
            if options.compile:
                heads.append(drawing(*shapes, fast=True))
            first, *others = measured([*heads, *banks], options.rounds)
            compiled_ms = others.pop(0) if options.compile else None
            for entries, bank in zip(options.entries, others, strict=True):
                row = {"size": size, "solver": solver.solver, "steps": solver.steps}
                row |= {"tokens": options.tokens, "width": options.width, "entries": entries}
                row |= {"head_ms": round(first, 2), "bank_ms": round(bank, 2)}
                if compiled_ms is not None:
                    row |= {"compiled_ms": round(compiled_ms, 2)}
                    row |= {"compiled_share": round(compiled_ms / first, 3)}
                print(json.dumps(row | {"added": round(bank / first, 4)}), flush=True)


@torch.inference_mode()
def measured(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """Medians of processor time [ms] of works in turns, after one turn that does not count."""
    times = [[clocked(work) for work in works] for _ in range(rounds + 1)]
    return [1000 * median(each) for each in zip(*times[1:], strict=True)]


def clocked(work: Callable[[], object]) -> float:
    """Processor time that a work takes [s]."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


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
def drawing(
    size: str, config: SamplingConfig, tokens: int, width: int, *, fast: bool = False
) -> Callable[[], object]:
    """Drawing of one chunk, with guidance; `fast`: by a compiled head."""
    shape = DenoiserConfig() if size == "own" else published("S" if size == "S" else "B")
    head = Denoiser(actions=ACTIONS, cognitive=COGNITIVE, perceptual=width, config=shape).eval()
    seen, meant = torch.randn(1, tokens, width), torch.randn(2, COGNITIVE)
    dropped = torch.tensor([False, True])

    def predict(noisy: Tensor, times: Tensor) -> Tensor:
        both = head(noisy.repeat(2, 1, 1), times.repeat(2), meant, seen, dropped=dropped)
        with_it, without = both.chunk(2)
        return without + config.guidance * (with_it - without)

    noise = torch.randn(1, shape.chunk, ACTIONS)
    asked = compiled(predict, torch.device("cpu")) if fast else predict
    return lambda: sample(asked, noise, config)


if __name__ == "__main__":
    main()
