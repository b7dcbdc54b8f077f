"""Looks of ProcTHOR's wall and floor materials, told from their names.

The names are those of AI2-THOR's material assets; the looks are our own approximation.
"""

import re
import zlib
from dataclasses import dataclass

import numpy as np

from embodied_mem.backends.household.parts import Colour
from embodied_mem.backends.household.schema import Material, Rgb

PATTERNS = (
    ("fabric", ("carpet", "rug", "wicker", "fabric")),
    ("tiles", ("tile", "subway", "porcelain", "mosaic", "checker", "brick", "kitchenwalls")),
    ("speckle", ("granite", "marble", "concrete", "stone", "terrazzo", "countertop")),
    ("wood", ("wood", "oak", "walnut", "beam", "plank", "parquet", "bedroomfloor", "cabinet")),
    ("plain", ("drywall", "wall", "pure", "paint", "pvc", "floor", "robin")),
)
"""Texture by word in the name; the first that fits."""

COLOURS: dict[str, Colour] = {
    "robin": (0.42, 0.62, 0.62),
    "white": (0.88, 0.87, 0.84),
    "cream": (0.84, 0.77, 0.62),
    "eggshell": (0.86, 0.82, 0.72),
    "beige": (0.80, 0.72, 0.58),
    "yellow": (0.85, 0.74, 0.42),
    "orange": (0.76, 0.50, 0.28),
    "red": (0.56, 0.27, 0.21),
    "brown": (0.50, 0.38, 0.28),
    "blue": (0.45, 0.58, 0.70),
    "green": (0.50, 0.60, 0.46),
    "grey": (0.58, 0.58, 0.57),
    "gray": (0.58, 0.58, 0.57),
    "black": (0.16, 0.15, 0.14),
    "dark": (0.30, 0.22, 0.17),
    "medium": (0.52, 0.37, 0.24),
    "light": (0.74, 0.60, 0.43),
    "pale": (0.78, 0.68, 0.54),
    "worn": (0.50, 0.41, 0.31),
    "brick": (0.58, 0.38, 0.31),
    "concrete": (0.60, 0.59, 0.57),
    "marble": (0.80, 0.79, 0.77),
    "granite": (0.55, 0.54, 0.53),
    "porcelain": (0.88, 0.88, 0.87),
    "wicker": (0.70, 0.57, 0.39),
    "carpet": (0.62, 0.58, 0.54),
}
"""sRGB by word in the name; the first that fits."""

WOODS: tuple[Colour, ...] = (
    (0.62, 0.46, 0.31), (0.55, 0.39, 0.25), (0.70, 0.54, 0.37), (0.47, 0.33, 0.22),
)  # fmt: skip
PAINTS: tuple[Colour, ...] = (
    (0.85, 0.82, 0.76), (0.78, 0.81, 0.80), (0.83, 0.77, 0.70), (0.76, 0.80, 0.84),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How a surface is drawn."""

    colour: Colour
    """Linear RGB in 0..1."""
    texture: str
    """One of the textures of `parts.Part`."""


def look_of(material: Material) -> Look:
    """Choose colour and texture for a material; the same name always looks the same."""
    name = re.sub(r"[^a-z]", "", (material.name or "").lower())
    texture = next((t for t, words in PATTERNS if any(w in name for w in words)), "plain")
    if material.color is not None:
        return Look(linear(material.color), texture)
    colour = next((c for word, c in COLOURS.items() if word in name), None)
    if colour is None:
        palette = WOODS if texture == "wood" else PAINTS
        colour = palette[zlib.crc32(name.encode()) % len(palette)]
    return Look(linear(Rgb(*colour)), texture)


def linear(colour: Rgb) -> Colour:
    """Turn an sRGB colour into linear light (gamma 2.2)."""
    r, g, b = (float(np.clip(c, 0.0, 1.0)) ** 2.2 for c in (colour.r, colour.g, colour.b))
    return r, g, b
