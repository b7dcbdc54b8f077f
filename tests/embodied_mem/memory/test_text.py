"""Words and vectors of short texts, against naive loops."""

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.memory.fusion import competition_ranks, fuse
from embodied_mem.memory.text import (
    HashedEncoder,
    LexicalIndex,
    TextEncoder,
    count_tokens,
    phrases,
    singular,
    words,
)

WORDS = st.lists(st.sampled_from(["mug", "table", "lamp", "red", "kettle", "sofa"]), min_size=1)
TEXTS = st.lists(WORDS.map(" ".join), min_size=1, max_size=8)


@given(TEXTS, WORDS.map(" ".join))
def test_bm25_is_its_formula(texts: list[str], query: str):
    found = LexicalIndex(texts).scores(query)
    n, mean = len(texts), sum(len(t.split()) for t in texts) / len(texts)
    for score, text in zip(found, texts, strict=True):
        expected = 0.0
        for word in set(query.split()):
            containing = sum(word in t.split() for t in texts)
            f = Counter(text.split())[word]
            if containing and f:
                idf = math.log(1 + (n - containing + 0.5) / (containing + 0.5))
                norm = 1.2 * (1 - 0.75 + 0.75 * len(text.split()) / mean)
                expected += idf * f * 2.2 / (f + norm)
        assert math.isclose(score, expected, rel_tol=1e-9, abs_tol=1e-12)


def test_a_misspelt_word_finds_what_is_spelt_alike_and_a_known_one_only_itself():
    index = LexicalIndex(["Microwave", "Cupboard", "Cup"])
    assert index.scores("where is the micorwave").argmax() == 0
    assert index.scores("where is the micorwave")[0] > 0
    assert index.scores("cup")[1] == 0  # `cup` is known: nothing else is meant.
    assert not index.scores("zzz").any()


def test_labels_are_split_into_words_and_brought_to_the_singular():
    assert words("CoffeeTable TVStand mug_2") == ["coffee", "table", "tv", "stand", "mug", "2"]
    assert [singular(w) for w in ("mugs", "boxes", "glass", "dishes", "tomatoes", "bus")] == [
        "mug", "box", "glass", "dish", "tomato", "bus"
    ]  # fmt: skip
    assert {"coffeetable", "coffee", "table"} <= phrases("the coffee tables").keys()
    assert "pan" not in phrases("look into the pantry")


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_hashed_vectors_are_unit_or_zero_and_the_same_each_time(texts: list[str]):
    encoder = HashedEncoder()
    assert isinstance(encoder, TextEncoder)
    vectors = encoder(texts)
    norms = np.linalg.norm(vectors, axis=1)
    for norm, text in zip(norms, texts, strict=True):
        assert abs(norm - (1.0 if words(text) else 0.0)) < 1e-5 or norm < 1e-6
    np.testing.assert_array_equal(vectors, HashedEncoder()(texts))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_equal_scores_share_a_rank_and_nothing_has_none(scores: list[int]):
    ranks = competition_ranks(np.array(scores, float))
    for rank, score in zip(ranks, scores, strict=True):
        assert rank == (1 + sum(other > score for other in scores) if score > 0 else 0)


def test_fusion_is_its_formula():
    ranks = {"a": np.array([1, 2, 0]), "b": np.array([0, 1, 0])}
    found = fuse(ranks, {"a": 1.0, "b": 2.0}, constant=60.0)
    np.testing.assert_allclose(found, [1 / 61, 1 / 62 + 2 / 61, 0])


def test_tokens_are_counted_from_above():
    assert count_tokens("mug_1 (Mug)") == 6
    assert count_tokens("") == 0
    assert count_tokens("x" * 400) == 100
