"""The map of what stays: a truncated signed distance field in Open3D's hashed voxel blocks."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from jaxtyping import Float, Float32, Int32, Int64
from scipy.spatial.transform import RigidTransform

from embodied_mem.memory import voxels
from embodied_mem.types import Camera
from perception.lift import pixel_rays

_BLOCK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Surfaces of the static scene."""

    vertices: Float32[np.ndarray, "n 3"]
    """In the world [m]."""
    triangles: Int32[np.ndarray, "m 3"]


class VoxelMap:
    """Fuses depth images; draws itself, and tells its voxels one by one.

    Args:
        voxel: Edge of a voxel [m].
        truncation: Distances beyond so many voxels are all alike [voxels].
        max_depth: Farther depth is not fused [m].
        min_weight: Voxels seen in fewer frames are not shown.
        max_blocks: Blocks of 8 x 8 x 8 voxels that are kept.
    """

    def __init__(
        self,
        *,
        voxel: float,
        truncation: float,
        max_depth: float,
        min_weight: float,
        max_blocks: int,
    ):
        self.voxel = voxel
        self.truncation = truncation
        self._max_depth = max_depth
        self._shown_from = min_weight - 0.5
        self._max_blocks = max_blocks
        self._grid = o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "doubt"),
            (o3d.core.float32, o3d.core.float32, o3d.core.float32),
            (o3d.core.SizeVector([1]),) * 3,
            voxel,
            _BLOCK,
            min(max_blocks, 10_000),
        )
        self._begun = False

    @property
    def reach(self) -> float:
        """Truncation of distances [m]."""
        return self.truncation * self.voxel

    def __len__(self) -> int:
        """Blocks that the map holds."""
        return int(self._grid.hashmap().size())

    def render(self, camera: Camera, pose: RigidTransform) -> Float32[np.ndarray, "h w"]:
        """Draw the static scene's depth for a camera [m]; NaN where nothing is known."""
        nothing = np.full((camera.height, camera.width), np.nan, np.float32)
        if not self._begun or not len(self):
            return nothing
        blocks = self.blocks_in_sight(camera, pose)
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
                self._max_depth,
                self._shown_from,
                self.truncation,
            )
        depth = answer["depth"].numpy()[..., 0]
        return np.where(depth > 0, depth, nothing)

    def blocks_in_sight(self, camera: Camera, pose: RigidTransform) -> o3d.core.Tensor:
        """Return the blocks that a camera may see.

        Given all blocks, those beside and behind the camera too, Open3D 0.19 at times left a broken
        heap behind, and the process was ended by it.
        """
        keys, size = self._keys(), self.voxel * _BLOCK
        local = pose.inv().apply((keys.numpy().astype(np.float64) + 0.5) * size)
        half = size * np.sqrt(0.75)  # From the middle to a corner.
        ahead = (local[:, 2] > half) & (local[:, 2] < self._max_depth + half)
        rows = np.flatnonzero(ahead)
        around = half / (local[rows, 2] - half + 1e-6) * max(camera.fx, camera.fy) + 1
        pixels = camera.project(local[rows])
        inside = (pixels > -around[:, None]) & (
            pixels < np.array([camera.width, camera.height]) + around[:, None]
        )
        return keys[o3d.core.Tensor.from_numpy(rows[inside.all(axis=1)])]

    def points(self) -> Float32[np.ndarray, "n 3"]:
        """Return points on the surfaces of the static scene [m]."""
        if not self._begun or not len(self):
            return np.zeros((0, 3), np.float32)
        cloud = self._grid.extract_point_cloud(self._shown_from)
        if "positions" not in cloud.point:
            return np.zeros((0, 3), np.float32)
        return cloud.point.positions.numpy()

    def mesh(self) -> Mesh:
        """Return the surfaces of the static scene."""
        empty = Mesh(vertices=np.zeros((0, 3), np.float32), triangles=np.zeros((0, 3), np.int32))
        if not self._begun or not len(self):
            return empty
        mesh = self._grid.extract_triangle_mesh(self._shown_from)
        if "indices" not in mesh.triangle:
            return empty
        return Mesh(
            vertices=mesh.vertex.positions.numpy(),
            triangles=mesh.triangle.indices.numpy().astype(np.int32),
        )

    def fuse(self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform) -> None:
        """Average the distances to the surfaces of a depth image in [m]; NaN where unknown."""
        blocks = self.blocks_about(depth, camera, pose)
        if not len(blocks):
            return
        self._grid.integrate(
            blocks,
            o3d.t.geometry.Image(np.nan_to_num(depth)),
            _intrinsics(camera),
            _extrinsics(pose),
            1.0,
            self._max_depth,
            self.truncation,
        )
        self._begun = True

    def blocks_about(
        self, depth: Float32[np.ndarray, "h w"], camera: Camera, pose: RigidTransform
    ) -> o3d.core.Tensor:
        """Return the blocks within the truncation of the surfaces of a depth image [m].

        Open3D's own function looks at one pixel of sixteen, and fails where it finds none.
        """
        known = np.isfinite(depth.reshape(-1))
        rays, z = pixel_rays(camera)[known], depth.reshape(-1)[known, None]
        reach = np.float32(self.reach)
        local = np.concatenate([rays * (z + step) for step in (-reach, np.float32(0), reach)])
        size = self.voxel * _BLOCK
        keys = np.unique(voxels.keys_of(pose.apply(local.astype(np.float64)), size))
        return o3d.core.Tensor.from_numpy(np.ascontiguousarray(voxels.cells(keys), dtype=np.int32))

    def voxels_in_view(
        self,
        blocks: o3d.core.Tensor,
        camera: Camera,
        pose: RigidTransform,
        *,
        inside: bool = False,
    ) -> tuple[
        Int64[np.ndarray, "v"],
        Float[np.ndarray, "v"],
        Int64[np.ndarray, "v"],
        Int64[np.ndarray, "v"],
    ]:
        """Return the voxels of blocks that a camera has in view.

        Args:
            blocks: Keys; those that the map does not hold are left out.
            camera: The camera.
            pose: Its pose.
            inside: Only the voxels behind surfaces of the map.

        Returns:
            Places in the map's flat arrays, depth in the camera [m], row and column [px].
        """
        none = np.zeros(0, np.int64)
        if not len(blocks):
            return none, np.zeros(0), none, none
        rows, found = self._grid.hashmap().find(blocks)
        rows = rows[found]
        if not len(rows):
            return none, np.zeros(0), none, none
        all_places, all_flat = self._grid.voxel_coordinates_and_flattened_indices(rows)
        places, flat = all_places.numpy(), all_flat.numpy().astype(np.int64)
        if inside:
            tsdf, weight = self.values("tsdf", "weight")
            kept = np.flatnonzero((tsdf[flat] < 0) & (weight[flat] > 0))
            places, flat = places[kept], flat[kept]
        local = pose.inv().apply(places.astype(np.float64))
        pixels = camera.project(local)
        with np.errstate(invalid="ignore"):
            shown = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1)
        column, row = np.floor(pixels[shown]).astype(np.int64).T
        return flat[shown], local[shown, 2], row, column

    def values(self, *names: str) -> tuple[Float32[np.ndarray, "n"], ...]:
        """Return the map's own arrays, flat; what is written to them is in the map."""
        return tuple(self._grid.attribute(name).numpy().reshape(-1) for name in names)

    def bound(self, pose: RigidTransform) -> None:
        """Let the blocks farthest from the camera go, where there are too many."""
        surplus = len(self) - self._max_blocks
        if surplus <= 0:
            return
        keys = self._keys()
        middles = (keys.numpy() + 0.5) * (self.voxel * _BLOCK)
        away = np.linalg.norm(middles - pose.translation, axis=1)
        surplus += self._max_blocks // 10
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
