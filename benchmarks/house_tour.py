"""A scripted visit to a generated house: a tour, an errand, an outside hand, a second tour.

Everything follows from the house's seed. What is seen does not depend on who remembers it, so all
associators are given the same frames.
"""

from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.placement import find_spot, put
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.thor_frames import world_box
from embodied_mem.runtime.change_scoring import Event
from embodied_mem.types import Action, Frame

SPACING = 1.75
"""Distance between the places from which the agent looks around [m]."""
EVERY = 3
"""Steps of the way between frames."""
HORIZON = 20.0
"""Tilt of the camera [deg]."""

MOVED, REMOVED, APPEARED = 4, 2, 2
"""How many things an outside hand moves, takes away and brings."""

Box = np.ndarray
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One frame of the visit."""

    frame: Frame
    phase: int
    """0 for the first tour and the errand, 1 for the second tour."""
    done: tuple[str, str] | None = None
    """The action that led to this frame, and the true id of what it touched."""


@dataclass(slots=True, kw_only=True)
class Changes:
    """What an outside hand did."""

    events: list[Event] = field(default_factory=list)
    old_boxes: dict[str, Box] = field(default_factory=dict)
    """Where the things that left were [m]."""
    same_as: dict[str, str] = field(default_factory=dict)
    """After the change: the simulator's id, and the id of the equal thing whose place it took."""
    kinds: dict[str, str] = field(default_factory=dict)
    """How each changed object changed: moved, with contents, content, removed, appeared."""


def shortest_way(cells: Container[Cell], start: Cell, ends: Set[Cell]) -> list[Cell] | None:
    """Return the shortest way over some cells to the nearest end; None where there is none."""
    previous: dict[Cell, Cell | None] = {start: None}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        if at in ends:
            way = [at]
            while (before := previous[way[-1]]) is not None:
                way.append(before)
            return way[::-1]
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            there = at[0] + step[0], at[1] + step[1]
            if there in cells and there not in previous:
                previous[there] = at
                queue.append(there)
    return None


class Visit:
    """A house and what happens in it.

    Args:
        seed: Of the house, and of all choices.
    """

    def __init__(self, seed: int) -> None:
        self.sim = HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=seed)))
        self.sim.reset()
        self.random = np.random.default_rng(seed)
        self.changes = Changes()
        self.hidden: list[str] = []
        self.carried: set[str] = set()
        """What the agent carried off itself."""
        self.seen: set[str] = set()
        """True ids of what the frames so far showed, large enough to be detected."""
        self._cells = self._reachable()
        self._fill_a_vessel()
        self._hide_some()

    @property
    def objects(self) -> Mapping[str, SimObject]:
        """The simulator's objects by id."""
        return self.sim.engine.world.objects

    def now(self, name: str) -> SimObject:
        """Return what scoring calls `name`: of two equal things exchanged, what is in its place."""
        return self.objects[self.changes.same_as.get(name, name)]

    def box(self, name: str) -> Box:
        """Return a thing's true box in the world frame [m]."""
        return world_box(np.array(self.now(name).box()))

    def room(self, name: str) -> str:
        """Return the true room that a thing's middle lies in; "" inside a wall or outside."""
        x, _, z = self.now(name).position
        shell = self.sim.engine.world.shell
        found = {r.id if (r := shell.room_at(x + dx, z + dz)) else "" for dx, dz in _AROUND}
        return found.pop() if len(found) == 1 else ""

    def glances(self) -> Iterator[Glance]:
        """Go through the whole visit."""
        yield from self._tour(0)
        yield from self._errand()
        self._outside_hand()
        yield from self._tour(1)

    # The tour.

    def _reachable(self) -> dict[tuple[int, int], tuple[float, float]]:
        found = self.sim.engine.step({"action": "GetReachablePositions"}).metadata["actionReturn"]
        x0, z0 = found[0]["x"], found[0]["z"]
        return {
            (round((p["x"] - x0) * 4), round((p["z"] - z0) * 4)): (p["x"], p["z"]) for p in found
        }

    def _tour(self, phase: int) -> Iterator[Glance]:
        """Visit places that cover the floor, nearest next, and look around at each."""
        left = self._stops(offset=phase)
        at = next(iter(self._cells))
        while left:
            way = self._way(at, left)
            for index in range(EVERY, len(way) - 1, EVERY):
                (a, b), (c, d) = way[index - 1], way[index]
                yield self._look(way[index], float(np.degrees(np.arctan2(c - a, d - b))), phase)
            at = way[-1]
            left.discard(at)
            first = 90.0 * int(self.random.integers(4))
            for turn in range(4):
                yield self._look(at, first + 90.0 * turn, phase)

    def _stops(self, offset: int) -> set[tuple[int, int]]:
        """Choose places such that each reachable one has one within the spacing."""
        cells = np.array(list(self._cells))
        order = np.lexsort((cells[:, 1], cells[:, 0]))
        open_cells = cells[order if offset == 0 else order[::-1]]
        # Places with free floor about them come first: they see more.
        free = np.array(
            [
                sum((x + i, z + j) in self._cells for i in (-2, 0, 2) for j in (-2, 0, 2))
                for x, z in open_cells.tolist()
            ]
        )
        chosen: list[np.ndarray] = []
        for cell in open_cells[np.argsort(-free, kind="stable")]:
            if all(np.hypot(*(cell - c)) >= SPACING * 4 for c in chosen):
                chosen.append(cell)
        return {(int(c[0]), int(c[1])) for c in chosen}

    def _way(self, start: Cell, ends: set[Cell]) -> list[Cell]:
        """Return the shortest way over reachable places to the nearest end."""
        way = shortest_way(self._cells, start, ends)
        return way or [min(ends)]  # Not connected: the agent is carried there.

    def _look(self, cell: tuple[int, int], yaw: float, phase: int) -> Glance:
        x, z = self._cells[cell]
        return self._act(_teleport(x, z, yaw % 360, HORIZON), phase)

    def _act(self, action: Action, phase: int, touched: str = "") -> Glance:
        step = self.sim.step(action)
        truth = step.frame.truth
        assert truth is not None
        counts = np.bincount(truth.ids.ravel())
        self.seen |= {
            instance.object_id
            for number, instance in truth.instances.items()
            if number < len(counts) and counts[number] >= 40
        }
        done = (action.name, touched) if touched and step.action_success else None
        return Glance(frame=step.frame, phase=phase, done=done)

    # The agent's errand: it takes one thing to another place.

    def _errand(self) -> Iterator[Glance]:
        for item in self._choose(self._movable()):
            for place in self._places_for(item)[:4]:
                take, give = self._pose(item.object_id), self._pose(place.object_id)
                if take is None or give is None:
                    continue
                yield self._act(take, 0)
                glance = self._act(_action("PickupObject", item), 0, item.object_id)
                yield glance
                if glance.done is None:
                    break
                self.carried |= {item.object_id, *item.children}
                for yaw in (0.0, 120.0, 240.0):
                    turn = {**give.arguments, "rotation": yaw, "horizon": HORIZON}
                    yield self._act(Action(name="Teleport", arguments=turn), 0)
                yield self._act(give, 0)
                glance = self._act(_action("PutObject", place), 0, place.object_id)
                if glance.done is None:
                    yield self._act(Action(name="DropHandObject"), 0, item.object_id)
                yield glance
                yield self._act(Action(name="Pass"), 0)
                return

    def _pose(self, object_id: str) -> Action | None:
        """Return the action that goes to where a thing can be reached."""
        asked = {"action": "GetInteractablePoses", "objectId": object_id, "maxPoses": 1,
                 "horizons": [0, 30], "standings": [True]}  # fmt: skip
        poses = self.sim.engine.step(asked).metadata["actionReturn"]
        if not poses:
            return None
        pose = poses[0]
        return _teleport(pose["x"], pose["z"], pose["rotation"], pose["horizon"])

    # The outside hand.

    def _fill_a_vessel(self) -> None:
        """Put something into a vessel that can be carried, for an outside hand to move both."""
        vessels = [
            o for o in self._in_the_open() if o.pickupable and o.body.surfaces and not o.children
        ]
        self.vessel: str | None = None
        for vessel in self._choose(vessels):
            for item in self._choose(self._in_the_open()):
                fits = can_hold(vessel.type_name, item.type_name) and item is not vessel
                fits = fits and not item.children and item.object_id != vessel.parent
                if fits and self.sim.relocate(item.object_id, vessel.object_id):
                    self.vessel = vessel.object_id
                    return

    def _hide_some(self) -> None:
        """Take away what an outside hand will bring."""
        for item in self._choose(self._in_the_open()):
            if item.children or self.vessel in (item.parent, item.object_id):
                continue
            self.sim.engine.world.remove(item)
            self.hidden.append(item.object_id)
            if len(self.hidden) >= APPEARED:
                return

    def _outside_hand(self) -> None:
        self._swap_equals()
        for number, item in enumerate(self._choose(self._movable())):
            if number >= REMOVED:
                break
            self._note("left", "removed", item)
            self.sim.engine.world.remove(item)
        if self.vessel is not None and self.vessel in self.seen:
            item = self.objects[self.vessel]
            if not (item.removed or item.held or self.vessel in self.carried):
                self._move(item, "with contents")
        moved = 0
        for item in self._choose(self._movable()):
            moved += moved < MOVED and self._move(item, "moved")
        for name in self.hidden:
            self._bring(self.objects[name])
        self.sim.engine.simulation.world.version += 1

    def _swap_equals(self) -> None:
        """Exchange two things that look the same, which nobody can notice."""
        items = self._choose(self._movable())
        for i, one in enumerate(items):
            for other in items[i + 1 :]:
                if not _look_equal(one, other) or one.parent == other.parent:
                    continue
                a, b = ((x.position, x.yaw, x.parent, x.surface) for x in (one, other))
                world = self.sim.engine.world
                for item, (position, yaw, parent, surface) in ((one, b), (other, a)):
                    world.move(item, position, yaw)
                    world.attach(item, None if parent is None else world.objects[parent], surface)
                self.changes.same_as |= {
                    one.object_id: other.object_id,
                    other.object_id: one.object_id,
                }
                return

    def _move(self, item: SimObject, kind: str) -> bool:
        boxes = {name: self.box(name) for name in (item.object_id, *item.children)}
        for place in self._places_for(item)[:6]:
            if self.sim.relocate(item.object_id, place.object_id):
                for name, box in boxes.items():
                    what = kind if name == item.object_id else "content"
                    self._note("left", what, self.objects[name], box)
                    self._note("arrived", what, self.objects[name])
                return True
        return False

    def _bring(self, item: SimObject) -> None:
        world = self.sim.engine.world
        item.removed = False
        for place in self._places_for(item):
            near = place.position
            spot = find_spot(world, item, place, near=near, inside_closed=False)
            if spot is not None:
                put(world, item, place, spot)
                self._note("arrived", "appeared", item)
                return
        item.removed = True

    def _note(self, event: str, kind: str, item: SimObject, box: Box | None = None) -> None:
        name = item.object_id
        self.changes.events.append(Event(kind=event, object_id=name))  # type: ignore[arg-type]
        self.changes.kinds[name] = kind
        if event == "left":
            self.changes.old_boxes[name] = self.box(name) if box is None else box

    def _movable(self) -> list[SimObject]:
        """List what was seen, can be moved, and has not been yet."""
        left_alone = {*self.changes.kinds, *self.changes.same_as, *self.carried}
        return [
            item
            for item in self._in_the_open()
            if item.object_id in self.seen
            and item.object_id not in left_alone
            and self.vessel not in (item.object_id, item.parent)
            and not item.children
        ]

    def _in_the_open(self) -> list[SimObject]:
        world = self.sim.engine.world
        return [
            item
            for _, item in sorted(self.objects.items())
            if item.pickupable and not item.held and not item.removed and not world.is_shut_in(item)
        ]

    def _places_for(self, item: SimObject) -> list[SimObject]:
        """List receptacles in the open that may hold a thing, in random order."""
        return self._choose(
            [
                place
                for _, place in sorted(self.objects.items())
                if place.has("receptacle")
                and place.body.surfaces
                and not place.has("openable")
                and not place.pickupable
                and place.object_id != item.parent
                and can_hold(place.type_name, item.type_name)
            ]
        )

    def _choose(self, items: Sequence[SimObject]) -> list[SimObject]:
        return [items[i] for i in self.random.permutation(len(items)).tolist()]


_AROUND = ((-0.08, 0.0), (0.08, 0.0), (0.0, -0.08), (0.0, 0.08), (0.0, 0.0))


def _look_equal(one: SimObject, other: SimObject) -> bool:
    return (one.type_name, one.size, one.dirty, one.body) == (
        other.type_name, other.size, other.dirty, other.body
    )  # fmt: skip


def _action(name: str, item: SimObject) -> Action:
    return Action(name=name, arguments={"objectId": item.object_id, "forceAction": True})


def _teleport(x: float, z: float, yaw: float, horizon: float) -> Action:
    pose = {"position": {"x": x, "y": 0.9, "z": z}, "rotation": yaw, "horizon": horizon}
    return Action(name="Teleport", arguments={**pose, "forceAction": True})  # type: ignore[dict-item]
