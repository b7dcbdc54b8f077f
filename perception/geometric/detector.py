"""Things in an RGB-D image, without weights and without names.

Planes first: floor, ceiling and walls are of the room, level planes carry things. What stands out
of them falls apart where depth jumps and where surfaces meet in concave creases; what lies flat on
them is told apart by colour. Sides that meet in a convex edge are of one thing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32

from embodied_mem.config import Config
from embodied_mem.errors import FrameError
from embodied_mem.types import Camera, Frame
from perception.detections import Detections
from perception.geometric.colour import ColourConfig, lab_of, patches
from perception.geometric.planes import STRUCTURE, PlaneConfig, Planes, find_planes
from perception.geometric.relief import Relief, relief
from perception.geometric.segments import SegmentConfig, edges, grow, join, pieces
from perception.geometric.wholes import WholeConfig, panes, under_tops
from perception.lift import LiftConfig

OBJECT, SURFACE = "object", "surface"
"""Labels of what has no name yet: a thing, and something level that carries things."""


class GeometricConfig(Config, frozen=True, tag="geometric"):
    """Class-agnostic instances from depth and colour edges; no weights."""

    min_pixels: int = 60
    """Smaller things are not detected, counted at the image's own size [px]."""
    max_things: int = 80
    """The largest are kept."""
    width: int = 320
    """Wider images are worked on at half, a third, ... of their size, down to this [px]."""
    max_depth: float = 8.0
    """Depth from here on tells no shapes [m]."""
    max_hole: float = 0.02
    """Holes of depth are closed up to so far from what is known, as a share of the width."""
    measured: float = 0.35
    """Share of a thing whose depth was measured, at least; the rest is where holes were closed."""
    floor: float | None = None
    """Height of the floor in the world, where frames do not tell by the body that stands on it [m];
    the lowest level plane well below the camera when null."""
    planes: PlaneConfig = PlaneConfig()
    segments: SegmentConfig = SegmentConfig()
    colour: ColourConfig | None = ColourConfig()
    """How flat things are told from the planes that they lie in; not at all when null."""
    wholes: WholeConfig = WholeConfig()
    surface: float = 0.12
    """What has a level top of this size is something that carries things [m^2]."""
    lift: LiftConfig | None = LiftConfig()
    """How masks are placed in the world; null leaves them without points."""


_SCORE = 0.8
"""Confidence that a detection is something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """An image parted into the room's planes and things, at every `step`th pixel."""

    labels: Int32[np.ndarray, "h w"]
    """Piece of each pixel, 0 for none; numbers up to that of the last plane are of the room."""
    fixed: Bool[np.ndarray, "n"]
    """Pieces that are not joined with others."""
    planes: Planes
    surface: Relief
    pixel: float
    """Solid angle of a pixel near the image's middle [sr]."""
    step: int


class Geometric:
    """Finds things by their shape."""

    def __init__(self, config: GeometricConfig | None = None):
        self.config = config or GeometricConfig()

    def __call__(self, frame: Frame) -> Detections:
        """Find what stands out of the room's planes, and what carries things.

        Raises:
            FrameError: The frame has no depth, camera or pose.
        """
        height, width = frame.rgb.shape[:2]
        return _detections(self.segment(frame), (height, width), self.config)

    def segment(self, frame: Frame) -> Segmentation:
        """Part an image into the room's planes and things.

        Raises:
            FrameError: The frame has no depth, camera or pose.
        """
        depth, camera, up, floor = _needed(frame, self.config.floor)
        step = max(1, round(camera.width / self.config.width))
        small = depth[::step, ::step]
        shrunk = _shrink(camera, step, small.shape)
        hole = int(self.config.max_hole * shrunk.width)
        surface = relief(small, shrunk, max_depth=self.config.max_depth, max_hole=hole)
        planes = find_planes(surface, shrunk, up, floor, self.config.planes)
        lab = lab_of(np.ascontiguousarray(frame.rgb[::step, ::step]))
        jumps, creases = edges(surface, self.config.segments)
        labels, fixed = self._pieces(lab, surface, planes, jumps, creases)
        labels = join(surface, labels, fixed, jumps, lab, self.config.segments)
        recess = self.config.planes.recess
        labels = panes(labels, fixed, surface, planes, recess, self.config.wholes)
        labels = under_tops(labels, surface, planes, up, self.config.wholes)
        if not surface.known.all():
            labels = grow(labels, labels == 0, hole)
        return Segmentation(
            labels=labels, fixed=fixed, planes=planes, surface=surface,
            pixel=1 / (shrunk.fx * shrunk.fy), step=step,
        )  # fmt: skip

    def _pieces(
        self,
        lab: Float32[np.ndarray, "h w 3"],
        surface: Relief,
        planes: Planes,
        jumps: Bool[np.ndarray, "h w"],
        creases: Bool[np.ndarray, "h w"],
    ) -> tuple[Int32[np.ndarray, "h w"], Bool[np.ndarray, "n"]]:
        """Part the image into pieces; tell which are not to be joined with others.

        The first pieces are the planes of the room.
        """
        config = self.config.segments
        kinds = ["", *(plane.kind for plane in planes.found)]
        of_room = np.array([kind in STRUCTURE for kind in kinds])
        level = np.array([kind == "support" for kind in kinds])
        labels = np.where(of_room[planes.numbers], planes.numbers, 0).astype(np.int32)
        following = len(kinds)
        fixed = [np.ones(following, bool)]

        def add(more: Int32[np.ndarray, "h w"], *, alone: bool) -> None:
            nonlocal following
            labels[more > 0] = more[more > 0]
            count = max(int(more.max()) + 1 - following, 0)
            following += count
            fixed.append(np.full(count, alone))

        for number in np.flatnonzero(level):
            top = planes.numbers == number
            add(pieces(top, jumps, following, config.least), alone=False)
        free = surface.known & (labels == 0)
        add(pieces(free, jumps | creases, following, config.least), alone=False)
        if self.config.colour is not None:
            for number, kind in enumerate(kinds):
                if kind in ("wall", "support"):
                    plane = planes.numbers == number
                    add(patches(lab, plane, following, self.config.colour), alone=True)
        return labels, np.concatenate(fixed)


def _shrink(camera: Camera, step: int, shape: tuple[int, ...]) -> Camera:
    """Return the camera of every `step`th pixel; a pixel's centre lies at its index + 0.5."""
    return Camera(
        width=shape[1],
        height=shape[0],
        fx=camera.fx / step,
        fy=camera.fy / step,
        cx=(camera.cx - 0.5) / step + 0.5,
        cy=(camera.cy - 0.5) / step + 0.5,
    )


def _needed(
    frame: Frame, floor: float | None
) -> tuple[Float32[np.ndarray, "h w"], Camera, Float[np.ndarray, "3"], float | None]:
    """Return depth, camera, the upward direction in it, and the floor's height over it [m]."""
    parts = {
        "depth": frame.depth, "camera": frame.camera, "T_world_camera": frame.T_world_camera,
    }  # fmt: skip
    missing = [name for name, part in parts.items() if part is None]
    depth, camera, pose = frame.depth, frame.camera, frame.T_world_camera
    if depth is None or camera is None or pose is None:
        raise FrameError(
            f"the frame at {frame.stamp:.2f} s has no {', '.join(missing)}, which finding things "
            "by their shape needs. Use a camera with depth whose pose is known, or a detector "
            "that needs colour alone."
        )
    up = pose.rotation.as_matrix()[2]
    if frame.T_world_body is not None:
        floor = float(frame.T_world_body.translation[2])
    return depth, camera, up, None if floor is None else floor - float(pose.translation[2])


def _detections(found: Segmentation, shape: tuple[int, int], config: GeometricConfig) -> Detections:
    """Turn the pieces that are things into masks of the image's own size, the largest first."""
    labels, step = found.labels, found.step
    sizes = np.bincount(labels.ravel(), minlength=len(found.fixed))
    room = len(found.planes.found) + 1
    seen = np.bincount(labels[found.surface.measured], minlength=len(sizes))
    is_thing = (sizes >= config.min_pixels / step**2) & (seen >= config.measured * sizes)
    is_thing[:room] = False
    numbers = [n for n in np.argsort(-sizes, kind="stable") if is_thing[n]]
    numbers = [n for n in numbers if _stands_out(labels == n)][: config.max_things]
    tops = _tops(found)
    masks = np.zeros((len(numbers), *shape), bool)
    for mask, number in zip(masks, numbers, strict=True):
        mask[:] = (labels == number).repeat(step, 0).repeat(step, 1)[: shape[0], : shape[1]]
    return Detections(
        masks=masks,
        labels=tuple(SURFACE if tops[n] >= config.surface else OBJECT for n in numbers),
        scores=np.array([_SCORE] * len(numbers)),
        attributes=tuple({} for _ in numbers),
    )


def _stands_out(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Tell a thing from what is left along the edges of planes: it has an inside."""
    return bool(cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)).any())


def _tops(found: Segmentation) -> Float[np.ndarray, "n"]:
    """Return the area of the level planes in each piece [m^2]."""
    level = np.array([False, *(plane.kind == "support" for plane in found.planes.found)])
    top = level[found.planes.numbers]
    points, normals = found.surface.points[top], found.surface.normals[top]
    # A pixel sees z^2 / (fx fy) of a surface that faces it, and more of one that it sees aslant.
    facing = np.abs(np.einsum("pd,pd->p", points, normals)) / points[:, 2]
    areas = np.square(points[:, 2]) * found.pixel / np.maximum(facing, 0.05)
    total = np.bincount(found.labels[top], weights=areas, minlength=len(found.fixed))
    return total.astype(np.float64)  # Of nothing they would be integers.
