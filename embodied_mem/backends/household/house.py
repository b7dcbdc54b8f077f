"""Reads, checks and writes houses in ProcTHOR's JSON schema 1.0.0; see `schema` for the types.

Older spellings are brought to the present one: materials given as bare names, doors with a
`boundingBox` instead of a `holePolygon`, corners of walls in any order.
"""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from embodied_mem.backends.household import polygons
from embodied_mem.backends.household.limits import (
    FILE_BYTES,
    HOUSE_BYTES,
    check_limits,
    line_at_most,
    read_at_most,
    require_regular,
)
from embodied_mem.backends.household.schema import (
    Door,
    House,
    Opening,
    Room,
    Vector3,
    Wall,
    Window,
    walk,
)
from embodied_mem.errors import HouseError


def house_from_json(data: bytes | str | Mapping[str, Any]) -> House:
    """Build a house from JSON text or from decoded JSON, and check it.

    Raises:
        HouseError: Not JSON, not the schema (the message names the path), or not a sound house.
    """
    if isinstance(data, bytes | str):
        try:
            data = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HouseError(f"this is not JSON: {error}.") from error
        except RecursionError as error:
            raise HouseError("this JSON is nested too deeply.") from error
    if not isinstance(data, Mapping):
        raise HouseError(f"a house must be a JSON object, got {type(data).__name__}.")
    try:
        house = msgspec.convert(_modernised(data), House)
    except msgspec.ValidationError as error:
        raise HouseError(f"this is not a ProcTHOR house: {error}.") from error
    except RecursionError as error:
        raise HouseError("this house is nested too deeply.") from error
    check_limits(house)
    check_house(house)
    return house


def load_houses(path: str | Path) -> Iterator[House]:
    """Read houses one after the other from `.json`, `.jsonl`, or either with `.gz`.

    A `.json` file holds one house or a list of houses; `.jsonl` holds one house per line.

    Raises:
        HouseError: Names the file, and the line or the index of the house.
    """
    path = Path(path)
    compressed = path.suffix.lower() == ".gz"
    kind = (path.with_suffix("") if compressed else path).suffix.lower()
    if kind not in (".json", ".jsonl"):
        raise HouseError(f"{path} is neither .json nor .jsonl, nor either of them with .gz.")
    try:
        require_regular(path)
        with _open(path, compressed=compressed) as file:
            yield from _read_lines(file, path) if kind == ".jsonl" else _read_whole(file, path)
    except FileNotFoundError as error:
        raise HouseError(f"there is no house file {path}.") from error
    except OSError as error:
        raise HouseError(f"cannot read house file {path}: {error}.") from error


def dump_house(house: House) -> bytes:
    """Write a house as one line of JSON; `house_from_json` reads it back equal."""
    return msgspec.json.encode(house)


def write_houses(path: str | Path, houses: Iterable[House]) -> int:
    """Write a `.jsonl` or `.jsonl.gz` file, complete or not at all, with bytes that repeat.

    Returns:
        The number of houses.
    """
    path = Path(path)
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        raise HouseError(f"houses are written to .jsonl or .jsonl.gz, got {path}.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    count = 0
    try:
        with unfinished.open("wb") as raw:
            file: Any = (
                gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
            )
            for count, house in enumerate(houses, start=1):  # noqa: B007 - the last count is returned.
                file.write(dump_house(house) + b"\n")
            if file is not raw:
                file.close()
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise HouseError(f"cannot write houses to {path}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _open(path: Path, *, compressed: bool) -> BinaryIO:
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


def _read_lines(file: BinaryIO, path: Path) -> Iterator[House]:
    number = 0
    while True:
        number += 1
        try:
            line = line_at_most(file, HOUSE_BYTES, f"{path}, line {number}")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HouseError(
                f"{path}, line {number}: the gzip data is damaged or cut off."
            ) from error
        if not line:
            return
        if line.strip():
            try:
                yield house_from_json(line)
            except HouseError as error:
                raise HouseError(f"{path}, line {number}: {error}") from error


def _read_whole(file: BinaryIO, path: Path) -> Iterator[House]:
    try:
        found = msgspec.json.decode(read_at_most(file, FILE_BYTES, str(path)))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HouseError(f"{path}: the gzip data is damaged or cut off.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HouseError(f"{path}: this is not JSON: {error}.") from error
    except RecursionError as error:
        raise HouseError(f"{path}: this JSON is nested too deeply.") from error
    for index, data in enumerate(found if isinstance(found, list) else [found]):
        try:
            yield house_from_json(data)
        except HouseError as error:
            place = f"{path}, house {index}" if isinstance(found, list) else f"{path}"
            raise HouseError(f"{place}: {error}") from error


def _modernised(data: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the spellings of older files to schema 1.0.0, leaving what is wrong as it is."""
    house = dict(data)
    parts: dict[str, list[dict[str, Any]]] = {}
    for key in ("rooms", "walls", "doors", "windows"):
        if isinstance(house.get(key), list):
            house[key] = [dict(i) if isinstance(i, Mapping) else i for i in house[key]]
            parts[key] = [item for item in house[key] if isinstance(item, dict)]
    for key, material in (("rooms", "floorMaterial"), ("walls", "material")):
        for item in parts.get(key, ()):
            if isinstance(item.get(material), str):
                item[material] = {"name": item[material], "color": item.get("color")}
    for key in ("doors", "windows"):
        for item in parts.get(key, ()):
            if "holePolygon" not in item:
                box = item.get("boundingBox")
                if isinstance(box, Mapping) and "min" in box and "max" in box:
                    item["holePolygon"] = [box["min"], box["max"]]
    return house


def check_house(house: House) -> None:
    """See that a house can be built.

    Raises:
        HouseError: One sentence that names the part and what is wrong with it.
    """
    version = house.metadata.schema
    if version.split(".")[0] not in ("0", "1"):
        raise HouseError(
            f"schema {version} is not supported: this release reads schema 1.x and 0.x."
        )
    if not house.rooms:
        raise HouseError("a house needs at least one room, got none.")
    _check_unique("room", [room.id for room in house.rooms])
    _check_unique("wall", [wall.id for wall in house.walls])
    _check_unique("door", [door.id for door in house.doors])
    _check_unique("window", [window.id for window in house.windows])
    _check_unique("object", [item.id for item, _ in walk(house.objects)])
    for room in house.rooms:
        _check_room(room)
    walls = {wall.id: wall for wall in house.walls}
    for wall in house.walls:
        _check_wall(wall)
    for opening in (*house.doors, *house.windows):
        _check_opening(opening, walls)
    for item, _ in walk(house.objects):
        _check_finite(f"object '{item.id}'", item.position, item.rotation, item.size)
        if item.size is not None and min(item.size.x, item.size.y, item.size.z) <= 0:
            raise HouseError(
                f"object '{item.id}' must have a positive size, got {_show(item.size)}."
            )
    if house.metadata.agent is not None:
        _check_finite("the agent", house.metadata.agent.position, house.metadata.agent.rotation)


def _show(point: Vector3) -> str:
    return f"({point.x:g}, {point.y:g}, {point.z:g})"


def _check_unique(kind: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise HouseError(f"two {kind}s have the id '{name}'. Ids must be unique.")
        seen.add(name)


def _check_finite(what: str, *points: Vector3 | None) -> None:
    for point in points:
        if point is not None and not np.isfinite((point.x, point.y, point.z)).all():
            raise HouseError(f"{what} has a coordinate that is not a number: {_show(point)}.")


def _check_room(room: Room) -> None:
    _check_finite(f"room '{room.id}'", *room.floorPolygon)
    corners = np.array([(p.x, p.z) for p in room.floorPolygon]).reshape(-1, 2)
    corners = polygons.without_repeats(corners)
    if len(corners) < 3:
        raise HouseError(f"the floor of room '{room.id}' needs 3 corners, got {len(corners)}.")
    edges = polygons.crossing(corners)
    if edges is not None:
        raise HouseError(
            f"the floor of room '{room.id}' crosses itself: its edges {edges[0]} and {edges[1]} "
            "(counted from 0) intersect."
        )
    if abs(polygons.signed_area(corners)) < 1e-3:
        raise HouseError(f"the floor of room '{room.id}' has no area.")


def _check_wall(wall: Wall) -> None:
    _check_finite(f"wall '{wall.id}'", *wall.polygon)
    if len(wall.polygon) != 4:
        raise HouseError(f"wall '{wall.id}' needs 4 corners, got {len(wall.polygon)}.")
    plan = {(round(p.x, 3), round(p.z, 3)) for p in wall.polygon}
    heights = sorted(p.y for p in wall.polygon)
    if len(plan) != 2 or heights[2] - heights[1] < 1e-3:
        raise HouseError(f"wall '{wall.id}' is not a vertical rectangle.")


def _check_opening(opening: Opening, walls: Mapping[str, Wall]) -> None:
    kind = "door" if isinstance(opening, Door) else "window" if isinstance(opening, Window) else ""
    what = f"{kind} '{opening.id}'"
    for name in (opening.wall0, opening.wall1):
        if name is not None and name not in walls:
            raise HouseError(f"{what} is in wall '{name}', which does not exist.")
    _check_finite(what, *opening.holePolygon)
    if len(opening.holePolygon) < 2:
        raise HouseError(f"{what} needs 2 corners of its hole, got {len(opening.holePolygon)}.")
    low, high = hole_corners(opening)
    if high[0] - low[0] < 0.05 or high[1] - low[1] < 0.05:
        raise HouseError(f"the hole of {what} has no area.")
    _, length = wall_line(walls[opening.wall0])
    if high[0] < 0 or low[0] > length:
        raise HouseError(
            f"the hole of {what} lies outside its wall: {low[0]:.2f}..{high[0]:.2f} m along "
            f"a wall of {length:.2f} m."
        )


def hole_corners(opening: Opening) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lowest and highest (along wall0, up) corner of an opening [m]."""
    along = [p.x for p in opening.holePolygon]
    up = [p.y for p in opening.holePolygon]
    return (min(along), min(up)), (max(along), max(up))


def wall_line(wall: Wall) -> tuple[np.ndarray, float]:
    """Foot of a wall and its length [m].

    The foot runs from the first to the second of the two lowest corners in the order of the file,
    whatever that order is; holes are measured from its start (AI2-THOR sorts corners by height,
    keeping their order).

    Returns:
        ((start, end) x (x, z), length).
    """
    low = sorted(wall.polygon, key=lambda p: p.y)[:2]
    foot = np.array([(p.x, p.z) for p in low])
    return foot, float(np.linalg.norm(foot[1] - foot[0]))
