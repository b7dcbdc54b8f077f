"""A robot's reading of its bank gives what training's does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.memory import lone_attention
from embodied_mem.memory.bank_reading import Retrieval
from embodied_mem.memory.cognitive_bank import BankConfig, CognitiveBank
from embodied_mem.memory.lone_attention import attend, suits


@settings(max_examples=30, deadline=None)
@given(
    queries=st.integers(1, 5),
    keys=st.integers(1, 40),
    large=st.sampled_from([0.1, 1.0, 100.0]),
    partly=st.booleans(),
    without_onednn=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_it_is_a_softmax_of_how_queries_fit_keys(
    queries: int, keys: int, large: float, partly: bool, without_onednn: bool, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    q = large * torch.randn(queries, 8, generator=random)
    k, v = torch.randn(2, keys, 8, generator=random)
    used = None
    if partly:
        used = torch.rand(keys, generator=random) < 0.5
        used[0] = True
    scores = q.double() @ k.double().T / 8**0.5
    if used is not None:
        scores = scores.masked_fill(~used, -torch.inf)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        if without_onednn:
            patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        found = attend(q, k, v, used)
    wanted = scores.softmax(1) @ v.double()
    # Single precision: scores a thousand large are off by some 1e-5 of themselves.
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-6 * max(1, 10 * large))


def test_only_many_keys_of_a_single_episode_without_gradients_are_read_so() -> None:
    query, many = torch.randn(1, 80, 8), 2**19 // 80 + 1
    assert not suits(query, many, 1)
    with torch.no_grad():
        assert suits(query, many, 1)
        assert not suits(query, many - 1, 1)
        assert not suits(query, many, 2)
        assert not suits(query.repeat(2, 1, 1), many, 1)
        assert not suits(query.double(), many, 1)


@pytest.fixture
def small_suits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if few keys were many, so that tests are quick."""
    monkeypatch.setattr(lone_attention, "_LARGE", 1)


@pytest.mark.usefixtures("small_suits")
def test_a_round_of_looking_is_the_same_with_and_without_gradients() -> None:
    torch.manual_seed(0)
    layer = Retrieval(16, heads=1)
    tokens, stored = torch.randn(1, 5, 16), torch.randn(1, 9, 5, 16)
    used = torch.arange(9)[None] < 6
    trained = layer(tokens, stored, stored, used)
    with torch.inference_mode():
        torch.testing.assert_close(layer(tokens, stored, stored, used), trained, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("small_suits")
@pytest.mark.parametrize("capacity", [3, 20])
def test_a_robots_steps_in_single_precision_are_those_of_whole_episodes(capacity: int) -> None:
    torch.manual_seed(0)
    bank = CognitiveBank(perceptual=8, cognitive=12, config=BankConfig(capacity=capacity))
    seen, meant = torch.randn(1, 12, 3, 8), torch.randn(1, 12, 1, 12)
    times = torch.arange(12.0)[None]
    wanted = bank.sequence(seen, meant, times)
    with torch.inference_mode():
        state = bank.initial(seen[:, 0], meant[:, 0])
        for step in range(12):
            *found, state = bank.step(
                state, seen[:, step], meant[:, step],
                times=times[:, step], begins=torch.tensor([False]), overwrites=True,
            )  # fmt: skip
            for one, whole in zip(found, wanted, strict=True):
                torch.testing.assert_close(one, whole[:, step], rtol=0, atol=3e-6)
