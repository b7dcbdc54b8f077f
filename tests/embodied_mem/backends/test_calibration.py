"""Undistortion and registration against naive loops, OpenCV and rendered truth."""

import cv2
import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.calibration import Distortion, Undistorter, register
from embodied_mem.errors import ConfigError
from embodied_mem.types import Camera

KINECT = Distortion(k1=0.2624, k2=-0.9531, p1=-0.0054, p2=0.0026, k3=1.1633)
CAMERA = Camera(width=64, height=48, fx=51.7, fy=51.65, cx=32.36, cy=26.03)


def test_maps_are_those_of_the_formula():
    """Each pixel of the pinhole looks where Brown and Conrady bend its ray, in corner pixels."""
    undistorter = Undistorter(CAMERA, KINECT)
    gradient = np.broadcast_to(np.arange(64, dtype=np.float32) + 0.5, (48, 64)).copy()
    seen = undistorter.depth(gradient)
    for row, column in np.ndindex(48, 64):
        x = (column + 0.5 - CAMERA.cx) / CAMERA.fx
        y = (row + 0.5 - CAMERA.cy) / CAMERA.fy
        r2 = x * x + y * y
        radial = 1 + 0.2624 * r2 - 0.9531 * r2**2 + 1.1633 * r2**3
        u = (x * radial + 2 * -0.0054 * x * y + 0.0026 * (r2 + 2 * x * x)) * CAMERA.fx + CAMERA.cx
        v = (y * radial - 0.0054 * (r2 + 2 * y * y) + 2 * 0.0026 * x * y) * CAMERA.fy + CAMERA.cy
        bent = KINECT.bend(np.array([[x, y]]))[0] * (CAMERA.fx, CAMERA.fy) + (CAMERA.cx, CAMERA.cy)
        np.testing.assert_allclose(bent, (u, v), atol=1e-12)
        if 1 < u < 63 and 1 < v < 47:
            assert abs(seen[row, column] - u) <= 0.5 + 0.04  # remap rounds to 1/32 px.
        elif not (-0.5 < u < 64.5 and -0.5 < v < 48.5):
            assert np.isnan(seen[row, column])


def test_color_is_what_opencv_makes_of_it():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 8.0), np.uint8)
    matrix = np.array([[51.7, 0, 31.86], [0, 51.65, 25.53], [0, 0, 1]])
    expected = cv2.undistort(rgb, matrix, KINECT.coefficients)
    got = Undistorter(CAMERA, KINECT).color(rgb)
    assert np.abs(got.astype(int) - expected).max() <= 2  # Fixed-point and float maps.


def test_no_distortion_changes_nothing_and_depth_is_never_mixed():
    depth = np.random.default_rng(1).choice([1.0, 2.0, np.nan], (48, 64)).astype(np.float32)
    np.testing.assert_array_equal(Undistorter(CAMERA, Distortion()).depth(depth), depth)
    got = Undistorter(CAMERA, KINECT).depth(depth)
    assert set(np.unique(got[np.isfinite(got)]).tolist()) <= {1.0, 2.0}


def test_a_lens_of_no_numbers_is_refused():
    with pytest.raises(ConfigError, match="finite"):
        Distortion(k1=float("nan"))


def naive_register(
    depth: np.ndarray, camera: Camera, pose: RigidTransform, target: Camera
) -> np.ndarray:
    image = np.full((target.height, target.width), np.nan)
    for row, column in np.ndindex(depth.shape):
        z = float(depth[row, column])
        if not np.isfinite(z):
            continue
        x, y = (column + 0.5 - camera.cx) / camera.fx * z, (row + 0.5 - camera.cy) / camera.fy * z
        px, py, pz = pose.apply(np.array([x, y, z]))
        if pz <= 1e-3:
            continue
        u, v = px / pz * target.fx + target.cx, py / pz * target.fy + target.cy
        wide = max(z / camera.fx * target.fx / pz, 1)
        tall = max(z / camera.fy * target.fy / pz, 1)
        for r, c in np.ndindex(image.shape):
            in_row = v - tall / 2 <= r + 0.5 < v + tall / 2
            if in_row and u - wide / 2 <= c + 0.5 < u + wide / 2 and not image[r, c] <= pz:
                image[r, c] = pz
    return image


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.5, 2.5))
def test_registration_is_that_of_the_loop(seed: int, scale: float):
    chance = np.random.default_rng(seed)
    camera = Camera(width=7, height=5, fx=6.0, fy=5.5, cx=3.4, cy=2.6)
    target = Camera(width=9, height=8, fx=6.0 * scale, fy=6.1 * scale, cx=4.2, cy=4.1)
    depth = chance.choice([0.7, 1.0, 1.9, 3.0, np.nan], (5, 7)).astype(np.float32)
    pose = RigidTransform.from_components(
        chance.normal(0, 0.1, 3), Rotation.from_rotvec(chance.normal(0, 0.1, 3))
    )
    got = register(depth, camera, pose, target)
    np.testing.assert_allclose(got, naive_register(depth, camera, pose, target), rtol=1e-5)


def test_registering_onto_itself_changes_nothing():
    depth = np.random.default_rng(2).uniform(0.5, 4, (48, 64)).astype(np.float32)
    depth[3, 5] = np.nan
    np.testing.assert_array_equal(register(depth, CAMERA, RigidTransform.identity(), CAMERA), depth)


def test_depth_of_one_view_becomes_that_of_another():
    world = BoxWorld(pixels=120)
    world.add("table", "Table", (2.0, 0.0, 0.4), (0.8, 1.2, 0.8))
    world.add("box", "Box", (1.9, 0.2, 0.95), (0.3, 0.3, 0.3))
    one, two = world.frame(0.0, 0.0, 0.0)[0], world.frame(0.03, -0.05, 0.02)[0]
    assert one.depth is not None
    assert two.depth is not None
    assert one.camera is not None
    assert two.camera is not None
    assert one.T_world_camera is not None
    assert two.T_world_camera is not None
    got = register(one.depth, one.camera, two.T_world_camera.inv() * one.T_world_camera, two.camera)
    both = np.isfinite(got) & np.isfinite(two.depth)
    error = np.abs(got - two.depth)[both]
    assert both.sum() > 0.85 * np.isfinite(two.depth).sum()
    assert np.median(error) < 0.01
    assert (error < 0.1).mean() > 0.97
