"""Household tasks by three processes over DDS: a simulated robot, a memory node, a planner node.

    python -m benchmarks.ros_closed_loop --tasks 5 --out closed_loop.json

Each task has a generated house of its own; the goal is drawn from what is in it. The simulator
judges, asked over its service once the planner has ended.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from embodied_mem.app.build import AgentConfig
from embodied_mem.app.suite import tasks_of
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import dump_config
from embodied_mem.memory import Memory
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.planner_core import PlannerNodeConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.sim_core import SimNodeConfig
from ros_nodes.transport import EVENTS

_READY = 120.0
"""Longest time for the three to start [s]."""


@dataclass(frozen=True)
class Row:
    """How one task went."""

    seed: int
    goal: str
    success: bool
    skills: int
    seconds: float
    objects: int
    reason: str


def main() -> None:
    """Run the tasks and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for seed in range(options.seed, options.seed + options.tasks):
        rows.append(run_task(seed, options.rooms, options.timeout))
        print(rows[-1], flush=True)
    print(f"{sum(row.success for row in rows)} of {len(rows)} tasks reached")
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def run_task(seed: int, rooms: int, timeout: float) -> Row:
    """Start the three nodes, give the planner its goal, and ask the judge."""
    sim = HouseholdSimConfig(house=HouseSource(seed=seed, rooms=rooms))
    goal = str(tasks_of(sim, 1, seed)[0])
    domain = 20 + secrets.randbelow(80)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        store = str(home / "store")
        configs = {
            "sim": SimNodeConfig(sim=sim),
            "join": MemoryNodeConfig(
                store=store, topics=TopicsConfig(masks=MASKS), agent=AgentConfig(), view=True
            ),
            "plan": PlannerNodeConfig(store=store),
        }
        for command, config in configs.items():
            params = home / f"{command}.yaml"
            params.write_text(dump_config(config))
            words = ["ros", command, "--domain", str(domain), "--interface", "lo"]
            stack.enter_context(_running([*words, "--params", str(params)]))
        transport = DdsTransport("/examiner", domain=domain, interface="lo")
        row = _examine(transport, seed, goal, timeout)
        stack.close()
        with Memory.open(store, read_only=True) as memory:
            return Row(**{**asdict(row), "objects": len(memory)})


def _examine(transport: DdsTransport, seed: int, goal: str, timeout: float) -> Row:
    heard = []
    kind = "embodied_mem_msgs/msg/PlannerFeedback"
    transport.subscribe("/planner/feedback", kind, heard.append, EVENTS)
    achieve = "/planner/achieve", "embodied_mem_msgs/srv/Achieve"
    taken = transport.call(*achieve, {"goal": goal}, _READY)
    if not taken.success:
        raise SystemExit(f"the planner did not understand {goal}: {taken.message}")
    begin = time.monotonic()
    while not (heard and heard[-1].done) and time.monotonic() - begin < timeout:
        transport.spin_once(0.05)
    seconds = time.monotonic() - begin
    judge = "/sim/judge", "embodied_mem_msgs/srv/Judge"
    verdict = transport.call(*judge, {"goal": goal}, _READY)
    last = heard[-1] if heard else None
    ended = last is not None and last.done
    return Row(
        seed=seed,
        goal=goal,
        success=bool(verdict.success),
        skills=last.steps if last is not None else 0,
        seconds=round(seconds, 1),
        objects=0,
        reason=last.reason if ended and last is not None else f"no end within {timeout:g} s",
    )


def _running(words: list[str]) -> ExitStack:
    """Start a node; leaving the context ends it in order."""
    process = subprocess.Popen([sys.executable, "-m", "embodied_mem", *words])
    stack = ExitStack()
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return stack


if __name__ == "__main__":
    main()
