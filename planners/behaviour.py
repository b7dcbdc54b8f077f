"""Routines as leaves of a behaviour tree: each tick lets one of them choose one action.

A routine is a generator of decisions. Between two decisions the world has moved on: the action was
carried out, and memory has seen what came of it. Its return value says whether it did its job.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import py_trees
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.memory.dual import DualMemory
from planners.belief import Assumptions, Belief
from planners.body import Body
from planners.sightlines import Viewpoints

Routine = Generator[Decision, None, bool]
"""Decisions, one per tick; then whether it worked."""


@dataclass(slots=True)
class Situation:
    """What routines see, brought up to date before each tick."""

    memory: Memory
    assumptions: Assumptions = field(default_factory=Assumptions)
    viewpoints: Viewpoints = field(default_factory=Viewpoints)
    sought: frozenset[str] = frozenset()
    """Folded labels of what the goal speaks of."""
    belief: Belief = field(init=False)
    body: Body = field(init=False)
    succeeded: bool = True
    """Whether the last action did what it says."""
    message: str = ""
    """Why it did not."""
    tick: int = 0
    """Number of the look at the world."""
    decision: Decision | None = None
    """What a routine chose in this tick."""

    def __post_init__(self) -> None:
        if isinstance(self.memory, DualMemory):  # What was seen before this planner was made.
            self.viewpoints.positions.update(self.memory.seen_from)
        self.refresh(self.memory, succeeded=True, message="")

    def refresh(self, memory: Memory, *, succeeded: bool, message: str) -> None:
        """Take stock after an action."""
        self.memory, self.succeeded, self.message = memory, succeeded, message
        self.belief = Belief.of(memory, self.assumptions, self.sought)
        self.body = Body.of(memory)
        self.viewpoints.note(memory, self.body)
        self.tick += 1
        self.decision = None

    def refresh_belief(self) -> None:
        """Take stock anew after something was assumed."""
        self.belief = Belief.of(self.memory, self.assumptions, self.sought)


class Skill(Behaviour):
    """A leaf that runs a routine: running while it decides, then success or failure."""

    def __init__(self, name: str, situation: Situation, routine: Callable[[], Routine]):
        """Make a leaf.

        Args:
            name: What it does, for the record.
            situation: Where it leaves its decision.
            routine: Starts the routine anew whenever the leaf is entered.
        """
        super().__init__(name)
        self._situation = situation
        self._routine = routine
        self._steps: Routine | None = None

    def initialise(self) -> None:
        """Start the routine."""
        self._steps = self._routine()

    def update(self) -> Status:
        """Let the routine choose one action."""
        assert self._steps is not None, "py_trees calls initialise first"
        try:
            self._situation.decision = next(self._steps)
        except StopIteration as end:
            return Status.SUCCESS if end.value else Status.FAILURE
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Drop the routine when it ends or is interrupted."""
        if new_status != Status.RUNNING and self._steps is not None:
            self._steps.close()
            self._steps = None


def in_order(name: str, children: Sequence[Behaviour]) -> Behaviour:
    """Return a tree that does one thing after another and fails with the first that fails."""
    return py_trees.composites.Sequence(name, memory=True, children=list(children))


def insist(name: str, child: Behaviour, attempts: int) -> Behaviour:
    """Return a tree that starts over, up to so many times in all, when its child fails."""
    return py_trees.decorators.Retry(name, child, attempts)


def tick(tree: Behaviour) -> Status:
    """Advance a tree until it has chosen an action or has ended."""
    tree.tick_once()
    return tree.status


def running_leaf(tree: Behaviour) -> str:
    """Return the name of the leaf at work, for the record."""
    tip = tree.tip()
    return tip.name if tip is not None else tree.name
