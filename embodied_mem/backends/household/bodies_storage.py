"""Bodies of what things are kept in: counters, cabinets, drawers, shelves, bins."""

from collections.abc import Callable, Mapping
from math import pi

from embodied_mem.backends.household.parts import Joint
from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
    HINGE_BACK,
    HINGE_LEFT,
    HINGE_RIGHT,
    SLIDE_FORWARD,
    STEEL,
    Bench,
    Finish,
    Span,
    around,
    inner,
    part_of,
    rgb,
    split,
)

_SWING = 0.53 * pi
"""How far doors of furniture open [rad]."""


def carcass(bench: Bench, x: Span, y: Span, z: Span, finish: Finish, wall: float) -> None:
    """An open-fronted case: back, sides, floor and top of a thickness [m]."""
    bench.box(x, y, (z[0], z[0] + wall), finish.darker(0.8))
    for side in ((x[0], x[0] + wall), (x[1] - wall, x[1])):
        bench.box(side, y, (z[0] + wall, z[1]), finish)
    for board in ((y[0], y[0] + wall), (y[1] - wall, y[1])):
        bench.box((x[0] + wall, x[1] - wall), board, (z[0] + wall, z[1]), finish)


def hung_doors(bench: Bench, x: Span, y: Span, z: Span, finish: Finish) -> None:
    """One door, or two where it is wide, with handles; they swing open to the front."""
    door = finish.as_role("door")
    back = z[0]
    grip = STEEL.as_role("door")
    handle_y = around((y[0] + y[1]) / 2, min(0.16, 0.3 * (y[1] - y[0])))
    handle_z = (z[1] - 0.002, z[1] + 0.01)
    leaves = split(x, 2, gap=0.004) if x[1] - x[0] > 0.55 else (x,)
    for i, leaf in enumerate(leaves):
        left = i == 0
        axis, edge = (HINGE_LEFT, leaf[0]) if left else (HINGE_RIGHT, leaf[1])
        joint = bench.hinge(axis, x=edge, z=back, turn=_SWING)
        bench.box(leaf, y, z, door, joint)
        free = leaf[1] - 0.035 if left else leaf[0] + 0.035
        bench.box(around(free, 0.014), handle_y, handle_z, grip, joint)


def cabinet(bench: Bench) -> None:
    """A cupboard with doors and a shelf inside."""
    t = min(0.018, 0.05 * min(bench.w, bench.h))
    door = min(0.02, 0.1 * bench.d)
    front = bench.z[1] - 0.01 - door
    wood = bench.wood
    carcass(bench, bench.x, bench.y, (bench.z[0], front), wood.darker(0.85), t)
    hung_doors(bench, bench.x, bench.y, (front, front + door), wood)
    floors = max(1, min(4, int(bench.h / 0.32)))
    step = (bench.h - t) / floors
    inside = (bench.z[0] + t, front - 0.01)
    for i in range(floors):
        level = t + i * step
        if i:
            bench.box(inner(bench.x, t), (level - t, level), inside, wood.darker(0.9))
        bench.surface(
            inner(bench.x, t + 0.01), level, inner(inside, 0.01), clearance=step - t, enclosed=True
        )


def drawer(bench: Bench) -> None:
    """A case with one drawer that slides out to the front."""
    t = min(0.015, 0.08 * min(bench.w, bench.h))
    wood = bench.wood
    front = bench.z[1] - 0.03
    carcass(bench, bench.x, bench.y, (bench.z[0], front), wood.darker(0.8), t)
    slide = Joint(kind="slide", axis=SLIDE_FORWARD, travel=0.75 * bench.d)
    moving = wood.as_role("drawer")
    bench.box(bench.x, inner(bench.y, 0.004), (front, front + 0.018), moving, slide)
    bench.box(
        around(0, min(0.14, 0.4 * bench.w)),
        around(0.55 * bench.h, 0.016),
        (front + 0.016, bench.z[1]),
        STEEL.as_role("drawer"),
        slide,
    )
    x, z = inner(bench.x, t + 0.004), (bench.z[0] + t + 0.01, front)
    floor, rim = t + 0.004, 0.7 * bench.h
    light = moving.darker(1.2)
    bench.box(x, (floor, floor + 0.01), z, light, slide)
    for side in ((x[0], x[0] + 0.01), (x[1] - 0.01, x[1])):
        bench.box(side, (floor, rim), z, light, slide)
    bench.box(x, (floor, rim), (z[0], z[0] + 0.01), light, slide)
    bench.surface(
        inner(x, 0.015), floor + 0.01, inner(z, 0.015),
        clearance=bench.h - 2 * t - 0.02, enclosed=True, joint=slide,
    )  # fmt: skip


def counter(bench: Bench) -> None:
    """Kitchen units under a stone worktop: a row, or round a corner where both sides are long.

    A corner has legs along the back and the right; the form "C" one along the left too (AI2-THOR's
    Countertop_L and Countertop_C, told from where things lie on them in ProcTHOR's houses).
    """
    deep = 0.62
    if min(bench.w, bench.d) < 1.1:
        _units(bench, bench.x, bench.z, free_x=bench.x)
        bench.top()
        return
    back = (bench.z[0], bench.z[0] + deep)
    rest = (back[1], bench.z[1])
    right, left = (bench.x[1] - deep, bench.x[1]), (bench.x[0], bench.x[0] + deep)
    round_both = bench.form == "C" and bench.w > 2 * deep + 0.5
    _units(bench, bench.x, back, free_x=(left[1] if round_both else bench.x[0], right[0]))
    bench.surface(inner(bench.x, 0.02), bench.h, inner(back, 0.02))
    for leg, front in ((right, -1), (left, 1)) if round_both else ((right, -1),):
        _side_units(bench, leg, rest, front)
        bench.surface(inner(leg, 0.02), bench.h, (rest[0], rest[1] - 0.02))


def _worktop(bench: Bench, x: Span, z: Span) -> None:
    stone = Finish(rgb(("#9a958c", "#3d3f44", "#c9bba5", "#6b5a48")[bench.variant % 4]), "speckle")
    bench.box(x, (bench.h - min(0.04, 0.1 * bench.h), bench.h), z, stone)


def _units(bench: Bench, x: Span, z: Span, *, free_x: Span) -> None:
    """A row of units that face the front, doors where `free_x` leaves them free."""
    wood = bench.wood
    top, plinth = bench.h - min(0.04, 0.1 * bench.h), min(0.1, 0.15 * bench.h)
    _worktop(bench, x, z)
    bench.box(inner(x, 0.01), (plinth, top), (z[0], z[1] - 0.04), wood.darker(0.75))
    bench.box(inner(x, 0.02), (0, plinth), (z[0], z[1] - 0.1), BLACK)
    count = max(1, round((free_x[1] - free_x[0]) / 0.6))
    for unit in split(inner(free_x, 0.012), count, gap=0.008):
        low, high = plinth + 0.005, top - 0.01
        shelf = high - 0.18
        for front in ((low, shelf - 0.008), (shelf, high)):
            bench.box(unit, front, (z[1] - 0.04, z[1] - 0.022), wood)
        for y in (shelf - 0.06, (shelf + high) / 2):
            bench.box(
                around(sum(unit) / 2, min(0.16, 0.5 * (unit[1] - unit[0]))),
                around(y, 0.014),
                (z[1] - 0.022, z[1] - 0.008),
                STEEL,
            )


def _side_units(bench: Bench, x: Span, z: Span, front: int) -> None:
    """A row of units along a side, which face to the right (front 1) or the left (front -1)."""
    wood = bench.wood
    top, plinth = bench.h - min(0.04, 0.1 * bench.h), min(0.1, 0.15 * bench.h)
    _worktop(bench, x, z)
    behind, face = x if front > 0 else (x[1], x[0])

    def between(start: float, end: float) -> Span:
        low, high = sorted((start, end))
        return low, high

    bench.box(
        between(behind, face - front * 0.04), (plinth, top), (z[0], z[1] - 0.01), wood.darker(0.75)
    )
    bench.box(between(behind, face - front * 0.1), (0, plinth), (z[0], z[1] - 0.02), BLACK)
    count = max(1, round((z[1] - z[0]) / 0.6))
    for unit in split((z[0] + 0.03, z[1] - 0.012), count, gap=0.008):
        door = between(face - front * 0.04, face - front * 0.022)
        bench.box(door, (plinth + 0.005, top - 0.01), unit, wood)
        grip = between(face - front * 0.022, face - front * 0.008)
        bench.box(grip, around(top - 0.1, 0.014), around(sum(unit) / 2, 0.16), STEEL)


def dresser(bench: Bench) -> None:
    """A chest with rows of drawer fronts."""
    wood = bench.wood
    foot = min(0.1, 0.12 * bench.h)
    for x in (part_of(bench.x, 0.01, 0.06), part_of(bench.x, 0.94, 0.99)):
        bench.box(x, (0, foot), inner(bench.z, 0.02), wood.darker(0.6))
    top = bench.h - 0.025
    bench.box(bench.x, (top, bench.h), bench.z, wood)
    bench.box(inner(bench.x, 0.01), (foot, top), (bench.z[0], bench.z[1] - 0.03), wood.darker(0.8))
    rows = max(1, round((top - foot) / 0.24))
    columns = max(1, round(bench.w / 0.7))
    for y in split((foot + 0.01, top - 0.005), rows, gap=0.014):
        for x in split(inner(bench.x, 0.02), columns, gap=0.014):
            bench.box(x, y, (bench.z[1] - 0.03, bench.z[1] - 0.014), wood)
            for knob in (part_of(x, 0.22, 0.28), part_of(x, 0.72, 0.78)):
                bench.box(
                    around(sum(knob) / 2, 0.03),
                    around(sum(y) / 2, 0.03),
                    (bench.z[1] - 0.014, bench.z[1]),
                    STEEL.darker(0.7),
                )
    bench.top()


def tv_stand(bench: Bench) -> None:
    """A low board: doors at its sides, an open bay in the middle."""
    wood = bench.wood
    t = 0.025
    foot = min(0.08, 0.15 * bench.h)
    for x in (part_of(bench.x, 0.03, 0.07), part_of(bench.x, 0.93, 0.97)):
        bench.box(x, (0, foot), inner(bench.z, 0.03), BLACK)
    carcass(bench, bench.x, (foot, bench.h), bench.z, wood, t)
    left, middle, right = (
        part_of(bench.x, 0, 0.3),
        part_of(bench.x, 0.3, 0.7),
        part_of(bench.x, 0.7, 1),
    )
    for side in (left, right):
        bench.box(
            inner(side, 0.01),
            (foot + t, bench.h - t),
            (bench.z[0] + t, bench.z[1] - 0.012),
            wood.darker(0.85),
        )
        bench.box(
            around(sum(side) / 2, 0.1),
            around(0.6 * bench.h, 0.014),
            (bench.z[1] - 0.012, bench.z[1]),
            STEEL,
        )
    half = (foot + bench.h) / 2
    bench.box(
        middle, (half - 0.01, half + 0.01), (bench.z[0] + t, bench.z[1] - 0.03), wood.darker(0.9)
    )
    bench.top()


def shelving(bench: Bench) -> None:
    """Shelves between two sides, one every 35 cm or so."""
    wood = bench.wood
    t = min(0.025, 0.04 * bench.h)
    for x in ((bench.x[0], bench.x[0] + t), (bench.x[1] - t, bench.x[1])):
        bench.box(x, bench.y, bench.z, wood)
    bench.box(inner(bench.x, t), bench.y, (bench.z[0], bench.z[0] + 0.01), wood.darker(0.6))
    count = max(1, round(bench.h / 0.38))
    low = min(0.06, 0.1 * bench.h)
    levels = [low + (bench.h - low) * i / count for i in range(count + 1)]
    for i, level in enumerate(levels):
        bench.box(
            inner(bench.x, t), (level - t, level), (bench.z[0] + 0.01, bench.z[1]), wood.darker(0.9)
        )
        clearance = 3.0 if i == count else levels[i + 1] - level - t
        bench.surface(
            inner(bench.x, t + 0.01),
            level,
            inner((bench.z[0] + 0.01, bench.z[1]), 0.015),
            clearance=clearance,
        )


def shelf(bench: Bench) -> None:
    """A board on brackets at a wall."""
    board = min(0.03, bench.h)
    bench.box(bench.x, (bench.h - board, bench.h), bench.z, bench.wood)
    if bench.h > board + 0.005:
        for x in (part_of(bench.x, 0.1, 0.13), part_of(bench.x, 0.87, 0.9)):
            bench.box(x, (0, bench.h - board), part_of(bench.z, 0, 0.6), BROWN)
    bench.top()


def bin_(bench: Bench) -> None:
    """A waste bin, open at the top."""
    bench.vessel(bench.x, bench.y, bench.z, bench.main)
    band = part_of(bench.y, 0.9, 0.97)
    bench.box(
        (bench.x[0], bench.x[0] + 0.02), band, around(0, 0.2 * bench.d), bench.main.darker(0.6)
    )
    low = min(0.02, 0.1 * bench.h)
    bench.surface(
        part_of(bench.x, 0.24, 0.76), low, part_of(bench.z, 0.24, 0.76), clearance=bench.h - low
    )


def hamper(bench: Bench) -> None:
    """A basket with a hinged lid."""
    t = min(0.015, 0.05 * bench.w)
    weave = bench.fabric
    rim = bench.h - 0.03
    for x in ((bench.x[0], bench.x[0] + t), (bench.x[1] - t, bench.x[1])):
        bench.box(x, (0, rim), bench.z, weave)
    for z in ((bench.z[0], bench.z[0] + t), (bench.z[1] - t, bench.z[1])):
        bench.box(inner(bench.x, t), (0, rim), z, weave)
    bench.box(bench.x, (0, t), bench.z, weave.darker(0.8))
    bench.box(
        (bench.x[0], bench.x[1]), (0.86 * rim, 0.9 * rim), (bench.z[1], bench.z[1] + 0.003), BROWN
    )
    lid = bench.hinge(HINGE_BACK, y=rim, z=bench.z[0], turn=0.55 * pi)
    bench.box(bench.x, (rim, bench.h), bench.z, weave.darker(0.85).as_role("door"), lid)
    bench.surface(
        inner(bench.x, t + 0.01), t, inner(bench.z, t + 0.01), clearance=rim - t, enclosed=True
    )


def safe(bench: Bench) -> None:
    """A strongbox with a thick door and a dial."""
    t = min(0.03, 0.1 * min(bench.size))
    front = bench.z[1] - 0.03 - t
    carcass(bench, bench.x, bench.y, (bench.z[0], front), bench.main, t)
    joint = bench.hinge(HINGE_LEFT, x=bench.x[0], z=front, turn=_SWING)
    bench.box(bench.x, bench.y, (front, front + t), bench.main.darker(1.2).as_role("door"), joint)
    bench.box(
        around(0.1 * bench.w, 0.08),
        around(0.6 * bench.h, 0.08),
        (front + t, bench.z[1]),
        STEEL.as_role("door"),
        joint,
    )
    bench.box(
        around(0.28 * bench.w, 0.02),
        around(0.6 * bench.h, 0.14),
        (front + t, bench.z[1]),
        BLACK.as_role("door"),
        joint,
    )
    bench.surface(
        inner(bench.x, t + 0.01), t, (bench.z[0] + t + 0.01, front - 0.01),
        clearance=bench.h - 2 * t, enclosed=True,
    )  # fmt: skip


STORAGE: Mapping[str, Callable[[Bench], None]] = {
    "cabinet": cabinet,
    "drawer": drawer,
    "counter": counter,
    "dresser": dresser,
    "tv_stand": tv_stand,
    "shelving": shelving,
    "shelf": shelf,
    "bin": bin_,
    "hamper": hamper,
    "safe": safe,
}
"""Builders by the name that the catalog uses."""
