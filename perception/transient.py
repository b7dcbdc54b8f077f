"""The memory of what moves: voxels that were seen where the static map shows none."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from scipy.spatial.transform import RigidTransform

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory import voxels
from embodied_mem.types import Camera


class TransientConfig(Config, frozen=True):
    """Resolution and life of what moves."""

    voxel: float = 0.04
    """Edge of a voxel [m]."""
    settle: int = 4
    """Frames that must show a voxel before it is structure."""
    life: float = 120.0
    """Voxels not seen for so long are forgotten [s]."""
    capacity: int = 50_000
    """Voxels kept; beyond it those seen longest ago go."""

    def __post_init__(self) -> None:
        if not (self.voxel > 0 and self.settle >= 1 and self.life > 0 and self.capacity >= 1):
            raise ConfigError("transient: voxel, settle, life and capacity must be positive.")


class TransientMemory:
    """Voxels with the number of frames that showed them and the newest of these."""

    def __init__(self, config: TransientConfig | None = None):
        self.config = config or TransientConfig()
        self._keys = voxels.EMPTY
        self._seen = np.zeros(0, np.int64)
        self.last_seen = np.zeros(0)
        """Of each voxel [s]."""

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def points(self) -> Float[np.ndarray, "v 3"]:
        """Middles of the voxels [m]."""
        return voxels.decode(self._keys, self.config.voxel)

    @property
    def _settled(self) -> Int64[np.ndarray, "s"]:
        return self._keys[self._seen >= self.config.settle]

    def add(
        self,
        points: Float32[np.ndarray, "h w 3"],
        moving: Bool[np.ndarray, "h w"],
        stamp: float,
    ) -> Bool[np.ndarray, "h w"]:
        """Take in the pixels that move.

        Args:
            points: Of all pixels, in the world [m].
            moving: Which of them contradict the static map.
            stamp: When [s].

        Returns:
            The pixels that stayed in their place for long enough to be structure, or beside such.
        """
        keys = voxels.keys_of(points[moving], self.config.voxel)
        fresh = np.unique(keys)
        known = voxels.contains(self._keys, fresh)
        at = np.searchsorted(self._keys, fresh[known])
        self._seen[at] += 1
        self.last_seen[at] = stamp
        new = fresh[~known]
        order = np.argsort(np.concatenate((self._keys, new)), kind="stable")
        self._keys = np.concatenate((self._keys, new))[order]
        self._seen = np.concatenate((self._seen, np.ones(len(new), np.int64)))[order]
        self.last_seen = np.concatenate((self.last_seen, np.full(len(new), stamp)))[order]
        out = np.zeros(moving.shape, bool)
        out[moving] = voxels.touch(self._settled, keys)
        self._keep(stamp - self.last_seen < self.config.life)
        self._bound()
        return out

    def forget(self, points: Float32[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"]) -> None:
        """Forget the voxels that the static map shows by now.

        Also those beside it that touch a voxel that has settled: its edges, seen now and then.

        Args:
            points: Of all pixels, in the world [m].
            known: Which of them agree with the static map.
        """
        if len(self):
            here = np.unique(voxels.keys_of(points[known], self.config.voxel))
            edges = voxels.touch(here, self._keys) & voxels.touch(self._settled, self._keys)
            self._keep(~(voxels.contains(here, self._keys) | edges))

    def see_through(
        self,
        depth: Float32[np.ndarray, "h w"],
        camera: Camera,
        pose: RigidTransform,
        tolerance: Float32[np.ndarray, "h w"],
    ) -> None:
        """Forget the voxels behind which the camera sees something."""
        if not len(self):
            return
        local = pose.inv().apply(self.points)
        pixels = camera.project(local)
        with np.errstate(invalid="ignore"):
            inside = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1)
        rows = np.flatnonzero(inside)
        column, row = np.floor(pixels[rows]).astype(np.int64).T
        limit = (depth - tolerance)[row, column]
        keep = np.ones(len(self), bool)
        with np.errstate(invalid="ignore"):
            keep[rows] = ~(local[rows, 2] < limit)
        self._keep(keep)

    def _bound(self) -> None:
        surplus = len(self) - self.config.capacity
        if surplus > 0:
            keep = np.ones(len(self), bool)
            keep[np.argsort(self.last_seen, kind="stable")[:surplus]] = False
            self._keep(keep)

    def _keep(self, rows: Bool[np.ndarray, "v"]) -> None:
        self._keys, self._seen = self._keys[rows], self._seen[rows]
        self.last_seen = self.last_seen[rows]
