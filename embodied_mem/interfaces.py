"""The seams of the system. Implementations need not import this module, only fit it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from embodied_mem.goals import Goal, Progress
from embodied_mem.memory import Memory
from embodied_mem.types import Action, Frame, Percept


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a backend returns for one action."""

    frame: Frame
    action_success: bool = True
    """Whether the last action did what it says."""
    message: str = ""
    """Why it did not."""
    done: bool = False
    """Nothing more will come: a recording's end, a robot's stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeking:
    """A look that a planner takes while it does not know where things are."""

    number: int
    """Counts the looks at one goal."""
    wanted: tuple[str, ...]
    """Folded labels of what would do."""
    at: str
    """Where: a kind of receptacle, or `frontier...` for unseen space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a planner wants, and why."""

    action: Action
    phase: str = "act"
    """"explore" while looking for unseen space or objects (its steps are the exploration cost),
    "navigate" on the way to a known thing, "act" otherwise."""
    target: str | None = None
    """Memory's id of the object that the action touches, where it touches one."""
    reason: str = ""
    """One sentence for the record."""
    plan: tuple[str, ...] = ()
    """The plan now followed, a line each; empty while there is none."""
    seeking: Seeking | None = None
    """What is looked for where, while exploring."""


@runtime_checkable
class Backend(Protocol):
    """A place where actions happen: a simulator, a robot, or a recording."""

    def reset(self) -> Step:
        """Start an episode. May be called again at any time."""
        ...

    def step(self, action: Action) -> Step:
        """Apply one action and return what follows. A recording ignores the action.

        A failed action is a `Step` with `action_success=False` and a message, never an exception.
        """
        ...

    def close(self) -> None:
        """Release processes, sockets and files. May be called twice."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Tells from the truth how far a goal is met. Simulators are judges; robots are not."""

    def judge(self, goal: Goal) -> Progress:
        """Score a goal on the present state of the world."""
        ...


@runtime_checkable
class Perceiver(Protocol):
    """Turns frames into percepts."""

    def __call__(self, frame: Frame) -> Percept:
        """Describe one frame."""
        ...


@runtime_checkable
class Planner(Protocol):
    """Chooses actions from the goal and the memory alone."""

    def start(self, goal: Goal) -> None:
        """Take a new goal and forget the plan for the last one."""
        ...

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        """Return the next action. `Done` declares the goal reached, or given up with a reason.

        Args:
            memory: All that is known; the newest percept is already in it.
            succeeded: Whether the last action succeeded.
            message: Why it did not.
        """
        ...


@runtime_checkable
class Subscriber(Protocol):
    """Watches an episode: recorders, viewers, metrics."""

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Called once, before the first action."""
        ...

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Called for every decision, with what it was based on and before it is carried out."""
        ...

    def on_end(self, outcome: "Outcome", memory: Memory) -> None:
        """Called once, after the last action, also when the episode was interrupted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an episode ended."""

    goal: Goal
    success: bool
    """Every condition held in the end (False without a judge)."""
    progress: Progress
    """Conditions met and asked for."""
    steps: int
    """Actions carried out."""
    failed_actions: int
    """Actions that the backend refused."""
    exploration_steps: int
    """Steps whose decision's phase was "explore"."""
    path_length: float
    """Distance travelled by the body [m]."""
    seconds: float
    """Wall time, the backend included [s]."""
    reason: str = ""
    """Why it ended: the planner's own words, or the budget."""
