"""Between camera images and what the network takes: size, padding, normalisation, id masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of colours over ImageNet, from 0 to 1; what networks are fed is relative to them."""
_STRIDE = 16


@dataclass(frozen=True, slots=True)
class Size:
    """How an image is brought to the network's size; the same for images and masks."""

    height: int
    width: int
    """Of the camera [px]."""
    max_short: int | None = None
    """Longer short sides are shrunk to this [px]."""

    @property
    def inner(self) -> tuple[int, int]:
        """Height and width inside the padding [px]."""
        short = min(self.height, self.width)
        if self.max_short is None or short <= self.max_short:
            return self.height, self.width
        scale = self.max_short / short
        return max(1, round(self.height * scale)), max(1, round(self.width * scale))

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Left, right, top, bottom: to multiples of 16; odd pixels go right and down [px]."""
        height, width = self.inner
        across, down = -width % _STRIDE, -height % _STRIDE
        return across // 2, across - across // 2, down // 2, down - down // 2

    def enter(self, image: Float[Tensor, "c h w"]) -> Float[Tensor, "c p q"]:
        """Shrink and pad a map of the camera's size, bilinearly and without antialiasing."""
        if self.inner != (self.height, self.width):
            image = functional.interpolate(
                image[None], self.inner, mode="bilinear", align_corners=False
            )[0]
        return functional.pad(image, self.padding)

    def enter_ids(self, ids: Int[np.ndarray, "h w"]) -> Int[np.ndarray, "i j"]:
        """Shrink an id mask to the inner size by nearest neighbours, without padding."""
        height, width = self.inner
        if self.inner == (self.height, self.width):
            return ids
        rows = (np.arange(height) * self.height) // height
        columns = (np.arange(width) * self.width) // width
        return ids[rows[:, None], columns[None]]

    def pad(self, masks: Float[Tensor, "n i j"]) -> Float[Tensor, "n p q"]:
        """Pad masks of the inner size."""
        return functional.pad(masks, self.padding)

    def leave(self, masks: Float[Tensor, "n p q"]) -> Float[Tensor, "n h w"]:
        """Take the padding off and go back to the camera's size."""
        left, right, top, bottom = self.padding
        inner = masks[:, top : masks.shape[1] - bottom, left : masks.shape[2] - right]
        if self.inner == (self.height, self.width):
            return inner
        return functional.interpolate(
            inner[None], (self.height, self.width), mode="bilinear", align_corners=False
        )[0]


def normalise(
    rgb: UInt8[np.ndarray, "h w 3"], *, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "3 h w"]:
    """Return an image with ImageNet's mean and deviation taken out."""
    image = torch.from_numpy(np.ascontiguousarray(rgb)).to(device).permute(2, 0, 1).to(dtype) / 255
    mean = torch.tensor(MEAN, dtype=dtype, device=device)[:, None, None]
    deviation = torch.tensor(DEVIATION, dtype=dtype, device=device)[:, None, None]
    return (image - mean) / deviation


def one_hot(ids: Int[np.ndarray, "h w"], objects: Sequence[int]) -> Bool[np.ndarray, "n h w"]:
    """Return the mask of each object."""
    return ids[None] == np.asarray(objects, dtype=ids.dtype)[:, None, None]
