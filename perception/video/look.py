"""How a whole picture looks, as one vector: colours in a grid, or a network's mean."""

from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.config import Config

GRID = 4
"""Cells along each side."""


class GridLookConfig(Config, frozen=True, tag="grid"):
    """Colours and their spread in the cells of a grid, and what moves in each: no weights."""

    motion: float = 0.5
    """Weight of what moves."""


@runtime_checkable
class Look(Protocol):
    """Describes a whole picture."""

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], front: Bool[np.ndarray, "p q"]
    ) -> Float32[np.ndarray, "d"]:
        """Return a vector of unit length.

        Args:
            rgb: The picture.
            front: What moves in it, at any size.
        """
        ...


class GridLook:
    """Describes by a grid: mean L, a and b, deviation of L, and share of motion of each cell."""

    def __init__(self, config: GridLookConfig | None = None):
        self.config = config or GridLookConfig()

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], front: Bool[np.ndarray, "p q"]
    ) -> Float32[np.ndarray, "d"]:
        """Return 80 numbers of unit length."""
        small = cv2.resize(rgb, (8 * GRID, 8 * GRID), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32) / 255
        lab[..., 1:] = 3 * (lab[..., 1:] - 128 / 255)  # Indoor colours lie near grey.
        cells = lab.reshape(GRID, 8, GRID, 8, 3).swapaxes(1, 2).reshape(GRID * GRID, 64, 3)
        moving = cv2.resize(front.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
        vector = np.concatenate(
            [
                cells.mean(axis=1).ravel(),
                2 * cells[..., 0].std(axis=1),
                self.config.motion * moving.ravel(),
            ]
        )
        return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)
