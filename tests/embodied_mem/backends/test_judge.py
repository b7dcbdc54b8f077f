from typing import Any

import pytest

from embodied_mem.backends.tasks import judge_goal
from embodied_mem.goals import parse_goal

DEFAULTS = {
    "parentReceptacles": None, "receptacleObjectIds": None, "receptacle": False,
    "pickupable": False, "openable": False, "isOpen": False, "toggleable": False,
    "isToggled": False, "isDirty": False, "isSliced": False, "isCooked": False,
    "canFillWithLiquid": False, "isFilledWithLiquid": False, "isBroken": False,
    "isPickedUp": False, "temperature": "RoomTemp",
}  # fmt: skip


def thing(object_id: str, **state: Any) -> dict[str, Any]:
    parents = state.pop("inside", None)
    return (
        DEFAULTS
        | {
            "objectId": object_id,
            "objectType": object_id.split("|", maxsplit=1)[0],
            "parentReceptacles": parents and [parents],
        }
        | state
    )


def score(goal: str, *objects: dict[str, Any]) -> tuple[int, int]:
    progress = judge_goal(parse_goal(goal), objects)
    return progress.met, progress.total


FRIDGE = thing("Fridge|1", openable=True, receptacle=True, receptacleObjectIds=["Apple|1"])
TABLE = thing("DiningTable|1", receptacle=True)


@pytest.mark.parametrize("goal", ["in(apple, fridge)", "on(apple, fridge)"])
def test_on_and_in_are_one_relation(goal: str):
    assert score(goal, FRIDGE, thing("Apple|1", inside="Fridge|1")) == (1, 1)
    assert score(goal, FRIDGE, thing("Apple|1", inside="DiningTable|1"), TABLE) == (0, 1)


def test_what_lies_on_a_plate_is_on_the_table_too():
    plate = thing("Plate|1", inside="DiningTable|1", pickupable=True)
    assert score("on(apple, diningtable)", TABLE, plate, thing("Apple|1", inside="Plate|1")) == (
        1,
        1,
    )


def test_furniture_does_not_carry_over():
    tray = thing("Shelf|1", inside="DiningTable|1")
    assert score("on(apple, diningtable)", TABLE, tray, thing("Apple|1", inside="Shelf|1")) == (
        0,
        1,
    )


def test_labels_are_compared_folded():
    assert score("on(apple, dining table)", TABLE, thing("Apple|1", inside="DiningTable|1")) == (
        1,
        1,
    )


def test_same_term_is_the_same_object():
    warm = thing("Apple|1", inside="Fridge|1")
    cold = thing("Apple|2", temperature="Cold")
    assert score("in(apple, fridge) and cold(apple)", FRIDGE, warm, cold) == (1, 2)
    assert score("in(apple, fridge) and cold(apple#2)", FRIDGE, warm, cold) == (2, 2)


def test_counts_ask_for_different_objects():
    one = thing("Mug|1", inside="DiningTable|1")
    two = thing("Mug|2", inside="DiningTable|1")
    assert score("2 on(mug, diningtable)", TABLE, one) == (1, 2)
    assert score("2 on(mug, diningtable)", TABLE, one, two) == (2, 2)


def test_piece_counts_as_its_whole_and_as_sliced():
    piece = thing("Apple|1|AppleSliced_0", objectType="AppleSliced", inside="Fridge|1")
    assert score("sliced(apple) and in(apple, fridge)", FRIDGE, piece) == (2, 2)


@pytest.mark.parametrize(
    ("goal", "state"),
    [
        ("dirty(mug)", {"isDirty": True}),
        ("clean(mug)", {"isDirty": False}),
        ("sliced(mug)", {"isSliced": True}),
        ("cooked(mug)", {"isCooked": True}),
        ("hot(mug)", {"temperature": "Hot"}),
        ("cold(mug)", {"temperature": "Cold"}),
        ("filled(mug)", {"canFillWithLiquid": True, "isFilledWithLiquid": True}),
        ("empty(mug)", {"canFillWithLiquid": True}),
        ("empty(mug)", {"receptacle": True, "receptacleObjectIds": []}),
        ("open(mug)", {"openable": True, "isOpen": True}),
        ("closed(mug)", {"openable": True}),
        ("on(mug)", {"toggleable": True, "isToggled": True}),
        ("off(mug)", {"toggleable": True}),
        ("broken(mug)", {"isBroken": True}),
        ("held(mug)", {"isPickedUp": True}),
    ],
)
def test_each_state_is_read_from_its_field(goal: str, state: dict[str, Any]):
    assert score(goal, thing("Mug|1", **state)) == (1, 1)


@pytest.mark.parametrize("goal", ["open(mug)", "closed(mug)", "on(mug)", "off(mug)", "empty(mug)"])
def test_state_that_an_object_cannot_have_never_holds(goal: str):
    assert score(goal, thing("Mug|1")) == (0, 1)


def test_goal_about_what_is_not_there_is_not_met():
    assert score("in(unicorn, fridge) and open(fridge)", FRIDGE | {"isOpen": True}) == (1, 2)
