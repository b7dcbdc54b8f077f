from types import SimpleNamespace

import numpy as np
import pytest
from ros_nodes_messages import as_object
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import Camera, Instance, Truth
from ros_nodes import convert
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.stamps import nanoseconds, seconds, time_values

CAMERA = Camera(width=640, height=480, fx=500.0, fy=510.0, cx=321.0, cy=239.0)
ROI = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}


def info(**changes):
    values = {"roi": ROI, "binning_x": 0, "binning_y": 0} | convert.camera_info_values(CAMERA, {})
    return as_object(values | changes)


def test_camera_info_there_and_back_is_the_same_camera():
    assert convert.camera(info(), 640, 480) == CAMERA


def test_camera_info_counts_the_principal_point_from_the_first_pixels_centre():
    assert info().k[2] == pytest.approx(CAMERA.cx - 0.5)


def test_binning_and_regions_of_interest_scale_the_pinhole():
    roi = ROI | {"x_offset": 20, "y_offset": 40, "width": 600, "height": 400}
    found = convert.camera(info(roi=roi, binning_x=2, binning_y=2), 300, 200)
    point = np.array([[0.3, 0.2, 2.0]])
    expected = (CAMERA.project(point) - [20, 40]) / 2
    np.testing.assert_allclose(found.project(point), expected)


def test_camera_info_of_another_size_or_without_calibration_is_named():
    for message, size in ((info(), (320, 240)), (info(k=np.zeros(9), p=np.zeros(12)), (640, 480))):
        with pytest.raises(UnusableMessageError) as caught:
            convert.camera(message, *size)
        assert caught.value.reason == Reason.CAMERA_INFO


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"roi": ROI | {"x_offset": 100, "width": 640, "height": 480}}, "reaches beyond"),
        ({"k": np.array([500.0, 9, 320, 0, 500, 240, 0, 0, 1]), "p": np.zeros(12)}, "skewed"),
        ({"k": np.array([np.nan, 0, 320, 0, 500, 240, 0, 0, 1]), "p": np.zeros(12)}, "calibrated"),
        (
            {"p": np.array([500.0, 0, 320, -60, 0, 500, 240, 0, 0, 0, 1, 0])},
            "a stereo pair's second, 0.120 m",
        ),
    ],
)
def test_camera_info_that_would_mislead_is_refused_in_a_sentence(changes, why):
    with pytest.raises(UnusableMessageError, match=why) as caught:
        convert.camera(info(**changes), 640, 480)
    assert caught.value.reason == Reason.CAMERA_INFO


def test_raw_images_have_the_pinhole_k_and_rectified_ones_p():
    message = info(p=np.array([400.0, 0, 300, 0, 0, 400, 200, 0, 0, 0, 1, 0]))
    assert convert.pinhole(message, 640, 480, raw=True) == CAMERA
    assert convert.pinhole(message, 640, 480, raw=False).fx == 400.0


def test_poses_there_and_back_are_the_same():
    pose = RigidTransform.from_components(
        [1.0, -2.0, 0.5], Rotation.from_euler("xyz", [0.1, -0.2, 3])
    )
    message = as_object(convert.pose_values(pose))
    again = convert.rigid(message.position, message.orientation)
    np.testing.assert_allclose(again.as_matrix(), pose.as_matrix(), atol=1e-15)


@pytest.mark.parametrize("w", [0.0, np.nan, 3.0])
def test_what_is_no_rotation_is_malformed(w):
    zero = SimpleNamespace(x=0.0, y=0.0, z=0.0)
    with pytest.raises(UnusableMessageError) as caught:
        convert.rigid(zero, SimpleNamespace(x=0.0, y=0.0, z=0.0, w=w))
    assert caught.value.reason == Reason.MALFORMED


def test_masks_there_and_back_are_the_same():
    cup = Instance(object_id="Cup|1", label="Cup", attributes={"dirty": True, "openness": 0.5})
    truth = Truth(ids=np.array([[0, 3], [3, 0]], np.int32), instances={3: cup})
    again = convert.masks(as_object(convert.masks_values(truth, {})))
    np.testing.assert_array_equal(again.ids, truth.ids)
    assert again.instances == truth.instances


def test_states_that_are_no_json_are_malformed():
    for text in ("[1]", "{", '{"a": [1]}'):
        with pytest.raises(UnusableMessageError):
            convert.attributes(text)
    assert convert.attributes("") == {}


@pytest.mark.parametrize("stamp", [0.0, 1.25, 1e9 + 0.123456, 12.999999999, -0.5])
def test_stamps_there_and_back_are_the_same(stamp):
    values = time_values(stamp)
    assert 0 <= values["nanosec"] < 10**9
    assert seconds(as_object(values)) == pytest.approx(stamp, abs=1e-6 if stamp > 1e6 else 1e-9)
    assert nanoseconds(as_object(time_values(123_456_789_012))) == 123_456_789_012
