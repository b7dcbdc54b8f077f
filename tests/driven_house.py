"""A short drive through a house: bags of it, and the memory that a plain episode keeps of it."""

from pathlib import Path

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.types import Action
from perception import Pipeline
from ros_nodes.bag import BagWriter
from ros_nodes.record import BagRecorder

SCRIPT = ("RotateRight", "RotateRight", "MoveAhead", "LookDown", "RotateRight", "MoveAhead")
FRAMES = len(SCRIPT) + 1
HOUSE = HouseholdSimConfig(house=HouseSource(seed=5, rooms=1), width=128, height=96)


def drive(folder: Path) -> Memory:
    """Write the bags `mcap` and `sqlite3` into a folder and return the episode's memory."""
    memory, perceive = Memory(), Pipeline()
    with (
        HouseholdSim(HOUSE) as sim,
        BagWriter(folder / "mcap", "mcap") as one,
        BagWriter(folder / "sqlite3", "sqlite3") as other,
    ):
        recorders = [BagRecorder(one), BagRecorder(other)]
        step, last = sim.reset(), None
        for name in (*SCRIPT, "Done"):
            percept = perceive(step.frame)
            if last is not None:
                memory.record(
                    last, target=None, succeeded=step.action_success, stamp=step.frame.stamp
                )
            memory.write(percept)
            last = Action(name=name)
            for recorder in recorders:
                recorder.on_step(step, percept, Decision(action=last), memory)
            step = sim.step(last) if name != "Done" else step
    return memory


def assert_same(found: Memory, expected: Memory) -> None:
    """Hold two memories against each other: ids, states, supports; boxes within 1 mm."""
    there = {known.object_id: known for known in found.known()}
    assert found.frame == expected.frame == FRAMES
    assert sorted(there) == sorted(known.object_id for known in expected.known())
    for known in expected.known():
        np.testing.assert_allclose(there[known.object_id].box, known.box, atol=1e-3)
        assert there[known.object_id].attributes == known.attributes
        assert there[known.object_id].placement == known.placement
