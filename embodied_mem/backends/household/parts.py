"""What furniture is made of: solid parts that are drawn and collide, and surfaces that hold things.

All in the object's own frame, in AI2-THOR's axes: origin at the centre of the bounding box, y up,
z to the front (where a fridge's door is), x to the right of someone who looks along +z; metres.
"""

from dataclasses import dataclass
from typing import Literal

Vector = tuple[float, float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """How a part moves with the openness of its object, from 0 (closed) to 1."""

    kind: Literal["slide", "hinge"]
    axis: Vector
    """Direction of the slide, or of the hinge's axis (right-hand turn about it in these axes)."""
    travel: float
    """Way at openness 1: metres for a slide, radians for a hinge."""
    origin: Vector = (0.0, 0.0, 0.0)
    """A point on the hinge's axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One solid: drawn, hit by rays, and bumped into through its bounding box."""

    shape: Literal["box", "cylinder", "sphere", "cone", "bowl"]
    """Fills its box; cylinders, cones and bowls stand along y."""
    center: Vector
    size: Vector
    colour: Colour
    """Linear RGB in 0..1."""
    texture: Literal["plain", "wood", "fabric", "speckle", "stripes", "tiles", "leaves"] = "plain"
    role: Literal["body", "door", "drawer", "glass", "glow", "liquid"] = "body"
    """Doors and drawers move by `joint`; glass lets rays pass that test whether a thing is hidden;
    glow is bright while the object is on; liquid is drawn while it is filled."""
    joint: Joint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A horizontal rectangle on which objects can be put."""

    center: Vector
    """Middle of the rectangle; y is its height."""
    extent: tuple[float, float]
    """Full size along x and z."""
    clearance: float
    """Free height above it; infinite (use 3.0) in the open."""
    enclosed: bool = False
    """Behind a door or in a drawer: reached only while the object is open."""
    joint: Joint | None = None
    """A drawer's floor moves with the drawer, and what lies on it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """An object's shape."""

    parts: tuple[Part, ...]
    surfaces: tuple[Surface, ...] = ()
