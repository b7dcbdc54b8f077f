"""Ordered sub-goals: each is reached when it holds at some moment after those before it."""

from collections.abc import Callable, Sequence

from embodied_mem.goals import Goal, Progress
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.types import Percept


class OrderedProgress:
    """Follows a task's sub-goals through an episode: a Subscriber, and a Judge of the next one.

    Goals that contradict one another, such as a lamp that is to be on and then off, can both be
    reached; as a final state they could not.
    """

    def __init__(self, goals: Sequence[Goal], judge: Callable[[int], Progress]):
        """Begin before the first sub-goal.

        Args:
            goals: What is to be reached, in order.
            judge: Scores the sub-goal of a number on the present state of the world.
        """
        self._goals = tuple(goals)
        self._judge = judge
        self._partial = 0
        self.reached = 0
        """Sub-goals reached so far."""

    @property
    def complete(self) -> bool:
        """Whether every sub-goal was reached."""
        return self.reached == len(self._goals)

    def check(self) -> None:
        """Look at the world now."""
        self._partial = 0
        while not self.complete:
            now = self._judge(self.reached)
            if not now.complete:
                self._partial = now.met
                return
            self.reached += 1

    def progress(self) -> Progress:
        """Return the conditions met: all of the sub-goals reached, and those of the next that hold.

        They are pooled over the task as in ALFRED's goal-condition rate.
        """
        total = sum(len(goal.atoms) for goal in self._goals)
        met = sum(len(goal.atoms) for goal in self._goals[: self.reached])
        return Progress(met + self._partial, total)

    def judge(self, goal: Goal) -> Progress:  # noqa: ARG002 - the protocol's signature.
        """Score the whole task so far."""
        self.check()
        return self.progress()

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Do nothing: what holds already counts when the first decision is made."""

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Look at the world before each action."""
        self.check()

    def on_end(self, outcome: Outcome, memory: Memory) -> None:  # noqa: ARG002
        """Look at what the last action came to."""
        self.check()
