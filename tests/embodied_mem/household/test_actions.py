# ruff: noqa: E501 - snapshots hold whole sentences.
from itertools import pairwise
from typing import Any

import pytest
from inline_snapshot import snapshot
from kitchen import act, do_at, entry, fail, go_to, kitchen_engine, kitchen_json, pixel_of

from embodied_mem.backends.household.actions import ACTIONS
from embodied_mem.backends.household.engine import Engine


@pytest.fixture
def engine() -> Engine:
    return kitchen_engine(size=120)


def agent(engine: Engine) -> tuple[float, float, float, float]:
    pose = engine.look().metadata["agent"]
    position = pose["position"]
    return position["x"], position["z"], pose["rotation"]["y"], pose["cameraHorizon"]


# ---- the dispatcher


def test_every_action_of_the_specification_is_there():
    wanted = """Pass Done MoveAhead MoveBack MoveLeft MoveRight RotateLeft RotateRight LookUp LookDown
        Teleport TeleportFull Crouch Stand GetReachablePositions GetInteractablePoses
        GetShortestPath ObjectNavExpertAction GetMapViewCameraProperties AddThirdPartyCamera
        UpdateThirdPartyCamera PickupObject PutObject OpenObject CloseObject ToggleObjectOn
        ToggleObjectOff SliceObject CleanObject DirtyObject CookObject FillObjectWithLiquid
        EmptyLiquidFromObject UseUpObject BreakObject DropHandObject ThrowObject PushObject
        PullObject PlaceObjectAtPoint SetObjectPoses SetObjectToggles SetStateOfAllObjects
        InitialRandomSpawn ChangeResolution ChangeQuality Initialize Reset CreateHouse
        GetScenesInBuild GetObjectInFrame"""
    assert set(wanted.split()) <= set(ACTIONS)


def test_bad_calls_are_refused_in_ai2thors_words(engine: Engine):
    calls: list[dict[str, Any]] = [
        {"action": "Fly"},
        {"action": None},
        {"action": "PickupObject"},
        {"action": "TeleportFull", "position": {"x": 0, "y": 0, "z": 0}},
        {"action": "MoveAhead", "distance": 1.0},
        {"action": "RotateLeft", "degrees": "much"},
        {"action": "MoveAhead", "moveMagnitude": float("nan")},
        {"action": "Teleport", "position": {"x": float("inf"), "y": 0.9, "z": 0.0}},
        {"action": "PickupObject", "objectId": "Mug|1", "x": 0.5, "y": 0.5},
        {"action": "PickupObject", "x": 0.5},
        {"action": "Pass", "agentId": 3},
    ]
    found = [(r.error_code, r.error) for r in (engine.step(call) for call in calls)]
    assert found == snapshot(
        [
            ("InvalidAction", "Invalid action: Fly"),
            ("InvalidAction", "Invalid action: None"),
            (
                "MissingArguments",
                "action: PickupObject is missing the following arguments: objectId",
            ),
            (
                "MissingArguments",
                "action: TeleportFull is missing the following arguments: rotation,horizon,standing",
            ),
            (
                "InvalidArgument",
                """\

	Action: "MoveAhead" called with invalid argument: 'distance'
	Expected arguments: moveMagnitude = None
	Your arguments: distance\
""",
            ),
            (
                "InvalidArgument",
                "action: RotateLeft has an argument 'degrees' of the wrong type: Expected `float | null`, got `str`.",
            ),
            (
                "InvalidArgument",
                "action: MoveAhead has an argument 'moveMagnitude' that is not a finite number.",
            ),
            (
                "InvalidArgument",
                "action: Teleport has an argument 'position' that is not a finite number.",
            ),
            (
                "AmbiguousAction",
                "Ambiguous action: PickupObject takes objectId, or x and y, and got both.",
            ),
            ("MissingArguments", "action: PickupObject is missing the following arguments: y"),
            ("", "there is no agent 3: this scene has agent 0 alone."),
        ]
    )


def test_global_flags_are_accepted_by_every_action(engine: Engine):
    act(engine, "Pass", sequenceId=4, agentId=0, renderImage=False, renderDepthImage=True,
        renderInstanceSegmentation=True, renderObjectImage=True)  # fmt: skip


def test_a_failed_action_changes_nothing_but_the_clock(engine: Engine):
    before = engine.look().metadata
    after = fail(engine, "PickupObject", objectId="Fridge|1").metadata
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {
        "currentTime", "errorCode", "errorMessage", "lastAction", "lastActionSuccess",
    }  # fmt: skip


# ---- motion


def test_steps_follow_the_heading(engine: Engine):
    assert agent(engine) == (3.5, 4.0, 0.0, 0.0)
    act(engine, "RotateRight")
    act(engine, "MoveAhead")
    assert agent(engine) == (3.75, 4.0, 90.0, 0.0)
    act(engine, "MoveLeft")
    assert agent(engine)[:2] == (3.75, 4.25)
    act(engine, "MoveBack", moveMagnitude=0.5)
    assert agent(engine)[:2] == (3.25, 4.25)
    act(engine, "MoveRight")
    assert agent(engine)[:2] == (3.25, 4.0)


def test_furniture_and_walls_block_the_way(engine: Engine):
    results = [engine.step({"action": "MoveBack", "moveMagnitude": 0.25}) for _ in range(6)]
    assert not results[-1].success
    assert results[-1].error == snapshot(
        "DiningTable|1 is blocking Agent 0 from moving by (0.0000, 0.0000, -0.2500)"
    )
    assert results[-1].metadata["collided"]
    assert results[-1].metadata["collidedObjects"] == ["DiningTable|1"]
    act(engine, "Teleport", position={"x": 1.25, "y": 0.9, "z": 3.5}, rotation=270)
    blocked = fail(engine, "MoveAhead", moveMagnitude=5.0)
    assert blocked.error.endswith("is blocking Agent 0 from moving by (-5.0000, 0.0000, 0.0000)")


def test_odd_steps_are_refused_or_snapped(engine: Engine):
    assert [
        fail(engine, "MoveAhead", moveMagnitude=value).error for value in (0.0, -1.0, 1e9, 0.01)
    ] == snapshot(
        [
            "moveMagnitude must lie in (0, 20] m, got 0.",
            "moveMagnitude must lie in (0, 20] m, got -1.",
            "moveMagnitude must lie in (0, 20] m, got 1e+09.",
            "a move of 0.01 m ends on the same point of the grid of 0.25 m. Move farther, or set snapToGrid to False.",
        ]
    )
    act(engine, "Initialize", snapToGrid=False)
    act(engine, "MoveAhead", moveMagnitude=0.01)
    assert agent(engine)[:2] == (3.5, pytest.approx(4.01))


def test_a_diagonal_step_ends_on_the_grid(engine: Engine):
    act(engine, "RotateRight", degrees=45)
    act(engine, "MoveAhead")
    assert agent(engine)[:2] == (3.75, 4.25)


def test_the_camera_tilts_between_30_up_and_60_down(engine: Engine):
    act(engine, "LookUp")
    up = fail(engine, "LookUp")
    for _ in range(3):
        act(engine, "LookDown")
    down = fail(engine, "LookDown")
    negative = fail(engine, "LookDown", degrees=-5)
    assert [(r.error_code, r.error) for r in (up, down, negative)] == snapshot(
        [
            ("LookUpCantExceedMax", "can't look up beyond 30 degrees above the forward horizon"),
            (
                "LookDownCantExceedMin",
                "can't look down beyond 60 degrees below the forward horizon",
            ),
            ("", "LookDown action requires positive degree value. Invalid value used: -5"),
        ]
    )
    assert agent(engine)[3] == 60


def test_crouching_lowers_the_camera(engine: Engine):
    high = engine.look().metadata["cameraPosition"]["y"]
    act(engine, "Crouch")
    low = act(engine, "Pass").metadata
    assert high - low["cameraPosition"]["y"] == pytest.approx(0.22)
    assert not low["agent"]["isStanding"]
    refused = [fail(engine, "Crouch").error]
    act(engine, "Stand")
    refused.append(fail(engine, "Stand").error)
    assert refused == snapshot(["Already crouching.", "Already standing."])


def test_teleport_takes_any_part_of_a_pose(engine: Engine):
    act(engine, "Teleport", horizon=30)
    act(engine, "Teleport", rotation={"y": 180.0})
    act(engine, "Teleport", position={"x": 1.2, "y": 0.9, "z": 4.1}, standing=False)
    assert agent(engine) == (1.2, 4.1, 180.0, 30.0)
    act(engine, "MoveBack")  # The grid goes through where the agent was put.
    assert agent(engine)[:2] == (1.2, 4.35)


def test_teleport_says_why_not(engine: Engine):
    calls: list[dict[str, Any]] = [
        {"position": {"x": 3.5, "y": 0.9, "z": 2.8}},
        {"position": {"x": -3.0, "y": 0.9, "z": 2.8}},
        {"horizon": 75.0},
        {"rotation": {"x": 10.0, "y": 0.0, "z": 0.0}},
    ]
    assert [fail(engine, "Teleport", **call).error for call in calls] == snapshot(
        [
            "Cannot teleport due to hitting an object: DiningTable|1",
            "ArgumentOutOfRangeException: Teleport position (-3.000000, 0.900000, 2.800000) out of scene bounds! Ignore this by setting forceAction=true.",
            "ArgumentOutOfRangeException: Each horizon must be in [-30:60]. You gave 75.",
            "ArgumentOutOfRangeException: No agents currently can change in pitch or roll. So, you must set rotation(x=0, y=yaw, z=0). You gave (10, 0, 0).",
        ]
    )
    assert agent(engine) == (3.5, 4.0, 0.0, 0.0)
    act(engine, "Teleport", horizon=75.0, forceAction=True)


# ---- queries


def test_reachable_positions_are_free_and_reached_step_by_step(engine: Engine):
    found = act(engine, "GetReachablePositions").metadata["actionReturn"]
    points = {(p["x"], p["z"]) for p in found}
    assert (3.5, 4.0) in points
    assert len(points) > 100
    for x, z in points:
        assert engine.world.stands_free(x, z)
    few = act(engine, "GetReachablePositions", maxStepCount=2).metadata["actionReturn"]
    assert 1 < len(few) <= 13
    assert fail(engine, "GetReachablePositions", gridSize=0.0).error_code == "InvalidArgument"


def test_interactable_poses_show_the_object(engine: Engine):
    poses = act(engine, "GetInteractablePoses", objectId="Mug|1").metadata["actionReturn"]
    assert len(poses) > 10
    for pose in poses[:: len(poses) // 10]:
        place = {key: pose[key] for key in ("x", "y", "z")}
        rest = {key: pose[key] for key in ("rotation", "horizon", "standing")}
        act(engine, "TeleportFull", position=place, **rest)
        assert entry(engine, "Mug|1")["isInteractable"]


def test_interactable_poses_can_be_narrowed(engine: Engine):
    poses = act(
        engine, "GetInteractablePoses", objectId="Mug|1", horizons=[30.0], rotations=[180.0],
        standings=[True], maxPoses=2,
    ).metadata["actionReturn"]  # fmt: skip
    assert 1 <= len(poses) <= 2
    assert {(p["horizon"], p["rotation"], p["standing"]) for p in poses} == {(30.0, 180.0, True)}
    inside = act(engine, "GetInteractablePoses", objectId="Apple|1").metadata["actionReturn"]
    assert inside == []  # In the closed fridge.


def test_the_shortest_path_leads_to_the_object(engine: Engine):
    corners = act(engine, "GetShortestPath", objectType="Sofa").metadata["actionReturn"]["corners"]
    steps = [abs(b["x"] - a["x"]) + abs(b["z"] - a["z"]) for a, b in pairwise(corners)]
    assert corners[0] == {"x": 3.5, "y": pytest.approx(0.9009992), "z": 4.0}
    assert steps == pytest.approx([0.25] * len(steps))
    assert [
        fail(engine, "GetShortestPath", objectType="Piano").error,
        fail(engine, "GetShortestPath").error,
        fail(engine, "GetShortestPathToPoint", x=3.5, y=0.9, z=2.8).error,
    ] == snapshot(
        [
            "No objects of type Piano exist in the scene.",
            "action: GetShortestPath is missing the following arguments: objectType",
            "Path to target could not be found",
        ]
    )


def test_the_expert_walks_to_an_object(engine: Engine):
    for _ in range(60):
        name = act(engine, "ObjectNavExpertAction", objectType="Sofa").metadata["actionReturn"]
        if name is None:
            break
        act(engine, name)
    assert entry(engine, "Sofa|1")["visible"]


def test_the_expert_walks_to_a_point(engine: Engine):
    goal = {"x": 1.5, "y": 0.9, "z": 1.5}
    for _ in range(60):
        name = act(engine, "ObjectNavExpertAction", position=goal).metadata["actionReturn"]
        if name is None:
            break
        act(engine, name)
    assert agent(engine)[:2] == (1.5, 1.5)


def test_a_pixel_names_its_object(engine: Engine):
    go_to(engine, "Mug|1")
    x, y = pixel_of(engine, "Mug|1")
    assert act(engine, "GetObjectInFrame", x=x, y=y).metadata["actionReturn"] == "Mug|1"
    assert act(engine, "GetObjectInFrame", x=1.5, y=0.5).metadata["actionReturn"] is None


def test_a_pixel_has_a_place_in_the_world(engine: Engine):
    go_to(engine, "Mug|1")
    x, y = pixel_of(engine, "Mug|1")
    point = act(engine, "GetCoordinateFromRaycast", x=x, y=y).metadata["actionReturn"]
    low, high = engine.world.objects["Mug|1"].box()
    for axis, name in enumerate("xyz"):
        assert low[axis] - 0.01 <= point[name] <= high[axis] + 0.01


# ---- cameras


def test_the_map_camera_sees_the_whole_house(engine: Engine):
    arguments = act(engine, "GetMapViewCameraProperties").metadata["actionReturn"]
    result = act(engine, "AddThirdPartyCamera", **arguments)
    (image,) = result.third_party
    numbers = {item.number for item in engine.world.objects.values() if item.anchor == "floor"}
    assert numbers <= set(image.ids.ravel().tolist())
    act(engine, "UpdateThirdPartyCamera", thirdPartyCameraId=0, orthographic=False,
        position={"x": 3.5, "y": 1.5, "z": 4.0}, rotation={"x": 0, "y": 180, "z": 0})  # fmt: skip
    camera = act(engine, "Pass").metadata["thirdPartyCameras"][0]
    assert camera["rotation"]["y"] == 180


def test_bad_cameras_are_refused(engine: Engine):
    pose = {"position": {"x": 3, "y": 1, "z": 3}, "rotation": {"x": 0, "y": 0, "z": 0}}
    assert [
        fail(engine, "UpdateThirdPartyCamera", thirdPartyCameraId=2).error,
        fail(engine, "AddThirdPartyCamera", **{**pose, "rotation": {"z": 10.0}}).error,
        fail(engine, "AddThirdPartyCamera", **pose, fieldOfView=200).error,
        fail(engine, "AddThirdPartyCamera", **pose, orthographic=True, orthographicSize=0).error,
    ] == snapshot(
        [
            "there is no third-party camera 2: the scene has 0, numbered from 0.",
            "a camera cannot roll: rotation.z must be 0, got 10.",
            "fov must be set to (0, 180) noninclusive.",
            "orthographicSize must lie in [0.01, 1000] m, got 0.",
        ]
    )


# ---- the hand


def test_a_mug_is_picked_up_and_put_into_the_fridge(engine: Engine):
    go_to(engine, "Mug|1")
    held = act(engine, "PickupObject", objectId="Mug|1").metadata
    assert held["inventoryObjects"] == [{"objectId": "Mug|1", "objectType": "Mug"}]
    assert held["heldObjectPose"]["localPosition"]["y"] < 0
    mug = entry(engine, "Mug|1")
    assert mug["isPickedUp"]
    assert mug["visible"]
    assert mug["parentReceptacles"] is None
    do_at(engine, "OpenObject", "Fridge|1")
    act(engine, "PutObject", objectId="Fridge|1")
    assert entry(engine, "Mug|1")["parentReceptacles"] == ["Fridge|1"]
    assert "Mug|1" in entry(engine, "Fridge|1")["receptacleObjectIds"]
    assert act(engine, "Pass").metadata["inventoryObjects"] == []


def test_objects_can_be_pointed_at(engine: Engine):
    go_to(engine, "Mug|1")
    x, y = pixel_of(engine, "Mug|1")
    act(engine, "PickupObject", x=x, y=y)
    go_to(engine, "Plate|1")
    x, y = pixel_of(engine, "Plate|1")
    act(engine, "PutObject", x=x, y=y)  # A plate can hold no mug: its table is meant.
    parent = entry(engine, "Mug|1")["parentReceptacles"][0]
    assert parent in ("Plate|1", "DiningTable|1")


def test_picking_up_says_why_not(engine: Engine):
    go_to(engine, "Mug|1")
    found = [
        fail(engine, "PickupObject", objectId="Fork|9"),
        fail(engine, "PickupObject", objectId="DiningTable|1"),
        fail(engine, "PickupObject", objectId="Apple|1"),
        fail(engine, "PickupObject", x=0.5, y=2.0),
    ]
    act(engine, "PickupObject", objectId="Mug|1")
    found.append(fail(engine, "PickupObject", objectId="Plate|1"))
    assert [(r.error_code, r.error) for r in found] == snapshot(
        [
            (
                "",
                "ArgumentException: objectId: Fork|9 is not the objectId on any object in the scene!",
            ),
            (
                "ObjectNotPickupable",
                "DiningTable|1 must have the property CanPickup to be picked up.",
            ),
            (
                "ObjectNotVisible",
                "NullReferenceException: Target object not found within the specified visibility.",
            ),
            ("ObjectNotVisible", "No SimObject found at (x: 0.5, y: 2.0)"),
            (
                "InventoryFull",
                "Agent hand has something in it already! Can't pick up anything else",
            ),
        ]
    )


def test_what_is_behind_glass_is_seen_but_out_of_reach(engine: Engine):
    assert engine.relocate("Potato|1", "Microwave|1")
    poses = act(engine, "GetInteractablePoses", objectId="Microwave|1").metadata["actionReturn"]
    for pose in poses:
        place = {key: pose.pop(key) for key in ("x", "y", "z")}
        act(engine, "TeleportFull", position=place, **pose)
        potato = entry(engine, "Potato|1")
        assert not potato["isInteractable"]
        if potato["visible"]:
            assert fail(engine, "PickupObject", objectId="Potato|1").error == snapshot(
                "NullReferenceException: Target object is visible but not interactable. It is likely obstructed by some clear object like glass."
            )
            return
    pytest.fail("the potato is never seen through the microwave's window.")


def test_nothing_is_picked_up_through_walls_or_from_afar(engine: Engine):
    act(engine, "Teleport", position={"x": 1.25, "y": 0.9, "z": 3.5}, rotation=0)
    assert fail(engine, "PickupObject", objectId="Pillow|1").error_code == "ObjectNotVisible"
    act(engine, "PickupObject", objectId="Pillow|1", forceAction=True)
    assert entry(engine, "Pillow|1")["isPickedUp"]


def test_putting_says_why_not(engine: Engine):
    found = [fail(engine, "PutObject", objectId="Fridge|1")]
    go_to(engine, "Mug|1")
    act(engine, "PickupObject", objectId="Mug|1")
    found.append(fail(engine, "PutObject", objectId="Fridge|1"))
    go_to(engine, "Fridge|1")
    found.append(fail(engine, "PutObject", objectId="Fridge|1"))
    go_to(engine, "Chair|1")
    found.append(fail(engine, "PutObject", objectId="Painting|1"))
    go_to(engine, "Sofa|1")
    act(engine, "DropHandObject")
    go_to(engine, "TeddyBear|1")
    act(engine, "PickupObject", objectId="TeddyBear|1")
    go_to(engine, "Sink|1")
    found.append(fail(engine, "PutObject", objectId="Sink|1"))
    assert [(r.error_code, r.error) for r in found] == snapshot(
        [
            ("ObjectNotInInventory", "Can't place an object if Agent isn't holding anything"),
            (
                "ObjectNotVisible",
                "NullReferenceException: Target object not found within the specified visibility.",
            ),
            (
                "ReceptacleNotOpen",
                "Target openable Receptacle is CLOSED, can't place if target is not open!",
            ),
            ("", "This target object is NOT a receptacle!"),
            (
                "ObjectNotAllowedInReceptacle",
                "TeddyBear|1 is not a valid Object Type to be placed in Sink|1",
            ),
        ]
    )


def test_a_full_receptacle_has_no_room(engine: Engine):
    act(engine, "PickupObject", objectId="Box|1", forceAction=True)
    full = fail(engine, "PutObject", objectId="Microwave|1", forceAction=True)
    assert (full.error_code, full.error) == snapshot(
        ("ReceptacleFull", "No valid positions to place object found")
    )


def test_contents_travel_with_what_is_picked_up(engine: Engine):
    act(engine, "PickupObject", objectId="Knife|1", forceAction=True)
    act(engine, "PutObject", objectId="Pot|1", forceAction=True)
    go_to(engine, "Pot|1")
    act(engine, "PickupObject", objectId="Pot|1")
    before = entry(engine, "Knife|1")["position"]
    assert entry(engine, "Knife|1")["parentReceptacles"] == ["Pot|1"]
    act(engine, "MoveBack")
    after = entry(engine, "Knife|1")["position"]
    assert before != after


def test_dropped_and_thrown_things_come_to_rest(engine: Engine):
    assert [fail(engine, "DropHandObject").error, fail(engine, "ThrowObject").error] == snapshot(
        ["nothing in hand to drop!", "Nothing in Hand to Throw!"]
    )
    act(engine, "PickupObject", objectId="Vase|1", forceAction=True)
    act(engine, "DropHandObject")
    vase = entry(engine, "Vase|1")
    assert not vase["isPickedUp"]
    assert not vase["isBroken"]
    act(engine, "PickupObject", objectId="Vase|1", forceAction=True)
    act(engine, "ThrowObject", moveMagnitude=200.0)
    assert entry(engine, "Vase|1")["isBroken"]


def test_pushing_and_pulling_move_what_is_not_fixed(engine: Engine):
    go_to(engine, "Box|1")
    start = entry(engine, "Box|1")["position"]
    act(engine, "PullObject", objectId="Box|1", moveMagnitude=10.0)
    pulled = entry(engine, "Box|1")["position"]
    assert pulled != start
    go_to(engine, "Box|1")
    act(engine, "PushObject", objectId="Box|1", moveMagnitude=10.0)
    assert entry(engine, "Box|1")["position"] != pulled
    go_to(engine, "Fridge|1")
    assert [
        fail(engine, "PushObject", objectId="Fridge|1").error,
        fail(engine, "PushObject", objectId="Fridge|1", moveMagnitude=-1).error,
    ] == snapshot(
        [
            "Target Sim Object type: Static must have Moveable or CanPickup property to be moved",
            "Target Sim Object type: Static must have Moveable or CanPickup property to be moved",
        ]
    )


def test_objects_are_placed_at_points(engine: Engine):
    table = engine.world.objects["DiningTable|1"]
    x, y, z = table.surface_position(0)
    act(engine, "PickupObject", objectId="Bowl|1", forceAction=True)
    act(engine, "DropHandObject")
    place = {"x": x, "y": y, "z": z + 0.4}
    result = engine.step({"action": "PlaceObjectAtPoint", "objectId": "Bowl|1", "position": place})
    if result.success:
        assert entry(engine, "Bowl|1")["parentReceptacles"] == ["DiningTable|1"]
    assert [
        fail(engine, "PlaceObjectAtPoint", objectId="Fridge|1", position=place).error,
        fail(engine, "PlaceObjectAtPoint", objectId="Cup|1",
             position={"x": 90.0, "y": 0.0, "z": 0.0}).error,
        fail(engine, "PlaceObjectAtPoint", objectId="Cup|1",
             position={"x": 3.5, "y": 1.9, "z": 4.0}).error,
    ] == snapshot(['Fridge|1 is not a moveable or pickupable object.', 'the point (90, 0) is outside the house.', 'PlaceObjectAtPoint failed: there is nothing below the point.'])  # fmt: skip


# ---- states


def test_doors_open_in_part_and_close(engine: Engine):
    do_at(engine, "OpenObject", "Fridge|1", openness=0.5)
    assert entry(engine, "Fridge|1")["openness"] == 0.5
    assert entry(engine, "Fridge|1")["isOpen"]
    act(engine, "CloseObject", objectId="Fridge|1")
    assert not entry(engine, "Fridge|1")["isOpen"]


def test_opening_says_why_not(engine: Engine):
    go_to(engine, "DiningTable|1")
    found = [fail(engine, "OpenObject", objectId="DiningTable|1").error]
    go_to(engine, "Fridge|1")
    found.append(fail(engine, "OpenObject", objectId="Fridge|1", openness=2.0).error)
    fridge = engine.world.objects["Fridge|1"]
    spot = {"x": 0.7, "y": 0.9, "z": fridge.position[2] - 0.6}
    act(engine, "Teleport", position=spot, forceAction=True)
    found.append(fail(engine, "OpenObject", objectId="Fridge|1", forceAction=True).error)
    do_at(engine, "ToggleObjectOn", "Microwave|1")
    found.append(fail(engine, "OpenObject", objectId="Microwave|1").error)
    act(engine, "ToggleObjectOff", objectId="Microwave|1")
    do_at(engine, "OpenObject", "Microwave|1")
    found.append(fail(engine, "ToggleObjectOn", objectId="Microwave|1").error)
    assert found == snapshot(
        [
            "DiningTable|1 is not an Openable object",
            "openness must lie in [0, 1], got 2.",
            "Object failed to open/close successfully.",
            "Target must be OFF to open!",
            "Target must be closed to Toggle On!",
        ]
    )


def test_switches_switch(engine: Engine):
    do_at(engine, "ToggleObjectOn", "FloorLamp|1")
    assert entry(engine, "FloorLamp|1")["isToggled"]
    found = [fail(engine, "ToggleObjectOn", objectId="FloorLamp|1").error]
    act(engine, "ToggleObjectOff", objectId="FloorLamp|1")
    found.append(fail(engine, "ToggleObjectOff", objectId="FloorLamp|1").error)
    go_to(engine, "DiningTable|1")
    found.append(fail(engine, "ToggleObjectOn", objectId="DiningTable|1").error)
    assert found == snapshot(
        [
            "can't toggle object on if it's already on!",
            "can't toggle object off if it's already off!",
            "object is not toggleable",
        ]
    )


def test_state_actions_and_their_refusals(engine: Engine):
    pairs = [
        ("DirtyObject", "Plate|1", "Fridge|1"),
        ("CleanObject", "Plate|1", "Fridge|1"),
        ("CookObject", "Potato|1", "Plate|1"),
        ("FillObjectWithLiquid", "Mug|1", "Plate|1"),
        ("EmptyLiquidFromObject", "Mug|1", "Plate|1"),
        ("UseUpObject", "SoapBottle|1", "Plate|1"),
        ("BreakObject", "Bowl|1", "Potato|1"),
        ("SliceObject", "Tomato|1", "Plate|1"),
    ]
    found = []
    for action, good, bad in pairs:
        do_at(engine, action, good)
        again = fail(engine, action, objectId=good, forceAction=True)
        wrong = fail(engine, action, objectId=bad, forceAction=True)
        found += [again.error, wrong.error]
    found.append(fail(engine, "FillObjectWithLiquid", objectId="Cup|1", fillLiquid="tar",
                      forceAction=True).error)  # fmt: skip
    assert found == snapshot(
        [
            "Plate|1 is already dirty!",
            "Fridge|1 does not have dirtyable property!",
            "Plate|1 is already Clean!",
            "Fridge|1 does not have dirtyable property!",
            "Potato|1 is already cooked!",
            "Plate|1 does not have the CanBeCooked property!",
            "Mug|1 is already filled with water!",
            "Plate|1 does not have the CanBeFilled property!",
            "Mug|1 is already empty!",
            "Plate|1 does not have the CanBeFilled property!",
            "SoapBottle|1 is already used up!",
            "Plate|1 does not have the CanBeUsedUp property!",
            "Bowl|1 is already broken!",
            "Potato|1 does not have the CanBreak property!",
            "Tomato|1 is already sliced!",
            "Plate|1 Does not have the CanBeSliced property!",
            "tar is not a valid Liquid Type. Liquids: water, coffee, wine.",
        ]
    )


def test_what_is_held_cannot_be_cut(engine: Engine):
    act(engine, "PickupObject", objectId="Tomato|1", forceAction=True)
    assert fail(engine, "SliceObject", objectId="Tomato|1").error == snapshot(
        "target object cannot be sliced if it is in the agent's hand"
    )


# ---- the scene


def test_settings_can_be_changed_and_are_checked(engine: Engine):
    answer = act(engine, "Initialize", gridSize=0.5, fieldOfView=60.0, visibilityDistance=3.0)
    assert answer.metadata["actionReturn"] == {"cameraNearPlane": 0.1, "cameraFarPlane": 20.0}
    assert answer.metadata["fov"] == 60.0
    act(engine, "MoveAhead")
    assert agent(engine)[1] == 4.5
    act(engine, "ChangeResolution", x=80, y=60)
    assert act(engine, "Pass").rgb.shape == (60, 80, 3)
    act(engine, "ChangeQuality", quality="Low")
    assert [
        fail(engine, "Initialize", agentCount=2).error,
        fail(engine, "Initialize", agentMode="drone").error,
        fail(engine, "Initialize", gridSize=-1.0).error,
        fail(engine, "ChangeResolution", x=0, y=100).error,
    ] == snapshot(
        [
            "agentCount must be 1: this scene has one agent, got 2.",
            "agentMode must be 'default', got 'drone'.",
            "grid_size must lie in [0.01, 5], got -1.",
            "a resolution must lie in 1..4096 px, got 0x100.",
        ]
    )


def test_depth_can_be_switched_off(engine: Engine):
    assert act(engine, "Initialize", renderDepthImage=False).depth is None


def test_houses_and_scenes_are_loaded(engine: Engine):
    assert "FloorPlan1_physics" in act(engine, "GetScenesInBuild").metadata["actionReturn"]
    house = kitchen_json()
    house["objects"] = house["objects"][:3]
    act(engine, "CreateHouse", house=house)
    assert engine.look().metadata["sceneName"] == "Procedural"
    assert "Sofa|1" not in engine.world.objects
    house["rooms"] = []
    found = [fail(engine, "CreateHouse", house=house).error]
    found.append(fail(engine, "Reset", sceneName="FloorPlan999").error)
    assert found == snapshot(
        [
            "CreateHouse failed: a house needs at least one room, got none.",
            "there is no scene FloorPlan999. Scenes: Procedural, FloorPlan1-30, 201-230, 301-330, 401-430; or send CreateHouse.",
        ]
    )
    act(engine, "Reset", sceneName="FloorPlan201_physics")
    assert engine.look().metadata["sceneName"] == "FloorPlan201_physics"


def test_objects_can_be_set_to_poses(engine: Engine):
    pose = {"objectName": "Mug|1", "position": {"x": 2.0, "y": 0.05, "z": 4.0},
            "rotation": {"x": 0, "y": 90, "z": 0}}  # fmt: skip
    act(engine, "SetObjectPoses", objectPoses=[pose])
    assert entry(engine, "Mug|1")["position"]["x"] == 2.0
    assert entry(engine, "Mug|1")["parentReceptacles"] is None
    found = [
        fail(engine, "SetObjectPoses", objectPoses=[pose | {"objectName": "Nobody"}]).error,
        fail(engine, "SetObjectPoses", objectPoses=[pose | {"objectName": "Fridge|1"}]).error,
    ]
    assert found == snapshot(
        [
            "No object of name Nobody found in scene.",
            "Fridge|1 is not a moveable or pickupable object.",
        ]
    )


def test_many_states_are_set_at_once(engine: Engine):
    act(engine, "SetObjectToggles", objectToggles=[{"objectType": "FloorLamp", "isOn": True}])
    assert entry(engine, "FloorLamp|1")["isToggled"]
    act(engine, "SetStateOfAllObjects", StateChange="CanBeDirty", forceAction=True)
    dirtyables = [o for o in engine.look().metadata["objects"] if o["dirtyable"]]
    assert all(o["isDirty"] for o in dirtyables)
    act(engine, "SetObjectStates",
        SetObjectStates={"stateChange": "dirtyable", "objectType": "Mug", "isDirty": False})  # fmt: skip
    assert not entry(engine, "Mug|1")["isDirty"]
    assert fail(engine, "SetStateOfAllObjects", StateChange="CanSing").error == snapshot(
        "CanSing is not a state that can be set. States: CanToggleOnOff, CanOpen, CanBeDirty, CanBreak, CanBeCooked, CanBeSliced, CanBeFilled, CanBeUsedUp."
    )


def test_the_same_seed_spawns_the_same_arrangement():
    def places(seed: int) -> list[object]:
        engine = kitchen_engine(size=40)
        act(engine, "InitialRandomSpawn", randomSeed=seed)
        return [(o["objectId"], o["position"]) for o in engine.look().metadata["objects"]]

    assert places(1) == places(1)
    assert places(1) != places(2)
