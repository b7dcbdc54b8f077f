"""Bodies of machines."""

from collections.abc import Callable, Mapping
from math import pi

from embodied_mem.backends.household.bodies_storage import carcass
from embodied_mem.backends.household.solids import (
    BLACK,
    GREY,
    HINGE_LEFT,
    HINGE_RIGHT,
    STEEL,
    WHITE,
    Bench,
    Finish,
    Span,
    around,
    inner,
    part_of,
    rgb,
    split,
)

_SCREEN = Finish(rgb("#0c1828"), role="glow")
_LAMP = Finish(rgb("#7a2b20"), role="glow")
_DISPLAY = Finish(rgb("#2f6b45"), role="glow")


def fridge(bench: Bench) -> None:
    """A fridge: a white cavity with shelves behind one door, or two where it is wide."""
    wall = min(0.05, 0.08 * min(bench.w, bench.d))
    door = min(0.07, 0.12 * bench.d)
    front = bench.z[1] - 0.03 - door
    carcass(bench, bench.x, bench.y, (bench.z[0], front), bench.main, wall)
    x, y = inner(bench.x, wall), inner(bench.y, wall)
    lining = 0.006
    bench.box(x, y, (bench.z[0] + wall, bench.z[0] + wall + lining), WHITE)
    _fridge_doors(bench, (front + 0.004, front + 0.004 + door))
    floors = max(2, min(5, round(bench.h / 0.38)))
    inside = (bench.z[0] + wall + lining, front - 0.02)
    step = (y[1] - y[0]) / floors
    for i in range(floors):
        level = y[0] + i * step + 0.01
        bench.box(x, (level - 0.01, level), inside, Finish(rgb("#d5e4e8")))
        bench.surface(
            inner(x, 0.02), level, inner(inside, 0.02), clearance=step - 0.02, enclosed=True
        )


def _fridge_doors(bench: Bench, z: Span) -> None:
    leaves = split(bench.x, 2, gap=0.006) if bench.w > 0.95 else (bench.x,)
    seam = 0.66 * bench.h
    for i, leaf in enumerate(leaves):
        left = len(leaves) > 1 and i == 0
        axis, edge = (HINGE_LEFT, leaf[0]) if left else (HINGE_RIGHT, leaf[1])
        joint = bench.hinge(axis, x=edge, z=z[0], turn=0.52 * pi)
        for y in ((0.03, seam - 0.004), (seam + 0.004, bench.h - 0.005)):
            bench.box(leaf, y, z, bench.main.as_role("door"), joint)
        inside = (z[0] - 0.003, z[0])
        bench.box(inner(leaf, 0.03), (0.06, bench.h - 0.03), inside, WHITE.as_role("door"), joint)
        free = leaf[1] - 0.05 if left else leaf[0] + 0.05
        for y in ((seam - 0.45 * seam, seam - 0.06), (seam + 0.05, seam + 0.6 * (bench.h - seam))):
            bench.box(
                around(free, 0.022),
                y,
                (z[1], z[1] + 0.026),
                STEEL.darker(0.75).as_role("door"),
                joint,
            )


def microwave(bench: Bench) -> None:
    """A microwave oven: a cavity behind a glass door, buttons to the right."""
    wall = min(0.025, 0.08 * bench.h)
    front = bench.z[1] - 0.035
    oven = part_of(bench.x, 0, 0.74)
    carcass(bench, oven, bench.y, (bench.z[0], front), bench.main, wall)
    panel = (oven[1], bench.x[1])
    bench.box(panel, bench.y, (bench.z[0], front + 0.02), bench.main)
    bench.box(
        inner(panel, 0.015), part_of(bench.y, 0.72, 0.88), (front + 0.02, front + 0.024), _DISPLAY
    )
    for row in split(part_of(bench.y, 0.15, 0.65), 4, gap=0.012):
        for button in split(inner(panel, 0.02), 3, gap=0.008):
            bench.box(button, row, (front + 0.02, front + 0.024), GREY)
    joint = bench.hinge(HINGE_LEFT, x=oven[0], z=front, turn=0.52 * pi)
    door_z = (front + 0.001, front + 0.02)
    frame = Finish(bench.main.colour, role="door").darker(0.8)
    edge = min(0.05, 0.15 * bench.h)
    bench.box(oven, (0, edge), door_z, frame, joint)
    bench.box(oven, (bench.h - edge, bench.h), door_z, frame, joint)
    for x in ((oven[0], oven[0] + edge), (oven[1] - edge, oven[1])):
        bench.box(x, (edge, bench.h - edge), door_z, frame, joint)
    tinted = Finish(rgb("#2b3338"), role="glass")
    bench.box(
        inner(oven, edge), inner(bench.y, edge), (front + 0.006, front + 0.012), tinted, joint
    )
    bench.box(
        around(oven[1] - 0.5 * edge, 0.014),
        part_of(bench.y, 0.2, 0.8),
        (front + 0.02, bench.z[1]),
        STEEL.as_role("door"),
        joint,
    )
    inside_x, inside_z = inner(oven, wall), (bench.z[0] + wall, front)
    bench.box(inside_x, (wall, wall + 0.004), inside_z, WHITE)
    bench.surface(
        inner(inside_x, 0.015), wall + 0.004, inner(inside_z, 0.015),
        clearance=bench.h - 2 * wall - 0.01, enclosed=True,
    )  # fmt: skip


def washer(bench: Bench) -> None:
    """A washing machine or a dryer: a drum behind a door with a window, controls above."""
    front = bench.z[1] - 0.05
    bands = (0.14 * bench.h, 0.8 * bench.h)
    wall = 0.05
    bench.box(bench.x, (0, bands[0]), (bench.z[0], front), bench.main)
    bench.box(bench.x, (bands[1], bench.h), (bench.z[0], front), bench.main)
    bench.box(bench.x, bands, (bench.z[0], bench.z[0] + wall), GREY)
    side = 0.14 * bench.w
    for x in ((bench.x[0], bench.x[0] + side), (bench.x[1] - side, bench.x[1])):
        bench.box(x, bands, (bench.z[0] + wall, front), bench.main)
    bench.box(
        part_of(bench.x, 0.04, 0.35), part_of(bench.y, 0.86, 0.96), (front, front + 0.01), GREY
    )
    bench.box(
        part_of(bench.x, 0.45, 0.6), part_of(bench.y, 0.87, 0.95), (front, front + 0.02), STEEL
    )
    bench.box(
        part_of(bench.x, 0.7, 0.92), part_of(bench.y, 0.88, 0.94), (front, front + 0.006), _DISPLAY
    )
    hole = inner(bench.x, side)
    joint = bench.hinge(HINGE_LEFT, x=hole[0], z=front, turn=0.53 * pi)
    rim = STEEL.as_role("door")
    door_z = (front, front + 0.035)
    edge = 0.16 * (hole[1] - hole[0])
    bench.box(hole, (bands[0], bands[0] + edge), door_z, rim, joint)
    bench.box(hole, (bands[1] - edge, bands[1]), door_z, rim, joint)
    for x in ((hole[0], hole[0] + edge), (hole[1] - edge, hole[1])):
        bench.box(x, inner(bands, edge), door_z, rim, joint)
    bench.box(
        inner(hole, edge),
        inner(bands, edge),
        (front + 0.01, front + 0.03),
        Finish(rgb("#33414a"), role="door"),
        joint,
    )
    bench.surface(
        inner(hole, 0.02), bands[0], (bench.z[0] + wall + 0.02, front - 0.02),
        clearance=bands[1] - bands[0], enclosed=True,
    )  # fmt: skip


def stove(bench: Bench) -> None:
    """A burner; where it is tall, a whole range with an oven front below it."""
    plate = min(0.02, 0.6 * bench.h)
    if bench.h > 0.4:
        bench.box(bench.x, (0, bench.h - plate), (bench.z[0], bench.z[1] - 0.03), bench.main)
        bench.box(
            part_of(bench.x, 0.08, 0.92),
            part_of(bench.y, 0.2, 0.62),
            (bench.z[1] - 0.03, bench.z[1] - 0.015),
            BLACK,
        )
        bench.box(
            part_of(bench.x, 0.1, 0.9),
            part_of(bench.y, 0.66, 0.69),
            (bench.z[1] - 0.03, bench.z[1]),
            STEEL,
        )
        for knob in split(part_of(bench.x, 0.1, 0.9), 4, gap=0.1 * bench.w):
            bench.box(
                around(sum(knob) / 2, 0.04),
                part_of(bench.y, 0.82, 0.87),
                (bench.z[1] - 0.03, bench.z[1] - 0.005),
                BLACK,
            )
        bench.box(bench.x, (bench.h - plate, bench.h - 0.006), bench.z, BLACK)
    else:
        bench.cylinder(bench.x, (0, bench.h - 0.3 * plate), bench.z, bench.main)
    top = (bench.h - 0.012, bench.h)
    x, z = (
        (bench.x, bench.z)
        if bench.h <= 0.4
        else (inner(bench.x, 0.25 * bench.w), inner(bench.z, 0.25 * bench.d))
    )
    bench.cylinder(inner(x, 0.02), top, inner(z, 0.02), _LAMP)
    bench.cylinder(part_of(x, 0.35, 0.65), (top[0], bench.h + 0.001), part_of(z, 0.35, 0.65), BLACK)
    bench.surface(bench.x, bench.h, bench.z)


def knob(bench: Bench) -> None:
    """A dial whose mark glows while it is turned on."""
    bench.box(bench.x, bench.y, part_of(bench.z, 0, 0.6), bench.main)
    bench.box(
        part_of(bench.x, 0.4, 0.6), part_of(bench.y, 0.05, 0.95), part_of(bench.z, 0.6, 1), STEEL
    )
    bench.box(
        part_of(bench.x, 0.42, 0.58),
        part_of(bench.y, 0.75, 0.92),
        part_of(bench.z, 0.9, 1.02),
        _LAMP,
    )


def toaster(bench: Bench) -> None:
    """A toaster with two slots along z and a lever."""
    rim = 0.62 * bench.h
    bench.box(part_of(bench.x, 0.04, 0.96), (0.02, rim), part_of(bench.z, 0.02, 0.94), bench.main)
    bench.box(bench.x, (0, 0.025), part_of(bench.z, 0, 0.96), BLACK)
    z = part_of(bench.z, 0.02, 0.94)
    for x in (
        part_of(bench.x, 0.04, 0.2),
        part_of(bench.x, 0.42, 0.58),
        part_of(bench.x, 0.8, 0.96),
    ):
        bench.box(x, (rim, bench.h), z, bench.main)
    for end in (part_of(bench.z, 0.02, 0.12), part_of(bench.z, 0.84, 0.94)):
        bench.box(part_of(bench.x, 0.04, 0.96), (rim, bench.h), end, bench.main)
    for x in (part_of(bench.x, 0.2, 0.42), part_of(bench.x, 0.58, 0.8)):
        bench.box(x, (rim, rim + 0.004), part_of(bench.z, 0.12, 0.84), _LAMP)
    bench.box(
        part_of(bench.x, 0.4, 0.6), part_of(bench.y, 0.55, 0.68), part_of(bench.z, 0.94, 1), BLACK
    )
    bench.surface(
        part_of(bench.x, 0.06, 0.94), rim + 0.004, part_of(bench.z, 0.08, 0.88), clearance=3.0
    )


def coffee_machine(bench: Bench) -> None:
    """A machine with a drip tray, a column and a head over the place for a mug."""
    tray = 0.1 * bench.h
    bench.box(bench.x, (0, tray), bench.z, bench.main)
    bench.box(
        part_of(bench.x, 0.1, 0.9),
        (tray, tray + 0.004),
        part_of(bench.z, 0.42, 0.96),
        Finish(rgb("#5a5d61"), "stripes"),
    )
    bench.box(bench.x, (tray, bench.h), part_of(bench.z, 0, 0.36), bench.main)
    head = 0.7 * bench.h
    bench.box(bench.x, (head, bench.h), part_of(bench.z, 0.36, 0.94), bench.main)
    nozzle = around(0, 0.12 * bench.w)
    bench.cylinder(nozzle, (head - 0.05 * bench.h, head), part_of(bench.z, 0.58, 0.7), STEEL)
    bench.box(
        part_of(bench.x, 0.15, 0.85),
        part_of(bench.y, 0.78, 0.92),
        part_of(bench.z, 0.94, 0.97),
        STEEL,
    )
    for x in (0.3, 0.55):
        bench.box(
            part_of(bench.x, x, x + 0.15),
            part_of(bench.y, 0.81, 0.89),
            part_of(bench.z, 0.97, 1),
            _LAMP,
        )
    bench.surface(
        part_of(bench.x, 0.06, 0.94), tray + 0.004, part_of(bench.z, 0.38, 0.98),
        clearance=0.9 * head - tray,
    )  # fmt: skip


def television(bench: Bench) -> None:
    """A flat screen on a foot, which shows a picture while it is on."""
    foot = min(0.02, 0.05 * bench.h)
    low = 0.09 * bench.h
    bench.box(part_of(bench.x, 0.28, 0.72), (0, foot), bench.z, bench.main)
    bench.box(
        around(0, 0.1 * bench.w), (foot, 0.3 * bench.h), around(0, 0.25 * bench.d), bench.main
    )
    panel = around(0, min(0.07, 0.5 * bench.d))
    bench.box(bench.x, (low, bench.h), panel, bench.main)
    edge = 0.02 * bench.w
    screen_x, screen_y = inner(bench.x, edge), inner((low, bench.h), edge)
    bench.box(screen_x, screen_y, (panel[1], panel[1] + 0.004), _SCREEN)
    hill = Finish(rgb("#0d1a14"), role="glow")
    bench.box(screen_x, part_of(screen_y, 0, 0.35), (panel[1] + 0.004, panel[1] + 0.006), hill)


def monitor(bench: Bench) -> None:
    """A computer: monitor at the back, keyboard in front of it."""
    bench.box(part_of(bench.x, 0.3, 0.7), (0, 0.02), part_of(bench.z, 0, 0.5), bench.main)
    bench.box(
        around(0, 0.08 * bench.w), (0.02, 0.4 * bench.h), part_of(bench.z, 0.1, 0.2), bench.main
    )
    bench.box(
        part_of(bench.x, 0.02, 0.98),
        part_of(bench.y, 0.18, 1),
        part_of(bench.z, 0.2, 0.36),
        bench.main,
    )
    bench.box(
        part_of(bench.x, 0.04, 0.96),
        part_of(bench.y, 0.22, 0.97),
        part_of(bench.z, 0.36, 0.4),
        _SCREEN,
    )
    bench.box(part_of(bench.x, 0.05, 0.8), (0, 0.02), part_of(bench.z, 0.55, 1), GREY)
    bench.box(
        part_of(bench.x, 0.08, 0.77),
        (0.02, 0.026),
        part_of(bench.z, 0.6, 0.95),
        Finish(rgb("#3a3c40"), "tiles"),
    )
    bench.box(part_of(bench.x, 0.86, 0.96), (0, 0.03), part_of(bench.z, 0.6, 0.95), GREY)


def vacuum(bench: Bench) -> None:
    """An upright vacuum cleaner."""
    bench.box(bench.x, part_of(bench.y, 0, 0.1), part_of(bench.z, 0.3, 1), bench.main)
    bench.cylinder(
        part_of(bench.x, 0.25, 0.75),
        part_of(bench.y, 0.08, 0.55),
        part_of(bench.z, 0.1, 0.55),
        GREY,
    )
    bench.cylinder(
        part_of(bench.x, 0.3, 0.7),
        part_of(bench.y, 0.5, 0.66),
        part_of(bench.z, 0.14, 0.5),
        bench.main,
    )
    bench.cylinder(
        around(0, 0.1 * bench.w), part_of(bench.y, 0.6, 1), part_of(bench.z, 0.1, 0.22), BLACK
    )
    bench.box(
        around(0, 0.12 * bench.w), part_of(bench.y, 0.94, 1), part_of(bench.z, 0, 0.4), bench.main
    )


APPLIANCES: Mapping[str, Callable[[Bench], None]] = {
    "fridge": fridge,
    "microwave": microwave,
    "washer": washer,
    "stove": stove,
    "knob": knob,
    "toaster": toaster,
    "coffee_machine": coffee_machine,
    "television": television,
    "monitor": monitor,
    "vacuum": vacuum,
}
"""Builders by the name that the catalog uses."""
