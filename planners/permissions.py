"""What the user's own words ask for: the bound on what a model may want.

A plan may come from a model that took a label or a note for an order. What cannot be undone
(breaking, slicing, cooking, soiling, pouring out) is done only to things, and in ways, that the
user named.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from embodied_mem.goals import Atom, Goal, fold
from planners import lexicon
from planners.affordances import vocabulary, whole
from planners.nouns import Nouns

IRREVERSIBLE: Mapping[str, frozenset[str]] = {
    "break": frozenset(("broken",)), "slice": frozenset(("sliced",)),
    "heat": frozenset(("hot", "cooked")), "cook": frozenset(("hot", "cooked")),
    "soil": frozenset(("dirty",)), "empty": frozenset(("empty",)),
}  # fmt: skip
"""Skills whose effect cannot be taken back, and the states of which the user must have asked for
one. A microwave cooks what it heats."""

LASTING = frozenset().union(*IRREVERSIBLE.values())
"""States that cannot be taken back."""

_NEGATIONS = frozenset(("not", "don", "dont", "never", "no", "without", "avoid", "unless"))

_LONGEST_NAME = 4


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user's words name."""

    atoms: tuple[Atom, ...]
    """Conditions, where the words were understood."""
    states: frozenset[str]
    """States that the words speak of."""
    labels: frozenset[str]
    """Types that the words speak of."""
    text: str
    """The words, folded."""

    @classmethod
    def of(cls, goal: Goal) -> "Wishes":
        """Read a goal's conditions and words."""
        words = re.findall(r"[a-z]+", goal.text.lower())
        states = {lexicon.ADJECTIVES[word] for word in words if word in lexicon.ADJECTIVES}
        for word in words:
            role, state = lexicon.VERBS.get(word, ("place", ""))
            states |= {state} if role == "state" else set()
        if not _NEGATIONS.isdisjoint(words):
            states -= LASTING  # `do not break the vase`: when in doubt, nothing is broken.
        labels = _labels(words) | {term.label for term in goal.terms()}
        return cls(goal.atoms, frozenset(states), frozenset(labels), fold(goal.text))

    def allow(self, states: frozenset[str], label: str) -> bool:
        """Tell whether the user asked for one of some states of things of a type."""
        if self.atoms:
            asked = {a.predicate for a in self.atoms if whole(a.terms[0].label) == whole(label)}
            return bool(states & asked)
        return bool(states & self.states) and self.name(label)

    def name(self, label: str) -> bool:
        """Tell whether the user spoke of things of a type."""
        folded = whole(label)
        return folded in self.labels or (bool(folded) and folded in self.text)

    def touch(self, labels: Iterable[str]) -> bool:
        """Tell whether one of some types was spoken of; true where the user named none at all."""
        return not self.labels or any(map(self.name, labels))


def _labels(words: list[str]) -> set[str]:
    nouns = Nouns(vocabulary())
    found: set[str] = set()
    for start in range(len(words)):
        for end in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1):
            name = words[start:end]
            label = nouns.label(name)
            found |= {label} if label is not None else set()
            found |= set(map(fold, lexicon.SYNONYMS.get(" ".join(name), ())))
    return found
