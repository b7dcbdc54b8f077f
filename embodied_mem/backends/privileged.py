"""What only who knows the whole truth can do: lead through a house, and tell the shortest way.

The tour shows an agent its house before a task, the same to every agent. The expert's length is
the yardstick of budgets and of path-weighted success: the fewest moves over the true free floor
between the things that a goal needs, and a fixed number of actions at each.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.reachability import Lattice, explore, shortest_path
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.tasks import Metadata, has_state, is_a, is_in
from embodied_mem.goals import Atom, Goal, Term
from embodied_mem.types import Action

_SIGHT = 2.8
"""From here small things on furniture are recognised [m]."""

_REACH = 1.1
"""From here things are handled [m]."""

_AIM = 2
"""Actions of turning and tilting before each handling."""

_HEADINGS = {(0, 1): 0, (1, 0): 90, (0, -1): 180, (-1, 0): 270}
"""AI2-THOR's yaw [deg] by the direction of a step along x, z."""

_CARRIED = {"clean": ("Faucet", 3), "filled": ("Faucet", 3), "hot": ("Microwave", 4),
            "cooked": ("Microwave", 4), "cold": ("Fridge", 3)}  # fmt: skip
"""Where a state is brought about, and the actions that it takes there."""

_TAKE_BACK = {"clean": 1, "filled": 1, "hot": 3, "cooked": 3, "cold": 2}
"""Actions to get a thing back from there."""


def tour(engine: Engine) -> list[Action]:
    """Plan a walk through all rooms that brings all furniture into view.

    Args:
        engine: The house and where the agent stands; not changed.
    """
    world, agent = engine.world, engine.simulation.agent
    stops = _stops(engine)
    here, yaw = (agent.x, agent.z), round(agent.yaw) % 360
    actions = [Action(name="LookDown", arguments={"degrees": 30.0})]
    actions += _spin()
    while stops:
        stops.sort(key=lambda stop: float(np.hypot(stop[0] - here[0], stop[1] - here[1])))
        ways = [shortest_path(world.collision, here, stop) for stop in stops[:3]]
        found = [(len(way), k) for k, way in enumerate(ways) if way is not None]
        if not found:
            stops = stops[3:]
            continue
        _, chosen = min(found)
        way = ways[chosen] or []
        stops.pop(chosen)
        moves, yaw = _walk(way, yaw)
        actions += [*moves, *_spin()]
        here = way[-1]
    return actions


def _spin() -> list[Action]:
    return [Action(name="RotateRight", arguments={"degrees": 90.0})] * 4


def _walk(way: Sequence[tuple[float, float]], yaw: int) -> tuple[list[Action], int]:
    """Return the actions that follow a way on the grid, and the yaw at its end [deg]."""
    actions: list[Action] = []
    for before, after in pairwise(way):
        step = (round(np.sign(round(after[0] - before[0], 3))),
                round(np.sign(round(after[1] - before[1], 3))))  # fmt: skip
        turn = (_HEADINGS[step] - yaw) % 360
        if turn == 270:
            actions.append(Action(name="RotateLeft", arguments={"degrees": 90.0}))
        elif turn:
            actions.append(Action(name="RotateRight", arguments={"degrees": float(turn)}))
        actions.append(Action(name="MoveAhead"))
        yaw = _HEADINGS[step]
    return actions, yaw


def _stops(engine: Engine) -> list[tuple[float, float]]:
    """Choose few places from which every piece of furniture is near: a greedy cover."""
    world, agent = engine.world, engine.simulation.agent
    lattice = explore(world.collision, (agent.x, agent.z), engine.simulation.config.grid_size)
    places = lattice.points[lattice.order]
    rooms = _rooms(engine, places)
    targets = np.array(
        [
            (item.position[0], item.position[2])
            for item in world.objects.values()
            if item.has("receptacle") and not item.pickupable and not item.removed
        ]
    ).reshape(-1, 2)
    homes = _rooms(engine, targets)
    gaps = np.linalg.norm(places[:, None] - targets[None], axis=2)
    near: Bool[np.ndarray, "p t"] = (gaps <= _SIGHT) & (rooms[:, None] == homes[None])
    open_targets = near.any(axis=0)
    stops: list[tuple[float, float]] = []
    while open_targets.any():
        best = int((near & open_targets).sum(axis=1).argmax())
        stops.append((float(places[best, 0]), float(places[best, 1])))
        open_targets &= ~near[best]
    return stops


def _rooms(engine: Engine, points: Float[np.ndarray, "n 2"]) -> np.ndarray:
    """Return the number of the room around each point; -1 outside."""
    names = {room.id: k for k, room in enumerate(engine.world.shell.rooms)}
    found = (engine.world.shell.room_at(float(x), float(z)) for x, z in points)
    return np.array([-1 if room is None else names[room.id] for room in found], dtype=int)


class Expert:
    """Counts the steps of one who knows where everything is.

    Each leg goes to the nearest place within reach of a thing, in its room; turning and tilting
    there, opening and closing, taking and putting are counted one by one. It is a yardstick, not a
    proof of optimality: turns on the way are not counted, and objects are chosen greedily.
    """

    def __init__(self, engine: Engine, spared: Collection[str] = ()):
        """Look at the truth; nothing is changed.

        Args:
            engine: The house and where the agent stands.
            spared: Objects, by id, that are not chosen freely for a goal.
        """
        self._engine = engine
        self._spared = spared
        self._objects: dict[str, Metadata] = {
            entry["objectId"]: entry for entry in engine.look().metadata["objects"]
        }
        agent = engine.simulation.agent
        self._here = (agent.x, agent.z)
        self._lattice = self._explore()
        self._rooms = _rooms(engine, self._lattice.points)
        self._where: dict[str, str] = {}
        """Receptacles of what was carried off, by id."""
        self._done: set[tuple[str, tuple[str, ...]]] = set()

    def steps(self, goals: Sequence[Goal], fixed: Sequence[Mapping[Term, str]]) -> int:
        """Return the length for reaching goals one after another [steps].

        Args:
            goals: What is to be reached, in order.
            fixed: For each goal the objects that its terms must stand for.
        """
        return sum(self._reach(goal, dict(bound)) for goal, bound in zip(goals, fixed, strict=True))

    def _reach(self, goal: Goal, bound: dict[Term, str]) -> int:
        self._bind(goal, bound)
        length = 0
        for term in goal.terms():
            atoms = [atom for atom in goal.atoms if atom.terms[0] == term]
            if term in bound and atoms:
                length += self._serve(bound[term], atoms, bound)
        return length

    def _bind(self, goal: Goal, bound: dict[Term, str]) -> None:
        """Let each term stand for the nearest thing that will do and no other term has."""
        for term in goal.terms():
            if term in bound:
                continue
            places = [
                a.terms[1].label for a in goal.atoms if a.terms[0] == term and len(a.terms) > 1
            ]
            found = [
                name
                for name, entry in self._objects.items()
                if is_a(entry, term.label)
                and name not in bound.values()
                and name not in self._spared
            ]
            if found:
                bound[term] = min(found, key=lambda name: self._rank(name, places))

    def _rank(self, name: str, places: Sequence[str]) -> tuple[bool, float]:
        kind = str(self._objects[name]["objectType"])
        types = {str(entry["objectType"]) for entry in self._objects.values()
                 if any(is_a(entry, place) for place in places)}  # fmt: skip
        x, z = self._position(name)
        unfit = bool(types) and not any(can_hold(large, kind) for large in types)
        return unfit, float(np.hypot(x - self._here[0], z - self._here[1]))

    def _serve(self, name: str, atoms: Sequence[Atom], bound: Mapping[Term, str]) -> int:
        """Count what it takes to bring one thing into its states and its place."""
        states = [a.predicate for a in atoms if len(a.terms) == 1 and not self._holds(a, bound)]
        places = [
            bound[a.terms[1]]
            for a in atoms
            if len(a.terms) == 2 and a.terms[1] in bound and not self._holds(a, bound)
        ]
        length, in_hand = 0, False
        for state in states:
            if state in _CARRIED:
                machine, actions = _CARRIED[state]
                length += 0 if in_hand else self._take(name)
                length += self._go_to_type(machine) + actions
                in_hand = bool(places) or state != states[-1]
                length += _TAKE_BACK[state] if in_hand else 0
            elif state == "sliced":
                length += self._go_to_type("Knife") + 1 + self._go(name) + 1 + bool(places)
            elif state == "held":
                length += self._take(name)
            else:
                length += self._go(name) + 1
        for place in places:
            length += 0 if in_hand else self._take(name)
            shut = self._is_shut(place)
            length += self._go(place) + 1 + 2 * shut
            self._where[name], in_hand = place, False
        self._done |= {(a.predicate, tuple(bound.get(t, "") for t in a.terms)) for a in atoms}
        return length

    def _holds(self, atom: Atom, bound: Mapping[Term, str]) -> bool:
        names = tuple(bound.get(term, "") for term in atom.terms)
        if (atom.predicate, names) in self._done:
            return True
        entry = self._objects[names[0]]
        if len(names) == 2:
            return names[0] not in self._where and is_in(entry, names[1], self._objects)
        return has_state(entry, atom.predicate)

    def _take(self, name: str) -> int:
        if self._objects[name]["isPickedUp"]:
            return 0
        parents = self._objects[name].get("parentReceptacles") or ()
        inside = [self._where[name]] if name in self._where else list(parents)
        return self._go(name) + 1 + 2 * any(self._is_shut(parent) for parent in inside)

    def _is_shut(self, name: str) -> bool:
        entry = self._objects.get(name)
        return entry is not None and bool(entry["openable"]) and not entry["isOpen"]

    def _go_to_type(self, kind: str) -> int:
        found = [name for name, e in self._objects.items() if e["objectType"] == kind]
        if not found:
            return 0
        nearest = min(found, key=lambda name: self._rank(name, ()))
        return self._go(nearest)

    def _go(self, name: str) -> int:
        """Count the moves to a thing, and stand there from now on."""
        target = np.array(self._position(name))
        item = self._item(self._where.get(name, name))
        radius = _REACH if item is None else _REACH + min(item.size[0], item.size[2]) / 2
        points = self._lattice.points[self._lattice.order]
        gaps = np.linalg.norm(points - target, axis=1)
        same = self._rooms[self._lattice.order] == _rooms(self._engine, target[None])[0]
        usable = np.flatnonzero((gaps <= radius) & same)
        nearest = int(usable[0]) if len(usable) else int(gaps.argmin())  # In order of distance.
        length = self._depth(int(self._lattice.order[nearest]))
        self._here = (float(points[nearest, 0]), float(points[nearest, 1]))
        self._lattice = self._explore()
        self._rooms = _rooms(self._engine, self._lattice.points)
        return length + _AIM

    def _depth(self, node: int) -> int:
        return sum(1 for _ in self._back(node))

    def _back(self, node: int) -> Iterator[int]:
        while node != self._lattice.start:
            yield node
            node = int(self._lattice.previous[node])

    def _explore(self) -> Lattice:
        return explore(self._engine.world.collision, self._here)

    def _position(self, name: str) -> tuple[float, float]:
        entry = self._objects[self._where.get(name, name)]
        box = entry["axisAlignedBoundingBox"]["center"]
        return float(box["x"]), float(box["z"])

    def _item(self, name: str) -> SimObject | None:
        return self._engine.world.objects.get(name)
