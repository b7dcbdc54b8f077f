"""Images as AI2-THOR's client expects their bytes: rows from the bottom up, colours for objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import Float32, Int32, UInt8, UInt32

from embodied_mem.backends.household.server.wire import Field

Colour = tuple[int, int, int]

DEPTH, IDS, CLASSES, NORMALS = (
    "renderDepthImage",
    "renderInstanceSegmentation",
    "renderSemanticSegmentation",
    "renderNormalsImage",
)
"""AI2-THOR's names for the wish to get an image beside the colour image."""

_OPAQUE = 255 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of the objects of a world, as pixel words by instance number."""

    instances: UInt32[np.ndarray, "n"]
    classes: UInt32[np.ndarray, "n"]
    class_colours: Mapping[str, Colour]
    """Colour of each type."""


def palette(
    object_ids: Mapping[int, str], colours: Mapping[str, Colour], types: Mapping[str, str]
) -> Palette:
    """Tabulate colours by instance number; number 0, the building, is black.

    Args:
        object_ids: Id of each instance number.
        colours: Instance colour of each object id.
        types: Type of each object id.
    """
    used = set(colours.values())
    class_colours: dict[str, Colour] = {}
    for name in sorted(set(types.values())):
        class_colours[name] = class_colour(name, used)
        used.add(class_colours[name])
    size = max(object_ids, default=0) + 1
    instances = np.full(size, _OPAQUE, dtype=np.uint32)
    classes = np.full(size, _OPAQUE, dtype=np.uint32)
    for number, object_id in object_ids.items():
        instances[number] = _word(colours[object_id])
        classes[number] = _word(class_colours[types[object_id]])
    return Palette(instances=instances, classes=classes, class_colours=class_colours)


def class_colour(name: str, used: set[Colour]) -> Colour:
    """Derive a type's colour from its name; the next free one if it is taken."""
    value = crc32(f"class {name}".encode()) & 0xFFFFFF
    while (colour := (value >> 16, value >> 8 & 0xFF, value & 0xFF)) in used or not any(colour):
        value = (value + 1) & 0xFFFFFF
    return colour


def _word(colour: Colour) -> int:
    red, green, blue = colour
    return red | green << 8 | blue << 16 | _OPAQUE


def pack_images(
    colours: Palette,
    wanted: frozenset[str],
    *,
    rgb: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "h w"] | None,
    ids: Int32[np.ndarray, "h w"],
    normals: Float32[np.ndarray, "h w 3"],
) -> list[tuple[Field, bytes]]:
    """Pack the agent's images: colour always, others where they are wanted.

    Args:
        colours: Colours of the objects.
        wanted: Names of the other images.
        rgb: Colour image, top row first, as all of them.
        depth: Distance along the optical axis [m]; None where it is switched off.
        ids: Instance numbers.
        normals: Surface normals.
    """
    packed = [(Field.RGB_IMAGE, _bottom_up(rgb))]
    if DEPTH in wanted and depth is not None:
        packed.append((Field.DEPTH_IMAGE, _bottom_up(depth.astype("<f4", copy=False))))
    if NORMALS in wanted:
        packed.append((Field.NORMALS_IMAGE, _bottom_up(_normal_colours(normals))))
    if CLASSES in wanted:
        packed.append((Field.CLASSES_IMAGE, _bottom_up(_painted(ids, colours.classes))))
    if IDS in wanted:
        packed.append((Field.IDS_IMAGE, _bottom_up(_painted(ids, colours.instances))))
    return packed


_EXTRA = {
    Field.RGB_IMAGE: Field.THIRD_PARTY_IMAGE,
    Field.DEPTH_IMAGE: Field.THIRD_PARTY_DEPTH,
    Field.NORMALS_IMAGE: Field.THIRD_PARTY_NORMALS,
    Field.CLASSES_IMAGE: Field.THIRD_PARTY_CLASSES,
    Field.IDS_IMAGE: Field.THIRD_PARTY_IDS,
}


def as_third_party(images: list[tuple[Field, bytes]]) -> list[tuple[Field, bytes]]:
    """Mark packed images as those of an extra camera."""
    return [(_EXTRA[field], data) for field, data in images]


def _painted(
    ids: Int32[np.ndarray, "h w"], words: UInt32[np.ndarray, "n"]
) -> UInt32[np.ndarray, "h w"]:
    return words.astype("<u4", copy=False)[ids]


def _normal_colours(normals: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return ((normals + 1) * 127.5).clip(0, 255).astype(np.uint8)


def _bottom_up(image: np.ndarray) -> bytes:
    return image[::-1].tobytes()
