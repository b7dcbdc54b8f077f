"""Depth to points and boxes."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.errors import FrameError
from embodied_mem.types import Camera, Frame
from perception.lift import LiftConfig, lift, pixel_rays, robust_box, without_spill
from perception.pixels import sample_pixels

ALL = LiftConfig(max_points=10**6, max_samples=10**6, gap=100.0, trim=0.0)
"""Keeps everything."""


def a_frame(depth: np.ndarray, seed: int = 0) -> Frame:
    random = np.random.default_rng(seed)
    h, w = depth.shape
    return Frame(
        stamp=1.0,
        rgb=np.zeros((h, w, 3), np.uint8),
        depth=depth.astype(np.float32),
        camera=Camera(width=w, height=h, fx=41.0, fy=38.0, cx=w / 2 + 0.7, cy=h / 2 - 1.2),
        T_world_camera=RigidTransform.from_components(
            random.normal(size=3), Rotation.random(rng=random)
        ),
    )


def naive_points(frame: Frame, mask: np.ndarray) -> np.ndarray:
    """Lift one pixel after another, in float64."""
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    points = []
    for row in range(frame.camera.height):
        for column in range(frame.camera.width):
            z = float(frame.depth[row, column])
            if not mask[row, column] or not np.isfinite(z) or z <= 0 or z >= ALL.max_depth:
                continue
            x = (column + 0.5 - frame.camera.cx) / frame.camera.fx * z
            y = (row + 0.5 - frame.camera.cy) / frame.camera.fy * z
            points.append(frame.T_world_camera.apply([x, y, z]))
    return np.array(points).reshape(-1, 3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), bad=st.floats(0, 1))
def test_lift_is_what_a_loop_over_pixels_gives(seed: int, bad: float):
    random = np.random.default_rng(seed)
    depth = random.uniform(0.3, 8, size=(13, 17)).astype(np.float32)
    holes = random.random(depth.shape) < bad
    depth[holes] = random.choice([np.nan, 0.0, -1.0, np.inf, 25.0], size=int(holes.sum()))
    masks = random.random((4, 13, 17)) < 0.4
    frame = a_frame(depth, seed)
    points, boxes = lift(frame, masks, ALL)
    for mask, found, box in zip(masks, points, boxes, strict=True):
        expected = naive_points(frame, mask)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        if len(expected):
            np.testing.assert_allclose(box[0], expected.min(axis=0), atol=1e-4)
            np.testing.assert_allclose(box[1], expected.max(axis=0), atol=1e-4)
        else:
            assert np.isnan(box).all()


def test_a_projected_point_is_lifted_back():
    camera = Camera.from_fov(64, 48, np.pi / 2)
    rays = pixel_rays(camera).reshape(48, 64, 3)
    pixels = camera.project((rays[10, 20] * 3.0)[None].astype(np.float64))
    np.testing.assert_allclose(pixels[0], [20.5, 10.5], atol=1e-4)


def test_points_are_bounded_and_boxes_hardly_suffer():
    depth = np.full((300, 300), 2.0)
    masks = np.zeros((2, 300, 300), bool)
    masks[0, 20:220, 30:250] = True
    masks[1, 100:104, 100:104] = True
    frame = a_frame(depth)
    points, boxes = lift(frame, masks, LiftConfig())
    assert [len(p) for p in points] == [200, 16]
    _, whole = lift(frame, masks, ALL)
    np.testing.assert_allclose(boxes, whole, atol=0.03 * np.ptp(whole, axis=1).max())


def test_a_mask_that_spills_onto_the_wall_keeps_the_box_of_its_object():
    depth = np.full((60, 60), 4.0)
    depth[20:40, 20:40] = 1.5
    mask = np.zeros((1, 60, 60), bool)
    mask[0, 20:40, 20:41] = True  # One column too wide.
    frame = replace(a_frame(depth), T_world_camera=RigidTransform.identity())
    _, boxes = lift(frame, mask, LiftConfig())
    assert boxes[0, 1, 2] == pytest.approx(1.5)


def test_an_object_in_two_depths_keeps_both():
    depth = np.full((60, 60), 2.0)
    depth[30:, :] = 1.0
    mask = np.ones((1, 60, 60), bool)
    frame = replace(a_frame(depth), T_world_camera=RigidTransform.identity())
    _, boxes = lift(frame, mask, LiftConfig())
    np.testing.assert_allclose(boxes[0, :, 2], [1.0, 2.0])


@given(n=st.integers(1, 400), trim=st.floats(0, 0.2))
def test_a_robust_box_lies_within_the_whole_one(n: int, trim: float):
    points = np.random.default_rng(n).normal(size=(n, 3))
    box = robust_box(points, trim=trim)
    assert (box[0] >= points.min(axis=0)).all()
    assert (box[1] <= points.max(axis=0)).all()
    assert (box[0] <= box[1]).all()


def test_stray_points_do_not_stretch_a_box():
    points = np.random.default_rng(0).uniform(0, 1, size=(500, 3))
    points[:4] = 40.0
    assert robust_box(points, trim=0.01)[1].max() <= 1.13


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(1, 60), share=st.floats(0, 1))
def test_a_sample_is_bounded_without_repeats_and_within_its_mask(limit: int, share: float):
    random = np.random.default_rng(limit)
    masks = random.random((3, 20, 20)) < share
    sample = sample_pixels(masks, limit=limit)
    again = sample_pixels(masks, limit=limit)
    np.testing.assert_array_equal(sample.pixels, again.pixels)
    for i, mask in enumerate(masks):
        chosen = sample.pixels[sample.starts[i] : sample.starts[i + 1]]
        assert len(chosen) == min(limit, mask.sum())
        assert len(np.unique(chosen)) == len(chosen)
        assert mask.reshape(-1)[chosen].all()


def test_a_sample_of_a_full_width_mask_sees_every_part_of_it():
    sample = sample_pixels(np.ones((1, 300, 300), bool), limit=600)
    columns = sample.pixels % 300
    assert (np.bincount(columns // 30, minlength=10) > 30).all()


def test_missing_parts_of_a_frame_are_named():
    frame = a_frame(np.ones((8, 8)))
    masks = np.ones((1, 8, 8), bool)
    messages = []
    for field in ("depth", "camera", "T_world_camera"):
        with pytest.raises(FrameError) as caught:
            lift(replace(frame, **{field: None}), masks, LiftConfig())
        messages.append(str(caught.value))
    assert messages == snapshot(
        [
            "the frame at 1.00 s has no depth, which placing objects needs. Switch the depth camera on, or set `lift` to null to do without places.",
            "the frame at 1.00 s has depth but no `camera`, so its points have no place in the world. Give the frame its intrinsics and its pose.",
            "the frame at 1.00 s has depth but no `T_world_camera`, so its points have no place in the world. Give the frame its intrinsics and its pose.",
        ]
    )


def test_no_masks_give_no_boxes():
    points, boxes = lift(a_frame(np.ones((8, 8))), np.zeros((0, 8, 8), bool), LiftConfig())
    assert points == ()
    assert boxes.shape == (0, 2, 3)


def test_a_mask_that_spills_over_by_a_pixel_takes_in_nothing_from_behind():
    depth = np.full((30, 30), 3.0)
    depth[10:20, 10:20] = 1.5
    frame, exact = a_frame(depth), np.zeros((1, 30, 30), bool)
    exact[0, 10:20, 10:20] = True
    spilt = np.zeros_like(exact)
    spilt[0, 9:21, 9:21] = True
    sharp, smeared = (lift(frame, mask, LiftConfig())[1] for mask in (exact, spilt))
    np.testing.assert_allclose(sharp, smeared, atol=1e-6)


def test_a_surface_seen_at_a_grazing_angle_keeps_its_edges():
    rows = np.arange(30)[:, None]
    depth = np.broadcast_to(120.0 / (rows + 36), (30, 30))  # A floor, 3.3 m to 1.8 m away.
    mask = np.zeros((1, 30, 30), bool)
    mask[0, 2:28, 2:28] = True
    kept = without_spill(mask, depth.astype(np.float32), LiftConfig())
    assert (kept == mask).all()
