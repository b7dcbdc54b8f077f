"""What memory saves of exploration, task by task, and what it cannot save.

    python benchmarks/exploration.py [--houses 40] [--tasks 3] [--workers 2] --out FILE.jsonl

The episodes of `embodied-mem suite --generated N --tasks T --memory both --perception oracle`, and
beside each task what an earlier task of the same house had shown, by the simulator's truth: whether
as many objects of every type that the task names were in view before it began. Of what was never in
view no memory can tell where it is; how much of the exploration is spent on that is printed, and
the ratio of exploration, memory kept against memory cleared, over a stay of 1, 2, ... T tasks. A
file that exists is gone on with.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from embodied_mem.app.build import AgentConfig, agents_for_tasks
from embodied_mem.app.suite import tasks_of
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.tasks import is_a
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime.sequence import run_tasks
from embodied_mem.runtime.trace import LineWriter, read_lines
from embodied_mem.runtime.workers import run_jobs
from embodied_mem.types import Percept
from perception import OracleConfig

Condition = Literal["keep", "clear"]


class Job(msgspec.Struct, frozen=True):
    """One house under one condition."""

    seed: int
    condition: Condition
    tasks: int
    max_steps: int


class Row(msgspec.Struct, frozen=True):
    """One task."""

    seed: int
    condition: Condition
    number: int
    """Place among the house's tasks, from 0."""
    goal: str
    shown: bool
    """Whether all that the task names had been in view before it began."""
    success: bool
    steps: int
    exploring: int


class Witness:
    """Notes, by the truth, which objects have ever been in view."""

    def __init__(self, sim: HouseholdSim):
        self._sim = sim
        self.seen: set[str] = set()

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Nothing to do."""

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Note what perception was given."""
        self.seen.update(percept.source_ids or ())

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Nothing to do."""

    def has_shown(self, goal: Goal) -> bool:
        """Whether objects enough of each type in a goal have been in view."""
        entries = [e for e in self._sim.metadata["objects"] if e["objectId"] in self.seen]
        asked = Counter(term.label for term in goal.terms())
        return all(sum(is_a(e, label) for e in entries) >= n for label, n in asked.items())


def do_house(job: Job) -> tuple[Row, ...]:
    """Run the tasks of one house; called in a process of its own."""
    config = HouseholdSimConfig(house=HouseSource(seed=job.seed))
    goals = tasks_of(config, job.tasks, job.seed)
    agent = AgentConfig(perception=OracleConfig())
    memory, shown = Memory(agent.memory), [False]
    with HouseholdSim(config) as sim:
        witness = Witness(sim)
        outcomes = run_tasks(
            sim,
            agents_for_tasks(agent, memory, keep_memory=job.condition == "keep"),
            goals,
            max_steps=job.max_steps,
            subscribers=[witness],
            between=lambda number: shown.append(witness.has_shown(goals[number])),
        )
        return tuple(
            Row(
                job.seed,
                job.condition,
                number,
                str(outcome.goal),
                shown[number],
                outcome.success,
                outcome.steps,
                outcome.exploration_steps,
            )
            for number, outcome in enumerate(outcomes)
        )


def measure(jobs: dict[str, Job], path: Path, workers: int) -> list[Row]:
    """Do what is not done, a synced line for each task, and return all rows asked for."""
    decoder = msgspec.json.Decoder(Row)
    rows = read_lines(path, decoder) if path.exists() else []
    done = Counter(f"{row.seed}/{row.condition}" for row in rows)
    left = {key: job for key, job in jobs.items() if done[key] < job.tasks}
    rows = [row for row in rows if f"{row.seed}/{row.condition}" not in left]
    path.unlink(missing_ok=True)  # Written anew without houses that were cut off half-way.
    lines = LineWriter(path)
    for row in rows:
        lines.write(row)
    for answer in run_jobs(left, do_house, workers=workers):
        print(f"{answer.key}: {answer.error or 'done'}, {answer.seconds:.0f} s", file=sys.stderr)
        for row in answer.result or ():
            lines.write(row, sync=True)
            rows.append(row)
    lines.close()
    return [row for row in rows if f"{row.seed}/{row.condition}" in jobs]


def mean(rows: Sequence[Row], condition: Condition) -> float:
    """Return the mean exploration of a condition [steps]."""
    return float(np.mean([row.exploring for row in rows if row.condition == condition]))


def ratio(rows: Sequence[Row]) -> float:
    """Return the exploration of `keep` as a share of that of `clear`."""
    return mean(rows, "keep") / mean(rows, "clear")


def interval(rows: Sequence[Row], draws: int = 2000) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the ratio, over houses."""
    seeds = sorted({row.seed for row in rows})
    sums = np.array(
        [
            [sum(r.exploring for r in rows if r.seed == s and r.condition == c) for s in seeds]
            for c in ("keep", "clear")
        ],
        float,
    )  # (2, houses)
    picks = np.random.default_rng(0).integers(0, len(seeds), (draws, len(seeds)))
    kept, cleared = sums[:, picks].sum(-1)
    low, high = np.quantile(kept / cleared, [0.025, 0.975])
    return float(low), float(high)


def show(rows: Sequence[Row]) -> None:
    """Print the ratio by length of stay, and the later tasks by what had been shown before."""
    print(
        "\n| tasks in the house | keep | clear | ratio over the stay | 95 % | in that task alone |"
    )
    print("|---|---|---|---|---|---|")
    for number in sorted({row.number for row in rows}):
        stay = [row for row in rows if row.number <= number]
        alone = [row for row in rows if row.number == number]
        low, high = interval(stay)
        print(
            f"| {number + 1} | {mean(stay, 'keep'):.1f} | {mean(stay, 'clear'):.1f} | "
            f"{ratio(stay):.2f} | {low:.2f} to {high:.2f} | {ratio(alone):.2f} |"
        )
    print("\n| tasks after the first, what they name | n | keep | clear | ratio |")
    print("|---|---|---|---|---|")
    later = [row for row in rows if row.number > 0]
    shown = {(row.seed, row.number) for row in later if row.condition == "keep" and row.shown}
    for words, wanted in (("was in view before", True), ("was not", False)):
        part = [row for row in later if ((row.seed, row.number) in shown) == wanted]
        if part:
            print(
                f"| {words} | {len(part) // 2} | {mean(part, 'keep'):.1f} | "
                f"{mean(part, 'clear'):.1f} | {ratio(part):.2f} |"
            )
    for condition in ("keep", "clear"):
        some = [row for row in rows if row.condition == condition]
        print(f"{condition}: {sum(r.success for r in some)} of {len(some)} reached")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first house")
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--max-steps", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    job = partial(Job, tasks=options.tasks, max_steps=options.max_steps)
    jobs = {
        f"{seed}/{condition}": job(seed, condition)
        for seed in range(options.first, options.first + options.houses)
        for condition in ("keep", "clear")
    }
    show(measure(jobs, options.out, options.workers))


if __name__ == "__main__":
    main()
