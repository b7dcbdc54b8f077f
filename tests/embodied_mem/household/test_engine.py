from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kitchen import act, do_at, entry, kitchen, kitchen_engine

from embodied_mem.backends.household.actions import ACTIONS, UNCHECKED, camel_case
from embodied_mem.backends.household.engine import Engine, EngineConfig
from embodied_mem.errors import BackendError

MOVES = (
    "MoveAhead", "MoveBack", "MoveLeft", "MoveRight", "RotateLeft", "RotateRight", "LookUp",
    "LookDown", "Crouch", "Stand",
)  # fmt: skip

ARGUMENTS = sorted(
    {"objectId", "x", "y", "openness", "degrees", "moveMagnitude", "position", "rotation",
     "horizon", "standing", "forceAction", "gridSize", "objectType", "fillLiquid", "randomSeed",
     "objectPoses", "objectToggles", "positions", "maxPoses", "thirdPartyCameraId", "fieldOfView",
     "quality", "house", "stateChange", "sceneName", "width", "height", "target"}
)  # fmt: skip

_NAMES = [*kitchen_engine(size=8).world.objects, "Nothing|1", ""]

numbers = st.one_of(
    st.floats(-10, 10), st.integers(-3, 3), st.sampled_from([float("nan"), float("inf"), 1e30])
)
points = st.fixed_dictionaries({"x": numbers, "y": numbers, "z": numbers})
values = st.one_of(
    numbers, st.booleans(), st.none(), st.sampled_from(_NAMES), points,
    st.lists(points, max_size=2),
    st.text(max_size=4), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
calls = st.fixed_dictionaries(
    {"action": st.sampled_from(sorted(set(ACTIONS) - {"Reset", "CreateHouse"}))}
).flatmap(
    lambda call: st.dictionaries(st.sampled_from(ARGUMENTS), values, max_size=4).map(
        lambda arguments: {**arguments, **call}
    )
)


def run(engine: Engine, actions: list[dict[str, Any]]) -> list[Any]:
    return [engine.step(action) for action in actions]


def test_the_same_seed_and_actions_give_the_same_frames_and_metadata():
    random = np.random.default_rng(0)
    actions: list[dict[str, Any]] = [{"action": str(random.choice(MOVES))} for _ in range(25)]
    actions += [{"action": "PickupObject", "objectId": "Mug|1", "forceAction": True}]
    actions += [{"action": "ThrowObject"}, {"action": "InitialRandomSpawn", "randomSeed": 3}]
    first, second = (run(kitchen_engine(size=50), actions) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.metadata == b.metadata
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.depth, b.depth)
        np.testing.assert_array_equal(a.numbers, b.numbers)


def test_the_agent_is_never_inside_furniture_under_random_actions():
    engine = kitchen_engine(size=20)
    random = np.random.default_rng(1)
    others = ("OpenObject", "CloseObject", "PickupObject", "DropHandObject", "PushObject")
    for step in range(300):
        action = str(random.choice(MOVES if step % 4 else others))
        call: dict[str, Any] = {"action": action}
        if action in ("OpenObject", "CloseObject", "PickupObject", "PushObject"):
            call |= {"objectId": str(random.choice(_NAMES[:-2])), "forceAction": True}
        engine.step(call)
        agent = engine.simulation.agent
        assert engine.world.stands_free(agent.x, agent.z), (step, call)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(call=calls)
def test_no_call_crashes_the_simulator(call: dict[str, Any]):
    result = _FUZZED.step(call)
    assert result.success == (result.error == "")
    assert result.metadata["lastActionSuccess"] == result.success
    if not {"width", "height", "x", "y"} & set(call):
        return
    _FUZZED.step({"action": "Initialize", "width": 12, "height": 12, "fieldOfView": 90.0})


_FUZZED = kitchen_engine(size=12)


def test_every_argument_is_spelt_as_ai2thor_spells_it():
    assert camel_case("object_id") == "objectId"
    assert camel_case("third_party_camera_id") == "thirdPartyCameraId"
    assert "renderInstanceSegmentation" in UNCHECKED


def test_an_engine_without_a_house_has_one():
    engine = Engine(EngineConfig(width=20, height=20))
    result = engine.look()
    assert result.metadata["sceneName"] == "Procedural"
    assert result.rgb.shape == (20, 20, 3)


def test_a_new_house_starts_afresh():
    engine = kitchen_engine(size=20)
    act(engine, "PickupObject", objectId="Mug|1", forceAction=True)
    act(engine, "AddThirdPartyCamera", position={"x": 1, "y": 1, "z": 1}, rotation={"y": 0})
    result = engine.create_house(kitchen())
    assert result.metadata["inventoryObjects"] == []
    assert result.third_party == ()
    assert result.metadata["currentTime"] == 0.0


def test_time_goes_by_with_actions():
    engine = kitchen_engine(size=20, seconds_per_action=0.5)
    start = engine.look().metadata["currentTime"]
    assert act(engine, "Pass").metadata["currentTime"] == start + 0.5
    assert engine.look().metadata["currentTime"] == start + 0.5


def test_an_outside_hand_moves_things_unseen():
    engine = kitchen_engine(size=20)
    assert engine.relocate("Mug|1", "Fridge|1")
    assert entry(engine, "Mug|1")["parentReceptacles"] == ["Fridge|1"]
    with pytest.raises(BackendError, match="there is no object Ghost"):
        engine.relocate("Ghost", "Fridge|1")
    with pytest.raises(BackendError, match="cannot be moved"):
        engine.relocate("Fridge|1", "DiningTable|1")
    with pytest.raises(BackendError, match="not a receptacle"):
        engine.relocate("Mug|1", "Painting|1")
    assert not engine.relocate("Box|1", "Mug|1")


def test_a_failed_action_is_a_result_and_costs_no_new_image():
    engine = kitchen_engine(size=20)
    before = engine.look()
    after = engine.step({"action": "Nonsense"})
    assert after.error_code == "InvalidAction"
    assert after.rgb is before.rgb


def test_the_held_object_is_in_view_and_low():
    engine = kitchen_engine(size=100)
    for name in ("Mug|1", "Knife|1", "Box|1", "Laptop|1", "Pillow|1"):
        act(engine, "PickupObject", objectId=name, forceAction=True)
        act(engine, "Teleport", position={"x": 3.5, "y": 0.9, "z": 4.0}, rotation=90, horizon=0)
        number = engine.world.objects[name].number
        rows = (engine.look().numbers == number).nonzero()[0]
        assert len(rows) > 10, name
        assert rows.min() > 55, name  # Below the middle of the image.
        act(
            engine, "PutObject", objectId="Sofa|1", forceAction=True
        ) if name == "Pillow|1" else act(engine, "DropHandObject")


def test_the_picture_from_above_shows_the_floor():
    image = kitchen_engine(size=20).render_top_down(width=120, height=100)
    assert image.rgb.shape == (100, 120, 3)
    assert len(np.unique(image.ids)) > 10


def test_looking_into_the_open_fridge_shows_its_contents():
    engine = kitchen_engine(size=120)
    do_at(engine, "OpenObject", "Fridge|1")
    poses = act(engine, "GetInteractablePoses", objectId="Apple|1").metadata["actionReturn"]
    assert poses
    do_at(engine, "PickupObject", "Apple|1")
