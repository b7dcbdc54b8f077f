"""Look around a room with the memory on disk, close it, open it again and ask.

python examples/02_ask_a_store.py
"""

import tempfile
from pathlib import Path

from embodied_mem import Action, Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from perception import OracleConfig, Pipeline

perceive = Pipeline(OracleConfig())
turn = Action(name="RotateRight", arguments={"degrees": 30})

with tempfile.TemporaryDirectory() as folder:
    store = Path(folder) / "kitchen.mem"
    with HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=3, rooms=1))) as sim:
        memory = Memory.open(store)
        step = sim.reset()
        for _ in range(12):  # Once around.
            memory.write(perceive(step.frame))  # On disk when it returns.
            step = sim.step(turn)
        memory.close()

    memory = Memory.open(store, read_only=True)
    labels = sorted({known.label for known in memory.known()})
    print("seen:", ", ".join(labels))
    thing = memory.known()[0]
    sighting = memory.where(thing.object_id)
    print(f"{thing.object_id} was last seen at {sighting.stamp:.1f} s, in frame {sighting.frame}")
    near = memory.near(thing.position, 1.0)
    print("within a metre of it:", ", ".join(known.object_id for known in near) or "nothing")
    memory.close()
