"""XMem's operations as upstream does them, restated: the peer of `video_memory.py`.

Dense affinity, memory concatenated at each insertion and, with a long-term memory, at each read, an
image's maps repeated for every object before each convolution. Weights and results are the same.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from perception.xmem.blocks import FeatureFusion, JoinedResBlock, spread
from perception.xmem.network import XMem, aggregate


@dataclass
class PlainMemory:
    """Keys (1, c, t), shrinkage (1, 1, t) and values (n, v, t) of one store."""

    key: Tensor
    shrinkage: Tensor
    value: Tensor

    def add(self, key: Tensor, shrinkage: Tensor, value: Tensor) -> None:
        """Append a frame by concatenation."""
        self.key = torch.cat((self.key, key), dim=-1)
        self.shrinkage = torch.cat((self.shrinkage, shrinkage), dim=-1)
        self.value = torch.cat((self.value, value), dim=-1)


def read(
    long: PlainMemory | None, work: PlainMemory, query: Tensor, selection: Tensor, top_k: int = 30
) -> tuple[Tensor, Tensor]:
    """Return readout (n, v, q) and usage (1, t), by the dense affinity."""
    key, shrinkage, value = work.key, work.shrinkage, work.value
    if long is not None:
        key = torch.cat((long.key, key), dim=-1)
        shrinkage = torch.cat((long.shrinkage, shrinkage), dim=-1)
        value = torch.cat((long.value, value), dim=-1)
    squares = key.pow(2).transpose(1, 2) @ selection
    products = 2 * (key.transpose(1, 2) @ (query * selection))
    rest = (selection * query.pow(2)).sum(1, keepdim=True)
    similarity = (-squares + products - rest) * shrinkage.transpose(1, 2) / math.sqrt(key.shape[1])
    values, indices = torch.topk(similarity, k=top_k, dim=1)
    weights = values.exp_()
    weights /= weights.sum(dim=1, keepdim=True)
    affinity = torch.zeros_like(similarity).scatter_(1, indices, weights)
    n, width = value.shape[:2]
    return (value.flatten(0, 1) @ affinity[0]).view(n, width, -1), affinity.sum(dim=2)


def _joined(block: JoinedResBlock, both: Tensor) -> Tensor:
    def conv(layer: torch.nn.Conv2d, x: Tensor) -> Tensor:
        return functional.conv2d(x, layer.weight, layer.bias, padding=1)

    y = conv(block.conv1, torch.relu(both))
    return conv(block.conv2, torch.relu(y)) + conv(block.downsample, both)


def fuse(fusion: FeatureFusion, image: Tensor, objects: Tensor) -> Tensor:
    """Fuse by repeating the image's map for every object."""
    both = torch.cat((spread(image, len(objects)), objects), dim=1)
    joined = _joined(fusion.block1, both)
    return fusion.block2(joined + fusion.attention(joined))


def segment(
    network: XMem, features: tuple[Tensor, Tensor, Tensor], readout: Tensor, hidden: Tensor
) -> tuple[Tensor, Tensor]:
    """Return probabilities and the renewed sensory memory."""
    decoder, (f16, f8, f4) = network.decoder, features
    g16 = fuse(decoder.fuser, f16, torch.cat((readout, hidden), dim=1))
    g8 = decoder.up_16_8(f8, g16)
    g4 = decoder.up_8_4(f4, g8)
    logits = decoder.pred(torch.relu(g4))
    joined = decoder.hidden_update.join(g16, g8, torch.cat((g4, logits), dim=1))
    renewed = decoder.hidden_update(joined, hidden)
    full = functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
    return aggregate(torch.sigmoid(full)[:, 0][None])[0], renewed


def encode_value(
    network: XMem, image: Tensor, f16: Tensor, masks: Tensor, hidden: Tensor
) -> Tensor:
    """Return the value of each object."""
    n = masks.shape[1]
    others = masks.sum(dim=1, keepdim=True) - masks
    inputs = torch.cat((image.expand(n, -1, -1, -1), masks[0][:, None], others[0][:, None]), dim=1)
    encoder = network.value_encoder
    value = fuse(encoder.fuser, f16, encoder(inputs))
    encoder.hidden_reinforce(value, hidden)
    return value
