"""The perceptual-cognitive bank: what it keeps, and that training sees what the robot will."""

import copy
import itertools
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from embodied_mem.errors import ConfigError
from embodied_mem.memory.bank_reading import ChunkedReading, WholeReading
from embodied_mem.memory.cognitive_bank import (
    BankConfig,
    BankState,
    CognitiveBank,
    Consolidation,
    PerPlace,
    StreamBank,
    StreamState,
)
from embodied_mem.memory.consolidation import (
    BankEntries,
    Forgetting,
    ForgettingByPlace,
    Merging,
    append,
)

WIDTH, TOKENS = 8, 3


def bank_of(config: BankConfig, seed: int = 0) -> CognitiveBank:
    torch.manual_seed(seed)
    bank = CognitiveBank(perceptual=WIDTH, cognitive=12, config=config).double()
    for stream in (bank.perceptual, bank.cognitive):
        if stream.time is not None:  # As if learnt: before, times say nothing.
            last = stream.time.network[-1]
            assert isinstance(last, torch.nn.Linear)
            torch.nn.init.normal_(last.weight, std=0.3)
    return bank


def episode_of(batch: int, steps: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    gaps = torch.randint(1, 4, (batch, steps), generator=random).double()
    return (
        torch.randn(batch, steps, TOKENS, WIDTH, generator=random, dtype=torch.float64),
        torch.randn(batch, steps, 1, 12, generator=random, dtype=torch.float64),
        gaps.cumsum(1),
    )


def stepped(
    bank: CognitiveBank, seen: Tensor, meant: Tensor, times: Tensor
) -> tuple[Tensor, Tensor]:
    state = bank.initial(seen[:, 0], meant[:, 0])
    begins = torch.zeros(len(times), dtype=torch.bool)
    first, second = [], []
    for step in range(times.shape[1]):
        a, b, state = bank.step(
            state, seen[:, step], meant[:, step], times=times[:, step], begins=begins
        )
        first.append(a)
        second.append(b)
    return torch.stack(first, 1), torch.stack(second, 1)


@settings(max_examples=30, deadline=None)
@given(
    capacity=st.integers(1, 6),
    steps=st.integers(1, 10),
    batch=st.integers(1, 3),
    merge=st.booleans(),
    gate=st.booleans(),
    timed=st.booleans(),
    chunked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_whole_episodes_give_what_single_steps_give(
    capacity: int,
    steps: int,
    batch: int,
    merge: bool,
    gate: bool,
    timed: bool,
    chunked: bool,
    seed: int,
) -> None:
    bank = bank_of(
        BankConfig(
            capacity=capacity,
            consolidation="merge" if merge else "fifo",
            fusion="gate" if gate else "add",
            time_encoding=timed,
            reading=ChunkedReading(entries=2, top=2) if chunked else WholeReading(),
        ),
        seed,
    )
    episode = episode_of(batch, steps, seed)
    for at_once, one_by_one in zip(bank.sequence(*episode), stepped(bank, *episode), strict=True):
        torch.testing.assert_close(at_once, one_by_one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [3, 9])
def test_steps_asked_about_are_those_of_whole_episodes(steps: int) -> None:
    bank = bank_of(BankConfig(capacity=4))
    episode = episode_of(3, steps)
    asked = torch.tensor([[0, 2], [2, 2], [1, 0]]) + steps - 3
    row = torch.arange(3)[:, None]
    for some, whole in zip(bank.sequence(*episode, asked), bank.sequence(*episode), strict=True):
        torch.testing.assert_close(some, whole[row, asked], rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [4, 9])
@pytest.mark.parametrize("memory_grad", ["bptt", "detach"])
def test_gradients_of_whole_episodes_are_those_of_single_steps(
    steps: int, memory_grad: Literal["bptt", "detach"]
) -> None:
    bank = bank_of(BankConfig(capacity=4, memory_grad=memory_grad))
    seen, meant, times = episode_of(2, steps)
    gradients = []
    for run in (bank.sequence, lambda *episode: stepped(bank, *episode)):
        seen.requires_grad_().grad = None
        bank.zero_grad()
        first, second = run(seen, meant, times)
        (first.square().sum() + second.square().sum()).backward()
        gradients.append([seen.grad, *(weight.grad for weight in bank.parameters())])
    for at_once, one_by_one in zip(*gradients, strict=True):
        torch.testing.assert_close(at_once, one_by_one, rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    capacity=st.integers(1, 5),
    steps=st.integers(1, 14),
    rule=st.sampled_from(["merge", "fifo", "place"]),
    heads=st.sampled_from([1, 2]),
    timed=st.booleans(),
    chunked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_kept_keys_and_values_are_those_that_would_be_made_anew(
    capacity: int, steps: int, rule: str, heads: int, timed: bool, chunked: bool, seed: int
) -> None:
    rules: dict[str, Consolidation] = {"merge": "merge", "fifo": "fifo"}
    config = BankConfig(
        capacity=capacity,
        consolidation=rules.get(rule, PerPlace(places=min(2, capacity))),
        heads=heads,
        time_encoding=timed,
        reading=ChunkedReading(entries=2, top=2) if chunked else WholeReading(),
    )
    bank = bank_of(config, seed).perceptual
    seen, _, times = episode_of(3, steps, seed)
    random = torch.Generator().manual_seed(seed)
    begins = torch.rand(3, steps, generator=random) < 0.15
    places = torch.randint(min(2, capacity), (3, steps), generator=random).double()
    state = bank.initial(seen[:, 0])
    for step in range(steps):
        anew = StreamState(entries=state.entries, projected=bank.projected(state.entries))
        now = (seen[:, step], times[:, step], begins[:, step], places[:, step])
        expected, _ = bank.step(anew, *now)
        found, state = bank.step(state, *now)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
        used = state.entries.by_slot(state.entries.counts > 0)
        for kept, made in zip(state.projected, bank.projected(state.entries), strict=True):
            for some, others in ((kept.keys, made.keys), (kept.values, made.values)):
                torch.testing.assert_close(some[:, 1:][used], others[:, 1:][used])
                assert not some[:, 0].any()


@settings(max_examples=30, deadline=None)
@given(
    capacity=st.integers(1, 5),
    steps=st.integers(1, 14),
    rule=st.sampled_from(["merge", "fifo", "place"]),
    seed=st.integers(0, 1000),
)
@torch.no_grad()
def test_a_memory_that_is_written_over_is_what_a_copy_would_be(
    capacity: int, steps: int, rule: str, seed: int
) -> None:
    rules: dict[str, Consolidation] = {"merge": "merge", "fifo": "fifo"}
    consolidation = rules.get(rule, PerPlace(places=min(2, capacity)))
    bank = bank_of(BankConfig(capacity=capacity, consolidation=consolidation), seed)
    seen, meant, times = episode_of(2, steps, seed)
    random = torch.Generator().manual_seed(seed)
    begins = torch.rand(2, steps, generator=random) < 0.15
    places = torch.randint(min(2, capacity), (2, steps), generator=random).double()
    copied = bank.initial(seen[:, 0], meant[:, 0])
    written_over = copy.deepcopy(copied)
    for step in range(steps):
        first, second = (
            bank.step(
                state, seen[:, step], meant[:, step],
                times=times[:, step], begins=begins[:, step], places=places[:, step],
                overwrites=overwrites,
            )
            for state, overwrites in ((copied, False), (written_over, True))
        )  # fmt: skip
        copied, written_over = first[2], second[2]
        for one, other in zip(first[:2], second[:2], strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_memory_that_is_written_over_stays_where_it_is() -> None:
    bank = bank_of(BankConfig(capacity=3))
    seen, meant, times = episode_of(1, 9)
    begins = torch.tensor([False])
    state = bank.initial(seen[:, 0], meant[:, 0])
    places = held(state)
    for step in range(9):
        *_, state = bank.step(
            state, seen[:, step], meant[:, step], times=times[:, step], begins=begins,
            overwrites=True,
        )  # fmt: skip
    assert held(state) == places
    assert len(set(places)) == len(places)


def held(state: BankState) -> list[int]:
    """Where in the computer's memory a state lies."""
    streams = (state.perceptual, state.cognitive)
    tensors = [stream.entries.tokens for stream in streams]
    tensors += [
        x for stream in streams for kept in stream.projected for x in (kept.keys, kept.values)
    ]
    return [tensor.data_ptr() for tensor in tensors]


def test_an_episode_that_begins_forgets_even_what_is_no_number() -> None:
    bank = bank_of(BankConfig(capacity=3)).perceptual
    seen, _, times = episode_of(2, 6)
    broken = seen.clone()
    broken[0, 0] = torch.nan
    state = bank.initial(seen[:, 0])
    for step in range(6):
        begins = torch.tensor([step == 3, False])
        found, state = bank.step(state, broken[:, step], times[:, step], begins)
        assert step < 3 or found.isfinite().all()


@pytest.mark.parametrize(("memory_grad", "reached"), [("bptt", True), ("detach", False)])
def test_what_is_stored_learns_from_its_use_unless_detached(
    memory_grad: Literal["bptt", "detach"], reached: bool
) -> None:
    bank = bank_of(BankConfig(memory_grad=memory_grad))
    seen, meant, times = episode_of(1, 3)
    seen.requires_grad_()
    bank.sequence(seen, meant, times)[0][:, -1].sum().backward()
    assert seen.grad is not None
    assert bool(seen.grad[:, 0].abs().sum() > 0) == reached


def test_an_empty_bank_changes_nothing() -> None:
    bank = bank_of(BankConfig())
    seen, meant, times = episode_of(2, 3)
    first, second = bank.sequence(seen, meant, times)
    assert torch.equal(first[:, 0], seen[:, 0])
    assert torch.equal(second[:, 0], meant[:, 0])
    assert not torch.equal(first[:, 1], seen[:, 1])


def test_an_episode_that_begins_remembers_nothing_and_leaves_others_alone() -> None:
    bank = bank_of(BankConfig(capacity=3))
    seen, meant, times = episode_of(3, 7)
    state = bank.initial(seen[:, 0], meant[:, 0])
    outputs = []
    for step in range(7):
        begins = torch.tensor([False, step == 4, False])
        output, _, state = bank.step(
            state, seen[:, step], meant[:, step], times=times[:, step], begins=begins
        )
        outputs.append(output)
    stacked = torch.stack(outputs, 1)
    whole, _ = bank.sequence(seen, meant, times)
    anew, _ = bank.sequence(seen[:, 4:], meant[:, 4:], times[:, 4:])
    torch.testing.assert_close(stacked[[0, 2]], whole[[0, 2]])
    torch.testing.assert_close(stacked[1, 4:], anew[1])
    assert torch.equal(stacked[1, 4], seen[1, 4])


def test_padding_at_the_end_of_an_episode_changes_nothing_before_it() -> None:
    bank = bank_of(BankConfig(capacity=3))
    seen, meant, times = episode_of(2, 8)
    whole, _ = bank.sequence(seen, meant, times)
    padded = seen.clone()
    padded[1, 5:] = 0
    shorter, _ = bank.sequence(padded, meant, times)
    torch.testing.assert_close(shorter[1, :5], whole[1, :5])
    torch.testing.assert_close(shorter[0], whole[0])


@settings(max_examples=40, deadline=None)
@given(capacity=st.integers(1, 5), steps=st.integers(1, 12), seed=st.integers(0, 1000))
def test_merged_entries_are_means_of_the_frames_that_they_stand_for(
    capacity: int, steps: int, seed: int
) -> None:
    seen, _, times = episode_of(1, steps, seed)
    entries = empty(capacity)
    for step in range(steps):
        entries = append(entries, seen[:, step], times[:, step], Merging())
    groups, expected, when = merged_naively(seen[0].numpy(), times[0].numpy(), capacity)
    used = min(steps, capacity)
    assert entries.counts[0].tolist() == groups + [0] * (capacity - used)
    np.testing.assert_allclose(entries.in_order()[0, :used].numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(entries.times[0, :used].numpy(), when, atol=1e-9)
    assert entries.counts.sum() == steps
    assert (entries.times[0, 1:used] > entries.times[0, : used - 1]).all()


@settings(max_examples=20, deadline=None)
@given(capacity=st.integers(1, 5), steps=st.integers(1, 12))
def test_without_merging_the_last_frames_are_kept(capacity: int, steps: int) -> None:
    seen, _, times = episode_of(1, steps)
    entries = empty(capacity)
    for step in range(steps):
        entries = append(entries, seen[:, step], times[:, step], Forgetting())
    used = min(steps, capacity)
    assert torch.equal(entries.times[0, :used], times[0, steps - used :])
    assert torch.equal(entries.in_order()[0, :used], seen[0, steps - used :])


@settings(max_examples=40, deadline=None)
@given(
    share=st.integers(1, 3),
    count=st.integers(1, 3),
    spare=st.integers(0, 2),
    steps=st.integers(1, 14),
    seed=st.integers(0, 1000),
)
def test_each_place_keeps_its_own_last_frames(
    share: int, count: int, spare: int, steps: int, seed: int
) -> None:
    seen, _, times = episode_of(1, steps, seed)
    places = np.random.default_rng(seed).integers(count, size=steps)
    entries = empty(share * count + spare)
    for step in range(steps):
        here = torch.tensor([float(places[step])], dtype=torch.float64)
        entries = append(
            entries, seen[:, step], times[:, step], ForgettingByPlace(share=share), here
        )
    kept = sorted(
        step for place in range(count) for step in np.flatnonzero(places == place)[-share:].tolist()
    )
    used = len(kept)
    assert entries.counts[0].tolist() == [1] * used + [0] * (share * count + spare - used)
    assert entries.places[0, :used].tolist() == places[kept].tolist()
    assert torch.equal(entries.times[0, :used], times[0, kept])
    assert torch.equal(entries.in_order()[0, :used], seen[0, kept])


@settings(max_examples=20, deadline=None)
@given(capacity=st.integers(2, 6), steps=st.integers(1, 10), seed=st.integers(0, 1000))
def test_whole_episodes_through_places_give_what_single_steps_give(
    capacity: int, steps: int, seed: int
) -> None:
    bank = bank_of(BankConfig(capacity=capacity, consolidation=PerPlace(places=2)), seed)
    seen, meant, times = episode_of(2, steps, seed)
    random = torch.Generator().manual_seed(seed)
    places = torch.randint(2, (2, steps), generator=random).double()
    state, begins = bank.initial(seen[:, 0], meant[:, 0]), torch.zeros(2, dtype=torch.bool)
    whole = bank.sequence(seen, meant, times, places=places)
    for step in range(steps):
        *now, state = bank.step(
            state, seen[:, step], meant[:, step],
            times=times[:, step], begins=begins, places=places[:, step],
        )  # fmt: skip
        for one, all_at_once in zip(now, whole, strict=True):
            torch.testing.assert_close(one, all_at_once[:, step], rtol=0, atol=1e-6)


def test_a_long_stay_evicts_nothing_of_another_place() -> None:
    seen, meant, times = episode_of(1, 12)
    places = torch.tensor([[0.0, 0.0] + [1.0] * 10], dtype=torch.float64)
    other = seen.clone()
    other[:, 0] += 1
    changes: dict[str, float] = {}
    rules: dict[str, Consolidation] = {"fifo": "fifo", "place": PerPlace(places=2)}
    for name, rule in rules.items():
        bank = bank_of(BankConfig(capacity=4, consolidation=rule))
        last = torch.tensor([[11]])
        one, two = (bank.sequence(x, meant, times, last, places)[0] for x in (seen, other))
        changes[name] = float((one - two).detach().abs().max())
    assert changes["fifo"] == 0
    assert changes["place"] > 1e-3


def test_places_share_a_bank_that_is_large_enough() -> None:
    with pytest.raises(ConfigError, match="a bank of 4 entries can be shared by 1 to as many"):
        BankConfig(capacity=4, consolidation=PerPlace(places=5))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="must divide the tokens' width, got 10"):
        StreamBank(10, BankConfig(heads=4))
    with pytest.raises(ConfigError, match="1 or more entries"):
        BankConfig(capacity=0)


def empty(capacity: int) -> BankEntries:
    return BankEntries.nothing(torch.zeros(1, TOKENS, WIDTH, dtype=torch.float64), capacity)


def merged_naively(
    tokens: np.ndarray, times: np.ndarray, capacity: int
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Keep groups of frame numbers; each stands for the mean of its frames."""
    groups: list[list[int]] = []
    for step in range(len(times)):
        groups.append([step])
        if len(groups) > capacity:
            means = [tokens[group].mean(0) for group in groups]
            alike = [
                np.mean(
                    [
                        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                        for a, b in zip(p, q, strict=True)
                    ]
                )
                for p, q in itertools.pairwise(means)
            ]
            best = int(np.argmax(alike))
            groups[best : best + 2] = [groups[best] + groups[best + 1]]
    return (
        [len(group) for group in groups],
        np.stack([tokens[group].mean(0) for group in groups]),
        np.array([times[group].mean() for group in groups]),
    )
