"""A house file may come from anywhere: it is bounded before anything is built."""

import gzip
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kitchen import kitchen_json

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.house import house_from_json, load_houses
from embodied_mem.backends.household.server.wire import read_action
from embodied_mem.errors import BackendError, HouseError

Edit = Callable[[dict[str, Any]], object]


def refusal(edit: Edit) -> str:
    house = kitchen_json()
    edit(house)
    with pytest.raises(HouseError) as error:
        house_from_json(json.dumps(house))
    assert len(str(error.value)) < 400
    return str(error.value)


def many(part: str, count: int) -> Edit:
    def edit(house: dict[str, Any]) -> None:
        first = dict(house[part][0], children=[])
        house[part] += [dict(first, id=f"more|{i}") for i in range(count)]

    return edit


def circle(count: int) -> list[dict[str, float]]:
    turns = [2 * math.pi * i / count for i in range(count)]
    return [{"x": 3 + 3 * math.cos(t), "y": 0, "z": 3 + 3 * math.sin(t)} for t in turns]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (many("objects", 6000), "5000 objects"),
        (many("walls", 6000), "4000 walls"),
        (many("rooms", 300), "200 rooms"),
        (lambda h: h["rooms"][0].update(floorPolygon=circle(4000)), "256 corners"),
        (lambda h: h["objects"][0]["position"].update(x=1e300), "farther than 1000 m"),
        (lambda h: h["objects"][0].update(size={"x": 1e9, "y": 1, "z": 1}), "farther than 1000 m"),
        (lambda h: h["rooms"][0]["floorPolygon"][0].update(x=-1e6), "farther than 1000 m"),
        (lambda h: h["objects"][0]["rotation"].update(y=1e300), "beyond 3600 degrees"),
        (lambda h: h["metadata"]["agent"].update(horizon=1e308), "beyond 3600 degrees"),
        (lambda h: h["metadata"]["agent"]["position"].update(x=1e8), "farther than 1000 m"),
        (lambda h: h["objects"][0].update(assetId="A" * 10**6), "400 characters"),
        (lambda h: h["objects"][0].update(id="A" * 10**6), "400 characters"),
    ],
)
def test_absurd_counts_sizes_and_names_are_refused(edit: Edit, words: str):
    assert words in refusal(edit)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_are_none_are_refused(number: str):
    text = json.dumps(kitchen_json()).replace("0.5,", f"{number},", 1)
    assert number[:4] in text
    with pytest.raises(HouseError):
        house_from_json(text)


@pytest.mark.parametrize("key", ["proceduralParameters", "objects", "unknown"])
def test_deep_nesting_is_refused(key: str):
    house = json.dumps(kitchen_json())[:-1] + f', "{key}": ' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(HouseError):
        house_from_json(house)


@pytest.mark.parametrize(
    "asset", ["../../../etc/passwd_1", "/dev/zero", "Fridge_" + "9" * 390, "\x00"]
)
def test_a_name_of_an_asset_is_never_a_path(asset: str, tmp_path: Path):
    house = kitchen_json()
    house["objects"][0]["assetId"] = asset
    house["rooms"][0]["floorMaterial"] = {"name": "../../../etc/passwd"}
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple) -> None:
        if watching and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    try:
        with HouseholdSim(house=house_from_json(json.dumps(house))) as sim:
            assert sim.reset().frame is not None
    finally:
        watching = False
    assert not [path for path in opened if "passwd" in path or "/dev/" in path]


def test_a_gzip_bomb_is_refused_before_it_fills_memory(tmp_path: Path):
    bomb = tmp_path / "bomb.jsonl.gz"
    bomb.write_bytes(gzip.compress(b"[" * 2**20, 9) * 400)
    code = (
        "import resource, sys\n"
        "from embodied_mem.backends.household.house import load_houses\n"
        "from embodied_mem.errors import HouseError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    list(load_houses(sys.argv[1]))\n"
        "except HouseError as error:\n    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bomb)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    words, megabytes = done.stdout.splitlines()
    assert "longer than 33554432 bytes" in words
    assert int(megabytes) < 200


def test_a_pipe_or_a_device_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("pipe.json", "zero.json"):
        with pytest.raises(HouseError, match="no regular file"):
            list(load_houses(tmp_path / name))


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"a":' * 200_000, b"null", b"\xff"])
def test_an_action_that_is_none_is_refused(text: bytes):
    with pytest.raises(BackendError):
        read_action(text)
