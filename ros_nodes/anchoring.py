"""Notices when localisation corrects itself, and says which objects it had misplaced.

The pose of `odom` in `map` is where localisation believes that odometry began. Small steps of it
make up for drift, and what was seen stays where it is. A jump means that the pose before it was
wrong, and with it the place of all that was seen since the jump before, or since the node began.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import RigidTransform


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Objects last seen at `since` or later belong where `pose` moves them."""

    since: float
    """[s]."""
    pose: RigidTransform
    """Maps wrong places of the map to right ones."""


class AnchorWatch:
    """Follows `odom` in `map`."""

    def __init__(self, *, distance: float, angle: float):
        """Know nothing yet.

        Args:
            distance: A step longer than this is a jump [m].
            angle: A turn wider than this is one [rad].
        """
        self._distance, self._angle = distance, angle
        self._since = 0.0
        self._newest: tuple[int, RigidTransform] | None = None

    def update(self, stamp: int, pose: RigidTransform) -> Correction | None:
        """Take in `T_map_odom` at a time [ns]; return a correction where it jumped."""
        before = self._newest
        if before is not None and stamp < before[0]:
            return None
        self._newest = stamp, pose
        if before is None:
            self._since = stamp / 1e9
            return None
        step = pose * before[1].inv()
        moved = np.linalg.norm(np.asarray(pose.translation) - np.asarray(before[1].translation))
        if moved <= self._distance and step.rotation.magnitude() <= self._angle:
            return None
        correction = Correction(since=self._since, pose=step)
        self._since = stamp / 1e9
        return correction

    def reset(self) -> None:
        """Forget the anchor: the clock went back."""
        self._newest = None
