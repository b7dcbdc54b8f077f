"""The catalogue of object types agrees with AI2-THOR's own data, and its parts with one another."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from embodied_mem.backends.household import catalog
from embodied_mem.backends.household.catalog import AssetDatabase, can_hold, infer_type, object_type
from embodied_mem.errors import HouseError

SHARED = Path(os.environ.get("EMBODIED_MEM_SHARED", Path(__file__).parents[4] / "shared"))
DATABASE = SHARED / "data" / "procthor" / "asset-database.json"
HOUSES = SHARED / "data" / "procthor" / "houses_20.jsonl.gz"
needs_database = pytest.mark.skipif(not DATABASE.exists(), reason=f"no {DATABASE}")
needs_houses = pytest.mark.skipif(not HOUSES.exists(), reason=f"no {HOUSES}")

TYPES = catalog.object_types()


def test_there_are_at_least_95_types_with_sane_numbers():
    assert len(TYPES) >= 95
    for name, kind in TYPES.items():
        assert kind.name == name
        assert all(0.002 < side < 3.5 for side in kind.size), name
        assert 0 < kind.mass < 200, name
        assert all(0 <= weight <= 1 for weight in (*kind.rooms.values(), *kind.found_on.values()))


def test_receptacles_are_types_that_hold_things():
    for kind in TYPES.values():
        for receptacle in kind.receptacles:
            assert TYPES[receptacle].has("receptacle"), f"{kind.name} on {receptacle}"


def test_things_are_found_only_where_they_may_be_put():
    for kind in TYPES.values():
        for place in kind.found_on:
            assert place in ("Floor", "Wall") or can_hold(place, kind.name), f"{kind.name}: {place}"


def test_whatever_can_be_picked_up_can_be_put_down():
    for kind in TYPES.values():
        assert kind.primary != "CanPickup" or kind.receptacles or kind.name == "Footstool"


@pytest.mark.parametrize(
    ("receptacle", "child"),
    [
        ("DiningTable", "Apple"),
        ("Bed", "Book"),
        ("ArmChair", "Pillow"),
        ("TVStand", "RemoteControl"),
        ("Drawer", "Fork"),
        ("Mug", "Spoon"),
        ("Pan", "Egg"),
        ("Drawer", "ToiletPaper"),
        ("CoffeeMachine", "Mug"),
        ("Toaster", "BreadSliced"),
        ("StoveBurner", "Pot"),
        ("Sink", "Faucet"),
    ],
)
def test_ordinary_places_are_allowed(receptacle: str, child: str):
    assert can_hold(receptacle, child)


@pytest.mark.parametrize(
    ("receptacle", "child"),
    [("Apple", "Mug"), ("Microwave", "Laptop"), ("ToiletPaperHanger", "Mug"), ("Fridge", "Book")],
)
def test_odd_places_are_refused(receptacle: str, child: str):
    assert not can_hold(receptacle, child)


def test_pairs_that_the_thor_client_lists_are_allowed():
    controller = pytest.importorskip("ai2thor.controller", reason="ai2thor is not installed")
    tops = ("DiningTable", "CoffeeTable", "SideTable", "Desk", "Dresser")
    groups = {"TableTop": tops, "Sink": ("Sink", "SinkBasin")}
    renamed = {"AppleSlice": "AppleSliced", "EggFried": "EggCracked"}
    for group, children in controller.RECEPTACLE_OBJECTS.items():
        for receptacle in groups.get(group, (group,)):
            for child in (renamed.get(str(c), str(c)) for c in children):
                if receptacle in TYPES and child in TYPES:
                    assert can_hold(receptacle, child), f"{child} on {receptacle}"


@pytest.mark.parametrize(
    ("asset_id", "type_name"),
    [
        ("Bed_16", "Bed"),
        ("RoboTHOR_basketball_rhode_island_novelty_v", "BasketBall"),
        ("Countertop_C_10x10", "CounterTop"),
        ("RoboTHOR_salt_pepper_shaker_bnyd_salt_v", "SaltShaker"),
        ("Hand_Towel_Holder1", "HandTowelHolder"),
        ("Doorway_Double_7", "Doorway"),
        ("Window_Hung_44x60", "Window"),
        ("bin_3", "GarbageCan"),
        ("my_blue_mugs_02", "Mug"),
        ("Mug", "Mug"),
        ("0a3dc72fb1bb41439005cac4a3ebb765", None),
        ("Xyzzy_1", None),
    ],
)
def test_types_are_read_from_asset_names(asset_id: str, type_name: str | None):
    assert infer_type(asset_id) == type_name


def test_unknown_types_are_plain_boxes_with_a_warning(caplog: pytest.LogCaptureFixture):
    assert object_type("Zeppelin").body == "plain"
    assert "no object type 'Zeppelin'" in caplog.text


@needs_database
def test_every_asset_of_the_database_has_its_type_and_a_readable_name():
    database = AssetDatabase.load(DATABASE)
    assert len(database) > 1600
    assert {asset.type_name for asset in database} <= set(TYPES)
    wrong = [a.asset_id for a in database if infer_type(a.asset_id) != a.type_name]
    assert len(wrong) <= 0.01 * len(database), wrong
    bed = database.find("Bed_16")
    assert bed is not None
    assert "receptacle" in bed.properties
    assert database.find("nothing") is None


def _relations(items: list[dict], parent: str | None = None) -> Iterator[tuple[str, str]]:
    for item in items:
        kind = infer_type(item["assetId"])
        assert kind is not None, item["assetId"]
        if parent is not None:
            yield parent, kind
        yield from _relations(item.get("children") or [], kind)


@needs_houses
def test_every_relation_of_real_houses_is_allowed():
    with gzip.open(HOUSES, "rt") as lines:
        pairs = {pair for line in lines for pair in _relations(json.loads(line)["objects"])}
    assert len(pairs) > 100
    assert [pair for pair in pairs if not can_hold(*pair)] == []


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        '{"Apple": [{"assetId": "Apple_1"}]}',
        '{"Apple": [{"assetId": "a", "objectType": "Apple",'
        ' "boundingBox": {"x": -1, "y": 1, "z": 1}}]}',
    ],
)
def test_malformed_databases_are_refused_with_their_name(tmp_path: Path, text: str):
    path = tmp_path / "assets.json"
    path.write_text(text)
    with pytest.raises(HouseError, match=r"assets\.json is malformed"):
        AssetDatabase.load(path)


def test_missing_databases_are_named(tmp_path: Path):
    with pytest.raises(HouseError, match="cannot read asset database"):
        AssetDatabase.load(tmp_path / "none.json")
