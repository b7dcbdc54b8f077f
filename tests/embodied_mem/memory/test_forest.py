"""The semantic forest: planted rooms come out whole, and descending finds what is nearest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.planted_map import planted, purity, unit
from embodied_mem.memory.forest import Forest, ForestConfig


def grown(positions: np.ndarray, vectors: np.ndarray, **config) -> Forest:
    forest = Forest(vectors.shape[1], ForestConfig(**config))
    forest.add(positions, vectors)
    return forest


def leaves(forest: Forest, order: list[int]) -> set[frozenset[int]]:
    """Return the lowest groups, with items by their place in the map."""
    return {frozenset(order[item] for item in forest.items_in(g)) for g in forest.at_level(1)}


def brute(vectors: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    scores = vectors.astype(np.float32) @ query.astype(np.float32)
    return np.lexsort((np.arange(len(vectors)), -scores))[:k].tolist()


@pytest.mark.parametrize("block", [1000, 20, 1])
def test_planted_rooms_are_the_lowest_groups(block: int):
    positions, vectors, rooms = planted(12, 15)
    forest = grown(positions, vectors, block=block)
    groups = [forest.items_in(group) for group in forest.at_level(1)]
    assert purity(groups, rooms) == 1.0
    assert len(groups) == 12


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([1, 30, 1000]))
def test_the_order_of_coming_does_not_change_the_lowest_groups(random, block: int):
    positions, vectors, _ = planted(6, 8)
    order = list(range(len(positions)))
    random.shuffle(order)
    forest = grown(positions[order], vectors[order], block=block)
    assert leaves(forest, order) == leaves(grown(positions, vectors), list(range(48)))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([1, 10, 1000]), st.integers(1, 5)
)
def test_every_item_is_in_one_group_of_each_level_and_means_are_means(
    count: int, seed: int, block: int, levels: int
):
    chance = np.random.default_rng(seed)
    positions = chance.uniform(-20, 20, (count, 3))
    vectors = unit(chance.normal(size=(count, 8)))
    forest = Forest(8, ForestConfig(block=block, levels=levels))
    for start in range(0, count, 17):  # Some at once, then one by one.
        forest.add(positions[start : start + 17], vectors[start : start + 17])
    assert len(forest) == count
    for level in range(1, levels + 1):
        inside = [item for group in forest.at_level(level) for item in forest.items_in(group)]
        assert sorted(inside) == list(range(count))
    assert sorted(forest.roots) == forest.at_level(levels)
    for number, group in enumerate(forest.groups):
        items = forest.items_in(number)
        assert group.count == len(items)
        position, meaning = forest.mean(number)
        np.testing.assert_allclose(position, positions[items].mean(axis=0), atol=1e-9)
        total = vectors[items].sum(axis=0)
        np.testing.assert_allclose(meaning, total / np.linalg.norm(total), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_no_two_of_a_lowest_group_of_a_block_are_too_far_apart(seed: int):
    chance = np.random.default_rng(seed)
    positions, vectors = chance.uniform(-9, 9, (40, 3)), unit(chance.normal(size=(40, 4)))
    forest = grown(positions, vectors)
    for group in forest.at_level(1):
        items = forest.items_in(group)
        metres = np.linalg.norm(positions[items][:, None] - positions[items][None], axis=-1)
        alike = 0.4 * np.exp(-metres / 10) + 0.6 * vectors[items] @ vectors[items].T
        assert (1 - alike).max() <= 0.4 + 1e-5


def test_a_beam_that_follows_all_finds_what_comparing_all_finds():
    positions, vectors, _ = planted(9, 10)
    forest = grown(positions, vectors, block=30)
    for query in unit(np.random.default_rng(1).normal(size=(5, 64))):
        found = [item for item, _ in forest.find(query, 10, beam=10_000).items]
        assert found == brute(vectors, query, 10)


def test_descending_finds_ten_nearest_in_planted_rooms_and_compares_few():
    positions, vectors, _ = planted(100, 20)
    forest = grown(positions, vectors)
    chance = np.random.default_rng(1)
    hits, scored = 0, 0
    for thing in chance.integers(0, len(vectors), 50):
        query = unit(vectors[thing] + 0.2 * unit(chance.normal(size=64)))
        found = forest.find(query, 10)
        hits += len({item for item, _ in found.items} & set(brute(vectors, query, 10)))
        scored += found.scored
    assert hits / 500 > 0.97
    assert scored / 50 < len(vectors) / 3


def test_of_things_that_mean_alike_the_near_one_is_found_first():
    positions = np.array([[0.0, 0, 0], [40.0, 0, 0], [80.0, 0, 0]])
    vectors = np.tile(unit(np.ones(8)), (3, 1))
    forest = grown(positions, vectors)
    for place in range(3):
        found = forest.find(vectors[0], 1, near=positions[place] + 2.0)
        assert found.items[0][0] == place


def test_an_empty_forest_finds_nothing():
    assert Forest(8).find(np.ones(8), 3).items == []
