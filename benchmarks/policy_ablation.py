"""What each part of the bank is worth to a policy: the same short training, one part changed.

    python benchmarks/policy_ablation.py --data data/both --out runs/ablation --steps 500

Each variant is a run of its own in a folder of `--out`, and goes on where it was interrupted; those
with a line in `results.jsonl` are not trained again. At the end there is a table: right first
decisions of episodes that were not learnt from, with 95 % intervals. At most ten frames come before
a decision, and training draws six of an episode: banks of ten entries and more are the same here.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from embodied_mem.memory.cognitive_bank import BankConfig
from planners.diffusion.batches import DemonstrationSet, SamplerConfig
from planners.diffusion.decisions import decision_accuracy
from planners.diffusion.evaluation import wilson
from planners.diffusion.network import PolicyConfig
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.recordings import Recorded, parted, read_folder
from planners.diffusion.remembering import ForgetfulConfig, MemoryConfig
from planners.diffusion.training import WEIGHTS, PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.weights import load_policy


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A memory, and how many frames of an episode it is trained on at once."""

    memory: MemoryConfig
    group: int = SamplerConfig().group


WHOLE = 100
"""More frames than an episode has: all of them."""

VARIANTS = {
    "bank of 16": Variant(memory=BankConfig()),
    "detached": Variant(memory=BankConfig(memory_grad="detach")),
    "bank of 4, merging": Variant(memory=BankConfig(capacity=4)),
    "bank of 4, oldest forgotten": Variant(memory=BankConfig(capacity=4, consolidation="fifo")),
    "bank of 4, merging, trained on whole episodes": Variant(
        memory=BankConfig(capacity=4), group=WHOLE
    ),
    "no times": Variant(memory=BankConfig(time_encoding=False)),
    "added, no gate": Variant(memory=BankConfig(fusion="add")),
    "bank of 2, merging": Variant(memory=BankConfig(capacity=2)),
    "no memory": Variant(memory=ForgetfulConfig()),
}


def main() -> None:
    """Train and measure as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--data", type=Path, required=True, help="folder of demonstrations")
    flags.add_argument("--out", type=Path, required=True, help="folder of the runs")
    flags.add_argument("--steps", type=int, default=500)
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--validation", type=int, default=50, help="last episodes, not learnt from")
    flags.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = flags.parse_args()
    torch.set_num_threads(1)
    learnt, held_out = parted(read_folder(options.data), options.validation)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = options.out / "results.jsonl"
    for name in options.only:
        if name in told(rows):
            continue
        config = training(VARIANTS[name], options.steps, options.seed)
        folder = options.out / name.replace(", ", "_").replace(" ", "_")
        row = {"variant": name, "steps": options.steps, "seed": options.seed}
        row |= measured(folder, learnt, held_out, config)
        with rows.open("a") as file:
            file.write(json.dumps(row) + "\n")
    sys.stdout.write(table(told(rows)))


def training(variant: Variant, steps: int, seed: int) -> PolicyTrainingConfig:
    """How a variant is trained: as all of them, but for what it varies."""
    return PolicyTrainingConfig(
        steps=steps,
        seed=seed,
        policy=PolicyConfig(memory=variant.memory),
        sampler=SamplerConfig(group=variant.group),
    )


def measured(
    folder: Path, learnt: Recorded, held_out: Recorded, config: PolicyTrainingConfig
) -> dict[str, int]:
    """Train in a folder, and count right decisions."""
    run = PolicyRunConfig(validate_every=0, checkpoint_every=20)
    for step, loss in train(folder, learnt, [], config, run):
        sys.stdout.write(f"{folder.name}: step {step}, loss {loss:.4f}\n")
        sys.stdout.flush()
    card, network = load_policy(folder / WEIGHTS)
    known = card.interface.instructions
    episodes = DemonstrationSet(
        [episode for _, episode in held_out],
        [known.index(instruction) for instruction, _ in held_out],
        config.policy.head.chunk,
        torch.device("cpu"),
    )
    which = range(len(held_out))
    share = decision_accuracy(network, episodes, which, SamplingConfig(), seed=0)
    return {"right": round(share * len(held_out)), "episodes": len(held_out)}


def told(rows: Path) -> dict[str, dict[str, int]]:
    """The lines of those that were measured, by variant."""
    lines = rows.read_text().splitlines() if rows.exists() else []
    return {row.pop("variant"): row for row in map(msgspec.json.decode, lines)}


def table(rows: dict[str, dict[str, int]]) -> str:
    """Lines of a table in Markdown."""
    lines = ["| variant | steps | decisions |", "|---|---|---|"]
    for name, row in rows.items():
        right, count = row["right"], row["episodes"]
        low, high = wilson(right, count)
        lines.append(f"| {name} | {row['steps']} | {right / count:.2f} ({low:.2f} to {high:.2f}) |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
