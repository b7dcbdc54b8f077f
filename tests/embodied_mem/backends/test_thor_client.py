# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""AI2-THOR's own client on our server, as its users write programs. Images and houses are small."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from embodied_mem.backends.household.house import dump_house
from embodied_mem.backends.household.house_source import HouseSource, load_house
from embodied_mem.backends.household.server.launcher import write_launcher
from embodied_mem.backends.thor_frames import camera_pose, world_from_thor
from embodied_mem.types import Camera

pytest.importorskip("ai2thor", reason="the real client is an extra")

from ai2thor.controller import Controller
from ai2thor.server import Event


@pytest.fixture(scope="module")
def house() -> dict[str, Any]:
    return msgspec.json.decode(dump_house(load_house(HouseSource(seed=3, rooms=2))))


@pytest.fixture(scope="module")
def client(house: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    launcher = write_launcher(tmp_path_factory.mktemp("launcher") / "thor-server")
    controller = Controller(
        local_executable_path=str(launcher),
        x_display="0.0",
        scene=house,
        width=160,
        height=120,
        renderDepthImage=True,
        renderInstanceSegmentation=True,
        visibilityDistance=100,
        server_timeout=20.0,
        server_start_timeout=60.0,
    )
    yield controller
    controller.stop()


@pytest.fixture
def fresh(client: Controller, house: dict[str, Any]) -> Controller:
    client.reset(scene=house)
    return client


def of(client: Controller, **wanted: Any) -> dict[str, Any]:
    objects = client.last_event.metadata["objects"]
    return next(o for o in objects if all(o[key] == value for key, value in wanted.items()))


def test_event_has_images_of_the_asked_size(fresh: Controller):
    event = fresh.step("RotateRight")
    assert event.frame.shape == (120, 160, 3)
    assert event.frame.dtype == np.uint8
    assert event.cv2img.shape == (120, 160, 3)
    assert event.depth_frame.shape == (120, 160)
    assert event.depth_frame.dtype == np.float32
    assert event.instance_segmentation_frame.shape == (120, 160, 3)
    assert 0 < event.depth_frame.min() < event.depth_frame.max() <= 20.0


def test_metadata_has_the_documented_fields(fresh: Controller):
    metadata = fresh.step("Pass").metadata
    for key in ("objects", "agent", "cameraPosition", "fov", "inventoryObjects", "sceneName",
                "lastAction", "errorMessage", "errorCode", "screenWidth", "colors", "sceneBounds",
                "currentTime", "actionReturn", "heldObjectPose", "isSceneAtRest"):  # fmt: skip
        assert key in metadata, key
    assert metadata["lastAction"] == "Pass"
    assert metadata["agent"]["position"]["y"] == pytest.approx(0.9009992)
    assert metadata["sceneName"] == "Procedural"
    for key in ("objectId", "objectType", "position", "rotation", "visible", "receptacle",
                "openable", "axisAlignedBoundingBox", "parentReceptacles", "temperature",
                "visibleBounds2D", "distance", "mass", "salientMaterials"):  # fmt: skip
        assert key in metadata["objects"][0] or key == "visibleBounds2D", key


def test_instance_masks_lie_in_their_objects_boxes(fresh: Controller):
    """Masks, depth, intrinsics and metadata agree with one another in AI2-THOR's own terms."""
    checked = 0
    for _ in range(4):
        event = fresh.step("RotateRight")
        agent = event.metadata["agent"]
        yaw, pitch = np.radians(agent["rotation"]["y"]), np.radians(agent["cameraHorizon"])
        focal = 120 / (2 * np.tan(np.radians(event.metadata["fov"]) / 2))
        forward = np.array(
            [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
        )
        right = np.array([np.cos(yaw), 0, -np.sin(yaw)])
        up = np.cross(forward, right)
        eye = np.array([event.metadata["cameraPosition"][axis] for axis in "xyz"])
        for object_id, mask in event.instance_masks.items():
            entry = event.get_object(object_id)
            rows, columns = np.nonzero(mask & (event.depth_frame < 19.9))
            if entry["isOpen"] or rows.size < 5:
                continue
            z = event.depth_frame[rows, columns].astype(float)[:, None]
            x = ((columns + 0.5 - 80) / focal)[:, None] * z
            y = ((60 - rows - 0.5) / focal)[:, None] * z
            points = eye + x * right + y * up + z * forward
            corners = np.array(entry["axisAlignedBoundingBox"]["cornerPoints"])
            inside = (points > corners.min(0) - 0.03) & (points < corners.max(0) + 0.03)
            assert inside.all(axis=1).mean() > 0.95, object_id
            checked += 1
    assert checked > 5


def test_detections_bound_their_masks(fresh: Controller):
    event = fresh.last_event
    for object_id, (left, top, right, bottom) in event.instance_detections2D.items():
        rows, columns = np.nonzero(event.instance_masks[object_id])
        assert (left, top, right, bottom) == (
            columns.min(), rows.min(), columns.max(), rows.max()
        )  # fmt: skip
    kinds = {name.split("|")[0] for name in event.instance_masks}
    assert kinds == set(event.class_masks) - {"background"}


def test_instance_colours_are_unique(fresh: Controller):
    colours = [tuple(c["color"]) for c in fresh.last_event.metadata["colors"]]
    assert len(set(colours)) == len(colours)


def test_semantic_frame_is_sent_when_asked_for(fresh: Controller):
    event = fresh.step("Pass", renderSemanticSegmentation=True, renderNormalsImage=True)
    assert event.semantic_segmentation_frame.shape == (120, 160, 3)
    assert event.normals_frame.shape == (120, 160, 3)
    assert fresh.step("Pass").semantic_segmentation_frame is None


def test_third_party_camera_sees_the_house_from_above(fresh: Controller):
    event = fresh.step("GetMapViewCameraProperties", raise_for_failure=True)
    fresh.step("AddThirdPartyCamera", **event.metadata["actionReturn"], raise_for_failure=True)
    event = fresh.last_event
    assert len(event.third_party_camera_frames) == 1
    assert event.third_party_camera_frames[0].shape == (120, 160, 3)
    assert len(np.unique(event.third_party_camera_frames[0].reshape(-1, 3), axis=0)) > 20
    assert len(event.third_party_depth_frames) == 1
    assert len(event.third_party_instance_masks[0]) > 5


def test_image_can_be_left_out(fresh: Controller):
    event = fresh.step("Pass", renderImage=False)
    assert event.frame is None
    assert event.metadata["lastActionSuccess"]


def test_resolution_changes(fresh: Controller):
    event = fresh.step("ChangeResolution", x=200, y=100, raise_for_failure=True)
    assert event.frame.shape == (100, 200, 3)
    assert (event.screen_width, event.screen_height) == (200, 100)
    fresh.step("ChangeResolution", x=160, y=120, raise_for_failure=True)


def test_two_episodes_in_a_row_start_alike(client: Controller, house: dict[str, Any]):
    first = client.reset(scene=house)
    item = of(client, pickupable=True)
    client.step("PickupObject", objectId=item["objectId"], forceAction=True)
    for name in ("MoveAhead", "MoveBack", "RotateLeft"):
        client.step(name)
    second = client.reset(scene=house)
    assert second.metadata["inventoryObjects"] == []
    np.testing.assert_array_equal(first.frame, second.frame)
    assert first.metadata["agent"] == second.metadata["agent"]
    other = msgspec.json.decode(dump_house(load_house(HouseSource(seed=9, rooms=1))))
    third = client.reset(scene=other)
    assert len(third.metadata["objects"]) != len(first.metadata["objects"])


def test_named_scene_can_be_loaded(client: Controller):
    assert "FloorPlan1_physics" in client.scenes_in_build
    event = client.reset(scene="FloorPlan1")
    assert event.metadata["sceneName"].startswith("FloorPlan1")
    assert len(event.metadata["objects"]) > 5
    with pytest.raises(ValueError, match="not contained in build"):
        client.reset(scene="FloorPlan999999")


@pytest.mark.parametrize(
    ("action", "arguments", "message"),
    [
        ("Levitate", {}, "Invalid action: Levitate"),
        ("TeleportFull", {"horizon": 0}, "missing the following arguments"),
        ("MoveAhead", {"speed": 3}, "called with invalid argument: 'speed'"),
        ("PickupObject", {}, "missing the following arguments: objectId"),
        ("PickupObject", {"objectId": "A|1", "x": 0.5, "y": 0.5}, "Ambiguous action"),
        ("MoveAhead", {"moveMagnitude": float("nan")}, "not a finite number"),
    ],
)
def test_senseless_action_raises_in_the_client(
    fresh: Controller, action: str, arguments: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        fresh.step(action, **arguments)
    assert fresh.step("Pass")


def test_impossible_action_is_an_event_with_its_reason(fresh: Controller):
    event = fresh.step("PickupObject", objectId="Apple|nowhere")
    assert not event
    assert "is not the objectId on any object" in event.metadata["errorMessage"]
    with pytest.raises(RuntimeError, match="is not the objectId"):
        fresh.step("PickupObject", objectId="Apple|nowhere", raise_for_failure=True)
    static = of(fresh, pickupable=False, moveable=False)
    event = fresh.step("PickupObject", objectId=static["objectId"], forceAction=True)
    assert "CanPickup" in event.metadata["errorMessage"]
    assert not fresh.step("PutObject", objectId=static["objectId"])
    assert not fresh.step("CreateHouse", house={"rooms": []})
    assert fresh.step("Pass")


def test_picked_up_object_is_put_elsewhere(fresh: Controller):
    moved = None
    for item in fresh.last_event.metadata["objects"]:
        if not item["pickupable"] or not item["parentReceptacles"]:
            continue
        fresh.step("PickupObject", objectId=item["objectId"], forceAction=True)
        for table in fresh.last_event.metadata["objects"]:
            if table["receptacle"] and not table["pickupable"] and not moved:
                event = fresh.step("PutObject", objectId=table["objectId"], forceAction=True)
                moved = (item, table) if event else None
        if moved:
            break
        fresh.step("DropHandObject", forceAction=True)
    assert moved
    item, table = moved
    assert table["objectId"] in of(fresh, objectId=item["objectId"])["parentReceptacles"]
    assert item["objectId"] in of(fresh, objectId=table["objectId"])["receptacleObjectIds"]


EVERY_ACTION = {
    "Pass": {}, "Done": {}, "MoveAhead": {}, "MoveBack": {}, "MoveLeft": {}, "MoveRight": {},
    "RotateLeft": {}, "RotateRight": {"degrees": 30}, "LookUp": {}, "LookDown": {"degrees": 10},
    "Crouch": {}, "Stand": {}, "Teleport": {"rotation": 90}, "GetReachablePositions": {},
    "TeleportFull": {"position": "agent", "rotation": 0, "horizon": 0, "standing": True},
    "GetInteractablePoses": {"objectId": "pickupable", "maxPoses": 3},
    "GetShortestPath": {"objectId": "pickupable"},
    "ObjectNavExpertAction": {"position": "agent"},
    "GetMapViewCameraProperties": {}, "GetScenesInBuild": {},
    "PickupObject": {"objectId": "pickupable"}, "PutObject": {"objectId": "receptacle"},
    "DropHandObject": {}, "ThrowObject": {"moveMagnitude": 10},
    "PushObject": {"objectId": "moveable"}, "PullObject": {"objectId": "moveable"},
    "PlaceObjectAtPoint": {"objectId": "pickupable", "position": "agent"},
    "OpenObject": {"objectId": "openable"}, "CloseObject": {"objectId": "openable"},
    "ToggleObjectOn": {"objectId": "toggleable"}, "ToggleObjectOff": {"objectId": "toggleable"},
    "SliceObject": {"objectId": "sliceable"}, "BreakObject": {"objectId": "breakable"},
    "DirtyObject": {"objectId": "dirtyable"}, "CleanObject": {"objectId": "dirtyable"},
    "CookObject": {"objectId": "cookable"},
    "FillObjectWithLiquid": {"objectId": "canFillWithLiquid", "fillLiquid": "water"},
    "EmptyLiquidFromObject": {"objectId": "canFillWithLiquid"},
    "UseUpObject": {"objectId": "canBeUsedUp"}, "ChangeQuality": {"quality": "Low"},
    "SetObjectPoses": {"objectPoses": []}, "InitialRandomSpawn": {"randomSeed": 1},
    "SetObjectToggles": {"objectToggles": []},
    "SetStateOfAllObjects": {"StateChange": "CanBeDirty"},
    "UpdateThirdPartyCamera": {"thirdPartyCameraId": 0},
}  # fmt: skip


def test_every_action_is_understood(fresh: Controller):
    """None of them is refused as unknown or for its arguments; some cannot be done just then."""
    done = set()
    for name, arguments in EVERY_ACTION.items():
        metadata = fresh.last_event.metadata
        given = {}
        for key, value in arguments.items():
            if key == "objectId":
                found = next((o for o in metadata["objects"] if o[value]), None)
                if found is None:
                    break
                given[key] = found["objectId"]
            else:
                given[key] = metadata["agent"]["position"] if value == "agent" else value
        else:
            forced = {"forceAction": True} if "objectId" in given and "Get" not in name else {}
            event = fresh.step(name, **given, **forced)  # ValueError: not understood.
            assert isinstance(event, Event)
            assert event or event.metadata["errorMessage"], name
            done |= {name} if event else set()
    assert done >= {
        "Pass", "Done", "RotateLeft", "RotateRight", "LookDown", "Crouch", "Stand", "Teleport",
        "TeleportFull", "GetReachablePositions", "GetShortestPath", "GetInteractablePoses",
        "PickupObject", "OpenObject", "CloseObject", "GetMapViewCameraProperties",
    }  # fmt: skip


def test_reachable_positions_can_be_teleported_to(fresh: Controller):
    positions = fresh.step("GetReachablePositions").metadata["actionReturn"]
    assert len(positions) > 5
    for position in positions[:: len(positions) // 4]:
        assert fresh.step("Teleport", position=position), fresh.last_event
        assert fresh.last_event.metadata["agent"]["position"] == pytest.approx(position)


def test_projected_box_of_a_visible_object_meets_its_detection(fresh: Controller):
    """Our conversion to REP 103 agrees with what the client's images show."""
    event = fresh.step("RotateRight")
    agent = event.metadata["agent"]
    pose = camera_pose(
        event.metadata["cameraPosition"], agent["rotation"]["y"], agent["cameraHorizon"]
    )
    camera = Camera.from_fov(160, 120, np.radians(event.metadata["fov"]))
    checked = 0
    for object_id, (left, top, right, bottom) in event.instance_detections2D.items():
        corners = np.array(event.get_object(object_id)["axisAlignedBoundingBox"]["cornerPoints"])
        seen = pose.inv().apply(world_from_thor(corners))
        if seen[:, 2].min() < 0.1:
            continue
        pixels = camera.project(seen)
        assert (pixels.min(axis=0) <= [left + 2, top + 2]).all(), object_id
        assert (pixels.max(axis=0) >= [right - 1, bottom - 1]).all(), object_id
        checked += 1
    assert checked
