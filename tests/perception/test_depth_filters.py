"""Depth filters: what hangs in the air goes, surfaces stay, and no more is filled than stated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.transform import RigidTransform

from embodied_mem.backends.depth_sensor import DepthSensor, StereoConfig, StructuredLightConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.types import Camera, Frame
from perception import DepthFilter, DepthFilterConfig, LiftConfig, OracleConfig, Pipeline
from perception.depth_filters import filled, flying_pixels, without_speckles

NAN = float("nan")
CAMERA = Camera.from_fov(60, 40, 1.2)


def frame_of(depth: np.ndarray, stamp: float = 0.0, pose: RigidTransform | None = None) -> Frame:
    height, width = depth.shape
    return Frame(
        stamp=stamp,
        rgb=np.zeros((height, width, 3), np.uint8),
        depth=depth.astype(np.float32),
        camera=Camera.from_fov(width, height, 1.2),
        T_world_camera=pose,
    )


def plane(slope: float, near: float = 1.0) -> np.ndarray:
    """A wall turned about the vertical: inverse depth is linear along a row."""
    u = (np.arange(60) + 0.5 - CAMERA.cx) / CAMERA.fx
    return np.broadcast_to(near / (1 - slope * u), (40, 60)).astype(np.float32)


def test_pixels_between_two_surfaces_fly_and_edges_do_not():
    depth = np.full((40, 60), 2.0, np.float32)
    depth[:, :30] = 1.0
    depth[:, 30] = 1.4
    flying = flying_pixels(depth, CAMERA, 0.17, 0.006)
    assert flying[:, 30].all()
    assert flying.sum() == 40


@pytest.mark.parametrize("slope", [0.0, 0.5, 0.8, -0.8])
def test_slanted_walls_and_thin_things_do_not_fly(slope: float):
    depth = plane(slope).copy()
    assert not flying_pixels(depth, CAMERA, 0.17, 0.006).any()
    depth[:, 20] = 0.4  # A pole in front: nearer than both its neighbours.
    assert not flying_pixels(depth, CAMERA, 0.17, 0.006)[:, 20].any()


def naive_flying(depth: np.ndarray, camera: Camera, angle: float, noise: float) -> np.ndarray:
    out = np.zeros(depth.shape, bool)
    for row, column in np.ndindex(depth.shape):
        for dy, dx, focal in ((1, 0, camera.fy), (0, 1, camera.fx)):
            a, b = (row - dy, column - dx), (row + dy, column + dx)
            if min(a) < 0 or b[0] >= depth.shape[0] or b[1] >= depth.shape[1]:
                continue
            z = float(depth[row, column])
            steps = z - float(depth[a]), float(depth[b]) - z
            steep = [
                abs(s) > noise * z * z and np.arctan2(z / focal, abs(s)) < angle for s in steps
            ]
            out[row, column] |= all(steep) and steps[0] * steps[1] > 0
    return out


images = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    elements=st.sampled_from([NAN, 0.5, 0.75, 1.0, 1.25, 2.0, 4.0]),
)


@given(images)
def test_flying_pixels_are_those_of_the_definition(depth: np.ndarray):
    camera = Camera(width=depth.shape[1], height=depth.shape[0], fx=50.0, fy=40.0, cx=1.0, cy=1.0)
    np.testing.assert_array_equal(
        flying_pixels(depth, camera, 0.2, 0.01), naive_flying(depth, camera, 0.2, 0.01)
    )


def naive_pieces(depth: np.ndarray, step: float) -> np.ndarray:
    """Size of each pixel's piece, by walking."""
    sizes = np.zeros(depth.shape, int)
    seen: set[tuple[int, int]] = set()
    for start in np.ndindex(depth.shape):
        if start in seen or np.isnan(depth[start]):
            continue
        piece, left = [], [start]
        seen.add(start)
        while left:
            at = left.pop()
            piece.append(at)
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                to = at[0] + dy, at[1] + dx
                inside = 0 <= to[0] < depth.shape[0] and 0 <= to[1] < depth.shape[1]
                if inside and to not in seen and abs(1 / depth[to] - 1 / depth[at]) <= step:
                    seen.add(to)
                    left.append(to)
        for at in piece:
            sizes[at] = len(piece)
    return sizes


@given(images, st.integers(1, 6))
def test_speckles_are_pieces_of_too_few_pixels(depth: np.ndarray, size: int):
    left = without_speckles(depth, size, 0.3)
    keep = naive_pieces(depth, 0.3) >= size
    np.testing.assert_array_equal(np.isfinite(left), keep)
    np.testing.assert_array_equal(left[keep], depth[keep])


def test_a_gap_in_a_slanted_plane_is_filled_with_the_plane():
    true = plane(0.5)
    depth = true.copy()
    depth[:, 20:22] = NAN
    depth[10:12, 30:50] = NAN
    got = filled(depth, 2, 0.1)
    np.testing.assert_allclose(got, true, rtol=1e-5)


def test_wide_gaps_edges_and_borders_stay_unknown():
    depth = np.full((40, 60), 2.0, np.float32)
    depth[5:8, 10:13] = NAN  # Three by three.
    depth[:, :2] = NAN  # At the border: one side alone.
    depth[:, 30:] = 3.0
    depth[:, 30:32] = NAN  # Between two surfaces.
    got = filled(depth, 2, 0.02)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(depth))
    assert not np.isnan(filled(depth, 3, 0.02)[5:8, 10:13]).any()


@settings(max_examples=60)
@given(images, st.integers(1, 3))
def test_filling_invents_nothing_beyond_its_gap(depth: np.ndarray, widest: int):
    got = filled(depth, widest, 0.6)
    known = np.isfinite(depth)
    np.testing.assert_array_equal(got[known], depth[known])
    for row, column in zip(*np.nonzero(np.isfinite(got) & ~known), strict=True):
        spans = []
        for line, at in ((depth[row], column), (depth[:, column], row)):
            before = next((i for i in range(at, -1, -1) if np.isfinite(line[i])), None)
            after = next((i for i in range(at, len(line)) if np.isfinite(line[i])), None)
            if before is not None and after is not None and after - before - 1 <= widest:
                spans.append(sorted((line[before], line[after])))
        assert any(low - 1e-5 <= got[row, column] <= high + 1e-5 for low, high in spans)


def test_the_median_needs_a_camera_at_rest_and_half_of_the_frames():
    config = DepthFilterConfig(median=3, edge_angle=0, speckle=0, fill=0)
    still = RigidTransform.identity()
    filter_ = DepthFilter(config)
    values = [1.0, 5.0, 1.1]
    depths = [np.full((4, 4), value) for value in values]
    depths[1][0, 0], depths[2][0, 0] = NAN, NAN
    for depth, expected, known in zip(depths, (1.0, 1.0, 1.1), (1, 1, 0), strict=True):
        got = filter_(frame_of(depth, pose=still)).depth
        assert got is not None
        assert got[2, 2] == pytest.approx(expected)
        assert np.isfinite(got[0, 0]) == known  # In the end it is known in one of three.
    moved = RigidTransform.from_translation([0.1, 0, 0])
    got = filter_(frame_of(np.full((4, 4), 7.0), pose=moved)).depth
    assert got is not None
    assert got[2, 2] == 7.0


def test_without_depth_or_filters_nothing_changes():
    frame = replace(frame_of(np.full((4, 4), 1.0)), depth=None)
    assert DepthFilter()(frame) is frame
    with pytest.raises(FrameError, match="camera"):
        DepthFilter()(replace(frame_of(np.full((4, 4), 1.0)), camera=None))
    assert LiftConfig().filters is None


@pytest.mark.parametrize("wrong", [{"edge_angle": 2.0}, {"fill": -1}, {"noise": NAN}], ids=str)
def test_senseless_settings_are_refused(wrong: dict):
    with pytest.raises(ConfigError, match=r"filter\."):
        DepthFilterConfig(**wrong)


@pytest.mark.parametrize(
    ("sensor", "most_left"),
    [(StructuredLightConfig(), 0.8), (StereoConfig(), 1.0)],
    ids=["structured light", "stereo"],
)
def test_filters_take_gross_errors_away_and_few_good_pixels(sensor, most_left: float):
    """What a block matcher lets grow over an edge is a surface like any other, and stays."""
    config = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=320, height=240)
    with HouseholdSim(config) as sim:
        true = sim.reset().frame
    measured = DepthSensor(sensor)(true)
    got = DepthFilter()(measured).depth
    assert got is not None
    assert measured.depth is not None
    assert true.depth is not None
    gross = np.abs(measured.depth - true.depth) > 0.1 + 0.02 * true.depth**2
    left = np.abs(got - true.depth) > 0.1 + 0.02 * true.depth**2
    good = np.isfinite(measured.depth) & ~gross
    assert left.sum() <= most_left * gross.sum()
    assert (np.isfinite(got) & good).sum() > 0.97 * good.sum()


def test_the_pipeline_filters_before_it_places():
    config = HouseholdSimConfig(
        house=HouseSource(seed=3, rooms=1), width=160, height=120, sensor=StructuredLightConfig()
    )
    with HouseholdSim(config) as sim:
        frame = sim.reset().frame
    percept = Pipeline(OracleConfig(lift=LiftConfig(filters=DepthFilterConfig())))(frame)
    expected = DepthFilter()(frame).depth
    assert expected is not None
    assert percept.frame.depth is not None
    np.testing.assert_array_equal(percept.frame.depth, expected)
