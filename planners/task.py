"""What is being done about one goal."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from py_trees.behaviour import Behaviour

from embodied_mem.goals import Goal, Term
from embodied_mem.interfaces import Seeking
from embodied_mem.memory.experience import Hints
from planners.pins import Pin
from planners.symbolic import PlanStep


@dataclass(slots=True)
class Task:
    """The state of the pursuit of one goal."""

    goal: Goal
    pins: Mapping[Term, Pin] = field(default_factory=dict)
    """Terms that stand for certain objects."""
    tree: Behaviour | None = None
    """What runs now."""
    exploring: bool = False
    checking: bool = False
    """Whether the tree looks again at what is believed."""
    suspecting: bool = False
    """Whether it looks whether what was done came about."""
    plan: tuple[PlanStep, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    """Failed steps per object."""
    excluded: frozenset[str] = frozenset()
    """Objects that proved to be of no use."""
    failed: int = 0
    """Failed steps in all."""
    cut_off: set[str] = field(default_factory=set)
    """Those of the excluded to which there was no way."""
    closed: set[str] = field(default_factory=set)
    """What was closed to free the way."""
    second_chance: bool = False
    """Whether excluded objects were given another try."""
    looked_around: bool = False
    hints: Hints | None = None
    """What experience says; read when the first decision is asked for."""
    seeking: Seeking | None = None
    """The look that is being taken."""
    looks: int = 0
    seen: set[str] = field(default_factory=set)
    """What was in view, or acted on, since the goal was given."""
    checked: dict[str, int] = field(default_factory=dict)
    """How often each thing was looked at again before the end."""
    meant: set[str] = field(default_factory=set)
    """What the goal's terms stood for so far, and what plans made use of."""
    suspects: list[str] = field(default_factory=list)
    """What was put somewhere, it may be beside it, and is to be looked at first."""
    revisited: set[str] = field(default_factory=set)
    """What it stood for that vanished, and whose place was then looked at from near."""
