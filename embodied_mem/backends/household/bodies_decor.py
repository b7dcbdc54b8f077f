"""Bodies of what is there for its looks: plants, lamps, vases, statues, pictures."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
    GREEN,
    GREY,
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


def plant(bench: Bench) -> None:
    """A pot with a leafy plant."""
    pot = 0.34
    width = 0.62
    pot_x, pot_z = (
        inner(bench.x, (1 - width) / 2 * bench.w),
        inner(bench.z, (1 - width) / 2 * bench.d),
    )
    bench.vessel(pot_x, part_of(bench.y, 0, pot), pot_z, bench.main)
    bench.cylinder(
        inner(pot_x, 0.04 * bench.w),
        part_of(bench.y, 0.2, pot - 0.04),
        inner(pot_z, 0.04 * bench.d),
        Finish(rgb("#3a2a1e"), "speckle"),
    )
    stem = around(0, 0.05 * bench.w)
    bench.cylinder(stem, part_of(bench.y, pot - 0.06, 0.8), stem, BROWN)
    if bench.variant % 2:
        for i, (low, high) in enumerate(((0.36, 0.7), (0.5, 0.85), (0.65, 1.0))):
            margin = 0.02 + 0.1 * i
            bench.cone(
                inner(bench.x, margin * bench.w),
                part_of(bench.y, low, high),
                inner(bench.z, margin * bench.d),
                GREEN.darker(0.8 + 0.15 * i),
            )
        return
    clumps = (
        (0.0, 0.25, 0.36),
        (0.42, 0.0, 0.42),
        (0.3, 0.42, 0.38),
        (0.05, 0.05, 0.55),
        (0.4, 0.4, 0.6),
    )
    for i, (x, z, y) in enumerate(clumps):
        bench.sphere(
            part_of(bench.x, x, x + 0.57),
            part_of(bench.y, y, y + 0.4),
            part_of(bench.z, z, z + 0.57),
            GREEN.darker(0.75 + 0.12 * i),
        )


def lamp(bench: Bench) -> None:
    """A lamp on a foot; its shade glows while it is on."""
    foot = 0.55 if bench.h < 1 else 0.7
    margin = (1 - foot) / 2
    base = min(0.03, 0.06 * bench.h)
    metal = GREY.darker(0.5)
    bench.cylinder(
        inner(bench.x, margin * bench.w), (0, base), inner(bench.z, margin * bench.d), metal
    )
    pole = around(0, min(0.03, 0.12 * bench.w))
    bench.cylinder(pole, (base, 0.85 * bench.h), pole, metal)
    shade = (0.6, 1.0) if bench.h < 1 else (0.78, 1.0)
    glow = bench.fabric.as_role("glow")
    if bench.variant % 2:
        bench.cone(bench.x, part_of(bench.y, shade[0], 1 + 0.0 * shade[1]), bench.z, glow)
    else:
        bench.cylinder(
            inner(bench.x, 0.06 * bench.w),
            part_of(bench.y, *shade),
            inner(bench.z, 0.06 * bench.d),
            glow,
        )
        ring = bench.main.darker(0.5)
        bench.cylinder(bench.x, part_of(bench.y, shade[0], shade[0] + 0.02), bench.z, ring)


def vase(bench: Bench) -> None:
    """A vase with a belly and a neck."""
    bench.cylinder(
        part_of(bench.x, 0.22, 0.78),
        part_of(bench.y, 0, 0.12),
        part_of(bench.z, 0.22, 0.78),
        bench.main,
    )
    bench.sphere(bench.x, part_of(bench.y, 0.02, 0.7), bench.z, bench.main)
    bench.vessel(
        part_of(bench.x, 0.26, 0.74),
        part_of(bench.y, 0.6, 1),
        part_of(bench.z, 0.26, 0.74),
        bench.main,
    )
    band = Finish(rgb("#e6dcc0"))
    bench.cylinder(
        part_of(bench.x, -0.005, 1.005),
        part_of(bench.y, 0.34, 0.38),
        part_of(bench.z, -0.005, 1.005),
        band,
    )


def statue(bench: Bench) -> None:
    """A bust on a plinth."""
    stone = Finish(bench.main.colour, "speckle")
    bench.box(
        part_of(bench.x, 0.08, 0.92),
        part_of(bench.y, 0, 0.14),
        part_of(bench.z, 0.05, 0.95),
        stone.darker(0.6),
    )
    bench.cone(bench.x, part_of(bench.y, 0.14, 0.85), part_of(bench.z, 0.1, 0.9), stone)
    bench.sphere(
        part_of(bench.x, 0.05, 0.95),
        part_of(bench.y, 0.34, 0.62),
        part_of(bench.z, 0.15, 0.85),
        stone,
    )
    bench.cylinder(
        part_of(bench.x, 0.38, 0.62),
        part_of(bench.y, 0.5, 0.75),
        part_of(bench.z, 0.36, 0.64),
        stone,
    )
    bench.sphere(
        part_of(bench.x, 0.24, 0.76), part_of(bench.y, 0.66, 1), part_of(bench.z, 0.2, 0.8), stone
    )
    bench.box(
        part_of(bench.x, 0.46, 0.54),
        part_of(bench.y, 0.78, 0.86),
        part_of(bench.z, 0.75, 0.88),
        stone,
    )


def decor_tall(bench: Bench) -> None:
    """A floor vase with dry reeds."""
    bench.cylinder(
        part_of(bench.x, 0.2, 0.8), part_of(bench.y, 0, 0.06), part_of(bench.z, 0.2, 0.8), BLACK
    )
    bench.sphere(bench.x, part_of(bench.y, 0, 0.5), bench.z, Finish(rgb("#6d4a38"), "stripes"))
    bench.cylinder(
        part_of(bench.x, 0.3, 0.7),
        part_of(bench.y, 0.42, 0.56),
        part_of(bench.z, 0.3, 0.7),
        Finish(rgb("#6d4a38")),
    )
    for x, z, high in (
        (0.3, 0.35, 0.9),
        (0.45, 0.5, 1.0),
        (0.6, 0.4, 0.94),
        (0.5, 0.62, 0.86),
        (0.38, 0.58, 0.97),
    ):
        reed_x, reed_z = part_of(bench.x, x, x + 0.04), part_of(bench.z, z, z + 0.04)
        bench.cylinder(reed_x, part_of(bench.y, 0.5, high - 0.08), reed_z, bench.main)
        bench.sphere(
            part_of(bench.x, x - 0.04, x + 0.08),
            part_of(bench.y, high - 0.18, high),
            part_of(bench.z, z - 0.04, z + 0.08),
            bench.main,
        )


def garbage_bag(bench: Bench) -> None:
    """A full bag with a knot."""
    bench.sphere(bench.x, part_of(bench.y, 0, 0.85), bench.z, bench.main)
    bench.cylinder(
        part_of(bench.x, 0.12, 0.88),
        part_of(bench.y, 0, 0.4),
        part_of(bench.z, 0.12, 0.88),
        bench.main,
    )
    bench.cone(
        part_of(bench.x, 0.2, 0.8),
        part_of(bench.y, 0.65, 0.95),
        part_of(bench.z, 0.2, 0.8),
        bench.main,
    )
    bench.sphere(
        part_of(bench.x, 0.38, 0.62),
        part_of(bench.y, 0.86, 1),
        part_of(bench.z, 0.38, 0.62),
        Finish(rgb("#c7a52c")),
    )


def painting(bench: Bench) -> None:
    """A framed picture of hills under a sky."""
    edge = min(0.05, 0.1 * min(bench.w, bench.h))
    frame = BLACK if bench.variant % 3 == 1 else BROWN if bench.variant % 3 == 0 else WHITE
    bench.box(bench.x, (0, edge), bench.z, frame)
    bench.box(bench.x, (bench.h - edge, bench.h), bench.z, frame)
    for x in ((bench.x[0], bench.x[0] + edge), (bench.x[1] - edge, bench.x[1])):
        bench.box(x, (edge, bench.h - edge), bench.z, frame)
    x, y = inner(bench.x, edge), inner(bench.y, edge)
    front = part_of(bench.z, 0.1, 0.6)
    bench.box(x, y, front, Finish(rgb("#efe8d6")))
    layer = part_of(bench.z, 0.6, 0.75)
    bench.box(part_of(x, 0.06, 0.94), part_of(y, 0.45, 0.92), layer, Finish(rgb("#b8d3e0")))
    bench.box(part_of(x, 0.06, 0.94), part_of(y, 0.08, 0.45), layer, bench.main)
    near = part_of(bench.z, 0.75, 0.85)
    bench.box(part_of(x, 0.3, 0.94), part_of(y, 0.08, 0.3), near, bench.main.darker(0.5))
    bench.box(part_of(x, 0.12, 0.45), part_of(y, 0.35, 0.6), near, bench.main.darker(0.7))
    bench.box(part_of(x, 0.66, 0.8), part_of(y, 0.66, 0.84), near, Finish(rgb("#f0c96a")))


def mirror(bench: Bench) -> None:
    """A mirror in a thin frame."""
    bench.box(bench.x, bench.y, part_of(bench.z, 0, 0.7), STEEL.darker(0.6))
    edge = min(0.025, 0.06 * bench.w)
    bench.box(inner(bench.x, edge), inner(bench.y, edge), part_of(bench.z, 0.6, 0.9), bench.main)
    for shift in (0.2, 0.32):
        gleam = part_of(inner(bench.x, edge), shift, shift + 0.05)
        bench.box(
            gleam, part_of(bench.y, 0.3 + shift, 0.6 + shift), part_of(bench.z, 0.9, 0.95), WHITE
        )


def light_switch(bench: Bench) -> None:
    """A wall plate with a rocker."""
    bench.box(bench.x, bench.y, part_of(bench.z, 0, 0.5), bench.main)
    count = 1 if bench.w < 0.16 else 2
    for rocker in split(part_of(bench.x, 0.2, 0.8), count, gap=0.02 if count > 1 else 0):
        bench.box(
            rocker,
            part_of(bench.y, 0.25, 0.75),
            part_of(bench.z, 0.5, 1),
            Finish(rgb("#c9b98a"), role="glow"),
        )


def window(bench: Bench) -> None:
    """A window that looks out on a hedge and the sky."""
    edge = min(0.06, 0.1 * min(bench.w, bench.h))
    frame = bench.main
    bench.box(bench.x, (0, edge), bench.z, frame)
    bench.box(bench.x, (bench.h - edge, bench.h), bench.z, frame)
    for x in ((bench.x[0], bench.x[0] + edge), (bench.x[1] - edge, bench.x[1])):
        bench.box(x, (edge, bench.h - edge), bench.z, frame)
    bar = around(bench.h / 2, 0.6 * edge) if bench.w < 1.2 * bench.h else None
    if bar:
        bench.box(inner(bench.x, edge), bar, part_of(bench.z, 0.25, 0.75), frame)
    else:
        bench.box(around(0, 0.6 * edge), inner(bench.y, edge), part_of(bench.z, 0.25, 0.75), frame)
    pane = part_of(bench.z, 0.4, 0.6)
    views = (
        (0.0, 0.22, "#7d9b6a"),
        (0.22, 0.45, "#d9ecf5"),
        (0.45, 0.72, "#bfe0f5"),
        (0.72, 1.0, "#a3d0f0"),
    )
    for low, high, colour in views:
        bench.box(
            inner(bench.x, edge),
            part_of(inner(bench.y, edge), low, high),
            pane,
            Finish(rgb(colour)),
        )


DECOR: Mapping[str, Callable[[Bench], None]] = {
    "plant": plant,
    "lamp": lamp,
    "vase": vase,
    "statue": statue,
    "decor_tall": decor_tall,
    "garbage_bag": garbage_bag,
    "painting": painting,
    "mirror": mirror,
    "light_switch": light_switch,
    "window": window,
}
"""Builders by the name that the catalog uses."""
