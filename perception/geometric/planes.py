"""Planes in a relief, and which of them are floor, ceiling, wall or something that carries things.

RANSAC over oriented points (Schnabel, Wahl and Klein 2007, "Efficient RANSAC for point-cloud shape
detection"): one point with its normal is a whole hypothesis, so that a few dozen draws suffice.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8

from embodied_mem.config import Config
from embodied_mem.types import Camera
from perception.geometric.relief import Relief

Kind = Literal["floor", "ceiling", "wall", "support", "face"]
"""What a plane is: structure of the room, something that carries things, or a side of a thing."""

STRUCTURE: frozenset[Kind] = frozenset(("floor", "ceiling", "wall"))
"""Planes that are of the room, and of no thing in it."""


_COINCIDE = 0.7
"""Share of a plane's points that lie in another one if they are one."""

Fitted = tuple[Float[np.ndarray, "3"], float]
"""Normal and offset of a plane."""


class PlaneConfig(Config, frozen=True):
    """How planes are found and told apart."""

    most: int = 10
    """Planes looked for."""
    hypotheses: int = 80
    """Draws for each."""
    sample: int = 1600
    """Pixels that draws are scored by."""
    least: float = 0.008
    """Share of the image that a plane fills at least."""
    thickness: float = 0.012
    """Points so near belong to a plane, besides what noise adds [m]."""
    angle: float = 0.35
    """Normals turned away by less belong to it [rad]."""
    level: float = 0.14
    """Planes tilted by less are horizontal, and upright ones by less vertical [rad]."""
    floor_below: float = 0.9
    """Without a body's pose, the floor lies at least so far below the camera [m]."""
    wall_height: float = 1.9
    """What reaches so high over the floor is wall, and no side of a thing [m]."""
    wall_width: float = 0.6
    """And it is at least so wide [m]."""
    recess: float = 0.25
    """What lies nearer to a larger wall than this is in that wall: a window, a door [m]."""
    behind: float = 0.04
    """Before what is wall, nearly everything lies: at most this share of what is seen is behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The points p of the camera frame with normal . p = offset."""

    normal: Float[np.ndarray, "3"]
    """Unit length, towards the camera."""
    offset: float
    """Negative, since the camera lies before it [m]."""
    kind: Kind
    height: float
    """Of its middle over the camera, along the vertical [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """The planes of one image."""

    found: tuple[Plane, ...]
    numbers: UInt8[np.ndarray, "h w"]
    """Plane of each pixel, counted from 1; 0 for none."""


def find_planes(
    relief: Relief,
    camera: Camera,
    up: Float[np.ndarray, "3"],
    floor_height: float | None,
    config: PlaneConfig,
) -> Planes:
    """Find the planes of a relief, the largest first.

    Args:
        relief: The surface.
        camera: Intrinsics.
        up: Unit vector of the camera frame that points against gravity.
        floor_height: Of the floor over the camera (negative), where it is known [m].
        config: Bounds and tolerances.
    """
    shape = relief.known.shape
    numbers = np.zeros(shape, np.uint8)
    left = relief.known.copy()
    random = np.random.default_rng(0)  # The same image has the same planes.
    fitted: list[Fitted] = []
    while len(fitted) < config.most:
        plane = _draw(relief, left, camera, random, config)
        if plane is None:
            break
        on = _on_plane(relief, plane, config) & left
        if np.count_nonzero(on) < config.least * on.size:
            break
        fitted.append(plane)
        numbers[on] = len(fitted)
        left &= ~on
    fitted = _merged(relief, fitted, numbers, config)
    return _told_apart(relief, fitted, numbers, up, floor_height, config)


def _draw(
    relief: Relief,
    left: Bool[np.ndarray, "h w"],
    camera: Camera,
    random: np.random.Generator,
    config: PlaneConfig,
) -> Fitted | None:
    """Return the best of some planes through single points, fitted to the sampled points on it."""
    free = np.flatnonzero(left)
    if len(free) < config.least * left.size:
        return None
    sampled = free[random.integers(len(free), size=config.sample)]
    points = relief.points.reshape(-1, 3)[sampled]
    normals = relief.normals.reshape(-1, 3)[sampled]
    z = points[:, 2]
    near = config.thickness + 3 * relief.noise * z * z
    tried = slice(0, config.hypotheses)
    offsets = np.einsum("kd,kd->k", normals[tried], points[tried])
    apart = np.abs(normals[tried] @ points.T - offsets[:, None])  # (k, p)
    on = (apart < near) & (normals[tried] @ normals.T > np.cos(config.angle))
    best = on[np.argmax(np.count_nonzero(on, axis=1))]
    enough = max(config.least * left.size * len(sampled) / len(free), 6)
    return _fit(relief, sampled[best], camera) if np.count_nonzero(best) >= enough else None


def _on_plane(relief: Relief, plane: Fitted, config: PlaneConfig) -> Bool[np.ndarray, "h w"]:
    along = relief.normals @ plane[0].astype(np.float32) > np.cos(config.angle)
    return _is_near(relief, relief.points, plane, config) & along


def _is_near(
    relief: Relief, points: Float32[np.ndarray, "*p 3"], plane: Fitted, config: PlaneConfig
) -> Bool[np.ndarray, "*p"]:
    z = points[..., 2]
    near = np.float32(config.thickness) + np.float32(3 * relief.noise) * z * z
    apart = np.abs(points @ plane[0].astype(np.float32) - np.float32(plane[1]))
    return np.asarray(apart < near)


def _fit(relief: Relief, pixels: Int64[np.ndarray, "k"], camera: Camera) -> Fitted:
    """Fit a plane by least squares in inverse depth, where noise is even and planes are linear."""
    rows, columns = np.divmod(pixels, relief.known.shape[1])
    x = (columns + 0.5 - camera.cx) / camera.fx
    y = (rows + 0.5 - camera.cy) / camera.fy
    matrix = np.stack((x, y, np.ones_like(x)), axis=1)
    direction, *_ = np.linalg.lstsq(matrix, relief.inverse.ravel()[pixels].astype(float))
    length = float(np.linalg.norm(direction)) or 1.0
    return -direction / length, -1.0 / length


def _merged(
    relief: Relief, fitted: list[Fitted], numbers: UInt8[np.ndarray, "h w"], config: PlaneConfig
) -> list[Fitted]:
    """Join planes that differ by no more than noise makes; `numbers` is brought up to date."""
    kept: list[Fitted] = []
    for number, plane in enumerate(fitted, start=1):
        own = numbers == number
        points = relief.points[own][::9]
        alike = [
            k + 1
            for k, other in enumerate(kept)
            if other[0] @ plane[0] > np.cos(config.angle)
            and _is_near(relief, points, other, config).mean() > _COINCIDE
        ]
        if not alike:
            kept.append(plane)
        numbers[own] = alike[0] if alike else len(kept)
    return kept


def _told_apart(
    relief: Relief,
    fitted: list[Fitted],
    numbers: UInt8[np.ndarray, "h w"],
    up: Float[np.ndarray, "3"],
    floor_height: float | None,
    config: PlaneConfig,
) -> Planes:
    """Say of each plane what it is."""
    heights = relief.points @ up.astype(np.float32)
    middles = [float(np.median(heights[numbers == i + 1][::9])) for i in range(len(fitted))]
    tilts = [float(normal @ up) for normal, _ in fitted]
    level, upright = np.cos(config.level), np.sin(config.level)
    floor = _floor(
        [h for h, tilt in zip(middles, tilts, strict=True) if tilt > level], floor_height, config
    )
    found: list[Plane] = []
    for i, (normal, offset) in enumerate(fitted):
        kind: Kind = "face"
        if tilts[i] > level:
            kind = "floor" if floor is not None and middles[i] < floor + 0.05 else "support"
        elif tilts[i] < -level and middles[i] > 0:
            kind = "ceiling"
        elif abs(tilts[i]) < upright:
            own = numbers == i + 1
            before = any(_lies_in(found[k], relief.points[own], config) for k in range(i))
            if not before and _is_wall(relief, own, (normal, offset), heights, floor, config):
                kind = "wall"
        found.append(Plane(normal=normal, offset=offset, kind=kind, height=middles[i]))
    for i, plane in enumerate(found):
        if plane.kind != "face":  # Normals are mixed along creases: distance must do there.
            edge = (numbers == 0) & relief.known
            edge[edge] = _is_near(relief, relief.points[edge], fitted[i], config)
            numbers[edge] = i + 1
    return Planes(found=tuple(found), numbers=numbers)


def _lies_in(wall: Plane, points: Float32[np.ndarray, "p 3"], config: PlaneConfig) -> bool:
    """Tell whether points lie in a wall or close to it: a window, a door, a picture."""
    if wall.kind != "wall":
        return False
    away = np.abs(points[::7] @ wall.normal.astype(np.float32) - wall.offset)
    return bool(np.median(away) < config.recess)


def _floor(heights: list[float], known: float | None, config: PlaneConfig) -> float | None:
    """Return the floor's height over the camera [m], as far as it can be told."""
    if known is not None:
        return known
    low = [height for height in heights if height < -config.floor_below]
    return min(low) if low else None


def _is_wall(
    relief: Relief,
    own: Bool[np.ndarray, "h w"],
    plane: Fitted,
    heights: Float32[np.ndarray, "h w"],
    floor: float | None,
    config: PlaneConfig,
) -> bool:
    """Tell a wall from a side of a thing: it is wide, and reaches high or has all before it."""
    normal, offset = plane
    points = relief.points[own][::7]
    extents = np.ptp(points, axis=0)
    if np.hypot(extents[0], extents[2]) < config.wall_width:
        return False
    if floor is not None and np.quantile(heights[own][::7], 0.98) - floor > config.wall_height:
        return True
    some = relief.points[::4, ::4][relief.known[::4, ::4]]
    beyond = some @ normal.astype(np.float32) - offset < -0.1 - 3 * relief.noise * some[:, 2] ** 2
    return float(np.mean(beyond)) < config.behind
