"""What words mean that point back: `the cup you used before`, `it`, `where it was`.

They are resolved from the memory alone: from what it recorded of the agent's own deeds, and from
the objects that it knows. A memory that no longer holds the earlier task cannot tell; the words are
then read without their reference, `a cup`, and the agent takes what it finds.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from embodied_mem.goals import Goal, Term, fold
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.memory.dual import Deed, DualMemory
from planners.affordances import kind_of, vocabulary, whole
from planners.grammar import parse_task
from planners.lexicon import ADJECTIVES
from planners.nouns import Nouns
from planners.pins import Pin
from planners.stated import misfits
from planners.symbolic_planner import SymbolicPlanner

_NOUN = r"(?P<noun>[a-z]+(?: [a-z]+){0,2}?)"
_USE = r"(?:used|had|handled|carried|moved|dealt with|worked with)"
_TIME = r"(?: before| earlier| last| just now| a while ago)?"

_USED = re.compile(rf"\bthe (?:same )?{_NOUN} (?:that |which )?you {_USE}{_TIME}\b")
_PUT = re.compile(
    rf"\bthe {_NOUN} (?:that |which )?you (?:put|placed|left|stored) (?:on|in|into|onto) the "
    rf"(?P<place>[a-z]+(?: [a-z]+)?){_TIME}(?= (?:in|into|on|onto|to)\b|$)"
)
_TAKEN = re.compile(
    rf"\bthe {_NOUN} (?:that |which )?you (?:took|got|fetched|brought) (?:from|off|out of) the "
    rf"(?P<place>[a-z]+(?: [a-z]+)?){_TIME}(?= (?:in|into|on|onto|to)\b|$)"
)
_OTHER = re.compile(rf"\bthe other {_NOUN}(?= (?:in|into|on|onto|to|from)\b|$)")
_IT = re.compile(r"\b(?P<noun>it)\b")
_BACK = re.compile(
    r"\b(?:back )?(?:where|to where|in the place where) (?:it was|you (?:found|got) it)\b"
)
_SAME_PLACE = re.compile(
    r"\b(?:in |on |to )?(?:the same place as|where you put) the (?P<noun>[a-z]+(?: [a-z]+)?)\b"
)
_STATED = re.compile(
    rf"\bthe (?P<state>{'|'.join(ADJECTIVES)}) {_NOUN}(?= (?:in|into|on|onto|to)\b|$)"
)

_TAKES = frozenset(("PickupObject",))
_PUTS = frozenset(("PutObject",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An instruction as the agent understands it."""

    goal: Goal
    pins: Mapping[Term, Pin] = field(default_factory=dict)
    """What memory says that terms refer to."""
    referring: frozenset[Term] = frozenset()
    """Terms whose words point back, whether or not memory knew to what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What an instruction proved not to mean: the agent was told no."""

    since: float = math.inf
    """When the instruction was given: what was done later is not what its words point back to."""
    objects: frozenset[str] = frozenset()
    """Ids."""
    places: frozenset[str] = frozenset()
    """Labels of places that were guessed."""
    doubted: frozenset[str] = frozenset()
    """Ids of things to which, it may be, what was done did not come about."""
    mistaken: frozenset[str] = frozenset()
    """Ids of things that are something else than they look, it may be."""

    def after(
        self,
        reading: Reading,
        meant: Mapping[Term, str],
        sure: Callable[[str], float] = lambda _: 1.0,
    ) -> "Refused":
        """Return what is refused once a try was.

        What was guessed is blamed first; only where memory told everything is memory doubted. Where
        the words leave nothing to guess, what was done is doubted, and then what it was done to:
        the thing that is least sure may be something else.

        Args:
            reading: How the instruction was read.
            meant: The objects that its terms stood for.
            sure: How sure it is that an object is what it is taken for, 0..1.
        """
        refused = self._guessed(reading, meant)
        if refused != self:
            return refused
        moved = {name for term, name in meant.items() if kind_of(term.label).graspable}
        if not moved <= self.doubted:
            return replace(self, doubted=self.doubted | moved)
        worst = min(sorted(moved - self.mistaken), key=sure, default=None)
        return self if worst is None else replace(self, mistaken=self.mistaken | {worst})

    def _guessed(self, reading: Reading, meant: Mapping[Term, str]) -> "Refused":
        """Return what is refused where words point back."""
        told = {term for term, pin in reading.pins.items() if pin.object_id}
        blamed = (reading.referring - told) or reading.referring
        places = {t.label for t in blamed if not kind_of(t.label).graspable and t not in told}
        return replace(
            self,
            objects=self.objects | {meant[term] for term in blamed if term in meant},
            places=self.places | places,
        )


_NOTHING = Refused()


def read_instruction(text: str, memory: Memory, refused: Refused = _NOTHING) -> Reading:
    """Read an instruction, and what its words refer to, out of the memory.

    Args:
        text: One imperative sentence.
        memory: Holds the deeds of earlier tasks; words that point to none are read without.
        refused: What it does not mean, as earlier tries have shown.

    Raises:
        GoalError: The sentence is not understood; the message names the words.
    """
    return _Reader(text.lower().strip().rstrip("."), memory, refused).read(text)


class ReferringPlanner:
    """A planner for one instruction: its goal's terms stand for what memory recalled."""

    def __init__(self, planner: SymbolicPlanner, reading: Reading, *, again: bool = False):
        """Take up an instruction.

        Args:
            planner: Does it.
            reading: How it is understood.
            again: Whether it was declared done and was not: what was done is doubted.
        """
        self._planner, self._reading, self._again = planner, reading, again

    def start(self, goal: Goal) -> None:
        """Take the goal of the reading."""
        self._planner.start(goal, self._reading.pins, again=self._again)

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        """Return the next action; see `interfaces.Planner`."""
        return self._planner.act(memory, succeeded=succeeded, message=message)


@dataclass(slots=True)
class _Reader:
    """One reading: words that point back are replaced by plain ones, and noted."""

    words: str
    memory: Memory
    refused: Refused
    pins: dict[str, Pin | None] = field(default_factory=dict)
    """By label: what is pinned, or None where memory does not know."""

    def read(self, text: str) -> Reading:
        self.words = _PUT.sub(lambda m: self._object(m, self._deeds(_PUTS, m)), self.words)
        self.words = _TAKEN.sub(lambda m: self._object(m, self._deeds(_TAKES, m)), self.words)
        self.words = _USED.sub(lambda m: self._object(m, self._deeds(None, m)), self.words)
        self.words = _OTHER.sub(self._other, self.words)
        if not self.pins and _IT.search(self.words) and not self._speaks_of_something():
            self.words = _IT.sub(self._it, self.words, count=1)
        self.words = _SAME_PLACE.sub(self._same_place, self.words)
        self.words = _BACK.sub(self._back, self.words)
        goal = parse_task(self.words, vocabulary())
        self._rule_out(goal)
        goal = Goal(atoms=goal.atoms, text=text)
        referring = frozenset(term for term in goal.terms() if term.label in self.pins)
        pins = {term: self._but_mistaken(self.pins.get(term.label)) for term in goal.terms()}
        return Reading(
            goal=goal,
            pins={term: pin for term, pin in pins.items() if pin is not None},
            referring=referring,
        )

    def _rule_out(self, goal: Goal) -> None:
        """Note of what is named by a state that it is to lose which things are not meant."""
        for match in _STATED.finditer(self.words):
            state, label = ADJECTIVES[match["state"]], self._noun(match["noun"])[1]
            asked = any(a.predicate == state and a.terms[0].label == label for a in goal.atoms)
            excluded = misfits(self.memory, label, state)
            if excluded and not asked and label not in self.pins:
                self.pins[label] = self._any_other(excluded)

    def _object(self, match: re.Match[str], deeds: Iterator[Deed]) -> str:
        noun, label = self._noun(match["noun"])
        for deed in deeds:
            if label in {fold(deed.label), whole(deed.label)}:
                self.pins[label] = self._pin(deed.object_id)
                return f"the {noun}"
            if label == fold(deed.place_label) and deed.place is not None:
                self.pins[label] = self._pin(deed.place)  # Something was put into it.
                return f"the {noun}"
        self.pins[label] = self._any_other()
        return f"the {noun}"

    def _other(self, match: re.Match[str]) -> str:
        noun, label = self._noun(match["noun"])
        deed = next((d for d in self._deeds() if fold(d.label) == label), None)
        self.pins[label] = self._any_other(() if deed is None else (deed.object_id,))
        return f"the {noun}"

    def _it(self, match: re.Match[str]) -> str:  # noqa: ARG002 - re's callback.
        deed = next((d for d in self._deeds() if kind_of(d.label).graspable), None)
        if deed is None:
            return "it"
        self.pins[fold(deed.label)] = self._pin(deed.object_id)
        return f"the {fold(deed.label)}"

    def _same_place(self, match: re.Match[str]) -> str:
        label = self._noun(match["noun"])[1]
        puts = (d for d in self._deeds(_PUTS) if fold(d.label) == label)
        return self._place(next(puts, None), label)

    def _back(self, match: re.Match[str]) -> str:  # noqa: ARG002 - re's callback.
        label = next(iter(self.pins), "") or self._first_noun()
        takes = (d for d in self._deeds(_TAKES) if fold(d.label) == label and d.place is not None)
        return self._place(next(takes, None), label)

    def _place(self, deed: Deed | None, label: str) -> str:
        if deed is not None and deed.place is not None and deed.place_label:
            place = fold(deed.place_label)
            self.pins[place] = self._pin(deed.place)
            return f"to the {place}"
        usual = {p: w for p, w in kind_of(label).usual.items() if kind_of(p).receptacle}
        usual = {p: w for p, w in usual.items() if p not in self.refused.places} or usual
        place = max(usual, key=lambda name: usual[name], default="countertop")
        self.pins[place] = self._any_other()
        return f"to the {place}"

    def _pin(self, name: str) -> Pin:
        return Pin(object_id=name, excluded=self.refused.objects)

    def _any_other(self, excluded: Collection[str] = ()) -> Pin | None:
        """Return a pin for what memory does not know: anything but what it cannot be."""
        never = self.refused.objects | frozenset(excluded)
        return Pin(excluded=never) if never else None

    def _but_mistaken(self, pin: Pin | None) -> Pin | None:
        """Return a pin that leaves out what proved to be something else."""
        if not self.refused.mistaken:
            return pin
        pin = pin or Pin()
        return replace(pin, excluded=pin.excluded | self.refused.mistaken)

    def _deeds(
        self, actions: frozenset[str] | None = None, match: re.Match[str] | None = None
    ) -> Iterator[Deed]:
        """Yield the deeds that memory holds, the newest first."""
        if not isinstance(self.memory, DualMemory):
            return
        place = self._noun(match["place"])[1] if match and "place" in match.groupdict() else None
        for deed in reversed(self.memory.deeds):
            fits = actions is None or deed.action in actions
            if self._counts(deed) and fits and place in {None, fold(deed.place_label)}:
                yield deed

    def _counts(self, deed: Deed) -> bool:
        """Tell whether words can point back to a deed: it came before them and was not refused."""
        names = {deed.object_id, deed.place}
        return deed.stamp <= self.refused.since and names.isdisjoint(self.refused.objects)

    def _noun(self, words: str) -> tuple[str, str]:
        """Return the words that name a thing, without what comes before, and its label."""
        parts = words.split()
        for start in range(len(parts)):
            label = _nouns().label(parts[start:])
            if label is not None:
                return " ".join(parts[start:]), label
        return words, fold(words)

    def _first_noun(self) -> str:
        parts = re.findall(r"[a-z]+", self.words)
        for start in range(len(parts)):
            for length in (3, 2, 1):
                label = _nouns().label(parts[start : start + length])
                if label is not None and kind_of(label).graspable:
                    return label
        return ""

    def _speaks_of_something(self) -> bool:
        """Tell whether the sentence itself names what `it` stands for."""
        before = self.words[: _IT.search(self.words).start()]  # type: ignore[union-attr]
        parts = re.findall(r"[a-z]+", before)
        return any(_nouns().label([word]) is not None for word in parts)


def _nouns() -> Nouns:
    return _NOUNS


_NOUNS = Nouns(vocabulary())


def spoken(label: str, names: Sequence[str] = ()) -> str:
    """Return a folded label in words: `coffeetable` to `coffee table`."""
    for name in names or vocabulary():
        if fold(name) == label:
            return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)).lower()
    return label
