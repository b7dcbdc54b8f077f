"""Weights of XMem's shapes from a rule: the same on every machine, good for comparisons.

For each name, u = 2 RandomState(crc32(name)).random_sample(shape) - 1 in float64. Batch norms:
weight 1 + 0.2 u, bias 0.1 u, mean 0.1 u, variance 1 + 0.3 u. Other biases 0.1 u, that of the last
convolution 7.2 lower. Other weights gain sqrt(3 / fan_in) u; mask channels of the value encoder are
raised, image channels of the fusers damped, so that masks and memory matter.
"""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

_GAINS = (
    (lambda name: name.startswith("key_encoder") and name.endswith("conv3.weight"), 0.5),
    (lambda name: name.startswith("value_encoder.layer") and name.endswith("conv2.weight"), 0.5),
    (lambda name: name == "key_proj.d_proj.weight", 0.5),
    (lambda name: name.startswith("key_proj"), 1.0),
    (lambda name: name == "decoder.pred.weight", 4.5),
    (lambda name: "skip_conv" in name, 0.4),
    (lambda name: "downsample.0" in name or "hidden" in name, 1.0),
    (lambda name: name.startswith("decoder") or ".fuser." in name, 1.0),
)
"""The first that fits; sqrt(2) otherwise."""


def drawn_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Return a state dict for names and shapes."""
    return {name: _drawn(name, tuple(shape)) for name, shape in shapes.items()}


def _drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    random = np.random.RandomState(zlib.crc32(name.encode()))
    u = 2.0 * random.random_sample(int(np.prod(shape))).reshape(shape) - 1.0
    owner, leaf = name.rsplit(".", 2)[-2:]
    if owner.startswith("bn") or ".downsample.1." in name:
        rules = {"weight": 1 + 0.2 * u, "bias": 0.1 * u, "running_mean": 0.1 * u}
        values = rules.get(leaf, 1 + 0.3 * u)
    elif leaf == "bias":
        values = 0.1 * u - (7.2 if name == "decoder.pred.bias" else 0.0)
    else:
        gain = next((gain for fits, gain in _GAINS if fits(name)), 2**0.5)
        values = gain * np.sqrt(3.0 / np.prod(shape[1:])) * u
        if name == "value_encoder.conv1.weight":
            values[:, 3:] *= 6
        if ".fuser.block1." in name:
            values[:, :1024] *= 0.2
        if name.startswith("decoder.fuser.block1."):
            values[:, 1536:] *= 3
    return torch.from_numpy(np.ascontiguousarray(values.astype(np.float32)))
