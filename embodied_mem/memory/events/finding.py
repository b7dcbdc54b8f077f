"""Which events a question is about: filters, then one ranking of several."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.config import Config
from embodied_mem.memory.events.event_graph import relatedness
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import Question
from embodied_mem.memory.events.records import EventRow, ThingRow
from embodied_mem.memory.events.vectors import VectorSearch
from embodied_mem.memory.events.vocabulary import COLOURS, MOVERS, PEOPLE
from embodied_mem.memory.fusion import competition_ranks, fuse
from embodied_mem.memory.text import TextEncoder, singular

TERMS = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
"""Colour terms, in the order of a thing's shares."""

_AS_PEOPLE = 0.6
"""How sure it is that something large that moves is a person, where no detector says so."""
_BY_COLOUR = 0.8
"""How sure it is that a thing of the right colour is the one that was named, where no detector says
so."""


class AnswerConfig(Config, frozen=True):
    """How events are found."""

    colour: float = 0.3
    """Least share of the asked colours in a thing."""
    candidates: int = 200
    """Most events that a picture alone contributes."""
    fits: float = 1.0
    """Weight of how well the filters fit."""
    words: float = 1.0
    """Weight of the words of captions."""
    graph: float = 0.5
    """Weight of what hangs together with what was found."""
    recency: float = 0.3
    """Weight of what is newer, where the order is not asked for."""
    looks: float = 1.0
    """Weight of how much a picture looks like the one that is asked with."""
    alike: float = 0.9
    """Least cosine of pictures that look alike."""
    meaning: float = 1.0
    """Weight of what a caption means, where an encoder of text is given."""
    least_meaning: float = 0.3
    """Least cosine of a caption that means what is asked."""


class Found(msgspec.Struct, frozen=True):
    """An event that a question is about."""

    event: EventRow
    fit: float
    """How well it fits, 0..1."""


class Finder:
    """Finds the events of an index that a question is about."""

    def __init__(
        self,
        index: EventIndex,
        config: AnswerConfig | None = None,
        encoder: TextEncoder | None = None,
    ):
        """Look at an index.

        Args:
            index: Where the events are.
            config: How.
            encoder: Compares what captions mean; without one words are compared.
        """
        self.index, self.encoder = index, encoder
        self.config = config or AnswerConfig()
        self._things = {thing.id: thing for thing in index.things()}
        self._named: defaultdict[str, set[str]] = defaultdict(set)
        for thing in self._things.values():
            for word in _words(thing):
                self._named[word].add(thing.kind)

    def __call__(
        self, question: Question, like: Float[np.ndarray, "d"] | None = None
    ) -> list[Found]:
        """Return the events that fit, best first.

        Args:
            question: What is asked.
            like: How a picture looks that they look like.
        """
        if like is not None and not question.text:
            return self._alike(question, like)
        condition, values = self._candidates(question)
        events = self.index.events(condition, values)
        cosines = None if like is None else _cosines(events, like)
        fits = np.array([self._fit(question, event) for event in events])
        if cosines is not None:
            fits *= np.where(cosines >= self.config.alike, np.minimum(cosines, 1.0), 0.0)
        words = [*question.words, *question.colours]
        matching = dict(self.index.search_text(words, condition=condition, values=values))
        texts = np.array([matching.get(event.id, 0.0) for event in events])
        meanings = self._meanings(question, events)
        fitting = fits > 0
        if question.words:
            fitting &= (texts > 0) | (meanings > 0)
        if not fitting.any():
            return []
        events = [event for event, fits_ in zip(events, fitting, strict=True) if fits_]
        fits, texts, meanings = fits[fitting], texts[fitting], meanings[fitting]
        if question.order is not None:
            return _in_order(question, events, fits)
        scores = {
            "fits": np.round(fits, 3),
            "words": texts,
            "meaning": meanings,
            "graph": np.round(relatedness(events, fits * (1 + texts)), 9),
            "recency": np.array([event.start for event in events]) + 1e-6,
        }
        if cosines is not None:
            scores["looks"] = np.maximum(cosines[fitting], 0.0)
        return self._fused(events, fits, scores)

    def subject(self, event: EventRow) -> ThingRow | None:
        """Return the thing that an event is about."""
        names = [thing for thing, role in event.things if role == "it"]
        return self._things.get(names[0]) if names else None

    def unknown(self, question: Question) -> str:
        """Return a word of a question that no caption has; none where meanings are compared."""
        if self.encoder is not None:
            return ""
        words = (word for word in question.words if not self.index.search_text([word], 1))
        return next(words, "")

    def _fused(
        self,
        events: list[EventRow],
        fits: Float[np.ndarray, "n"],
        scores: dict[str, Float[np.ndarray, "n"]],
    ) -> list[Found]:
        """Return events in the order of reciprocal rank fusion, older ones first among equals."""
        config = self.config
        weights = {"fits": config.fits, "words": config.words, "graph": config.graph,
                   "recency": config.recency, "looks": config.looks,
                   "meaning": config.meaning}  # fmt: skip
        total = fuse({part: competition_ranks(row) for part, row in scores.items()}, weights)
        order = np.lexsort((np.arange(len(events)), -total))
        return [Found(events[number], float(fits[number])) for number in order]

    def _alike(self, question: Question, like: Float[np.ndarray, "d"]) -> list[Found]:
        """Return what looks like a picture, most alike first; nothing else tells what is meant."""
        where, values = _within(question)
        if where == "1":
            near = VectorSearch(self.index, len(like))(like, self.config.candidates)
            where = f"id IN ({', '.join('?' * len(near))})"
            values = [number for number, _ in near]
        events = self.index.events(where, values)
        cosines = np.minimum(_cosines(events, like), 1.0)
        order = np.argsort(-cosines, kind="stable")[: self.config.candidates]
        found = [Found(events[number], float(cosines[number])) for number in order]
        return [one for one in found if one.fit >= self.config.alike]

    def _candidates(self, question: Question) -> tuple[str, list[object]]:
        """Return which events may answer, as a condition in SQL with its values.

        Those of the kinds that are asked for, else moments, or segments where no moments are.
        """
        kinds: list[object] = [*sorted(self._kinds(question))]
        within, values = _within(question)
        if kinds:
            marks = ", ".join("?" * len(kinds))
            return f"kind IN ({marks}) AND {within}", [*kinds, *values]
        broad = question.colours or question.movers or question.words
        if broad or not self.index.has_events(f"level = 'moment' AND {within}", values):
            return f"level IN ('moment', 'segment') AND {within}", values
        return f"level = 'moment' AND {within}", values

    def _kinds(self, question: Question) -> frozenset[str]:
        """Return the kinds of events that may answer, where things may have names.

        What moves by itself comes, leaves, and is seen on a visit; other things are there.
        """
        kinds = wanted_kinds(question)
        named = {kind for word in question.words for kind in self._named.get(word, ())}
        counted = question.wanted == "count" and not kinds
        if "thing" in named and (counted or kinds & {"came", "left"}):
            kinds |= {"presence"}
        if (question.movers or "mover" in named) and (counted or "presence" in kinds):
            kinds |= {"visit"}
        return kinds

    def _fit(self, question: Question, event: EventRow) -> float:
        """Return how well an event fits the filters, 0 where it does not."""
        fit = event.confidence if event.level == "moment" else 0.5 * event.confidence
        subject = self.subject(event)
        if question.movers:
            fit *= 0.0 if subject is None else _fit_of_mover(subject, question)
        if question.colours:
            share = 0.0 if subject is None else colour_share(subject, question.colours)
            if share < self.config.colour:
                return 0.0
            fit *= share
        if question.named:
            fit *= 0.0 if subject is None else _fit_of_name(subject, question)
        if not _in_region(event, question):
            return 0.0
        return fit

    def _meanings(self, question: Question, events: Sequence[EventRow]) -> Float[np.ndarray, "n"]:
        """Return cosines of captions and the question, 0 where they are not alike."""
        if self.encoder is None or not events:
            return np.zeros(len(events))
        captions = list(dict.fromkeys(event.caption for event in events))
        cosines = self.encoder(captions) @ self.encoder([question.text])[0]
        known = dict(zip(captions, cosines, strict=True))
        found = np.array([float(known[event.caption]) for event in events])
        return np.where(found >= self.config.least_meaning, found, 0.0)


def colour_share(thing: ThingRow, colours: tuple[str, ...]) -> float:
    """Return how far a thing has the colours of some words; likely readings count more."""
    total = 0.0
    for word in colours:
        for place, term in enumerate(COLOURS[word]):
            total += thing.colours[TERMS.index(term)] * (1.0 if place == 0 else 0.6)
    return min(total, 1.0)


def _words(thing: ThingRow) -> set[str]:
    """Return the words of a thing's name, in the singular; none where it has no name."""
    return {singular(word) for word in thing.name.split()}


def _fit_of_mover(thing: ThingRow, question: Question) -> float:
    """Return how sure it is that a thing is the person, or the other mover, that is asked about."""
    if thing.name:
        asked = PEOPLE if question.people else MOVERS - PEOPLE
        return float(not asked.isdisjoint(_words(thing)))
    if thing.kind != "mover":
        return 0.0
    return _AS_PEOPLE if question.people else 1.0


def _fit_of_name(thing: ThingRow, question: Question) -> float:
    """Return how sure it is that a thing is what a noun beside a colour names."""
    return float(not _words(thing).isdisjoint(question.named)) if thing.name else _BY_COLOUR


def wanted_kinds(question: Question) -> frozenset[str]:
    """Return the kinds of events that may answer a question."""
    kinds = question.kinds
    if question.wanted == "count" and question.movers:
        return frozenset({"visit"})
    if question.wanted == "count" and not kinds and not question.words:
        return frozenset({"presence"}) if question.colours else frozenset({"visit"})
    if kinds & {"came", "left"} and (question.colours or not question.movers):
        return kinds | {"presence"} if question.colours else kinds
    return kinds


def _within(question: Question) -> tuple[str, list[object]]:
    """Return a question's video and times as a condition in SQL, with its values."""
    parts: list[tuple[str, object]] = [
        ("video = ?", question.video),
        ("stop >= ?", question.after),
        ("start <= ?", question.before),
    ]
    asked = [(condition, value) for condition, value in parts if value is not None]
    where = " AND ".join(condition for condition, _ in asked) or "1"
    return where, [value for _, value in asked]


def _in_region(event: EventRow, question: Question) -> bool:
    words = set(event.region.split())
    if question.row is not None and question.row not in words:
        return False
    if question.column is not None and question.column not in words:
        return False
    return not question.middle or "middle" in words or not event.region


def _in_order(
    question: Question, events: list[EventRow], fits: Float[np.ndarray, "n"]
) -> list[Found]:
    """Return events by time, the first or the last before the others."""
    sign = 1 if question.order == "first" else -1
    found = [Found(event, float(fit)) for event, fit in zip(events, fits, strict=True)]
    return sorted(found, key=lambda one: (sign * one.event.start, -one.fit, one.event.id))


def _cosines(events: Sequence[EventRow], like: Float[np.ndarray, "d"]) -> Float[np.ndarray, "n"]:
    """Return cosines of how events look and a picture does; 0 for vectors of another kind."""
    query = like / max(float(np.linalg.norm(like)), 1e-12)
    found = np.zeros(len(events))
    for row, event in enumerate(events):
        if event.vector is not None and event.vector.shape == query.shape:
            found[row] = float(event.vector.astype(np.float32) @ query)
    return found
