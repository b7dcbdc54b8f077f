"""Words and vectors of short texts, without a model: letter n-grams, BM25, and the seam for models.

BM25 is Robertson and Zaragoza's (The Probabilistic Relevance Framework, 2009, eq. 3.15); the
n-grams are hashed into a vector of fixed width (feature hashing, arXiv:0902.2206).
"""

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from scipy.sparse import csc_array

from embodied_mem.goals import fold

STOP_WORDS = frozenset((
    "a", "an", "and", "are", "at", "be", "been", "before", "by", "can", "could", "did", "do",
    "does", "for", "from", "had", "has", "have", "here", "i", "in", "into", "is", "it", "its", "me",
    "my", "now", "of", "on", "onto", "or", "our", "please", "robot", "some", "something", "that",
    "the", "their", "them", "then", "there", "these", "they", "thing", "things", "this", "to",
    "was", "we", "went", "were", "what", "when", "where", "which", "who", "with", "you", "your",
    "next", "near", "beside", "put", "bring", "take", "get", "find", "show", "tell", "object",
    "objects",
))  # fmt: skip
"""Words that name nothing; `it` and the like need more than words."""

_K1, _B = 1.2, 0.75
"""BM25: how soon repetitions saturate, and how far length counts."""


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors whose dot product says how alike they are."""

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "n d"]:
        """Return one unit vector for each text; zero where it says nothing."""
        ...


class HashedEncoder:
    """Letters and 2- and 3-grams of each word, hashed: alike are texts that are spelt alike."""

    def __init__(self, width: int = 512):
        self.width = width

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "n d"]:
        """Return one unit vector for each text."""
        vectors = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for gram, count in Counter(_grams(text)).items():
                code = zlib.crc32(gram.encode())
                sign = 1.0 if code & 1 else -1.0
                vectors[row, (code >> 1) % self.width] += sign * count
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(norms > 0, norms, 1.0)


def _grams(text: str) -> list[str]:
    marked = [f"^{word}$" for word in words(text)]
    return [m[i : i + n] for m in marked for n in (1, 2, 3) for i in range(len(m) - n + 1)]


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; `CoffeeTable` is two, and so is `coffee-table`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return re.findall(r"[a-z]+|\d+", spaced.lower())


def singular(word: str) -> str:
    """Return what a word may be the plural of."""
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("oes"):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return word[:-1]
    return word


def phrases(text: str, most: int = 3) -> dict[str, int]:
    """Return runs of up to so many words, folded, each also with its last word in the singular.

    The value is how many words a run has.
    """
    spoken = [word for word in words(text) if not word.isdigit()]
    found: dict[str, int] = {}
    for length in range(1, most + 1):
        for start in range(len(spoken) - length + 1):
            run = spoken[start : start + length]
            if length == 1 and run[0] in STOP_WORDS:
                continue
            for last in (run[-1], singular(run[-1])):
                found.setdefault(fold("".join((*run[:-1], last))), length)
    return found


def count_tokens(text: str) -> int:
    """Return an upper estimate of a language model's tokens: byte-pair vocabularies need fewer.

    Four letters of a word, three digits, or one other sign for each.
    """
    return len(re.findall(r"[A-Za-z]{1,4}|\d{1,3}|[^\sA-Za-z\d]|\n", text))


class LexicalIndex:
    """BM25 over distinct texts; words that no text has count for those that are spelt alike."""

    def __init__(self, texts: Sequence[str], *, encoder: TextEncoder | None = None):
        """Index texts, in the order of which scores are given.

        Args:
            texts: What is searched.
            encoder: Compares the spelling of words.
        """
        self._encoder = encoder or HashedEncoder()
        self._count = len(texts)
        counts = [Counter(singular(word) for word in words(text)) for text in texts]
        self.vocabulary = {w: i for i, w in enumerate(sorted(set().union(*counts)))}
        self._weights = _bm25(counts, self.vocabulary)
        self._spelling: Float32[np.ndarray, "v d"] | None = None

    def scores(
        self,
        query: str,
        *,
        also: Mapping[str, float] | None = None,
        least_alike: float = 0.5,
    ) -> Float[np.ndarray, "n"]:
        """Return the score of each text; 0 where no word fits.

        Args:
            query: What is asked.
            also: More words, with their weights: synonyms.
            least_alike: Least cosine of spelling for a word that no text has.
        """
        asked: dict[str, float] = {}
        for word in words(query):
            if word in STOP_WORDS:
                continue
            for known, weight in self._expand(singular(word), least_alike):
                asked[known] = max(asked.get(known, 0.0), weight)
        for word, weight in (also or {}).items():
            if word in self.vocabulary:
                asked[word] = max(asked.get(word, 0.0), weight)
        scores = np.zeros(self._count)
        for word, weight in sorted(asked.items()):
            column = self._weights[:, [self.vocabulary[word]]].tocoo()
            scores[column.coords[0]] += weight * column.data
        return scores

    def _expand(self, word: str, least_alike: float) -> list[tuple[str, float]]:
        """Return the known words that one may mean: itself, else up to three spelt alike."""
        if word in self.vocabulary or not self.vocabulary:
            return [(word, 1.0)] if word in self.vocabulary else []
        if self._spelling is None:
            self._spelling = self._encoder(list(self.vocabulary))
        alike = self._spelling @ self._encoder([word])[0]
        order = np.argsort(-alike, kind="stable")[:3]
        names = list(self.vocabulary)
        return [(names[i], 0.8 * float(alike[i])) for i in order if alike[i] >= least_alike]


def _bm25(counts: Sequence[Counter[str]], vocabulary: Mapping[str, int]) -> csc_array:
    """Return the weight of each word in each text (n, v).

    w = idf(t) f (k1 + 1) / (f + k1 (1 - b + b l / mean l)),
    idf = ln(1 + (N - n_t + .5) / (n_t + .5)).
    """
    n = len(counts)
    lengths = np.array([sum(count.values()) for count in counts], float)
    norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()) if n else 1.0, 1e-9))
    rows = [row for row, count in enumerate(counts) for _ in count]
    columns = [vocabulary[word] for count in counts for word in count]
    times = np.array([f for count in counts for f in count.values()], float)
    containing = np.bincount(columns, minlength=len(vocabulary)) if columns else np.zeros(0)
    idf = np.log1p((n - containing + 0.5) / (containing + 0.5))
    data = idf[columns] * times * (_K1 + 1) / (times + norm[rows]) if columns else times
    return csc_array((data, (rows, columns)), shape=(n, len(vocabulary)))
