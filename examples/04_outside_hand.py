"""Something is moved while nobody looks; the memory notices.

python examples/04_outside_hand.py
"""

from embodied_mem import Action, Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house_source import HouseSource
from perception import OracleConfig, Pipeline

perceive, memory = Pipeline(OracleConfig()), Memory()
turn = Action(name="RotateRight", arguments={"degrees": 30})


def look_around(sim: HouseholdSim) -> None:
    """Turn once around and tell what changed."""
    for _ in range(12):
        report = memory.write(perceive(sim.step(turn).frame))
        for change in ("moved", "gone"):
            for name in getattr(report, change):
                print(f"  {report.stamp:5.1f} s  {name} {change}")


with HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=3, rooms=1))) as sim:
    sim.reset()
    look_around(sim)
    objects = sim.metadata["objects"]
    seen = {known.label for known in memory.known()}
    moved = False
    for thing in objects:
        places = [
            place["objectId"]
            for place in objects
            if can_hold(place["objectType"], thing["objectType"])
            and place["objectId"] not in (thing["parentReceptacles"] or ())
        ]
        if thing["pickupable"] and thing["objectType"] in seen and not moved:
            moved = any(sim.relocate(thing["objectId"], place) for place in places)
            if moved:
                print(f"an outside hand moves the {thing['objectType']}")
    look_around(sim)
