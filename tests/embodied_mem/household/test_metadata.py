import json
import warnings
from typing import Any

import pytest
from kitchen import act, go_to, kitchen_engine

from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.metadata import instance_color

AGENT_KEYS = """objects isSceneAtRest agent heldObjectPose arm fov cameraPosition cameraOrthSize
    thirdPartyCameras collided collidedObjects inventoryObjects sceneName lastAction errorMessage
    errorCode lastActionSuccess screenWidth screenHeight agentId depthFormat colors
    flatSurfacesOnGrid distances normals isOpenableGrid segmentedObjectIds objectIdsInBox
    actionIntReturn actionFloatReturn actionStringsReturn actionFloatsReturn actionVector3sReturn
    visibleRange currentTime sceneBounds actionReturn"""

OBJECT_KEYS = """name position rotation visible isInteractable receptacle toggleable isToggled
    breakable isBroken canFillWithLiquid isFilledWithLiquid fillLiquid dirtyable isDirty
    canBeUsedUp isUsedUp cookable isCooked temperature isHeatSource isColdSource sliceable isSliced
    openable isOpen openness pickupable isPickedUp moveable mass salientMaterials
    receptacleObjectIds distance objectType objectId assetId parentReceptacles controlledObjects
    isMoving axisAlignedBoundingBox objectOrientedBoundingBox"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return kitchen_engine(size=100)


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(plain(inner) for inner in value)
    return value is None or type(value) in (bool, int, float, str)


def test_all_keys_of_ai2thor_are_there(engine: Engine):
    metadata = engine.look().metadata
    assert set(metadata) == set(AGENT_KEYS.split())
    for entry in metadata["objects"]:
        assert set(entry) == set(OBJECT_KEYS.split())


def test_metadata_is_plain_and_survives_json(engine: Engine):
    for action in ("RotateRight", "GetReachablePositions", "GetMapViewCameraProperties"):
        metadata = act(engine, action).metadata
        assert plain(metadata)
        assert json.loads(json.dumps(metadata)) == metadata


def test_boxes_hold_their_objects(engine: Engine):
    for entry in engine.look().metadata["objects"]:
        box = entry["axisAlignedBoundingBox"]
        assert len(box["cornerPoints"]) == 8
        for axis, name in enumerate("xyz"):
            values = [corner[axis] for corner in box["cornerPoints"]]
            assert max(values) - min(values) == pytest.approx(box["size"][name])
            assert (max(values) + min(values)) / 2 == pytest.approx(box["center"][name])
        oriented = entry["objectOrientedBoundingBox"]
        assert (oriented is not None) == entry["pickupable"]
        if oriented:
            assert len(oriented["cornerPoints"]) == 8


def test_containment_is_told_from_both_sides(engine: Engine):
    objects = {o["objectId"]: o for o in engine.look().metadata["objects"]}
    for entry in objects.values():
        for parent in entry["parentReceptacles"] or ():
            assert entry["objectId"] in objects[parent]["receptacleObjectIds"]
        for child in entry["receptacleObjectIds"] or ():
            assert objects[child]["parentReceptacles"] == [entry["objectId"]]


def test_visible_objects_are_near_and_in_the_image(engine: Engine):
    result = go_to(engine, "Mug|1")
    number = {object_id: number for number, object_id in result.object_ids.items()}
    visible = [o for o in result.metadata["objects"] if o["visible"]]
    assert any(o["objectId"] == "Mug|1" for o in visible)
    for entry in visible:
        assert (result.numbers == number[entry["objectId"]]).any()
    far = [o for o in result.metadata["objects"] if o["distance"] > 2.8]
    assert far
    assert not any(o["visible"] for o in far)


def test_colours_are_unique_and_fixed_by_the_id(engine: Engine):
    colors = engine.look().colors
    assert len(set(colors.values())) == len(colors)
    other = kitchen_engine(size=16).look().colors
    assert all(colors[name] == color for name, color in other.items())
    assert (0, 0, 0) not in colors.values()
    taken = {instance_color("Mug|1", set())}
    assert instance_color("Mug|1", taken) not in taken


def test_the_real_client_can_read_it(engine: Engine):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pytest.importorskip("ai2thor.server", reason="ai2thor is not installed")
    result = go_to(engine, "Mug|1")
    event = server.Event(result.metadata)
    event.add_image(result.rgb[::-1].tobytes())
    assert (event.frame == result.rgb).all()
    assert bool(event)
    assert event.get_object("Mug|1")["objectType"] == "Mug"
    assert [o["objectId"] for o in event.objects_by_type("Fridge")] == ["Fridge|1"]
    assert event.pose_discrete[0] == int(result.metadata["agent"]["position"]["x"] / 0.25)
    assert set(event.object_id_to_color) == set(engine.world.objects)
