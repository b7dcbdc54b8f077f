"""Surface patterns, light and colour for the renderer: numbers only, no graphics library."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from embodied_mem.backends.household.mesh import TEXTURES

SIDE = 256
"""Texels along one side of a pattern, which covers 1 m and repeats [px]."""
LEVELS = 6
"""Copies of each pattern, each blurred twice as much as the last, for far surfaces."""
NEUTRAL = 200
"""Texel value that leaves a colour as it is."""

_KEY = np.array((0.42, 0.80, 0.43)) / np.linalg.norm((0.42, 0.80, 0.43))
_FILL = np.array((-0.62, 0.30, -0.72)) / np.linalg.norm((-0.62, 0.30, -0.72))


def lit(
    colours: Float32[np.ndarray, "t 3"], normals: Float32[np.ndarray, "t 3"], *, both: bool = False
) -> Float32[np.ndarray, "t 3"]:
    """Light flat triangles by sky and ground, a key and a fill light.

    Args:
        colours: Linear RGB, 0..1.
        normals: Unit normals in the world.
        both: Light both faces alike, for sheets seen from one unknown side.

    Returns:
        sRGB in 0..255.
    """
    key, fill = normals @ _KEY, normals @ _FILL
    if both:
        key, fill = np.abs(key), np.abs(fill)
    sky = 0.5 + 0.5 * normals[:, 1]
    light = 0.44 + 0.20 * sky + 0.42 * np.maximum(key, 0) + 0.18 * np.maximum(fill, 0)
    return to_srgb(colours * light[:, None].astype(np.float32))


def glowing(colours: Float32[np.ndarray, "t 3"]) -> Float32[np.ndarray, "t 3"]:
    """The colours of lamps and screens that are on: sRGB in 0..255."""
    return to_srgb(0.45 + 0.75 * np.sqrt(colours))


def to_srgb(linear: Float[np.ndarray, "*n 3"]) -> Float32[np.ndarray, "*n 3"]:
    """Linear light in 0..1 to sRGB in 0..255 (IEC 61966-2-1)."""
    light = np.clip(linear, 0, 1)
    low = 12.92 * light
    high = 1.055 * np.power(light, 1 / 2.4) - 0.055
    return (255 * np.where(light <= 0.0031308, low, high)).astype(np.float32)


@cache
def patterns() -> UInt8[np.ndarray, "p"]:
    """All patterns at all levels in one row: texture, level, row and column, the last fastest."""
    stack = np.empty((len(TEXTURES), LEVELS, SIDE, SIDE), dtype=np.uint8)
    stack[:] = NEUTRAL
    for index, name in enumerate(TEXTURES):
        if name != "plain":
            for level, image in enumerate(_blurred(_pattern(name))):
                stack[index, level] = np.clip(NEUTRAL * image, 0, 255)
    return stack.reshape(-1)


def pattern_index(
    texture: Int32[np.ndarray, "n"],
    level: Int32[np.ndarray, "n"],
    along: Float32[np.ndarray, "n"],
    across: Float32[np.ndarray, "n"],
) -> Int32[np.ndarray, "n"]:
    """Index into `patterns` of points at (along, across) in the texture [texels]."""
    column = np.floor(along).astype(np.int32) & (SIDE - 1)
    row = np.floor(across).astype(np.int32) & (SIDE - 1)
    return ((texture * LEVELS + level) * SIDE + row) * SIDE + column


@cache
def levels_by_depth(focal: float) -> Int32[np.ndarray, "k"]:
    """Level for a depth of k/16 m through a lens of a focal length [px]."""
    texels = np.arange(16 * 64) / 16 / focal * SIDE  # under one pixel
    return np.clip(np.log2(np.maximum(texels, 1e-3)) - 0.3, 0, LEVELS - 1).astype(np.int32)


def _pattern(name: str) -> Float[np.ndarray, "256 256"]:
    """Factor by which a pattern brightens or darkens, about 1."""
    rng = np.random.default_rng(len(name) * 7 + 3)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    factor = np.ones((SIDE, SIDE))
    match name:
        case "wood":
            factor += 0.06 * _noise(rng, 60, 2.5) + 0.025 * _noise(rng, 20, 0.8)
        case "planks":
            factor = _planks(rng)
        case "fabric":
            factor += ((rows // 2 + columns // 2) % 2) * 0.04 - 0.02 + 0.028 * _noise(rng, 1.5, 1.5)
        case "carpet":
            factor += 0.05 * _noise(rng, 1.2, 1.2) + 0.03 * _noise(rng, 12, 12)
        case "speckle":
            dots = _noise(rng, 0.9, 0.9)
            factor += 0.05 * _noise(rng, 8, 8) - 0.16 * (dots > 1.5) + 0.12 * (dots < -1.6)
        case "stripes":
            factor -= 0.13 * ((rows // 6) % 2)
        case "tiles":
            factor = rng.normal(1, 0.03, (4, 4)).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
            factor[((rows % 64) < 3) | ((columns % 64) < 3)] = 0.76
        case "leaves":
            factor += 0.24 * np.clip(_noise(rng, 5, 5), -1.5, 1.5)
    return factor


def _planks(rng: np.random.Generator) -> Float[np.ndarray, "256 256"]:
    """Floor boards of 12.5 cm, each of its own tone, with staggered ends."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    board = rows // 32
    shifted = (columns + board * 90) % SIDE
    tone = rng.normal(1, 0.07, (8, 2))[board, shifted // 128]
    seam = (rows % 32 < 1) | (shifted % 128 < 1)
    return np.where(seam, 0.68, tone * (1 + 0.05 * _noise(rng, 40, 1.5)))


def _noise(rng: np.random.Generator, along: float, across: float) -> Float[np.ndarray, "256 256"]:
    """Periodic smooth noise of unit variance; correlation lengths in texels."""
    frequency = np.fft.fftfreq(SIDE)
    keep = np.exp(
        -2 * np.pi**2 * ((frequency[:, None] * across) ** 2 + (frequency[None] * along) ** 2)
    )
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) * keep).real
    return field / field.std()


def _blurred(image: Float[np.ndarray, "256 256"]) -> Iterator[Float[np.ndarray, "256 256"]]:
    """The pattern as seen when 1, 2, 4 ... texels share a pixel."""
    yield image
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    spectrum = np.fft.rfft2(image)
    for level in range(1, LEVELS):
        radius = 2.0**level / 3
        keep = np.exp(-2 * np.pi**2 * radius**2 * (rows**2 + columns**2))
        yield np.fft.irfft2(spectrum * keep, image.shape)
