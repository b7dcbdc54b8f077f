"""What words mean that point back: `the cup you used before`, `it`, `where it was`.

They are resolved from the memory alone: from what it recorded of the agent's own deeds, and from
the objects that it knows. A memory that no longer holds the earlier task cannot tell; the words are
then read without their reference, `a cup`, and the agent takes what it finds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from embodied_mem.goals import Goal, Term, fold
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.memory.dual import Deed, DualMemory
from planners.affordances import kind_of, vocabulary, whole
from planners.grammar import parse_task
from planners.nouns import Nouns
from planners.pins import Pin
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


def read_instruction(text: str, memory: Memory) -> Reading:
    """Read an instruction, and what its words refer to, out of the memory.

    Args:
        text: One imperative sentence.
        memory: Holds the deeds of earlier tasks; words that point to none are read without.

    Raises:
        GoalError: The sentence is not understood; the message names the words.
    """
    return _Reader(text.lower().strip().rstrip("."), memory).read(text)


class ReferringPlanner:
    """A planner for one instruction: its goal's terms stand for what memory recalled."""

    def __init__(self, planner: SymbolicPlanner, reading: Reading):
        self._planner, self._reading = planner, reading

    def start(self, goal: Goal) -> None:
        """Take the goal of the reading."""
        self._planner.start(goal, self._reading.pins)

    def act(self, memory: Memory, *, succeeded: bool, message: str) -> Decision:
        """Return the next action; see `interfaces.Planner`."""
        return self._planner.act(memory, succeeded=succeeded, message=message)


@dataclass(slots=True)
class _Reader:
    """One reading: words that point back are replaced by plain ones, and noted."""

    words: str
    memory: Memory
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
        goal = Goal(atoms=goal.atoms, text=text)
        terms = {term: self.pins[term.label] for term in goal.terms() if term.label in self.pins}
        return Reading(
            goal=goal,
            pins={term: pin for term, pin in terms.items() if pin is not None},
            referring=frozenset(terms),
        )

    def _object(self, match: re.Match[str], deeds: Iterator[Deed]) -> str:
        noun, label = self._noun(match["noun"])
        for deed in deeds:
            if label in {fold(deed.label), whole(deed.label)}:
                self.pins[label] = Pin(object_id=deed.object_id)
                return f"the {noun}"
            if label == fold(deed.place_label) and deed.place is not None:
                self.pins[label] = Pin(object_id=deed.place)  # Something was put into it.
                return f"the {noun}"
        self.pins[label] = None
        return f"the {noun}"

    def _other(self, match: re.Match[str]) -> str:
        noun, label = self._noun(match["noun"])
        deed = next((d for d in self._deeds() if fold(d.label) == label), None)
        self.pins[label] = None if deed is None else Pin(excluded=frozenset((deed.object_id,)))
        return f"the {noun}"

    def _it(self, match: re.Match[str]) -> str:  # noqa: ARG002 - re's callback.
        deed = next((d for d in self._deeds() if kind_of(d.label).graspable), None)
        if deed is None:
            return "it"
        self.pins[fold(deed.label)] = Pin(object_id=deed.object_id)
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
            self.pins[place] = Pin(object_id=deed.place)
            return f"to the {place}"
        usual = {p: w for p, w in kind_of(label).usual.items() if kind_of(p).receptacle}
        place = max(usual, key=lambda name: usual[name], default="countertop")
        self.pins[place] = None
        return f"to the {place}"

    def _deeds(
        self, actions: frozenset[str] | None = None, match: re.Match[str] | None = None
    ) -> Iterator[Deed]:
        """Yield the deeds that memory holds, the newest first."""
        if not isinstance(self.memory, DualMemory):
            return
        place = self._noun(match["place"])[1] if match and "place" in match.groupdict() else None
        for deed in reversed(self.memory.deeds):
            if (actions is None or deed.action in actions) and place in {
                None,
                fold(deed.place_label),
            }:
                yield deed

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
