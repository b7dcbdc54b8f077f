"""Bodies of small things of the bathroom."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.parts import Joint
from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
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


def candle(bench: Bench) -> None:
    """A candle whose flame shows while it is lit."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.72), bench.z, bench.main)
    wick = around(0, 0.06 * bench.w)
    bench.cylinder(wick, part_of(bench.y, 0.72, 0.82), wick, BLACK)
    flame = around(0, 0.22 * bench.w)
    bench.cone(flame, part_of(bench.y, 0.8, 1), flame, Finish(rgb("#d98a2b"), role="glow"))


def cloth(bench: Bench) -> None:
    """A folded cloth."""
    fabric = bench.fabric
    bench.box(bench.x, part_of(bench.y, 0, 0.55), bench.z, fabric)
    bench.box(
        part_of(bench.x, 0.05, 0.9),
        part_of(bench.y, 0.55, 1),
        part_of(bench.z, 0.1, 0.97),
        fabric.darker(0.85),
    )


def towel(bench: Bench) -> None:
    """A towel that hangs, with a band near its hem."""
    fabric = bench.fabric
    back, front = part_of(bench.z, 0.05, 0.45), part_of(bench.z, 0.5, 0.95)
    bench.box(bench.x, part_of(bench.y, 0.25, 0.98), back, fabric.darker(0.8))
    bench.box(bench.x, part_of(bench.y, 0, 0.98), front, fabric)
    bench.box(bench.x, part_of(bench.y, 0.9, 1), part_of(bench.z, 0.05, 0.95), fabric)
    bench.box(bench.x, part_of(bench.y, 0.1, 0.17), part_of(bench.z, 0.5, 1), WHITE)


def plunger(bench: Bench) -> None:
    """A plunger that stands on its rubber cup."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.08), bench.z, bench.main)
    bench.sphere(bench.x, part_of(bench.y, 0, 0.24), bench.z, bench.main)
    stick = around(0, 0.17 * bench.w)
    bench.cylinder(stick, part_of(bench.y, 0.2, 1), stick, BROWN)


def scrub_brush(bench: Bench) -> None:
    """A toilet brush in its stand."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.35), bench.z, bench.main)
    bench.cylinder(
        part_of(bench.x, 0.2, 0.8), part_of(bench.y, 0.35, 0.42), part_of(bench.z, 0.2, 0.8), STEEL
    )
    stick = around(0, 0.17 * bench.w)
    bench.cylinder(stick, part_of(bench.y, 0.4, 1), stick, bench.main)


def soap_bar(bench: Bench) -> None:
    """A bar of soap."""
    bench.box(
        inner(bench.x, 0.08 * bench.w),
        part_of(bench.y, 0, 0.9),
        inner(bench.z, 0.08 * bench.d),
        bench.main,
    )
    bench.sphere(bench.x, bench.y, bench.z, bench.main)


def soap_bottle(bench: Bench) -> None:
    """A bottle with a pump."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.66), bench.z, bench.main)
    bench.box(
        part_of(bench.x, 0.2, 0.8), part_of(bench.y, 0.2, 0.5), part_of(bench.z, 0.5, 1.0), WHITE
    )
    neck_x, neck_z = part_of(bench.x, 0.32, 0.68), part_of(bench.z, 0.32, 0.68)
    bench.cylinder(neck_x, part_of(bench.y, 0.66, 0.76), neck_z, WHITE)
    stem_x, stem_z = part_of(bench.x, 0.44, 0.56), part_of(bench.z, 0.44, 0.56)
    bench.cylinder(stem_x, part_of(bench.y, 0.74, 0.94), stem_z, WHITE)
    bench.box(
        part_of(bench.x, 0.36, 0.64), part_of(bench.y, 0.92, 1), part_of(bench.z, 0.36, 0.98), WHITE
    )


def spray_bottle(bench: Bench) -> None:
    """A bottle with a trigger, its nozzle to the front."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.6), part_of(bench.z, 0.05, 0.75), bench.main)
    bench.cone(bench.x, part_of(bench.y, 0.6, 0.86), part_of(bench.z, 0.05, 0.75), bench.main)
    white = WHITE
    bench.box(
        part_of(bench.x, 0.25, 0.75), part_of(bench.y, 0.84, 1), part_of(bench.z, 0.1, 0.9), white
    )
    bench.box(
        part_of(bench.x, 0.35, 0.65), part_of(bench.y, 0.88, 0.96), part_of(bench.z, 0.9, 1), BLACK
    )
    bench.box(
        part_of(bench.x, 0.35, 0.65),
        part_of(bench.y, 0.66, 0.86),
        part_of(bench.z, 0.66, 0.76),
        BLACK,
    )


def tissue_box(bench: Bench) -> None:
    """A box with a tissue that sticks out."""
    bench.box(bench.x, part_of(bench.y, 0, 0.75), bench.z, Finish(bench.main.colour, "stripes"))
    bench.cylinder(
        part_of(bench.x, 0.25, 0.75),
        part_of(bench.y, 0.74, 0.77),
        part_of(bench.z, 0.2, 0.8),
        BLACK,
    )
    bench.cone(
        part_of(bench.x, 0.32, 0.68), part_of(bench.y, 0.75, 1), part_of(bench.z, 0.35, 0.65), WHITE
    )


def towel_holder(bench: Bench) -> None:
    """A rail on two brackets, or a ring where it is narrow; towels hang from its front."""
    post = min(0.03, 0.2 * bench.w)
    for x in ((bench.x[0], bench.x[0] + post), (bench.x[1] - post, bench.x[1])):
        bench.box(x, bench.y, part_of(bench.z, 0, 0.9), bench.main)
    rail = around(bench.h / 2, min(0.025, 0.6 * bench.h))
    bench.box(bench.x, rail, part_of(bench.z, 0.65, 0.95), bench.main)
    bench.surface(inner(bench.x, 0.01), bench.h, bench.z)


def paper_hanger(bench: Bench) -> None:
    """An arm on a plate that carries a roll."""
    bench.box(part_of(bench.x, 0, 0.2), bench.y, part_of(bench.z, 0, 0.15), bench.main)
    bench.box(
        part_of(bench.x, 0, 0.2),
        part_of(bench.y, 0.35, 0.65),
        part_of(bench.z, 0.1, 0.65),
        bench.main,
    )
    bench.box(bench.x, part_of(bench.y, 0.38, 0.62), part_of(bench.z, 0.45, 0.65), bench.main)
    bench.surface(part_of(bench.x, 0.2, 1), 0.62 * bench.h, bench.z)


def curtain(bench: Bench) -> None:
    """A curtain in folds under its rod; a shower's opens by gathering its folds at the left."""
    slides = bench.type_name == "ShowerCurtain"
    count = max(6, min(16, round(bench.w / 0.12)))
    fabric = bench.fabric.as_role("door")
    rod = part_of(bench.y, 0.975, 1)
    bench.box(bench.x, rod, around(0, 0.25 * bench.d), STEEL)
    folds = split(bench.x, count)
    for i, fold in enumerate(folds):
        depth = part_of(bench.z, 0.1, 0.6) if i % 2 else part_of(bench.z, 0.4, 0.9)
        joint = _slide_left(0.8 * (fold[0] - bench.x[0])) if slides else None
        bench.box(
            fold, part_of(bench.y, 0, 0.97), depth, fabric.darker(0.85) if i % 2 else fabric, joint
        )


def _slide_left(way: float) -> Joint:
    return Joint(kind="slide", axis=(-1.0, 0.0, 0.0), travel=way)


def blinds(bench: Bench) -> None:
    """Slats packed under a head rail; opening lets them down over the window."""
    bench.box(bench.x, part_of(bench.y, 0.8, 1), bench.z, bench.main.darker(0.9))
    slats = split((0.0, 0.8 * bench.h), 12, gap=0.001)
    drop = 1.05 * bench.w
    for i, slat in enumerate(slats):
        way = Joint(
            kind="slide", axis=(0.0, -1.0, 0.0), travel=drop * (len(slats) - i) / len(slats)
        )
        bench.box(
            inner(bench.x, 0.005), slat, inner(bench.z, 0.003), bench.main.as_role("door"), way
        )


BATH: Mapping[str, Callable[[Bench], None]] = {
    "candle": candle,
    "cloth": cloth,
    "towel": towel,
    "plunger": plunger,
    "scrub_brush": scrub_brush,
    "soap_bar": soap_bar,
    "soap_bottle": soap_bottle,
    "spray_bottle": spray_bottle,
    "tissue_box": tissue_box,
    "towel_holder": towel_holder,
    "paper_hanger": paper_hanger,
    "curtain": curtain,
    "blinds": blinds,
}
"""Builders by the name that the catalog uses."""
