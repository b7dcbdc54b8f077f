"""Pictures of a house: colour, metric depth and instance numbers by casting one ray per pixel.

Runs on the CPU through open3d's RaycastingScene, without a display. What has not moved for a while
stays in one static scene; what moves is in a small second scene, whose rays are cast only where it
can be on the image. Each object's triangles are kept until its `DrawItem` changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import open3d as o3d
from jaxtyping import Float, Float32, Int32

from embodied_mem.backends.household import textures
from embodied_mem.backends.household.drawing import (
    EMPTY,
    SKY,
    DrawItem,
    Geometry,
    ItemGeometry,
    bounds_of,
    concatenated,
    item_geometry,
    shell_geometry,
    wall_caps,
)
from embodied_mem.backends.household.shell import Shell
from embodied_mem.backends.household.views import Image, View, world_rays

__all__ = ["DrawItem", "Image", "Renderer", "View"]

_MAX_MOVING = 6000
"""Triangles of the second scene beyond which what has settled joins the static one."""
_GLASS_ALPHA = 0.42
_BELOW_CEILING = 0.02
_SKY_HIGH, _SKY_LOW, _GROUND = (
    np.array(colour, dtype=np.float32)
    for colour in ((132, 182, 230), (226, 238, 246), (128, 146, 112))
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hits:
    """What n rays met."""

    depth: Float32[np.ndarray, "n"]
    """In lengths of the ray; infinite for none."""
    triangle: np.ndarray
    """Index into the layer; past its end for none."""
    uv: Float32[np.ndarray, "n 2"]
    normal: Float32[np.ndarray, "n 3"]

    def at(self, rows: np.ndarray) -> "_Hits":
        return _Hits(
            depth=self.depth[rows],
            triangle=self.triangle[rows],
            uv=self.uv[rows],
            normal=self.normal[rows],
        )


class _Layer:
    """Triangles in one ray casting scene, with what colours them; the row past the last is sky."""

    def __init__(self, geometry: Geometry):
        self.size = len(geometry)
        self._scene = o3d.t.geometry.RaycastingScene()
        if self.size:
            corners = np.ascontiguousarray(geometry.corners.reshape(-1, 3))
            indices = np.arange(3 * self.size, dtype=np.uint32).reshape(-1, 3)
            self._scene.add_triangles(
                o3d.core.Tensor.from_numpy(corners), o3d.core.Tensor.from_numpy(indices)
            )
        self.colours = np.append(geometry.colours, np.zeros((1, 3), np.float32), axis=0)
        self.coordinates = np.append(geometry.coordinates, np.zeros((1, 6), np.float32), axis=0)
        self.textures = np.append(geometry.textures, np.int32(SKY))
        self.numbers = np.append(geometry.numbers, np.int32(0))

    def cast(self, rays: Float32[np.ndarray, "n 6"]) -> _Hits:
        answer = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays))
        return _Hits(
            depth=answer["t_hit"].numpy(),
            triangle=answer["primitive_ids"].numpy(),
            uv=answer["primitive_uvs"].numpy(),
            normal=answer["primitive_normals"].numpy(),
        )

    def numbers_at(self, triangle: np.ndarray) -> Int32[np.ndarray, "n"]:
        return self.numbers.take(triangle, mode="clip")


class Renderer:
    """Draws one house. `items` are matched between calls by their number."""

    def __init__(self, shell: Shell):
        self._shell = shell_geometry(shell)
        levels = [m.vertices[:, 1].min() for m in shell.meshes if m.kind == "ceiling"]
        self._ceiling = float(min(levels)) if levels else float("inf")
        caps = wall_caps(shell, self._ceiling - _BELOW_CEILING - 0.01) if levels else EMPTY
        self._caps = _Layer(caps) if len(caps) else None
        self._items: dict[int, DrawItem] = {}
        self._geometry: dict[int, ItemGeometry] = {}
        self._moving: dict[int, ItemGeometry] = {}
        self._static: _Layer | None = None
        self._dynamic: _Layer | None = None
        self._glass: _Layer | None = None
        self.rebuilt: tuple[int, ...] = ()
        """Numbers of the items whose geometry the last update made anew."""

    def update(self, items: Sequence[DrawItem]) -> None:
        """Take the objects as they are now; only what changed is rebuilt."""
        current = {item.number: item for item in items}
        changed = [n for n, item in current.items() if self._items.get(n) != item]
        gone = [n for n in self._items if n not in current]
        self.rebuilt = tuple(changed)
        if self._static is not None and not changed and not gone:
            return
        before = {n: self._geometry[n] for n in (*changed, *gone) if n in self._geometry}
        for number in changed:
            self._geometry[number] = item_geometry(current[number])
        for number in gone:
            del self._geometry[number]
        self._items = current
        self._rebuild(before, changed)

    def _rebuild(self, before: Mapping[int, ItemGeometry], changed: Sequence[int]) -> None:
        was_static = any(n not in self._moving and len(old.solid) for n, old in before.items())
        for number in before:
            self._moving.pop(number, None)
        settled = sum(len(piece.solid) for piece in self._moving.values()) > _MAX_MOVING
        if self._static is None or was_static or settled:
            # On the first build all is static; later, what has just changed is likely to go on.
            apart = set() if self._static is None else set(changed)
            self._moving = {n: g for n, g in self._geometry.items() if n in apart}
            resting = (g.solid for n, g in self._geometry.items() if n not in apart)
            self._static = _Layer(concatenated((self._shell, *resting)))
        else:
            self._moving |= {n: self._geometry[n] for n in changed}
        self._dynamic = _layer(piece.solid for piece in self._moving.values())
        panes = [piece.glass for piece in before.values()]
        panes += [self._geometry[n].glass for n in changed]
        if any(len(pane) for pane in panes):
            self._glass = _layer(piece.glass for piece in self._geometry.values())

    def draw(self, items: Sequence[DrawItem], view: View) -> Image:
        """Take a picture of the objects in the house."""
        self.update(items)
        assert self._static is not None
        picture = _Picture(view, *self._rays(view))
        picture.add(self._static)
        if self._dynamic is not None:
            moving = [g.solid for g in self._moving.values() if len(g.solid)]
            picture.add(self._dynamic, _pixels(view, bounds_of(moving)))
        if self._caps is not None and view.skip_ceiling and view.position[1] > self._ceiling:
            picture.add(self._caps)
        picture.develop()
        if self._glass is not None:
            panes = [g.glass for g in self._geometry.values() if len(g.glass)]
            picture.glaze(self._glass, _pixels(view, bounds_of(panes)))
        return picture.image()

    def first_hit(
        self,
        origins: Float[np.ndarray, "n 3"],
        directions: Float[np.ndarray, "n 3"],
        *,
        through_glass: bool,
    ) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
        """What rays meet first, among the objects of the last `update` or `draw`.

        Args:
            origins: Where the rays start [m].
            directions: Where they go, of any length but zero.
            through_glass: Whether glass lets them pass.

        Returns:
            Instance numbers (0 for the shell or nothing) and distances [m] (infinite for nothing).
        """
        if self._static is None:
            self.update(())
        rays = np.empty((len(origins), 6), dtype=np.float32)
        rays[:, :3] = origins
        rays[:, 3:] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        numbers = np.zeros(len(rays), dtype=np.int32)
        distances = np.full(len(rays), np.inf, dtype=np.float32)
        for layer in (self._static, self._dynamic, None if through_glass else self._glass):
            if layer is not None and len(rays):
                hits = layer.cast(rays)
                nearer = hits.depth < distances
                numbers[nearer] = layer.numbers_at(hits.triangle[nearer])
                distances[nearer] = hits.depth[nearer]
        return numbers, distances

    def _rays(
        self, view: View
    ) -> tuple[
        Float32[np.ndarray, "n 6"], Float32[np.ndarray, "n"], Float32[np.ndarray, "n"] | float
    ]:
        """Rays in the world, their lengths, and the depths at which they start [m]."""
        rays, lengths = world_rays(view)
        cut = self._ceiling - _BELOW_CEILING
        if not view.skip_ceiling or view.position[1] <= cut:
            return rays, lengths, 0.0
        start = np.maximum((cut - rays[:, 1]) / np.minimum(rays[:, 4], -1e-6), 0)
        rays[:, :3] += rays[:, 3:] * start[:, None]
        return rays, lengths, start


class _Picture:
    """An image in the making: layer after layer, the nearest hit of each pixel wins."""

    def __init__(
        self,
        view: View,
        rays: Float32[np.ndarray, "n 6"],
        lengths: Float32[np.ndarray, "n"],
        start: Float32[np.ndarray, "n"] | float,
    ):
        self._view = view
        self._rays = rays
        self._lengths = lengths
        self._start = np.broadcast_to(np.float32(start), lengths.shape)
        self._shape = (view.height, view.width)
        self._levels = textures.levels_by_depth(round(view.focal, 3))
        self._depth = np.full(len(rays), view.far, dtype=np.float32)
        self._empty = True

    def add(self, layer: _Layer, pixels: np.ndarray | None = None) -> None:
        """Draw a layer, on the given pixels alone where it can only be there."""
        where = slice(None) if pixels is None else pixels
        rays, start = self._rays[where], self._start[where]
        if not len(rays):
            return
        hits = layer.cast(rays)
        depth = hits.depth + start
        if self._empty:
            self._first(layer, hits, np.minimum(depth, self._view.far))
            return
        nearer = np.flatnonzero(depth < self._depth[where])
        chosen = nearer if pixels is None else pixels[nearer]
        hits = hits.at(nearer)
        self._depth[chosen] = depth[nearer]
        self._ids[chosen] = layer.numbers_at(hits.triangle)
        self._normals[chosen] = hits.normal
        self._colours[chosen], self._facing[chosen] = self._shade(layer, hits, chosen)

    def _first(self, layer: _Layer, hits: _Hits, depth: Float32[np.ndarray, "n"]) -> None:
        self._depth = depth
        hits.triangle[depth >= self._view.far] = layer.size
        self._ids = layer.numbers_at(hits.triangle)
        self._normals = hits.normal
        self._colours, self._facing = self._shade(layer, hits, slice(None))
        self._empty = False

    def _shade(
        self, layer: _Layer, hits: _Hits, where: np.ndarray | slice
    ) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n"]]:
        """Colours in 0..255, and the cosine between ray and normal."""
        depth, rays, lengths = self._depth[where], self._rays[where], self._lengths[where]
        colours = layer.colours.take(hits.triangle, axis=0, mode="clip")
        pattern = layer.textures.take(hits.triangle, mode="clip")
        normal = hits.normal
        facing = normal[:, 0] * rays[:, 3] + normal[:, 1] * rays[:, 4] + normal[:, 2] * rays[:, 5]
        facing /= lengths
        light = np.abs(facing)
        light *= 0.16
        light += 0.9 - 0.012 * depth  # A lamp at the camera, and less of it far away.
        patterned = np.flatnonzero(pattern > 0)
        if len(patterned):
            light[patterned] *= self._texels(layer, hits, pattern, patterned, depth)
        colours *= light[:, None]
        sky = np.flatnonzero(pattern == SKY)
        if len(sky):
            colours[sky] = _sky(rays[sky, 4] / lengths[sky])
        return colours, facing

    def _texels(
        self,
        layer: _Layer,
        hits: _Hits,
        pattern: Int32[np.ndarray, "n"],
        chosen: np.ndarray,
        depth: Float32[np.ndarray, "n"],
    ) -> Float32[np.ndarray, "m"]:
        triangle = hits.triangle.take(chosen)
        place = layer.coordinates.take(triangle, axis=0, mode="clip")
        u, v = hits.uv[chosen, 0], hits.uv[chosen, 1]
        along = place[:, 0] + u * place[:, 2] + v * place[:, 4]
        across = place[:, 1] + u * place[:, 3] + v * place[:, 5]
        steps = (depth.take(chosen) * 16).astype(np.int32)
        level = self._levels.take(steps, mode="clip")
        index = textures.pattern_index(pattern.take(chosen), level, along, across)
        return textures.patterns().take(index) * np.float32(1 / textures.NEUTRAL)

    def develop(self) -> None:
        """Darken what lies close behind something, then round to bytes."""
        depth = self._depth.reshape(self._shape)
        side = max(3, self._view.height // 24) | 1
        behind = cv2.blur(depth, (side, side), borderType=cv2.BORDER_REPLICATE)
        behind -= depth
        behind /= np.maximum(depth, 0.05)
        np.clip(behind * 1.7, -0.26, 0, out=behind)
        behind += 1
        colours = self._colours.reshape(*self._shape, 3)
        colours *= behind[..., None]
        np.clip(colours, 0, 255, out=colours)
        self._rgb = colours.astype(np.uint8)

    def glaze(self, glass: _Layer, pixels: np.ndarray) -> None:
        """Lay glass over the developed picture; depth and instances stay those behind it."""
        if not len(pixels):
            return
        hits = glass.cast(self._rays[pixels])
        nearer = hits.depth + self._start[pixels] < self._depth[pixels]
        chosen, triangle = pixels[nearer], hits.triangle[nearer]
        flat = self._rgb.reshape(-1, 3)
        pane = glass.colours.take(triangle, axis=0, mode="clip")
        flat[chosen] = (1 - _GLASS_ALPHA) * flat[chosen] + _GLASS_ALPHA * pane

    def image(self) -> Image:
        """The finished picture."""
        return Image(
            rgb=self._rgb,
            depth=self._depth.reshape(self._shape),
            ids=self._ids.reshape(self._shape),
            raw_normals=self._normals,
            facing=self._facing,
        )


def _layer(pieces: Iterable[Geometry]) -> _Layer | None:
    geometry = concatenated(pieces)
    return _Layer(geometry) if len(geometry) else None


def _sky(rise: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "n 3"]:
    """Colour of the outside by the sine of the ray's elevation: sky above, ground below."""
    up = np.clip(rise * 1.6, 0, 1)[:, None]
    down = np.clip(-rise * 6, 0, 1)[:, None]
    return (_SKY_LOW + (_SKY_HIGH - _SKY_LOW) * up) * (1 - down) + _GROUND * down


def _pixels(view: View, bounds: Float32[np.ndarray, "k 2 3"]) -> Int32[np.ndarray, "m"]:
    """Pixels on which something within the boxes can be seen."""
    choice = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = bounds[:, choice, np.arange(3)]  # (k, 8, 3)
    local = (corners - np.array(view.position, dtype=np.float32)) @ view.rotation
    behind = local[..., 2].max(axis=1) <= 0
    depth = np.maximum(local[..., 2], 0.02)
    if view.orthographic_size is None:
        scale = view.focal / depth
    else:
        scale = np.full_like(depth, view.height / (2 * view.orthographic_size))
    columns = view.width / 2 + local[..., 0] * scale
    rows = view.height / 2 - local[..., 1] * scale
    mask = np.zeros((view.height, view.width), dtype=bool)
    size = (view.width, view.width, view.height, view.height)
    for k in np.flatnonzero(~behind):
        edges = (columns[k].min(), columns[k].max() + 1, rows[k].min(), rows[k].max() + 1)
        left, right, top, bottom = (
            int(np.clip(edge, 0, limit)) for edge, limit in zip(edges, size, strict=True)
        )
        mask[top:bottom, left:right] = True
    return np.flatnonzero(mask).astype(np.int32)
