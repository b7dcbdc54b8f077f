"""Finding what a question is about: by label, by words, by meaning, and by what hangs together.

Four parts rank the objects, rooms and happenings; reciprocal rank fusion makes one ranking of them,
and each result says which part found it, on which rank, with which score. Nothing is computed when
memory is written: the next question brings the index up to date, where things differ.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32
from msgspec import field

from embodied_mem.config import Config
from embodied_mem.goals import fold
from embodied_mem.memory import beside
from embodied_mem.memory.documents import (
    Document,
    DocumentKind,
    distinct,
    done_to,
    happening_text,
    object_text,
    room_text,
)
from embodied_mem.memory.fusion import competition_ranks, fuse
from embodied_mem.memory.happenings import Happening
from embodied_mem.memory.knowledge_graph import KnowledgeGraph
from embodied_mem.memory.pagerank import personalised_pagerank
from embodied_mem.memory.records import Known
from embodied_mem.memory.scene_graph import SceneGraph
from embodied_mem.memory.text import LexicalIndex, TextEncoder, phrases

Part = Literal["label", "words", "meaning", "graph"]
_ANCHORS = 10
"""Most equally good readings of what something is to be beside."""


class PartWeights(Config, frozen=True):
    """Weight of each part in the fusion; 0 leaves it out."""

    label: float = 1.0
    words: float = 1.0
    meaning: float = 1.0
    graph: float = 0.5

    def by_part(self) -> dict[str, float]:
        """Return the weights by part."""
        return {
            "label": self.label,
            "words": self.words,
            "meaning": self.meaning,
            "graph": self.graph,
        }


class RetrievalConfig(Config, frozen=True):
    """How the parts of retrieval work together."""

    weights: PartWeights = PartWeights()
    damping: float = 0.5
    """Chance that the walk over the graph goes on."""
    candidates: int = 100
    """Most results that one part contributes."""
    seeds: int = 10
    """Most documents found by words from which the walk starts."""
    least_meaning: float = 0.3
    """Least cosine for the part that compares vectors."""
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels that a word or phrase may mean: `{"couch": ["Sofa"]}`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """That one part found something."""

    part: Part
    rank: int
    """From 1; equal scores share a rank."""
    score: float
    """The part's own: 1 for a label, BM25, cosine, share of the walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """One answer, with how it is known."""

    id: str
    kind: DocumentKind
    text: str
    """What is known, as a line."""
    score: float
    """Of the fusion."""
    found_by: tuple[Finding, ...]
    confidence: float
    """Belief that it is so, 0..1."""
    stamp: float
    """When it was last seen, or happened [s]."""
    age: float
    """Time asked for minus `stamp` [s]."""
    frames: tuple[int, ...]
    """Numbers of the newest percepts that showed it, newest last."""
    known: Known | None = None
    """The object, if it is one."""


@dataclass(slots=True)
class Corpus:
    """Documents, how they hang together, and the state of what was derived from them."""

    documents: list[Document] = dataclass_field(default_factory=list)
    texts: list[str] = dataclass_field(default_factory=list)
    which: list[int] = dataclass_field(default_factory=list)
    """Which of the texts each document has."""
    lexical: LexicalIndex = dataclass_field(default_factory=lambda: LexicalIndex(()))
    vectors: Float32[np.ndarray, "t d"] | None = None
    encoder: TextEncoder | None = None
    graph: KnowledgeGraph = dataclass_field(default_factory=KnowledgeGraph)
    kinds: np.ndarray = dataclass_field(init=False)
    """Kind of each document."""
    labels: dict[str, list[int]] = dataclass_field(init=False)
    """Numbers of the documents of each label."""

    def __post_init__(self) -> None:
        self.kinds = np.array([document.kind for document in self.documents], "U8")
        self.labels = {}
        for number, document in enumerate(self.documents):
            if document.label:
                self.labels.setdefault(document.label, []).append(number)


@dataclass(slots=True)
class SearchIndex:
    """The corpus of a memory, kept between questions."""

    corpus: Corpus = dataclass_field(default_factory=Corpus)
    _objects: dict[str, tuple[Known, tuple[str, str, str], Document]] = dataclass_field(
        default_factory=dict
    )
    known: dict[str, Known] = dataclass_field(default_factory=dict)
    """The objects in the corpus."""
    version: object = None
    """Of the memory that the corpus was made from."""

    def refresh(
        self,
        known: Sequence[Known],
        graph: SceneGraph,
        happenings: Sequence[Happening],
        version: object,
    ) -> Corpus:
        """Bring the corpus up to date and return it.

        Args:
            known: All objects.
            graph: What they are on, in and near.
            happenings: What was done to them.
            version: Differs whenever graph or happenings do.
        """
        documents, changed = self._documents(known, graph, done_to(happenings))
        self.known = {thing.object_id: thing for thing in known}
        if not changed and version == self.version:
            return self.corpus
        labels = {thing.object_id: thing.label for thing in known}
        documents += [Document(n.id, "room", room_text(n)) for n in graph.nodes("room")]
        documents += [Document(h.id, "event", happening_text(h, labels)) for h in happenings]
        self.corpus = _corpus(documents, self.corpus)
        self.corpus.graph = KnowledgeGraph.of(documents, graph, happenings)
        self.version = version
        return self.corpus

    def _documents(
        self, known: Sequence[Known], graph: SceneGraph, done: Mapping[str, str]
    ) -> tuple[list[Document], bool]:
        """Return the objects' documents, and whether any of them differs from the last time."""
        labels = {thing.object_id: thing.label for thing in known}
        rooms = {node.id: node.label for node in graph.nodes("room")}
        fresh, changed = {}, len(known) != len(self._objects)
        for thing in known:
            name, placed = thing.object_id, thing.placement
            parent = labels.get(placed.parent, "") if placed is not None else ""
            around = (parent, rooms.get(thing.room or "", ""), done.get(name, ""))
            old = self._objects.get(name)
            if old is None or old[0] is not thing or old[1] != around:
                text = object_text(thing, *around)
                old = (thing, around, Document(name, "object", text, fold(thing.label)))
                changed = True
            fresh[name] = old
        self._objects = fresh
        return [entry[2] for entry in fresh.values()], changed


def past_corpus(
    known: Sequence[Known], graph: SceneGraph, happenings: Sequence[Happening]
) -> Corpus:
    """Return the corpus of another time: objects as they were seen then."""
    return SearchIndex().refresh(known, graph, happenings, version=0)


def rank(
    corpus: Corpus,
    query: str,
    config: RetrievalConfig,
    *,
    kinds: Sequence[DocumentKind],
    encoder: TextEncoder | None = None,
    most: int = 100,
) -> list[tuple[Document, float, tuple[Finding, ...]]]:
    """Return what a question is about, the best first, with the score and who found it.

    Args:
        corpus: What is known.
        query: The question, in any words.
        config: How the parts work together.
        kinds: What may be returned.
        encoder: Compares meanings; without one that part is silent.
        most: Most results.
    """
    documents = corpus.documents
    wanted = np.isin(corpus.kinds, list(kinds))
    scores = _part_scores(corpus, query, config, encoder)
    ranks = {}
    for part, values in scores.items():
        kept = np.where(wanted, values, 0.0)
        order = competition_ranks(kept)
        ranks[part] = np.where(order <= config.candidates, order, 0)
    total = fuse(ranks, config.weights.by_part())
    order = np.argsort(-np.round(total, 12), kind="stable")[:most]
    order = order[total[order] > 0].tolist()
    return [
        (
            documents[i],
            float(total[i]),
            tuple(
                Finding(part, int(ranks[part][i]), float(scores[part][i]))
                for part in scores
                if ranks[part][i]
            ),
        )
        for i in order
    ]


def _part_scores(
    corpus: Corpus, query: str, config: RetrievalConfig, encoder: TextEncoder | None
) -> dict[Part, Float[np.ndarray, "n"]]:
    """Return each part's score of each document."""
    asked = beside.parted(query)
    near = None if asked is None else _beside(corpus, asked[1], config, encoder)
    if asked is None or near is None:
        return _scores_of_words(corpus, query, config, encoder)
    scores = _scores_of_words(corpus, asked[0], config, encoder)
    if config.weights.graph > 0:
        scores["graph"] = near
    return scores


def _beside(
    corpus: Corpus, anchor: str, config: RetrievalConfig, encoder: TextEncoder | None
) -> Float[np.ndarray, "n"] | None:
    """Return how far each document is beside what a phrase means; None where it means nothing."""
    found = rank(corpus, anchor, config, kinds=("object",), encoder=encoder, most=_ANCHORS)
    anchors = np.zeros(len(corpus.graph))
    for document, score, _ in found:
        if score >= found[0][1] - 1e-9:
            anchors[corpus.graph.numbers[document.id]] = 1.0
    return beside.closeness(corpus.graph, anchors)[: len(corpus.documents)] if found else None


def _scores_of_words(
    corpus: Corpus, query: str, config: RetrievalConfig, encoder: TextEncoder | None
) -> dict[Part, Float[np.ndarray, "n"]]:
    """Return each part's score of each document for a question without `beside`."""
    on = {part for part, weight in config.weights.by_part().items() if weight > 0}
    asked = meant_labels(query, config.synonyms)
    ids = set(re.findall(r"[a-z]+_\d+", query.lower()))
    label = np.zeros(len(corpus.documents))
    for name, share in asked.items():
        label[corpus.labels.get(name, [])] = share
    for name in ids & corpus.graph.numbers.keys():
        if corpus.graph.numbers[name] < len(label):
            label[corpus.graph.numbers[name]] = 2.0
    also = dict.fromkeys(asked, 0.9)
    spelt = corpus.lexical.scores(query, also=also)[corpus.which] if corpus.which else label
    scores: dict[Part, np.ndarray] = {}  # (n,) each
    if "label" in on:
        scores["label"] = label
    if "words" in on:
        scores["words"] = spelt
    if "meaning" in on and encoder is not None and corpus.texts:
        if corpus.vectors is None or corpus.encoder is not encoder:
            corpus.vectors, corpus.encoder = encoder(corpus.texts), encoder
        alike = (corpus.vectors @ encoder([query])[0])[corpus.which].astype(float)
        scores["meaning"] = np.where(alike >= config.least_meaning, alike, 0.0)
    if "graph" in on and corpus.documents:
        scores["graph"] = _walk(corpus, label, spelt, config)
    return scores


def _walk(
    corpus: Corpus,
    label: Float[np.ndarray, "n"],
    spelt: Float[np.ndarray, "n"],
    config: RetrievalConfig,
) -> Float[np.ndarray, "n"]:
    """Return each document's share of a walk from what the question names."""
    restart = np.zeros(len(corpus.graph))
    n = len(label)
    if spelt.any():
        top = np.argsort(-spelt, kind="stable")[: config.seeds]
        level = spelt[top[-1]]
        seeds = np.where(spelt >= max(level, 0.5 * spelt.max()), spelt, 0.0)
        restart[:n] = np.square(seeds)  # What fits all words, before what fits some.
    elif label.any():
        restart[:n] = label
    return personalised_pagerank(
        corpus.graph.weights, restart, damping=config.damping, tolerance=1e-6
    )[:n]


def meant_labels(query: str, synonyms: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return the folded labels that the words of a question name; longer names count more.

    Args:
        query: The question.
        synonyms: Labels that a word or phrase may mean.
    """
    named = {name: 1.0 + 0.1 * (length - 1) for name, length in phrases(query).items()}
    meant = {fold(word): labels for word, labels in synonyms.items()}
    for name, weight in list(named.items()):
        for place, label in enumerate(meant.get(name, ())):
            share = 0.9 * weight / (1 + 0.1 * place)
            named[fold(label)] = max(named.get(fold(label), 0.0), share)
    return named


def _corpus(documents: list[Document], old: Corpus) -> Corpus:
    texts, which = distinct(documents)
    if texts == old.texts:  # Moved things with the same words: what was derived stays true.
        return Corpus(documents, texts, which, old.lexical, old.vectors, old.encoder)
    return Corpus(documents, texts, which, LexicalIndex(texts))
