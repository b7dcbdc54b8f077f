"""The tracker's rules. Weights are drawn, so masks mean nothing; what is done when does."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from embodied_mem.errors import ConfigError, FrameError, StoreFormatError
from embodied_mem.memory.feature_config import FeatureStoreConfig
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.images import Size
from perception.xmem.loading import build_network
from perception.xmem.network import MemoryNetwork, XMem
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

H, W = 40, 56


@pytest.fixture(scope="module")
def network() -> MemoryNetwork:
    shapes = {name: tensor.shape for name, tensor in XMem().state_dict().items()}
    return build_network(drawn_weights(shapes)).prepare()


def image(seed: int, height: int = H, width: int = W) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxes(*objects: int, height: int = H, width: int = W) -> np.ndarray:
    """Return an id mask with a box for each object."""
    ids = np.zeros((height, width), np.int64)
    for number, object_id in enumerate(objects):
        ids[4:20, 2 + 14 * number : 12 + 14 * number] = object_id
    return ids


def tracker(network: XMem, **changes) -> ObjectTracker:
    small = FeatureStoreConfig(max_work_frames=4, min_work_frames=2, prototypes=4, max_long_term=12)
    return ObjectTracker(network, TrackerConfig(memory=small, memory_every=2, **changes))


def test_before_any_mask_all_is_background_and_nothing_is_remembered(network):
    one = tracker(network)
    for masks in (None, np.zeros((H, W), np.int64)):
        found = one.step(image(0), masks)
        assert not found.ids.any()
        assert found.objects == ()
        assert found.probabilities.shape == (1, H, W)
    assert one.memory.work_size == 0


def test_an_annotated_frame_comes_back_as_it_was_given(network):
    one = tracker(network)
    given = boxes(7, 300)
    found = one.step(image(0), given)
    np.testing.assert_array_equal(found.ids, given)
    assert found.objects == (7, 300)
    torch.testing.assert_close(found.probabilities.sum(dim=0), torch.ones(H, W))


def test_correcting_one_object_leaves_the_others_where_they_were_found(network):
    """A mask that shows one object used to wipe out the corrections of the others."""
    plain, corrected = tracker(network), tracker(network)
    for one in (plain, corrected):
        one.step(image(0), boxes(1, 2, 3))
        one.step(image(1))
    expected = plain.step(image(2)).probabilities
    mask = np.zeros((H, W), np.int64)
    mask[25:35, 30:50] = 2
    found = corrected.step(image(2), mask)
    assert found.objects == (1, 2, 3)
    assert (found.ids[mask == 2] == 2).all()
    assert not (found.ids[mask == 0] == 2).any()
    elsewhere = torch.from_numpy(mask == 0)
    for channel in (1, 3):
        outside = expected[channel][elsewhere] > 0.5
        assert (found.probabilities[channel][elsewhere] > 0.5)[outside].float().mean() > 0.95


@pytest.mark.parametrize("flip", [False, True])
def test_frames_that_were_looked_at_beforehand_give_the_same_masks(network, flip: bool):
    """Also where the size changes in between, and a mask comes late. In double precision, since
    what is remembered carries rounding on."""
    exact = copy.deepcopy(network).double()
    sizes = [(H, W), (H, W), (H, W), (H + 16, W), (H + 16, W), (H, W)]
    frames = [image(number, *size) for number, size in enumerate(sizes)]
    given = {0: boxes(1, 2), 4: boxes(5, height=H + 16)}
    one_by_one, ahead = tracker(exact, flip=flip), tracker(exact, flip=flip)
    looks = [look for part in (frames[:2], frames[2:]) for look in ahead.look(part)]
    assert [look.rgb is frame for look, frame in zip(looks, frames, strict=True)] == [True] * 6
    for number, (frame, look) in enumerate(zip(frames, looks, strict=True)):
        expected = one_by_one.step(frame, given.get(number))
        found = ahead.step(look, given.get(number))
        assert found.objects == expected.objects
        torch.testing.assert_close(
            found.probabilities, expected.probabilities, rtol=1e-9, atol=1e-9
        )


def test_an_object_that_the_mask_speaks_of_and_does_not_show_is_gone(network):
    one = tracker(network)
    one.step(image(0), boxes(1, 2))
    one.step(image(1))
    found = one.step(image(2), boxes(1), objects=[1, 2])
    assert not (found.ids == 2).any()
    assert found.objects == (1, 2)


def test_objects_come_and_go_at_any_time(network):
    one = tracker(network)
    one.step(image(0), boxes(5))
    found = None
    for time in range(1, 12):
        new = {3: 9, 6: 2}.get(time)
        mask = None if new is None else np.where(boxes(0, 0, new) == new, new, 0)
        found = one.step(image(time), mask)
        if time == 8:
            one.remove([5, 77])
        assert np.isfinite(found.probabilities.numpy()).all()
    assert found is not None
    assert found.objects == (9, 2)
    assert set(np.unique(found.ids)) <= {0, 9, 2}
    one.remove([9, 2])
    assert not one.step(image(20)).ids.any()


def test_a_late_object_outlives_long_term_eviction(network):
    """Upstream stops with an error here: a long video, and an object that came later."""
    one = tracker(network)
    one.step(image(0), boxes(1))
    for time in range(1, 30):
        one.step(image(time), boxes(0, 2) if time == 5 else None)
        assert one.memory.long_size <= 12
    assert one.objects == (1, 2)


def test_a_new_frame_size_goes_on_with_the_same_objects(network):
    one = tracker(network)
    one.step(image(0), boxes(1, 2))
    one.step(image(1))
    for time, (height, width) in enumerate(((64, 48), (30, 90), (H, W)), start=2):
        found = one.step(image(time, height, width))
        assert found.ids.shape == (height, width)
        assert np.isfinite(found.probabilities.numpy()).all()


@pytest.mark.parametrize(("height", "width"), [(305, 854), (96, 129), (481, 853), (17, 400)])
def test_image_and_mask_come_to_the_same_size(height: int, width: int):
    size = Size(height, width, max_short=360)
    entered = size.enter(torch.zeros(3, height, width))
    ids = size.enter_ids(np.zeros((height, width), np.int64))
    assert size.pad(torch.from_numpy(ids)[None].float()).shape[1:] == entered.shape[1:]
    assert entered.shape[1] % 16 == entered.shape[2] % 16 == 0
    assert size.leave(entered).shape == (3, height, width)
    assert min(size.inner) == min(height, width, 360)


def test_small_frames_are_read_with_fewer_elements_than_top_k(network):
    one = tracker(network)
    mask = np.zeros((32, 32), np.int64)
    mask[:16] = 1
    one.step(image(0, 32, 32), mask)
    assert np.isfinite(one.step(image(1, 32, 32)).probabilities.numpy()).all()


def test_large_images_are_shrunk_inside_and_masks_are_full_size(network):
    one = tracker(network, max_internal_size=32)
    found = one.step(image(0, 80, 112), boxes(1, height=80, width=112))
    assert found.ids.shape == (80, 112)
    assert one.memory.work_size == (32 // 16) * (48 // 16)


def test_mirrored_images_give_mirrored_masks(network):
    """With flip averaging a mirrored video is tracked as the mirror image."""
    plain, mirrored = tracker(network, flip=True), tracker(network, flip=True)
    for time in range(4):
        mask = boxes(1, 2) if time == 0 else None
        one = plain.step(image(time), mask)
        other = mirrored.step(
            np.ascontiguousarray(image(time)[:, ::-1]), None if mask is None else mask[:, ::-1]
        )
        torch.testing.assert_close(
            one.probabilities, other.probabilities.flip(2), atol=1e-4, rtol=1e-3
        )


def test_clearing_begins_a_new_video(network):
    fresh, used = tracker(network), tracker(network)
    for time in range(5):
        used.step(image(50 + time), boxes(3) if time == 0 else None)
    used.clear()
    for time in range(4):
        mask = boxes(1, 2) if time == 0 else None
        torch.testing.assert_close(
            fresh.step(image(time), mask).probabilities, used.step(image(time), mask).probabilities
        )


def test_a_frozen_memory_serves_any_number_of_runs(network, tmp_path: Path):
    """XMem's issue 52: what one run has learnt is used in another, and stays as it is."""
    one = tracker(network)
    for number in range(6):
        one.step(image(number), boxes(1, 2) if number == 0 else None)
    one.save(tmp_path / "learnt.safetensors")
    runs = []
    for _ in range(2):
        again = ObjectTracker.load(tmp_path / "learnt.safetensors", network)
        before = again.memory.work_size, again.memory.long_size
        runs.append([again.step(image(20 + k), frozen=True).probabilities for k in range(5)])
        assert (again.memory.work_size, again.memory.long_size) == before
    for first, second in zip(*runs, strict=True):
        assert torch.equal(first, second)


def test_a_saved_tracker_goes_on_as_if_it_had_not_been_saved(network, tmp_path: Path):
    one, path = tracker(network), tmp_path / "tracker.safetensors"
    one.step(image(0), boxes(1, 2))
    for time in range(1, 9):
        one.step(image(time), boxes(0, 0, 8) if time == 3 else None)
    one.save(path)
    other = ObjectTracker.load(path, network)
    assert other.objects == one.objects == (1, 2, 8)
    for time in range(9, 16):
        expected, found = one.step(image(time)), other.step(image(time))
        torch.testing.assert_close(found.probabilities, expected.probabilities, atol=0, rtol=0)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StoreFormatError, match="damaged"):
        ObjectTracker.load(path, network)


def test_half_precision_stays_near(network):
    exact, half = tracker(network), tracker(network, precision="bfloat16")
    one, other = exact.step(image(0), boxes(1, 2)), half.step(image(0), boxes(1, 2))
    for time in range(1, 5):
        one, other = exact.step(image(time)), half.step(image(time))
    assert other.probabilities.dtype == torch.float32
    assert float((one.probabilities - other.probabilities).abs().mean()) < 0.1


@pytest.mark.parametrize(
    ("mask", "objects", "message"),
    [
        (np.zeros((3, 3), np.int64), None, "must match the image"),
        (np.full((H, W), -2), None, "must be positive, got -2"),
        (None, [3], "named without a mask"),
        (np.zeros((H, W), np.int64), [0], "0 is the background"),
    ],
)
def test_wrong_annotations_are_refused(network, mask, objects, message: str):
    with pytest.raises(FrameError, match=message):
        tracker(network).step(image(0), mask, objects)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"memory_every": 0}, "memory_every must be at least 1"),
        ({"deep_update_every": 0}, "deep_update_every must be -1"),
        ({"max_internal_size": 8}, "at least 16 px"),
    ],
)
def test_impossible_schedules_are_refused(wrong: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        TrackerConfig(**wrong)
