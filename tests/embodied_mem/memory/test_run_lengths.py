"""Masks are written as COCO's tools write them, and never in more bytes than asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from embodied_mem.errors import StoreFormatError
from embodied_mem.memory.run_lengths import Runs, decode, encode, encode_within, resized

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


def by_coco(mask: np.ndarray) -> Any:
    return coco.encode(np.asfortranarray(mask, np.uint8))


@given(MASKS)
def test_run_lengths_are_those_of_cocos_tools(mask: np.ndarray):
    runs = encode(mask)
    assert [runs.height, runs.width] == by_coco(mask)["size"]
    assert runs.counts == by_coco(mask)["counts"]
    np.testing.assert_array_equal(decode(runs), mask)


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (1, 4000), (4000, 1)])
def test_long_runs_are_written_and_read_too(shape: tuple[int, int]):
    rows, columns = np.indices(shape)
    middle = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < 0.4 * min(shape)
    for mask in (middle, ~middle, np.zeros(shape, bool), np.ones(shape, bool)):
        runs = encode(mask)
        assert runs.counts == by_coco(mask)["counts"]
        np.testing.assert_array_equal(decode(runs), mask)


@given(st.integers(0, 2**32 - 1), st.integers(16, 400))
def test_a_mask_never_takes_more_bytes_than_asked_for(seed: int, most: int):
    chance = np.random.default_rng(seed)
    noise = chance.random((int(chance.integers(1, 90)), int(chance.integers(1, 90)))) < 0.5
    runs = encode_within(noise, most)
    assert len(runs.counts) <= most
    assert decode(runs).shape == (runs.height, runs.width)


def test_a_coarser_mask_is_of_the_same_place():
    rows, columns = np.indices((300, 400))
    mask = np.hypot(rows - 200, columns - 120) < 80
    runs = encode_within(mask, 250)
    assert runs.height < 300
    found = resized(decode(runs), mask.shape)
    assert (found & mask).sum() / (found | mask).sum() > 0.95
    np.testing.assert_array_equal(resized(mask, mask.shape), mask)


@pytest.mark.parametrize(
    "runs",
    [
        Runs(4, 4, b""),
        Runs(4, 4, encode(np.ones((5, 5), bool)).counts),
        Runs(2**20, 2**20, b"0"),
        Runs(4, 4, bytes(range(256))),
        Runs(4, 4, b"\xff" * 40),
    ],
)
def test_damaged_runs_are_refused(runs: Runs):
    with pytest.raises(StoreFormatError, match="outline of a thing is damaged"):
        decode(runs)
