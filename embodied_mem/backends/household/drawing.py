"""What is drawn: objects and the shell as lit, numbered triangles in the world."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int32

from embodied_mem.backends.household import textures
from embodied_mem.backends.household.mesh import (
    ROLES,
    TEXTURES,
    Mesh,
    body_mesh,
    posed,
    rotation_matrix,
    triangle_normals,
)
from embodied_mem.backends.household.parts import Body, Vector
from embodied_mem.backends.household.shell import Shell, ShellMesh

Tint = Literal["plain", "dirty", "cooked", "broken"]

_LIQUIDS = {
    "water": (0.30, 0.55, 0.68),
    "coffee": (0.045, 0.018, 0.008),
    "wine": (0.10, 0.006, 0.02),
}
_FLOOR_TEXTURES = {"wood": "planks", "fabric": "carpet"}
_GLASS, _GLOW, _LIQUID = ROLES.index("glass"), ROLES.index("glow"), ROLES.index("liquid")
_SPECKLE = TEXTURES.index("speckle")
SKY = -1
"""Texture number of panes through which the sky is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawItem:
    """One object as it is to be drawn now."""

    number: int
    """Its instance number on the image; above 0."""
    body: Body
    position: Vector
    """Middle of its bounding box in the world [m]."""
    yaw: float
    """[degrees]."""
    pitch: float = 0.0
    """[degrees]; positive turns the front down."""
    roll: float = 0.0
    """[degrees]."""
    openness: float = 0.0
    """Of its doors and drawers, 0..1."""
    on: bool = False
    """Whether its glowing parts are bright."""
    filled: str | None = None
    """The liquid in it: water, coffee or wine."""
    tint: Tint = "plain"
    hidden: bool = False
    """Not drawn and not hit."""
    version: int = 0
    """Changes with the object."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """Triangles ready to be cast at and coloured."""

    corners: Float32[np.ndarray, "t 3 3"]
    """World positions [m]."""
    colours: Float32[np.ndarray, "t 3"]
    """Lit colour, sRGB in 0..255."""
    coordinates: Float32[np.ndarray, "t 6"]
    """Texture place [texels] of the first corner (along, across), then the ways along both edges
    from it."""
    textures: Int32[np.ndarray, "t"]
    """Index into `mesh.TEXTURES`; SKY for panes."""
    numbers: Int32[np.ndarray, "t"]
    """Instance number; 0 for the shell."""

    def __len__(self) -> int:
        return len(self.corners)

    def where(self, mask: np.ndarray) -> "Geometry":
        """The triangles that a mask keeps."""
        return Geometry(
            corners=self.corners[mask],
            colours=self.colours[mask],
            coordinates=self.coordinates[mask],
            textures=self.textures[mask],
            numbers=self.numbers[mask],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemGeometry:
    """The triangles of one object, its glass apart."""

    solid: Geometry
    glass: Geometry


EMPTY = Geometry(
    corners=np.zeros((0, 3, 3), np.float32),
    colours=np.zeros((0, 3), np.float32),
    coordinates=np.zeros((0, 6), np.float32),
    textures=np.zeros(0, np.int32),
    numbers=np.zeros(0, np.int32),
)


def concatenated(pieces: Iterable[Geometry]) -> Geometry:
    """All triangles of several pieces."""
    kept = [piece for piece in pieces if len(piece)]
    if not kept:
        return EMPTY
    return Geometry(
        corners=np.concatenate([piece.corners for piece in kept]),
        colours=np.concatenate([piece.colours for piece in kept]),
        coordinates=np.concatenate([piece.coordinates for piece in kept]),
        textures=np.concatenate([piece.textures for piece in kept]),
        numbers=np.concatenate([piece.numbers for piece in kept]),
    )


def item_geometry(item: DrawItem) -> ItemGeometry:
    """The triangles of an object where and as it is now."""
    if item.hidden or not item.body.parts:
        return ItemGeometry(solid=EMPTY, glass=EMPTY)
    mesh = body_mesh(item.body)
    corners, normals = posed(mesh, item.openness)
    turn = rotation_matrix(item.yaw, item.pitch, item.roll).astype(np.float32)
    if item.tint == "broken":
        corners = _collapsed(corners)
    world = corners @ turn.T + np.asarray(item.position, dtype=np.float32)
    patterns = mesh.textures if item.tint == "plain" else np.full_like(mesh.textures, _SPECKLE)
    geometry = Geometry(
        corners=world,
        colours=_item_colours(item, mesh, normals @ turn.T),
        coordinates=_edges(mesh.coordinates),
        textures=patterns,
        numbers=np.full(len(mesh), item.number, dtype=np.int32),
    )
    glass = mesh.roles == _GLASS
    liquid = mesh.roles == _LIQUID
    drawn = ~glass if item.filled else ~glass & ~liquid
    return ItemGeometry(
        solid=geometry if drawn.all() else geometry.where(drawn),
        glass=geometry.where(glass) if glass.any() else EMPTY,
    )


def _item_colours(
    item: DrawItem, mesh: Mesh, normals: Float32[np.ndarray, "t 3"]
) -> Float32[np.ndarray, "t 3"]:
    colours = mesh.colours
    if item.filled:
        colours = colours.copy()
        colours[mesh.roles == _LIQUID] = _LIQUIDS.get(item.filled, _LIQUIDS["water"])
    match item.tint:
        case "dirty":
            colours = colours * 0.45 + np.array((0.075, 0.05, 0.025))
        case "cooked":
            colours = colours * np.array((0.42, 0.27, 0.16))
        case "broken":
            colours = colours * 0.6
    colours = colours.astype(np.float32)
    glow = mesh.roles == _GLOW
    shown = textures.lit(np.where(glow[:, None], colours * 0.8, colours), normals)
    if item.on and glow.any():
        shown[glow] = textures.glowing(colours[glow])
    return shown


def _collapsed(corners: Float32[np.ndarray, "t 3 3"]) -> Float32[np.ndarray, "t 3 3"]:
    """What is broken lies flat: a third of its height, on the same ground."""
    low = corners[..., 1].min()
    flat = corners.copy()
    flat[..., 1] = low + (flat[..., 1] - low) / 3
    return flat


def _edges(coordinates: Float32[np.ndarray, "t 3 2"]) -> Float32[np.ndarray, "t 6"]:
    texels = coordinates * np.float32(textures.SIDE)
    first = texels[:, 0]
    return np.concatenate((first, texels[:, 1] - first, texels[:, 2] - first), axis=1)


def shell_geometry(shell: Shell) -> Geometry:
    """The triangles of floors, walls, ceilings, frames and panes."""
    return concatenated(_shell_piece(mesh) for mesh in shell.meshes)


def _shell_piece(mesh: ShellMesh) -> Geometry:
    corners = mesh.vertices[mesh.triangles].astype(np.float32)
    normals = triangle_normals(corners)
    if mesh.kind in ("floor", "ceiling"):
        level = np.array((0, 1 if mesh.kind == "floor" else -1, 0), dtype=np.float32)
        normals = np.broadcast_to(level, normals.shape)
    colours = np.broadcast_to(np.array(mesh.colour, dtype=np.float32), normals.shape)
    name = _FLOOR_TEXTURES.get(mesh.texture, mesh.texture) if mesh.kind == "floor" else mesh.texture
    texture = SKY if mesh.kind == "glass" else TEXTURES.index(name) if name in TEXTURES else 0
    return Geometry(
        corners=corners,
        colours=textures.lit(colours, normals, both=mesh.kind != "ceiling"),
        coordinates=_edges(_plane_coordinates(corners, normals)),
        textures=np.full(len(corners), texture, dtype=np.int32),
        numbers=np.zeros(len(corners), dtype=np.int32),
    )


def _plane_coordinates(
    corners: Float32[np.ndarray, "t 3 3"], normals: Float32[np.ndarray, "t 3"]
) -> Float32[np.ndarray, "t 3 2"]:
    """Texture place [m]: the floor plan where level, else along the wall and up it."""
    along = np.stack((-normals[:, 2], normals[:, 0]), axis=1)
    level = np.abs(normals[:, 1]) > 0.7
    along[level] = (1, 0)
    first = np.einsum("tcx,tx->tc", corners[..., (0, 2)], along)
    second = np.where(level[:, None], corners[..., 2], corners[..., 1])
    return np.stack((first, second), axis=2).astype(np.float32)


def wall_caps(shell: Shell, height: float) -> Geometry:
    """The tops of walls cut at a height [m], for views from above; doorways stay open."""
    quads = []
    for obstacle in shell.obstacles:
        if obstacle.low > 1.0 or obstacle.high < height - 0.5:
            continue
        turn = rotation_matrix(obstacle.yaw)
        half_x, half_z = obstacle.half_x + 0.03, obstacle.half_z + 0.03
        offsets = ((-half_x, -half_z), (half_x, -half_z), (half_x, half_z), (-half_x, half_z))
        corner = [
            turn @ (x, 0, z) + (obstacle.center_x, height, obstacle.center_z) for x, z in offsets
        ]
        quads += [corner[:3], (corner[0], corner[2], corner[3])]
    if not quads:
        return EMPTY
    corners = np.asarray(quads, dtype=np.float32)
    return Geometry(
        corners=corners,
        colours=np.full((len(corners), 3), 62, dtype=np.float32),
        coordinates=np.zeros((len(corners), 6), dtype=np.float32),
        textures=np.zeros(len(corners), dtype=np.int32),
        numbers=np.zeros(len(corners), dtype=np.int32),
    )


def bounds_of(pieces: Sequence[Geometry]) -> Float32[np.ndarray, "n 2 3"]:
    """Lowest and highest corner of each piece; every piece must have triangles."""
    return np.stack(
        [(piece.corners.min(axis=(0, 1)), piece.corners.max(axis=(0, 1))) for piece in pieces]
    )
