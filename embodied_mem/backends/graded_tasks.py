"""Draws the tasks of the graded suites: simple, composite and complex, in houses of 5 and 6 rooms.

- simple: one thing to one place.
- composite: three sub-goals that share nothing: places, states, pairs, appliances.
- complex: an earlier task uses one of several things of a type, another one leads the agent away;
  then the thing is referred to by what was done with it. In some an outside hand has moved it.

Drawn once and kept as files; each task was checked on the truth to be possible.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold, object_types
from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.generator import generate_house
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.wanted import WantedThing
from embodied_mem.backends.privileged import Expert
from embodied_mem.backends.task_files import Budget, HandMove, SuiteTask, TaskHouse, TaskStep
from embodied_mem.backends.task_kinds import Stock, Task
from embodied_mem.backends.task_sampling import sample_task_kinds
from embodied_mem.errors import GoalError, HouseError
from embodied_mem.goals import fold

BUDGET = Budget(factor=1.3, extra=20)
"""The same for every task and condition; see docs/suites.md for how it was chosen."""

SPECS = ("2-bed-1-bath", "2-bed-2-bath")
"""Houses of 5 and 6 rooms."""

USED = ("Cup", "Mug", "Bowl", "Bottle", "Book", "AlarmClock", "TissueBox", "TeddyBear",
        "SoapBottle", "SprayBottle", "Plate", "Vase", "Candle", "Newspaper")  # fmt: skip
"""Types of which several lie about, so that it matters which one is meant."""

OTHERS = ("Pillow", "Laptop", "RemoteControl", "Box", "Statue", "Boots", "Towel", "Pot")
"""Types of the things that lead the agent away."""

TABLES = ("CounterTop", "DiningTable", "CoffeeTable", "SideTable", "Desk", "Dresser", "TVStand",
          "ShelvingUnit", "Sofa", "Bed", "ArmChair")  # fmt: skip
"""Open places."""

_OPENED = ("Fridge", "Cabinet")
"""Closed places."""

_APART = 3.0
"""What leads the agent away is at least so far from where it used the thing [m]."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """A house in which a task is sought."""

    engine: Engine
    stock: Stock
    rng: np.random.Generator

    def places(self, *, small: str, kinds: tuple[str, ...]) -> list[str]:
        """Return the types of places that are there, may hold a thing, and have room, shuffled."""
        items = list(self.stock.of(small))
        found = [
            kind
            for kind in kinds
            if can_hold(kind, small)
            and items
            and any(self.stock.has_room(items[:1], place) for place in self.stock.of(kind))
        ]
        return [found[k] for k in self.rng.permutation(len(found))]

    def gap(self, one: str, other: str) -> float:
        """Return the least distance between two types of furniture [m]."""
        return min(
            (
                float(np.hypot(a.position[0] - b.position[0], a.position[2] - b.position[2]))
                for a in self.stock.of(one)
                for b in self.stock.of(other)
            ),
            default=0.0,
        )


_HOUSES = 40
"""Houses that are tried for one task."""

_LEAST = 20
"""Sub-goals that an expert reaches in fewer steps are too near to need a memory [steps]."""


def draw_suite(name: str, count: int, seed: int, first: int = 0) -> Iterator[SuiteTask]:
    """Draw tasks of one suite: each has seeds of its own, so that any part can be drawn alone.

    Args:
        name: simple, composite or complex.
        count: How many.
        seed: Seed of the suite's first house.
        first: Number of the first task, from 0.

    Raises:
        HouseError: None of a task's houses offers one.
    """
    for number in range(first, first + count):
        kind = _COMPLEX[number % len(_COMPLEX)]
        title, start = f"{name}-{number + 1:02d}", seed + _HOUSES * number
        drawn = (_draw(name, title, k, kind) for k in range(start, start + _HOUSES))
        task = next((task for task in drawn if task is not None), None)
        if task is None:
            raise HouseError(f"no house of the seeds from {start} on offers {title}.")
        yield task


def _draw(name: str, title: str, seed: int, kind: "_Kind") -> SuiteTask | None:
    rng = np.random.default_rng((seed, 7))
    spec = SPECS[int(rng.integers(len(SPECS)))]
    small = USED[int(rng.integers(len(USED)))]
    things: tuple[WantedThing, ...] = ()
    if name == "complex":
        count = 2 if kind is _other else 3
        things = (WantedThing(type=small, count=count),)
    house = TaskHouse(seed=seed, spec=spec, things=things)
    try:
        built = generate_house(house.seed, house.generator())
    except HouseError:
        return None
    with HouseholdSim(HouseholdSimConfig(), house=built) as sim:
        sim.reset()
        scene = _Scene(sim.engine, Stock(sim.engine), rng)
        if name != "complex":
            return _plain(scene, house, title, seed, steps=1 if name == "simple" else 3)
        if len(scene.stock.of(small)) < (2 if kind is _other else 3):
            return None
        return kind(scene, house, title, small)


def _plain(
    scene: _Scene, house: TaskHouse, title: str, seed: int, *, steps: int
) -> SuiteTask | None:
    """Draw what needs no reference."""
    try:
        drawn = sample_task_kinds(scene.engine, steps + 3, seed)
    except GoalError:
        return None
    fit = [task for task in drawn if _is_plain(task, simple=steps == 1)]
    expert = Expert(scene.engine)
    fit = [task for task in fit if expert.steps([task.goal], [{}]) >= _LEAST]
    kinds = {task.kind for task in fit[:steps]}
    if len(fit) < steps or len(kinds) < min(steps, 2):
        return None
    parts = tuple(TaskStep(goal=str(task.goal), say=_said(task)) for task in fit[:steps])
    return SuiteTask(name=title, house=house, steps=parts, instruction=_sentence(parts))


def _is_plain(task: Task, *, simple: bool) -> bool:
    if any(term.label == "lightswitch" for term in task.goal.terms()):
        return False  # There is one in every room.
    return task.kind in {"put", "store"} if simple else task.kind != "open"


_Kind = Callable[[_Scene, TaskHouse, str, str], SuiteTask | None]


def _stage(scene: _Scene, small: str) -> tuple[str, str, TaskStep] | None:
    """Choose where the thing is used, where it goes, and what leads the agent away in between."""
    places = scene.places(small=small, kinds=TABLES)
    for first in places:
        taken = {item.parent and scene.engine.world.objects[item.parent].type_name
                 for item in scene.stock.of(small)}  # fmt: skip
        targets = [place for place in places if place != first]
        if first in taken or not targets:
            continue
        for other in (OTHERS[k] for k in scene.rng.permutation(len(OTHERS))):
            if not scene.stock.of(other):
                continue
            for away in scene.places(small=other, kinds=TABLES):
                far = scene.gap(first, away) > _APART
                here = {_carrier(scene, item) for item in scene.stock.of(other)}
                if far and away not in here:
                    step = _put(other, away)
                    return first, targets[0], step
    return None


def _carrier(scene: _Scene, item: SimObject) -> str:
    return scene.engine.world.objects[item.parent].type_name if item.parent else ""


def _used(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """The one you used before."""
    found = _stage(scene, small)
    if found is None:
        return None
    first, last, away = found
    before = (_put(small, first, remember={"used": fold(small)}), away)
    say = f"put the {_words(small)} you used before on the {_words(last)}"
    return _referring(title, house, before, say, f"on({fold(small)}, {fold(last)})", small)


def _stored(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """The one you put in the fridge."""
    found = _stage(scene, small)
    closed = scene.places(small=small, kinds=_OPENED)
    inside = {_carrier(scene, item) for item in scene.stock.of(small)}
    closed = [place for place in closed if place not in inside]
    if found is None or not closed:
        return None
    _, last, away = found
    before = (_put(small, closed[0], remember={"used": fold(small)}), away)
    say = f"put the {_words(small)} you put in the {_words(closed[0])} on the {_words(last)}"
    return _referring(title, house, before, say, f"on({fold(small)}, {fold(last)})", small)


def _other(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """The other one of two."""
    found = _stage(scene, small)
    if found is None:
        return None
    first, last, away = found
    names = {_carrier(scene, item) for item in scene.stock.of(small)}
    if last in names:
        return None
    before = (_put(small, first, remember={"used": fold(small)}), away)
    say = f"put the other {_words(small)} on the {_words(last)}"
    return SuiteTask(
        name=title,
        house=house,
        before=before,
        steps=(
            TaskStep(
                goal=f"on({fold(small)}, {fold(last)})",
                say=say,
                excluded={fold(small): "used"},
            ),
        ),
        instruction=say,
    )


def _back(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """Back where it was."""
    found = _stage(scene, small)
    if found is None:
        return None
    first, _, away = found
    remember = {"used": fold(small), "origin": f"from {fold(small)}"}
    before = (_put(small, first, remember=remember), away)
    say = f"put the {_words(small)} you used back where it was"
    goal = f"on({fold(small)}, place)"
    return _referring(title, house, before, say, goal, small, place="origin")


def _same(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """In the same place as the thing used before."""
    found = _stage(scene, small)
    if found is None:
        return None
    first, _, away = found
    before = (_put(small, first, remember={"spot": f"to {fold(small)}"}), away)
    other = next(
        (
            kind
            for kind in (USED[k] for k in scene.rng.permutation(len(USED)))
            if kind != small
            and scene.stock.of(kind)
            and first in scene.places(small=kind, kinds=(first,))
            and first not in {_carrier(scene, item) for item in scene.stock.of(kind)}
        ),
        None,
    )
    if other is None or len(scene.stock.of(first)) < 1:
        return None
    say = f"put the {_words(other)} in the same place as the {_words(small)}"
    step = TaskStep(goal=f"on({fold(other)}, place)", say=say, fixed={"place": "spot"})
    return SuiteTask(name=title, house=house, before=before, steps=(step,), instruction=say)


def _moved(scene: _Scene, house: TaskHouse, title: str, small: str) -> SuiteTask | None:
    """The one you used before, which is no longer where you put it."""
    found = _stage(scene, small)
    if found is None:
        return None
    first, last, away = found
    near = [p for p in scene.places(small=small, kinds=TABLES) if p not in {first, last}]
    near.sort(key=lambda place: scene.gap(first, place))
    if not near or scene.gap(first, near[0]) > _APART:
        return None
    move = HandMove(move="used", to=fold(near[0]), room="same")
    away = TaskStep(goal=away.goal, say=away.say, then=(move,))
    before = (_put(small, first, remember={"used": fold(small)}), away)
    say = f"put the {_words(small)} you used before on the {_words(last)}"
    return _referring(title, house, before, say, f"on({fold(small)}, {fold(last)})", small)


_COMPLEX: tuple[_Kind, ...] = (_used, _stored, _other, _back, _same, _moved)


def _referring(
    title: str,
    house: TaskHouse,
    before: tuple[TaskStep, ...],
    say: str,
    goal: str,
    small: str,
    place: str = "",
) -> SuiteTask:
    fixed = {fold(small): "used"} | ({"place": place} if place else {})
    step = TaskStep(goal=goal, say=say, fixed=fixed)
    return SuiteTask(name=title, house=house, before=before, steps=(step,), instruction=say)


def _put(small: str, place: str, remember: dict[str, str] | None = None) -> TaskStep:
    relation = "in" if place in _OPENED else "on"
    return TaskStep(
        goal=f"{relation}({fold(small)}, {fold(place)})",
        say=f"put {_a(_words(small))} {relation} the {_words(place)}",
        remember=remember or {},
    )


def _said(task: Task) -> str:
    """Return a task in words, where they are simple; else in predicate form."""
    atoms = task.goal.atoms
    first = atoms[0]
    if task.kind in {"put", "store"} and len(atoms) == 1:
        small, place = (_words(term.label) for term in first.terms)
        return f"put {_a(small)} {first.predicate} the {place}"
    if task.kind == "pair":
        small, place = (_words(term.label) for term in first.terms)
        return f"put two {small}s {first.predicate} the {place}"
    if task.kind == "toggle":
        return f"turn {first.predicate} the {_words(first.terms[0].label)}"
    verbs = {"clean": "wash", "hot": "heat", "cooked": "cook", "cold": "chill", "sliced": "slice",
             "filled": "fill"}  # fmt: skip
    if len(atoms) == 1 and first.predicate in verbs:
        return f"{verbs[first.predicate]} {_a(_words(first.terms[0].label))}"
    if len(atoms) == 2 and first.predicate in verbs and len(atoms[1].terms) == 2:
        small, place = (_words(term.label) for term in atoms[1].terms)
        return f"put a {first.predicate} {small} on the {place}"
    return str(task.goal)


def _sentence(parts: tuple[TaskStep, ...]) -> str:
    return ", then ".join(part.words for part in parts)


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _words(name: str) -> str:
    """Return a type's name in words: `CoffeeTable`, or `coffeetable`, to `coffee table`."""
    return _spelt().get(fold(name), name)


@cache
def _spelt() -> dict[str, str]:
    return {
        fold(kind): " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", kind)).lower()
        for kind in object_types()
    }
