"""The shipped tracker's keys as a description of looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.appearance import Describer
from perception.xmem.features import TrackerFeatures


@pytest.fixture(name="describe", scope="module")
def a_describer() -> TrackerFeatures:
    return TrackerFeatures()


def patterned(seed: int) -> np.ndarray:
    """A patch of 48 px with blobs of its own."""
    chance = np.random.default_rng(seed)
    return np.kron(chance.integers(0, 255, (4, 4, 3)), np.ones((12, 12, 1))).astype(np.uint8)


def test_a_patch_is_most_like_itself_elsewhere(describe: TrackerFeatures):
    pictures = []
    for corners in ((16, 16, 96, 160), (112, 144, 32, 48)):
        picture = np.full((192, 240, 3), 128, np.uint8)
        masks = np.zeros((2, 192, 240), bool)
        for number in range(2):
            y, x = corners[2 * number : 2 * number + 2]
            picture[y : y + 48, x : x + 48] = patterned(number)
            masks[number, y : y + 48, x : x + 48] = True
        pictures.append(describe(picture, masks))
    alike = pictures[0] @ pictures[1].T
    assert alike.argmax(axis=1).tolist() == [0, 1]


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_pictures_of_any_size_are_described(
    describe: TrackerFeatures, height: int, width: int, count: int
):
    masks = np.zeros((count, height, width), bool)
    masks[1:, : height // 2 + 1] = True  # The first is empty.
    found = describe(np.zeros((height, width, 3), np.uint8), masks)
    assert found.shape == (count, 48)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-4)
    assert isinstance(describe, Describer)
