"""A house that lives on for days: an agent on patrol, an outside hand, and a state that is kept.

What the hand does at an event follows from the seed, the event's number and the state before it;
the state is saved with the event. So the world is the same whenever the process is killed.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from house_tour import Cell, shortest_way

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.placement import find_spot, put
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.thor_frames import world_box
from embodied_mem.interfaces import Step
from embodied_mem.types import Action

SPACING = 1.75
"""Distance between the places from which the agent looks around [m]."""
HORIZON = 20.0
"""Tilt of the camera [deg]."""
GRID = 0.25
"""Length of a step [m]."""
MOST_AWAY = 6
"""Things that the hand keeps to itself at most."""

_KEPT = ("position", "yaw", "parent", "surface", "children", "openness", "toggled", "dirty",
         "liquid", "broken", "temperature", "removed")  # fmt: skip


class LivingHouse:
    """A generated house whose state outlives the process.

    Args:
        seed: Of the house, and of all that happens in it.
        file: Where its state is kept; read if it exists.
        rooms: Rooms of the house.
        size: Width and height of the images [px].
    """

    def __init__(self, seed: int, file: Path, *, rooms: int, size: tuple[int, int]):
        source = HouseSource(seed=seed, rooms=rooms)
        config = HouseholdSimConfig(house=source, width=size[0], height=size[1])
        self.sim = HouseholdSim(config)
        self.sim.reset()
        self.seed, self._file = seed, file
        self.events = 0
        """Events of the hand so far."""
        self.away: list[str] = []
        """What the hand has taken away, the first taken first."""
        if file.exists():
            self._load(json.loads(file.read_text()))
        else:
            for item in self.objects.values():
                if item.type_name == "Doorway" and item.has("openable"):
                    self.sim.engine.world.set_openness(item, 1.0)
            self.save()

    @property
    def objects(self) -> dict[str, SimObject]:
        """The simulator's objects by id."""
        return self.sim.engine.world.objects

    def save(self) -> None:
        """Keep the state: all of it or what was kept before."""
        state = {
            "events": self.events,
            "away": self.away,
            "objects": {
                name: [getattr(item, field) for field in _KEPT]
                for name, item in self.objects.items()
            },
        }
        young = self._file.with_suffix(".tmp")
        young.write_text(json.dumps(state))
        young.replace(self._file)

    def _load(self, state: dict[str, Any]) -> None:
        self.events, self.away = state["events"], state["away"]
        for name, values in state["objects"].items():
            item = self.objects[name]
            for field, value in zip(_KEPT, values, strict=True):
                setattr(item, field, tuple(value) if field == "position" else value)
        for item in self.objects.values():
            self.sim.engine.world.touch(item)

    def disturb(self, event: int) -> None:
        """Let the outside hand do one thing, unless this event was before the state was kept."""
        if event < self.events:
            return
        random = np.random.default_rng([self.seed, event])
        kind = random.choice(["move", "take", "bring", "open"], p=[0.5, 0.15, 0.15, 0.2])
        if kind == "take" and len(self.away) >= MOST_AWAY:
            kind = "bring"
        if kind == "bring" and not self.away:
            kind = "move"
        items = _shuffled(random, self._loose())
        if kind == "move":
            any(self._moved(item, random) for item in items[:5])
        elif kind == "take" and items:
            self.away.append(items[0].object_id)
            self.sim.engine.world.remove(items[0])
        elif kind == "bring" and self._brought(self.objects[self.away[0]], random):
            self.away.pop(0)
        elif kind == "open":
            doors = [o for o in self.objects.values() if is_door(o)]
            for item in _shuffled(random, doors)[:1]:
                self.sim.engine.world.set_openness(item, 0.0 if item.is_open else 1.0)
        self.events = event + 1
        self.save()

    def _loose(self) -> list[SimObject]:
        world = self.sim.engine.world
        return [
            item
            for _, item in sorted(self.objects.items())
            if item.pickupable and not item.removed and not item.children
            and not world.is_shut_in(item)
        ]  # fmt: skip

    def _places_for(self, item: SimObject, random: np.random.Generator) -> list[SimObject]:
        places = [
            place
            for _, place in sorted(self.objects.items())
            if place.has("receptacle") and place.body.surfaces and not place.has("openable")
            and not place.pickupable and not place.removed and place.object_id != item.parent
            and can_hold(place.type_name, item.type_name)
        ]  # fmt: skip
        return _shuffled(random, places)[:6]

    def _moved(self, item: SimObject, random: np.random.Generator) -> bool:
        places = self._places_for(item, random)
        return any(self.sim.engine.relocate(item.object_id, p.object_id) for p in places)

    def _brought(self, item: SimObject, random: np.random.Generator) -> bool:
        world = self.sim.engine.world
        item.removed = False
        for place in self._places_for(item, random):
            spot = find_spot(world, item, place, near=place.position, inside_closed=False)
            if spot is not None:
                put(world, item, place, spot)
                return True
        item.removed = True
        return False

    def in_the_open(self) -> dict[str, tuple[str, np.ndarray]]:
        """Return the label and the box [m] of everything that can be seen from somewhere."""
        world = self.sim.engine.world
        return {
            name: (item.type_name, world_box(np.array(item.box())))
            for name, item in self.objects.items()
            if not item.removed and not world.is_shut_in(item)
        }


def is_door(item: SimObject) -> bool:
    """Whether it is a door or a drawer of some furniture; those of rooms stay open."""
    return item.has("openable") and item.type_name != "Doorway" and not item.pickupable


class Patrol:
    """An agent that walks from room to room by single steps and turns, and looks around.

    Args:
        house: Where it walks.
        pose: x, z [m] and yaw [deg] to begin at; the house's own start when None.
        random: Chooses the ways.
    """

    def __init__(
        self,
        house: LivingHouse,
        pose: Sequence[float] | None,
        random: np.random.Generator,
    ):
        self.house, self._random = house, random
        found = house.sim.engine.step({"action": "GetReachablePositions"}).metadata["actionReturn"]
        self._origin = found[0]["x"], found[0]["z"]
        self._cells = {self._cell(p["x"], p["z"]): (p["x"], p["z"]) for p in found}
        x, z, yaw = pose if pose is not None else (*self._cells[self._nearest_to_start()], 0.0)
        self.first: Step | None = self._go(x, z, yaw)
        self._stops: set[Cell] = set()
        self._turns = 0
        self._opened: str | None = None
        self.target = ""
        """True id of what the newest action touched; "" for none."""
        self.action = Action(name="Pass")
        """The newest action."""

    @property
    def pose(self) -> tuple[float, float, float]:
        """x, z [m] and yaw [deg] of the body."""
        agent = self.house.sim.engine.simulation.agent
        return agent.x, agent.z, agent.yaw % 360

    def step(self) -> Step:
        """Do the next thing, and return what is seen then."""
        self.target = ""
        step = self._interact()
        if step is None and self._turns:
            self._turns -= 1
            step = self._act("RotateRight")
        if step is None:
            step = self._walk()
        return step

    def _walk(self) -> Step:
        x, z, yaw = self.pose
        here = self._cell(x, z)
        self._stops.discard(here)
        if not self._stops:
            self._stops = self._choose_stops() - {here}
        way = shortest_way(self._cells, here, self._stops - {here})
        if way is None:
            stop = min(self._stops)
            self._stops.discard(stop)
            return self._go(*self._cells[stop], yaw)
        ahead = float(np.degrees(np.arctan2(way[1][0] - here[0], way[1][1] - here[1]))) % 360
        turn = (ahead - yaw + 180) % 360 - 180
        if abs(turn) > 45:
            return self._act("RotateRight" if turn > 0 else "RotateLeft")
        step = self._act("MoveAhead")
        if not step.action_success:  # Something was put in the way.
            return self._go(*self._cells[way[1]], yaw)
        if way[1] in self._stops:
            self._turns = 3
        return step

    def _interact(self) -> Step | None:
        """Look into furniture on the way, now and then, and shut it again."""
        if self._opened is not None:
            target, self._opened = self._opened, None
            return self._act("CloseObject", target)
        if not self._turns or self._random.random() > 0.1:
            return None
        near = [
            entry["objectId"]
            for entry in self.house.sim.metadata["objects"]
            if entry["visible"] and entry["openable"] and not entry["isOpen"]
            and is_door(self.house.objects[entry["objectId"]])
        ]  # fmt: skip
        if not near:
            return None
        target = self._opened = near[int(self._random.integers(len(near)))]
        return self._act("OpenObject", target)

    def _act(self, name: str, target: str = "") -> Step:
        self.target = target
        self.action = Action(name=name, arguments={"objectId": target} if target else {})
        step = self.house.sim.step(self.action)
        if target:
            self.house.save()
        return step

    def _go(self, x: float, z: float, yaw: float) -> Step:
        pose = {"position": {"x": x, "y": 0.9, "z": z}, "rotation": yaw, "horizon": HORIZON}
        arguments: Any = {**pose, "forceAction": True}
        self.action = Action(name="Teleport", arguments=arguments)
        return self.house.sim.step(self.action)

    def _cell(self, x: float, z: float) -> Cell:
        return round((x - self._origin[0]) / GRID), round((z - self._origin[1]) / GRID)

    def _nearest_to_start(self) -> Cell:
        agent = self.house.sim.engine.simulation.agent
        return min(self._cells, key=lambda c: math.dist(self._cells[c], (agent.x, agent.z)))

    def _choose_stops(self) -> set[Cell]:
        """Choose places in random order such that each cell has one within the spacing."""
        cells = np.array(sorted(self._cells))
        chosen: list[np.ndarray] = []
        for cell in cells[self._random.permutation(len(cells))]:
            if all(np.hypot(*(cell - other)) >= SPACING / GRID for other in chosen):
                chosen.append(cell)
        return {(int(a), int(b)) for a, b in chosen}


def _shuffled(random: np.random.Generator, items: Sequence[SimObject]) -> list[SimObject]:
    return [items[i] for i in random.permutation(len(items)).tolist()]
