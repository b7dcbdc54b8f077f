"""Household tasks by three processes over DDS: a simulated robot, a memory node, a planner node.

    python -m benchmarks.ros_closed_loop --houses 1 --tasks 5 --out closed_loop.json

In each generated house the three are started, and goals drawn from what is in it are given to the
planner one after another; memory lasts from one to the next. The simulator judges, asked over its
service once the planner has ended.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from embodied_mem.app.build import AgentConfig
from embodied_mem.app.suite import tasks_of
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import dump_config
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.messages import Message
from ros_nodes.planner_core import PlannerNodeConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.sim_core import SimNodeConfig
from ros_nodes.transport import EVENTS

_READY = 600.0
"""Longest time for the three to start [s]."""


@dataclass(frozen=True)
class Row:
    """How one task went."""

    seed: int
    goal: str
    success: bool
    skills: int
    seconds: float
    reason: str


def main() -> None:
    """Run the tasks and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for seed in range(options.seed, options.seed + options.houses):
        for row in run_house(seed, options.rooms, options.tasks, options.timeout):
            rows.append(row)
            print(row, flush=True)
    print(f"{sum(row.success for row in rows)} of {len(rows)} tasks reached")
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def run_house(seed: int, rooms: int, count: int, timeout: float) -> Iterator[Row]:
    """Start the three nodes and give the planner one goal after another."""
    sim = HouseholdSimConfig(house=HouseSource(seed=seed, rooms=rooms))
    goals = [str(goal) for goal in tasks_of(sim, count, seed)]
    domain = 20 + secrets.randbelow(80)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        store = str(home / "store")
        topics = TopicsConfig(masks=MASKS)
        configs = {
            "sim": SimNodeConfig(sim=sim),
            "join": MemoryNodeConfig(store=store, topics=topics, agent=AgentConfig(), view=True),
            "plan": PlannerNodeConfig(store=store),
        }
        for command, config in configs.items():
            params = home / f"{command}.yaml"
            params.write_text(dump_config(config))
            words = ["ros", command, "--domain", str(domain), "--interface", "lo"]
            stack.enter_context(_running([*words, "--params", str(params)]))
        transport = DdsTransport("/examiner", domain=domain, interface="lo")
        heard: list[Message] = []
        kind = "embodied_mem_msgs/msg/PlannerFeedback"
        transport.subscribe("/planner/feedback", kind, heard.append, EVENTS)
        for goal in goals:
            heard.clear()
            yield _examine(transport, heard, seed, goal, timeout)


def _examine(
    transport: DdsTransport, heard: list[Message], seed: int, goal: str, timeout: float
) -> Row:
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
