"""What the network should say of a labelled image."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int8, Int32, Int64, UInt16
from torch import Tensor

from perception.learned.strides import COARSE, FINE, REACH

SPREAD = 1.5
"""Width of a middle on the heatmap [cells]."""

SMALL = 1200
"""Things of fewer pixels count more [px]."""


class Targets(NamedTuple):
    """The truth of one image, or of b with a first axis more."""

    kinds: Int64[np.ndarray, "h w"] | Tensor
    """Kind at every second pixel; 0 is background."""
    weights: Float32[np.ndarray, "h w"] | Tensor
    """How much each of these counts."""
    states: Int8[np.ndarray, "s h w"] | Tensor
    """1 yes, 0 no, -1 does not apply."""
    centres: Float32[np.ndarray, "1 y x"] | Tensor
    """Heatmap at every fourth pixel, 1 at each middle."""
    offsets: Float32[np.ndarray, "2 y x"] | Tensor
    """Way down and right to the middle of the thing [`REACH` px]."""
    inside: Float32[np.ndarray, "1 y x"] | Tensor
    """1 where there is a thing."""


def make_targets(
    ids: UInt16[np.ndarray, "h w"],
    kinds: Int32[np.ndarray, "k"],
    states: Int8[np.ndarray, "k s"],
) -> Targets:
    """Turn instance numbers into maps.

    Args:
        ids: Number of the thing at each pixel, 1..k; 0 for none.
        kinds: Kind of each thing, from 1.
        states: States of each thing.
    """
    fine, coarse = ids[::FINE, ::FINE], ids[::COARSE, ::COARSE]
    kind_of = np.concatenate(([0], kinds)).astype(np.int64)
    area = np.bincount(ids.reshape(-1), minlength=len(kind_of))
    weight_of = np.where((area < SMALL) & (np.arange(len(area)) > 0), 3, 1).astype(np.float32)
    state_of = np.concatenate((np.full((1, states.shape[1]), -1, np.int8), states))
    middles = _middles(ids, len(kind_of))  # (k + 1, 2)
    down, across = (np.arange(size) * COARSE for size in coarse.shape)
    to_middle = middles[coarse]  # (y, x, 2)
    inside = coarse > 0
    offsets = np.stack((to_middle[..., 0] - down[:, None], to_middle[..., 1] - across))
    return Targets(
        kinds=kind_of[fine],
        weights=weight_of[fine],
        states=np.ascontiguousarray(state_of[fine].transpose(2, 0, 1)),
        centres=_heatmap(middles[np.unique(ids[ids > 0])], coarse.shape)[None],
        offsets=(offsets * inside / REACH).astype(np.float32),
        inside=inside[None].astype(np.float32),
    )


def _middles(ids: UInt16[np.ndarray, "h w"], count: int) -> Float32[np.ndarray, "count 2"]:
    """Mean row and column of each number's pixels [px]; 0 for numbers that are not there."""
    flat = ids.reshape(-1).astype(np.intp)
    area = np.maximum(np.bincount(flat, minlength=count), 1)
    sums = [np.bincount(flat, weights=axis, minlength=count) for axis in _places(ids.shape)]
    return (np.stack(sums, axis=1) / area[:, None]).astype(np.float32)


@lru_cache(maxsize=8)
def _places(shape: tuple[int, int]) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
    """Row and column of each pixel."""
    rows, columns = (axis.reshape(-1).astype(np.float64) for axis in np.indices(shape))
    return rows, columns


def _heatmap(
    middles: Float32[np.ndarray, "n 2"], shape: tuple[int, ...]
) -> Float32[np.ndarray, "y x"]:
    """A bump of height 1 on the cell of each middle; where bumps meet, the higher one."""
    heat = np.zeros(shape, np.float32)
    cells = np.minimum((middles / COARSE).round().astype(np.int64), np.array(shape) - 1)
    reach = np.arange(-4, 5)
    bump = np.exp(-(reach[:, None] ** 2 + reach**2) / (2 * SPREAD**2)).astype(np.float32)
    padded = np.pad(heat, 4)
    for row, column in cells:
        window = padded[row : row + 9, column : column + 9]
        np.maximum(window, bump, out=window)
    return padded[4:-4, 4:-4]


def stack_targets(targets: list[Targets], device: torch.device) -> Targets:
    """Join the targets of b images."""
    return Targets(
        *(torch.from_numpy(np.stack(maps)).to(device) for maps in zip(*targets, strict=True))
    )
