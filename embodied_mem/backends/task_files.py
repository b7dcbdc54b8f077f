"""Task files: ordered sub-goals in generated houses, read and checked.

A task is an instruction in steps. Each step has the words that the agent is told and the goal that
the judge holds against the truth; the goals are to be reached in order, each at some moment, so
that they may contradict one another (`on(book, desk)`, then `in(book, garbagecan)`).

What a step does to an object can be remembered under a name (a slot), for later steps that speak of
that very object, and for the outside hand that moves it. Slots are the judge's: the agent is never
told them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

import sim_configs
from embodied_mem.backends.household.generator import GeneratorConfig
from embodied_mem.backends.household.wanted import WantedThing
from embodied_mem.config import Config, load_config
from embodied_mem.errors import ConfigError, GoalError
from embodied_mem.goals import Goal, fold, parse_goal

SuiteName = Literal["alfred-l", "graded", "simple", "composite", "complex"]
"""The suites that come with the package; `graded` is the last three."""

_FILES: dict[SuiteName, tuple[str, ...]] = {
    "alfred-l": ("alfred_l/simple", "alfred_l/composite", "alfred_l/complex"),
    "graded": ("graded/simple", "graded/composite", "graded/complex"),
    "simple": ("graded/simple",),
    "composite": ("graded/composite",),
    "complex": ("graded/complex",),
}


class Budget(Config, frozen=True):
    """Most steps for a task's scored steps: the same for every condition."""

    factor: float = 1.5
    """Times the length of a privileged expert's way."""
    extra: int = 20
    """And so many more [steps]."""

    def steps(self, expert: int) -> int:
        """Return the most steps for a task."""
        return round(self.factor * expert) + self.extra


class TaskHouse(Config, frozen=True):
    """A generated house that contains what a task needs; inner doors are open."""

    seed: int
    spec: str = "4-room"
    """Id of the generator's room specification."""
    density: float = 1.0
    """Scales the number of things beside those that are needed."""
    furniture: Mapping[str, tuple[str, ...]] = {}
    """What rooms of a type must have, beside the usual."""
    things: tuple[WantedThing, ...] = ()
    """Small things, counted."""

    def generator(self) -> GeneratorConfig:
        """Return what the generator is asked for."""
        return GeneratorConfig(
            spec=self.spec,
            density=self.density,
            closed_doors=0.0,
            furniture=self.furniture,
            things=self.things,
        )


class HandMove(Config, frozen=True):
    """What an outside hand does behind the agent's back."""

    move: str
    """A slot, or a type in the form of goals: the first such thing."""
    to: str
    """Type of the receptacle, in the form of goals; another one than it is on."""
    room: Literal["same", "other", "any"] = "any"
    """Where that receptacle is, seen from where the thing was."""


class TaskStep(Config, frozen=True):
    """One sub-goal."""

    goal: str
    """In predicate form; terms that `fixed` names may have any label."""
    say: str = ""
    """What the agent is told; the goal itself when left out."""
    remember: Mapping[str, str] = {}
    """Slots by name: `cup` is what the step did to a cup, `from cup` and `to cup` the receptacle
    that it was taken from and put on or in."""
    fixed: Mapping[str, str] = {}
    """Slots that terms of the goal stand for."""
    excluded: Mapping[str, str] = {}
    """Slots that terms of the goal do not stand for: `the other mug`."""
    then: tuple[HandMove, ...] = ()
    """What the outside hand does after the step."""

    @property
    def words(self) -> str:
        """What the agent is told."""
        return self.say or self.goal

    def parsed(self) -> Goal:
        """Return the goal that the judge holds against the truth."""
        return parse_goal(self.goal)


class SuiteTask(Config, frozen=True):
    """One task."""

    name: str
    house: TaskHouse
    steps: tuple[TaskStep, ...]
    """What is scored, in order."""
    instruction: str = ""
    """The task as a whole, in words."""
    reading: str = ""
    """How an unclear original was read."""
    floor_plan: int | None = None
    """Number of the original's floor plan, whose kind of room the things are in."""
    tour: bool = True
    """Whether the agent is led through the house first."""
    before: tuple[TaskStep, ...] = ()
    """Earlier tasks in the same house, which are not scored: what there is to be remembered."""

    def __post_init__(self) -> None:
        if not self.steps:
            raise ConfigError(f"task {self.name} has no steps.")
        slots: set[str] = set()
        for step in (*self.before, *self.steps):
            self._check(step, slots)
            slots |= step.remember.keys()
            for move in step.then:
                if move.move != fold(move.move) or move.to != fold(move.to):
                    raise ConfigError(
                        f"task {self.name} moves '{move.move}' to '{move.to}': names are in lower "
                        "case without spaces."
                    )

    def _check(self, step: TaskStep, slots: set[str]) -> None:
        try:
            labels = {term.label for term in step.parsed().terms()}
        except GoalError as error:
            raise ConfigError(f"task {self.name}: {error}") from error
        for term, slot in (*step.fixed.items(), *step.excluded.items()):
            if term not in labels:
                raise ConfigError(
                    f"task {self.name} fixes '{term}', of which its goal '{step.goal}' is silent."
                )
            if slot not in slots:
                raise ConfigError(
                    f"task {self.name} fixes '{term}' to the slot '{slot}', which no earlier step "
                    f"remembers. Known slots: {', '.join(sorted(slots)) or 'none'}."
                )


class SuiteFile(Config, frozen=True):
    """The tasks of one split."""

    suite: str
    tasks: tuple[SuiteTask, ...]
    about: str = ""
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"suite {self.suite} has several tasks named {', '.join(twice)}.")


def load_suite_file(path: str | Path) -> SuiteFile:
    """Read one file of tasks.

    Raises:
        ConfigError: It cannot be read, or something in it does not fit; the message says what.
    """
    return load_config(path, SuiteFile)


def suite_files(name: SuiteName) -> Iterator[tuple[str, SuiteFile]]:
    """Yield the files of a suite that comes with the package, with their names in `tasks/`.

    Raises:
        ConfigError: A file does not fit the types.
    """
    for file in _FILES[name]:
        data = sim_configs.path(f"tasks/{file}").read_bytes()
        try:
            yield file, msgspec.yaml.decode(data, type=SuiteFile)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise ConfigError(f"the shipped suite {file} is not usable: {error}.") from error
