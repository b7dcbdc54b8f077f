"""Writing into the bounded list of a cognitive bank: what a full one merges or forgets.

A write is a linear map: the entries after it are weighted sums of those before it and of the new
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
    weights = _shrinking(held, counts, merge=merge)
    kept = weights > 0
    return BankEntries(
        tokens=torch.einsum("blk,bknd->blnd", weights.to(held), held),
        times=torch.einsum("blk,bk->bl", weights.to(when), when),
        counts=torch.einsum("blk,bk->bl", kept.to(counts), counts),
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
            weights = _shrinking(whole, counts, merge=merge)
            held = weights @ torch.cat([held, new], 1)
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


@torch.no_grad()
def _shrinking(
    tokens: Float[Tensor, "b k n d"], counts: Float[Tensor, "b k"], *, merge: bool
) -> Float[Tensor, "b l k"]:
    """Weights of a list's k entries in one that is an entry shorter.

    A list whose last slot is not used stays as it is. A full one merges the two neighbours that are
    most alike, each by as many frames as it stands for, or loses its first entry.
    """
    slots = counts.shape[1]
    full = counts[:, -1] > 0  # (b,)
    pair = _most_alike(tokens) if merge else torch.zeros_like(counts[:, 0], dtype=torch.long)
    pair = torch.where(full, pair, slots)  # Behind the end: nothing is merged.
    row = torch.arange(slots - 1, device=counts.device)[None, :, None]
    column = torch.arange(slots, device=counts.device)[None, None, :]
    first = pair[:, None, None]
    source = row + (row > first)
    chosen = (column == source) | ((row == first) & (column == first + 1))
    if not merge:
        chosen = torch.where(full[:, None, None], column == row + 1, column == row)
    weights = chosen * counts[:, None]
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)


def _most_alike(tokens: Float[Tensor, "b k n d"]) -> Int[Tensor, "b"]:
    """First of the two neighbours whose tokens point the same way, on average over the tokens."""
    alike = torch.cosine_similarity(tokens[:, :-1], tokens[:, 1:], dim=-1)  # (b, k - 1, n)
    return alike.mean(-1).argmax(1)
