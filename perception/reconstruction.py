"""The building in three dimensions, though things in it are moved: two memories, after Mem4D.

What stays is fused into a persistent map, a truncated signed distance field in Open3D's hashed
voxel blocks. What contradicts it goes to a transient memory of voxels, and becomes structure only
after it was seen in the same place several times. What the map shows and the camera sees through is
taken out of the map: one memory alone would average it away over as many frames as had built it,
and show ghosts until then.

Source of the idea: Mem4D (separate memories for structure and for motion), here without a network:
the split is by residuals, of each pixel's depth, and of all of them for the pose.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.memory.depth_noise import scatter
from embodied_mem.types import Camera, Frame
from perception.lift import pixel_rays
from perception.piercing import Background
from perception.transient import TransientConfig, TransientMemory
from perception.voxel_map import Mesh, VoxelMap


class ReconstructionConfig(Config, frozen=True):
    """Resolution, tolerances and bounds."""

    voxel: float = 0.03
    """Edge of a voxel of the map [m]."""
    truncation: float = 4.0
    """Distances beyond so many voxels are all alike [voxels]."""
    max_depth: float = 5.0
    """Farther depth is not fused [m]."""
    residual: float = 0.06
    """Depth that differs from the map by more than this, and ... [m]"""
    residual_slope: float = 0.003
    """... this times its square, contradicts it [1/m]; or, where that is more, ..."""
    residual_noise: float = 4.0
    """... so many standard deviations of the image's own noise, which grows with the square too."""
    refutations: int = 2
    """Views through a part of the map before it is taken out."""
    bad_pose: float = 0.5
    """A frame that contradicts the map on more than this share of the pixels that both know is not
    believed: its pose is wrong."""
    min_weight: float = 2.0
    """Voxels seen in fewer frames are not shown."""
    max_blocks: int = 40_000
    """Blocks of 8 x 8 x 8 voxels that are kept; beyond it those farthest from the camera go."""
    transient: TransientConfig = TransientConfig()

    def __post_init__(self) -> None:
        for name in ("voxel", "truncation", "max_depth", "residual"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"reconstruction.{name} must be positive.")
        if self.refutations < 1 or self.max_blocks < 100:
            raise ConfigError(
                "reconstruction.refutations must be at least 1, max_blocks at least 100."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingThing:
    """A cluster of the transient memory."""

    points: Float[np.ndarray, "n 3"]
    """Middles of its voxels in the world [m]."""
    last_seen: float
    """[s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What the map made of one frame's pixels."""

    static: Bool[np.ndarray, "h w"]
    """Agree with the map, or are the first to show a place."""
    moving: Bool[np.ndarray, "h w"]
    """Stand before what the map shows."""
    vanished: Bool[np.ndarray, "h w"]
    """See through what the map shows."""
    trusted: bool
    """Whether the pose is believed."""


class Reconstruction:
    """Fuses frames; answers with the static scene and with what moves in it."""

    def __init__(self, config: ReconstructionConfig | None = None):
        self.config = config or ReconstructionConfig()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        config = self.config
        self._map = VoxelMap(
            voxel=config.voxel,
            truncation=config.truncation,
            max_depth=config.max_depth,
            min_weight=config.min_weight,
            max_blocks=config.max_blocks,
        )
        self.transient = TransientMemory(self.config.transient)
        self.rejected = 0
        """Frames that were not believed."""

    @property
    def blocks(self) -> int:
        """Blocks that the map holds."""
        return len(self._map)

    def integrate(self, frame: Frame, moving: Bool[np.ndarray, "h w"] | None = None) -> Split:
        """Take one frame in.

        Args:
            frame: Depth, camera and pose.
            moving: Pixels that are known to show what moves, such as a thing in the hand.

        Returns:
            What each pixel was taken for.

        Raises:
            FrameError: Depth, camera or pose is missing.
        """
        if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
            raise FrameError("a reconstruction needs frames with depth, camera and T_world_camera.")
        camera, pose = frame.camera, frame.T_world_camera
        unknown = np.float32(np.nan)
        with np.errstate(invalid="ignore"):
            seen = np.where(frame.depth > 0, frame.depth, unknown).astype(np.float32)
            depth = np.where(seen < self.config.max_depth, seen, unknown)
        shown = self.render(camera, pose)
        tolerance = self._tolerance(seen)
        split = self._split(depth, seen, shown, tolerance, moving)
        if not split.trusted:
            self.rejected += 1
            return split
        points = self._points(depth, camera, pose)
        self.transient.see_through(seen, camera, pose, tolerance)
        self.transient.forget(points, split.static & np.isfinite(shown))
        settled = self.transient.add(points, split.moving, frame.stamp)
        self._carve(shown, seen - tolerance, split.vanished, camera, pose)
        self._make_room(np.where(settled, depth, unknown), camera, pose)
        self._map.fuse(np.where(split.static | settled, depth, unknown), camera, pose)
        self._map.bound(pose)
        return split

    def render(self, camera: Camera, pose: RigidTransform) -> Float32[np.ndarray, "h w"]:
        """Draw the static scene's depth for a camera [m]; NaN where nothing is known."""
        return self._map.render(camera, pose)

    def points(self) -> Float32[np.ndarray, "n 3"]:
        """Return points on the surfaces of the static scene [m]."""
        return self._map.points()

    def mesh(self) -> Mesh:
        """Return the surfaces of the static scene."""
        return self._map.mesh()

    def things(self, min_voxels: int = 8) -> tuple[MovingThing, ...]:
        """Return what the transient memory holds, parted where there is air between, largest first.

        Args:
            min_voxels: Smaller clusters are left out.
        """
        points, seen = self.transient.points, self.transient.last_seen
        if not len(points):
            return ()
        pairs = KDTree(points).query_pairs(1.8 * self.config.transient.voxel, output_type="ndarray")
        links = csr_array((np.ones(len(pairs)), pairs.T), shape=(len(points), len(points)))
        count, labels = connected_components(links, directed=False)
        sizes = np.bincount(labels, minlength=count)
        chosen = [n for n in np.argsort(-sizes, kind="stable").tolist() if sizes[n] >= min_voxels]
        return tuple(
            MovingThing(points=points[labels == n], last_seen=float(seen[labels == n].max()))
            for n in chosen
        )

    def _tolerance(self, depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        noise = self.config.residual_noise * scatter(depth)
        slope = np.float32(max(self.config.residual_slope, noise))
        return np.float32(self.config.residual) + slope * depth * depth

    def _split(
        self,
        depth: Float32[np.ndarray, "h w"],
        seen: Float32[np.ndarray, "h w"],
        shown: Float32[np.ndarray, "h w"],
        tolerance: Float32[np.ndarray, "h w"],
        moving: Bool[np.ndarray, "h w"] | None,
    ) -> Split:
        """Part the pixels by how far their depth is from the map's.

        Args:
            depth: What may be fused [m].
            seen: The same with what is too far to be fused, but shows that nothing is before it.
            shown: The map's [m].
            tolerance: By how much they may differ [m].
            moving: Pixels that are known to show what moves.
        """
        known = np.isfinite(depth)
        with np.errstate(invalid="ignore"):
            before = depth < shown - tolerance
            behind = seen > shown + tolerance
        both = np.isfinite(seen) & np.isfinite(shown)
        against = int((before | behind)[both].sum())
        trusted = against <= self.config.bad_pose * max(int(both.sum()), 1) or both.mean() < 0.1
        if moving is not None:
            before = (before | moving) & known
        # A silhouette in the map is a voxel too wide: a rim alone has not vanished.
        inner = cv2.erode(behind.astype(np.uint8), np.ones((3, 3), np.uint8))
        vanished = behind & (cv2.dilate(inner, np.ones((5, 5), np.uint8)) > 0)
        return Split(
            static=known & ~before, moving=before, vanished=vanished, trusted=bool(trusted)
        )

    def _points(
        self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> Float32[np.ndarray, "h w 3"]:
        rays = pixel_rays(camera) * depth.reshape(-1, 1)
        world = rays @ pose.rotation.as_matrix().astype(np.float32).T
        world += pose.translation.astype(np.float32)
        return world.reshape(*depth.shape, 3)

    def _carve(
        self,
        shown: Float32[np.ndarray, "h w"],
        limit: Float32[np.ndarray, "h w"],
        vanished: Bool[np.ndarray, "h w"],
        camera: Camera,
        pose: RigidTransform,
    ) -> None:
        """Doubt the voxels that the camera sees through; empty those that are doubted enough.

        Args:
            shown: The map's depth [m].
            limit: Depth before which the camera sees that there is nothing [m].
            vanished: Pixels that see through what the map shows.
            camera: The camera.
            pose: Its pose.
        """
        blocks = self._map.blocks_about(np.where(vanished, shown, np.float32(np.nan)), camera, pose)
        flat, z, row, column = self._map.voxels_in_view(blocks, camera, pose)
        front = flat[vanished[row, column] & (z < limit[row, column])]
        refuted = np.union1d(front, self._pierced(limit, camera, pose))
        doubt, weight, tsdf = self._map.values("doubt", "weight", "tsdf")
        doubt[refuted] += 1
        empty = refuted[doubt[refuted] >= self.config.refutations]
        doubt[empty], weight[empty], tsdf[empty] = 0, 0, 0

    def _pierced(
        self, limit: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> Int64[np.ndarray, "v"]:
        """Return the voxels inside what the map holds that the camera looks through.

        The ray cast does not show all that the map holds: from behind and from aside, where the air
        before a surface was not seen, or was emptied, it goes on to the next one.

        Args:
            limit: Depth before which there is nothing [m].
            camera: The camera.
            pose: Its pose.
        """
        blocks = self._map.blocks_in_sight(camera, pose)
        flat, z, row, column = self._map.voxels_in_view(blocks, camera, pose, inside=True)
        through = Background(limit, camera).lies_behind(z, row, column, 1.5 * self.config.voxel)
        return flat[through]

    def _make_room(
        self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> None:
        """Empty the voxels that were air before something came to rest there.

        Every frame that saw them as air would otherwise have to be outweighed.

        Args:
            depth: Of what has settled [m]; NaN elsewhere.
            camera: The camera.
            pose: Its pose.
        """
        blocks = self._map.blocks_about(depth, camera, pose)
        if not len(blocks):
            return
        flat, z, row, column = self._map.voxels_in_view(blocks, camera, pose)
        reach = self._map.reach
        distance = depth[row, column] - z
        weight, tsdf = self._map.values("weight", "tsdf")
        with np.errstate(invalid="ignore"):
            close = np.abs(distance) < reach
            other = np.abs(tsdf[flat] * reach - distance) > 2 * self.config.voxel
        stale = flat[close & other]
        weight[stale], tsdf[stale] = 0, 0
