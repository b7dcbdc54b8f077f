"""What of a mesh is left out of rendering: what nobody in front can see."""

import numpy as np
from jaxtyping import Float32, Int

from embodied_mem.backends.mikasa.culling import seen_from

_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
"""Of a cube, two triangles a side; the second two are at the largest x."""


def cube(half: float) -> tuple[Float32[np.ndarray, "8 3"], Int[np.ndarray, "12 3"]]:
    """A cube around the origin [m]."""
    ends = np.array([-half, half], np.float32)
    return np.stack(np.meshgrid(ends, ends, ends, indexing="ij"), -1).reshape(-1, 3), _FACES


def test_near_sides_and_those_seen_from_aside_are_kept() -> None:
    seen = seen_from(*cube(0.02), np.array([1.0, 0, 0]))
    assert seen[2:].all()  # Views lie up to 50 degrees aside, all around.


def test_nothing_is_seen_of_what_lies_inside() -> None:
    (outer, faces), (inner, _) = cube(0.02), cube(0.01)
    seen = seen_from(
        np.concatenate([outer, inner]), np.concatenate([faces, faces + 8]), np.array([0.5, 0.2, 0])
    )
    assert seen[:12].sum() >= 6
    assert not seen[12:].any()
