"""Built-in scenes: AI2-THOR's floor plan names, each a generated house of its own.

These are not AI2-THOR's rooms, whose meshes belong to its Unity build: a name gives a house of our
generator with that room type, the same at every call.
"""

import re
from functools import lru_cache

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.simulation import Simulation

PROCEDURAL = "Procedural"
"""The scene into which CreateHouse builds; before that it is a small generated house."""

ROOM_SPECS = {0: "kitchen", 2: "living-room", 3: "bedroom", 4: "bathroom"}
"""Generator's room specification by the hundreds of a floor plan's number, as in iTHOR."""

_NAME = re.compile(r"FloorPlan(\d+)(_physics)?")


@lru_cache(maxsize=1)
def scene_names() -> tuple[str, ...]:
    """List the scenes that can be loaded."""
    plans = [100 * group + n for group in ROOM_SPECS for n in range(1, 31)]
    return (PROCEDURAL, *(f"FloorPlan{n}_physics" for n in plans))


def load_scene(sim: Simulation, name: str) -> None:
    """Load a built-in scene.

    Raises:
        ActionError: There is no such scene.
    """
    found = _NAME.fullmatch(name)
    number = int(found[1]) if found else 0
    known = found is not None and number // 100 in ROOM_SPECS and 1 <= number % 100 <= 30
    if name != PROCEDURAL and not known:
        raise ActionError(
            f"there is no scene {name}. Scenes: {PROCEDURAL}, FloorPlan1-30, 201-230, 301-330, "
            "401-430; or send CreateHouse."
        )
    sim.load(floor_plan(number), scene_name=name)


@lru_cache(maxsize=8)
def floor_plan(number: int) -> House:
    """Generate the house of a floor plan's number; of two rooms for number 0."""
    if number == 0:
        return generate_house(0, GeneratorConfig(rooms=2))
    return generate_house(number, GeneratorConfig(spec=ROOM_SPECS[number // 100]))
