"""Triangles of bodies: one flat-shaded triangle list per body, with colours and textures.

Normals point out of the solid: the cross product of a triangle's first two edges, in the numbers of
AI2-THOR's axes. No graphics library is needed here.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import pi
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int32

from embodied_mem.backends.household.parts import Body, Joint, Part

TEXTURES = (
    "plain", "wood", "fabric", "speckle", "stripes", "tiles", "leaves", "planks", "carpet",
)  # fmt: skip
"""Textures by their number in `Mesh.textures`; the last two are for floors alone."""

ROLES = ("body", "door", "drawer", "glass", "glow", "liquid")
"""Roles by their number in `Mesh.roles`."""

_SMALL = 0.4
"""Parts smaller than this get their texture three times as fine [m]."""

Triangles = Float32[np.ndarray, "t 3 3"]
Lod = Literal[0, 1, 2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """The t triangles of a body, closed, in the body's own frame [m]."""

    corners: Triangles
    normals: Float32[np.ndarray, "t 3"]
    colours: Float32[np.ndarray, "t 3"]
    """Linear RGB."""
    coordinates: Float32[np.ndarray, "t 3 2"]
    """Where each corner lies in the texture [m]."""
    textures: Int32[np.ndarray, "t"]
    """Index into TEXTURES."""
    roles: Int32[np.ndarray, "t"]
    """Index into ROLES."""
    moving: tuple[tuple[int, int, Joint], ...]
    """Runs of triangles, from and to, with the joint that moves them."""

    def __len__(self) -> int:
        return len(self.corners)


@lru_cache(maxsize=1024)
def body_mesh(body: Body) -> Mesh:
    """The triangles of a body."""
    pieces = [_unit(part.shape, _lod(part), _aspect(part)) for part in body.parts]
    counts = np.array([len(piece) for piece in pieces])
    starts = np.concatenate(([0], np.cumsum(counts)))
    sizes = np.repeat([part.size for part in body.parts], counts, axis=0).astype(np.float32)
    centers = np.repeat([part.center for part in body.parts], counts, axis=0).astype(np.float32)
    local = np.concatenate(pieces) * sizes[:, None]
    corners = local + centers[:, None]
    normals = triangle_normals(corners)
    moving = tuple(
        (int(starts[i]), int(starts[i + 1]), part.joint)
        for i, part in enumerate(body.parts)
        if part.joint is not None
    )
    colours = np.repeat([part.colour for part in body.parts], counts, axis=0)
    textures = np.repeat([TEXTURES.index(part.texture) for part in body.parts], counts)
    roles = np.repeat([ROLES.index(part.role) for part in body.parts], counts)
    return Mesh(
        corners=corners,
        normals=normals,
        colours=colours.astype(np.float32),
        coordinates=_coordinates(corners, normals, sizes),
        textures=textures.astype(np.int32),
        roles=roles.astype(np.int32),
        moving=moving,
    )


def posed(mesh: Mesh, openness: float) -> tuple[Triangles, Float32[np.ndarray, "t 3"]]:
    """Corners and normals with doors and drawers at an openness, 0..1."""
    if openness == 0 or not mesh.moving:
        return mesh.corners, mesh.normals
    corners, normals = mesh.corners.copy(), mesh.normals.copy()
    for start, stop, joint in mesh.moving:
        turn, shift = joint_transform(joint, openness)
        corners[start:stop] = corners[start:stop] @ turn.T.astype(np.float32) + shift
        normals[start:stop] = normals[start:stop] @ turn.T.astype(np.float32)
    return corners, normals


def joint_transform(
    joint: Joint, openness: float
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Rotation and shift of a part at an openness: a point p of it moves to `rotation @ p + shift`.

    A hinge turns by Rodrigues' formula with the usual cross product of the axes' numbers.
    """
    axis = np.asarray(joint.axis, dtype=float)
    axis /= np.linalg.norm(axis)
    if joint.kind == "slide":
        return np.eye(3), axis * joint.travel * openness
    angle = joint.travel * openness
    x, y, z = axis
    cross = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    origin = np.asarray(joint.origin, dtype=float)
    return rotation, origin - rotation @ origin


def rotation_matrix(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Float[np.ndarray, "3 3"]:
    """Orientation from Unity's Euler angles [degrees]: roll about z, then pitch, then yaw."""
    (cy, sy), (cx, sx), (cz, sz) = (
        (np.cos(a), np.sin(a)) for a in np.deg2rad((yaw, pitch, roll), dtype=float)
    )
    about_y = np.array(((cy, 0, sy), (0, 1, 0), (-sy, 0, cy)))
    if pitch == 0 and roll == 0:
        return about_y
    about_x = np.array(((1, 0, 0), (0, cx, -sx), (0, sx, cx)))
    about_z = np.array(((cz, -sz, 0), (sz, cz, 0), (0, 0, 1)))
    return about_y @ about_x @ about_z


def triangle_normals(corners: Float[np.ndarray, "t 3 3"]) -> Float32[np.ndarray, "t 3"]:
    """Unit normals; zero for a triangle without area."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-12)).astype(np.float32)


def _coordinates(
    corners: Triangles, normals: Float32[np.ndarray, "t 3"], sizes: Float32[np.ndarray, "t 3"]
) -> Float32[np.ndarray, "t 3 2"]:
    """Project each triangle along its main normal; the part's longer side becomes the grain."""
    face = np.abs(normals).argmax(axis=1)
    first, second = np.array((2, 0, 0))[face], np.array((1, 2, 1))[face]
    rows = np.arange(len(corners))
    swap = sizes[rows, second] > sizes[rows, first]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    picked = np.stack((first, second), axis=1)[:, None].repeat(3, axis=1)
    flat = np.take_along_axis(corners, picked, axis=2)
    fine = np.where(sizes.max(axis=1) < _SMALL, 3.0, 1.0).astype(np.float32)
    return flat * fine[:, None, None]


def _lod(part: Part) -> Lod:
    """Finer round shapes for bigger parts."""
    extent = max(part.size)
    return 0 if extent < 0.06 else 1 if extent < 0.25 else 2


def _aspect(part: Part) -> int:
    """Kind of vessel: 0 flat dish, 1 bowl, 2 upright pot or cup; 0 for the other shapes."""
    if part.shape != "bowl":
        return 0
    ratio = part.size[1] / max(part.size[0], part.size[2])
    return 0 if ratio < 0.3 else 1 if ratio < 0.5 else 2


@cache
def _unit(shape: str, lod: Lod, aspect: int) -> Triangles:
    """The shape in a box of side 1 about the origin."""
    sides = (8, 12, 18)[lod]
    match shape:
        case "cylinder":
            return _lathe(((0, -0.5), (0.5, -0.5), (0.5, 0.5), (0, 0.5)), sides)
        case "cone":
            return _lathe(((0, -0.5), (0.5, -0.5), (0.02, 0.5), (0, 0.5)), sides)
        case "sphere":
            angles = np.linspace(-pi / 2, pi / 2, (6, 8, 10)[lod])
            return _lathe(tuple((np.cos(a) / 2, np.sin(a) / 2) for a in angles), sides)
        case "bowl":
            return _lathe(_VESSELS[aspect], sides)
    return _box()


_VESSELS = (
    (  # A dish: low, with a wide flat floor.
        (0, -0.5), (0.36, -0.5), (0.5, 0.5), (0.475, 0.5), (0.35, -0.2), (0, -0.2),
    ),
    (
        (0, -0.5), (0.24, -0.5), (0.38, -0.28), (0.47, 0.1), (0.5, 0.5),
        (0.47, 0.5), (0.44, 0.1), (0.35, -0.22), (0.22, -0.4), (0, -0.4),
    ),
    (
        (0, -0.5), (0.42, -0.5), (0.5, 0.5), (0.46, 0.5), (0.39, -0.44), (0, -0.44),
    ),
)  # fmt: skip
"""Profiles, radius and height, from the middle of the foot over the rim to the inner floor."""


def _lathe(profile: tuple[tuple[float, float], ...], sides: int) -> Triangles:
    """Turn a profile about the y axis; it must run counter-clockwise as seen with y up."""
    angles = np.arange(sides) * 2 * pi / sides
    ring = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    following = np.roll(ring, -1, axis=0)
    triangles = []
    for (r0, y0), (r1, y1) in pairwise(profile):
        a, b = _at(ring, r0, y0), _at(ring, r1, y1)
        c, d = _at(following, r1, y1), _at(following, r0, y0)
        if r0 > 1e-6:
            triangles.append(np.stack((a, b, d), axis=1))
        if r1 > 1e-6:
            triangles.append(np.stack((d, b, c), axis=1))
    return np.concatenate(triangles).astype(np.float32)


def _at(ring: Float[np.ndarray, "s 2"], radius: float, height: float) -> Float[np.ndarray, "s 3"]:
    return np.stack((ring[:, 0] * radius, np.full(len(ring), height), ring[:, 1] * radius), axis=1)


def _box() -> Triangles:
    corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    triangles = np.array([corners[list(t)] for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    outward = np.einsum("ti,ti->t", triangle_normals(triangles), triangles.mean(axis=1)) > 0
    triangles[~outward] = triangles[~outward][:, ::-1]
    return triangles.astype(np.float32)
