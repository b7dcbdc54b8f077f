"""What training makes small. Maps and targets are those of a batch; results are scalars."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor
from torch.nn import functional

from perception.learned.network import Maps
from perception.learned.targets import Targets

CENTRE_WEIGHT, OFFSET_WEIGHT, STATE_WEIGHT = 0.5, 1.0, 0.5
"""Against the loss of kinds."""


class Losses(NamedTuple):
    """Parts of the loss, and their weighted sum."""

    total: Tensor
    kinds: Tensor
    centres: Tensor
    offsets: Tensor
    states: Tensor


def segmenter_loss(maps: Maps, truth: Targets, kind_weights: Float[Tensor, "k"]) -> Losses:
    """Compare a batch of maps with the truth."""
    kinds = kind_loss(maps.kinds, truth.kinds, truth.weights, kind_weights)  # pyright: ignore
    centres = centre_loss(maps.centres, truth.centres)  # pyright: ignore
    offsets = offset_loss(maps.offsets, truth.offsets, truth.inside)  # pyright: ignore
    states = state_loss(maps.states, truth.states)  # pyright: ignore
    total = kinds + CENTRE_WEIGHT * centres + OFFSET_WEIGHT * offsets + STATE_WEIGHT * states
    return Losses(total, kinds, centres, offsets, states)


def kind_loss(
    logits: Float[Tensor, "b k h w"],
    kinds: Int64[Tensor, "b h w"],
    weights: Float[Tensor, "b h w"],
    kind_weights: Float[Tensor, "k"],
) -> Float[Tensor, ""]:
    """Cross entropy, averaged by the weight of each pixel times that of its kind."""
    entropy = functional.cross_entropy(logits.float(), kinds, reduction="none")
    weights = weights * kind_weights[kinds]
    return (entropy * weights).sum() / weights.sum()


def centre_loss(
    logits: Float[Tensor, "b 1 y x"], heat: Float[Tensor, "b 1 y x"]
) -> Float[Tensor, ""]:
    """Focal loss with less weight beside a middle (CornerNet, arXiv:1808.01244, equation 1)."""
    logits = logits.float()
    found, missed = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    share = logits.sigmoid()
    middle = (heat == 1).float()
    near = -((1 - share) ** 2) * found * middle
    away = -(share**2) * missed * (1 - heat) ** 4 * (1 - middle)
    return (near.sum() + away.sum()) / middle.sum().clamp(min=1)


def offset_loss(
    offsets: Float[Tensor, "b 2 y x"],
    truth: Float[Tensor, "b 2 y x"],
    inside: Float[Tensor, "b 1 y x"],
) -> Float[Tensor, ""]:
    """Mean absolute error of both parts where there are things."""
    error = (offsets.float() - truth).abs() * inside
    return error.sum() / (2 * inside.sum()).clamp(min=1)


def state_loss(
    logits: Float[Tensor, "b s h w"], states: Int8[Tensor, "b s h w"]
) -> Float[Tensor, ""]:
    """Binary cross entropy where a state applies; each state counts alike."""
    applies = states >= 0
    entropy = functional.binary_cross_entropy_with_logits(
        logits.float(), states.clamp(min=0).float(), reduction="none"
    )
    axes = (0, 2, 3)
    counts = applies.sum(dim=axes)
    means = torch.where(applies, entropy, 0).sum(dim=axes) / counts.clamp(min=1)
    return means.sum() / (counts > 0).sum().clamp(min=1)
