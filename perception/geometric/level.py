"""Which way is up in a recording whose world has no notion of it."""

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import Frame
from perception.geometric.planes import PlaneConfig, find_planes
from perception.geometric.relief import relief

_MOST = 0.6
"""A camera is not tilted by more than this against what its recording calls up [rad]."""


def levelling(frames: list[Frame], *, max_depth: float = 8.0) -> RigidTransform:
    """Return the rotation that makes floors and tables level: `T_level_world`.

    Many recordings take their first camera for the world. Once turned to x forward and z up, that
    is level but for the camera's tilt. The planes nearest to level over all frames, weighted by the
    pixels that show them, tell the rest.

    Args:
        frames: Some views with depth, camera and pose.
        max_depth: Depth from here on tells nothing [m].
    """
    normals, weights = [], []
    for frame in frames:
        if frame.depth is None or frame.camera is None or frame.T_world_camera is None:
            continue
        rotation = frame.T_world_camera.rotation.as_matrix()
        surface = relief(frame.depth, frame.camera, max_depth=max_depth, max_hole=6)
        planes = find_planes(surface, frame.camera, rotation[2], None, PlaneConfig())
        for number, plane in enumerate(planes.found, start=1):
            normal = rotation @ plane.normal
            if normal[2] > np.cos(_MOST):
                normals.append(normal)
                weights.append(np.count_nonzero(planes.numbers == number))
    if not normals:
        return RigidTransform.identity()
    some = np.array(normals)
    best = some[np.argmax((some @ some.T > np.cos(0.1)) @ np.array(weights))]
    near = some @ best > np.cos(0.1)
    up = np.average(some[near], axis=0, weights=np.array(weights)[near])
    turn = Rotation.align_vectors([[0.0, 0.0, 1.0]], [up])
    return RigidTransform.from_rotation(turn[0])
