"""Attention of one episode by one head on a CPU, without gradients: how a robot reads its bank.

`scaled_dot_product_attention` goes in tiles, and multiplies by torch's BLAS. Where a bank is large,
both products take nearly all of the time of a step, and oneDNN makes them in half of it on CPUs
whose widest vectors MKL leaves unused (AMD's).

Axes: n queries, m keys, d width, r rows, c columns.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_LARGE = 2**19
"""Queries times keys from which on it is the faster way; calling oneDNN takes 0.1 ms or more."""


def suits(query: Float[Tensor, "b n d"], keys: int, heads: int) -> bool:
    """Whether `attend` may do it: one episode, many keys, one head, a CPU, no gradients."""
    alone = len(query) == 1 and heads == 1 and query.device.type == "cpu"
    single = query.dtype == torch.float32 and not torch.is_grad_enabled()
    return alone and single and query.shape[1] * keys >= _LARGE


def attend(
    query: Float[Tensor, "n d"],
    keys: Float[Tensor, "m d"],
    values: Float[Tensor, "m d"],
    used: Bool[Tensor, "m"] | None,
) -> Float[Tensor, "n d"]:
    """Average values by a softmax of how queries fit keys; None: all keys are used."""
    scores = _product(query * (math.log2(math.e) / math.sqrt(query.shape[1])), keys)  # (n, m)
    if used is not None:
        scores.masked_fill_(~used, -torch.inf)
    weights = scores.sub_(scores.amax(1, keepdim=True)).exp2_()  # Four times as fast as exp.
    return _product(weights, values.mT) / weights.sum(1, keepdim=True)


def _product(rows: Float[Tensor, "r d"], columns: Float[Tensor, "c d"]) -> Float[Tensor, "r c"]:
    """Multiply each row with each column.

    Torch offers oneDNN's product of float32 under no public name; this one is what its compiler
    uses. Builds without it multiply as usual.
    """
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        nothing_after = (None, "none", [], "")  # Neither a bias nor a function of what comes out.
        return torch.ops.mkldnn._linear_pointwise(rows, columns, *nothing_after)  # noqa: SLF001
    return rows @ columns.mT
