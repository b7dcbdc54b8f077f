"""Goals as predicates: `in(apple, fridge) and clean(apple)`.

A goal is a conjunction of atoms. Terms name object types; the same term is the same object
throughout the goal, `mug#2` is another mug than `mug`. A count, `2 on(mug, coffeetable)`, stands
for that many atoms over different mugs.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from embodied_mem.errors import GoalError

Value = TypeVar("Value")

RELATIONS = ("on", "in")
"""Predicates of two terms: what supports, what contains."""

STATES = (
    "clean", "dirty", "sliced", "cooked", "hot", "cold", "filled", "empty", "open", "closed",
    "on", "off", "broken", "held",
)  # fmt: skip
"""Predicates of one term. `on(x)` is a toggled appliance, `on(x, y)` a relation."""

_ATOM = re.compile(r"\s*(?:(\d+)\s*\*?\s*)?([a-zA-Z]+)\s*\(([^()]*)\)\s*")
_TERM = re.compile(r"([a-zA-Z][a-zA-Z ]*?)\s*(?:#\s*(\d+))?$")


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """One object of a type; terms with different numbers are different objects."""

    label: str
    """Type in lower case without spaces, e.g. `coffeetable`."""
    number: int = 1

    def __str__(self) -> str:
        return self.label if self.number == 1 else f"{self.label}#{self.number}"


@dataclass(frozen=True, slots=True)
class Atom:
    """One condition, of one term (a state) or two (a relation)."""

    predicate: str
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return f"{self.predicate}({', '.join(map(str, self.terms))})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A conjunction of conditions."""

    atoms: tuple[Atom, ...]
    text: str = ""
    """The words it was given in, if it was."""

    def __str__(self) -> str:
        return " and ".join(map(str, self.atoms)) or self.text

    def terms(self) -> tuple[Term, ...]:
        """Every object that the goal speaks of, in order of mention."""
        return tuple(dict.fromkeys(term for atom in self.atoms for term in atom.terms))


@dataclass(frozen=True, slots=True)
class Progress:
    """Goal conditions met, of those asked for (the GC metric of ALFRED)."""

    met: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether every condition holds."""
        return self.met == self.total


@lru_cache(maxsize=4096)
def fold(label: str) -> str:
    """Bring a type name to the form in which goals compare it: lower case, letters only."""
    return re.sub(r"[^a-z]", "", label.lower())


def parse_goal(text: str) -> Goal:
    """Read a goal in predicate form.

    Raises:
        GoalError: The text is not a conjunction of known predicates.
    """
    parts = re.split(r"\s+and\s+|\s*&+\s*|\s*;\s*|,(?![^()]*\))", text.strip())
    atoms = [atom for part in parts for atom in _parse_atoms(part, text)]
    if not atoms:
        raise GoalError("the goal is empty. Write for example `in(apple, fridge)`.")
    return Goal(atoms=tuple(dict.fromkeys(atoms)), text=text.strip())


def _parse_atoms(part: str, text: str) -> list[Atom]:
    found = _ATOM.fullmatch(part)
    if found is None:
        raise GoalError(
            f"cannot read '{part.strip()}' in goal '{text}'. Write `predicate(object)` or "
            "`relation(object, place)`, joined by `and`."
        )
    count, predicate, inside = int(found[1] or 1), found[2].lower(), found[3].split(",")
    terms = tuple(_parse_term(term, text) for term in inside)
    allowed = RELATIONS if len(terms) == 2 else STATES if len(terms) == 1 else ()
    if predicate not in allowed:
        raise GoalError(
            f"unknown predicate {predicate}/{len(terms)} in goal '{text}'. States: "
            f"{', '.join(STATES)}. Relations: {', '.join(RELATIONS)}."
        )
    if not 1 <= count <= 20:
        raise GoalError(f"a count must lie in 1..20, got {count} in goal '{text}'.")
    head, rest = terms[0], terms[1:]
    return [Atom(predicate, (Term(head.label, head.number + i), *rest)) for i in range(count)]


def _parse_term(term: str, text: str) -> Term:
    found = _TERM.fullmatch(term.strip())
    if found is None or not fold(found[1]):
        raise GoalError(f"'{term.strip()}' in goal '{text}' is not the name of an object.")
    return Term(fold(found[1]), int(found[2] or 1))


def best_binding(
    goal: Goal,
    candidates: Mapping[Term, Sequence[Value]],
    holds: Callable[[Atom, tuple[Value, ...]], bool],
) -> tuple[dict[Term, Value], Progress]:
    """Choose the objects that meet most conditions: different terms get different objects.

    Exhaustive with pruning by the best count so far; goals are small.

    Args:
        goal: What is asked for.
        candidates: Objects that each term may stand for.
        holds: Whether a condition is true of these objects.
    """
    terms = sorted(goal.terms(), key=lambda term: len(candidates.get(term, ())))
    best: dict[Term, Value] = {}
    most = -1

    def extend(binding: dict[Term, Value | None], met: int, lost: int) -> None:
        nonlocal best, most
        if len(goal.atoms) - lost <= most:
            return
        if len(binding) == len(terms):
            best = {term: value for term, value in binding.items() if value is not None}
            most = met
            return
        term = terms[len(binding)]
        decided = [
            a
            for a in goal.atoms
            if term in a.terms and all(t in binding or t == term for t in a.terms)
        ]
        free = [value for value in candidates.get(term, ()) if value not in binding.values()]
        asking = sum(other.label == term.label for other in terms)
        spare = len(candidates.get(term, ())) >= asking
        for value in (
            free if spare and free else (*free, None)
        ):  # None: another term has more use for it.
            trial = binding | {term: value}
            true = 0
            for atom in decided:
                values = tuple(v for t in atom.terms if (v := trial[t]) is not None)
                true += len(values) == len(atom.terms) and holds(atom, values)
            extend(trial, met + true, lost + len(decided) - true)

    extend({}, 0, 0)
    return best, Progress(max(most, 0), len(goal.atoms))
