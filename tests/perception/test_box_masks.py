"""Masks out of boxes and depth, with answers that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.types import Frame
from perception.box_masks import connected_surfaces, masks_in_boxes, middle_surface


def view(depth: np.ndarray | None, shape: tuple[int, int] = (40, 60)) -> Frame:
    return Frame(stamp=0.0, rgb=np.zeros((*shape, 3), np.uint8), depth=depth)


def mug_before_a_wall() -> np.ndarray:
    """A disc of radius 8 px at 1 m around (20, 30), before a wall at 2 m."""
    rows, columns = np.mgrid[:40, :60]
    disc = (rows - 20) ** 2 + (columns - 30) ** 2 <= 64
    return np.where(disc, 1.0, 2.0).astype(np.float32)


def test_the_thing_is_cut_out_of_what_lies_behind():
    depth = mug_before_a_wall()
    mask = masks_in_boxes(view(depth), np.array([[21.0, 11, 39, 29]]))[0]
    np.testing.assert_array_equal(mask, depth == 1)


def test_what_covers_a_corner_is_left_out():
    depth = mug_before_a_wall()
    depth[:16, :28] = 0.5
    mask = masks_in_boxes(view(depth), np.array([[21.0, 11, 39, 29]]))[0]
    np.testing.assert_array_equal(mask, depth == 1)


def test_a_slanted_surface_stays_whole():
    depth = np.tile(np.linspace(1, 3, 60, dtype=np.float32), (40, 1))
    assert masks_in_boxes(view(depth), np.array([[0.0, 0, 60, 40]])).all()


def test_two_things_at_the_same_depth_are_two():
    depth = np.full((40, 60), 3, np.float32)
    depth[:, :24] = depth[:, 32:] = 1.0
    mask = middle_surface(depth)
    assert mask[:, 32:].all()  # The larger one.
    assert not mask[:, :32].any()


@pytest.mark.parametrize("unknown", [np.nan, 0.0, np.inf])
def test_without_depth_the_whole_box_is_the_mask(unknown: float):
    boxes = np.array([[2.0, 3, 10, 8]])
    expected = np.zeros((40, 60), bool)
    expected[3:8, 2:10] = True
    for depth in (None, np.full((40, 60), unknown, np.float32)):
        np.testing.assert_array_equal(masks_in_boxes(view(depth), boxes)[0], expected)


def test_pixels_without_depth_are_left_out():
    depth = mug_before_a_wall()
    depth[18:20, 28:30] = np.nan
    mask = masks_in_boxes(view(depth), np.array([[21.0, 11, 39, 29]]))[0]
    np.testing.assert_array_equal(mask, depth == 1)


def test_boxes_beyond_the_image_are_cut_off_and_empty_ones_are_empty():
    boxes = np.array([[-9.0, -9, 5, 5], [50, 30, 99, 99], [70, 70, 80, 80], [9, 9, 9, 9]])
    boxes = np.concatenate((boxes, [[np.nan, np.nan, np.nan, np.nan], [20, 9, 5, 2]]))
    masks = masks_in_boxes(view(mug_before_a_wall()), boxes)
    assert masks.sum(axis=(1, 2)).tolist() == [25, 100, 0, 0, 0, 0]
    assert masks_in_boxes(view(None), np.zeros((0, 4))).shape == (0, 40, 60)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_surfaces_are_what_a_flood_fill_finds(seed: int):
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 8, 2)
    depth = random.choice([1.0, 1.05, 1.15, 2.0], (height, width)).astype(np.float32)
    known = random.random((height, width)) < 0.8
    found = connected_surfaces(np.where(known, depth, 0).astype(np.float32), known)
    expected = np.zeros((height, width), int)
    for seed_row, seed_column in np.argwhere(known):
        if expected[seed_row, seed_column]:
            continue
        number, stack = expected.max() + 1, [(seed_row, seed_column)]
        while stack:
            row, column = stack.pop()
            expected[row, column] = number
            for r, c in (
                (row + 1, column),
                (row - 1, column),
                (row, column + 1),
                (row, column - 1),
            ):
                if 0 <= r < height and 0 <= c < width and known[r, c] and not expected[r, c]:
                    one, other = depth[row, column], depth[r, c]
                    if abs(one - other) <= 0.06 + 0.03 * min(one, other):
                        stack.append((r, c))
    assert len(np.unique(np.stack((found, expected)).reshape(2, -1), axis=1).T) == len(
        np.unique(expected)
    )
    assert ((found == 0) == ~known).all()
