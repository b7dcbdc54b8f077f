"""Reading a bank by chunks: first which stretches of time matter, then what in them (HCAM).

Lampinen et al. (arXiv:2105.14039, section 3.1): a query compares itself with the mean of each chunk
of consecutive entries, and looks only into the few that fit best, each by an attention of its own;
what it finds there is weighed by how well the chunks fitted. A long memory cannot drown a short
moment: attention within a chunk is shared by the chunk's tokens alone.

Axes: b episodes, q queries, l entries, n tokens of an entry, c chunks, m tokens of a chunk,
d width, h heads, e width of a head.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def read_chunks(
    query: Float[Tensor, "b q d"],
    keys: Float[Tensor, "b l n d"],
    values: Float[Tensor, "b l n d"],
    used: Bool[Tensor, "b l"],
    *,
    entries: int,
    top: int,
    heads: int,
) -> Float[Tensor, "b q d"]:
    """Look into the chunks that fit each query best; every episode must use some entry.

    As in the bank's other reading, an entry of zeros is always among those of a chunk. Chunks that
    are not looked into are left out by their weight, which saves no time.

    Args:
        query: What asks.
        keys: What entries are found by.
        values: What is found.
        used: Which entries hold something.
        entries: Consecutive entries of a chunk.
        top: Chunks that a query looks into, at most.
        heads: Of the attention within chunks.
    """
    missing = -keys.shape[1] % entries
    mask = nn.functional.pad(used, (0, missing)).unflatten(1, (-1, entries))  # (b, c, entries)
    k, v = (
        nn.functional.pad(x, (0, 0, 0, 0, 0, missing)).unflatten(1, (-1, entries)).flatten(2, 3)
        for x in (keys, values)
    )  # (b, c, m, d)
    mask = mask.repeat_interleave(keys.shape[2], 2)
    weights = _weights(query, k, mask, top)
    found = _found(query, k, v, mask, heads)
    return torch.einsum("bqc,bcqd->bqd", weights.to(found), found)


def _weights(
    query: Float[Tensor, "b q d"],
    keys: Float[Tensor, "b c m d"],
    mask: Bool[Tensor, "b c m"],
    top: int,
) -> Float[Tensor, "b q c"]:
    """How much each query takes from each chunk: nothing but from the best, one in all."""
    counts = mask.sum(2).clamp(min=1)[..., None]
    means = (keys * mask[..., None]).sum(2) / counts  # (b, c, d)
    fit = query @ means.mT / math.sqrt(query.shape[-1])
    fit = fit.masked_fill(~mask.any(2)[:, None], -torch.inf)
    best = fit.topk(min(top, fit.shape[-1]), dim=-1)
    return torch.full_like(fit, -torch.inf).scatter(-1, best.indices, best.values).softmax(-1)


def _found(
    query: Float[Tensor, "b q d"],
    keys: Float[Tensor, "b c m d"],
    values: Float[Tensor, "b c m d"],
    mask: Bool[Tensor, "b c m"],
    heads: int,
) -> Float[Tensor, "b c q d"]:
    """What each query finds in each chunk."""
    nothing = torch.zeros_like(keys[:, :, :1])
    k, v = (
        torch.cat([nothing, x], 2).unflatten(-1, (heads, -1)).transpose(2, 3)
        for x in (keys, values)
    )  # (b, c, h, m + 1, e)
    q = query.unflatten(-1, (heads, -1)).transpose(1, 2)[:, None].expand(-1, k.shape[1], -1, -1, -1)
    mask = nn.functional.pad(mask, (1, 0), value=True)[:, :, None, None]
    found = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return found.transpose(2, 3).flatten(3)
