"""Runs the network on one whole image of any size."""

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from perception.learned.network import Maps, Segmenter
from perception.learned.strides import COARSE, FINE

_MULTIPLE = 32


def look(network: Segmenter, image: Float32[Tensor, "c h w"]) -> Maps:
    """Return the maps of one image, cut to its size.

    Args:
        network: In evaluation mode.
        image: On the network's device.
    """
    height, width = image.shape[1:]
    room = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
    batch = functional.pad(image[None], room).contiguous(memory_format=torch.channels_last)
    maps = network(batch)
    return Maps(
        kinds=_cut(maps.kinds, height, width, FINE),
        states=_cut(maps.states, height, width, FINE),
        centres=_cut(maps.centres, height, width, COARSE),
        offsets=_cut(maps.offsets, height, width, COARSE),
    )


def _cut(
    maps: Float[Tensor, "b k y x"], height: int, width: int, stride: int
) -> Float[Tensor, "b k h w"]:
    return maps[..., : -(-height // stride), : -(-width // stride)].float()
