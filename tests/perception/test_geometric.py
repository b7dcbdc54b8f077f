"""Planes, pieces and things found by shape, on surfaces whose truth is known."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from box_backend import BoxBackend, furnished_room
from contracts.perceiver_contract import PerceiverContract
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import FrameError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Action, Camera, Frame
from perception import Detector, Geometric, GeometricConfig, Pipeline
from perception.geometric.colour import ColourConfig, patches
from perception.geometric.level import floor_height, grounding, levelling
from perception.geometric.relief import noise_of, relief
from perception.geometric.segments import _steps, grow, pieces

CAMERA = Camera.from_fov(160, 120, 1.2)
DESK = Path(__file__).parents[3] / "shared" / "data" / "rgbd_desk"


@pytest.fixture(name="frame", scope="module")
def a_view() -> Frame:
    return BoxBackend(furnished_room(200), pose=(-0.2, -0.6, 0.6)).frame()


class TestGeometricPipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self) -> Perceiver:
        return Pipeline(GeometricConfig())

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(200)).reset().frame


def plane_depth(normal: np.ndarray, offset: float) -> np.ndarray:
    """Return the depth of the plane n.p = offset [m]."""
    x = (np.arange(CAMERA.width) + 0.5 - CAMERA.cx) / CAMERA.fx
    y = (np.arange(CAMERA.height) + 0.5 - CAMERA.cy) / CAMERA.fy
    rays = np.stack((*np.meshgrid(x, y), np.ones((CAMERA.height, CAMERA.width))), axis=-1)
    return (offset / (rays @ normal)).astype(np.float32)


def missing(depth: np.ndarray, share: float, seed: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(depth.shape) < share, np.nan, depth)


slopes = st.floats(-0.35, 0.35)


@settings(max_examples=25, deadline=None)
@given(a=slopes, b=slopes, offset=st.floats(-4, -0.5), share=st.sampled_from([0.0, 0.4]))
def test_a_plane_has_its_normal_and_its_depth_everywhere(a, b, offset, share):
    normal = np.array([a, b, -1.0]) / np.linalg.norm([a, b, -1.0])
    depth = plane_depth(normal, offset)
    holes = missing(depth, share, 0).astype(np.float32)
    surface = relief(holes, CAMERA, max_depth=30.0, max_hole=6)
    assert surface.known.mean() > 0.97
    inside = surface.known[8:-8, 8:-8]
    assert (surface.normals @ normal)[8:-8, 8:-8][inside].min() > 0.99
    off = np.abs(surface.points[..., 2] - depth) / depth
    assert off[surface.known].max() < 0.03


@pytest.mark.parametrize("sigma", [0.001, 0.005])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_noise_of_a_stereo_camera_is_read_off_the_image(sigma: float, share: float):
    clean = plane_depth(np.array([0.2, 0.1, -1.0]), -2.0)
    noisy = 1 / (1 / clean + np.random.default_rng(0).normal(size=clean.shape) * sigma)
    inverse = 1 / missing(noisy, share, 1)
    known = np.isfinite(inverse)
    found = noise_of(np.nan_to_num(inverse).astype(np.float32), known)
    assert found == pytest.approx(sigma, rel=0.2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_steps_are_those_of_a_naive_loop(seed: int):
    random = np.random.default_rng(seed)
    w = np.cumsum(random.integers(-2, 3, (4, 20)) * 0.05, axis=1).astype(np.float32)
    most = np.full(w.shape, 0.07, np.float32)
    expected = np.zeros(w.shape, bool)
    for r in range(len(w)):
        for c in range(1, w.shape[1] - 2):
            before, here, after = (float(w[r, c + k] - w[r, c + k - 1]) for k in (0, 1, 2))
            over, under = here - max(before, after), min(before, after) - here
            if max(over, under) > 0.07:
                expected[r, c] = expected[r, c + 1] = True
    np.testing.assert_array_equal(_steps(w, most), expected)


def test_a_slanted_floor_has_no_steps_and_a_box_on_it_has():
    depth = plane_depth(np.array([0.0, -0.9, -0.44]), -1.5)
    depth[:50] = 8.0
    flat = relief(depth, CAMERA, max_depth=20.0, max_hole=0).inverse
    most = 0.02 * flat * flat
    assert not _steps(flat[60:].T, most[60:].T).any()
    flat[80:90, 70:80] *= 1.05
    assert _steps(flat[60:].T, most[60:].T).any()


def test_pieces_keep_to_their_side_of_a_barrier_and_small_ones_are_given_away():
    free, barrier = np.ones((20, 40), bool), np.zeros((20, 40), bool)
    barrier[:, 20] = True
    labels = pieces(free, barrier, 5, 30)
    assert set(np.unique(labels)) == {5, 6}
    assert (labels[:, :20] == 5).all()
    assert (labels[:, 21:] == 6).all()
    assert not pieces(free, ~barrier, 5, 30).any()


def test_growing_stops_at_its_reach():
    labels = np.zeros((5, 30), np.int32)
    labels[:, 0] = 3
    grown = grow(labels, labels == 0, 4)
    assert (grown[:, :5] == 3).all()
    assert not grown[:, 6:].any()


def test_a_picture_on_a_wall_is_a_patch_and_shade_is_none():
    lab = np.full((80, 100, 3), 120, np.float32)
    lab += np.linspace(0, 12, 100)[:, None]
    lab[20:50, 30:70, 1] += 40
    found = patches(lab, np.ones((80, 100), bool), 9, ColourConfig())
    assert set(np.unique(found)) == {0, 9}
    assert (found[22:48, 32:68] == 9).all()
    assert np.count_nonzero(found) < 1500


def iou_of_things(frame: Frame, found: np.ndarray, least: int) -> dict[str, float]:
    """Return the best IoU of a mask with each thing that has so many pixels."""
    assert frame.truth is not None
    best = {}
    for number, instance in frame.truth.instances.items():
        true = frame.truth.ids == number
        if true.sum() >= least:
            shares = [(true & m).sum() / (true | m).sum() for m in found]
            best[instance.object_id] = max(shares, default=0.0)
    return best


def test_the_detector_fits_its_protocol():
    assert isinstance(Geometric(), Detector)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_furniture_and_what_stands_on_it_are_found_and_the_room_is_not(frame: Frame, share: float):
    assert frame.depth is not None
    found = Geometric()(replace(frame, depth=missing(frame.depth, share, 2).astype(np.float32)))
    assert min(iou_of_things(frame, found.masks, 100).values()) > 0.5
    assert frame.truth is not None
    of_room = frame.truth.ids == 0
    assert np.count_nonzero(found.masks.any(axis=0) & of_room) < 0.06 * of_room.sum()
    table = np.argmax([(m & (frame.truth.ids == 1)).sum() for m in found.masks])
    if share == 0:  # Of so small a top too little is left without its holes.
        assert found.labels[table] == "surface"
    assert set(found.labels) <= {"surface", "object"}


def test_masks_do_not_overlap_and_are_the_same_each_time(frame: Frame):
    one, two = Geometric()(frame), Geometric()(frame)
    np.testing.assert_array_equal(one.masks, two.masks)
    assert one.masks.sum(axis=0).max() <= 1
    sizes = one.masks.sum(axis=(1, 2))
    assert (np.diff(sizes) <= 0).all()


def test_no_more_things_than_asked_for(frame: Frame):
    assert len(Geometric(GeometricConfig(max_things=2))(frame)) == 2


@settings(max_examples=12, deadline=None)
@given(share=st.floats(0, 1), seed=st.integers(0, 2**31), wide=st.booleans())
def test_no_depth_is_too_bad_to_look_at(share: float, seed: int, *, wide: bool):
    frame = BoxBackend(furnished_room(64)).reset().frame
    random = np.random.default_rng(seed)
    assert frame.depth is not None
    depth = frame.depth + random.normal(size=frame.depth.shape) * 0.3
    depth = np.where(random.random(depth.shape) < share, random.choice([np.nan, 0, np.inf]), depth)
    frame = replace(frame, depth=depth.astype(np.float32))
    config = GeometricConfig(width=21) if wide else GeometricConfig()  # A third, with a remainder.
    found = Geometric(config)(frame)
    assert found.masks.shape[1:] == (64, 64)
    assert found.masks.any(axis=(1, 2)).all()


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_generated_room_is_parted_into_its_things(share: float):
    sim = HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=904)))
    sim.reset()
    recalled = []
    for _ in range(4):
        frame = sim.step(Action(name="RotateRight", arguments={"degrees": 90})).frame
        assert frame.depth is not None
        depth = missing(frame.depth, share, 3).astype(np.float32)
        found = Geometric()(replace(frame, depth=depth))
        recalled += [iou > 0.5 for iou in iou_of_things(frame, found.masks, 500).values()]
    assert len(recalled) >= 5
    assert np.mean(recalled) > 0.5


def test_what_a_frame_lacks_is_named(frame: Frame):
    with pytest.raises(FrameError) as caught:
        Geometric()(replace(frame, depth=None, T_world_camera=None))
    assert str(caught.value) == snapshot(
        "the frame at 0.20 s has no depth, T_world_camera, which finding things by their shape needs. Use a camera with depth whose pose is known, or a detector that needs colour alone."
    )


@settings(max_examples=5, deadline=None)
@given(roll=st.floats(-0.3, 0.3), pitch=st.floats(-0.3, 0.3))
def test_a_tilted_recording_is_levelled(roll: float, pitch: float):
    frame = BoxBackend(furnished_room(160)).reset().frame
    assert frame.T_world_camera is not None
    tilt = RigidTransform.from_rotation(Rotation.from_euler("xy", [roll, pitch]))
    turn = levelling([replace(frame, T_world_camera=tilt * frame.T_world_camera)])
    up = (turn * tilt).rotation.apply([0.0, 0.0, 1.0])
    assert up[2] > np.cos(0.02)


@settings(max_examples=5, deadline=None)
@given(
    roll=st.floats(-0.3, 0.3),
    pitch=st.floats(-0.3, 0.3),
    x=st.floats(-5, 5),
    z=st.floats(-3, 3),
)
def test_the_floor_of_a_tilted_recording_is_found(roll: float, pitch: float, x: float, z: float):
    frame = BoxBackend(furnished_room(160)).reset().frame
    assert frame.T_world_camera is not None
    tilt = RigidTransform.from_components([x, 0.0, z], Rotation.from_euler("xy", [roll, pitch]))
    camera = tilt * frame.T_world_camera
    moved = replace(frame, T_world_camera=camera)
    turn, floor = grounding([moved])
    under = frame.T_world_camera.translation * (1.0, 1.0, 0.0)
    assert floor == pytest.approx((turn * tilt).apply(under)[2], abs=0.05)
    level = replace(moved, T_world_camera=turn * camera)
    assert floor_height([level]) == pytest.approx(floor, abs=0.03)


def test_what_a_table_alone_shows_is_no_floor_where_the_floor_is_known(frame: Frame):
    """A camera a metre above a table that fills its view."""
    assert frame.camera is not None
    shape = (frame.camera.height, frame.camera.width)
    down = Rotation.from_matrix([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    over = replace(
        frame,
        depth=np.full(shape, 1.0, np.float32),
        T_world_camera=RigidTransform.from_components([0.0, 0.0, 1.75], down),
        T_world_body=None,
    )
    kinds = [
        [plane.kind for plane in Geometric(config).segment(over).planes.found]
        for config in (GeometricConfig(), GeometricConfig(floor=0.0))
    ]
    assert kinds == [["floor"], ["support"]]


def test_no_floor_is_made_up(frame: Frame):
    assert frame.depth is not None
    blind = replace(frame, depth=np.full_like(frame.depth, np.nan))
    assert floor_height([blind]) is None
    assert grounding([blind])[1] is None
    assert grounding([])[0].as_matrix() == pytest.approx(np.eye(4))


@pytest.mark.skipif(not DESK.is_dir(), reason=f"there are no real frames at {DESK}")
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_real_dining_room_has_a_floor_a_table_and_chairs(share: float):
    camera = Camera(width=640, height=480, fx=518.0, fy=519.0, cx=325.5, cy=253.5)
    optical = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    values = np.loadtxt(DESK / "pose.txt")[0]
    pose = RigidTransform.from_components(values[:3], Rotation.from_quat(values[3:]))
    rgb = cv2.imread(str(DESK / "color" / "1.png"))
    raw = cv2.imread(str(DESK / "depth" / "1.pgm"), cv2.IMREAD_UNCHANGED)
    assert rgb is not None
    assert raw is not None
    depth = np.where(raw > 0, raw / 1000, np.nan)
    frame = Frame(
        stamp=0.0,
        rgb=np.ascontiguousarray(rgb[..., ::-1]),
        depth=missing(depth, share, 4).astype(np.float32),
        camera=camera,
        T_world_camera=RigidTransform.from_rotation(optical) * pose,
    )
    assert frame.T_world_camera is not None
    frame = replace(frame, T_world_camera=levelling([frame]) * frame.T_world_camera)
    found = Geometric().segment(frame)
    heights = {plane.kind: plane.height for plane in found.planes.found}
    assert heights["floor"] == pytest.approx(-1.4, abs=0.1)
    assert heights["support"] == pytest.approx(-0.67, abs=0.1)  # A table, 0.73 m high.
    seen = Geometric()(frame)
    assert "surface" in seen.labels
    assert 8 <= len(seen) <= 50
