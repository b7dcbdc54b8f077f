"""English imperative sentences to goals: `put a clean apple in the fridge`.

Recursive descent over words:

    sentence    = clause { joiner clause }
    clause      = verb [particle] things [particle] [source] [destination]
    things      = pronoun | noun_phrase { "and" noun_phrase }
    noun_phrase = [determiner | number] { adjective } noun
    destination = ("in" | "on" | "to" | ...) noun_phrase

What the grammar does not cover is an error that names the words.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embodied_mem.errors import GoalError
from embodied_mem.goals import RELATIONS, STATES, Atom, Goal, Term, parse_goal
from planners import lexicon
from planners.nouns import Nouns

_PREDICATE_FORM = re.compile(rf"\s*(\d+\s*\*?\s*)?({'|'.join((*STATES, *RELATIONS))})\s*\(", re.I)
_LONGEST_NAME = 4
"""Words in the longest noun, `chest of drawers` and the like."""


def parse_task(
    text: str, vocabulary: Sequence[str], counts: Mapping[str, int] | None = None
) -> Goal:
    """Read a task, in predicate form or in English.

    Args:
        text: `in(apple, fridge) and clean(apple)`, or `put a clean apple in the fridge`.
        vocabulary: Names of the object types that can be spoken of, e.g. `CoffeeTable`.
        counts: How many objects of each type there are, for `all`; without it `all` is an error.

    Raises:
        GoalError: The text is not understood; the message names the words.
    """
    if _PREDICATE_FORM.match(text):
        return parse_goal(text)
    return parse_sentence(text, vocabulary, counts)


def parse_sentence(
    text: str, vocabulary: Sequence[str], counts: Mapping[str, int] | None = None
) -> Goal:
    """Read English imperative sentences; see `parse_task`.

    Raises:
        GoalError: The text is not understood; the message names the words.
    """
    parser = _Parser(text, Nouns(vocabulary), counts or {})
    atoms = _drop_overruled(parser.sentence())
    return Goal(atoms=tuple(dict.fromkeys(atoms)), text=text.strip())


@dataclass(slots=True)
class _Reader:
    """Words and a place among them."""

    words: list[str]
    at: int = 0

    def peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self, *options: str) -> bool:
        """Step over the next word if it is one of these."""
        if self.peek() and self.peek() in options:
            self.at += 1
            return True
        return False

    def skip(self, words: frozenset[str]) -> int:
        start = self.at
        while self.peek() and self.peek() in words:
            self.at += 1
        return self.at - start

    def rest(self) -> str:
        return " ".join(self.words[self.at :])


@dataclass(slots=True)
class _Phrase:
    """What a noun phrase stands for."""

    terms: tuple[Term, ...]
    states: tuple[str, ...] = ()

    def atoms(self) -> list[Atom]:
        return [Atom(state, (term,)) for term in self.terms for state in self.states]


@dataclass(slots=True)
class _Parser:
    """One parse; remembers what `it` and `the mug` refer to."""

    text: str
    nouns: Nouns
    counts: Mapping[str, int]
    reader: _Reader = field(init=False)
    mentioned: dict[str, tuple[Term, ...]] = field(default_factory=dict)
    topic: tuple[Term, ...] = ()
    spoken: list[Term] = field(default_factory=list)
    verb: str = ""

    def __post_init__(self) -> None:
        self.reader = _Reader(re.findall(r"[a-z]+|\d+|[,;.]", self.text.lower().replace("'s", "")))

    def sentence(self) -> list[Atom]:
        atoms: list[Atom] = []
        self._skip_between()
        while self.reader.peek():
            atoms += self.clause()
            joined = self._skip_between()
            if self.reader.peek() and not joined:
                raise self._error(f"did not understand '{self.reader.rest()}'")
        if not atoms:
            raise self._error("found nothing to do")
        return atoms

    def clause(self) -> list[Atom]:
        verb = self.reader.peek()
        if verb not in lexicon.VERBS and self.verb and self._phrase_here():
            verb = self.verb  # `put a mug on the table and another on the shelf`
        elif verb in lexicon.VERBS:
            self.reader.at += 1
        else:
            near = difflib.get_close_matches(verb, list(lexicon.VERBS), n=3)
            hint = f"Did you mean {_either(near)}?" if near else "Start with put, slice or open."
            raise self._error(f"'{verb}' is not an order that is known", hint)
        self.verb = verb
        role, predicate = lexicon.VERBS[verb]
        match role:
            case "switch":
                return self._switch(verb)
            case "state":
                return self._state(predicate)
            case _:
                return self._place(verb, role, predicate)

    def _switch(self, verb: str) -> list[Atom]:
        state = self._particle("on", "off")
        things = self.things()
        state = state or self._particle("on", "off")
        if state is None:
            raise self._error(f"'{verb}' needs 'on' or 'off'")
        return [a for thing in things for a in _with_state(thing, state)]

    def _state(self, predicate: str) -> list[Atom]:
        self.reader.take("up", "down", "out", "off")
        things = self.things()
        self.reader.take("up", "down", "out", "off")
        if predicate == "filled" and self.reader.take("with"):
            self._liquid()
        elif self.reader.take(*lexicon.WITH_WORDS):  # The tool is the planner's choice.
            self.noun_phrase()
        atoms = [a for thing in things for a in _with_state(thing, predicate)]
        return atoms + self._tail(things, verb_needs_place=False)

    def _liquid(self) -> None:
        self.reader.skip(lexicon.INDEFINITE | lexicon.DEFINITE)
        if not self.reader.take(*lexicon.LIQUIDS):
            raise self._error(
                f"cannot fill things with '{self.reader.peek()}'", "Liquids: coffee, water, wine."
            )

    def _place(self, verb: str, role: lexicon.Role, predicate: str) -> list[Atom]:
        self.reader.take("of", "up", "down", "back", "me", "us")
        away = self.reader.take("away", "out")
        things = self.things()
        self.reader.take("up", "down", "back")
        away = self.reader.take("away", "out") or away
        atoms = [atom for thing in things for atom in thing.atoms()] + self._contents(things)
        if predicate == "garbagecan" or (verb in {"throw", "toss"} and away):
            return atoms + self._throw_away(things)
        placed = self._tail(things, verb_needs_place=role == "place")
        if role == "hold" and not placed:
            atoms += [Atom(predicate, (term,)) for thing in things for term in thing.terms]
        return atoms + placed

    def _throw_away(self, things: list[_Phrase]) -> list[Atom]:
        label = self.nouns.label(["garbagecan"])
        if label is None:
            raise self._error("throwing away needs a garbage can, which is not a known object")
        placed = self._tail(things, verb_needs_place=False)
        bin_term = self.mentioned.setdefault(label, (Term(label),))[0]
        return placed or [Atom("in", (t, bin_term)) for thing in things for t in thing.terms]

    def _contents(self, things: list[_Phrase]) -> list[Atom]:
        """Read `with a spoon in it`."""
        if not self.reader.take("with"):
            return []
        content, carrier = self.noun_phrase(), things[0].terms[0]
        if self.reader.peek(1) in lexicon.PRONOUNS and self.reader.peek() in _PREPOSITIONS:
            self.reader.at += 2
        return content.atoms() + [Atom("in", (term, carrier)) for term in content.terms]

    def _tail(self, things: list[_Phrase], *, verb_needs_place: bool) -> list[Atom]:
        """Read where from and where to; of several places the last is the destination."""
        found: list[Atom] = []
        while (word := self.reader.peek()) and word in _PREPOSITIONS:
            self.reader.at += 1
            if word in lexicon.FROM_WORDS or (word == "out" and self.reader.take("of")):
                self.noun_phrase()
                continue
            if self.reader.take("top"):
                self.reader.take("of")
            self.reader.take("of", "to")
            if self.reader.take("me", "us"):  # `bring it to me`
                continue
            place = self._place_phrase(things)
            found = place.atoms() + [
                Atom(_relation(word, place.terms[0].label), (term, place.terms[0]))
                for thing in things
                for term in thing.terms
            ]
        if verb_needs_place and not found:
            raise self._error(
                "the sentence does not say where to", "Add for example 'on the table'."
            )
        return found

    def _place_phrase(self, things: list[_Phrase]) -> _Phrase:
        """Read a destination; `it` is the last thing spoken of besides what is being placed."""
        word = self.reader.peek()
        if not self.reader.take(*lexicon.PRONOUNS):
            return self.noun_phrase()
        moved = {term for thing in things for term in thing.terms}
        others = [term for term in self.spoken if term not in moved]
        if not others:
            raise self._error(f"'{word}' does not refer to anything")
        return _Phrase((others[-1],))

    def things(self) -> list[_Phrase]:
        """Read what an order is about, and make it what `it` refers to."""
        word = self.reader.peek()
        elided = word in _PREPOSITIONS and bool(self.topic)  # `cook the egg and put in the fridge`
        if elided or self.reader.take(*lexicon.PRONOUNS):
            if not self.topic:
                raise self._error(f"'{word}' does not refer to anything")
            return [_Phrase(self.topic)]
        phrases = [self.noun_phrase()]
        while self._another_follows():
            self.reader.take(",")
            self.reader.take("and")
            phrases.append(self.noun_phrase())
        self.topic = tuple(term for phrase in phrases for term in phrase.terms)
        return phrases

    def _another_follows(self) -> bool:
        """Whether `and` joins a further thing rather than a further order."""
        start = self.reader.at
        joined = self.reader.take(",") | self.reader.take("and")
        word = self.reader.peek()
        follows = joined and self._phrase_here() and word not in lexicon.ANOTHER
        self.reader.at = start
        return follows

    def _phrase_here(self) -> bool:
        """Whether a noun phrase starts here, and not an order (`clean` may begin both)."""
        word = self.reader.peek()
        if word in lexicon.VERBS or not word:
            return False
        opens = word in _DETERMINERS or word in lexicon.ADJECTIVES or word in lexicon.NUMBERS
        return opens or word.isdigit() or self._noun_here() > 0

    def noun_phrase(self) -> _Phrase:
        definite, another, count = self._determiners()
        states: list[str] = []
        while (word := self.reader.peek()) in lexicon.ADJECTIVES and not self._noun_here():
            states.append(lexicon.ADJECTIVES[word])
            self.reader.at += 1
            self.reader.take("and", ",")
        label = self._noun(elliptic=another)
        if self.reader.take("slice", "slices", "piece", "pieces"):
            states.append("sliced")
        if count == _ALL:
            count = self._count_of(label)
        terms = self._refer(label, count, definite=definite, another=another)
        return _Phrase(terms, tuple(dict.fromkeys(states)))

    def _determiners(self) -> tuple[bool, bool, int]:
        definite, another, count = True, False, 1
        while word := self.reader.peek():
            if word in lexicon.DEFINITE:
                definite = True
            elif word in lexicon.INDEFINITE:
                definite = False
            elif word in lexicon.ANOTHER:
                another = True
            elif word in lexicon.ALL:
                count = _ALL
            elif word.isdigit() or word in lexicon.NUMBERS:
                count = int(word) if word.isdigit() else lexicon.NUMBERS[word]
            elif word != "of" or self.reader.at == 0:
                break
            self.reader.at += 1
        if count != _ALL and not 1 <= count <= 20:
            raise self._error(f"a count must lie in 1..20, got {count}")
        return definite, another, count

    def _noun_here(self) -> int:
        """Length of the longest known name that starts here, 0 without one."""
        lengths = range(min(_LONGEST_NAME, len(self.reader.words) - self.reader.at), 0, -1)
        at = self.reader.at
        return next((n for n in lengths if self.nouns.label(self.reader.words[at : at + n])), 0)

    def _noun(self, *, elliptic: bool) -> str:
        length = self._noun_here()
        if not length and elliptic and self.topic and self.reader.peek() in _PREPOSITIONS:
            return self.topic[0].label  # `another on the shelf`
        if not length:
            raise self._unknown_noun()
        words = self.reader.words[self.reader.at : self.reader.at + length]
        self.reader.at += length
        label = self.nouns.label(words)
        assert label is not None, "_noun_here found it"
        return label

    def _unknown_noun(self) -> GoalError:
        word = self.reader.peek()
        if not word.isalnum():
            return self._error("the sentence ends where an object should be named")
        self.reader.at += 1
        describes = self._noun_here() > 0
        self.reader.at -= 1
        kind = "a description" if describes else "an object"
        near = self.nouns.nearest(word)
        hint = f"Did you mean {_either(near)}?" if near else ""
        if not near and describes:
            hint = f"Known ones: {', '.join(sorted(set(lexicon.ADJECTIVES.values())))}."
        return self._error(f"'{word}' is not {kind} that is known", hint)

    def _count_of(self, label: str) -> int:
        if not self.counts.get(label):
            raise self._error(f"how many '{label}' there are is not known", "Say a number instead.")
        return min(self.counts[label], 20)

    def _refer(self, label: str, count: int, *, definite: bool, another: bool) -> tuple[Term, ...]:
        """Choose the objects: `the mug` is the one spoken of, `another mug` is a new one."""
        before = self.mentioned.get(label, ())
        if before and definite and not another and count <= len(before):
            terms = before[-count:]
        else:
            first = before[-1].number + 1 if before else 1
            terms = tuple(Term(label, first + i) for i in range(count))
            self.mentioned[label] = before + terms
        self.spoken += terms
        return terms

    def _particle(self, *options: str) -> str | None:
        word = self.reader.peek()
        return word if self.reader.take(*options) else None

    def _skip_between(self) -> int:
        return self.reader.skip(lexicon.JOINERS | lexicon.FILLER)

    def _error(self, problem: str, hint: str = "") -> GoalError:
        return GoalError(f"{problem}, in '{self.text.strip()}'. {hint}".strip())


_ALL = -1
_DETERMINERS = lexicon.DEFINITE | lexicon.INDEFINITE | lexicon.ANOTHER | lexicon.ALL
_PREPOSITIONS = (
    lexicon.ON_WORDS | lexicon.IN_WORDS | lexicon.TO_WORDS | lexicon.FROM_WORDS | {"out"}
)


def _relation(word: str, place: str) -> str:
    if word in lexicon.ON_WORDS:
        return "on"
    if word in lexicon.IN_WORDS:
        return "in"
    return "in" if place in lexicon.CONTAINERS else "on"


def _with_state(thing: _Phrase, state: str) -> list[Atom]:
    """Adjectives tell what is meant (`clean the dirty mug`); the order tells what becomes of it."""
    overruled = next((group for group in lexicon.EXCLUSIVE if state in group), frozenset((state,)))
    kept = _Phrase(thing.terms, tuple(s for s in thing.states if s not in overruled))
    return kept.atoms() + [Atom(state, (term,)) for term in thing.terms]


def _drop_overruled(atoms: Sequence[Atom]) -> list[Atom]:
    """Keep the last of contradicting conditions: an object ends in one place and one state."""
    kept: list[Atom] = []
    for atom in atoms:
        kept = [other for other in kept if not _contradict(other, atom)]
        kept.append(atom)
    return kept


def _contradict(first: Atom, second: Atom) -> bool:
    if first == second or first.terms[0] != second.terms[0]:
        return False
    places = [len(atom.terms) == 2 or atom.predicate == "held" for atom in (first, second)]
    if all(places):
        return True
    if any(places):
        return False
    return any({first.predicate, second.predicate} <= group for group in lexicon.EXCLUSIVE)


def _either(words: Sequence[str]) -> str:
    return " or ".join(f"'{word}'" for word in words)
