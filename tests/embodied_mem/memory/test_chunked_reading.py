"""Reading by chunks: the published equations, and what they promise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from embodied_mem.errors import ConfigError
from embodied_mem.memory.bank_reading import ChunkedReading, Retrieval
from embodied_mem.memory.chunked_reading import read_chunks

WIDTH, QUERIES, TOKENS = 8, 4, 3


def memory_of(slots: int, used: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    options = {"generator": random, "dtype": torch.float64}
    return (
        torch.randn(2, QUERIES, WIDTH, **options),
        torch.randn(2, slots, TOKENS, WIDTH, **options),
        torch.randn(2, slots, TOKENS, WIDTH, **options),
        (torch.arange(slots) < used).expand(2, -1),
    )


CASES = {
    "slots": st.integers(1, 9),
    "share": st.floats(0, 1),
    "entries": st.integers(1, 4),
    "top": st.integers(1, 3),
    "heads": st.sampled_from([1, 2]),
    "seed": st.integers(0, 1000),
}


@settings(max_examples=40, deadline=None)
@given(**CASES)
def test_it_is_the_published_reading(
    slots: int, share: float, entries: int, top: int, heads: int, seed: int
) -> None:
    used = max(1, round(share * slots))
    query, keys, values, mask = memory_of(slots, used, seed)
    found = read_chunks(query, keys, values, mask, entries=entries, top=top, heads=heads)
    for episode in range(2):
        for row in range(QUERIES):
            expected = naively(
                query[episode, row].numpy(),
                [
                    (keys[episode, at:end].numpy(), values[episode, at:end].numpy())
                    for at in range(0, used, entries)
                    for end in [min(at + entries, used)]
                ],
                top,
                heads,
            )
            np.testing.assert_allclose(found[episode, row].numpy(), expected, atol=1e-9)


def naively(
    query: np.ndarray, chunks: list[tuple[np.ndarray, np.ndarray]], top: int, heads: int
) -> np.ndarray:
    fits = [keys.reshape(-1, WIDTH).mean(0) @ query / np.sqrt(WIDTH) for keys, _ in chunks]
    best = np.argsort(fits)[::-1][:top]
    weights = softmax(np.array([fits[chunk] for chunk in best]))
    found = np.zeros(WIDTH)
    for weight, chunk in zip(weights, best, strict=True):
        keys, values = (
            np.concatenate([np.zeros((1, WIDTH)), x.reshape(-1, WIDTH)]) for x in chunks[chunk]
        )
        for part in np.split(np.arange(WIDTH), heads):
            shares = softmax(keys[:, part] @ query[part] / np.sqrt(len(part)))
            found[part] += weight * shares @ values[:, part]
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


@settings(max_examples=20, deadline=None)
@given(slots=st.integers(1, 6), heads=st.sampled_from([1, 2]), seed=st.integers(0, 1000))
def test_one_chunk_of_everything_is_the_whole_reading(slots: int, heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    whole = Retrieval(WIDTH, heads).double()
    chunked = Retrieval(WIDTH, heads, ChunkedReading(entries=slots, top=1)).double()
    chunked.load_state_dict(whole.state_dict())
    memory = memory_of(slots, max(1, slots - 1), seed)
    torch.testing.assert_close(whole(*memory), chunked(*memory))


def test_what_lies_in_other_chunks_does_not_count() -> None:
    query, keys, values, mask = memory_of(6, 6, 0)
    keys[:, 2:4] += 3 * query.mean(1)[:, None, None]  # The second chunk fits every query best.
    query = query.mean(1, keepdim=True).expand(-1, QUERIES, -1)
    options = {"entries": 2, "top": 1, "heads": 1}
    found = read_chunks(query, keys, values, mask, **options)
    values[:, :2], values[:, 4:] = 100, -100
    torch.testing.assert_close(read_chunks(query, keys, values, mask, **options), found)


def test_gradients_reach_what_chooses_the_chunks() -> None:
    query, keys, values, mask = memory_of(6, 5, 0)
    query.requires_grad_()
    keys.requires_grad_()

    def look(query: Tensor, keys: Tensor) -> Tensor:
        return read_chunks(query, keys, values, mask, entries=2, top=2, heads=1)

    assert torch.autograd.gradcheck(look, (query, keys))


def test_a_chunk_holds_something() -> None:
    with pytest.raises(ConfigError, match="1 or more entries to a chunk"):
        ChunkedReading(entries=0)
