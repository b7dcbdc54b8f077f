"""The names of things in English: a vocabulary of types, its plurals, and synonyms."""

import difflib
import re
from collections.abc import Sequence

from embodied_mem.goals import fold
from planners import lexicon


class Nouns:
    """Names of things: a vocabulary, its plurals, and synonyms."""

    def __init__(self, vocabulary: Sequence[str]):
        """Index a vocabulary.

        Args:
            vocabulary: Type names in CamelCase or plain words.
        """
        self._labels: dict[str, str] = {}
        folded = {fold(name): name for name in vocabulary}
        for name in vocabulary:
            self._labels[_spaced(name)] = fold(name)
        self._folded = frozenset(folded)
        for word, names in lexicon.SYNONYMS.items():
            known = [fold(name) for name in names if fold(name) in folded]
            if known:
                self._labels.setdefault(word, known[0])

    def label(self, words: Sequence[str]) -> str | None:
        """Return the type that words name, in the form of goals, or None."""
        for form in _singular_forms(" ".join(words)):
            if form in self._labels:
                return self._labels[form]
            if form in self._folded:  # `coffeetable` in one word.
                return form
        return None

    def nearest(self, word: str) -> list[str]:
        """Return up to three known names that look like a word."""
        return difflib.get_close_matches(word, list(self._labels), n=3, cutoff=0.6)


def _spaced(name: str) -> str:
    """`CoffeeTable` to `coffee table`, `TVStand` to `tv stand`."""
    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)).lower()


def _singular_forms(words: str) -> list[str]:
    """The words themselves, then what they may be the plural of."""
    head, _, last = words.rpartition(" ")
    lasts = [last]
    if last in lexicon.IRREGULAR_PLURALS:
        lasts.append(lexicon.IRREGULAR_PLURALS[last])
    if last.endswith("s"):
        lasts.append(last[:-1])
    if last.endswith("es"):
        lasts.append(last[:-2])
    return [f"{head} {form}".strip() for form in lasts]
