"""What the agent sees: AI2-THOR's rule on our images.

An object is visible when a ray from the camera hits it within the image and the point that was hit
is within the visibility distance, measured horizontally. What is seen only through glass is visible
but cannot be interacted with.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import hypot

import numpy as np
from jaxtyping import Bool, Float, Float32

from embodied_mem.backends.household.parts import Body, Vector
from embodied_mem.backends.household.poses import to_world
from embodied_mem.backends.household.render import Image, Renderer, View
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.world import World

_RAYS_PER_OBJECT = 12
"""Pixels of an object that are tried for a way without glass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look of the agent."""

    image: Image
    visible: frozenset[int]
    """Numbers of the objects in view and near enough."""
    interactable: frozenset[int]
    """Those of them that no glass is before."""
    pixels: dict[int, int]
    """Pixels that each object in the image covers, near or far."""


def see(world: World, renderer: Renderer, image: Image, view: View, distance: float) -> Sight:
    """Tell what is visible in an image.

    Args:
        world: What was drawn.
        renderer: Casts rays into it.
        image: What the agent's camera shows.
        view: That camera.
        distance: How near an object must be, measured horizontally [m].
    """
    factor = horizontal_factor(view.width, view.height, view.field_of_view, view.horizon)
    near = image.depth * factor <= distance
    counts = np.bincount(image.ids.ravel())
    close = np.bincount(image.ids[near]).nonzero()[0].tolist()
    seen = {number for number in close if number > 0}
    reached = seen
    eye = view.position
    panes = [
        item
        for item in world.objects.values()
        if has_glass(item.body)
        and not item.removed
        and hypot(item.position[0] - eye[0], item.position[2] - eye[2]) < distance + 1.0
    ]
    if panes:
        glazed = _panes_in_view(renderer, view, distance, panes)
        reached = _not_behind_glass(renderer, image, view, near, seen) | glazed
        seen = seen | glazed
    held = {item.number for item in world.objects.values() if item.held}
    return Sight(
        image=image,
        visible=frozenset(seen | held),
        interactable=frozenset(reached | held),
        pixels={int(n): int(counts[n]) for n in counts.nonzero()[0] if n > 0},
    )


@lru_cache(maxsize=64)
def horizontal_factor(
    width: int, height: int, field_of_view: float, horizon: float
) -> Float32[np.ndarray, "h w"]:
    """Horizontal distance of what a pixel shows, per metre of its depth."""
    right, down = pixel_plane(width, height, field_of_view)
    pitch = np.radians(horizon)
    ahead = np.cos(pitch) - down * np.sin(pitch)  # (h,)
    return np.hypot(ahead[:, None], right[None, :]).astype(np.float32)


def pixel_plane(
    width: int, height: int, field_of_view: float
) -> tuple[Float[np.ndarray, "w"], Float[np.ndarray, "h"]]:
    """Where pixel centres lie on the plane one metre ahead: to the right and down [m]."""
    focal = height / (2 * np.tan(np.radians(field_of_view) / 2))
    right = (np.arange(width) + 0.5 - width / 2) / focal
    down = (np.arange(height) + 0.5 - height / 2) / focal
    return right, down


def camera_axes(view: View) -> Float[np.ndarray, "3 3"]:
    """Rows: right, down and forward of a camera, in the world."""
    yaw, pitch = np.radians(view.yaw), np.radians(view.horizon)
    sin, cos = np.sin(yaw), np.cos(yaw)
    return np.array(
        (
            (cos, 0.0, -sin),
            (-sin * np.sin(pitch), -np.cos(pitch), -cos * np.sin(pitch)),
            (sin * np.cos(pitch), -np.sin(pitch), cos * np.cos(pitch)),
        )
    )


def pixel_ray(view: View, x: float, y: float) -> Float[np.ndarray, "3"]:
    """Direction of the pixel in which an image point lies.

    Args:
        view: The camera.
        x: From the left edge, 0..1.
        y: From the top edge, 0..1.
    """
    right, down = pixel_plane(view.width, view.height, view.field_of_view)
    column = min(int(x * view.width), view.width - 1)
    row = min(int(y * view.height), view.height - 1)
    return np.array((right[column], down[row], 1.0)) @ camera_axes(view)


def sample_points(item: SimObject) -> Float[np.ndarray, "p 3"]:
    """Points just inside the surface of an object's parts, and their centres, in the world [m]."""
    points: list[Vector] = []
    for part in item.body.parts[:12]:
        center, size = np.array(part.center), np.array(part.size)
        for offset in _OFFSETS:
            x, y, z = (center + offset * size).tolist()
            points.append(to_world((x, y, z), item.position, item.yaw))
    return np.array(points)


_OFFSETS = 0.47 * np.array(
    [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    + [(0.7 * x, 0.7 * y, 0.7 * z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
)


@lru_cache(maxsize=4096)
def has_glass(body: Body) -> bool:
    """Whether a part of a body is glass."""
    return any(part.role == "glass" for part in body.parts)


def _panes_in_view(
    renderer: Renderer, view: View, distance: float, near: list[SimObject]
) -> set[int]:
    """Find the objects whose glass is hit by rays at points of theirs, in the image and near."""
    eye = np.array(view.position)
    points = [sample_points(item) for item in near]
    owners = np.concatenate([np.full(len(p), i.number) for i, p in zip(near, points, strict=True)])
    rays = np.concatenate(points) - eye
    local = rays @ camera_axes(view).T
    half_y = np.tan(np.radians(view.field_of_view) / 2)
    half_x = half_y * view.width / view.height
    ahead = local[:, 2]
    inside = (ahead > 0.05) & (np.abs(local[:, 0]) < half_x * ahead)
    inside &= np.abs(local[:, 1]) < half_y * ahead
    inside &= np.hypot(rays[:, 0], rays[:, 2]) <= distance
    if not inside.any():
        return set()
    origins = np.broadcast_to(eye, (int(inside.sum()), 3))
    hits, _ = renderer.first_hit(origins, rays[inside], through_glass=False)
    return set(hits[hits == owners[inside]].tolist())


def _not_behind_glass(
    renderer: Renderer, image: Image, view: View, near: Bool[np.ndarray, "h w"], seen: set[int]
) -> set[int]:
    """Keep the objects that some ray reaches without passing glass; a few of their pixels tell."""
    flat = np.where(near, image.ids, 0).ravel()
    pixels = []
    for number in seen:
        where = np.flatnonzero(flat == number)
        pixels.append(where[:: max(len(where) // _RAYS_PER_OBJECT, 1)])
    chosen = np.concatenate(pixels) if pixels else np.zeros(0, dtype=np.int64)
    if not len(chosen):
        return set()
    right, down = pixel_plane(view.width, view.height, view.field_of_view)
    rows, columns = np.divmod(chosen, view.width)
    rays = np.stack((right[columns], down[rows], np.ones(len(chosen))), axis=1) @ camera_axes(view)
    origins = np.broadcast_to(np.array(view.position), rays.shape)
    hits, _ = renderer.first_hit(origins, rays, through_glass=False)
    return set(hits[hits == flat[chosen]].tolist())
