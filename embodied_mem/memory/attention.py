"""XMem's similarity and top-k read as pure functions of tensors (arXiv:2207.07115, section 3.2).

A memory element i has a key k_i and a shrinkage s_i; a query j has a key q_j and a selection e_j:

    S_ij = -(s_i / sqrt(c)) sum_c e_cj (k_ci - q_cj)^2

Expanded, this is one product with rows that are made once, when an element is stored,

    m_i = [k_i^2, k_i, 1] s_i / sqrt(c),        a_j = [-e_j, 2 e_j q_j, -sum_c e_cj q_cj^2],

so that S_ij = m_i . a_j. A read keeps the k best elements of each query and gathers their values:
the dense affinity never exists, and queries go in tiles, so that the buffer is bounded at any
resolution.

Axes: q queries, t elements, c key width, r = 2 c + 1 row width, v value width, k best,
p prototypes.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def memory_rows(key: Float[Tensor, "t c"], shrinkage: Float[Tensor, "t"]) -> Float[Tensor, "t r"]:
    """Return the row m_i of each element."""
    scale = (shrinkage / math.sqrt(key.shape[1]))[:, None]
    return torch.cat((key.square() * scale, key * scale, scale), dim=1)


def query_rows(
    key: Float[Tensor, "q c"], selection: Float[Tensor, "q c"] | None
) -> Float[Tensor, "q r"]:
    """Return the row a_j of each query; without a selection all channels count alike.

    The last entry cannot be left out: it is multiplied by each element's shrinkage.
    """
    if selection is None:
        selection = torch.ones_like(key)
    weighted = selection * key
    rest = -(weighted * key).sum(dim=1, keepdim=True)
    return torch.cat((-selection, 2 * weighted, rest), dim=1)


@dataclass(frozen=True, slots=True)
class Attention:
    """What queries read: the best elements of each, and how much each of them counts."""

    indices: Int64[Tensor, "q k"]
    """Elements, the most similar first."""
    weights: Float[Tensor, "q k"]
    """Softmax of their similarities; a row sums to one."""

    def usage(self, count: int) -> Float[Tensor, "t"]:
        """Return how much all queries together took from each of `count` elements."""
        used = torch.zeros(count, dtype=self.weights.dtype, device=self.weights.device)
        return used.index_add_(0, self.indices.flatten(), self.weights.flatten())


def attend(similarity: Float[Tensor, "q t"], top_k: int) -> Attention:
    """Keep the most similar elements of each query, with a softmax over them alone.

    The greatest similarity is subtracted before the exponential: this changes no weight, and a
    query that is far from everything gets weights instead of 0 / 0. Where there are fewer elements
    than `top_k`, all are kept.
    """
    values, indices = similarity.topk(min(top_k, similarity.shape[1]), dim=1)
    return Attention(indices, values.softmax(dim=1))


def gather(table: Float[Tensor, "t v"], attention: Attention) -> Float[Tensor, "q v"]:
    """Return the weighted sum of the values that each query reads."""
    return torch.nn.functional.embedding_bag(
        attention.indices,
        table,
        per_sample_weights=attention.weights.to(table.dtype),
        mode="sum",
    )


def potentiation(similarity: Float[Tensor, "p t"]) -> Float[Tensor, "p t"]:
    """Return how much of each candidate goes into each prototype: a softmax over all candidates."""
    return similarity.softmax(dim=1)


def tile_of(queries: int, elements: int, itemsize: int, limit: int) -> int:
    """Return how many queries are compared with all elements at a time.

    Args:
        queries: Queries in all.
        elements: Elements.
        itemsize: Size of one similarity [bytes].
        limit: Largest buffer [bytes].
    """
    return max(1, min(queries, limit // max(1, itemsize * elements)))
