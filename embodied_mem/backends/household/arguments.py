"""Argument types that several actions share, in AI2-THOR's JSON."""

import msgspec


class Point(msgspec.Struct, frozen=True):
    """A position [m]."""

    x: float
    y: float
    z: float


class Angles(msgspec.Struct, frozen=True):
    """Euler angles [degrees]; the client turns a bare number into `{"y": number}`."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


Rotation = Angles | float
"""Euler angles, or a yaw alone [degrees]."""


def angles(rotation: Rotation) -> Angles:
    """Write a yaw as Euler angles."""
    return rotation if isinstance(rotation, Angles) else Angles(y=float(rotation))
