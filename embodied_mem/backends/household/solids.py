"""A bench on which bodies are put together, measured from the middle of the floor under them."""

from dataclasses import dataclass, field, replace
from functools import cache
from math import pi
from typing import Literal

from embodied_mem.backends.household.parts import Body, Colour, Joint, Part, Surface, Vector

Span = tuple[float, float]
"""From and to along one axis [m]."""

Shape = Literal["box", "cylinder", "sphere", "cone", "bowl"]
Texture = Literal["plain", "wood", "fabric", "speckle", "stripes", "tiles", "leaves"]
Role = Literal["body", "door", "drawer", "glass", "glow", "liquid"]

OPEN_AIR = 3.0
"""Clearance of a surface with nothing above it [m]."""


@cache
def rgb(code: str) -> Colour:
    """The linear colour of an sRGB code `#rrggbb` (IEC 61966-2-1)."""
    values = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values
    )
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) or lighter tone of a colour."""
    red, green, blue = (min(1.0, max(0.0, channel * factor)) for channel in colour)
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Finish:
    """What a part looks like and is for."""

    colour: Colour
    texture: Texture = "plain"
    role: Role = "body"

    def darker(self, factor: float = 0.6) -> "Finish":
        """The same in a darker tone."""
        return replace(self, colour=shade(self.colour, factor))

    def as_role(self, role: Role) -> "Finish":
        """The same look in another role."""
        return replace(self, role=role)


WHITE = Finish(rgb("#f2f2ef"))
BLACK = Finish(rgb("#1e1f22"))
GREY = Finish(rgb("#8a8d91"))
STEEL = Finish(rgb("#c3c7cb"))
GREEN = Finish(rgb("#3f7a35"), "leaves")
BROWN = Finish(rgb("#5b3d26"), "wood")
WATER = Finish(rgb("#8fc4dd"), role="liquid")
GLASS = Finish(rgb("#b9d8dc"), role="glass")


@dataclass(slots=True)
class Bench:
    """Collects the parts and surfaces of one body.

    Builders work with x and z from the middle and y from the floor, so that a table's top ends at
    y = h whatever its size.
    """

    size: Vector
    """Extent along x, y, z [m]."""
    main: Finish
    """The colour that varies between models of a type."""
    variant: int = 0
    """Which model of the type."""
    type_name: str = ""
    form: str = ""
    """A form within the type that the asset's name tells; empty for the usual one."""
    parts: list[Part] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)

    @property
    def w(self) -> float:
        """Width along x [m]."""
        return self.size[0]

    @property
    def h(self) -> float:
        """Height along y [m]."""
        return self.size[1]

    @property
    def d(self) -> float:
        """Depth along z [m]."""
        return self.size[2]

    @property
    def x(self) -> Span:
        """The whole width."""
        return -self.w / 2, self.w / 2

    @property
    def y(self) -> Span:
        """The whole height."""
        return 0.0, self.h

    @property
    def z(self) -> Span:
        """The whole depth, back to front."""
        return -self.d / 2, self.d / 2

    @property
    def wood(self) -> Finish:
        """The main colour with a grain, or painted over where it is pale and grey."""
        low, high = min(self.main.colour), max(self.main.colour)
        return Finish(self.main.colour, "wood" if low < 0.62 * high else "plain")

    @property
    def fabric(self) -> Finish:
        """The main colour on cloth."""
        return Finish(self.main.colour, "fabric")

    def add(
        self, shape: Shape, x: Span, y: Span, z: Span, finish: Finish, joint: Joint | None = None
    ) -> None:
        """Add a part that fills the spans; a span given backwards or empty gets 1 mm."""
        (x0, x1), (y0, y1), (z0, z1) = (_ordered(span) for span in (x, y, z))
        self.parts.append(
            Part(
                shape=shape,
                center=((x0 + x1) / 2, (y0 + y1) / 2 - self.h / 2, (z0 + z1) / 2),
                size=(x1 - x0, y1 - y0, z1 - z0),
                colour=finish.colour,
                texture=finish.texture,
                role=finish.role,
                joint=joint,
            )
        )

    def box(self, x: Span, y: Span, z: Span, finish: Finish, joint: Joint | None = None) -> None:
        """Add a box."""
        self.add("box", x, y, z, finish, joint)

    def cylinder(self, x: Span, y: Span, z: Span, finish: Finish) -> None:
        """Add an upright cylinder."""
        self.add("cylinder", x, y, z, finish)

    def sphere(self, x: Span, y: Span, z: Span, finish: Finish) -> None:
        """Add an ellipsoid."""
        self.add("sphere", x, y, z, finish)

    def cone(self, x: Span, y: Span, z: Span, finish: Finish) -> None:
        """Add a cone, its tip up."""
        self.add("cone", x, y, z, finish)

    def vessel(self, x: Span, y: Span, z: Span, finish: Finish) -> None:
        """Add a hollow vessel, open at the top."""
        self.add("bowl", x, y, z, finish)

    def surface(
        self,
        x: Span,
        y: float,
        z: Span,
        *,
        clearance: float = OPEN_AIR,
        enclosed: bool = False,
        joint: Joint | None = None,
    ) -> None:
        """Add a place to put things on, at height y."""
        (x0, x1), (z0, z1) = _ordered(x), _ordered(z)
        self.surfaces.append(
            Surface(
                center=((x0 + x1) / 2, y - self.h / 2, (z0 + z1) / 2),
                extent=(x1 - x0, z1 - z0),
                clearance=clearance,
                enclosed=enclosed,
                joint=joint,
            )
        )

    def top(self, y: float | None = None, margin: float = 0.02) -> None:
        """Make the whole plan, less a margin [m], a place to put things on."""
        self.surface(inner(self.x, margin), self.h if y is None else y, inner(self.z, margin))

    def hinge(
        self, axis: Vector, x: float = 0.0, y: float = 0.0, z: float = 0.0, *, turn: float = pi / 2
    ) -> Joint:
        """A hinge through a point; `turn` is its way at openness 1 [rad]."""
        return Joint(kind="hinge", axis=axis, travel=turn, origin=(x, y - self.h / 2, z))

    def body(self) -> Body:
        """All that was put together."""
        return Body(parts=tuple(self.parts), surfaces=tuple(self.surfaces))


def _ordered(span: Span) -> Span:
    low, high = span
    return (low, high) if high - low > 1e-3 else ((low + high) / 2 - 5e-4, (low + high) / 2 + 5e-4)


def around(center: float, width: float) -> Span:
    """The span of a width about a middle."""
    return center - width / 2, center + width / 2


def inner(span: Span, margin: float) -> Span:
    """The span less a margin at both ends; at least half of it stays."""
    low, high = span
    margin = min(margin, (high - low) / 4)
    return low + margin, high - margin


def part_of(span: Span, start: float, end: float) -> Span:
    """The stretch of a span between two fractions."""
    low, high = span
    return low + (high - low) * start, low + (high - low) * end


def split(span: Span, count: int, gap: float = 0.0) -> tuple[Span, ...]:
    """Equal stretches of a span with gaps [m] between them."""
    low, high = span
    step = (high - low) / count
    return tuple((low + i * step + gap / 2, low + (i + 1) * step - gap / 2) for i in range(count))


SLIDE_FORWARD: Vector = (0.0, 0.0, 1.0)
HINGE_LEFT: Vector = (0.0, -1.0, 0.0)
"""Axis of a door hung at its low-x edge, which opens to the front."""
HINGE_RIGHT: Vector = (0.0, 1.0, 0.0)
"""Axis of a door hung at its high-x edge, which opens to the front."""
HINGE_BACK: Vector = (-1.0, 0.0, 0.0)
"""Axis of a lid hung at its back edge, which opens upwards."""
