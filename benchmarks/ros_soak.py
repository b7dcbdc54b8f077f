"""Three processes on DDS for long: memory flat, nothing lost, each killed with `kill -9` in turn.

    python -m benchmarks.ros_soak --minutes 30 --out soak

A simulated robot, a memory node and a planner node pursue household goals one after another. For
the first half one of them is killed every `--every` seconds, in turn, and started again; a killed
memory node's store is held against what it had acknowledged. In the second half nothing is killed,
and what the processes hold is watched. All the while malformed and unstamped images are sent in
between; each must be counted in diagnostics, and nothing else be left out.
"""

import argparse
import json
import secrets
import time
from itertools import cycle
from pathlib import Path

from benchmarks.ros_processes import NodeProcess
from benchmarks.ros_soak_examiner import Examiner
from benchmarks.ros_soak_figures import Kill, Sample, judged, resident, stored_well
from embodied_mem.app.build import AgentConfig
from embodied_mem.app.suite import tasks_of
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from ros_nodes.memory_config import MemoryNodeConfig, TimingConfig, TopicsConfig
from ros_nodes.planner_core import PlannerNodeConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.sim_core import SimNodeConfig

_STARTED = 600.0
"""Longest time for a process to start [s]."""
_MARKS = 3
"""Signs of life that are waited for."""
_FAULT = 5.0
"""Time between two faults [s]."""


def main() -> None:
    """Run it, write `samples.jsonl` and `result.json`, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two kills")
    parser.add_argument("--rooms", type=int, default=1)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--goals", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sim = HouseholdSimConfig(
        house=HouseSource(seed=options.seed, rooms=options.rooms), width=200, height=200
    )
    goals = [str(goal) for goal in tasks_of(sim, options.goals, options.seed)]
    soak = Soak(sim, goals, options.out)
    try:
        soak.run(60 * options.minutes, options.every)
    finally:
        soak.end()
    with (options.out / "samples.jsonl").open("w") as file:
        file.writelines(json.dumps(sample) + "\n" for sample in soak.samples)
    result = judged(soak.samples, soak.kills, soak.examiner.injected, soak.examiner.dropped)
    (options.out / "result.json").write_text(json.dumps(result, indent=1))
    print(result["table"])


class Soak:
    """The three processes, and who watches them."""

    def __init__(self, sim: HouseholdSimConfig, goals: list[str], folder: Path):
        domain = 20 + secrets.randbelow(80)
        self._store = folder / "store"
        timing = TimingConfig(publish_period=0.0)
        topics = TopicsConfig(masks=MASKS)
        configs = {
            "join": MemoryNodeConfig(
                store=str(self._store), topics=topics, timing=timing, agent=AgentConfig(), view=True
            ),
            "sim": SimNodeConfig(sim=sim),
            "plan": PlannerNodeConfig(store=str(self._store)),
        }
        self._nodes = {
            command: NodeProcess(command, config, domain=domain, folder=folder)
            for command, config in configs.items()
        }
        self.examiner = Examiner(domain, topics.color, goals)
        self.samples: list[Sample] = []
        self.kills: list[Kill] = []
        self._begin = time.monotonic()

    def run(self, seconds: float, every: float) -> None:
        """Let them work, kill them in turn for the first half, watch them for the second."""
        for node in self._nodes.values():
            node.start()
        self._until_it_goes_on("join")
        self._begin = time.monotonic()
        victims = cycle(self._nodes)
        next_kill, next_fault, next_sample = every, _FAULT, 0.0
        while (now := time.monotonic() - self._begin) < seconds or not self._all_were_killed():
            self.examiner.work()
            if now >= next_sample:
                next_sample = now + 1
                self.samples.append(self._sample(now))
            if now >= next_fault:
                next_fault = now + _FAULT
                self.examiner.inject()
            if now >= next_kill and (now < seconds / 2 or not self._all_were_killed()):
                self._kill(next(victims), now)
                next_kill = time.monotonic() - self._begin + every
        self.examiner.settle()

    def end(self) -> None:
        """End all in order."""
        for node in self._nodes.values():
            node.end()
        self.examiner.close()

    def _all_were_killed(self) -> bool:
        return len(self.kills) >= len(self._nodes)

    def _kill(self, victim: str, now: float) -> None:
        self.examiner.settle()
        acknowledged = self.examiner.acknowledged
        self._nodes[victim].kill()
        sound, lost = True, 0
        if victim == "join":
            sound, lost = stored_well(self._store, acknowledged)
            self.examiner.forget_node()
        begin = time.monotonic()
        self._nodes[victim].start()
        self._until_it_goes_on(victim)
        back = time.monotonic() - begin
        self.kills.append(
            {
                "victim": victim,
                "second": round(now, 1),
                "acknowledged": acknowledged.frames,
                "lost": lost,
                "sound": sound,
                "back_after": round(back, 1),
            }
        )

    def _until_it_goes_on(self, started: str) -> None:
        """Wait until what was started does its part again."""
        marks = {"join": "frames", "sim": "frames", "plan": "decisions"}
        before, end = self.examiner.heard[marks[started]], time.monotonic() + _STARTED
        self.examiner.give_goal()
        while self.examiner.heard[marks[started]] < before + _MARKS:
            self.examiner.work()
            if time.monotonic() > end:
                printed = self._nodes[started].printed
                raise SystemExit(f"{started} did not come back: {printed[-2000:]}")

    def _sample(self, now: float) -> Sample:
        status = self.examiner.status
        return {
            "second": round(now, 1),
            **{f"{name}_mb": resident(node.pid) for name, node in self._nodes.items()},
            **{f"{name}_starts": node.starts for name, node in self._nodes.items()},
            "frames": 0 if status is None else int(status.frames),
            "objects": 0 if status is None else int(status.objects),
            "latency_ms": 0.0 if status is None else round(1000 * status.latency, 1),
            "store_mb": round(sum(p.stat().st_size for p in self._store.rglob("*")) / 1e6, 2),
        }


if __name__ == "__main__":
    main()
