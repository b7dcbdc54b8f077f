"""Bodies of what is fixed to the building: doors, sinks, taps, baths, toilets, showers."""

from collections.abc import Callable, Mapping
from math import pi

from embodied_mem.backends.household.solids import (
    BLACK,
    GLASS,
    GREY,
    HINGE_BACK,
    HINGE_LEFT,
    HINGE_RIGHT,
    STEEL,
    Bench,
    Finish,
    Span,
    around,
    inner,
    part_of,
    rgb,
)

_DOOR = 0.036
"""Thickness of a door panel [m]."""


def doorway(bench: Bench) -> None:
    """A door that fills its hole, in two leaves where that is wide; it swings to the front."""
    gap = 0.012
    whole = inner(bench.x, gap)
    leaves = ((whole[0], -0.003), (0.003, whole[1])) if bench.w > 1.4 else (whole,)
    thick = around(0, min(_DOOR, bench.d))
    grip = min(0.03, (bench.d - min(_DOOR, bench.d)) / 2 + 0.005)  # Stays within a thin wall.
    for i, leaf in enumerate(leaves):
        left = i == 0
        axis, edge = (HINGE_LEFT, leaf[0]) if left else (HINGE_RIGHT, leaf[1])
        joint = bench.hinge(axis, x=edge, turn=pi / 2)
        wood = bench.wood.as_role("door")
        bench.box(leaf, (0.008, bench.h - gap), thick, wood, joint)
        for y in (part_of(bench.y, 0.08, 0.42), part_of(bench.y, 0.52, 0.93)):
            field = inner(leaf, 0.16 * (leaf[1] - leaf[0]))
            bench.box(field, y, inner(thick, -0.002), wood.darker(0.8), joint)
        free = leaf[1] - 0.07 if left else leaf[0] + 0.07
        bench.box(
            around(free, 0.1),
            around(0.48 * bench.h, 0.022),
            inner(thick, -grip),
            STEEL.as_role("door"),
            joint,
        )


def doorframe(bench: Bench) -> None:
    """The lining of a hole without a door."""
    jamb = min(0.02, 0.05 * bench.w)
    for x in ((bench.x[0], bench.x[0] + jamb), (bench.x[1] - jamb, bench.x[1])):
        bench.box(x, bench.y, bench.z, bench.main)
    bench.box(inner(bench.x, jamb), (bench.h - jamb, bench.h), bench.z, bench.main)


def _trough(bench: Bench, x: Span, y: Span, z: Span, finish: Finish, wall: float) -> None:
    """Four walls and a floor, open at the top, with a drain."""
    for side in ((x[0], x[0] + wall), (x[1] - wall, x[1])):
        bench.box(side, y, z, finish)
    for side in ((z[0], z[0] + wall), (z[1] - wall, z[1])):
        bench.box(inner(x, wall), y, side, finish)
    floor = (y[0], y[0] + min(wall, 0.3 * (y[1] - y[0])))
    bench.box(inner(x, wall), floor, inner(z, wall), finish.darker(0.93))
    drain = min(0.05, 0.15 * (x[1] - x[0]))
    bench.cylinder(
        around(sum(x) / 2, drain),
        (floor[0], floor[1] + 0.002),
        around(sum(z) / 2, drain),
        GREY.darker(0.5),
    )
    bench.surface(inner(x, wall + 0.015), floor[1], inner(z, wall + 0.015), clearance=3.0)


def basin(bench: Bench) -> None:
    """The hollow of a sink or a bath."""
    wall = min(0.015, 0.06 * min(bench.w, bench.d))
    _trough(bench, bench.x, bench.y, bench.z, bench.main, wall)


def sink(bench: Bench) -> None:
    """A basin; where it is tall, in the top of a vanity with doors below."""
    if bench.h < 0.4:
        wall = min(0.03, 0.08 * min(bench.w, bench.d))
        _trough(bench, bench.x, bench.y, bench.z, bench.main, wall)
        return
    slab = 0.035
    deep = min(0.16, 0.3 * bench.h)
    tap = min(0.12, 0.24 * bench.d)  # Room for the tap behind the basin.
    x = inner(bench.x, max(0.05, 0.14 * bench.w))
    z = (bench.z[0] + tap, bench.z[1] - min(0.06, 0.12 * bench.d))
    stone = bench.main
    top = (bench.h - slab, bench.h)
    for side in ((bench.x[0], x[0]), (x[1], bench.x[1])):
        bench.box(side, top, bench.z, stone)
    bench.box(x, top, (bench.z[0], z[0]), stone)
    bench.box(x, top, (z[1], bench.z[1]), stone)
    _trough(bench, x, (bench.h - deep, bench.h - 0.004), z, stone, 0.012)
    wood = Finish(rgb("#a98a63") if bench.variant % 2 == 0 else rgb("#7f9099"), "wood")
    case = (min(0.08, 0.1 * bench.h), bench.h - slab)
    under = bench.h - deep
    bench.box(
        inner(bench.x, 0.01),
        (case[0], under - 0.005),
        (bench.z[0], bench.z[1] - 0.04),
        wood.darker(0.8),
    )
    front = (bench.z[1] - 0.04, bench.z[1] - 0.02)
    for side in ((bench.x[0] + 0.012, -0.003), (0.003, bench.x[1] - 0.012)):
        bench.box(side, (case[0], case[1]), front, wood)
    for x0 in (-0.05, 0.05):
        bench.box(
            around(x0, 0.014), around(0.6 * bench.h, 0.12), (front[1], front[1] + 0.012), STEEL
        )
    bench.box(inner(bench.x, 0.03), (0, case[0]), (bench.z[0], bench.z[1] - 0.1), BLACK)
    for side in ((bench.x[0] + 0.012, bench.x[0] + 0.03), (bench.x[1] - 0.03, bench.x[1] - 0.012)):
        bench.box(side, (under - 0.005, bench.h - slab), (bench.z[0], front[0]), wood.darker(0.8))


def bathtub(bench: Bench) -> None:
    """A bath tub in its apron."""
    rim = min(0.08, 0.1 * bench.d)
    low = min(0.12, 0.25 * bench.h)
    skirt = bench.main
    _trough(bench, bench.x, (low, bench.h), bench.z, skirt, rim)
    for z in ((bench.z[0] + 0.01, bench.z[0] + 0.03), (bench.z[1] - 0.03, bench.z[1] - 0.01)):
        bench.box(inner(bench.x, 0.01), (0, low), z, skirt.darker(0.8))
    for x in ((bench.x[0] + 0.01, bench.x[0] + 0.03), (bench.x[1] - 0.03, bench.x[1] - 0.01)):
        bench.box(x, (0, low), inner(bench.z, 0.01), skirt.darker(0.8))


def faucet(bench: Bench) -> None:
    """A tap: base, riser and spout to the front, a lever at its side."""
    metal = bench.main
    pipe = min(0.032, 0.35 * bench.w, 0.2 * bench.d)
    back = bench.z[0] + max(pipe, 0.12 * bench.d)
    bench.cylinder(
        around(0, min(bench.w, 2 * pipe)), part_of(bench.y, 0, 0.08), around(back, 2 * pipe), metal
    )
    bench.cylinder(around(0, pipe), bench.y, around(back, pipe), metal)
    bench.box(around(0, 0.8 * pipe), (bench.h - 0.8 * pipe, bench.h), (back, bench.z[1]), metal)
    bench.box(
        around(0, 0.8 * pipe),
        part_of(bench.y, 0.72, 1),
        (bench.z[1] - 0.8 * pipe, bench.z[1]),
        metal,
    )
    if bench.w > 4 * pipe:
        for x in (part_of(bench.x, 0, 0.16), part_of(bench.x, 0.84, 1)):
            side = around(sum(x) / 2, min(pipe, x[1] - x[0]))
            bench.cylinder(side, part_of(bench.y, 0, 0.4), around(back, pipe), metal)
            bench.box(x, part_of(bench.y, 0.4, 0.48), around(back, 0.7 * pipe), metal)
        return
    bench.box((0, bench.x[1]), part_of(bench.y, 0.45, 0.53), around(back, 0.6 * pipe), metal)


def toilet(bench: Bench) -> None:
    """A toilet: foot, bowl, seat, a lid that turns up, and a cistern behind."""
    seat = 0.5 * bench.h
    tank = (bench.z[0], bench.z[0] + 0.28 * bench.d)
    white = bench.main
    bench.box(
        part_of(bench.x, 0.25, 0.75),
        (0, 0.6 * seat),
        (bench.z[0] + 0.05 * bench.d, bench.z[1] - 0.3 * bench.d),
        white.darker(0.95),
    )
    bowl_z = (tank[1] - 0.02, bench.z[1])
    bowl_x = inner(bench.x, 0.06 * bench.w)
    bench.vessel(bowl_x, (0.25 * seat, seat - 0.03), bowl_z, white)
    bench.cylinder(
        inner(bowl_x, 0.1 * bench.w),
        (0.5 * seat, 0.7 * seat),
        inner(bowl_z, 0.1 * bench.d),
        Finish(rgb("#9fc4d6")),
    )
    ring = (seat - 0.03, seat - 0.012)
    edge = 0.16 * bench.w
    for x in ((bowl_x[0], bowl_x[0] + edge), (bowl_x[1] - edge, bowl_x[1])):
        bench.box(x, ring, inner(bowl_z, edge), white.darker(0.9))
    for z in ((bowl_z[0], bowl_z[0] + edge), (bowl_z[1] - edge, bowl_z[1])):
        bench.box(inner(bowl_x, 0.04), ring, z, white.darker(0.9))
    lid = bench.hinge(HINGE_BACK, y=seat, z=tank[1] + 0.025, turn=0.52 * pi)
    cover = white.darker(0.97).as_role("door")
    bench.box(
        inner(bowl_x, 0.01),
        (seat - 0.01, seat + 0.01),
        (tank[1] + 0.025, bowl_z[1] - 0.06 * bench.d),
        cover,
        lid,
    )
    bench.box(
        inner(bowl_x, 0.06),
        (seat - 0.01, seat + 0.01),
        (bowl_z[1] - 0.06 * bench.d, bowl_z[1]),
        cover,
        lid,
    )
    bench.box(inner(bench.x, 0.01), (0.45 * bench.h, bench.h - 0.03), inner(tank, 0.008), white)
    bench.box(bench.x, (bench.h - 0.03, bench.h), tank, white.darker(0.95))
    bench.box(
        part_of(bench.x, 0.78, 0.92),
        around(0.86 * bench.h, 0.02),
        (tank[1] - 0.008, tank[1] + 0.012),
        STEEL,
    )
    bench.surface(inner(bench.x, 0.02), bench.h, inner(tank, 0.01))


def shower_head(bench: Bench) -> None:
    """A pipe on the wall with a rose at its top."""
    pipe = min(0.03, 0.2 * bench.w)
    back = (bench.z[0], bench.z[0] + pipe)
    bench.box(around(0, pipe), part_of(bench.y, 0, 0.97), back, bench.main)
    bench.box(
        around(0, pipe), part_of(bench.y, 0.94, 0.97), (bench.z[0], 0.3 * bench.d), bench.main
    )
    bench.cylinder(
        part_of(bench.x, 0.05, 0.95),
        part_of(bench.y, 0.92, 0.95),
        part_of(bench.z, 0.2, 1),
        bench.main,
    )
    bench.box(
        part_of(bench.x, 0.3, 0.7),
        part_of(bench.y, 0.1, 0.16),
        part_of(bench.z, 0, 0.35),
        bench.main,
    )
    bench.box(around(0, 0.5 * pipe), part_of(bench.y, 0.95, 1), around(0, pipe), bench.main)


def shower_glass(bench: Bench) -> None:
    """A glass wall in a metal edge."""
    edge = min(0.03, 0.06 * bench.w)
    bench.box(bench.x, (0, edge), bench.z, bench.main)
    bench.box(bench.x, (bench.h - edge, bench.h), bench.z, bench.main)
    for x in ((bench.x[0], bench.x[0] + edge), (bench.x[1] - edge, bench.x[1])):
        bench.box(x, (edge, bench.h - edge), bench.z, bench.main)
    bench.box(
        inner(bench.x, edge), inner(bench.y, edge), around(0, min(0.01, 0.5 * bench.d)), GLASS
    )


def shower_door(bench: Bench) -> None:
    """A glass door with a rail and a handle, hung at the left."""
    edge = min(0.03, 0.06 * bench.w)
    joint = bench.hinge(HINGE_LEFT, x=bench.x[0], turn=pi / 2)
    metal = bench.main.as_role("door")
    for y in ((0.0, edge), (bench.h - edge, bench.h)):
        bench.box(bench.x, y, bench.z, metal, joint)
    for x in ((bench.x[0], bench.x[0] + edge), (bench.x[1] - edge, bench.x[1])):
        bench.box(x, (edge, bench.h - edge), bench.z, metal, joint)
    bench.box(
        inner(bench.x, edge),
        inner(bench.y, edge),
        around(0, min(0.01, 0.5 * bench.d)),
        GLASS,
        joint,
    )
    bench.box(around(bench.x[1] - 0.1, 0.02), part_of(bench.y, 0.45, 0.6), bench.z, metal, joint)


FITTINGS: Mapping[str, Callable[[Bench], None]] = {
    "doorway": doorway,
    "doorframe": doorframe,
    "basin": basin,
    "sink": sink,
    "bathtub": bathtub,
    "faucet": faucet,
    "toilet": toilet,
    "shower_head": shower_head,
    "shower_glass": shower_glass,
    "shower_door": shower_door,
}
"""Builders by the name that the catalog uses."""
