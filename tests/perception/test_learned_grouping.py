"""From maps to things: what any maps must give, and what plain ones do give."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from perception.learned.config import GroupingConfig
from perception.learned.grouping import Groups, connected_surfaces, full_size, group, pooled
from perception.learned.strides import COARSE, FINE, REACH
from perception.learned.targets import make_targets

FLAT = np.full((24, 32), 2.0, np.float32)


def perfect_maps(ids: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds, middles and offsets of a network that never errs."""
    truth = make_targets(ids, kinds, np.zeros((len(kinds), 1), np.int8))
    return np.asarray(truth.kinds), np.asarray(truth.centres)[0], np.asarray(truth.offsets)


def grouped(ids: np.ndarray, kinds: np.ndarray, depth: np.ndarray = FLAT) -> Groups:
    kind_map, centres, offsets = perfect_maps(ids, kinds)
    chances = np.full(kind_map.shape, 0.9, np.float32)
    return group(kind_map, chances, centres, offsets, depth, GroupingConfig())


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_maps_give_things_that_are_disjoint_and_cover_all_that_is_no_background(data):
    shape = data.draw(st.tuples(st.integers(2, 12), st.integers(2, 12)))
    fine = st.floats(0, 5, width=32)
    kinds = data.draw(npst.arrays(np.int64, shape, elements=st.integers(0, 3)))
    chances = data.draw(npst.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    half = (-(-shape[0] * FINE // COARSE), -(-shape[1] * FINE // COARSE))
    centres = data.draw(npst.arrays(np.float32, half, elements=st.floats(0, 1, width=32)))
    offsets = data.draw(npst.arrays(np.float32, (2, *half), elements=st.floats(-2, 2, width=32)))
    depth = data.draw(npst.arrays(np.float32, shape, elements=fine))
    found = group(kinds, chances, centres, offsets, depth, GroupingConfig())
    np.testing.assert_array_equal(found.cells > 0, kinds > 0)
    count = len(found.kinds)
    assert sorted(set(found.cells[found.cells > 0].tolist())) == list(range(1, count + 1))
    for number in range(1, count + 1):
        assert set(kinds[found.cells == number].tolist()) == {int(found.kinds[number - 1])}
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert len(found.scores) == count


def test_two_things_of_one_kind_that_touch_are_told_apart_by_their_middles():
    ids = np.zeros((48, 64), np.uint16)
    ids[8:40, 4:32], ids[8:40, 32:60] = 1, 2
    found = grouped(ids, np.array([3, 3], np.int32))
    assert found.kinds.tolist() == [3, 3]
    np.testing.assert_array_equal(found.cells > 0, ids[::FINE, ::FINE] > 0)
    for number in (1, 2):
        cells = found.cells[ids[::FINE, ::FINE] == number]
        assert (cells == np.bincount(cells).argmax()).mean() > 0.95


def test_what_stands_before_a_thing_does_not_part_it():
    ids = np.zeros((48, 64), np.uint16)
    ids[16:32], ids[4:44, 28:36] = 1, 2
    found = grouped(ids, np.array([3, 4], np.int32))
    assert sorted(found.kinds.tolist()) == [3, 4]


def test_without_middles_depth_parts_things_of_one_kind():
    kinds = np.ones((24, 32), np.int64)
    depth = FLAT.copy()
    depth[:, 16:] = 3.0
    nothing = np.zeros((12, 16), np.float32)
    found = group(
        kinds, np.ones(kinds.shape, np.float32), nothing, np.stack((nothing, nothing)), depth,
        GroupingConfig(),
    )  # fmt: skip
    assert len(found.kinds) == 2
    assert found.cells[0, 0] != found.cells[0, 31]


def test_unknown_depth_parts_nothing():
    kinds = np.ones((8, 8), np.int64)
    depth = np.zeros((8, 8), np.float32)
    depth[:, :4] = 1.0
    assert len(np.unique(connected_surfaces(kinds, depth, GroupingConfig()))) == 1


def test_background_alone_is_no_thing():
    found = grouped(np.zeros((48, 64), np.uint16), np.zeros(0, np.int32))
    assert len(found.kinds) == len(found.scores) == 0
    assert not found.cells.any()


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 13), width=st.integers(1, 13), seed=st.integers(0, 1000))
def test_full_size_keeps_sampled_pixels_and_invents_no_number(height: int, width: int, seed: int):
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 4, (-(-height // 2), -(-width // 2))).astype(np.int32)
    depth = rng.uniform(0, 3, (height, width)).astype(np.float32)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = full_size(cells, depth, rgb)
    np.testing.assert_array_equal(found[::FINE, ::FINE], cells)
    for y, x in np.ndindex(found.shape):
        around = cells[y // 2 : (y + 1) // 2 + 1, x // 2 : (x + 1) // 2 + 1]
        assert found[y, x] in around


def test_edges_follow_depth_between_cells():
    depth = np.full((8, 8), 3.0, np.float32)
    depth[:, :4] = 1.0  # Column 3 lies between the cells of columns 2 and 4.
    cells = np.zeros((4, 4), np.int32)
    cells[:, :2] = 1
    found = full_size(cells, depth, np.zeros((8, 8, 3), np.uint8))
    np.testing.assert_array_equal(found == 1, depth == 1.0)


def test_maps_are_averaged_over_each_thing():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 4, (6, 7)).astype(np.int32)
    maps = rng.normal(size=(2, 6, 7)).astype(np.float32)
    found = pooled(maps, cells, 3)
    for number in (1, 2, 3):
        for s in (0, 1):
            np.testing.assert_allclose(
                found[number - 1, s], maps[s][cells == number].mean(), rtol=1e-5
            )


def test_offsets_are_in_units_of_reach():
    ids = np.zeros((48, 64), np.uint16)
    ids[8:40, 8:56] = 1
    _, _, offsets = perfect_maps(ids, np.array([1], np.int32))
    assert np.abs(offsets).max() * REACH < 30
