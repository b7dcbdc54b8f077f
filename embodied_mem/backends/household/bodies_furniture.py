"""Bodies of tables, seats and beds."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.solids import (
    BLACK,
    BROWN,
    GREY,
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


def legs(bench: Bench, top: float, thick: float, finish: Finish, *, inset: float = 0.0) -> None:
    """Four legs up to a height [m]."""
    thick = min(thick, 0.2 * bench.w, 0.2 * bench.d)
    x, z = inner(bench.x, inset), inner(bench.z, inset)
    for leg_x in ((x[0], x[0] + thick), (x[1] - thick, x[1])):
        for leg_z in ((z[0], z[0] + thick), (z[1] - thick, z[1])):
            bench.box(leg_x, (0, top), leg_z, finish)


def table(bench: Bench) -> None:
    """A table with four legs, or two trestles, and an apron under its top."""
    wood = bench.wood
    top = bench.h - min(0.04, 0.12 * bench.h)
    bench.box(bench.x, (top, bench.h), bench.z, wood)
    if bench.variant % 3 == 2:
        for x in (part_of(bench.x, 0.1, 0.16), part_of(bench.x, 0.84, 0.9)):
            bench.box(x, (0.03, top), part_of(bench.z, 0.3, 0.7), wood.darker(0.75))
            bench.box(x, (0, 0.05 * bench.h), part_of(bench.z, 0.1, 0.9), wood.darker(0.75))
        bench.box(
            part_of(bench.x, 0.12, 0.88),
            around(0.25 * bench.h, 0.06),
            around(0, 0.05),
            wood.darker(0.75),
        )
    else:
        legs(bench, top, 0.065, wood.darker(0.8), inset=0.02)
    apron = (top - min(0.07, 0.15 * bench.h), top)
    edge = min(0.05, 0.1 * bench.d)
    for z in (
        (bench.z[0] + edge, bench.z[0] + edge + 0.02),
        (bench.z[1] - edge - 0.02, bench.z[1] - edge),
    ):
        bench.box(inner(bench.x, edge), apron, z, wood.darker(0.7))
    for x in (
        (bench.x[0] + edge, bench.x[0] + edge + 0.02),
        (bench.x[1] - edge - 0.02, bench.x[1] - edge),
    ):
        bench.box(x, apron, inner(bench.z, edge), wood.darker(0.7))
    bench.top()


def side_table(bench: Bench) -> None:
    """A small table with a drawer front and a low shelf."""
    wood = bench.wood
    top = bench.h - min(0.03, 0.1 * bench.h)
    bench.box(bench.x, (top, bench.h), bench.z, wood)
    legs(bench, top, 0.045, wood.darker(0.75))
    case = (max(0.0, top - min(0.16, 0.35 * bench.h)), top)
    bench.box(inner(bench.x, 0.01), case, inner(bench.z, 0.01), wood.darker(0.9))
    bench.box(
        inner(bench.x, 0.06), inner(case, 0.02), (bench.z[1] - 0.012, bench.z[1] - 0.002), wood
    )
    bench.box(
        around(0, 0.07), around(sum(case) / 2, 0.018), (bench.z[1] - 0.012, bench.z[1]), STEEL
    )
    bench.box(
        inner(bench.x, 0.02), part_of(bench.y, 0.16, 0.2), inner(bench.z, 0.02), wood.darker(0.8)
    )
    bench.top()


def desk(bench: Bench) -> None:
    """A writing desk with a pedestal of drawers; a tall one carries a shelf at its back."""
    wood = bench.wood
    height = bench.h if bench.h < 1.0 else 0.75
    slab = height - 0.035
    bench.box(bench.x, (slab, height), bench.z, wood)
    pedestal: Span = (bench.x[1] - min(0.42, 0.4 * bench.w), bench.x[1])
    bench.box(pedestal, (0.04, slab), inner(bench.z, 0.02), wood.darker(0.85))
    for front in split((0.06, slab - 0.01), 3, gap=0.02):
        bench.box(inner(pedestal, 0.02), front, (bench.z[1] - 0.025, bench.z[1] - 0.008), wood)
        bench.box(
            around(sum(pedestal) / 2, 0.1),
            around(sum(front) / 2, 0.015),
            (bench.z[1] - 0.012, bench.z[1]),
            STEEL,
        )
    left = (bench.x[0], bench.x[0] + 0.04)
    bench.box(left, (0, slab), part_of(bench.z, 0.03, 0.97), wood.darker(0.8))
    bench.box(
        (left[1], pedestal[0]),
        (0.4 * slab, slab),
        (bench.z[0] + 0.01, bench.z[0] + 0.03),
        wood.darker(0.7),
    )
    if height == bench.h:
        bench.top()
        return
    back = (bench.z[0], bench.z[0] + min(0.28, 0.45 * bench.d))
    bench.surface(inner(bench.x, 0.02), height, (back[1], bench.z[1] - 0.02))
    for x in ((bench.x[0], bench.x[0] + 0.03), (bench.x[1] - 0.03, bench.x[1])):
        bench.box(x, (height, bench.h), back, wood.darker(0.9))
    bench.box(bench.x, (height, bench.h), (back[0], back[0] + 0.015), wood.darker(0.8))
    boards = max(1, int((bench.h - height) / 0.38))
    step = (bench.h - height) / boards
    for i in range(1, boards + 1):
        top = height + i * step
        bench.box(bench.x, (top - 0.025, top), back, wood)
        clearance = 3.0 if i == boards else step - 0.03
        bench.surface(inner(bench.x, 0.04), top, inner(back, 0.02), clearance=clearance)


def chair(bench: Bench) -> None:
    """A chair with a back of slats."""
    wood = bench.wood
    seat = min(0.46, 0.55 * bench.h)
    thick = min(0.045, 0.2 * seat)
    bench.box(bench.x, (seat - thick, seat), bench.z, wood)
    legs(bench, seat - thick, 0.042, wood.darker(0.8))
    post = min(0.042, 0.15 * bench.w)
    back = (bench.z[0], bench.z[0] + post)
    for x in ((bench.x[0], bench.x[0] + post), (bench.x[1] - post, bench.x[1])):
        bench.box(x, (seat, bench.h), back, wood.darker(0.9))
    rise = bench.h - seat
    bench.box(bench.x, (bench.h - 0.22 * rise, bench.h), back, wood)
    bench.box(
        inner(bench.x, post), (seat + 0.25 * rise, seat + 0.36 * rise), inner(back, 0.008), wood
    )
    for slat in split(inner(bench.x, 1.8 * post), 3, gap=0.12 * bench.w):
        bench.box(slat, (seat + 0.3 * rise, bench.h - 0.2 * rise), inner(back, 0.012), wood)
    bench.surface(inner(bench.x, 0.02), seat, (back[1] + 0.01, bench.z[1] - 0.02))


def stool(bench: Bench) -> None:
    """A round seat on four legs."""
    wood = bench.wood
    thick = min(0.05, 0.15 * bench.h)
    legs(bench, bench.h - thick, 0.035, wood.darker(0.7), inset=0.12 * bench.w)
    ring = around(0.3 * bench.h, 0.02)
    bench.box(inner(bench.x, 0.13 * bench.w), ring, around(0, 0.02), wood.darker(0.7))
    bench.box(around(0, 0.02), ring, inner(bench.z, 0.13 * bench.d), wood.darker(0.7))
    bench.cylinder(bench.x, (bench.h - thick, bench.h), bench.z, wood)
    bench.surface(part_of(bench.x, 0.15, 0.85), bench.h, part_of(bench.z, 0.15, 0.85))


def ottoman(bench: Bench) -> None:
    """An upholstered block on short feet."""
    fabric = bench.fabric
    legs(bench, 0.12 * bench.h, 0.05, BROWN, inset=0.04)
    bench.box(bench.x, part_of(bench.y, 0.12, 0.7), bench.z, fabric.darker(0.9))
    bench.box(bench.x, part_of(bench.y, 0.72, 1), bench.z, fabric)
    bench.top()


def sofa(bench: Bench) -> None:
    """A sofa or an armchair: base, back, arms, seat and back cushions."""
    fabric = bench.fabric
    seat = min(0.45, 0.52 * bench.h)
    arm = min(0.2, 0.16 * bench.w)
    back = min(0.28, 0.3 * bench.d)
    legs(bench, 0.06, 0.05, BLACK, inset=0.04)
    bench.box(bench.x, (0.06, 0.62 * seat), bench.z, fabric.darker(0.8))
    bench.box(
        bench.x, (0.06, 0.95 * bench.h), (bench.z[0], bench.z[0] + 0.5 * back), fabric.darker(0.9)
    )
    arm_top = min(bench.h, seat + 0.18)
    for x in ((bench.x[0], bench.x[0] + arm), (bench.x[1] - arm, bench.x[1])):
        bench.box(x, (0.06, arm_top), bench.z, fabric.darker(0.85))
    between = (bench.x[0] + arm, bench.x[1] - arm)
    front = (bench.z[0] + back, bench.z[1])
    count = max(1, round((between[1] - between[0]) / 0.75))
    for cushion in split(between, count, gap=0.012):
        bench.box(cushion, (0.62 * seat, seat), (front[0] - 0.02, front[1] + 0.0), fabric)
        upright = (bench.z[0] + 0.45 * back, front[0])
        bench.box(cushion, (seat, bench.h), upright, fabric)
    bench.surface(inner(between, 0.02), seat, inner(front, 0.02))


def bed(bench: Bench) -> None:
    """A bed with its headboard at the back: frame, mattress, sheet and blanket."""
    wood = Finish(rgb("#7a5a3c"), "wood") if bench.variant % 2 else Finish(rgb("#d9d3c6"))
    top = min(0.58, 0.64 * bench.h)
    board = min(0.07, 0.04 * bench.d)
    head = min(bench.h, 1.3)
    bench.box(bench.x, (0, head), (bench.z[0], bench.z[0] + board), wood)
    if head < bench.h:  # A canopy on posts.
        for x in ((bench.x[0], bench.x[0] + 0.06), (bench.x[1] - 0.06, bench.x[1])):
            for z in ((bench.z[0], bench.z[0] + 0.06), (bench.z[1] - 0.06, bench.z[1])):
                bench.box(x, (0, bench.h), z, wood)
        bench.box(bench.x, (bench.h - 0.04, bench.h), bench.z, wood)
    bench.box(bench.x, (0, 0.7 * top), (bench.z[1] - board, bench.z[1]), wood)
    lying = (bench.z[0] + board, bench.z[1] - board)
    for x in ((bench.x[0], bench.x[0] + 0.04), (bench.x[1] - 0.04, bench.x[1])):
        bench.box(x, (0.25 * top, 0.55 * top), lying, wood)
    bench.box(inner(bench.x, 0.03), (0.3 * top, 0.5 * top), lying, wood.darker(0.6))
    sheet = Finish(rgb("#eeebe3"), "fabric")
    bench.box(inner(bench.x, 0.025), (0.5 * top, top - 0.012), lying, sheet)
    blanket = bench.fabric
    cover = (lying[0] + 0.3 * (lying[1] - lying[0]), lying[1])
    bench.box(inner(bench.x, 0.01), (0.62 * top, top), cover, blanket)
    fold = (cover[0] - 0.12, cover[0])
    bench.box(inner(bench.x, 0.012), (0.7 * top, top), fold, blanket.darker(1.25))
    bench.surface(inner(bench.x, 0.06), top, inner(lying, 0.03))


def dog_bed(bench: Bench) -> None:
    """A cushion within a padded rim."""
    fabric = bench.fabric
    rim = 0.16
    bench.box(bench.x, bench.y, part_of(bench.z, 0, rim), fabric)
    for x in (part_of(bench.x, 0, rim), part_of(bench.x, 1 - rim, 1)):
        bench.box(x, part_of(bench.y, 0, 0.9), bench.z, fabric)
    bench.box(bench.x, part_of(bench.y, 0, 0.6), part_of(bench.z, 1 - 0.7 * rim, 1), fabric)
    x, z = part_of(bench.x, rim, 1 - rim), part_of(bench.z, rim, 1 - 0.7 * rim)
    bench.box(x, part_of(bench.y, 0, 0.45), z, Finish(rgb("#d8cbb2"), "fabric"))
    bench.surface(inner(x, 0.02), 0.45 * bench.h, inner(z, 0.02))


def cart(bench: Bench) -> None:
    """A trolley with three trays on wheels."""
    metal = bench.main
    post = min(0.03, 0.1 * bench.w)
    for x in ((bench.x[0], bench.x[0] + post), (bench.x[1] - post, bench.x[1])):
        for z in ((bench.z[0], bench.z[0] + post), (bench.z[1] - post, bench.z[1])):
            bench.box(x, (0.06, bench.h), z, metal)
            bench.sphere(x, (0, 0.06), z, BLACK)
    levels = (0.12 * bench.h, 0.48 * bench.h, 0.86 * bench.h)
    for i, level in enumerate(levels):
        bench.box(bench.x, (level - 0.015, level), bench.z, WHITE if i == 2 else GREY)
        clearance = 3.0 if i == 2 else levels[i + 1] - level - 0.03
        bench.surface(inner(bench.x, post), level, inner(bench.z, post), clearance=clearance)
    bench.box((bench.x[0], bench.x[0] + post), (bench.h - post, bench.h), bench.z, metal)


FURNITURE: Mapping[str, Callable[[Bench], None]] = {
    "table": table,
    "side_table": side_table,
    "desk": desk,
    "chair": chair,
    "stool": stool,
    "ottoman": ottoman,
    "sofa": sofa,
    "bed": bed,
    "dog_bed": dog_bed,
    "cart": cart,
}
"""Builders by the name that the catalog uses."""
