"""Which things a plan's names mean: ids of memory, labels, or things that are still to be found."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from embodied_mem.goals import Goal, Progress, Term, fold
from planners.affordances import kind_of, kinds
from planners.belief import Belief, Thing
from planners.quoting import clean

_NAME = re.compile(r"([A-Za-z][A-Za-z _-]*?)\s*(?:#\s*(\d{1,2}))?")
_ID = re.compile(r"[A-Za-z]+_\d+")
_SHOWN = 8
"""Names listed in a sentence."""
_CONSIDERED = 12
"""Things that a goal's term may stand for."""


class UnknownNameError(ValueError):
    """A name means nothing here; the message is for the model."""


def show(name: str) -> str:
    """Return how a thing is spoken of: by its id, or `the apple` while it is to be found."""
    return f"the {name[1:]}" if name.startswith("?") else name


@dataclass(slots=True)
class Names:
    """Names to ids. The same name means the same thing throughout a plan."""

    belief: Belief
    distance: Callable[[Thing], float]
    """How far a thing is [m]."""
    bound: dict[Term, str] = field(default_factory=dict)
    """What labels stand for."""
    supposed: dict[str, Thing] = field(default_factory=dict)
    """Things that a plan will have found, by made-up ids."""

    def thing(self, name: str) -> Thing:
        """Return a thing, known or supposed, by id."""
        return self.belief.things.get(name) or self.supposed[name]

    def term(self, name: str) -> Term:
        """Read a label such as `mug` or `mug#2`.

        Raises:
            UnknownNameError: It is none.
        """
        text = clean(name, 80)
        found = _NAME.fullmatch(text)
        if _ID.fullmatch(text):
            label = fold(text)
            like = [thing.object_id for thing in self.belief.candidates(label)]
            hint = f" Known are: {_list(like)}." if like else f" To look for one: find({label})."
            raise UnknownNameError(f"there is no {text} in memory.{hint}")
        if found is None or not fold(found[1]):
            raise UnknownNameError(
                f"'{text}' is neither an id in memory nor the name of a kind of thing."
            )
        return Term(fold(found[1]), int(found[2] or 1))

    def resolve(self, name: str) -> str:
        """Return the id that a name stands for.

        Raises:
            UnknownNameError: Nothing known is meant.
        """
        text = clean(name, 80)
        if text in self.belief.things:
            return text
        term = self.term(text)
        found = self._stands_for(term)
        if found is None and term.label in kinds():
            raise UnknownNameError(f"no {term} is known yet: find({term}) comes first.")
        if found is None:
            known = sorted({thing.label for thing in self.belief.things.values()})
            raise UnknownNameError(f"'{text}' is not known. Known labels: {_list(known)}.")
        return found

    def _stands_for(self, term: Term) -> str | None:
        name = self.bound.get(term)
        if name is not None and (name in self.belief.things or name in self.supposed):
            return name
        taken = {i for t, i in self.bound.items() if t.label == term.label and t != term}
        free = [t for t in self.belief.candidates(term.label) if t.object_id not in taken]
        if len(free) < term.number - len(taken):
            return None  # `mug#2` is not the one mug that there is.
        best = min(free, key=lambda t: (not t.held, self.distance(t)), default=None)
        if best is None:
            return None
        self.bound[term] = best.object_id
        return best.object_id

    def is_known(self, name: str) -> bool:
        """Tell whether a name stands for something in memory.

        Raises:
            UnknownNameError: It is no name.
        """
        text = clean(name, 80)
        return text in self.belief.things or self._stands_for(self.term(text)) is not None

    def suppose(self, name: str) -> str:
        """Return the id of a thing that will have been found under a name."""
        term = self.term(name)
        made_up = f"?{term}"
        self.bound[term] = made_up
        self.supposed[made_up] = Thing(
            object_id=made_up, label=term.label, kind=kind_of(term.label), box=np.zeros((2, 3)),
            attributes={}, parent=None, status="present", last_seen=self.belief.stamp,
        )  # fmt: skip
        return made_up


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal, with those of its terms that mean one known thing."""

    goal: Goal
    pinned: Mapping[Term, str] = field(default_factory=dict)

    def in_words(self) -> str:
        """Return the goal with the ids that it means."""
        words = str(self.goal)
        for term, name in self.pinned.items():
            words = words.replace(str(term), name)
        return words

    def candidates(self, names: Names) -> dict[Term, list[str]]:
        """Return what each term may stand for: what a plan calls by that name first."""
        found: dict[Term, list[str]] = {}
        for term in self.goal.terms():
            if term in self.pinned:
                found[term] = [self.pinned[term]]
                continue
            near = sorted(names.belief.candidates(term.label), key=names.distance)[:_CONSIDERED]
            bound = [i for other, i in names.bound.items() if other.label == term.label]
            bound.sort(key=lambda i: i != names.bound.get(term))
            found[term] = list(dict.fromkeys((*bound, *(t.object_id for t in near))))
        return found

    def progress(self, names: Names) -> Progress:
        """Return how many conditions are believed to hold."""
        things = names.belief.things
        order = {t: [i for i in ids if i in things] for t, ids in self.candidates(names).items()}
        return names.belief.bind(self.goal, order)[1]

    def unmet(self, names: Names) -> str:
        """Return the conditions that are not believed to hold, in words."""
        things, belief = names.belief.things, names.belief
        order = {t: [i for i in ids if i in things] for t, ids in self.candidates(names).items()}
        binding, _ = belief.bind(self.goal, order)
        return ", ".join(
            str(atom)
            for atom in self.goal.atoms
            if any(t not in binding for t in atom.terms)
            or not belief.holds(atom, [binding[t] for t in atom.terms])
        )


def _list(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")
