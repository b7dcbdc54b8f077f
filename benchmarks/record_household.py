"""Record which objects an agent sees and uses while it does the chores of a household for days.

Run `python benchmarks/record_household.py --seeds 1 2 --days 8`; it writes
`benchmarks/data/household.npz`, from which `benchmarks/replacement.py` makes its household traces.

Each day the agent gets three tasks that can be done in the house as the day before left it. Its
memory lasts and has room for everything, so that what is recorded is what was asked of it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from embodied_mem.app.build import AgentConfig, build_agent
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.task_sampling import sample_tasks
from embodied_mem.errors import GoalError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime.sequence import run_tasks
from embodied_mem.types import PASS, Percept

DATA = Path(__file__).parent / "data" / "household.npz"
"""Where the recording lies."""


class UseRecorder:
    """A subscriber that notes, for each step, what is in view and what is about to be used."""

    def __init__(self):
        self.seen: list[int] = []
        """Objects in view, of all steps, one after another."""
        self.counts: list[int] = []
        """How many of them each step has."""
        self.used: list[int] = []
        """The object that each step's action touches; -1 for none."""
        self.stamps: list[float] = []
        """Time of each step [s]."""
        self.starts: list[int] = []
        """The first step of each task."""
        self._numbers: dict[str, int] = {}

    def on_start(self, goal: Goal, memory: Memory) -> None:  # noqa: ARG002
        """Note that a task begins."""
        self.starts.append(len(self.counts))

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Note one step."""
        view = [self._number(name) for name in memory.in_view()]
        self.seen += view
        self.counts.append(len(view))
        self.used.append(-1 if decision.target is None else self._number(decision.target))
        self.stamps.append(step.frame.stamp)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Nothing to note."""

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was noted as small arrays."""
        return {
            "seen": np.array(self.seen, np.uint16),
            "counts": np.array(self.counts, np.uint16),
            "used": np.array(self.used, np.int16),
            "stamps": np.array(self.stamps, np.float32),
            "starts": np.array(self.starts, np.int32),
        }


def record_house(seed: int, rooms: int, days: int, max_steps: int) -> UseRecorder:
    """Live in the generated house of a seed for some days of three tasks each."""
    recorder = UseRecorder()
    config = HouseholdSimConfig(house=HouseSource(seed=seed, rooms=rooms))
    agent = build_agent(AgentConfig(), Memory())
    with HouseholdSim(config) as sim:
        sim.reset()
        for day in range(days):
            try:
                goals = sample_tasks(sim.engine, 3, seed=1000 * seed + day)
            except GoalError as error:
                sys.stdout.write(f"house {seed} day {day}: {error}\n")
                continue
            outcomes = list(
                run_tasks(
                    _GoingOn(sim),
                    lambda _: agent,
                    goals,
                    max_steps=max_steps,
                    subscribers=[recorder],
                )
            )
            done = sum(outcome.success for outcome in outcomes)
            steps = sum(outcome.steps for outcome in outcomes)
            sys.stdout.write(
                f"house {seed} day {day}: {done} of {len(goals)} tasks in {steps} steps, "
                f"{len(agent.memory)} objects known\n"
            )
            sys.stdout.flush()
    return recorder


class _GoingOn:
    """A simulator that starts each day where the last one ended."""

    def __init__(self, sim: HouseholdSim):
        self._sim = sim
        self.step, self.judge, self.close = sim.step, sim.judge, sim.close

    def reset(self) -> Step:
        """Look at the world as it is."""
        return self._sim.step(PASS)


def main() -> None:
    """Record houses, adding to the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rooms", type=int, default=4)
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--max-steps", type=int, default=500)
    parser.add_argument("--out", type=Path, default=DATA)
    asked = parser.parse_args()
    arrays = dict(np.load(asked.out)) if asked.out.exists() else {}
    for seed in asked.seeds:
        recorder = record_house(seed, asked.rooms, asked.days, asked.max_steps)
        arrays |= {f"{seed}.{name}": array for name, array in recorder.arrays().items()}
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(asked.out, **arrays)


if __name__ == "__main__":
    main()
