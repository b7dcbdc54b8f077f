from typing import Any

import numpy as np
import pytest

from embodied_mem.backends.event_step import measured_depth, object_attributes, step_from_event


def apple(**changes: Any) -> dict[str, Any]:
    entry = {
        "objectId": "Apple|1", "objectType": "Apple", "pickupable": True, "isPickedUp": False,
        "sliceable": True, "isSliced": False, "temperature": "Cold", "openable": False,
        "isOpen": False, "toggleable": False, "isToggled": False,
    }  # fmt: skip
    return entry | changes


def event(**changes: Any) -> dict[str, Any]:
    metadata = {
        "agent": {
            "position": {"x": 1.0, "y": 0.9009992, "z": 2.0},
            "rotation": {"x": 0.0, "y": 90.0, "z": 0.0},
            "cameraHorizon": 30.0,
        },
        "cameraPosition": {"x": 1.0, "y": 1.5759992, "z": 2.0},
        "fov": 90.0, "currentTime": 1.4, "lastActionSuccess": True, "errorMessage": "",
        "objects": [apple(), {"objectId": "Wall|1", "objectType": "Wall"}],
    }  # fmt: skip
    return metadata | changes


RGB = np.zeros((4, 6, 3), dtype=np.uint8)


def test_step_has_pose_time_and_intrinsics():
    frame = step_from_event(event(), rgb=RGB).frame
    assert frame.stamp == 1.4
    assert frame.camera is not None
    assert (frame.camera.width, frame.camera.height) == (6, 4)
    assert frame.camera.fy == pytest.approx(2.0)  # f = H / (2 tan(fov / 2))
    assert frame.T_world_camera is not None
    assert frame.T_world_body is not None
    np.testing.assert_allclose(frame.T_world_camera.translation, [2.0, -1.0, 1.5759992])
    np.testing.assert_allclose(frame.T_world_body.translation, [2.0, -1.0, 0.0], atol=1e-12)
    assert frame.depth is None
    assert frame.truth is None


def test_failure_keeps_its_message():
    step = step_from_event(event(lastActionSuccess=False, errorMessage="no"), rgb=RGB)
    assert (step.action_success, step.message) == (False, "no")


def test_depth_is_nan_where_nothing_or_something_too_far_was_measured():
    depth = np.array([[0.0, 1.0, 20.0], [np.inf, np.nan, 19.9]], dtype=np.float32)
    measured = measured_depth(depth)
    assert measured.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(measured), [[True, False, True], [True, True, False]])


def test_truth_names_objects_and_leaves_out_the_building():
    numbers = np.zeros((4, 6), dtype=np.int32)
    numbers[0], numbers[1], numbers[2] = 7, 9, 5
    names = {7: "Apple|1", 9: "Wall|1", 5: "Nothing|1"}
    frame = step_from_event(event(), rgb=RGB, numbers=numbers, object_ids=names).frame
    assert frame.truth is not None
    assert set(frame.truth.instances) == {7}
    assert frame.truth.instances[7].object_id == "Apple|1"
    assert frame.truth.instances[7].label == "Apple"
    assert set(np.unique(frame.truth.ids)) == {0, 7}


def test_states_are_given_only_where_they_apply():
    assert object_attributes(apple()) == {"sliced": False, "held": False, "temperature": "Cold"}


def test_piece_is_sliced():
    piece = {"objectId": "AppleSliced|1", "objectType": "AppleSliced"}
    assert object_attributes(piece) == {"sliced": True}


def test_liquid_is_named_while_there_is_one():
    mug = {"objectType": "Mug", "canFillWithLiquid": True, "isFilledWithLiquid": True}
    assert object_attributes(mug | {"fillLiquid": "coffee"})["liquid"] == "coffee"
    assert object_attributes(mug | {"isFilledWithLiquid": False}) == {"filled": False}
