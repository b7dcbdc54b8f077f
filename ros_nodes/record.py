"""`embodied-mem ros record`: an episode of the simulator as a robot's bag."""

from dataclasses import replace

import msgspec

from embodied_mem.app.build import AgentConfig, build_agent, senses
from embodied_mem.app.console import console
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import BackendError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime import run_episode
from embodied_mem.types import Percept
from planners.affordances import vocabulary
from planners.grammar import parse_task
from ros_nodes.bag import BagWriter
from ros_nodes.commands import Record
from ros_nodes.memory_config import FramesConfig, TopicsConfig
from ros_nodes.node_core import open_memory
from ros_nodes.robot_messages import (
    CLOCK_START,
    MASKS,
    frame_messages,
    skill_result,
    static_messages,
)
from ros_nodes.stamps import to_nanoseconds


class BagRecorder:
    """A subscriber that writes what a robot would have published."""

    def __init__(self, writer: BagWriter):
        self._writer = writer
        self._topics = msgspec.structs.replace(TopicsConfig(), masks=MASKS)
        self._frames = FramesConfig()
        self._last: Decision | None = None

    def on_start(self, goal: Goal, memory: Memory) -> None:  # noqa: ARG002
        """Begin with nothing done."""
        self._last = None

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Write how the last action ended, then what is seen."""
        frame = replace(step.frame, stamp=step.frame.stamp + CLOCK_START)
        stamp = frame.stamp
        when = to_nanoseconds(stamp)
        if self._last is None:
            self._writer.write(static_messages(self._frames, stamp), when)
        else:
            done = skill_result(
                self._topics,
                self._last.action,
                target=self._last.target,
                success=step.action_success,
                message=step.message,
                stamp=stamp,
            )
            self._writer.write(done, when)
        for message in frame_messages(frame, self._topics, self._frames):
            self._writer.write(message, when)
        self._last = decision

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Do nothing: whoever opened the bag closes it."""


def record(command: Record) -> int:
    """Run the episode and write the bag; 0 when its goal was reached."""
    goal = parse_task(command.goal, vocabulary())
    width, height = command.size
    sim_config = HouseholdSimConfig(
        house=HouseSource(seed=command.seed, rooms=command.rooms), width=width, height=height
    )
    agent_config = AgentConfig(perception=senses(command.perception, seed=command.seed))
    memory = open_memory(command.store or "", agent_config)
    try:
        with HouseholdSim(sim_config) as sim, BagWriter(command.bag, command.storage) as writer:
            outcome = run_episode(
                sim,
                build_agent(agent_config, memory),
                goal=goal,
                max_steps=command.max_steps,
                subscribers=[BagRecorder(writer)],
            )
    except OSError as error:
        raise BackendError(f"cannot record {command.bag}: {error}") from error
    finally:
        memory.close()
    end = "reached" if outcome.success else "not reached"
    console.print(f"{end} after {outcome.steps} steps: {outcome.reason}; bag: {command.bag}")
    return 0 if outcome.success else 1
