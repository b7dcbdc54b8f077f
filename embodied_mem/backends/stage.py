"""The world of one task: the simulator, what was done in it, and what the judge remembers.

The stage keeps the script of all that happened, so that another stage can be brought to the same
point in a moment; and it notes which objects the agent truly handled, for goals that speak of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig, Relocation
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.generator import generate_house
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.privileged import Expert
from embodied_mem.backends.task_files import HandMove, SuiteTask, TaskStep
from embodied_mem.backends.tasks import is_a, judge_goal
from embodied_mem.goals import Goal, Progress, Term, fold
from embodied_mem.interfaces import Step
from embodied_mem.types import Action


@dataclass(frozen=True, slots=True)
class Handling:
    """One thing that the agent truly picked up or put down."""

    object_id: str
    label: str
    taken: bool
    place: str | None
    """What it was taken from, or put on or in."""


class Stage:
    """A backend for one task."""

    def __init__(self, task: SuiteTask, config: HouseholdSimConfig, house: House | None = None):
        """Build the task's house.

        Args:
            task: What is to be done.
            config: Camera and steps.
            house: The house, where it was built before.

        Raises:
            HouseError: The house cannot be built.
        """
        self.task = task
        self.config = config
        self.house = house or generate_house(task.house.seed, task.house.generator())
        self.sim = HouseholdSim(config, house=self.house)
        self.script: list[Action | Relocation] = []
        self.slots: dict[str, str] = {}
        """True objects by the judge's names for them."""
        self._handled: list[Handling] = []

    def reset(self) -> Step:
        """Start anew."""
        self.script.clear()
        self.slots.clear()
        self._handled.clear()
        return self.sim.reset()

    def step(self, action: Action) -> Step:
        """Carry out one action, and note what the agent handled."""
        before = self.sim.metadata["objects"]
        held = self.sim.engine.simulation.held
        after = self.sim.step(action)
        self.script.append(action)
        now = self.sim.engine.simulation.held
        if now is not None and now is not held:
            parents = next(e["parentReceptacles"] for e in before if e["objectId"] == now.object_id)
            self._note(now.object_id, now.type_name, parents, taken=True)
        elif held is not None and now is None:
            self._note(held.object_id, held.type_name, [held.parent], taken=False)
        return after

    def close(self) -> None:
        """Release the simulator. May be called twice."""
        self.sim.close()

    def twin(self) -> "Stage":
        """Return another stage at the same point of the same story."""
        other = Stage(self.task, self.config, self.house)
        other.sim.fast_forward(self.script)
        other.script = list(self.script)
        other.slots = dict(self.slots)
        return other

    def goals(self, steps: Sequence[TaskStep]) -> tuple[Goal, ...]:
        """Return the goals that the judge holds against the truth."""
        return tuple(step.parsed() for step in steps)

    def fixed(self, step: TaskStep) -> dict[Term, str]:
        """Return the true objects that terms of a step's goal stand for."""
        return self._named(step, step.fixed)

    def excluded(self, step: TaskStep) -> dict[Term, str]:
        """Return the true objects that terms of a step's goal do not stand for."""
        return self._named(step, step.excluded)

    def _named(self, step: TaskStep, slots: Mapping[str, str]) -> dict[Term, str]:
        return {
            term: self.slots[slots[term.label]]
            for term in step.parsed().terms()
            if term.label in slots and slots[term.label] in self.slots
        }

    def judge(self, step: TaskStep) -> Progress:
        """Score a step's goal on the present state of the world."""
        objects = self.sim.metadata["objects"]
        return judge_goal(step.parsed(), objects, self.fixed(step), self.excluded(step))

    def expert_steps(self, steps: Sequence[TaskStep]) -> int:
        """Return the length of a privileged expert's way through some steps from here."""
        goals = [step.parsed() for step in steps]
        expert = Expert(self.sim.engine, set(self.slots.values()) - self._meant(steps))
        return expert.steps(goals, [self.fixed(step) for step in steps])

    def _meant(self, steps: Sequence[TaskStep]) -> set[str]:
        return {name for step in steps for name in self.fixed(step).values()}

    def conclude(self, step: TaskStep) -> bool:
        """Fill the slots of a step that is over, and let the outside hand act.

        Returns:
            Whether all of it came about.
        """
        for slot, what in step.remember.items():
            side, _, label = what.rpartition(" ")
            found = [
                h
                for h in self._handled
                if h.label == label and (not side or h.taken == (side == "from"))
            ]
            name = None if not found else found[-1].place if side else found[-1].object_id
            if side == "from" and found:
                name = found[0].place
            if name is None:
                return False
            self.slots[slot] = name
        self._handled.clear()
        moved = [self._move(move) for move in step.then]
        return all(moved)

    def _note(self, name: str, kind: str, parents: Sequence[str | None], *, taken: bool) -> None:
        place = parents[0] if parents else None
        self._handled.append(Handling(name, fold(kind), taken, place))

    def _move(self, move: HandMove) -> bool:
        objects = {entry["objectId"]: entry for entry in self.sim.metadata["objects"]}
        names = [self.slots[move.move]] if move.move in self.slots else [
            name for name, entry in objects.items() if is_a(entry, move.move)
        ]  # fmt: skip
        for name in names:
            entry = objects.get(name)
            if entry is None or entry["isPickedUp"]:
                continue
            for place in self._places(move, entry, objects):
                if self.sim.relocate(name, place):
                    self.script.append(Relocation(object_id=name, receptacle_id=place))
                    return True
        return False

    def _places(self, move: HandMove, entry: Mapping, objects: Mapping[str, Mapping]) -> list[str]:
        """Return the receptacles to which a thing may go, those far from the agent first."""
        parents = set(entry.get("parentReceptacles") or ())
        home = self._room(entry)
        found = []
        for name, other in objects.items():
            fits = is_a(other, move.to) and can_hold(other["objectType"], entry["objectType"])
            same = self._room(other) == home
            if fits and name not in parents and move.room in {"any", "same" if same else "other"}:
                found.append((-float(other["distance"]), name))
        return [name for _, name in sorted(found)]

    def _room(self, entry: Mapping) -> str:
        center = entry["axisAlignedBoundingBox"]["center"]
        room = self.sim.engine.world.shell.room_at(center["x"], center["z"])
        return "" if room is None else room.id
