"""All frames that are trained on, in the memory of the device, with what is where in them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from embodied_mem.errors import ConfigError
from perception.compact.clips import Clip

IDS = 256
"""Ids that a pixel can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmBank:
    """Clips one behind the other."""

    rgb: UInt8[Tensor, "f 3 h w"]
    ids: UInt8[Tensor, "f h w"]
    starts: np.ndarray
    """First frame of each clip."""
    lengths: np.ndarray
    """Frames of each clip."""
    areas: Float32[np.ndarray, "f 256"]
    """Share of the picture that each id fills in each frame."""
    centres: Float32[np.ndarray, "f 256 2"]
    """Middle of each id in each frame, x and y from -1 to 1; 0 where it is not."""

    @classmethod
    def of(cls, clips: Iterable[Clip], device: torch.device) -> "FilmBank":
        """Bring clips of one size to a device.

        Raises:
            ConfigError: There are none, or their sizes differ.
        """
        rgb, ids, lengths = [], [], []
        for clip in clips:
            rgb.append(torch.from_numpy(clip.rgb).to(device).permute(0, 3, 1, 2))
            ids.append(torch.from_numpy(np.array(clip.ids)).to(device))
            lengths.append(len(clip))
        sizes = sorted({tuple(part.shape[1:]) for part in ids})
        if len(sizes) != 1:
            raise ConfigError(f"films to train on must be there and of one size, got {sizes}.")
        joined = torch.cat(ids)
        areas, centres = _measure(joined)
        return cls(
            rgb=torch.cat(rgb),
            ids=joined,
            starts=np.concatenate(([0], np.cumsum(lengths)[:-1])),
            lengths=np.array(lengths),
            areas=areas,
            centres=centres,
        )


def _measure(ids: UInt8[Tensor, "f h w"]) -> tuple[np.ndarray, np.ndarray]:
    """Return shares and middles of all ids in all frames."""
    height, width = ids.shape[1:]
    x = torch.linspace(-1, 1, width, device=ids.device).repeat(height)
    y = torch.linspace(-1, 1, height, device=ids.device).repeat_interleave(width)
    rows = []
    for frame in ids:
        flat = frame.flatten().long()
        count = torch.bincount(flat, minlength=IDS)
        sums = [torch.bincount(flat, weights=part, minlength=IDS) for part in (x, y)]
        rows.append(torch.stack((count.float(), *(s.float() for s in sums))))
    table = torch.stack(rows).cpu().numpy()  # (f, 3, 256)
    centres = table[:, 1:] / np.maximum(table[:, :1], 1)
    return table[:, 0] / (height * width), centres.transpose(0, 2, 1)
