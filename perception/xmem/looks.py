"""What the network makes of images before memory is asked: frame by frame, or of several at once.

Keys and image maps do not depend on what is remembered, so those of the next frames can be computed
beforehand in one batch. Where a device waits for work (a GPU and small images) that is faster; on a
CPU it is not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from perception.xmem.images import Size, normalise
from perception.xmem.network import Encoded


@dataclass(frozen=True, slots=True)
class Look:
    """An image with its keys and maps."""

    rgb: UInt8[np.ndarray, "h w 3"]
    size: Size
    images: tuple[Float[Tensor, "3 p q"], ...]
    """As the network takes it; then mirrored, where mirrored images are looked at too."""
    encoded: tuple[Encoded, ...]
    """Of each of `images`, in batches of one."""


def look_at(
    frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    encode: Callable[[Float[Tensor, "b 3 p q"]], Encoded],
    *,
    max_short: int | None,
    mirrored: bool,
    like: Tensor,
) -> Iterator[Look]:
    """Encode images, those of one size that follow one another in one batch.

    Args:
        frames: Images, of any sizes.
        encode: The network's key encoder.
        max_short: Longer short sides are shrunk to this [px].
        mirrored: Whether each is encoded mirrored too.
        like: Tells device and type.
    """
    for shape, same in groupby(frames, key=lambda rgb: rgb.shape[:2]):
        size, together = Size(*shape, max_short=max_short), list(same)
        ways = [
            [size.enter(normalise(rgb[:, ::step], dtype=like.dtype, device=like.device))
             for rgb in together]
            for step in ((1, -1) if mirrored else (1,))
        ]  # fmt: skip
        encoded = [_parted(encode(torch.stack(images)), len(images)) for images in ways]
        for rgb, images, results in zip(
            together, zip(*ways, strict=True), zip(*encoded, strict=True), strict=True
        ):
            yield Look(rgb, size, images, results)


def _parted(batch: Encoded, count: int) -> list[Encoded]:
    """Return each image's part of a batch, as a batch of one."""
    if count == 1:
        return [batch]
    rows = [slice(number, number + 1) for number in range(count)]
    return [
        Encoded(
            key=batch.key[row],
            shrinkage=batch.shrinkage[row],
            selection=batch.selection[row],
            features=(batch.features[0][row], batch.features[1][row], batch.features[2][row]),
        )
        for row in rows
    ]
