"""Houses are read as written, older spellings too, and each fault is one clear sentence."""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from embodied_mem.backends.household.house import (
    dump_house,
    hole_corners,
    house_from_json,
    load_houses,
    wall_line,
    write_houses,
)
from embodied_mem.backends.household.schema import House, walk
from embodied_mem.backends.household.shell import build_shell
from embodied_mem.errors import HouseError

SHARED = Path(os.environ.get("EMBODIED_MEM_SHARED", Path(__file__).parents[4] / "shared"))
REAL = SHARED / "data" / "procthor" / "houses_20.jsonl.gz"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"no ProcTHOR houses at {REAL}")


def point(x: float, y: float = 0.0, z: float = 0.0) -> dict[str, float]:
    return {"x": x, "y": y, "z": z}


def wall(name: str, room: str, start: tuple[float, float], end: tuple[float, float]) -> dict:
    corners = [point(start[0], y, start[1]) for y in (0, 2.5)] + [
        point(end[0], y, end[1]) for y in (0, 2.5)
    ]
    low, high = corners[::2], corners[1::2]
    return {"id": name, "roomId": room, "polygon": low + high, "material": {"name": "PureWhite"}}


def two_rooms() -> dict[str, Any]:
    """Rooms of 3 x 3 m side by side, with a door between them and a mug on a table."""
    corners = {"room|2": ((0, 0), (3, 3)), "room|3": ((3, 0), (6, 3))}
    rooms, walls = [], []
    for room, ((x0, z0), (x1, z1)) in corners.items():
        ring = [(x0, z0), (x1, z0), (x1, z1), (x0, z1)]
        rooms.append(
            {
                "id": room,
                "roomType": "Kitchen",
                "floorPolygon": [point(x, 0, z) for x, z in ring],
                "floorMaterial": {"name": "Wood"},
            }
        )
        walls += [wall(f"wall|{room}|{k}", room, ring[k], ring[(k + 1) % 4]) for k in range(4)]
    return {
        "rooms": rooms,
        "walls": walls,
        "doors": [
            {
                "id": "door|2|3", "room0": "room|2", "room1": "room|3",
                "wall0": "wall|room|2|1", "wall1": "wall|room|3|3", "assetId": "Doorway_1",
                "holePolygon": [point(0.2), point(1.2, 2.1)], "openable": True, "openness": 1,
            }
        ],
        "windows": [],
        "objects": [
            {
                "id": "DiningTable|2|0", "assetId": "Dining_Table_1", "position": point(1, 0.4, 1),
                "rotation": point(0, 90, 0), "kinematic": True,
                "children": [{"id": "Mug|2|1", "assetId": "Mug_1", "position": point(1, 0.8, 1)}],
            }
        ],
        "metadata": {"schema": "1.0.0"},
        "proceduralParameters": {"skyboxId": "SkyAlbany"},
    }  # fmt: skip


def message(data: object) -> str:
    with pytest.raises(HouseError) as caught:
        house_from_json(data)  # type: ignore[arg-type]
    return str(caught.value)


def broken(change: Callable[[dict[str, Any]], object]) -> str:
    data = two_rooms()
    change(data)
    return message(data)


def test_a_house_is_read_as_it_is_written() -> None:
    house = house_from_json(two_rooms())
    assert house_from_json(dump_house(house)) == house
    assert [item.id for item, _ in walk(house.objects)] == ["DiningTable|2|0", "Mug|2|1"]
    assert [parent and parent.id for _, parent in walk(house.objects)] == [None, "DiningTable|2|0"]


def test_fields_of_other_programs_are_tolerated() -> None:
    data = two_rooms()
    data["rooms"][0]["colour"] = data["objects"][0]["mood"] = data["extra"] = {"a": [1]}
    assert house_from_json(data).rooms[0].id == "room|2"


def test_corners_of_a_wall_come_in_any_order() -> None:
    data = two_rooms()
    for item in data["walls"]:
        low0, low1, high0, high1 = item["polygon"]
        item["polygon"] = [high1, low0, high0, low1]
    rewritten, plain = house_from_json(data), house_from_json(two_rooms())
    for a, b in zip(rewritten.walls, plain.walls, strict=True):
        assert wall_line(a)[0].tolist() == wall_line(b)[0].tolist()
    assert len(build_shell(rewritten).obstacles) == len(build_shell(plain).obstacles)


def test_older_spellings_are_understood() -> None:
    data = two_rooms()
    door = data["doors"][0]
    corners = door.pop("holePolygon")
    door["boundingBox"] = {"min": corners[0], "max": corners[1]}
    del door["openness"]
    data["rooms"][0]["floorMaterial"] = "DarkWood"
    del data["metadata"]
    house = house_from_json(data)
    assert hole_corners(house.doors[0]) == ((0.2, 0.0), (1.2, 2.1))
    assert house.doors[0].openness is None
    assert house.rooms[0].floorMaterial.name == "DarkWood"
    assert house.metadata.agent is None


def test_what_is_not_a_house_is_said_in_one_sentence() -> None:
    assert message(b"{") == snapshot("this is not JSON: Input data was truncated.")
    assert message(b"\xff\xfe") == snapshot(
        "this is not JSON: JSON is malformed: invalid character (byte 0)."
    )
    assert message([1, 2]) == snapshot("a house must be a JSON object, got list.")
    assert message({}) == snapshot(
        "this is not a ProcTHOR house: Object missing required field `rooms`."
    )
    assert broken(lambda d: d["objects"][0]["position"].update(x="far")) == snapshot(
        "this is not a ProcTHOR house: Expected `float`, got `str` - at `$.objects[0].position.x`."
    )
    assert broken(lambda d: d["doors"][0].pop("wall0")) == snapshot(
        "this is not a ProcTHOR house: Object missing required field `wall0` - at `$.doors[0]`."
    )
    assert broken(lambda d: d.update(rooms=[])) == snapshot(
        "a house needs at least one room, got none."
    )
    assert broken(lambda d: d.update(walls=7)) == snapshot(
        "this is not a ProcTHOR house: Expected `array`, got `int` - at `$.walls`."
    )


def test_a_house_that_cannot_be_built_is_refused_in_one_sentence() -> None:
    nan = float("nan")
    floor = lambda d: d["rooms"][0]["floorPolygon"]  # noqa: E731
    assert broken(lambda d: d["metadata"].update(schema="2.0.0")) == snapshot(
        "schema 2.0.0 is not supported: this release reads schema 1.x and 0.x."
    )
    assert broken(lambda d: floor(d).__delitem__(slice(2, None))) == snapshot(
        "the floor of room 'room|2' needs 3 corners, got 2."
    )
    assert broken(lambda d: floor(d).__setitem__(slice(0, 2), floor(d)[1::-1])) == snapshot(
        "the floor of room 'room|2' crosses itself: its edges 1 and 3 (counted from 0) intersect."
    )
    assert broken(lambda d: floor(d)[0].update(x=nan)) == snapshot(
        "room 'room|2' has a coordinate that is not a number: (nan, 0, 0)."
    )
    assert broken(lambda d: [p.update(z=0) for p in floor(d)]) == snapshot(
        "the floor of room 'room|2' needs 3 corners, got 2."
    )
    assert broken(lambda d: d["rooms"].append(d["rooms"][0])) == snapshot(
        "two rooms have the id 'room|2'. Ids must be unique."
    )
    assert broken(lambda d: d["objects"].append(d["objects"][0])) == snapshot(
        "two objects have the id 'DiningTable|2|0'. Ids must be unique."
    )
    assert broken(lambda d: d["objects"][0]["children"][0].update(id="DiningTable|2|0")) == (
        snapshot("two objects have the id 'DiningTable|2|0'. Ids must be unique.")
    )
    assert broken(lambda d: d["walls"][0]["polygon"].pop()) == snapshot(
        "wall 'wall|room|2|0' needs 4 corners, got 3."
    )
    assert broken(lambda d: d["walls"][0]["polygon"][0].update(x=1.5)) == snapshot(
        "wall 'wall|room|2|0' is not a vertical rectangle."
    )
    assert broken(lambda d: d["doors"][0].update(wall0="wall|9")) == snapshot(
        "door 'door|2|3' is in wall 'wall|9', which does not exist."
    )
    assert broken(lambda d: d["doors"][0].update(holePolygon=[point(0)])) == snapshot(
        "door 'door|2|3' needs 2 corners of its hole, got 1."
    )
    assert broken(lambda d: d["doors"][0].update(holePolygon=[point(0)] * 2)) == snapshot(
        "the hole of door 'door|2|3' has no area."
    )
    assert broken(lambda d: [p.update(x=p["x"] + 9) for p in d["doors"][0]["holePolygon"]]) == (
        snapshot(
            "the hole of door 'door|2|3' lies outside its wall: 9.20..10.20 m along a wall of "
            "3.00 m."
        )
    )
    assert broken(lambda d: d["objects"][0]["position"].update(y=nan)) == snapshot(
        "object 'DiningTable|2|0' has a coordinate that is not a number: (1, nan, 1)."
    )
    assert broken(lambda d: d["objects"][0].update(size=point(1, 0, 1))) == snapshot(
        "object 'DiningTable|2|0' must have a positive size, got (1, 0, 1)."
    )
    assert broken(lambda d: d["metadata"].update(agent={"position": point(nan)})) == snapshot(
        "the agent has a coordinate that is not a number: (nan, 0, 0)."
    )


def test_files_name_themselves_and_the_line(tmp_path: Path) -> None:
    good = json.dumps(two_rooms())

    def fault(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(HouseError) as caught:
            list(load_houses(path))
        return str(caught.value).replace(str(tmp_path), "DIR")

    packed = gzip.compress(f"{good}\n{good}\n".encode())
    assert fault("a.jsonl", f"{good}\n\n{{]\n".encode()) == snapshot(
        "DIR/a.jsonl, line 3: this is not JSON: JSON is malformed: object keys must be strings "
        "(byte 1)."
    )
    assert fault("a.json", b'[{"rooms": []}]') == snapshot(
        "DIR/a.json, house 0: this is not a ProcTHOR house: Object missing required field `walls`."
    )
    assert fault("b.json", b"[") == snapshot(
        "DIR/b.json: this is not JSON: Input data was truncated."
    )
    assert fault("cut.jsonl.gz", packed[:-20]) == snapshot(
        "DIR/cut.jsonl.gz, line 2: the gzip data is damaged or cut off."
    )
    assert fault("plain.jsonl.gz", good.encode()) == snapshot(
        "DIR/plain.jsonl.gz, line 1: the gzip data is damaged or cut off."
    )
    assert fault("house.txt", b"") == snapshot(
        "DIR/house.txt is neither .json nor .jsonl, nor either of them with .gz."
    )
    with pytest.raises(HouseError) as caught:
        list(load_houses(tmp_path / "none.json"))
    assert str(caught.value).replace(str(tmp_path), "DIR") == snapshot(
        "there is no house file DIR/none.json."
    )


def test_houses_before_a_fault_are_read(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl"
    path.write_text(f"{json.dumps(two_rooms())}\nnonsense\n")
    houses = load_houses(path)
    assert next(houses).rooms[0].id == "room|2"
    with pytest.raises(HouseError):
        next(houses)


@pytest.mark.parametrize("name", ["houses.jsonl", "houses.jsonl.gz"])
def test_written_houses_are_read_back_and_their_bytes_repeat(tmp_path: Path, name: str) -> None:
    houses = [house_from_json(two_rooms())] * 3
    assert write_houses(tmp_path / name, houses) == 3
    before = (tmp_path / name).read_bytes()
    assert list(load_houses(tmp_path / name)) == houses
    write_houses(tmp_path / name, houses)
    assert (tmp_path / name).read_bytes() == before


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "houses.jsonl.gz"
    house = house_from_json(two_rooms())
    write_houses(path, [house])

    def failing() -> Iterator[House]:
        yield house
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_houses(path, failing())
    assert list(load_houses(path)) == [house]
    assert [p.name for p in tmp_path.iterdir()] == ["houses.jsonl.gz"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(HouseError, match="cannot write houses to"):
        write_houses(tmp_path / "nowhere" / "houses.jsonl", [])
    with pytest.raises(HouseError, match="houses are written to"):
        write_houses(tmp_path / "houses.json", [])


@needs_real
def test_all_real_houses_load_and_survive_a_round_trip() -> None:
    houses = list(load_houses(REAL))
    assert len(houses) == 20
    for house in houses:
        assert house_from_json(dump_house(house)) == house
