"""XMem's network: keys of images, values of objects, masks from what memory returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from embodied_mem.errors import ConfigError
from perception.xmem.blocks import (
    DecoderSensoryUpdate,
    FeatureFusion,
    JoinedConv,
    SensoryUpdate,
    Upsample,
)
from perception.xmem.trunks import Features, KeyTrunk, ValueTrunk, fold_norms

_F16, _F8, _F4 = 1024, 512, 256
"""Channels of the key trunk's maps."""
_DECODER = 512
"""Channels of the decoder at stride 16."""
CLAMP = 1e-7
"""Probabilities are kept so far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Widths that a checkpoint decides."""

    key: int = 64
    value: int = 512
    hidden: int = 64
    """Sensory memory; 0 without one."""
    mask_channels: int = 2
    """Own mask and that of all others; 1 in checkpoints for single objects."""

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "Dimensions":
        """Read the widths off a checkpoint.

        Raises:
            ConfigError: It is not one of XMem.
        """
        needed = ("key_proj.key_proj.weight", "value_encoder.fuser.block2.conv2.weight",
                  "value_encoder.conv1.weight")  # fmt: skip
        absent = [name for name in needed if name not in state]
        if absent:
            raise ConfigError(
                f"this is no XMem checkpoint: it has no {absent[0]}. Its names begin with "
                f"{', '.join(sorted({name.split('.')[0] for name in state})[:6]) or 'nothing'}."
            )
        hidden = state.get("decoder.hidden_update.transform.weight")
        return cls(
            key=len(state[needed[0]]),
            value=len(state[needed[1]]),
            hidden=0 if hidden is None else len(hidden) // 3,
            mask_channels=state[needed[2]].shape[1] - 3,
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the key encoder makes of images."""

    key: Float[Tensor, "b c h w"]
    shrinkage: Float[Tensor, "b 1 h w"]
    """Certainty of each position as a memory, at least 1."""
    selection: Float[Tensor, "b c h w"]
    """Channels that matter to each position as a query, 0..1."""
    features: Features


class KeyProjection(nn.Module):
    """Key, shrinkage and selection from the map at stride 16."""

    def __init__(self, key: int, f16: int = _F16):
        super().__init__()
        self.key_proj = nn.Conv2d(f16, key, 3, padding=1)
        self.d_proj = nn.Conv2d(f16, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(f16, key, 3, padding=1)


class ValueEncoder(ValueTrunk):
    """Value of each object from the image and its mask."""

    def __init__(self, dimensions: Dimensions):
        super().__init__(dimensions.mask_channels)
        self.fuser = FeatureFusion(_F16, 256, dimensions.value, dimensions.value)
        if dimensions.hidden:
            self.hidden_reinforce = SensoryUpdate(dimensions.value, dimensions.hidden)


class Decoder(nn.Module):
    """Masks from what memory returns, the sensory memory and the image's maps."""

    def __init__(self, dimensions: Dimensions):
        super().__init__()
        inside = dimensions.value + dimensions.hidden
        self.fuser = FeatureFusion(_F16, inside, _DECODER, _DECODER)
        self.up_16_8 = Upsample(_F8, _DECODER, 256)
        self.up_8_4 = Upsample(_F4, 256, 256)
        self.pred = nn.Conv2d(256, 1, 3, padding=1)
        if dimensions.hidden:
            self.hidden_update = DecoderSensoryUpdate(dimensions.hidden)


Network = TypeVar("Network", bound="MemoryNetwork")


class MemoryNetwork(nn.Module):
    """What XMem computes, from parts of any size. Images are normalised, sizes multiples of 16."""

    def __init__(
        self,
        dimensions: Dimensions,
        *,
        key_encoder: nn.Module,
        value_encoder: nn.Module,
        key_proj: KeyProjection,
        decoder: nn.Module,
    ):
        super().__init__()
        self.dimensions = dimensions
        # Of any class that has the parts which the methods below name.
        self.key_encoder: Any = key_encoder
        self.value_encoder: Any = value_encoder
        self.key_proj = key_proj
        self.decoder: Any = decoder

    def prepare(self: Network) -> Network:
        """Fold norms, split joined convolutions, lay weights out for speed; for inference only."""
        fold_norms(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in self.modules():
            if isinstance(module, JoinedConv):
                module.split()
        return self.eval().requires_grad_(requires_grad=False)

    def encode_key(self, images: Float[Tensor, "b 3 h w"]) -> Encoded:
        """Return keys and maps of images; does not depend on memory."""
        features = self.key_encoder(images)
        f16 = features[0]
        return Encoded(
            key=self.key_proj.key_proj(f16),
            shrinkage=self.key_proj.d_proj(f16).square() + 1,
            selection=torch.sigmoid(self.key_proj.e_proj(f16)),
            features=features,
        )

    def encode_value(
        self,
        images: Float[Tensor, "b 3 h w"],
        f16: Float[Tensor, "b c h16 w16"],
        hidden: Float[Tensor, "b n m h16 w16"] | None,
        masks: Float[Tensor, "b n h w"],
        *,
        deep: bool,
    ) -> tuple[Float[Tensor, "b n v h16 w16"], Float[Tensor, "b n m h16 w16"] | None]:
        """Return the value of each object, and the sensory memory, renewed if `deep`.

        Args:
            images: Normalised images.
            f16: Their maps at stride 16.
            hidden: Sensory memory; None without one.
            masks: Probability of each object, without background.
            deep: Whether the sensory memory is renewed from the value.
        """
        b, n = masks.shape[:2]
        own = masks.flatten(0, 1)[:, None]
        inputs = [images[:, None].expand(-1, n, -1, -1, -1).flatten(0, 1), own]
        if self.dimensions.mask_channels > 1:
            others = masks.sum(dim=1, keepdim=True) - masks
            inputs.append(others.flatten(0, 1)[:, None])
        x = torch.cat(inputs, dim=1).contiguous(memory_format=torch.channels_last)
        value = self.value_encoder.fuser(f16, self.value_encoder(x))
        if deep and hidden is not None:
            renewed = self.value_encoder.hidden_reinforce(value, hidden.flatten(0, 1))
            hidden = renewed.unflatten(0, (b, n))
        return value.unflatten(0, (b, n)), hidden

    def segment(
        self,
        features: Features,
        readout: Float[Tensor, "b n v h w"],
        hidden: Float[Tensor, "b n m h w"] | None,
        *,
        update: bool,
    ) -> tuple[Float[Tensor, "b n h4 w4"], Float[Tensor, "b n m h w"] | None]:
        """Return each object's logit at stride 4, and the sensory memory, renewed if `update`."""
        b, n = readout.shape[:2]
        f16, f8, f4 = features
        decoder = self.decoder
        flat = None if hidden is None else hidden.flatten(0, 1)
        inside = readout.flatten(0, 1)
        if flat is not None:
            inside = torch.cat((inside, flat), dim=1)
        g16 = decoder.fuser(f16, inside.contiguous(memory_format=torch.channels_last))
        g8 = decoder.up_16_8(f8, g16)
        g4 = decoder.up_8_4(f4, g8)
        logits = decoder.pred(torch.relu(g4))
        if update and flat is not None:
            joined = decoder.hidden_update.join(g16, g8, torch.cat((g4, logits), dim=1))
            hidden = decoder.hidden_update(joined, flat).unflatten(0, (b, n))
        return logits[:, 0].unflatten(0, (b, n)), hidden


class XMem(MemoryNetwork):
    """The published network."""

    def __init__(self, dimensions: Dimensions | None = None):
        dimensions = dimensions or Dimensions()
        super().__init__(
            dimensions,
            key_encoder=KeyTrunk(),
            value_encoder=ValueEncoder(dimensions),
            key_proj=KeyProjection(dimensions.key),
            decoder=Decoder(dimensions),
        )


def probabilities(logits: Float[Tensor, "b n h4 w4"]) -> Float[Tensor, "b m h w"]:
    """Return the probabilities of background and objects at full size, from logits at stride 4."""
    full = functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
    return aggregate(torch.sigmoid(full))


def aggregate(masks: Float[Tensor, "b n h w"]) -> Float[Tensor, "b m h w"]:
    """Turn each object's own probability into one distribution, background first.

    Soft aggregation (STM, arXiv:1904.00607, section 3.3): proportional to the odds q / (1 - q),
    where the background has q = prod(1 - p).
    """
    background = torch.prod(1 - masks, dim=1, keepdim=True)
    q = torch.cat((background, masks), dim=1).clamp(CLAMP, 1 - CLAMP)
    return torch.log(q / (1 - q)).softmax(dim=1)


def likeliest(odds: Float[Tensor, "m h w"]) -> Int64[Tensor, "h w"]:
    """Return the greatest of few channels at each pixel, the first of equals.

    On a CPU, argmax over an outer axis takes ten times as long.
    """
    best, index = (
        odds[0].clone(),
        torch.zeros(odds.shape[1:], dtype=torch.int64, device=odds.device),
    )
    for channel in range(1, len(odds)):
        greater = odds[channel] > best
        index.masked_fill_(greater, channel)
        torch.maximum(best, odds[channel], out=best)
    return index
