"""Runs the network on one whole image of any size."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from perception.learned.network import Maps, Segmenter
from perception.learned.strides import COARSE, FINE

_MULTIPLE = 32

Precision = Literal["auto", "float32", "bfloat16"]


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type to compute in: for `auto`, bfloat16 where it is native."""
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Older releases of torch cannot be asked, and compute in float32.
        asked: Callable[[], Mapping[str, Any]] | None = getattr(torch.cpu, "get_capabilities", None)
        found = {} if asked is None else asked()
        native = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return torch.bfloat16 if native else torch.float32


def look(network: Segmenter, image: Float32[Tensor, "c h w"]) -> Maps:
    """Return the maps of one image, cut to its size.

    Args:
        network: In evaluation mode.
        image: On the network's device.
    """
    height, width = image.shape[1:]
    room = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
    exact = next(network.parameters()).dtype
    batch = functional.pad(image[None].to(exact), room)
    maps = network(batch.contiguous(memory_format=torch.channels_last))
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
