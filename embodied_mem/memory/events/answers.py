"""Answers to questions about videos: intervals, key frames, how sure; or that it was not seen."""

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.config import Config
from embodied_mem.memory.events.event_graph import relatedness
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import Question
from embodied_mem.memory.events.records import EventRow, ThingRow
from embodied_mem.memory.events.vocabulary import COLOURS
from embodied_mem.memory.fusion import competition_ranks, fuse

TERMS = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
"""Colour terms, in the order of a thing's shares."""

_AS_PEOPLE = 0.6
"""How sure it is that something large that moves is a person."""
_BY_COLOUR = 0.8
"""How sure it is that a thing of the right colour is the thing that was named."""


class AnswerConfig(Config, frozen=True):
    """How events are found."""

    colour: float = 0.3
    """Least share of the asked colours in a thing."""
    candidates: int = 200
    """Most events that words contribute."""
    fits: float = 1.0
    """Weight of how well the filters fit."""
    words: float = 1.0
    """Weight of the words of captions."""
    graph: float = 0.5
    """Weight of what hangs together with what was found."""
    recency: float = 0.3
    """Weight of what is newer, where the order is not asked for."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, with where it is seen."""

    text: str
    video: str
    start: float
    """[s]"""
    stop: float
    """[s]"""
    picture: str
    """Name of the key frame."""
    confidence: float
    """0..1."""
    event: int
    """Number of the event that says so."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question."""

    sentence: str
    """In one sentence."""
    answers: list[Answer]
    """Best first, or in order of time where times are asked for."""
    seen: bool
    """False: it was not seen."""
    unknown: str = ""
    """A word that no event speaks of."""


class Answerer:
    """Answers questions from an index."""

    def __init__(self, index: EventIndex, config: AnswerConfig | None = None):
        self.index = index
        self.config = config or AnswerConfig()
        self._videos = {video.id: video for video in index.videos()}
        self._things = {thing.id: thing for thing in index.things()}

    @property
    def duration(self) -> float:
        """Length of the longest video [s]."""
        return max((video.seconds for video in self._videos.values()), default=0.0)

    def __call__(self, question: Question, limit: int = 5) -> Reply:
        """Answer a question."""
        unknown = [word for word in question.words if not self.index.search_text([word], 1)]
        if unknown:
            return _not_seen(f"nothing here is known as '{unknown[0]}'", unknown[0])
        found = self._ranked(question)
        if not found:
            return _not_seen("nothing that fits was seen")
        if question.wanted == "count":
            return self._count(question, found, limit)
        if question.wanted == "where":
            return self._where(question, found, limit)
        answers = [self._answer(question, event, fit) for event, fit in found[:limit]]
        if question.wanted == "whether":
            return Reply(sentence=f"yes: {answers[0].text}", answers=answers, seen=True)
        first = answers[0]
        sentence = first.text
        if question.wanted == "when":
            sentence = f"{_interval(first.start, first.stop)} of {first.video}: {first.text}"
        return Reply(sentence=sentence, answers=answers, seen=True)

    # -- finding -----------------------------------------------------------------------------------

    def _ranked(self, question: Question) -> list[tuple[EventRow, float]]:
        """Return the events that fit, best first, and how well they do, 0..1."""
        events = self._candidates(question)
        fits = np.array([self._fit(question, event) for event in events])
        events = [event for event, fit in zip(events, fits, strict=True) if fit > 0]
        fits = fits[fits > 0]
        if not events:
            return []
        texts = self._text_scores(question, events)
        if question.words:
            events = [event for event, score in zip(events, texts, strict=True) if score > 0]
            fits, texts = fits[texts > 0], texts[texts > 0]
            if not events:
                return []
        if question.order is not None:
            return _in_order(question, events, fits)
        related = relatedness(events, fits * (1 + texts))
        newer = np.array([event.start for event in events]) + 1e-6
        ranks = {
            "fits": competition_ranks(np.round(fits, 3)),
            "words": competition_ranks(texts),
            "graph": competition_ranks(np.round(related, 9)),
            "recency": competition_ranks(newer),
        }
        config = self.config
        weights = {"fits": config.fits, "words": config.words, "graph": config.graph,
                   "recency": config.recency}  # fmt: skip
        total = fuse(ranks, weights)
        order = np.lexsort((np.arange(len(events)), -total))
        return [(events[number], float(fits[number])) for number in order]

    def _candidates(self, question: Question) -> list[EventRow]:
        """Return the events of the kinds that are asked for; moments, where none are."""
        kinds: list[object] = [*sorted(_kinds(question))]
        where, values = _within(question)
        if kinds:
            marks = ", ".join("?" * len(kinds))
            return self.index.events(f"kind IN ({marks}) AND {where}", [*kinds, *values])
        if question.colours or question.movers or question.words:
            return self.index.events(f"level IN ('moment', 'segment') AND {where}", values)
        return self.index.events(f"level = 'moment' AND {where}", values) or self.index.events(
            f"level = 'segment' AND {where}", values
        )

    def _fit(self, question: Question, event: EventRow) -> float:
        """Return how well an event fits the filters, 0 where it does not."""
        fit = event.confidence if event.level == "moment" else 0.5 * event.confidence
        subject = self._subject(event)
        if question.movers and (subject is None or subject.kind != "mover"):
            return 0.0
        if question.people:
            fit *= _AS_PEOPLE
        if question.colours:
            share = 0.0 if subject is None else colour_share(subject, question.colours)
            if share < self.config.colour:
                return 0.0
            fit *= share
        if question.named:
            fit *= _BY_COLOUR
        if not _in_region(event, question):
            return 0.0
        return fit

    def _subject(self, event: EventRow) -> ThingRow | None:
        names = [thing for thing, role in event.things if role == "it"]
        return self._things.get(names[0]) if names else None

    def _text_scores(self, question: Question, events: list[EventRow]) -> Float[np.ndarray, "n"]:
        words = [*question.words, *question.colours]
        scores = dict(self.index.search_text(words, self.config.candidates))
        return np.array([scores.get(event.id, 0.0) for event in events])

    # -- telling -----------------------------------------------------------------------------------

    def _answer(self, question: Question, event: EventRow, fit: float) -> Answer:
        caveat = ""
        if question.named:
            caveat = f" (taken for the {question.named[0]} by its colour)"
        elif question.people:
            caveat = " (taken for a person because it moves)"
        return Answer(
            text=event.caption + caveat,
            video=self._videos[event.video].name,
            start=event.start,
            stop=event.stop,
            picture=event.picture,
            confidence=round(min(fit, 1.0), 2),
            event=event.id,
        )

    def _count(self, question: Question, found: list[tuple[EventRow, float]], limit: int) -> Reply:
        found = sorted(found, key=lambda pair: (pair[0].video, pair[0].start))
        answers = [self._answer(question, event, fit) for event, fit in found]
        noun = _COUNTED.get(found[0][0].kind, "event")
        plural = "" if len(found) == 1 else "s"
        return Reply(
            sentence=f"{len(found)} {noun}{plural}", answers=answers[: max(limit, 50)], seen=True
        )

    def _where(self, question: Question, found: list[tuple[EventRow, float]], limit: int) -> Reply:
        """Tell where the likeliest thing is or was, and where it is hidden if it is."""
        best, fit = found[0]
        subject = self._subject(best)
        answers = [self._answer(question, event, fit) for event, fit in found[:limit]]
        if subject is None:
            return Reply(sentence=f"{best.caption}", answers=answers, seen=True)
        story = self._story(subject, question)
        if not story:
            story = [best]
        told = story[-1]
        sentence = f"{told.caption} ({_interval(told.start, told.stop)} of {answers[0].video})"
        if told.kind == "hidden":
            until = self._revealed(subject, told)
            if until is not None:
                sentence += f"; it was seen again at {until.start:.1f} s, {_at(until.region)}"
        lead = self._answer(question, told, fit)
        rest = [answer for answer in answers if answer.event != told.id]
        return Reply(sentence=sentence, answers=[lead, *rest][:limit], seen=True)

    def _story(self, subject: ThingRow, question: Question) -> list[EventRow]:
        """Return what tells where a thing was, up to the time asked about."""
        kinds = _kinds(question) or {"presence", "visit", "moved", "hidden", "revealed", "came"}
        events = self.index.events(
            "id IN (SELECT event FROM event_things WHERE thing = ? AND role = 'it')", (subject.id,)
        )
        return [
            event
            for event in sorted(events, key=lambda event: (event.stop, event.start))
            if event.kind in kinds and _in_time(event, question)
        ]

    def _revealed(self, subject: ThingRow, hidden: EventRow) -> EventRow | None:
        events = self.index.events(
            "kind = 'revealed' AND start >= ? AND id IN "
            "(SELECT event FROM event_things WHERE thing = ?)",
            (hidden.start, subject.id),
        )
        return events[0] if events else None


_COUNTED = {"visit": "visit", "presence": "thing", "came": "coming", "left": "leaving",
            "moved": "move", "hidden": "hiding", "revealed": "reappearance"}  # fmt: skip


def colour_share(thing: ThingRow, colours: tuple[str, ...]) -> float:
    """Return how far a thing has the colours of some words; likely readings count more."""
    total = 0.0
    for word in colours:
        for place, term in enumerate(COLOURS[word]):
            total += thing.colours[TERMS.index(term)] * (1.0 if place == 0 else 0.6)
    return min(total, 1.0)


def _kinds(question: Question) -> frozenset[str]:
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


def _in_time(event: EventRow, question: Question) -> bool:
    early = question.before is not None and event.start > question.before
    late = question.after is not None and max(event.stop, event.start) < question.after
    return not (early or late)


def _in_region(event: EventRow, question: Question) -> bool:
    words = set(event.region.split())
    if question.row is not None and question.row not in words:
        return False
    if question.column is not None and question.column not in words:
        return False
    return not question.middle or "middle" in words or not event.region


def _in_order(
    question: Question, events: list[EventRow], fits: Float[np.ndarray, "n"]
) -> list[tuple[EventRow, float]]:
    """Return events by time, the first or the last before the others."""
    sign = 1 if question.order == "first" else -1
    pairs = [(event, float(fit)) for event, fit in zip(events, fits, strict=True)]
    return sorted(pairs, key=lambda pair: (sign * pair[0].start, -pair[1], pair[0].id))


def _interval(start: float, stop: float) -> str:
    if stop - start < 0.05:
        return f"at {_clock(start)}"
    return f"from {_clock(start)} to {_clock(stop)}"


def _clock(seconds: float) -> str:
    """Return a time as people say it: 75.0 s, 1:02:03."""
    if seconds < 600:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _at(region: str) -> str:
    return "in the middle" if region == "middle" else f"at the {region}"


def _not_seen(reason: str, unknown: str = "") -> Reply:
    return Reply(sentence=f"not seen: {reason}.", answers=[], seen=False, unknown=unknown)
