import logging
import os
from math import hypot
from pathlib import Path

import pytest
from kitchen import kitchen, kitchen_json

from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.doors import mirrored
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.house import house_from_json, load_houses
from embodied_mem.backends.household.poses import part_box, to_local, to_world
from embodied_mem.backends.household.spawning import object_id
from embodied_mem.backends.household.world import World

SHARED = Path(os.environ.get("EMBODIED_MEM_SHARED", Path(__file__).parents[4] / "shared"))
PROCTHOR = SHARED / "data" / "procthor"
needs_shared = pytest.mark.skipif(
    not PROCTHOR.exists(), reason=f"ProcTHOR's houses are not at {PROCTHOR}"
)


def test_ids_begin_with_their_type():
    assert object_id("Bed", "4|0|0") == "Bed|4|0|0"
    assert object_id("Fork", "small|6|0") == "Fork|small|6|0"
    assert object_id("Fridge", "Fridge|2|1") == "Fridge|2|1"


def test_every_object_of_the_house_is_there_once():
    world = World(kitchen())
    assert len(world.by_number) == len(world.objects) == 43
    assert {item.object_id for item in world.by_number.values()} == set(world.objects)
    assert min(world.by_number) == 1
    assert world.objects["Mug|1"].parent == "DiningTable|1"
    assert "Mug|1" in world.objects["DiningTable|1"].children
    assert world.objects["Faucet|1"].parent is None


def test_sizes_come_from_the_database_then_the_house_then_the_type(tmp_path: Path):
    data = kitchen_json()
    mug = data["objects"][3]["children"][0]
    assert mug["objectType"] == "Mug"
    by_type = World(house_from_json(data)).objects["Mug|1"].size
    mug["size"] = {"x": 0.1, "y": 0.2, "z": 0.1}
    assert World(house_from_json(data)).objects["Mug|1"].size == (0.1, 0.2, 0.1) != by_type
    path = tmp_path / "assets.json"
    path.write_text(
        '{"Mug": [{"assetId": "Mug_1", "objectType": "Mug", "primaryProperty": "CanPickup", '
        '"boundingBox": {"x": 0.11, "y": 0.12, "z": 0.13}, "secondaryProperties": []}]}'
    )
    world = World(house_from_json(data), assets=AssetDatabase.load(path))
    assert world.objects["Mug|1"].size == (0.11, 0.12, 0.13)


def test_unknown_assets_are_approximated_with_one_warning(caplog: pytest.LogCaptureFixture):
    data = kitchen_json()
    data["objects"][0]["assetId"] = "RoboTHOR_fridge_x"
    del data["objects"][0]["objectType"]
    with caplog.at_level(logging.WARNING):
        world = World(house_from_json(data))
    assert world.objects["Fridge|1"].type_name == "Fridge"
    (record,) = [r for r in caplog.records if r.name.endswith("spawning")]
    assert "RoboTHOR_fridge_x as Fridge" in record.getMessage()


def test_the_agent_starts_at_a_free_spot_near_the_given_one():
    data = kitchen_json()
    data["metadata"]["agent"]["position"] = {"x": 3.5, "y": 0.9, "z": 2.8}  # In the table.
    world = World(house_from_json(data))
    start = world.start_pose(0.25)
    assert world.stands_free(start.x, start.z)
    assert hypot(start.x - 3.5, start.z - 2.8) < 1.3
    del data["metadata"]["agent"]
    world = World(house_from_json(data))
    start = world.start_pose(0.25)
    assert world.stands_free(start.x, start.z)


def test_a_frame_of_an_object_maps_there_and_back():
    point = (0.3, -0.2, 1.4)
    assert to_local(to_world(point, (1, 2, 3), 130.0), (1, 2, 3), 130.0) == pytest.approx(point)
    assert to_world((0, 0, 1), (0, 0, 0), 90.0) == pytest.approx((1, 0, 0))  # Front turns to +x.


def test_furniture_that_moves_takes_its_obstacle_along():
    world = World(kitchen())
    box = world.objects["Box|1"]
    assert not world.collision.is_free(2.0, 0.5)
    world.move(box, (5.0, box.position[1], 4.0))
    assert world.collision.is_free(2.0, 0.6)
    assert not world.collision.is_free(5.0, 4.0)
    world.remove(box)
    assert world.collision.is_free(5.0, 4.0)


def test_an_open_door_stands_in_the_way_and_a_closed_one_does_not():
    world = World(kitchen())
    fridge = world.objects["Fridge|1"]
    front = [(0.15 + 0.1 * i, 5.55 - 0.36 - 0.1 * j) for i in range(12) for j in range(2, 9)]
    closed = [world.collision.is_free(x, z, 0.05) for x, z in front]
    world.set_openness(fridge, 1.0)
    opened = [world.collision.is_free(x, z, 0.05) for x, z in front]
    assert sum(opened) < sum(closed)


def test_a_mirrored_door_swings_to_the_same_side():
    world = World(generate_house(4, GeneratorConfig(rooms=3)))
    door = next(item for item in world.objects.values() if item.type_name == "Doorway")
    for part, twin in zip(door.body.parts, mirrored(door.body).parts, strict=True):
        (x, y, z), _, _ = part_box(part, 1.0)
        (tx, ty, tz), _, _ = part_box(twin, 1.0)
        assert (tx, ty, tz) == pytest.approx((-x, y, z))


def test_only_what_changed_is_drawn_anew():
    world = World(kitchen())
    before = {item.number: item for item in world.draw_items()}
    mug = world.objects["Mug|1"]
    world.move(mug, (3.0, 1.0, 3.0))
    changed = [i.number for i in world.draw_items() if i is not before[i.number]]
    assert changed == [mug.number]


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("database", ["asset-database.json", ""])
def test_real_houses_are_built(database: str, caplog: pytest.LogCaptureFixture):
    assets = AssetDatabase.load(PROCTHOR / database) if database else None
    count = 0
    for house in load_houses(PROCTHOR / "houses_20.jsonl.gz"):
        world = World(house, assets=assets)
        start = world.start_pose(0.25)
        assert world.stands_free(start.x, start.z)
        resting = [i for i in world.objects.values() if i.parent is not None]
        assert all(i.object_id in world.objects[str(i.parent)].children for i in resting)
        count += 1
    assert count == 20
    assert bool(caplog.records) != bool(database)
