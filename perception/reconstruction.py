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
import open3d as o3d
from jaxtyping import Bool, Float, Float32, Int32, Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.memory import voxels
from embodied_mem.types import Camera, Frame
from perception.lift import pixel_rays
from perception.transient import TransientConfig, TransientMemory

_BLOCK = 8


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
    residual_slope: float = 0.01
    """... this times its square, contradicts it [1/m]."""
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
class Mesh:
    """Surfaces of the static scene."""

    vertices: Float32[np.ndarray, "n 3"]
    """In the world [m]."""
    triangles: Int32[np.ndarray, "m 3"]


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
        self._grid = o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "doubt"),
            (o3d.core.float32, o3d.core.float32, o3d.core.float32),
            (o3d.core.SizeVector([1]),) * 3,
            self.config.voxel,
            _BLOCK,
            min(self.config.max_blocks, 10_000),
        )
        self.transient = TransientMemory(self.config.transient)
        self.rejected = 0
        """Frames that were not believed."""
        self._begun = False

    @property
    def blocks(self) -> int:
        """Blocks that the map holds."""
        return int(self._grid.hashmap().size())

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
        split = self._split(depth, seen, shown, moving)
        if not split.trusted:
            self.rejected += 1
            return split
        points = self._points(depth, camera, pose)
        self.transient.see_through(seen, camera, pose, self._tolerance(seen))
        self.transient.forget(points, split.static & np.isfinite(shown))
        settled = self.transient.add(points, split.moving, frame.stamp)
        self._carve(shown, seen, split.vanished, camera, pose)
        self._make_room(np.where(settled, depth, unknown), camera, pose)
        self._fuse(np.where(split.static | settled, depth, unknown), camera, pose)
        self._bound(pose)
        return split

    def render(self, camera: Camera, pose: RigidTransform) -> Float32[np.ndarray, "h w"]:
        """Draw the static scene's depth for a camera [m]; NaN where nothing is known."""
        nothing = np.full((camera.height, camera.width), np.nan, np.float32)
        if not self._begun or not self.blocks:
            return nothing
        blocks = self._in_sight(camera, pose)
        if not len(blocks):
            return nothing
        with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
            answer = self._grid.ray_cast(
                blocks,
                _intrinsics(camera),
                _extrinsics(pose),
                camera.width,
                camera.height,
                ["depth"],
                1.0,
                0.1,
                self.config.max_depth,
                self.config.min_weight - 0.5,
                self.config.truncation,
            )
        depth = answer["depth"].numpy()[..., 0]
        return np.where(depth > 0, depth, nothing)

    def _in_sight(self, camera: Camera, pose: RigidTransform) -> o3d.core.Tensor:
        """Return the blocks that a camera may see.

        Given all blocks, those beside and behind the camera too, Open3D 0.19 at times left a broken
        heap behind, and the process was ended by it.
        """
        keys, size = self._keys(), self.config.voxel * _BLOCK
        local = pose.inv().apply((keys.numpy().astype(np.float64) + 0.5) * size)
        half = size * np.sqrt(0.75)  # From the middle to a corner.
        ahead = (local[:, 2] > half) & (local[:, 2] < self.config.max_depth + half)
        rows = np.flatnonzero(ahead)
        around = half / (local[rows, 2] - half + 1e-6) * max(camera.fx, camera.fy) + 1
        pixels = camera.project(local[rows])
        inside = (pixels > -around[:, None]) & (
            pixels < np.array([camera.width, camera.height]) + around[:, None]
        )
        return keys[o3d.core.Tensor.from_numpy(rows[inside.all(axis=1)])]

    def points(self) -> Float32[np.ndarray, "n 3"]:
        """Return points on the surfaces of the static scene [m]."""
        if not self._begun or not self.blocks:
            return np.zeros((0, 3), np.float32)
        cloud = self._grid.extract_point_cloud(self.config.min_weight - 0.5)
        if "positions" not in cloud.point:
            return np.zeros((0, 3), np.float32)
        return cloud.point.positions.numpy()

    def mesh(self) -> Mesh:
        """Return the surfaces of the static scene."""
        empty = Mesh(vertices=np.zeros((0, 3), np.float32), triangles=np.zeros((0, 3), np.int32))
        if not self._begun or not self.blocks:
            return empty
        mesh = self._grid.extract_triangle_mesh(self.config.min_weight - 0.5)
        if "indices" not in mesh.triangle:
            return empty
        return Mesh(
            vertices=mesh.vertex.positions.numpy(),
            triangles=mesh.triangle.indices.numpy().astype(np.int32),
        )

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
        slope = np.float32(self.config.residual_slope)
        return np.float32(self.config.residual) + slope * depth * depth

    def _split(
        self,
        depth: Float32[np.ndarray, "h w"],
        seen: Float32[np.ndarray, "h w"],
        shown: Float32[np.ndarray, "h w"],
        moving: Bool[np.ndarray, "h w"] | None,
    ) -> Split:
        """Part the pixels by how far their depth is from the map's.

        Args:
            depth: What may be fused [m].
            seen: The same with what is too far to be fused, but shows that nothing is before it.
            shown: The map's [m].
            moving: Pixels that are known to show what moves.
        """
        tolerance = self._tolerance(seen)
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

    def _fuse(
        self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> None:
        blocks = self._blocks(depth, camera, pose)
        if not len(blocks):
            return
        self._grid.integrate(
            blocks,
            o3d.t.geometry.Image(np.nan_to_num(depth)),
            _intrinsics(camera),
            _extrinsics(pose),
            1.0,
            self.config.max_depth,
            self.config.truncation,
        )
        self._begun = True

    def _blocks(
        self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> o3d.core.Tensor:
        """Return the blocks within the truncation of the surfaces of a depth image [m].

        Open3D's own function looks at one pixel of sixteen, and fails where it finds none.
        """
        known = np.isfinite(depth.reshape(-1))
        rays, z = pixel_rays(camera)[known], depth.reshape(-1)[known, None]
        reach = np.float32(self.config.truncation * self.config.voxel)
        local = np.concatenate([rays * (z + step) for step in (-reach, np.float32(0), reach)])
        size = self.config.voxel * _BLOCK
        keys = np.unique(voxels.keys_of(pose.apply(local.astype(np.float64)), size))
        return o3d.core.Tensor.from_numpy(np.ascontiguousarray(voxels.cells(keys), dtype=np.int32))

    def _carve(
        self,
        shown: Float32[np.ndarray, "h w"],
        depth: Float32[np.ndarray, "h w"],
        vanished: Bool[np.ndarray, "h w"],
        camera: Camera,
        pose: RigidTransform,
    ) -> None:
        """Doubt the voxels that the camera sees through; empty those that are doubted enough."""
        if not vanished.any():
            return
        blocks = self._blocks(np.where(vanished, shown, np.float32(np.nan)), camera, pose)
        flat, z, row, column = self._in_view(blocks, camera, pose)
        limit = depth - self._tolerance(depth)
        refuted = flat[vanished[row, column] & (z < limit[row, column])]
        doubt, weight, tsdf = self._values("doubt", "weight", "tsdf")
        doubt[refuted] += 1
        empty = refuted[doubt[refuted] >= self.config.refutations]
        doubt[empty], weight[empty], tsdf[empty] = 0, 0, 0

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
        blocks = self._blocks(depth, camera, pose)
        if not len(blocks):
            return
        flat, z, row, column = self._in_view(blocks, camera, pose)
        reach = self.config.truncation * self.config.voxel
        distance = depth[row, column] - z
        weight, tsdf = self._values("weight", "tsdf")
        with np.errstate(invalid="ignore"):
            close = np.abs(distance) < reach
            other = np.abs(tsdf[flat] * reach - distance) > 2 * self.config.voxel
        stale = flat[close & other]
        weight[stale], tsdf[stale] = 0, 0

    def _in_view(
        self, blocks: o3d.core.Tensor, camera: Camera, pose: RigidTransform
    ) -> tuple[
        Int64[np.ndarray, "v"],
        Float[np.ndarray, "v"],
        Int64[np.ndarray, "v"],
        Int64[np.ndarray, "v"],
    ]:
        """Return the voxels of blocks that a camera has in view.

        Returns:
            Places in the map's flat arrays, depth in the camera [m], row and column [px].
        """
        rows, found = self._grid.hashmap().find(blocks)
        rows = rows[found]
        if not len(rows):
            none = np.zeros(0, np.int64)
            return none, np.zeros(0), none, none
        places, flat = self._grid.voxel_coordinates_and_flattened_indices(rows)
        local = pose.inv().apply(places.numpy().astype(np.float64))
        pixels = camera.project(local)
        with np.errstate(invalid="ignore"):
            inside = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1)
        column, row = np.floor(pixels[inside]).astype(np.int64).T
        return flat.numpy().astype(np.int64)[inside], local[inside, 2], row, column

    def _values(self, *names: str) -> tuple[Float32[np.ndarray, "n"], ...]:
        """Return the map's own arrays, flat; what is written to them is in the map."""
        return tuple(self._grid.attribute(name).numpy().reshape(-1) for name in names)

    def _bound(self, pose: RigidTransform) -> None:
        """Let the blocks farthest from the camera go, where there are too many."""
        surplus = self.blocks - self.config.max_blocks
        if surplus <= 0:
            return
        keys = self._keys()
        middles = (keys.numpy() + 0.5) * (self.config.voxel * _BLOCK)
        away = np.linalg.norm(middles - pose.translation, axis=1)
        surplus += self.config.max_blocks // 10
        chosen = o3d.core.Tensor.from_numpy(
            keys.numpy()[np.argsort(-away, kind="stable")[:surplus]]
        )
        rows, found = self._grid.hashmap().find(chosen)
        for name in ("tsdf", "weight", "doubt"):  # Their memory is given to other blocks.
            self._grid.attribute(name).numpy()[rows[found].numpy()] = 0
        self._grid.hashmap().erase(chosen)

    def _keys(self) -> o3d.core.Tensor:
        table = self._grid.hashmap()
        return table.key_tensor()[table.active_buf_indices().to(o3d.core.int64)]


def _intrinsics(camera: Camera) -> o3d.core.Tensor:
    """Return the matrix in Open3D's convention, from the centre of the first pixel."""
    matrix = [[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]]
    return o3d.core.Tensor.from_numpy(np.array(matrix, np.float64))


def _extrinsics(pose: RigidTransform) -> o3d.core.Tensor:
    return o3d.core.Tensor.from_numpy(pose.inv().as_matrix())
