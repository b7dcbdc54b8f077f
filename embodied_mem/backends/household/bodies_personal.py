"""Bodies of what people carry, read, play and work with."""

from collections.abc import Callable, Mapping
from math import pi

from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
    GREY,
    HINGE_BACK,
    STEEL,
    WHITE,
    Bench,
    Finish,
    around,
    inner,
    part_of,
    rgb,
    split,
)

_SCREEN = Finish(rgb("#0e1c30"), role="glow")


def alarm_clock(bench: Bench) -> None:
    """A clock with a face, hands and two bells."""
    bench.box(bench.x, part_of(bench.y, 0.08, 0.85), part_of(bench.z, 0.1, 0.9), bench.main)
    bench.box(
        part_of(bench.x, 0.1, 0.9), part_of(bench.y, 0.16, 0.77), part_of(bench.z, 0.9, 0.96), WHITE
    )
    bench.box(
        part_of(bench.x, 0.47, 0.53), part_of(bench.y, 0.45, 0.7), part_of(bench.z, 0.96, 1), BLACK
    )
    bench.box(
        part_of(bench.x, 0.47, 0.72), part_of(bench.y, 0.44, 0.5), part_of(bench.z, 0.96, 1), BLACK
    )
    for side in (part_of(bench.x, 0.02, 0.42), part_of(bench.x, 0.58, 0.98)):
        bench.sphere(side, part_of(bench.y, 0.8, 1), part_of(bench.z, 0.15, 0.85), STEEL)
    for side in (part_of(bench.x, 0.08, 0.22), part_of(bench.x, 0.78, 0.92)):
        bench.box(side, part_of(bench.y, 0, 0.1), part_of(bench.z, 0.3, 0.7), BLACK)


def bat(bench: Bench) -> None:
    """A baseball bat along its longest side."""
    if bench.h > bench.d:
        thin_x, thin_z = part_of(bench.x, 0.3, 0.7), part_of(bench.z, 0.3, 0.7)
        bench.cylinder(thin_x, part_of(bench.y, 0, 0.5), thin_z, BLACK)
        bench.cylinder(bench.x, part_of(bench.y, 0.42, 1), bench.z, bench.main)
        return
    bench.box(
        part_of(bench.x, 0.3, 0.7), part_of(bench.y, 0.2, 0.6), part_of(bench.z, 0.4, 1), BLACK
    )
    bench.sphere(bench.x, bench.y, part_of(bench.z, 0, 0.7), bench.main)


def ball(bench: Bench) -> None:
    """A basketball with its seams."""
    bench.sphere(bench.x, bench.y, bench.z, Finish(bench.main.colour, "speckle"))
    seam = 0.012
    bench.cylinder(bench.x, around(bench.h / 2, seam * bench.h), bench.z, BLACK)


def book(bench: Bench) -> None:
    """A book with its spine to the left; the cover turns about it."""
    cover = bench.main
    t = min(0.004, 0.2 * bench.h)
    bench.box(bench.x, (0, t), bench.z, cover)
    bench.box(
        part_of(bench.x, 0.02, 0.97),
        (t, bench.h - t),
        part_of(bench.z, 0.02, 0.98),
        Finish(rgb("#efe9d8"), "stripes"),
    )
    bench.box((bench.x[0], bench.x[0] + t), (0, bench.h), bench.z, cover)
    spine = bench.hinge((0.0, 0.0, 1.0), x=bench.x[0], y=bench.h / 2, turn=0.99 * pi)
    top = (bench.h - t, bench.h)
    bench.box(bench.x, top, bench.z, cover.as_role("door"), spine)
    title = (bench.h - 0.5 * t, bench.h + 0.0006)
    bench.box(
        part_of(bench.x, 0.2, 0.8),
        title,
        part_of(bench.z, 0.2, 0.35),
        Finish(rgb("#e8d9a8"), role="door"),
        spine,
    )


def boots(bench: Bench) -> None:
    """A pair of boots, toes to the front."""
    for side in split(bench.x, 2, gap=0.08 * bench.w):
        bench.box(side, part_of(bench.y, 0.06, 1), part_of(bench.z, 0, 0.45), bench.main)
        bench.box(side, part_of(bench.y, 0.06, 0.35), part_of(bench.z, 0.4, 1), bench.main)
        bench.box(side, part_of(bench.y, 0, 0.07), bench.z, BLACK)


def box(bench: Bench) -> None:
    """A cardboard box with two flaps on top."""
    t = min(0.012, 0.1 * min(bench.size))
    board = Finish(bench.main.colour, "plain")
    rim = bench.h - t
    bench.box(bench.x, (0, t), bench.z, board)
    for x in ((bench.x[0], bench.x[0] + t), (bench.x[1] - t, bench.x[1])):
        bench.box(x, (0, rim), bench.z, board)
    for z in ((bench.z[0], bench.z[0] + t), (bench.z[1] - t, bench.z[1])):
        bench.box(inner(bench.x, t), (0, rim), z, board.darker(0.9))
    tape = Finish(rgb("#d8c290"))
    bench.box(
        around(0, 0.12 * bench.w),
        part_of(bench.y, 0.7, 0.97),
        (bench.z[1] - t, bench.z[1] + 0.001),
        tape,
    )
    flap = board.darker(1.1).as_role("door")
    left, right = split(bench.x, 2, gap=0.002)
    turn = 0.62 * pi
    bench.box(
        left, (rim, bench.h), bench.z, flap, bench.hinge((0, 0, 1), x=left[0], y=rim, turn=turn)
    )
    bench.box(
        right, (rim, bench.h), bench.z, flap, bench.hinge((0, 0, -1), x=right[1], y=rim, turn=turn)
    )
    bench.surface(
        inner(bench.x, 1.5 * t), t, inner(bench.z, 1.5 * t), clearance=rim - t, enclosed=True
    )


def disc(bench: Bench) -> None:
    """A CD."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.9), bench.z, bench.main)
    bench.cylinder(
        part_of(bench.x, 0.33, 0.67), bench.y, part_of(bench.z, 0.33, 0.67), Finish(rgb("#8fb7d9"))
    )
    bench.cylinder(
        part_of(bench.x, 0.44, 0.56), (0, bench.h + 0.001), part_of(bench.z, 0.44, 0.56), BLACK
    )


def phone(bench: Bench) -> None:
    """A phone that lies on its back."""
    bench.box(bench.x, part_of(bench.y, 0, 0.9), bench.z, bench.main)
    bench.box(
        part_of(bench.x, 0.06, 0.94),
        part_of(bench.y, 0.85, 1),
        part_of(bench.z, 0.06, 0.94),
        _SCREEN,
    )


def card(bench: Bench) -> None:
    """A credit card with its strip and chip."""
    bench.box(bench.x, part_of(bench.y, 0, 0.8), bench.z, bench.main)
    bench.box(bench.x, part_of(bench.y, 0.8, 1), part_of(bench.z, 0.12, 0.3), BLACK)
    bench.box(
        part_of(bench.x, 0.1, 0.28),
        part_of(bench.y, 0.8, 1),
        part_of(bench.z, 0.5, 0.75),
        Finish(rgb("#d9b84a")),
    )


def dumbbell(bench: Bench) -> None:
    """A dumbbell along z."""
    bench.box(part_of(bench.x, 0.35, 0.65), part_of(bench.y, 0.35, 0.65), bench.z, STEEL)
    for end in (part_of(bench.z, 0, 0.34), part_of(bench.z, 0.66, 1)):
        bench.sphere(bench.x, bench.y, end, bench.main)


def keys(bench: Bench) -> None:
    """Keys on a ring."""
    bench.cylinder(
        part_of(bench.x, 0, 0.35), part_of(bench.y, 0.1, 0.7), part_of(bench.z, 0.2, 0.8), STEEL
    )
    for z, y in ((0, 0), (0.35, 0.35), (0.7, 0.1)):
        bench.box(
            part_of(bench.x, 0.3, 1),
            part_of(bench.y, y, y + 0.6),
            part_of(bench.z, z, z + 0.18),
            bench.main,
        )
        bench.cylinder(
            part_of(bench.x, 0.28, 0.5),
            part_of(bench.y, y, y + 0.65),
            part_of(bench.z, max(0, z - 0.06), min(1, z + 0.26)),
            bench.main,
        )


def laptop(bench: Bench) -> None:
    """A laptop; closed it lies flat at the bottom of its box, open its screen stands up."""
    t = min(0.02, 0.25 * bench.h)
    lid = min(bench.h - t, 0.85 * bench.d, bench.d - 0.01)
    bench.box(bench.x, (0, t), (bench.z[0] + 0.01, bench.z[1]), bench.main)
    keys_z = (bench.z[0] + 0.12 * bench.d, bench.z[0] + 0.6 * bench.d)
    bench.box(part_of(bench.x, 0.06, 0.94), (t, t + 0.001), keys_z, BLACK)
    bench.box(part_of(bench.x, 0.36, 0.64), (t, t + 0.001), part_of(bench.z, 0.66, 0.94), GREY)
    back = bench.z[0] + 0.012
    hinge = bench.hinge(HINGE_BACK, y=t, z=back, turn=0.5 * pi)
    lid_z = (back, back + lid)
    lid_y = (t + 0.002, min(t + 0.012, bench.h))
    bench.box(bench.x, lid_y, lid_z, bench.main.as_role("door"), hinge)
    screen_z = (back + 0.05 * lid, back + 0.95 * lid)
    bench.box(part_of(bench.x, 0.04, 0.96), (t + 0.001, t + 0.003), screen_z, _SCREEN, hinge)


def newspaper(bench: Bench) -> None:
    """A folded newspaper."""
    paper = Finish(bench.main.colour, "stripes")
    bench.box(bench.x, part_of(bench.y, 0, 0.5), bench.z, paper)
    bench.box(
        part_of(bench.x, 0.02, 0.99), part_of(bench.y, 0.5, 1), part_of(bench.z, 0.01, 0.97), paper
    )
    bench.box(
        part_of(bench.x, 0.1, 0.9), (bench.h, bench.h + 0.001), part_of(bench.z, 0.05, 0.2), GREY
    )


def pen(bench: Bench) -> None:
    """A pen or a pencil along z with its tip to the front."""
    tip = BLACK if bench.type_name == "Pen" else Finish(rgb("#e8cfa0"))
    bench.box(bench.x, bench.y, part_of(bench.z, 0.1, 0.9), bench.main)
    bench.box(
        part_of(bench.x, 0.25, 0.75), part_of(bench.y, 0.25, 0.75), part_of(bench.z, 0.9, 1), tip
    )
    end = WHITE if bench.type_name == "Pen" else Finish(rgb("#d98a8a"))
    bench.box(bench.x, bench.y, part_of(bench.z, 0, 0.1), end)


def pillow(bench: Bench) -> None:
    """A cushion, plump in the middle."""
    fabric = bench.fabric
    bench.sphere(bench.x, bench.y, bench.z, fabric)
    bench.box(
        part_of(bench.x, 0.06, 0.94),
        part_of(bench.y, 0.25, 0.72),
        part_of(bench.z, 0.06, 0.94),
        fabric,
    )


def remote(bench: Bench) -> None:
    """A remote control along z with its buttons."""
    bench.box(bench.x, part_of(bench.y, 0, 0.85), bench.z, bench.main)
    bench.box(
        part_of(bench.x, 0.35, 0.65),
        part_of(bench.y, 0.85, 1),
        part_of(bench.z, 0.06, 0.13),
        Finish(rgb("#c8342b")),
    )
    for row in split(part_of(bench.z, 0.2, 0.85), 4, gap=0.03 * bench.d):
        for column in split(part_of(bench.x, 0.12, 0.88), 2, gap=0.15 * bench.w):
            bench.box(column, part_of(bench.y, 0.85, 1), row, GREY)


def teddy(bench: Bench) -> None:
    """A teddy bear that sits and looks to the front."""
    fur = bench.fabric
    light = Finish(rgb("#d9bd92"), "fabric")
    bench.sphere(
        part_of(bench.x, 0.18, 0.82), part_of(bench.y, 0, 0.58), part_of(bench.z, 0.1, 0.75), fur
    )
    bench.sphere(
        part_of(bench.x, 0.2, 0.8), part_of(bench.y, 0.5, 0.95), part_of(bench.z, 0.12, 0.76), fur
    )
    for x in (0.16, 0.64):
        bench.sphere(
            part_of(bench.x, x, x + 0.2),
            part_of(bench.y, 0.82, 1),
            part_of(bench.z, 0.35, 0.55),
            fur,
        )
    bench.sphere(
        part_of(bench.x, 0.38, 0.62),
        part_of(bench.y, 0.56, 0.74),
        part_of(bench.z, 0.62, 0.86),
        light,
    )
    for x in (0.36, 0.56):
        bench.sphere(
            part_of(bench.x, x, x + 0.07),
            part_of(bench.y, 0.74, 0.79),
            part_of(bench.z, 0.68, 0.76),
            BLACK,
        )
    for x in (0.0, 0.74):
        bench.sphere(
            part_of(bench.x, x, x + 0.26),
            part_of(bench.y, 0.28, 0.52),
            part_of(bench.z, 0.3, 0.7),
            fur,
        )
    for x in (0.1, 0.6):
        bench.sphere(
            part_of(bench.x, x, x + 0.3),
            part_of(bench.y, 0, 0.26),
            part_of(bench.z, 0.45, 1),
            light,
        )


def racket(bench: Bench) -> None:
    """A tennis racket along z, its grip to the front."""
    head = part_of(bench.z, 0, 0.55)
    bench.cylinder(bench.x, part_of(bench.y, 0.1, 0.9), head, bench.main)
    bench.cylinder(
        inner(bench.x, 0.02),
        part_of(bench.y, 0.0, 0.98),
        inner(head, 0.02),
        Finish(rgb("#e9e7dc"), "tiles"),
    )
    bench.box(
        around(0, 0.12 * bench.w),
        part_of(bench.y, 0.1, 0.9),
        part_of(bench.z, 0.54, 0.75),
        bench.main,
    )
    bench.box(around(0, 0.14 * bench.w), bench.y, part_of(bench.z, 0.72, 1), BLACK)


def watch(bench: Bench) -> None:
    """A wrist watch, its strap closed."""
    bench.box(bench.x, part_of(bench.y, 0, 0.4), part_of(bench.z, 0.25, 0.75), bench.main)
    bench.cylinder(part_of(bench.x, 0.22, 0.78), part_of(bench.y, 0.3, 0.9), bench.z, STEEL)
    bench.cylinder(
        part_of(bench.x, 0.3, 0.7), part_of(bench.y, 0.8, 1), part_of(bench.z, 0.12, 0.88), WHITE
    )


def watering_can(bench: Bench) -> None:
    """A can with its spout to the front."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.7), part_of(bench.z, 0.15, 0.7), bench.main)
    spout = around(0, 0.15 * bench.w)
    bench.box(spout, part_of(bench.y, 0.3, 0.42), part_of(bench.z, 0.65, 0.85), bench.main)
    bench.box(spout, part_of(bench.y, 0.3, 0.85), part_of(bench.z, 0.82, 0.9), bench.main)
    bench.box(
        part_of(bench.x, 0.3, 0.7), part_of(bench.y, 0.8, 0.9), part_of(bench.z, 0.82, 1), STEEL
    )
    bench.box(spout, part_of(bench.y, 0.25, 0.33), part_of(bench.z, 0, 0.2), bench.main)
    bench.box(spout, part_of(bench.y, 0.25, 1), part_of(bench.z, 0, 0.07), bench.main)
    bench.box(spout, part_of(bench.y, 0.92, 1), part_of(bench.z, 0, 0.45), bench.main)
    bench.box(spout, part_of(bench.y, 0.68, 1), part_of(bench.z, 0.38, 0.45), BROWN)


PERSONAL: Mapping[str, Callable[[Bench], None]] = {
    "alarm_clock": alarm_clock,
    "bat": bat,
    "ball": ball,
    "book": book,
    "boots": boots,
    "box": box,
    "disc": disc,
    "phone": phone,
    "card": card,
    "dumbbell": dumbbell,
    "keys": keys,
    "laptop": laptop,
    "newspaper": newspaper,
    "pen": pen,
    "pillow": pillow,
    "remote": remote,
    "teddy": teddy,
    "racket": racket,
    "watch": watch,
    "watering_can": watering_can,
}
"""Builders by the name that the catalog uses."""
