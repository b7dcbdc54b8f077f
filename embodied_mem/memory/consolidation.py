"""Writing into the bounded list of a cognitive bank: what a full one merges or forgets.

A write is a linear map: the entries after it are those before it and the new one, two of them as
one. The same map is applied to tokens (step by step) and to weights of frames (whole episodes).

Axes: b episodes, t steps, s steps written, l entries, n tokens, d width.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntries:
    """A bounded list for each episode of a batch, oldest first; unused slots come last."""

    tokens: Float[Tensor, "b l n d"]
    times: Float[Tensor, "b l"]
    """Mean time of the frames that an entry stands for [steps]."""
    counts: Float[Tensor, "b l"]
    """How many frames an entry stands for; 0 where a slot is not used."""
    places: Float[Tensor, "b l"]
    """Number of the place where an entry was made; the last one's, if it stands for several."""

    def cleared(self, episodes: Bool[Tensor, "b"]) -> "BankEntries":
        """Return entries without those of some episodes."""
        kept = ~episodes
        return BankEntries(
            tokens=torch.where(kept[:, None, None, None], self.tokens, 0.0),
            times=self.times * kept[:, None],
            counts=self.counts * kept[:, None],
            places=self.places * kept[:, None],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """A full list merges the two neighbours that are most alike (MemoryVLA)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """A full list forgets its oldest entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgettingByPlace:
    """Each place has its share of the list, and forgets its own oldest entry when that is full.

    So a long stay in one place evicts nothing of another (place memory of the Spatially-Aware
    Transformer, arXiv:2402.15160).
    """

    share: int
    """Entries of a place; all of them together must fit into the list."""


Rule = Merging | Forgetting | ForgettingByPlace


def append(
    entries: BankEntries,
    tokens: Float[Tensor, "b n d"],
    times: Float[Tensor, "b"],
    rule: Rule,
    places: Float[Tensor, "b"] | None = None,
) -> BankEntries:
    """Write one frame's tokens.

    Args:
        entries: The list before.
        tokens: What to write.
        times: When it was made [steps].
        rule: What makes room.
        places: Number of the place where it was made; None: all in one.
    """
    used = (entries.counts > 0).sum(1)  # (b,)
    held = _with_new(entries.tokens, tokens, used)
    counts = _with_new(entries.counts, torch.ones_like(times), used)
    when = _with_new(entries.times, times, used)
    where = _with_new(entries.places, torch.zeros_like(times) if places is None else places, used)
    shorter = _shrinking(held, counts, where, rule)
    return BankEntries(
        tokens=shorter.means(held),
        times=shorter.means(when),
        counts=shorter.sums(counts),
        places=shorter.last(where),
    )


@torch.no_grad()
def coefficients(
    tokens: Float[Tensor, "b t n d"],
    times: Float[Tensor, "b t"],
    capacity: int,
    rule: Rule,
    places: Float[Tensor, "b t"] | None = None,
) -> tuple[Float[Tensor, "b t l s"], Float[Tensor, "b t l"]]:
    """Say what a list holds before each step of episodes that are written into it.

    Returns:
        The weight of each step's tokens in each entry (zero for unused slots), and the entries'
        times.
    """
    batch, steps = times.shape
    past = torch.zeros(batch, steps, capacity, steps, device=tokens.device, dtype=times.dtype)
    room = rule.share if isinstance(rule, ForgettingByPlace) else capacity
    free = min(steps, room + 1)  # Before these steps, every entry is one of the steps.
    for step in range(1, free):
        slots = torch.arange(step, device=tokens.device)
        past[:, step, slots, slots] = 1
    if steps > free:
        where = torch.zeros_like(times) if places is None else places
        held = past[:, free - 1].clone()  # (b, l, s)
        entries = _written(tokens, times, where, free - 1, capacity)
        for step in range(free, steps):
            new = torch.zeros(batch, steps, device=tokens.device, dtype=times.dtype)
            new[:, step - 1] = 1
            used = (entries.counts > 0).sum(1)
            shorter = _shrinking(
                _with_new(entries.tokens, tokens[:, step - 1], used),
                _with_new(entries.counts, torch.ones_like(new[:, 0]), used),
                _with_new(entries.places, where[:, step - 1], used),
                rule,
            )
            held = past[:, step] = shorter.means(_with_new(held, new, used))
            entries = append(
                entries, tokens[:, step - 1], times[:, step - 1], rule, where[:, step - 1]
            )
    return past, torch.einsum("btls,bs->btl", past, times)


def _written(
    tokens: Float[Tensor, "b t n d"],
    times: Float[Tensor, "b t"],
    places: Float[Tensor, "b t"],
    count: int,
    capacity: int,
) -> BankEntries:
    """The first steps as a list, each an entry."""
    missing = capacity - count
    return BankEntries(
        tokens=nn.functional.pad(tokens[:, :count], (0, 0, 0, 0, 0, missing)),
        times=nn.functional.pad(times[:, :count], (0, missing)),
        counts=nn.functional.pad(torch.ones_like(times[:, :count]), (0, missing)),
        places=nn.functional.pad(places[:, :count], (0, missing)),
    )


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

    def last(self, values: Float[Tensor, "b k"]) -> Float[Tensor, "b l"]:
        """Apply it to what the later of two tells for both."""
        return self._with(values, self._merged(values)[1])

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
    tokens: Float[Tensor, "b k n d"],
    counts: Float[Tensor, "b k"],
    places: Float[Tensor, "b k"],
    rule: Rule,
) -> Shrinking:
    """Say how a list of k entries, the last of which may be unused, becomes an entry shorter.

    Where there is room it stays as it is.
    """
    each = torch.arange(len(counts), device=counts.device)
    full = counts[:, -1] > 0  # (b,)
    match rule:
        case Merging():
            pair = _most_alike(tokens)
            gone = pair + 1
        case Forgetting():
            gone = pair = torch.zeros_like(each)
        case ForgettingByPlace(share=share):
            newest = (counts > 0).sum(1) - 1
            same = (places == places[each, newest][:, None]) & (counts > 0)
            full = same.sum(1) > share
            gone = pair = same.int().argmax(1).clamp(max=counts.shape[1] - 2)
    row = torch.arange(counts.shape[1] - 1, device=counts.device)
    first, second = counts[each, pair], counts[each, pair + 1]
    return Shrinking(
        source=row + ((row >= gone[:, None]) & full[:, None]),
        pair=pair,
        merges=full & isinstance(rule, Merging),
        share=first / (first + second).clamp(min=1e-9),
    )


def _most_alike(tokens: Float[Tensor, "b k n d"]) -> Int[Tensor, "b"]:
    """First of the two neighbours whose tokens point the same way, on average over the tokens."""
    lengths = torch.linalg.vector_norm(tokens, dim=-1).clamp(min=1e-8)
    products = (tokens[:, :-1] * tokens[:, 1:]).sum(-1)
    return (products / (lengths[:, :-1] * lengths[:, 1:])).mean(-1).argmax(1)  # Of (b, k - 1).
