"""Bounds on house files: they come from anywhere, and a simulator must not drown in one.

Far above what houses need: ProcTHOR's have about ten rooms and a hundred objects.
"""

import stat
from math import inf
from pathlib import Path
from typing import BinaryIO

from embodied_mem.backends.household.schema import House, Vector3, walk
from embodied_mem.errors import HouseError

HOUSE_BYTES = 32 * 2**20
"""Longest house, unpacked [bytes]."""
FILE_BYTES = 256 * 2**20
"""Longest `.json` file, unpacked: it is read as a whole [bytes]."""
MOST = {"rooms": 200, "walls": 4000, "doors": 1000, "windows": 1000}
"""Parts of a house."""
MOST_OBJECTS = 5000
MOST_CORNERS = 256
"""Corners of a floor, wall or hole."""
LONGEST_NAME = 400
"""Characters of an id or a name."""
FARTHEST = 1000.0
"""Largest coordinate and size [m]."""
LARGEST_ANGLE = 3600.0
"""[degrees]"""


def require_regular(path: Path) -> None:
    """See that a path leads to a file: reading a pipe or a device might never end.

    Raises:
        HouseError: It does not.
        OSError: It cannot be looked at.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise HouseError(f"{path} is no regular file.")


def read_at_most(file: BinaryIO, limit: int, what: str) -> bytes:
    """Read a whole file, unpacking no more than allowed.

    Raises:
        HouseError: It is longer.
    """
    return _within(file.read(limit + 1), limit, what)


def line_at_most(file: BinaryIO, limit: int, what: str) -> bytes:
    """Read a line, unpacking no more than allowed.

    Raises:
        HouseError: It is longer.
    """
    return _within(file.readline(limit + 1), limit, what)


def _within(data: bytes, limit: int, what: str) -> bytes:
    if len(data) > limit:
        raise HouseError(f"{what} is longer than {limit} bytes, unpacked.")
    return data


def check_limits(house: House) -> None:
    """See that a house is of a size that can be built.

    Raises:
        HouseError: One sentence that names the part and the limit.
    """
    for part, most in MOST.items():
        count = len(getattr(house, part))
        if count > most:
            raise HouseError(f"a house may have {most} {part}, got {count}.")
    objects = list(walk(house.objects))
    if len(objects) > MOST_OBJECTS:
        raise HouseError(f"a house may have {MOST_OBJECTS} objects, got {len(objects)}.")
    for room in house.rooms:
        _check_names(room.id, room.roomType)
        _check_corners(f"room '{room.id}'", room.floorPolygon)
    for wall in house.walls:
        _check_names(wall.id, wall.roomId)
        _check_corners(f"wall '{wall.id}'", wall.polygon)
    for opening in (*house.doors, *house.windows):
        _check_names(opening.id, opening.assetId)
        _check_corners(f"opening '{opening.id}'", opening.holePolygon)
    for item, _ in objects:
        _check_names(item.id, item.assetId, item.objectType or "")
        what = f"object '{item.id}'"
        _check_near(what, item.position, *filter(None, (item.size,)))
        _check_angles(what, item.rotation.x, item.rotation.y, item.rotation.z)
    agent = house.metadata.agent
    if agent is not None:
        _check_near("the agent", agent.position)
        _check_angles("the agent", agent.horizon, agent.rotation.x, agent.rotation.y)


def _check_names(*names: str) -> None:
    for name in names:
        if len(name) > LONGEST_NAME:
            raise HouseError(
                f"names may have {LONGEST_NAME} characters, got {len(name)}: '{name[:40]}...'."
            )


def _check_corners(what: str, corners: list[Vector3]) -> None:
    if len(corners) > MOST_CORNERS:
        raise HouseError(f"{what} may have {MOST_CORNERS} corners, got {len(corners)}.")
    _check_near(what, *corners)


def _check_near(what: str, *points: Vector3) -> None:
    for point in points:
        reach = max(abs(point.x), abs(point.y), abs(point.z))
        if FARTHEST < reach < inf:  # What is not finite is told elsewhere.
            raise HouseError(f"{what} reaches farther than {FARTHEST:g} m.")


def _check_angles(what: str, *angles: float) -> None:
    if any(LARGEST_ANGLE < abs(angle) < inf for angle in angles):
        raise HouseError(f"{what} has an angle beyond {LARGEST_ANGLE:g} degrees.")
