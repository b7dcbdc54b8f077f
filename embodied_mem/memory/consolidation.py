"""Writing into the bounded list of a cognitive bank: what a full one merges or forgets.

A write is a linear map: the entries after it are those before it and the new one, two of them as
one.

Tokens stay in their slots while the list shifts. A write touches the slots of the new entry and of
a merged one; what else is kept of entries has to be made anew for these alone.

Axes: b episodes, t steps, s steps written, l entries, k rows, n tokens, d width,
f what is told of entries.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntries:
    """A bounded list for each episode of a batch, oldest first; what is not used comes last."""

    tokens: Float[Tensor, "b l n d"]
    """By slot, not in the order of the list."""
    slots: Int[Tensor, "b l"]
    """Where the tokens of each entry lie; of those not used, where there is room."""
    times: Float[Tensor, "b l"]
    """Mean time of the frames that an entry stands for [steps]."""
    counts: Float[Tensor, "b l"]
    """How many frames an entry stands for; 0 where it is not used."""
    places: Float[Tensor, "b l"]
    """Number of the place where an entry was made; the last one's, if it stands for several."""
    alike: Float[Tensor, "b l"]
    """How alike an entry is to the next: the mean cosine of their tokens."""

    @staticmethod
    def nothing(tokens: Float[Tensor, "b n d"], capacity: int) -> "BankEntries":
        """Return empty lists for tokens like these."""
        batch, count, width = tokens.shape
        exact = torch.promote_types(tokens.dtype, torch.float32)  # Times are, whatever tokens are.
        zeros = torch.zeros(batch, capacity, device=tokens.device, dtype=exact)
        return BankEntries(
            tokens=tokens.new_zeros(batch, capacity, count, width),
            slots=torch.arange(capacity, device=tokens.device).repeat(batch, 1),
            times=zeros,
            counts=zeros,
            places=zeros,
            alike=zeros,
        )

    def cleared(self, episodes: Bool[Tensor, "b"]) -> "BankEntries":
        """Return entries without those of some episodes."""
        if not episodes.any():  # Nearly always; large banks need not be copied then.
            return self
        kept = ~episodes[:, None]
        return BankEntries(
            tokens=torch.where(kept[:, :, None, None], self.tokens, 0.0),
            slots=self.slots,
            times=torch.where(kept, self.times, 0.0),
            counts=torch.where(kept, self.counts, 0.0),
            places=torch.where(kept, self.places, 0.0),
            alike=torch.where(kept, self.alike, 0.0),
        )

    def by_slot(self, listed: Shaped[Tensor, "b l"]) -> Shaped[Tensor, "b l"]:
        """Order what is told of entries as their tokens are."""
        return torch.zeros_like(listed).scatter(1, self.slots, listed)

    def in_order(self) -> Float[Tensor, "b l n d"]:
        """Copy the tokens, oldest first."""
        return taken(self.tokens, self.slots)


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
    return planned(entries, tokens, rule, places).applied(entries, tokens, times, places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write does to a list: what shifts, where the new entry is put, which two are merged.

    Copying is what it costs; a matrix over all entries would cost their square.
    """

    source: Int[Tensor, "b l"]
    """Number, before, of each entry."""
    newest: Int[Tensor, "b"]
    """Number, after, of the new entry."""
    pair: Int[Tensor, "b"]
    """Number of the first of the two; behind the last entry there is the new one."""
    merges: Bool[Tensor, "b"]
    """Whether there are such two."""
    share: Float[Tensor, "b"]
    """Weight of the first in their mean."""
    room: Int[Tensor, "b"]
    """Slot of the new entry."""
    joint: Int[Tensor, "b"]
    """Slot of the first of the two, and then of both."""
    overwrites: bool
    """Whether tokens of the list before are written over, not copied."""

    def applied(
        self,
        entries: BankEntries,
        tokens: Float[Tensor, "b n d"],
        times: Float[Tensor, "b"],
        places: Float[Tensor, "b"] | None,
    ) -> BankEntries:
        """Write a frame's tokens; see `append`."""
        where = torch.zeros_like(times) if places is None else places
        slots, stored = self._shifted(entries.slots, self.room), self._stored(entries, tokens)
        when, counts, where = self._told(entries, times, where)
        return BankEntries(
            tokens=stored,
            slots=slots,
            times=when,
            counts=counts,
            places=where,
            alike=self._alike(entries.alike, stored, slots),
        )

    def touched(self) -> Int[Tensor, "b 2"]:
        """Slots that hold something else than before; they may be the same."""
        return torch.stack([torch.where(self.merges, self.joint, self.room), self.room], 1)

    def moved(self, owner: Int[Tensor, "b s"]) -> Int[Tensor, "b s"]:
        """Say in which slots frames are that were in these; -1: in none.

        Who was where the new entry comes to is merged, or forgotten. An empty slot had nobody.
        """
        leaves = owner == self.room[:, None]
        return torch.where(leaves, torch.where(self.merges, self.joint, -1)[:, None], owner)

    def _told(
        self, entries: BankEntries, times: Float[Tensor, "b"], places: Float[Tensor, "b"]
    ) -> tuple[Float[Tensor, "b l"], Float[Tensor, "b l"], Float[Tensor, "b l"]]:
        """Times, counts and places; all at once, as calls take longer than what they do."""
        old = torch.stack([entries.times, entries.counts, entries.places], 1)
        new = torch.stack([times, torch.ones_like(times), places], 1).to(old.dtype)
        first, second = _neighbours(old, new, self.pair)  # (b, 3)
        time = self._mean(first[:, 0], second[:, 0])
        # Where two are merged, the place of the later one is that of both.
        joint = torch.stack([time, first[:, 1] + second[:, 1], second[:, 2]], 1)
        spread = (-1, old.shape[1], -1)
        after = old.gather(2, self.source[:, None].expand(spread))
        after.scatter_(2, self.newest[:, None, None].expand(spread), new[..., None])
        changed = torch.where(self.merges, self.pair, self.newest)
        joint = torch.where(self.merges[:, None], joint, new)
        after.scatter_(2, changed[:, None, None].expand(spread), joint[..., None])
        when, counts, where = after.unbind(1)
        return when, counts, where

    def _mean(
        self, first: Float[Tensor, "b *rest"], second: Float[Tensor, "b *rest"]
    ) -> Float[Tensor, "b *rest"]:
        share = _spread(self.share, first).to(first.dtype)
        return share * first + (1 - share) * second

    def _shifted(
        self, old: Shaped[Tensor, "b l"], new: Shaped[Tensor, "b"]
    ) -> Shaped[Tensor, "b l"]:
        return old.gather(1, self.source).scatter(1, self.newest[:, None], new[:, None])

    def _stored(
        self, entries: BankEntries, new: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b l n d"]:
        """Tokens by slot; only two slots change."""
        old, new = entries.tokens, new.to(entries.tokens.dtype)
        last = entries.slots.shape[1] - 1
        following = entries.slots.gather(1, (self.pair[:, None] + 1).clamp(max=last))
        first, second = taken(old, torch.cat([self.joint[:, None], following], 1)).unbind(1)
        merged = self._mean(first, torch.where(_spread(self.pair == last, new), new, second))
        after = old if self.overwrites else old.clone()
        row, changed = _rows(old), torch.where(self.merges, self.joint, self.room)
        after[row, self.room] = new
        after[row, changed] = torch.where(_spread(self.merges, new), merged, new)
        return after

    @torch.no_grad()
    def _alike(
        self,
        old: Float[Tensor, "b l"],
        stored: Float[Tensor, "b l n d"],
        slots: Int[Tensor, "b l"],
    ) -> Float[Tensor, "b l"]:
        """Compare those that have another neighbour than before: at most three."""
        last = old.shape[1] - 1
        changed = torch.stack([self.pair - 1, self.pair, self.newest - 1], 1).clamp(0, last)
        both = torch.cat([changed, (changed + 1).clamp(max=last)], 1)
        first, second = taken(stored, slots.gather(1, both)).chunk(2, 1)
        return old.gather(1, self.source).scatter(1, changed, likeness(first, second).to(old.dtype))


@torch.no_grad()
def planned(
    entries: BankEntries,
    tokens: Float[Tensor, "b n d"],
    rule: Rule,
    places: Float[Tensor, "b"] | None = None,
    *,
    overwrites: bool = False,
) -> Change:
    """Say what writing a frame's tokens would do to a list; see `append`."""
    counts, slots = entries.counts, entries.slots
    last = counts.shape[1] - 1
    used = (counts > 0).sum(1)  # (b,)
    full = used > last
    match rule:
        case Merging():
            pair = _most_alike(entries, tokens)
            gone = (pair + 1).clamp(max=last)
        case Forgetting():
            gone = pair = torch.zeros_like(used)
        case ForgettingByPlace(share=share):
            here = torch.zeros_like(counts[:, 0]) if places is None else places
            same = (entries.places == here[:, None]) & (counts > 0)
            full = same.sum(1) >= share
            gone = pair = same.int().argmax(1)
    newest = (used - full.to(used)).clamp(max=last)
    number = torch.arange(last + 1, device=counts.device)
    shifts = full[:, None] & (number >= gone[:, None]) & (number < newest[:, None])
    ones = torch.ones_like(counts[:, :1])
    first, second = (each[:, 0] for each in _neighbours(counts[:, None], ones, pair))
    slot = slots.gather(1, torch.stack([gone, newest, pair], 1))
    return Change(
        source=number + shifts,
        newest=newest,
        pair=pair,
        merges=full & isinstance(rule, Merging),
        share=first / (first + second).clamp(min=1e-9),
        room=torch.where(full, slot[:, 0], slot[:, 1]),
        joint=slot[:, 2],
        overwrites=overwrites,
    )


def _most_alike(entries: BankEntries, new: Float[Tensor, "b n d"]) -> Int[Tensor, "b"]:
    """First of the two neighbours of a full list that are most alike; the new one comes last."""
    newest = entries.tokens[_rows(new), entries.slots[:, -1]]
    to_new = likeness(newest[:, None], new[:, None])
    return torch.cat([entries.alike[:, :-1], to_new.to(entries.alike.dtype)], 1).argmax(1)


def likeness(
    some: Float[Tensor, "b k n d"], others: Float[Tensor, "b k n d"]
) -> Float[Tensor, "b k"]:
    """How much tokens point the same way, on average over an entry's."""
    lengths = torch.linalg.vector_norm(some, dim=-1).clamp(min=1e-8)
    other_lengths = torch.linalg.vector_norm(others, dim=-1).clamp(min=1e-8)
    return ((some * others).sum(-1) / (lengths * other_lengths)).mean(-1)


def taken(
    values: Shaped[Tensor, "b k *rest"], source: Int[Tensor, "b l"]
) -> Shaped[Tensor, "b l *rest"]:
    """Copy some rows of each list, each as a whole."""
    first = _rows(values)[:, None] * values.shape[1]
    rows = values.flatten(0, 1).index_select(0, (first + source).flatten())
    return rows.unflatten(0, source.shape)


def _neighbours(
    old: Float[Tensor, "b f l"], new: Float[Tensor, "b f"], pair: Int[Tensor, "b"]
) -> tuple[Float[Tensor, "b f"], Float[Tensor, "b f"]]:
    """What is told of an entry and of the next; behind the last there is the new one."""
    two = torch.stack([pair, pair + 1], 1)[:, None].expand(-1, old.shape[1], -1)
    first, second = torch.cat([old, new[..., None]], 2).gather(2, two).unbind(2)
    return first, second


def _rows(values: Tensor) -> Int[Tensor, "b"]:
    return torch.arange(len(values), device=values.device)


def _spread(of_episodes: Shaped[Tensor, "b"], like: Tensor) -> Tensor:
    """Add axes behind, as many as another tensor has."""
    return of_episodes.reshape(-1, *(1,) * (like.ndim - 1))
