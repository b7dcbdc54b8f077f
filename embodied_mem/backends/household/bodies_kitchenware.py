"""Bodies of what one cooks with and eats from."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
    STEEL,
    WATER,
    WHITE,
    Bench,
    Finish,
    Span,
    around,
    inner,
    part_of,
    rgb,
)


def _hollow(bench: Bench, x: Span, y: Span, z: Span, finish: Finish) -> None:
    """A vessel with the liquid that may fill it and the place for things inside."""
    bench.vessel(x, y, z, finish)
    low, high = y
    tall = (high - low) > 0.7 * max(x[1] - x[0], z[1] - z[0])
    width = 0.8 if tall else 0.72
    level = part_of(y, 0.6, 0.8) if tall else part_of(y, 0.55, 0.7)
    bench.cylinder(part_of(x, 1 - width, width), level, part_of(z, 1 - width, width), WATER)
    floor = low + min(0.012, 0.15 * (high - low))
    square = (0.24, 0.76) if tall else (0.2, 0.8)  # The largest square in the round floor.
    bench.surface(part_of(x, *square), floor, part_of(z, *square), clearance=3.0)


def bowl(bench: Bench) -> None:
    """A bowl."""
    _hollow(bench, bench.x, bench.y, bench.z, bench.main)


def plate(bench: Bench) -> None:
    """A flat plate with a raised rim."""
    bench.vessel(bench.x, bench.y, bench.z, bench.main)
    bench.surface(
        part_of(bench.x, 0.16, 0.84), min(0.012, 0.5 * bench.h), part_of(bench.z, 0.16, 0.84)
    )


def cup(bench: Bench) -> None:
    """A tumbler without a handle."""
    _hollow(bench, bench.x, bench.y, bench.z, bench.main)


def _handle(bench: Bench, x: Span, finish: Finish) -> None:
    thick = around(0, min(0.016, 0.2 * bench.d))
    bench.box(x, part_of(bench.y, 0.72, 0.84), thick, finish)
    bench.box(x, part_of(bench.y, 0.2, 0.32), thick, finish)
    bench.box((x[1] - 0.3 * (x[1] - x[0]), x[1]), part_of(bench.y, 0.2, 0.84), thick, finish)


def mug(bench: Bench) -> None:
    """A mug, its handle to the right."""
    round_x = (bench.x[0], bench.x[0] + min(bench.d, 0.8 * bench.w))
    _hollow(bench, round_x, bench.y, bench.z, bench.main)
    _handle(bench, (round_x[1] - 0.01 * bench.w, bench.x[1]), bench.main)


def pan(bench: Bench) -> None:
    """A frying pan, its handle to the front."""
    wide = min(bench.w, 0.68 * bench.d)
    z = (bench.z[0], bench.z[0] + wide)
    x = around(0, wide)
    bench.vessel(x, part_of(bench.y, 0, 0.85), z, bench.main)
    floor = min(0.01, 0.2 * bench.h)
    bench.surface(part_of(x, 0.17, 0.83), floor, part_of(z, 0.17, 0.83))
    bench.box(
        around(0, 0.12 * bench.w),
        part_of(bench.y, 0.6, 1),
        (z[1] - 0.01, bench.z[1]),
        BLACK,
    )


def pot(bench: Bench) -> None:
    """A cooking pot with a handle on either side."""
    z = part_of(bench.z, 0.1, 0.9)
    _hollow(bench, bench.x, bench.y, z, bench.main)
    grip = around(0, 0.32 * bench.w)
    for end in (part_of(bench.z, 0, 0.13), part_of(bench.z, 0.87, 1)):
        bench.box(grip, part_of(bench.y, 0.68, 0.8), end, BLACK)


def kettle(bench: Bench) -> None:
    """A kettle with a lid, a spout and a handle over the top."""
    bench.cylinder(
        inner(bench.x, 0.1 * bench.w),
        part_of(bench.y, 0, 0.5),
        inner(bench.z, 0.1 * bench.d),
        bench.main,
    )
    bench.sphere(
        inner(bench.x, 0.1 * bench.w),
        part_of(bench.y, 0.2, 0.78),
        inner(bench.z, 0.1 * bench.d),
        bench.main,
    )
    lid = bench.hinge((0.0, 0.0, 1.0), x=-0.15 * bench.w, y=0.75 * bench.h, turn=1.2)
    bench.add(
        "cylinder",
        around(0, 0.3 * bench.w),
        part_of(bench.y, 0.74, 0.8),
        around(0, 0.3 * bench.d),
        BLACK.as_role("door"),
        lid,
    )
    bench.box(
        part_of(bench.x, 0.78, 1),
        part_of(bench.y, 0.52, 0.66),
        around(0, 0.12 * bench.d),
        bench.main,
    )
    for side in (part_of(bench.x, 0.14, 0.22), part_of(bench.x, 0.78, 0.86)):
        bench.box(side, part_of(bench.y, 0.6, 1), around(0, 0.1 * bench.d), BLACK)
    bench.box(
        part_of(bench.x, 0.14, 0.86), part_of(bench.y, 0.92, 1), around(0, 0.1 * bench.d), BLACK
    )


def bottle(bench: Bench) -> None:
    """A bottle with shoulders, a neck, a cap and a label."""
    glass = bench.main
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.58), bench.z, glass)
    bench.cone(bench.x, part_of(bench.y, 0.58, 0.92), bench.z, glass)
    neck_x, neck_z = part_of(bench.x, 0.34, 0.66), part_of(bench.z, 0.34, 0.66)
    bench.cylinder(neck_x, part_of(bench.y, 0.55, 0.93), neck_z, glass)
    cap = Finish(rgb("#b03a2e")) if bench.type_name == "WineBottle" else BLACK
    bench.cylinder(neck_x, part_of(bench.y, 0.92, 1), neck_z, cap)
    label = part_of(bench.y, 0.15, 0.42)
    wrap_x, wrap_z = part_of(bench.x, -0.02, 1.02), part_of(bench.z, -0.02, 1.02)
    bench.cylinder(wrap_x, label, wrap_z, Finish(rgb("#e9e2cc")))


def shaker(bench: Bench) -> None:
    """A salt or pepper shaker with a metal cap."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.7), bench.z, bench.main)
    bench.cylinder(
        inner(bench.x, 0.08 * bench.w),
        part_of(bench.y, 0.7, 0.85),
        inner(bench.z, 0.08 * bench.d),
        STEEL,
    )
    bench.sphere(
        inner(bench.x, 0.08 * bench.w),
        part_of(bench.y, 0.7, 1),
        inner(bench.z, 0.08 * bench.d),
        STEEL,
    )


def knife(bench: Bench) -> None:
    """A knife along z, its handle to the front."""
    flat = bench.w >= bench.h
    blade_x = part_of(bench.x, 0.1, 0.9) if flat else around(0, 0.3 * bench.w)
    blade_y = around(bench.h / 2, 0.35 * bench.h) if flat else bench.y
    bench.box(blade_x, blade_y, part_of(bench.z, 0, 0.62), bench.main)
    grip_y = bench.y if flat else part_of(bench.y, 0.3, 0.9)
    bench.box(
        bench.x, grip_y, part_of(bench.z, 0.6, 1), BLACK if bench.type_name == "Knife" else STEEL
    )


def fork(bench: Bench) -> None:
    """A fork along z with three tines."""
    stem_y = part_of(bench.y, 0.2, 0.8)
    bench.box(around(0, 0.35 * bench.w), stem_y, part_of(bench.z, 0.4, 1), bench.main)
    bench.box(bench.x, stem_y, part_of(bench.z, 0.28, 0.42), bench.main)
    for start in (0, 0.4, 0.8):
        bench.box(
            part_of(bench.x, start, start + 0.2), bench.y, part_of(bench.z, 0, 0.3), bench.main
        )


def spoon(bench: Bench) -> None:
    """A spoon along z."""
    bench.box(
        around(0, 0.28 * bench.w), part_of(bench.y, 0.3, 0.8), part_of(bench.z, 0.25, 1), bench.main
    )
    bench.sphere(bench.x, bench.y, part_of(bench.z, 0, 0.32), bench.main)


def ladle(bench: Bench) -> None:
    """A ladle along z."""
    wide = min(bench.w, 0.4 * bench.d)
    bench.vessel(
        around(0, wide), part_of(bench.y, 0, 0.9), (bench.z[0], bench.z[0] + wide), bench.main
    )
    bench.box(
        around(0, 0.16 * bench.w),
        part_of(bench.y, 0.8, 1),
        (bench.z[0] + 0.9 * wide, bench.z[1]),
        bench.main,
    )


def spatula(bench: Bench) -> None:
    """A spatula along z with slots."""
    for span in (
        part_of(bench.x, 0, 0.28),
        part_of(bench.x, 0.36, 0.64),
        part_of(bench.x, 0.72, 1),
    ):
        bench.box(span, part_of(bench.y, 0, 0.35), part_of(bench.z, 0.03, 0.3), bench.main)
    bench.box(bench.x, part_of(bench.y, 0, 0.4), part_of(bench.z, 0, 0.05), bench.main)
    bench.box(bench.x, part_of(bench.y, 0, 0.5), part_of(bench.z, 0.28, 0.33), bench.main)
    bench.box(around(0, 0.2 * bench.w), part_of(bench.y, 0.3, 1), part_of(bench.z, 0.3, 1), BROWN)


def sponge(bench: Bench) -> None:
    """A sponge with a rough side."""
    bench.box(bench.x, part_of(bench.y, 0, 0.75), bench.z, Finish(bench.main.colour, "speckle"))
    bench.box(bench.x, part_of(bench.y, 0.75, 1), bench.z, Finish(rgb("#3d7a46"), "speckle"))


def roll_upright(bench: Bench) -> None:
    """A roll of paper on its end, with its cardboard core."""
    bench.cylinder(
        bench.x, part_of(bench.y, 0, 0.97), bench.z, Finish(bench.main.colour, "stripes")
    )
    bench.cylinder(
        part_of(bench.x, 0.3, 0.7), bench.y, part_of(bench.z, 0.3, 0.7), Finish(rgb("#a88a63"))
    )


def roll(bench: Bench) -> None:
    """A roll that lies in its carton."""
    bench.box(bench.x, part_of(bench.y, 0, 0.8), bench.z, Finish(rgb("#3f6fa8"), "stripes"))
    bench.box(
        part_of(bench.x, 0.02, 0.98),
        part_of(bench.y, 0.75, 1),
        part_of(bench.z, 0.2, 0.8),
        bench.main,
    )


def coaster(bench: Bench) -> None:
    """A shallow dish of stones."""
    bench.vessel(bench.x, bench.y, bench.z, bench.main)
    for x, z in ((0.3, 0.4), (0.5, 0.3), (0.45, 0.55)):
        bench.sphere(
            part_of(bench.x, x, x + 0.22),
            part_of(bench.y, 0.1, 0.8),
            part_of(bench.z, z, z + 0.22),
            WHITE,
        )


KITCHENWARE: Mapping[str, Callable[[Bench], None]] = {
    "bowl": bowl,
    "plate": plate,
    "cup": cup,
    "mug": mug,
    "pan": pan,
    "pot": pot,
    "kettle": kettle,
    "bottle": bottle,
    "shaker": shaker,
    "knife": knife,
    "fork": fork,
    "spoon": spoon,
    "ladle": ladle,
    "spatula": spatula,
    "sponge": sponge,
    "roll_upright": roll_upright,
    "roll": roll,
    "decor_bowl": coaster,
}
"""Builders by the name that the catalog uses."""
