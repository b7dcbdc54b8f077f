"""Memories at the ballet: which of the dancers did the dance that is asked for?

    python benchmarks/policy_ballet.py --dancers 2 --delay 16 --steps 800 --out curves.jsonl

One encoder for all: what differs from the resting stage in the last 16 frames becomes a token, for
each frame or for each of some (`--stride`). Memories keep them: banks, an LSTM, or nothing but the
last 16 frames. The answer is read at the last frame, with the name of the dance; choices are the
places where someone stands, so chance is one over the dancers. Supervised, unlike the published
agents. Lines of JSON: accuracy on episodes that were not trained on, and seconds of processor time.
Memories that have a line of the last step are not trained again.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from embodied_mem.backends.ballet import BEATS, DANCER, DANCES, PLACES, SIDE, BalletConfig, watched
from embodied_mem.memory.bank_reading import ChunkedReading
from embodied_mem.memory.cognitive_bank import BankConfig, StreamBank

WIDTH = 64
BANKS = {
    "bank of 16, merging": BankConfig(),
    "bank of 16, oldest forgotten": BankConfig(consolidation="fifo"),
    "bank of 64, merging": BankConfig(capacity=64),
    "bank of 64, merging, by chunks": BankConfig(
        capacity=64, reading=ChunkedReading(entries=16, top=2)
    ),
    "bank of 64, by chunks of 8": BankConfig(capacity=64, reading=ChunkedReading(entries=8, top=2)),
}
MEMORIES = (*BANKS, "lstm", "none")
HELD_OUT = 1_000_000
"""Seed of the first episode that is not trained on."""


class Watcher(nn.Module):
    """Frames in, a score for each place out.

    Args:
        memory: One of `MEMORIES`.
        stride: Frames to a token.
    """

    def __init__(self, memory: str, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.stage = nn.Linear(SIDE * SIDE, WIDTH, bias=False)
        self.recent = nn.Conv1d(WIDTH, 2 * WIDTH, BEATS, stride=stride)
        self.narrow = nn.Linear(2 * WIDTH, WIDTH)
        self.asked = nn.Embedding(len(DANCES), WIDTH)
        self.bank = StreamBank(WIDTH, BANKS[memory]) if memory in BANKS else None
        self.lstm = nn.LSTM(WIDTH, 2 * WIDTH, batch_first=True) if memory == "lstm" else None
        self.out = nn.Sequential(
            nn.Linear((3 if memory == "lstm" else 1) * WIDTH, 4 * WIDTH), nn.SiLU(),
            nn.Linear(4 * WIDTH, len(PLACES)),
        )  # fmt: skip

    def forward(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Score places.

        Args:
            seen: Cells of each frame (b, t, side, side).
            asked: Dances.
        """
        tokens, times = self.encoded(seen)
        tokens = torch.cat([tokens[:, :-1], (tokens[:, -1] + self.asked(asked))[:, None]], 1)
        if self.bank is not None:
            last = torch.full((len(tokens), 1), tokens.shape[1] - 1)
            times = times.expand(len(tokens), -1)
            found = self.bank.sequence(tokens[:, :, None], times, last)[:, 0, 0]
        elif self.lstm is not None:
            found = torch.cat([self.lstm(tokens)[0][:, -1], tokens[:, -1]], -1)
        else:
            found = tokens[:, -1]
        standing = torch.stack([seen[:, -1, row, column] >= DANCER for row, column in PLACES], 1)
        return self.out(found).masked_fill(~standing, -1e4)

    def encoded(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Make tokens of frames (b, k, d), the last one's among them, with their times (k)."""
        stands = (seen >= DANCER).flatten(2)
        first = (seen.shape[1] - 1) % self.stride
        if self.bank is None and self.lstm is None:  # Others than the last are not looked at.
            first = seen.shape[1] - 1
        before = max(0, first - BEATS + 1)
        changed = (stands[:, before:] ^ stands[:, :1]).float()
        missing = BEATS - 1 - (first - before)
        moved = self.stage(changed * torch.where(stands[:, :1], -1.0, 1.0))  # (b, t, d)
        recent = self.recent(nn.functional.pad(moved.mT, (missing, 0))).relu()
        times = torch.arange(first, seen.shape[1], self.stride).float()
        return self.narrow(recent.mT), times


def main() -> None:
    """Train and measure as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--dancers", type=int, default=2)
    flags.add_argument("--delay", type=int, default=16)
    flags.add_argument("--steps", type=int, default=800)
    flags.add_argument("--episodes", type=int, default=4000)
    flags.add_argument("--batch", type=int, default=64)
    flags.add_argument("--stride", type=int, default=1, help="frames to a token")
    flags.add_argument("--every", type=int, default=100, help="steps between measurements")
    flags.add_argument("--memories", nargs="+", choices=MEMORIES, default=MEMORIES)
    flags.add_argument("--out", type=Path, required=True)
    options = flags.parse_args()
    torch.set_num_threads(1)
    memories = [memory for memory in options.memories if not done(memory, options)]
    config = BalletConfig(dancers=options.dancers, delay=options.delay)
    learnt, others = (
        [torch.from_numpy(part) for part in watched(config, seeds)]
        for seeds in (range(options.episodes), range(HELD_OUT, HELD_OUT + 500))
    )
    for memory in memories:
        for row in trained(memory, learnt, others, options):
            with options.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


def level(memory: str, options: argparse.Namespace) -> dict[str, object]:
    """What is the same in all lines of a memory's training."""
    names = ("dancers", "delay", "stride", "episodes", "batch")
    return {"memory": memory, **{name: getattr(options, name) for name in names}}


def done(memory: str, options: argparse.Namespace) -> bool:
    """Whether a memory was trained to the last step."""
    wanted = level(memory, options) | {"step": options.steps}
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    return any(wanted.items() <= json.loads(line).items() for line in lines)


def trained(memory: str, learnt: list[Tensor], others: list[Tensor], options: argparse.Namespace):
    """Train one memory, and yield what it can."""
    torch.manual_seed(0)
    watcher = Watcher(memory, options.stride)
    optimizer = torch.optim.AdamW(watcher.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=options.steps, pct_start=0.1
    )
    generator, begun = torch.Generator().manual_seed(0), time.process_time()
    for step in range(1, options.steps + 1):
        chosen = torch.randint(len(learnt[0]), (options.batch,), generator=generator)
        seen, asked, answers = (part[chosen] for part in learnt)
        loss = nn.functional.cross_entropy(watcher(seen, asked), answers)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(watcher.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % options.every == 0 or step == options.steps:
            seconds = round(time.process_time() - begun, 1)
            row = {"step": step, "seconds": seconds, "loss": round(loss.item(), 3)}
            yield level(memory, options) | row | {"right": accuracy(watcher, others)}


@torch.inference_mode()
def accuracy(watcher: Watcher, others: list[Tensor]) -> float:
    """Share of right answers."""
    right = [
        (watcher(seen, asked).argmax(1) == answers).numpy()
        for seen, asked, answers in zip(*(part.split(100) for part in others), strict=True)
    ]
    return round(float(np.concatenate(right).mean()), 3)


if __name__ == "__main__":
    main()
