"""Answers to questions about videos: intervals, key frames, how sure; or that it was not seen."""

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.memory.events.finding import AnswerConfig, Finder, Found, wanted_kinds
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import Question
from embodied_mem.memory.events.records import EventRow, ThingRow
from embodied_mem.memory.text import TextEncoder


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

    def __init__(
        self,
        index: EventIndex,
        config: AnswerConfig | None = None,
        encoder: TextEncoder | None = None,
    ):
        """Look at an index.

        Args:
            index: Where the events are.
            config: How they are found.
            encoder: Compares what captions mean; without one words are compared.
        """
        self.index, self.config, self.encoder = index, config, encoder
        self._find = Finder(index, config, encoder)
        self._videos = {video.id: video for video in index.videos()}

    @property
    def duration(self) -> float:
        """Length of the longest video [s]."""
        return max((video.seconds for video in self._videos.values()), default=0.0)

    def __call__(
        self, question: Question, limit: int = 5, like: Float[np.ndarray, "d"] | None = None
    ) -> Reply:
        """Answer a question.

        Args:
            question: What is asked; it may have no words where a picture is given.
            limit: Most answers.
            like: How a picture looks that is asked with.
        """
        unknown = self._find.unknown(question)
        if unknown:
            return _not_seen(f"nothing here is known as '{unknown}'", unknown)
        found = self._find(question, like)
        if not found:
            alike = "nothing that looks alike" if like is not None else "nothing that fits"
            return _not_seen(f"{alike} was seen")
        if question.wanted == "count":
            return self._count(question, found, limit)
        if question.wanted == "where":
            return self._where(question, found, limit)
        answers = [self._answer(question, one) for one in found[:limit]]
        first = answers[0]
        sentence = first.text
        if question.wanted == "whether":
            sentence = f"yes: {first.text}"
        elif question.wanted == "when" or like is not None:
            sentence = f"{_interval(first.start, first.stop)} of {first.video}: {first.text}"
        return Reply(sentence=sentence, answers=answers, seen=True)

    # -- telling -----------------------------------------------------------------------------------

    def _answer(self, question: Question, found: Found) -> Answer:
        event = found.event
        return Answer(
            text=event.caption + self._caveat(question, event),
            video=self._videos[event.video].name,
            start=event.start,
            stop=event.stop,
            picture=event.picture,
            confidence=round(min(found.fit, 1.0), 2),
            event=event.id,
        )

    def _caveat(self, question: Question, event: EventRow) -> str:
        """Tell what is only believed of an event's thing, where no detector names it."""
        subject = self._find.subject(event)
        if subject is not None and subject.name:
            return ""
        if question.named:
            return f" (taken for the {question.named[0]} by its colour)"
        return " (taken for a person because it moves)" if question.people else ""

    def _count(self, question: Question, found: list[Found], limit: int) -> Reply:
        found = sorted(found, key=lambda one: (one.event.video, one.event.start))
        answers = [self._answer(question, one) for one in found]
        noun = _COUNTED.get(found[0].event.kind, "event")
        plural = "" if len(found) == 1 else "s"
        return Reply(
            sentence=f"{len(found)} {noun}{plural}", answers=answers[: max(limit, 50)], seen=True
        )

    def _where(self, question: Question, found: list[Found], limit: int) -> Reply:
        """Tell where the likeliest thing is or was, and where it is hidden if it is."""
        best = found[0].event
        subject = self._find.subject(best)
        answers = [self._answer(question, one) for one in found[:limit]]
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
        lead = self._answer(question, Found(told, found[0].fit))
        rest = [answer for answer in answers if answer.event != told.id]
        return Reply(sentence=sentence, answers=[lead, *rest][:limit], seen=True)

    def _story(self, subject: ThingRow, question: Question) -> list[EventRow]:
        """Return what tells where a thing was, up to the time asked about."""
        kinds = wanted_kinds(question) or {
            "presence",
            "visit",
            "moved",
            "hidden",
            "revealed",
            "came",
        }
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


def _in_time(event: EventRow, question: Question) -> bool:
    early = question.before is not None and event.start > question.before
    late = question.after is not None and max(event.stop, event.start) < question.after
    return not (early or late)


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
