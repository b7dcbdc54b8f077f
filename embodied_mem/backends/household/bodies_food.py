"""Bodies of food."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.solids import (
    BROWN,
    GREEN,
    Bench,
    Finish,
    around,
    inner,
    part_of,
    rgb,
)


def apple(bench: Bench) -> None:
    """A fruit with a stem and a leaf."""
    bench.sphere(bench.x, part_of(bench.y, 0, 0.92), bench.z, bench.main)
    stem = 0.07 * bench.w
    bench.cylinder(around(0, stem), part_of(bench.y, 0.85, 1), around(0, stem), BROWN)
    leaf = (0.0, 0.25 * bench.w)
    bench.sphere(leaf, part_of(bench.y, 0.9, 0.97), around(0, 0.12 * bench.d), GREEN)


def tomato(bench: Bench) -> None:
    """A fruit with a green star on top."""
    bench.sphere(bench.x, part_of(bench.y, 0, 0.94), bench.z, bench.main)
    long, short = 0.45, 0.1
    top = part_of(bench.y, 0.9, 0.96)
    bench.box(around(0, long * bench.w), top, around(0, short * bench.d), GREEN)
    bench.box(around(0, short * bench.w), top, around(0, long * bench.d), GREEN)
    stem = around(0, 0.06 * bench.w)
    bench.cylinder(stem, part_of(bench.y, 0.9, 1), stem, GREEN)


def egg(bench: Bench) -> None:
    """An egg."""
    bench.sphere(bench.x, bench.y, bench.z, bench.main)


def egg_cracked(bench: Bench) -> None:
    """White and yolk, out of the shell."""
    bench.cylinder(bench.x, part_of(bench.y, 0, 0.4), bench.z, bench.main)
    yolk = 0.45
    bench.sphere(
        around(0, yolk * bench.w), bench.y, around(0, yolk * bench.d), Finish(rgb("#f0a81c"))
    )


def potato(bench: Bench) -> None:
    """A lump with two bumps."""
    bench.sphere(bench.x, part_of(bench.y, 0, 0.9), part_of(bench.z, 0, 0.8), bench.main)
    bench.sphere(part_of(bench.x, 0.1, 0.95), bench.y, part_of(bench.z, 0.3, 1), bench.main)


def bread(bench: Bench) -> None:
    """A loaf with cuts across its top."""
    crust = bench.main
    bench.sphere(bench.x, bench.y, bench.z, crust)
    bench.box(
        part_of(bench.x, 0.08, 0.92), part_of(bench.y, 0, 0.72), part_of(bench.z, 0.06, 0.94), crust
    )
    for start in (0.26, 0.46, 0.66):
        cut = part_of(bench.z, start, start + 0.06)
        bench.sphere(
            part_of(bench.x, 0.25, 0.75), part_of(bench.y, 0.8, 1), cut, Finish(rgb("#e8cb94"))
        )


def piece(bench: Bench) -> None:
    """A slice that lies flat."""
    add = bench.box if bench.type_name.startswith("Bread") else bench.cylinder
    rind = {"AppleSliced": "#b5251f", "PotatoSliced": "#8f6434", "TomatoSliced": "#c2281a"}
    edge = Finish(rgb(rind.get(bench.type_name, "#a06a34")))
    add(bench.x, part_of(bench.y, 0, 0.85), bench.z, edge)
    margin = 0.07 * bench.w
    add(inner(bench.x, margin), part_of(bench.y, 0.5, 1), inner(bench.z, margin), bench.main)


def lettuce(bench: Bench) -> None:
    """A head of leaves."""
    leaf = Finish(bench.main.colour, "leaves")
    bench.sphere(part_of(bench.x, 0.1, 0.9), bench.y, part_of(bench.z, 0.1, 0.9), leaf)
    for x, z in ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)):
        bench.sphere(
            part_of(bench.x, x, x + 0.5),
            part_of(bench.y, 0, 0.8),
            part_of(bench.z, z, z + 0.5),
            leaf.darker(0.8),
        )
    bench.cylinder(
        part_of(bench.x, 0.4, 0.6), part_of(bench.y, 0, 0.1), part_of(bench.z, 0.4, 0.6),
        Finish(rgb("#e6ebc8")),
    )  # fmt: skip


def leaf_pile(bench: Bench) -> None:
    """Loose leaves."""
    leaf = Finish(bench.main.colour, "leaves")
    for i, (x, z) in enumerate(((0, 0.1), (0.45, 0), (0.1, 0.5), (0.5, 0.45), (0.25, 0.25))):
        bench.sphere(
            part_of(bench.x, x, x + 0.5),
            part_of(bench.y, 0.1 * i, 0.1 * i + 0.6),
            part_of(bench.z, z, z + 0.5),
            leaf.darker(0.7 + 0.1 * i),
        )


FOOD: Mapping[str, Callable[[Bench], None]] = {
    "apple": apple,
    "tomato": tomato,
    "egg": egg,
    "egg_cracked": egg_cracked,
    "potato": potato,
    "bread": bread,
    "slice": piece,
    "lettuce": lettuce,
    "leaf_pile": leaf_pile,
}
"""Builders by the name that the catalog uses."""
