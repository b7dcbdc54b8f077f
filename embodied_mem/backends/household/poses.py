"""Poses and boxes in AI2-THOR's axes: left-handed, y up, metres; yaw clockwise in degrees."""

from math import cos, radians, sin

import numpy as np
from jaxtyping import Float

from embodied_mem.backends.household.parts import Joint, Part, Surface, Vector


def rotated(x: float, z: float, yaw: float) -> tuple[float, float]:
    """Turn a direction of the plan clockwise by `yaw` [degrees]; z turns to x."""
    angle = radians(yaw)
    c, s = cos(angle), sin(angle)
    return x * c + z * s, z * c - x * s


def to_world(local: Vector, position: Vector, yaw: float) -> Vector:
    """Bring a point of an object's own frame into the world."""
    x, z = rotated(local[0], local[2], yaw)
    return position[0] + x, position[1] + local[1], position[2] + z


def to_local(point: Vector, position: Vector, yaw: float) -> Vector:
    """Bring a point of the world into an object's own frame."""
    x, z = rotated(point[0] - position[0], point[2] - position[2], -yaw)
    return x, point[1] - position[1], z


def plan_extent(size: Vector, yaw: float) -> tuple[float, float]:
    """Half the width along x and z of a box that is turned by `yaw` [degrees]."""
    angle = radians(yaw)
    c, s = abs(cos(angle)), abs(sin(angle))
    return (size[0] * c + size[2] * s) / 2, (size[0] * s + size[2] * c) / 2


def bounding_box(position: Vector, size: Vector, yaw: float) -> tuple[Vector, Vector]:
    """Lowest and highest corner of an upright box, turned by `yaw`, in the world."""
    x, z = plan_extent(size, yaw)
    y = size[1] / 2
    px, py, pz = position
    return (px - x, py - y, pz - z), (px + x, py + y, pz + z)


def box_corners(position: Vector, size: Vector, yaw: float) -> list[list[float]]:
    """Give the eight corners of an upright box, turned by `yaw`, in the world."""
    half = (size[0] / 2, size[1] / 2, size[2] / 2)
    return [
        list(to_world((x * half[0], y * half[1], z * half[2]), position, yaw))
        for x in (1, -1)
        for y in (1, -1)
        for z in (1, -1)
    ]


def slide(joint: Joint | None, openness: float) -> Vector:
    """Way that a part on a slide has moved at an openness of 0..1; zero for hinges."""
    if joint is None or joint.kind != "slide":
        return 0.0, 0.0, 0.0
    way = joint.travel * openness
    return joint.axis[0] * way, joint.axis[1] * way, joint.axis[2] * way


def surface_center(surface: Surface, openness: float) -> Vector:
    """Middle of a surface in the object's frame; a drawer's floor moves with the drawer."""
    dx, dy, dz = slide(surface.joint, openness)
    x, y, z = surface.center
    return x + dx, y + dy, z + dz


def part_box(part: Part, openness: float) -> tuple[Vector, Vector, float]:
    """Place a part at an openness of 0..1 in the object's frame.

    Returns:
        Centre, size and yaw [degrees] of the part's box. A part on a hinge that is not vertical (an
        oven's door) is given by the box about its turned corners, at yaw 0.
    """
    joint = part.joint
    if joint is None or openness <= 0:
        return part.center, part.size, 0.0
    if joint.kind == "slide":
        dx, dy, dz = slide(joint, openness)
        x, y, z = part.center
        return (x + dx, y + dy, z + dz), part.size, 0.0
    angle = joint.travel * openness
    turn = axis_rotation(joint.axis, angle)
    origin = np.array(joint.origin)
    center = origin + turn @ (np.array(part.center) - origin)
    if abs(joint.axis[1]) > 0.99:
        # A right-hand turn in these left-handed axes is clockwise about y: the sense of yaw.
        yaw = float(np.degrees(angle)) * (1 if joint.axis[1] > 0 else -1)
        return _vector(center), part.size, yaw
    return _vector(center), _vector(np.abs(turn) @ np.array(part.size)), 0.0


def axis_rotation(axis: Vector, angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation matrix by Rodrigues' formula about a unit axis by `angle` [rad]."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def _vector(values: np.ndarray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
