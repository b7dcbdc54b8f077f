"""What stands in a kitchen, a living room, a bedroom and a bathroom, most important first.

A recipe returns whether the room got what it must have; if not, it is furnished anew.
"""

from embodied_mem.backends.household.furnish import Furnisher, Piece
from embodied_mem.backends.household.layout import WALL_GAP
from embodied_mem.backends.household.schema import HouseObject

COUNTER_DEPTH, COUNTER_HEIGHT = 0.64, 0.92
WALL_CABINET_MIDDLE = 1.82
"""Height of the middle of cabinets above counters [m]."""

LIVING_ROOM_EXTRAS = {
    "Ottoman": 0.3, "DogBed": 0.15, "GarbageCan": 0.4, "Cart": 0.1, "VacuumCleaner": 0.1,
    "RoomDecor": 0.25,
}  # fmt: skip
BEDROOM_EXTRAS = {
    "FloorLamp": 0.4, "LaundryHamper": 0.4, "GarbageCan": 0.4, "HousePlant": 0.4, "Safe": 0.1,
}  # fmt: skip
"""What else may stand in a room, with its probability."""


def furnish_room(furnisher: Furnisher) -> bool:
    """Furnish by the type of the room; False when something indispensable did not fit."""
    match furnisher.layout.room.type:
        case "Kitchen":
            return _kitchen(furnisher)
        case "Bathroom":
            return _bathroom(furnisher)
        case "Bedroom":
            return _bedroom(furnisher)
        case _:
            return _living_room(furnisher)


def _unit(type_name: str, along: float, width: float, *, height: float = COUNTER_HEIGHT,
          depth: float = COUNTER_DEPTH, low: float = 0.0) -> Piece:  # fmt: skip
    """A kitchen unit whose left side is at `along`; all backs in one line."""
    return Piece(
        type_name=type_name, size=(round(width, 3), height, depth), along=along + width / 2,
        inward=WALL_GAP + depth / 2, low=low,
    )  # fmt: skip


def _counter_run(f: Furnisher) -> list[HouseObject]:
    """Counter, sink, counter with the stove, and where there is room a fridge and drawers."""
    fridge = f.size("Fridge")
    for widths, extras in (
        ((1.3, 0.7, 1.2), ("fridge", "drawers")),
        ((1.1, 0.7, 1.0), ("fridge",)),
        ((1.1, 0.7, 1.0), ("drawers",)),
        ((0.9, 0.7, 0.8), ()),
        ((0.75, 0.6, 0.7), ()),
        ((0.7, 0.6), ()),
    ):
        pieces: list[Piece] = []
        at = 0.0
        if "fridge" in extras:
            pieces.append(
                Piece(type_name="Fridge", size=fridge, along=fridge[0] / 2,
                      inward=WALL_GAP + fridge[2] / 2)
            )  # fmt: skip
            at = fridge[0] + 0.02
        for type_name, width in zip(("CounterTop", "Sink", "CounterTop"), widths, strict=False):
            pieces.append(_unit(type_name, at, width))
            at += width
        if "drawers" in extras:
            third = COUNTER_HEIGHT / 3
            pieces += [
                _unit("Drawer", at + 0.01, 0.5, height=round(third - 0.004, 3), low=k * third)
                for k in range(3)
            ]
            at += 0.51
        placed = f.group(at, pieces, corners=0.7, tries=50)
        if placed:
            return placed
    return []


def _kitchen(f: Furnisher) -> bool:
    units = _counter_run(f)
    counters = [unit for unit in units if unit.objectType == "CounterTop"]
    complete = bool(units)
    if not any(unit.objectType == "Fridge" for unit in units):
        complete &= f.against_wall("Fridge", corners=0.7) is not None
    if complete and len(counters) < 2:
        size = f.size("CounterTop", x=1.0, y=COUNTER_HEIGHT, z=COUNTER_DEPTH)
        complete &= f.against_wall("CounterTop", size) is not None
    if not complete:
        return False
    for counter in counters:
        assert counter.size is not None
        width = min(counter.size.x, 0.9)
        f.hang_above("Cabinet", counter, WALL_CABINET_MIDDLE, (width, 0.7, 0.36))
    _dining(f, chairs=int(f.rng.integers(2, 5)))
    f.against_wall("GarbageCan", corners=0.8, front=0.4)
    if f.chance(0.5):
        f.against_wall("Cabinet", f.size("Cabinet", y=0.85))
    if f.chance(0.3):
        f.against_wall("Stool", front=0.0)
    if f.chance(0.3):
        f.against_wall("HousePlant", corners=0.9, front=0.0)
    if f.chance(0.4):
        f.hang("Painting", 1.55)
    if f.chance(0.4):
        f.hang("Shelf", 1.5)
    f.hang("LightSwitch", 1.2)
    return True


def _dining(f: Furnisher, *, chairs: int) -> bool:
    """A table with chairs at its long sides: free on the floor, else with one end to a wall."""
    table, chair = f.size("DiningTable"), f.size("Chair")
    for length, count in ((table[0], chairs), (1.1, min(chairs, 2)), (0.8, 2)):
        width = min(table[2], 0.95 if length > 1 else 0.8)
        size = (round(length, 3), table[1], round(width, 3))
        per_side = max(1, (count + 1) // 2)
        step = length / per_side
        pieces = [Piece(type_name="DiningTable", size=size, along=0, inward=0, front=0)]
        for k in range(count):
            side = 1 if k % 2 else -1
            pieces.append(
                Piece(
                    type_name="Chair", size=chair, along=-length / 2 + step * (k // 2 + 0.5),
                    inward=side * (width / 2 + chair[2] / 2 + 0.03),
                    turn=180.0 if side > 0 else 0.0, front=0,
                )
            )  # fmt: skip
        if f.stand_free(pieces, margin=0.5):
            return True
        across = width + 2 * (chair[2] + 0.03)
        turned = [_end_to_wall(piece, length, across) for piece in pieces]
        if f.group(across, turned, corners=0.2):
            return True
    return False


def _end_to_wall(piece: Piece, length: float, across: float) -> Piece:
    """Turn a member of a free group by 90 degrees, so that one end of the group is at a wall."""
    return Piece(
        type_name=piece.type_name, size=piece.size, along=across / 2 - piece.inward,
        inward=WALL_GAP + length / 2 + piece.along, turn=(piece.turn + 270) % 360, front=0,
    )  # fmt: skip


def _living_room(f: Furnisher) -> bool:
    sofa = _sofa_group(f)
    if sofa is None:
        return False
    if f.chance(0.75):
        _dining(f, chairs=int(f.rng.integers(2, 7)))
    if f.chance(0.7) and f.beside("SideTable", sofa, front=0.0) is None:
        f.against_wall("SideTable")
    if f.chance(0.8):
        f.against_wall("FloorLamp", corners=1.0, front=0.0)
    if f.chance(0.7):
        f.against_wall("ShelvingUnit", corners=0.6)
    if f.chance(0.6):
        f.against_wall("ArmChair", corners=0.5)
    if f.chance(0.35):
        _desk(f)
    if f.chance(0.3):
        f.against_wall("Dresser")
    for _ in range(int(f.rng.integers(1, 3))):
        f.against_wall("HousePlant", corners=1.0, front=0.0)
    for type_name, probability in LIVING_ROOM_EXTRAS.items():
        if f.chance(probability):
            f.against_wall(type_name, corners=0.8, front=0.0)
    f.hang_above("Painting", sofa, 1.6)
    for _ in range(int(f.rng.integers(1, 3))):
        f.hang("Painting", 1.6)
    f.hang("LightSwitch", 1.2)
    return True


def _sofa_group(f: Furnisher) -> HouseObject | None:
    """A sofa at a wall with a coffee table before it, and a television at the opposite wall."""
    for width in (2.0, 1.75, 1.5):
        sofa = f.size("Sofa", x=width)
        table = f.size("CoffeeTable", x=min(width * 0.6, 1.1))
        pieces = [
            Piece(type_name="Sofa", size=sofa, along=width / 2, inward=WALL_GAP + sofa[2] / 2,
                  front=0.0),
            Piece(type_name="CoffeeTable", size=table, along=width / 2,
                  inward=WALL_GAP + sofa[2] + 0.45 + table[2] / 2),
        ]  # fmt: skip
        placed = f.group(width, pieces, corners=0.2) or (
            f.group(width, pieces[:1], corners=0.5) if width == 1.5 else []
        )
        if placed:
            _television(f, placed[0])
            return placed[0]
    return None


def _television(f: Furnisher, sofa: HouseObject) -> HouseObject | None:
    """A stand opposite to the sofa, as near to its axis as may be; else at any wall."""
    stand = f.size("TVStand")
    x, _, z = stand
    facing = [
        run
        for run in f.layout.runs
        if abs((run.yaw - sofa.rotation.y) % 360 - 180) < 1 and run.length > x + 2 * WALL_GAP
    ]
    for run in facing:
        dx, dz = sofa.position.x - run.start[0], sofa.position.z - run.start[1]
        if dx * run.inward[0] + dz * run.inward[1] < 1.5:
            continue
        axis = dx * run.along[0] + dz * run.along[1] - x / 2
        for shift in (0.0, 0.2, -0.2, 0.4, -0.4, 0.8, -0.8):
            start = min(max(axis + shift, WALL_GAP), run.length - x - WALL_GAP)
            piece = Piece(type_name="TVStand", size=stand, along=x / 2, inward=WALL_GAP + z / 2)
            placed = f.place(run, start, [piece])
            if placed:
                return placed[0]
    return f.against_wall("TVStand", stand)


def _bedroom(f: Furnisher) -> bool:
    bed = _bed(f)
    if bed is None:
        return False
    f.against_wall("Dresser")
    if f.chance(0.75):
        _desk(f)
    if f.chance(0.35):
        f.against_wall("ShelvingUnit", corners=0.7)
    if f.chance(0.3):
        f.against_wall("ArmChair", corners=0.9)
    if f.chance(0.2):
        f.against_wall("TVStand")
    for type_name, probability in BEDROOM_EXTRAS.items():
        if f.chance(probability):
            front = 0.0 if type_name in ("FloorLamp", "HousePlant") else 0.45
            f.against_wall(type_name, corners=0.9, front=front)
    f.hang_above("Painting", bed, 1.65)
    if f.chance(0.6):
        f.hang("Painting", 1.6)
    if f.chance(0.35):
        f.hang("Shelf", 1.45)
    if f.chance(0.3):
        f.hang("Mirror", 1.5)
    f.hang("LightSwitch", 1.2)
    return True


def _bed(f: Furnisher) -> HouseObject | None:
    """A bed with its head at the wall and a side table at one or both sides."""
    table = f.size("SideTable")
    for width, tables in ((1.5, 2), (1.5, 1), (1.1, 1), (1.0, 0)):
        bed = f.size("Bed", x=width)
        side = table[0] + 0.04
        pieces = [
            Piece(type_name="Bed", size=bed, along=width / 2 + (side if tables else 0),
                  inward=WALL_GAP + bed[2] / 2, front=0.0)
        ]  # fmt: skip
        for k in range(tables):
            along = table[0] / 2 if k == 0 else side + width + 0.04 + table[0] / 2
            pieces.append(
                Piece(type_name="SideTable", size=table, along=along,
                      inward=WALL_GAP + table[2] / 2, front=0.6)
            )  # fmt: skip
        placed = f.group(width + tables * side, pieces, corners=0.3)
        if placed:
            return placed[0]
    return None


def _desk(f: Furnisher) -> HouseObject | None:
    """A desk at a wall with a chair before it; its legs are half under the desk's front."""
    desk, chair = f.size("Desk"), f.size("Chair")
    pieces = [
        Piece(type_name="Desk", size=desk, along=desk[0] / 2, inward=WALL_GAP + desk[2] / 2,
              front=0.0),
        Piece(type_name="Chair", size=chair, along=desk[0] * 0.35,
              inward=WALL_GAP + desk[2] + 0.04 + chair[2] / 2, turn=180.0, front=0.0),
    ]  # fmt: skip
    placed = f.group(desk[0], pieces)
    return placed[0] if placed else None


def _bathroom(f: Furnisher) -> bool:
    toilet = f.against_wall("Toilet", corners=0.3, front=0.5)
    sink = f.against_wall("Sink", front=0.5)
    if toilet is None or sink is None:
        return False
    f.hang_above("Mirror", sink, 1.55)
    f.against_wall("Bathtub", corners=0.9, front=0.45)
    f.against_wall("GarbageCan", corners=0.8, front=0.0)
    if f.chance(0.45):
        f.against_wall("Cabinet", f.size("Cabinet", y=0.8, z=0.34))
    if f.chance(0.4):
        f.against_wall("LaundryHamper", corners=0.8)
    if f.chance(0.25):
        f.against_wall("WashingMachine", corners=0.8)
    f.hang("TowelHolder", 1.25)
    if f.chance(0.6):
        f.hang("HandTowelHolder", 1.35)
    f.hang("ToiletPaperHanger", 0.75)
    if f.chance(0.3):
        f.hang("Painting", 1.6, f.size("Painting", x=0.5, y=0.4))
    f.hang("LightSwitch", 1.2)
    return True
