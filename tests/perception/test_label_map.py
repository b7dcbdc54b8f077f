"""What detectors say, in AI2-THOR's words and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.backends.household.catalog import object_types
from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from perception.label_map import (
    COCO,
    NO_CLASS,
    TYPES,
    called,
    label_of,
    type_of,
    vocabulary_in_words,
    words_of,
)


def test_coco_is_numbered_as_torchvisions_weights_are():
    ensure_torchvision()
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights  # noqa: PLC0415

    theirs = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    gone = ("N/A", "__background__")
    assert tuple(NO_CLASS if name in gone else name for name in theirs) == COCO


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("dining table", "DiningTable"),
        ("tv", "Television"),
        ("couch", "Sofa"),
        ("potted plant", "HousePlant"),
        ("refrigerator", "Fridge"),
        ("cell phone", "CellPhone"),
        ("remote", "RemoteControl"),
        ("clock", "AlarmClock"),
        ("teddy bear", "TeddyBear"),
        ("oven", "StoveBurner"),
        ("book", "Book"),
        ("cup", "Cup"),
        ("A Coffee  Table", "CoffeeTable"),
        ("armchair", "ArmChair"),
        ("TVStand", "TVStand"),
        ("zebra", "zebra"),
    ],
)
def test_words_become_types_where_there_is_one(text: str, label: str):
    assert label_of(text, {}) == label


def test_the_user_has_the_last_word():
    assert label_of("cup", {"cup": "Mug"}) == "Mug"
    assert label_of("The Cup", {"cup": "Mug"}) == "Mug"


def test_every_type_is_found_by_its_own_words_and_every_target_exists():
    for name in object_types():
        assert type_of(words_of(name)) == name
        assert type_of(name) == name
    assert set(TYPES.values()) <= set(object_types())
    assert not set(TYPES) & {words_of(name).lower() for name in object_types()}


def test_types_read_as_english():
    assert words_of("CoffeeTable") == "coffee table"
    assert words_of("TVStand") == "TV stand"
    assert words_of("CD") == "CD"
    assert words_of("BreadSliced") == "sliced bread"
    assert {"mug", "remote control", "floor lamp"} <= set(vocabulary_in_words())


def test_the_detectors_own_word_is_kept_where_the_label_does_not_tell_it():
    assert called("couch", "Sofa") == {"called": "couch"}
    assert called("dining table", "DiningTable") == {}
    assert called("a mug", "Mug") == {}


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_any_text_has_a_label(text: str):
    assert label_of(text, {}) in {text, *object_types()}
