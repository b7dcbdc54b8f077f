# ruff: noqa: E402 - torchvision must be made to load first.
"""Sentence vectors from a real, if tiny and untrained, model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from films import remember, write_minute

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console
from embodied_mem.errors import ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.text import TextEncoder
from embodied_mem.runtime.torchvision_ops import ensure_torchvision

ensure_torchvision()
pytest.importorskip(
    "sentence_transformers", reason="the extra `text` cannot be imported", exc_type=ImportError
)

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from perception.sentence_encoder import SentenceEncoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    words = ["[UNK]", "mug", "table", "the", "on", "lamp"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    torch.manual_seed(0)  # The vectors of words are drawn.
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)]).save(str(path))
    return path


def test_a_local_model_gives_unit_vectors(folder: Path):
    encoder = SentenceEncoder(folder)
    assert isinstance(encoder, TextEncoder)
    vectors = encoder(["the mug on the table", "the lamp", "the mug on the table"])
    assert vectors.shape == (3, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-5)
    assert encoder([]).shape[0] == 0


def test_a_folder_without_a_model_is_refused_and_nothing_is_downloaded(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no modules\.json"):
        SentenceEncoder(tmp_path)
    with pytest.raises(ConfigError, match=r"no modules\.json"):
        SentenceEncoder("sentence-transformers/all-mpnet-base-v2")


def test_ask_compares_meanings_where_a_model_is_given(folder: Path, tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        remember(index, write_minute(tmp_path / "minute.mp4"))
    told = []
    for model in (None, str(folder)):
        with console.capture() as capture:
            asked = Ask(store=str(tmp_path / "store"), label="when did the lamp appear?",
                        text_model=model, look_again=0)  # fmt: skip
            assert ask(asked) == 0
        told.append(capture.get())
    assert told[0].startswith("not seen: nothing here is known as 'lamp'")
    assert "appeared" in told[1]
