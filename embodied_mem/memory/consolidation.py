"""Writing into the bounded list of a cognitive bank: what a full one merges or forgets.

A write is a linear map: the entries after it are those before it and the new one, two of them as
one. The same map is applied to tokens (step by step) and to weights of frames (whole episodes).

Axes: b episodes, t steps, s steps written, l entries, n tokens, d width.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntries:
    """A bounded list for each episode of a batch, oldest first; unused slots come last."""

    tokens: Float[Tensor, "b l n d"]
    times: Float[Tensor, "b l"]
    """Mean time of the frames that an entry stands for [steps]."""
    counts: Float[Tensor, "b l"]
    """How many frames an entry stands for; 0 where a slot is not used."""

    def cleared(self, episodes: Bool[Tensor, "b"]) -> "BankEntries":
        """Return entries without those of some episodes."""
        kept = ~episodes
        return BankEntries(
            tokens=torch.where(kept[:, None, None, None], self.tokens, 0.0),
            times=self.times * kept[:, None],
            counts=self.counts * kept[:, None],
        )


def append(
    entries: BankEntries,
    tokens: Float[Tensor, "b n d"],
    times: Float[Tensor, "b"],
    *,
    merge: bool,
) -> BankEntries:
    """Write one frame's tokens.

    Args:
        entries: The list before.
        tokens: What to write.
        times: When it was made [steps].
        merge: Whether full lists merge their most similar neighbours, or forget the oldest entry.
    """
    used = (entries.counts > 0).sum(1)  # (b,)
    held = _with_new(entries.tokens, tokens, used)
    counts = _with_new(entries.counts, torch.ones_like(times), used)
    when = _with_new(entries.times, times, used)
    shorter = _shrinking(held, counts, merge=merge)
    return BankEntries(
        tokens=shorter.means(held), times=shorter.means(when), counts=shorter.sums(counts)
    )


@torch.no_grad()
def coefficients(
    tokens: Float[Tensor, "b t n d"],
    times: Float[Tensor, "b t"],
    capacity: int,
    *,
    merge: bool,
) -> tuple[Float[Tensor, "b t l s"], Float[Tensor, "b t l"]]:
    """Say what a list holds before each step of episodes that are written into it.

    Returns:
        The weight of each step's tokens in each entry (zero for unused slots), and the entries'
        times.
    """
    batch, steps = times.shape
    past = torch.zeros(batch, steps, capacity, steps, device=tokens.device, dtype=times.dtype)
    free = min(steps, capacity + 1)  # Before these steps, nothing was merged.
    for step in range(1, free):
        slots = torch.arange(step, device=tokens.device)
        past[:, step, slots, slots] = 1
    if steps > free:
        held = past[:, free - 1].clone()  # (b, l, s)
        entries = BankEntries(
            tokens=tokens[:, :capacity].clone(),
            times=times[:, :capacity].clone(),
            counts=torch.ones(batch, capacity, device=tokens.device, dtype=times.dtype),
        )
        for step in range(free, steps):
            new = torch.zeros(batch, 1, steps, device=tokens.device, dtype=times.dtype)
            new[:, 0, step - 1] = 1
            whole = torch.cat([entries.tokens, tokens[:, step - 1, None]], 1)
            counts = torch.cat([entries.counts, torch.ones_like(times[:, :1])], 1)
            held = _shrinking(whole, counts, merge=merge).means(torch.cat([held, new], 1))
            past[:, step] = held
            entries = append(entries, tokens[:, step - 1], times[:, step - 1], merge=merge)
    return past, torch.einsum("btls,bs->btl", past, times)


def _with_new(old: Float[Tensor, "b l *rest"], new: Float[Tensor, "b *rest"], used: Int[Tensor, "b"]
) -> Float[Tensor, "b k *rest"]:  # fmt: skip
    """Put something behind the used slots of each list, which grow by one."""
    longer = torch.cat([old, torch.zeros_like(old[:, :1])], 1)
    here = torch.arange(longer.shape[1], device=old.device) == used[:, None]  # (b, l + 1)
    here = here.reshape(here.shape + (1,) * (old.ndim - 2))
    return torch.where(here, new[:, None].to(old.dtype), longer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinking:
    """How a list becomes an entry shorter: where each entry comes from, and which two become one.

    Copying is what it costs; a matrix over all entries would cost their square.
    """

    source: Int[Tensor, "b l"]
    pair: Int[Tensor, "b"]
    """The first of the two."""
    merges: Bool[Tensor, "b"]
    """Whether there are such two."""
    share: Float[Tensor, "b"]
    """Weight of the first in their mean."""

    def means(self, values: Float[Tensor, "b k *rest"]) -> Float[Tensor, "b l *rest"]:
        """Apply it to what is averaged."""
        share = self.share.to(values.dtype).reshape(-1, *(1,) * (values.ndim - 2))
        first, second = self._merged(values)
        return self._with(values, share * first + (1 - share) * second)

    def sums(self, values: Float[Tensor, "b k"]) -> Float[Tensor, "b l"]:
        """Apply it to what is added."""
        return self._with(values, sum(self._merged(values), start=torch.zeros_like(self.share)))

    def _merged(self, values: Tensor) -> tuple[Tensor, Tensor]:
        row = torch.arange(len(values), device=values.device)
        return values[row, self.pair], values[row, self.pair + 1]

    def _with(self, values: Tensor, merged: Tensor) -> Tensor:
        row = torch.arange(len(values), device=values.device)
        shorter = values[row[:, None], self.source]
        merges = self.merges.reshape(-1, *(1,) * (values.ndim - 2))
        return shorter.index_put(
            (row, self.pair), torch.where(merges, merged, shorter[row, self.pair])
        )


@torch.no_grad()
def _shrinking(
    tokens: Float[Tensor, "b k n d"], counts: Float[Tensor, "b k"], *, merge: bool
) -> Shrinking:
    """Say how a list of k entries becomes one that is an entry shorter.

    A list whose last slot is not used stays as it is. A full one merges the two neighbours that are
    most alike, each by as many frames as it stands for, or loses its first entry.
    """
    slots = counts.shape[1]
    full = counts[:, -1] > 0  # (b,)
    pair = _most_alike(tokens) if merge else torch.zeros_like(counts[:, 0], dtype=torch.long)
    row = torch.arange(slots - 1, device=counts.device)
    moved = row > pair[:, None] if merge else torch.ones_like(row, dtype=torch.bool)[None]
    each = torch.arange(len(counts), device=counts.device)
    first, second = counts[each, pair], counts[each, pair + 1]
    return Shrinking(
        source=row + (moved & full[:, None]),
        pair=pair,
        merges=full & merge,
        share=first / (first + second).clamp(min=1e-9),
    )


def _most_alike(tokens: Float[Tensor, "b k n d"]) -> Int[Tensor, "b"]:
    """First of the two neighbours whose tokens point the same way, on average over the tokens."""
    lengths = torch.linalg.vector_norm(tokens, dim=-1).clamp(min=1e-8)
    products = (tokens[:, :-1] * tokens[:, 1:]).sum(-1)
    return (products / (lengths[:, :-1] * lengths[:, 1:])).mean(-1).argmax(1)  # Of (b, k - 1).
