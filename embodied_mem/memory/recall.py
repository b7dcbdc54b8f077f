"""The questions to a memory that are answered in words: search, describe, experience."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from embodied_mem.errors import UnknownObjectError
from embodied_mem.goals import fold
from embodied_mem.memory import description, retrieval
from embodied_mem.memory.areas import Spot, Spots
from embodied_mem.memory.documents import Document, DocumentKind
from embodied_mem.memory.experience import Experience
from embodied_mem.memory.happenings import Happening, HappeningSource
from embodied_mem.memory.persistence import Parts
from embodied_mem.memory.records import Known, Sighting
from embodied_mem.memory.retrieval import Corpus, Finding, RetrievalConfig, Retrieved, past_corpus
from embodied_mem.memory.text import STOP_WORDS, TextEncoder, words
from embodied_mem.types import Action, Percept

_FRAMES = 3
"""Newest frames named for an answer."""
_INSIDE = 8
"""Contents of a thing that are remembered with an action on it."""


class Recall(ABC):
    """Part of `Memory`: what reads all its parts together."""

    _parts: Parts
    retrieval: RetrievalConfig
    """How `search` and `describe` find things."""
    encoder: TextEncoder | None = None
    """Compares meanings in `search`; without one, words and the graph do it alone."""
    happenings: HappeningSource | None = None
    """Where `search` takes happenings from; the log of actions when None."""

    latest: Percept | None
    """The newest percept."""
    _latest_ids: tuple[str, ...]

    def see(self, percept: Percept, ids: Sequence[str]) -> None:
        """Learn what the writer of this memory sees now; a store holds no images.

        Args:
            percept: The newest percept.
            ids: Object of each detection; "" for none.
        """
        self.latest, self._latest_ids = percept, tuple(ids)

    @property
    def experience(self) -> Experience:
        """What past episodes teach; `learn` takes one in, `recall` gives lessons for a goal."""
        return self._parts.experience

    def search(
        self,
        query: str,
        limit: int = 10,
        *,
        at: float | None = None,
        kinds: Sequence[DocumentKind] | None = None,
    ) -> tuple[Retrieved, ...]:
        """Return what a question in any words is about, the best first, each with its provenance.

        Args:
            query: The question: `the mug in the bedroom`, `what I cooked with`.
            limit: Most answers.
            at: As things were known then [s]; now when None.
            kinds: Objects, rooms or events; all when None.
        """
        now = self._parts.stamp if at is None else at
        happenings = [h for h in self._happened() if at is None or h.stamp <= at]
        if at is None:
            corpus, objects = self._present(happenings)
        else:
            known = self._known_at(at)
            corpus = past_corpus(known, self._parts.graph, happenings)
            objects = {thing.object_id: thing for thing in known}
        chosen = kinds or get_args(DocumentKind)
        found = retrieval.rank(
            corpus,
            query,
            self.retrieval,
            kinds=chosen,
            encoder=self.encoder,
            most=4 * limit + 20,
        )
        events = {happening.id: happening for happening in happenings}
        answers = [self._answer(*hit, objects, events, now) for hit in found]
        answers.sort(key=lambda a: (-round(a.score, 9), _is_gone(a), -round(a.confidence, 3)))
        return tuple(answers[:limit])

    def spots(self, question: str, limit: int = 5) -> tuple[Spot, ...]:
        """Return where what a question is about is likeliest to be: spots, and the areas around.

        Args:
            question: In any words: `where is the mug?`, `where can I sit?`.
            limit: Most spots.
        """
        corpus, objects = self._present(self._happened())
        texts = {one.id: one.text for one in corpus.documents if one.kind == "object"}
        asked = [word for word in words(question) if word not in STOP_WORDS]
        meant = retrieval.meant_labels(question, self.retrieval.synonyms)
        labels = {fold(thing.label): thing.label for thing in objects.values()}
        named = [labels[name] for name in meant if name in labels]
        return Spots(list(objects.values()), texts, self.encoder)(" ".join([*asked, *named]), limit)

    def describe(self, goal: str, budget: int = 1000) -> str:
        """Return what a planner's prompt is told: the objects that matter for a goal, a line each.

        The same memory and goal give the same text; what has nothing to do with the goal comes
        last and moves nothing that comes before it.

        Args:
            goal: The task, in any words.
            budget: Most tokens [tokens], by the estimate of `text.count_tokens`.
        """
        wanted = retrieval.meant_labels(goal, self.retrieval.synonyms)
        return description.describe(
            self._known_at(None),
            wanted,
            budget=budget,
            now=self._parts.stamp,
            graph=self._parts.graph,
            changed_at=self._parts.changed_at,
        )

    @abstractmethod
    def where(self, object_id: str, at: float | None = None) -> Sighting:
        """Return where an object was last seen; see `Memory`."""

    def _note(self, action: Action, target: str | None, *, succeeded: bool, stamp: float) -> None:
        """Add an action on a thing to what happened."""
        parts = self._parts
        parts.actions += 1
        inside = [e.object_id for e in parts.objects.children(target)] if target else []
        parts.log.note(
            action.name,
            target,
            succeeded=succeeded,
            stamp=stamp,
            frame=parts.frame,
            inside=inside[:_INSIDE],
        )

    def _present(self, happenings: Sequence[Happening]) -> tuple[Corpus, dict[str, Known]]:
        """Return what is known now, brought up to date where memory changed since the last time."""
        parts = self._parts
        version = (parts.frame, parts.actions, happenings[-1:])
        if parts.index.version != version:
            known = self._known_at(None)
            parts.index.refresh(known, parts.graph, happenings, version)
        return parts.index.corpus, parts.index.known

    def _happened(self) -> Sequence[Happening]:
        return (self.happenings or self._parts.log).happenings()

    def _known_at(self, at: float | None) -> list[Known]:
        """Return all objects as they were known at a time [s]; of the past no states are kept."""
        buffer = self._parts.objects
        known = [buffer.known(entry) for entry in buffer.entries.values()]
        if at is None:
            return known
        found = []
        for thing in known:
            if thing.first_seen > at:
                continue
            try:
                then = self.where(thing.object_id, at)
            except UnknownObjectError:  # Older than what is kept of it.
                continue
            found.append(
                replace(
                    thing,
                    box=then.box,
                    status=then.status,
                    placement=then.placement,
                    room=then.room,
                    last_seen=then.stamp,
                    attributes={},
                )
            )
        return found

    def _answer(
        self,
        document: Document,
        score: float,
        found_by: tuple[Finding, ...],
        objects: dict[str, Known],
        events: dict[str, Happening],
        now: float,
    ) -> Retrieved:
        known, event = objects.get(document.id), events.get(document.id)
        graph = self._parts.graph
        text, confidence, stamp, frames = document.text, 1.0, now, ()
        if known is not None:
            room = description.room_name(graph, known.room)
            text = description.line_for(known, now=now, room=room)
            confidence, stamp = known.confidence, known.last_seen
            entry = self._parts.objects.entries[known.object_id]
            seen = [s.frame for s in entry.history if s.stamp <= now] or [entry.frame]
            frames = tuple(seen[-_FRAMES:])
        elif event is not None:
            text = f"{event.words}: {', '.join(event.objects)}"
            confidence, stamp = event.certainty, event.stamp
            frames = (event.frame,) if event.frame is not None else ()
        elif document.id in graph:
            text, stamp = description.room_name(graph, document.id), graph[document.id].last_seen
        return Retrieved(
            id=document.id,
            kind=document.kind,
            text=text,
            score=score,
            found_by=found_by,
            confidence=confidence,
            stamp=stamp,
            age=max(now - stamp, 0.0),
            frames=frames,
            known=known,
        )


def _is_gone(answer: Retrieved) -> bool:
    return answer.known is not None and answer.known.status == "gone"
