"""What users of such trackers complain of, with the weights that come with the package.

A textured square on a textured ground, shown to the tracker once.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from perception.compact.weights import SHIPPED
from perception.xmem.loading import load_network
from perception.xmem.network import MemoryNetwork
from perception.xmem.tracker import ObjectTracker

H, W, SIDE, TOP = 384, 480, 112, 130
View = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def network() -> MemoryNetwork:
    return load_network(SHIPPED)


def texture(seed: int, height: int, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    random, total = np.random.default_rng(seed), np.zeros((height, width, 3), np.float32)
    for scale in (8, 24, 64):
        shape = (height // scale + 2, width // scale + 2, 3)
        values = random.uniform(-1, 1, shape).astype(np.float32)
        total += cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.array(colour) + 45 * total, 0, 255).astype(np.uint8)


GROUND = texture(0, H, W, (120, 130, 110))
THING = texture(1, SIDE, SIDE, (190, 70, 60))
OTHER = texture(3, SIDE, SIDE, (60, 80, 200))
SCREEN = texture(2, H, 200, (70, 90, 170))


def view(left: int, *, screen: int | None = None, other: int | None = None) -> View:
    """Return an image and its mask: the thing, what comes before it, another thing below."""
    image, ids = GROUND.copy(), np.zeros((H, W), np.int64)
    for thing, at, top, number in ((OTHER, other, 250, 0), (THING, left, TOP, 1)):
        if at is not None and -SIDE < at < W:
            inside = slice(max(at, 0), min(at + SIDE, W))
            image[top : top + SIDE, inside] = thing[:, inside.start - at : inside.stop - at]
            ids[top : top + SIDE, inside] = number
    if screen is not None:
        image[:, screen : screen + 200], ids[:, screen : screen + 200] = SCREEN, 0
    return image, ids


def overlaps(network: MemoryNetwork, views: list[View]) -> Iterator[float]:
    """Yield the intersection over union in each view; 1 where there is nothing and none found."""
    tracker = ObjectTracker(network)
    for number, (image, ids) in enumerate(views):
        found = tracker.step(image, ids if number == 0 else None).ids == 1
        union = np.count_nonzero(found | (ids == 1))
        yield np.count_nonzero(found & (ids == 1)) / union if union else 1.0


def test_a_thing_that_leaves_step_by_step_is_gone_and_found_again(network):
    """Cutie's issue 143: lost objects after they left the frame gradually."""
    away = [view(300 + 14 * k) for k in range(14)]
    back = [view(W - 14 * k) for k in range(16)]
    seen = list(overlaps(network, away + [view(W + 50)] * 10 + back))
    assert np.mean(seen[:10]) > 0.85
    assert min(seen[15:24]) == 1.0, "something was seen where nothing was"
    assert np.mean(seen[-8:]) > 0.85


def test_a_thing_behind_another_for_long_is_found_again(network):
    """Cutie's issue 70: failures after occlusion."""
    before, after = ([view(160 + 2 * k) for k in range(6)] for _ in range(2))
    seen = list(overlaps(network, [*before, *[view(172, screen=130)] * 40, *after]))
    assert min(seen[8:46]) == 1.0
    assert min(seen[-6:]) > 0.85


def test_a_new_thing_is_not_taken_for_one_that_left(network):
    """A known failure of such trackers: drawn to what newly stands out while the target is away."""
    away = [view(300 + 20 * k) for k in range(10)]
    alone = [view(W + 50, other=20 * k) for k in range(16)]
    both = [view(W - 20 * k, other=300) for k in range(12)]
    seen = list(overlaps(network, away + alone + both))
    assert min(seen[12:26]) == 1.0, "the other thing was taken for it"
    assert np.mean(seen[-5:]) > 0.85
