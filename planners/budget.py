"""What a task may cost, and whether it goes in circles."""

from collections import Counter
from dataclasses import dataclass, field

from planners.belief import Belief
from planners.language_config import BudgetConfig


@dataclass(slots=True)
class Spent:
    """What one task has cost so far."""

    config: BudgetConfig
    steps: int = 0
    calls: int = 0
    tokens: int = 0
    failures: int = 0
    circles: int = 0
    begun: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each step was begun in each situation."""

    def too_much_asked(self) -> str:
        """Return why the model may not be asked again, empty where it may."""
        limits = self.config
        if self.calls >= limits.calls:
            return f"the budget of {limits.calls} calls to the language model is spent"
        if self.tokens >= limits.tokens:
            return f"the budget of {limits.tokens} tokens is spent ({self.tokens})"
        if self.failures >= limits.failures:
            return f"{self.failures} steps of its plans failed"
        if self.circles >= limits.circles:
            return f"its plans went in circles {self.circles} times"
        return ""

    def goes_in_circles(self, step: str, belief: Belief) -> bool:
        """Note that a step begins; tell whether it has begun too often with all as it is now."""
        key = step, situation_key(belief)
        self.begun[key] += 1
        if self.begun[key] <= self.config.repeats:
            return False
        self.circles += 1
        return True


def situation_key(belief: Belief) -> int:
    """Return a number that is the same when everything is in the same place and state."""
    return hash(
        tuple(
            (name, thing.parent, thing.status, tuple(sorted(thing.attributes.items())))
            for name, thing in sorted(belief.things.items())
        )
    )
