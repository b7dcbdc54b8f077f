import pytest
from kitchen import act, do_at, entry, fail, kitchen_engine

from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.states import MOST_SLICES, basin_of


@pytest.fixture
def engine() -> Engine:
    return kitchen_engine(size=60)


def bring(engine: Engine, object_id: str, receptacle_id: str) -> None:
    assert engine.relocate(object_id, receptacle_id)


def test_a_running_faucet_cleans_and_fills_what_lies_in_its_basin(engine: Engine):
    act(engine, "DirtyObject", objectId="Mug|1", forceAction=True)
    act(engine, "DirtyObject", objectId="Bowl|1", forceAction=True)
    bring(engine, "Mug|1", "Sink|1")
    act(engine, "Pass")
    assert entry(engine, "Mug|1")["isDirty"]
    do_at(engine, "ToggleObjectOn", "Faucet|1")
    mug = entry(engine, "Mug|1")
    assert not mug["isDirty"]
    assert mug["fillLiquid"] == "water"
    assert entry(engine, "Bowl|1")["isDirty"]  # On the table.
    bring(engine, "Bowl|1", "Sink|1")
    act(engine, "Pass")  # It still runs.
    assert not entry(engine, "Bowl|1")["isDirty"]


def test_a_faucet_runs_into_the_nearest_basin(engine: Engine):
    basin = basin_of(engine.world, engine.world.objects["Faucet|1"])
    assert basin is engine.world.objects["Sink|1"]


def test_a_closed_fridge_cools_and_an_open_one_does_not(engine: Engine):
    assert entry(engine, "Apple|1")["temperature"] == "Cold"
    do_at(engine, "OpenObject", "Fridge|1")
    bring(engine, "Mug|1", "Fridge|1")
    act(engine, "Pass")
    assert entry(engine, "Mug|1")["temperature"] == "RoomTemp"
    act(engine, "CloseObject", objectId="Fridge|1")
    assert entry(engine, "Mug|1")["temperature"] == "Cold"


def test_hot_and_cold_things_return_to_room_temperature():
    engine = kitchen_engine(size=40, seconds_until_room_temperature=1.0)
    do_at(engine, "OpenObject", "Fridge|1")
    assert entry(engine, "Apple|1")["temperature"] == "Cold"
    for _ in range(6):
        act(engine, "Pass")
    assert entry(engine, "Apple|1")["temperature"] == "RoomTemp"


def test_what_stays_in_the_fridge_stays_cold():
    engine = kitchen_engine(size=40, seconds_until_room_temperature=0.4)
    for _ in range(10):
        act(engine, "Pass")
    assert entry(engine, "Apple|1")["temperature"] == "Cold"


def test_a_running_microwave_heats_and_cooks(engine: Engine):
    bring(engine, "Potato|1", "Microwave|1")
    act(engine, "Pass")
    assert entry(engine, "Potato|1")["temperature"] == "RoomTemp"
    act(engine, "ToggleObjectOn", objectId="Microwave|1", forceAction=True)
    potato = entry(engine, "Potato|1")
    assert (potato["temperature"], potato["isCooked"]) == ("Hot", True)


def test_a_knob_lights_its_burner_which_heats_the_pan_and_its_contents(engine: Engine):
    assert entry(engine, "StoveKnob|1")["controlledObjects"] == ["StoveBurner|1"]
    bring(engine, "Pan|1", "StoveBurner|1")
    bring(engine, "Potato|1", "Pan|1")
    act(engine, "ToggleObjectOn", objectId="StoveKnob|1", forceAction=True)
    assert entry(engine, "StoveBurner|1")["isToggled"]
    assert entry(engine, "Pan|1")["temperature"] == "Hot"
    assert entry(engine, "Potato|1")["isCooked"]
    act(engine, "ToggleObjectOff", objectId="StoveBurner|1", forceAction=True)
    assert not entry(engine, "StoveKnob|1")["isToggled"]


def test_a_coffee_machine_fills_a_mug_with_hot_coffee(engine: Engine):
    bring(engine, "Mug|1", "CoffeeMachine|1")
    act(engine, "ToggleObjectOn", objectId="CoffeeMachine|1", forceAction=True)
    mug = entry(engine, "Mug|1")
    assert (mug["fillLiquid"], mug["temperature"], mug["isCooked"]) == ("coffee", "Hot", False)


def test_a_toaster_toasts_slices(engine: Engine):
    act(engine, "SliceObject", objectId="Bread|1", forceAction=True)
    bring(engine, "Bread|1|BreadSliced_0", "Toaster|1")
    act(engine, "ToggleObjectOn", objectId="Toaster|1", forceAction=True)
    assert entry(engine, "Bread|1|BreadSliced_0")["isCooked"]


@pytest.mark.parametrize("name", ["Tomato", "Bread", "Potato", "Lettuce", "Apple"])
def test_slicing_leaves_pieces_where_the_whole_lay(engine: Engine, name: str):
    whole = engine.world.objects[f"{name}|1"]
    low, high = whole.box()
    parent = whole.parent
    act(engine, "SliceObject", objectId=f"{name}|1", forceAction=True)
    found = [o for o in engine.look().metadata["objects"] if o["objectType"] == f"{name}Sliced"]
    assert 1 <= len(found) <= MOST_SLICES
    for piece in found:
        assert piece["objectId"].startswith(f"{name}|1|{name}Sliced_")
        assert piece["parentReceptacles"] == [parent]
        assert piece["pickupable"]
        for axis, at in enumerate("xyz"):
            assert low[axis] - 1e-6 <= piece["position"][at] <= high[axis] + 1e-6
    gone = entry(engine, f"{name}|1")
    assert gone["isSliced"]
    assert not gone["visible"]
    assert gone["parentReceptacles"] is None
    refused = fail(engine, "PickupObject", objectId=f"{name}|1", forceAction=True)
    assert "sliced" in refused.error


def test_an_egg_cracks(engine: Engine):
    act(engine, "BreakObject", objectId="Egg|1", forceAction=True)
    assert entry(engine, "Egg|1|EggCracked_0")["cookable"]
    assert entry(engine, "Egg|1")["isBroken"]


def test_slices_keep_the_temperature_of_the_whole(engine: Engine):
    act(engine, "SliceObject", objectId="Apple|1", forceAction=True)
    assert entry(engine, "Apple|1|AppleSliced_0")["temperature"] == "Cold"


def test_a_broken_vessel_holds_nothing(engine: Engine):
    act(engine, "FillObjectWithLiquid", objectId="Mug|1", forceAction=True)
    act(engine, "BreakObject", objectId="Mug|1", forceAction=True)
    mug = entry(engine, "Mug|1")
    assert (mug["isBroken"], mug["isFilledWithLiquid"]) == (True, False)
    assert (
        "broken" in fail(engine, "FillObjectWithLiquid", objectId="Mug|1", forceAction=True).error
    )
