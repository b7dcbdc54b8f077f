"""From coarse to fine: what the memory does not answer is looked for again in the video itself."""

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import BackendError
from embodied_mem.memory.events.answers import Answerer, Reply
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.intervals import Interval, without
from embodied_mem.memory.events.question import Question
from embodied_mem.memory.events.records import EventRow
from embodied_mem.memory.text import TextEncoder
from perception.video.closer import Closer
from perception.video.intake import detector_of

_QUIET = "Nothing moved."


class BacktrackConfig(Config, frozen=True):
    """When to look again, and how long."""

    sure: float = 0.35
    """An answer that is believed so much needs no second look."""
    budget: float = 60.0
    """Most of the videos that is looked at again for one question [s]; 0 never looks."""


class Backtracked(msgspec.Struct, frozen=True, kw_only=True):
    """A reply, and what it took."""

    reply: Reply
    looked: float
    """How much of the videos was looked at again [s]."""
    found: int
    """Events that were new."""


def answer(
    index: EventIndex,
    question: Question,
    limit: int = 5,
    config: BacktrackConfig | None = None,
    encoder: TextEncoder | None = None,
) -> Backtracked:
    """Answer a question; look again where that may help, the likeliest segments first.

    Args:
        index: Open for writing, unless the budget is 0.
        question: What is asked.
        limit: Most answers.
        config: When to look again.
        encoder: Compares what captions mean.
    """
    settings = config or BacktrackConfig()
    reply = Answerer(index, encoder=encoder)(question, limit)
    closer, found = Closer(index), 0
    for video, part in _parts(index, question) if _may_help(reply, question) else []:
        left = settings.budget - closer.seconds
        if _is_sure(reply, settings) or left <= 0:
            break
        try:
            found += closer(video, (part[0], min(part[1], part[0] + left)))
        except BackendError:
            break  # The video is gone: the memory alone answers.
        reply = Answerer(index, encoder=encoder)(question, limit)
    return Backtracked(reply=reply, looked=closer.seconds, found=found)


def _may_help(reply: Reply, question: Question) -> bool:
    """Return whether a closer look may tell more: not where a word means nothing here."""
    return not reply.unknown and question.wanted in {"when", "where", "whether"}


def _is_sure(reply: Reply, config: BacktrackConfig) -> bool:
    return reply.seen and max(found.confidence for found in reply.answers) >= config.sure


def _parts(index: EventIndex, question: Question) -> list[tuple[int, Interval]]:
    """Return what nobody looked at closely yet of the asked time, the likeliest segments first.

    What a detector looked at has no closer look: its weights are not here.
    """
    asked = set(question.colours)

    def unlikely(segment: EventRow) -> tuple[int, bool, float, int]:
        told = set(segment.caption.lower().rstrip(".").replace(",", "").split())
        return -len(asked & told), segment.caption.startswith(_QUIET), -segment.surprise, segment.id

    videos = [video for video in index.videos() if detector_of(video) is None]
    looks = {video.id: index.looks(video.id) for video in videos}
    segments = index.events("level = 'segment' AND refined = 0")
    return [
        (segment.video, part)
        for segment in sorted(segments, key=unlikely)
        if segment.video in looks and question.video in {None, segment.video}
        for part in without(_asked(segment, question), looks[segment.video])
    ]


def _asked(segment: EventRow, question: Question) -> Interval:
    """Return the part of a segment that is asked about; empty where it ends before it begins."""
    start = segment.start if question.after is None else max(segment.start, question.after)
    stop = segment.stop if question.before is None else min(segment.stop, question.before)
    return start, stop
