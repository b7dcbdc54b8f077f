"""XMem's training objective (arXiv:2207.07115, section 3.4 and appendix): follow, compare, learn.

A clip is followed as the tracker would: the first frame's masks are given, some frames are
remembered with the masks that were found there, and on those the sensory memory is renewed by the
value encoder, on the others by the decoder. Reads are full softmaxes, without top-k, so that all
memories learn. The loss is bootstrapped cross entropy plus dice.

Axes: b clips, t frames, n objects, m = n + 1 channels with the background first, p memory elements,
q query elements, c key width, v value width.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from perception.xmem.network import CLAMP, MemoryNetwork

_LARGEST = math.log((1 - CLAMP) / CLAMP)
"""Logit of the greatest probability."""


class Losses(NamedTuple):
    """What is made small; means over clips and frames."""

    total: Tensor
    entropy: Tensor
    dice: Tensor


class _Memory:
    """What is remembered of a batch of clips."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []
        self.shrinkages: list[Tensor] = []
        self.values: list[Tensor] = []

    def add(self, key: Tensor, shrinkage: Tensor, value: Tensor) -> None:
        """Remember a frame: keys (b c h w), shrinkages (b 1 h w), values (b n v h w)."""
        self.keys.append(key.flatten(2))
        self.shrinkages.append(shrinkage.flatten(1))
        self.values.append(value.flatten(3))

    def read(self, key: Tensor, selection: Tensor) -> Float[Tensor, "b n v h w"]:
        """Return what each position of a frame reminds of."""
        size = key.shape[2:]
        weights = affinity(
            torch.cat(self.keys, dim=2),
            torch.cat(self.shrinkages, dim=1),
            key.flatten(2),
            selection.flatten(2),
        )
        values = torch.cat(self.values, dim=3)
        found = values.flatten(1, 2) @ weights.to(values.dtype)
        return found.unflatten(1, values.shape[1:3]).unflatten(3, size)


def affinity(
    key: Float[Tensor, "b c p"],
    shrinkage: Float[Tensor, "b p"],
    query: Float[Tensor, "b c q"],
    selection: Float[Tensor, "b c q"],
) -> Float[Tensor, "b p q"]:
    """Return how much each query reads of each memory, a softmax over memories, in float32."""
    with torch.autocast(key.device.type, enabled=False):
        k, s, q, e = (part.float() for part in (key, shrinkage, query, selection))
        near = 2 * k.mT @ (q * e) - k.square().mT @ e - (e * q.square()).sum(dim=1)[:, None]
        return (near * (s / math.sqrt(key.shape[1]))[:, :, None]).softmax(dim=1)


def follow_clips(
    network: MemoryNetwork,
    images: Float[Tensor, "b t 3 h w"],
    first: Float[Tensor, "b n h w"],
    remembered: Sequence[int],
) -> list[Float[Tensor, "b m h w"]]:
    """Follow objects from their masks in the first frames.

    Args:
        network: In training or not.
        images: Normalised.
        first: Masks in the first frames.
        remembered: Which later frames are remembered; the first ones always are.

    Returns:
        Logits of background and objects in each frame after the first.
    """
    clips, frames, _, height, width = images.shape
    encoded = network.encode_key(images.flatten(0, 1))
    features = [part.unflatten(0, (clips, frames)) for part in encoded.features]
    keys, shrinkages, selections = (
        part.unflatten(0, (clips, frames))
        for part in (encoded.key, encoded.shrinkage, encoded.selection)
    )
    hidden = images.new_zeros(
        (clips, first.shape[1], network.dimensions.hidden, height // 16, width // 16)
    )
    memory, found = _Memory(), []
    value, hidden = network.encode_value(images[:, 0], features[0][:, 0], hidden, first, deep=True)
    memory.add(keys[:, 0], shrinkages[:, 0], value)
    for t in range(1, frames):
        readout = memory.read(keys[:, t], selections[:, t])
        now = (features[0][:, t], features[1][:, t], features[2][:, t])
        deep = t in remembered
        logits, hidden = network.segment(now, readout, hidden, update=not deep)
        found.append(full_logits(logits))
        if deep:
            masks = found[-1].softmax(dim=1)[:, 1:]
            value, hidden = network.encode_value(images[:, t], now[0], hidden, masks, deep=True)
            memory.add(keys[:, t], shrinkages[:, t], value)
    return found


def full_logits(logits: Float[Tensor, "b n h4 w4"]) -> Float[Tensor, "b m h w"]:
    """Return logits of background and objects at full size, in float32.

    What `aggregated_logits` gives for sigmoids, from logits x alone: log(p / (1 - p)) = x, and for
    the background q = prod(1 - p) = exp(-S), where S is the sum of softplus(x), is
    log(q / (1 - q)) = -log(exp(S) - 1). A product's gradient would need a look at its zeros.
    """
    with torch.autocast(logits.device.type, enabled=False):
        x = functional.interpolate(
            logits.float(), scale_factor=4, mode="bilinear", align_corners=False
        )
        rest = functional.softplus(x).sum(dim=1, keepdim=True).clamp(CLAMP, _LARGEST)
        own = x.clamp(-_LARGEST, _LARGEST)
        return torch.cat((-torch.log(torch.expm1(rest)), own), dim=1)


def tracking_loss(
    found: Sequence[Float[Tensor, "b m h w"]],
    truth: Float[Tensor, "b t n h w"],
    *,
    hardest: float,
) -> Losses:
    """Compare what was found in the frames after the first with the truth.

    Args:
        found: Logits of each frame.
        truth: Masks of all frames, the first included.
        hardest: Share of each frame's pixels, those with the greatest loss, that count.
    """
    entropies, dices = [], []
    for logits, masks in zip(found, truth[:, 1:].unbind(dim=1), strict=True):
        entropies.append(bootstrapped_entropy(logits, labels_of(masks), hardest))
        dices.append(dice_loss(logits.softmax(dim=1)[:, 1:], masks))
    entropy, dice = torch.stack(entropies).mean(), torch.stack(dices).mean()
    return Losses(entropy + dice, entropy, dice)


def labels_of(masks: Float[Tensor, "b n h w"]) -> Int64[Tensor, "b h w"]:
    """Return the channel of each pixel: 0 is the background."""
    numbers = torch.arange(1, masks.shape[1] + 1, device=masks.device, dtype=masks.dtype)
    return (masks * numbers[:, None, None]).sum(dim=1).long()


def bootstrapped_entropy(
    logits: Float[Tensor, "b m h w"], labels: Int64[Tensor, "b h w"], hardest: float
) -> Float[Tensor, ""]:
    """Return the mean cross entropy over the hardest pixels of each image."""
    each = functional.cross_entropy(logits, labels, reduction="none").flatten(1)
    if hardest < 1:
        each = each.topk(max(1, int(hardest * each.shape[1])), dim=1, sorted=False).values
    return each.mean()


def dice_loss(
    found: Float[Tensor, "b n h w"], truth: Float[Tensor, "b n h w"]
) -> Float[Tensor, ""]:
    """Return 1 - (2 |found truth| + 1) / (|found| + |truth| + 1), the mean over objects."""
    both = (found * truth).sum(dim=(2, 3))
    either = found.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))
    return (1 - (2 * both + 1) / (either + 1)).mean()
