"""The simulated depth cameras err as the papers say, by the seed, and where they should."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.backend_contract import BackendContract, assert_same_view
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends import depth_errors as errors
from embodied_mem.backends.depth_sensor import (
    DepthSensor,
    MountConfig,
    StereoConfig,
    StructuredLightConfig,
)
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import dump_config, load_config
from embodied_mem.errors import ConfigError
from embodied_mem.types import Camera, Frame, Instance, Truth

KINDS = [StructuredLightConfig(), StereoConfig()]
QUIET = {
    "shadows": False,
    "dropout": 0.0,
}


def named(config) -> str:
    return type(config).__name__


def wall(z: float, turn: float = 0.0, grey: int = 128, width: int = 160) -> Frame:
    """A wall at depth z, turned about the vertical, with a fine pattern on it."""
    camera = Camera.from_fov(width, 120, 0.8)
    u = (np.arange(width) + 0.5 - camera.cx) / camera.fx
    depth = np.broadcast_to(z / (1 - np.tan(turn) * u), (120, width)).astype(np.float32)
    rgb = np.full((120, width, 3), grey, np.uint8)
    rgb[:, ::2] += 10
    return Frame(
        stamp=0.0, rgb=rgb, depth=depth, camera=camera, T_world_camera=RigidTransform.identity()
    )


def measured(config, frame: Frame) -> np.ndarray:
    depth = DepthSensor(config)(frame).depth
    assert depth is not None
    return depth


class TestSensorInTheSimulator(BackendContract):
    @pytest.fixture
    def backend(self):
        config = HouseholdSimConfig(
            house=HouseSource(seed=3, rooms=1), width=96, height=72, sensor=StructuredLightConfig()
        )
        with HouseholdSim(config) as made:
            yield made


@pytest.mark.parametrize("config", KINDS, ids=named)
def test_the_seed_decides(config):
    frame = wall(2.0)
    sensor = DepthSensor(config)
    first, second = sensor(frame), sensor(frame)
    sensor.reset()
    assert_same_view(first, sensor(frame))
    assert first.depth is not None
    assert second.depth is not None
    assert not np.array_equal(first.depth, second.depth, equal_nan=True)
    np.testing.assert_array_equal(first.rgb, frame.rgb)


def test_errors_of_a_kinect_grow_with_the_square_of_depth():
    config = StructuredLightConfig(**QUIET, far=20.0)
    for z in (1.0, 2.0, 4.0, 6.0):
        frame = wall(z)
        off = measured(config, frame) - z
        sigma = 0.0012 + 0.0019 * (z - 0.4) ** 2
        step = z * z * 0.125 / (585 * 0.075)
        expected = np.hypot(sigma, step / np.sqrt(12))
        assert np.nanstd(off) == pytest.approx(expected, rel=0.15)
        assert abs(np.nanmean(off)) < 0.2 * expected + step / 2


def test_steps_of_a_kinect_at_5_m_are_7_cm():
    """Khoshelham and Elberink 2012, section 3.3: 7 cm at the maximum range of 5 m."""
    levels = np.unique(measured(StructuredLightConfig(**QUIET), wall(5.0)))
    steps = np.diff(levels[np.isfinite(levels)])
    assert np.median(steps) == pytest.approx(0.071, abs=0.003)


def test_errors_of_stereo_grow_with_the_square_of_depth():
    config = StereoConfig(**QUIET, far=20.0)
    for z in (1.0, 3.0):
        deviation = np.nanstd(measured(config, wall(z)))
        assert deviation == pytest.approx(0.1 / (640 * 0.055) * z * z, rel=0.1)


@pytest.mark.parametrize("turn", [0.0, 0.6, 0.9])
def test_incidence_is_the_angle_to_the_ray(turn: float):
    frame = wall(2.0, turn)
    assert frame.depth is not None
    assert frame.camera is not None
    got = errors.incidence(frame.depth, frame.camera)
    u = (np.arange(160) + 0.5 - frame.camera.cx) / frame.camera.fx
    v = (np.arange(120) + 0.5 - frame.camera.cy) / frame.camera.fy
    rays = np.stack(np.broadcast_arrays(u, v[:, None], 1.0), axis=-1)
    normal = np.array([np.sin(turn), 0, -np.cos(turn)])
    cosine = np.abs(rays @ normal) / np.linalg.norm(rays, axis=-1)
    np.testing.assert_allclose(got, np.arccos(cosine), atol=0.03)


def test_grazing_dark_and_shiny_surfaces_fail():
    config = StructuredLightConfig(dropout=0.0)
    plain = wall(2.0)
    assert np.isnan(measured(config, plain)).mean() < 0.02
    assert np.isnan(measured(config, wall(0.8, 0.9))[:, :20]).mean() > 0.1
    assert np.isnan(measured(config, wall(2.0, grey=2))).mean() > 0.3
    truth = Truth(
        ids=np.ones((120, 160), np.int32), instances={1: Instance(object_id="m", label="Mirror")}
    )
    assert np.isnan(measured(config, replace(plain, truth=truth))).mean() > 0.7


def test_stereo_fails_without_texture():
    frame = wall(2.0)
    blank = replace(frame, rgb=np.full_like(frame.rgb, 128))
    assert np.isnan(measured(StereoConfig(), frame)).mean() < 0.02
    assert np.isnan(measured(StereoConfig(), blank)).mean() > 0.7


def step_scene() -> np.ndarray:
    depth = np.full((20, 160), 3.0, np.float32)
    depth[:, 80:120] = 1.0
    return depth


def test_shadows_lie_to_the_left_of_what_is_near_and_are_as_wide_as_disparity_says():
    hidden = errors.shadow(step_scene(), 12.0)
    width = 12.0 / 1.0 - 12.0 / 3.0
    assert hidden[:, :80].sum(axis=1).tolist() == [int(width)] * 20
    assert hidden[:, 80 - int(width) : 80].all()
    assert not hidden[:, 80:].any()


def test_shadows_are_those_of_a_naive_ray():
    """A ray from each point to the other eye meets nothing nearer, in a coarse world of columns."""
    chance = np.random.default_rng(0)
    depth = np.repeat(chance.uniform(1, 5, (6, 8)), 10, axis=1).astype(np.float32)
    fb = 15.0
    hidden = errors.shadow(depth, fb)
    disparity = fb / depth
    for row, column in np.ndindex(depth.shape):
        place = column - disparity[row, column]
        if place < 1:
            continue
        clear = np.abs(np.arange(80) - disparity[row] - place)
        nearer = disparity[row] > disparity[row, column] + 1.001
        surely, maybe = (nearer & (clear < 0.5)).any(), (nearer & (clear < 1.6)).any()
        assert hidden[row, column] or not surely
        assert maybe or not hidden[row, column]


def test_near_things_grow_over_far_ones_in_stereo():
    fat = errors.fattened(step_scene(), 5)
    assert (fat[10] == 1.0).sum() == 44
    np.testing.assert_array_equal(fat[10, 84:116], np.full(32, 1.0, np.float32))


def test_flying_pixels_lie_between_the_surfaces():
    depth = step_scene()
    rough = errors.shifted(depth, 0.5, np.random.default_rng(0))
    between = (rough > 1.05) & (rough < 2.95)
    assert between.any()
    assert set(np.nonzero(between)[1]) <= {78, 79, 80, 81, 118, 119, 120, 121}


def test_a_badly_mounted_camera_sees_everything_beside_its_place():
    frame = wall(2.0)
    depth = frame.depth
    assert depth is not None
    depth = depth.copy()
    depth[40:80, 60:100] = 1.0
    frame = replace(frame, depth=depth)
    assert frame.camera is not None
    mount = MountConfig(translation=(0.05, 0.0, 0.0))
    quiet = StructuredLightConfig(**QUIET, noise=0.0, lateral=0.0, mount=mount)
    moved = np.nonzero(np.abs(measured(quiet, frame)[60] - 1.0) < 0.1)[0]
    pixels = 0.05 * frame.camera.fx / 1.0
    assert moved.min() == pytest.approx(60 + pixels, abs=1)
    assert moved.max() == pytest.approx(99 + pixels, abs=1)


def test_late_depth_is_drawn_from_the_earlier_place():
    frame = wall(2.0)
    depth = np.full((120, 160), 2.0, np.float32)
    depth[40:80, 60:100] = 1.0
    assert frame.camera is not None
    quiet = {**QUIET, "noise": 0.0, "lateral": 0.0}
    # The camera has gone 0.1 m to the right in 0.1 s; depth is 0.05 s old.
    before = replace(frame, depth=depth)
    after = replace(
        before, stamp=0.1, T_world_camera=RigidTransform.from_translation([0.1, 0.0, 0.0])
    )
    pixels = 0.05 * frame.camera.fx
    sensor = DepthSensor(StructuredLightConfig(**quiet, mount=MountConfig(late=0.05)))
    sensor(before)
    late = sensor(after).depth
    assert late is not None
    columns = np.nonzero(np.abs(late[60] - 1.0) < 0.1)[0]
    assert columns.min() == pytest.approx(60 + pixels, abs=1)
    # A rolling shutter of twice that: the first row is oldest, the last has no delay.
    turn = Rotation.from_euler("y", 0.1)
    rolled = DepthSensor(StructuredLightConfig(**quiet, mount=MountConfig(readout=0.1)))
    rolled(before)
    skewed = rolled(replace(after, T_world_camera=RigidTransform.from_rotation(turn))).depth
    assert skewed is not None
    first, last = (np.nonzero(np.abs(skewed[row] - 1.0) < 0.1)[0].min() for row in (41, 78))
    shift = (78 - 41) / 119 * 0.1 * frame.camera.fx
    assert first - last == pytest.approx(shift, abs=1.5)


def test_configs_travel_through_yaml(tmp_path):
    config = HouseholdSimConfig(sensor=StereoConfig(seed=4, mount=MountConfig(late=0.01)))
    (tmp_path / "sim.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "sim.yaml", HouseholdSimConfig) == config


def test_senseless_settings_are_refused():
    for make in (
        lambda: DepthSensor(StereoConfig(baseline=0.0)),
        lambda: DepthSensor(StructuredLightConfig(near=3.0, far=2.0)),
        lambda: StereoConfig(window=4),
        lambda: MountConfig(late=-1.0),
    ):
        with pytest.raises(ConfigError):
            make()
