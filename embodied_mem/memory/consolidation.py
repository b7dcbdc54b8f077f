"""Writing into the bounded list of a cognitive bank: what a full one merges or forgets.

A write is a linear map: the entries after it are those before it and the new one, two of them as
one. The same map is applied to tokens (step by step) and to weights of frames (whole episodes).

Tokens stay in their slots while the list shifts. A write touches the slots of the new entry and of
a merged one; what else is kept of entries has to be made anew for these alone.

Axes: b episodes, t steps, s steps written, l entries, k rows, n tokens, d width.
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
        entries = _written(tokens[:, : free - 1], times, where, capacity)
        for step in range(free, steps):
            seen, here = tokens[:, step - 1], where[:, step - 1]
            change = planned(entries, seen, rule, here, overwrites=True)
            new = torch.zeros(batch, steps, device=tokens.device, dtype=times.dtype)
            new[:, step - 1] = 1
            held = past[:, step] = change.means(held, new)
            entries = change.applied(entries, seen, times[:, step - 1], here)
    return past, torch.einsum("btls,bs->btl", past, times)


def _written(
    tokens: Float[Tensor, "b s n d"],
    times: Float[Tensor, "b t"],
    places: Float[Tensor, "b t"],
    capacity: int,
) -> BankEntries:
    """The first steps as a list, each an entry."""
    count = tokens.shape[1]
    entries = BankEntries.nothing(tokens[:, 0], capacity)
    known = torch.arange(capacity, device=tokens.device) < count
    entries.tokens[:, :count] = tokens
    shape = (0, capacity - count)
    alike = _likeness(tokens[:, :-1], tokens[:, 1:])
    return BankEntries(
        tokens=entries.tokens,
        slots=entries.slots,
        times=torch.nn.functional.pad(times[:, :count], shape),
        counts=known.to(times.dtype).repeat(len(times), 1),
        places=torch.nn.functional.pad(places[:, :count], shape),
        alike=torch.nn.functional.pad(alike, (0, capacity - count + 1)),
    )


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
        return BankEntries(
            tokens=stored,
            slots=slots,
            times=self.means(entries.times, times),
            counts=self._sums(entries.counts, torch.ones_like(times)),
            places=self._last(entries.places, where),
            alike=self._alike(entries.alike, stored, slots),
        )

    def touched(self) -> tuple[Int[Tensor, "b"], ...]:
        """Slots that hold something else than before; the last ones count where they agree."""
        return torch.where(self.merges, self.joint, self.room), self.room

    def means(
        self, old: Float[Tensor, "b l *rest"], new: Float[Tensor, "b *rest"]
    ) -> Float[Tensor, "b l *rest"]:
        """Apply it to what is averaged."""
        return self._with(old, new, self._mean(*_neighbours(old, new, self.pair)))

    def _sums(self, old: Float[Tensor, "b l"], new: Float[Tensor, "b"]) -> Float[Tensor, "b l"]:
        first, second = _neighbours(old, new, self.pair)
        return self._with(old, new, first + second)

    def _last(self, old: Float[Tensor, "b l"], new: Float[Tensor, "b"]) -> Float[Tensor, "b l"]:
        """Where the later of two tells for both."""
        return self._with(old, new, _neighbours(old, new, self.pair)[1])

    def _mean(
        self, first: Float[Tensor, "b *rest"], second: Float[Tensor, "b *rest"]
    ) -> Float[Tensor, "b *rest"]:
        share = _spread(self.share, first).to(first.dtype)
        return share * first + (1 - share) * second

    def _shifted(
        self, old: Shaped[Tensor, "b l *rest"], new: Shaped[Tensor, "b *rest"]
    ) -> Shaped[Tensor, "b l *rest"]:
        after = taken(old, self.source)
        after[_rows(old), self.newest] = new.to(after.dtype)
        return after

    def _with(
        self,
        old: Float[Tensor, "b l *rest"],
        new: Float[Tensor, "b *rest"],
        merged: Float[Tensor, "b *rest"],
    ) -> Float[Tensor, "b l *rest"]:
        after = self._shifted(old, new)
        return _put(after, self.pair, merged, self.merges)

    def _stored(
        self, entries: BankEntries, new: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b l n d"]:
        """Tokens by slot; only two slots change."""
        old, last = entries.tokens, entries.slots.shape[1] - 1
        row = _rows(old)
        next_one = old[row, entries.slots[row, (self.pair + 1).clamp(max=last)]]
        second = torch.where(_spread(self.pair == last, new), new.to(old.dtype), next_one)
        merged = self._mean(old[row, self.joint], second)
        after = old if self.overwrites else old.clone()
        after[row, self.room] = new.to(old.dtype)
        return _put(after, self.joint, merged, self.merges)

    @torch.no_grad()
    def _alike(
        self,
        old: Float[Tensor, "b l"],
        stored: Float[Tensor, "b l n d"],
        slots: Int[Tensor, "b l"],
    ) -> Float[Tensor, "b l"]:
        """Compare those that have another neighbour than before: at most three."""
        after, last = taken(old, self.source), old.shape[1] - 1
        changed = torch.stack([self.pair - 1, self.pair, self.newest - 1], 1).clamp(0, last)
        row = _rows(old)[:, None]
        first, second = slots[row, changed], slots[row, (changed + 1).clamp(max=last)]
        after[row, changed] = _likeness(stored[row, first], stored[row, second]).to(after.dtype)
        return after


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
    row, last = _rows(counts), counts.shape[1] - 1
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
    first, second = _neighbours(counts, torch.ones_like(counts[:, 0]), pair)
    return Change(
        source=number + shifts,
        newest=newest,
        pair=pair,
        merges=full & isinstance(rule, Merging),
        share=first / (first + second).clamp(min=1e-9),
        room=torch.where(full, slots[row, gone], slots[row, newest]),
        joint=slots[row, pair],
        overwrites=overwrites,
    )


def _most_alike(entries: BankEntries, new: Float[Tensor, "b n d"]) -> Int[Tensor, "b"]:
    """First of the two neighbours of a full list that are most alike; the new one comes last."""
    newest = entries.tokens[_rows(new), entries.slots[:, -1]]
    to_new = _likeness(newest[:, None], new[:, None])
    return torch.cat([entries.alike[:, :-1], to_new.to(entries.alike.dtype)], 1).argmax(1)


def _likeness(
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
    old: Float[Tensor, "b l *rest"], new: Float[Tensor, "b *rest"], pair: Int[Tensor, "b"]
) -> tuple[Float[Tensor, "b *rest"], Float[Tensor, "b *rest"]]:
    """An entry of each list and the next; behind the last there is the new one."""
    row, last = _rows(old), old.shape[1] - 1
    next_one = old[row, (pair + 1).clamp(max=last)]
    return old[row, pair], torch.where(_spread(pair == last, new), new.to(old.dtype), next_one)


def _put(
    values: Float[Tensor, "b l *rest"],
    where: Int[Tensor, "b"],
    new: Float[Tensor, "b *rest"],
    wanted: Bool[Tensor, "b"],
) -> Float[Tensor, "b l *rest"]:
    """Write a row of each list, where it is wanted."""
    row = _rows(values)
    values[row, where] = torch.where(_spread(wanted, new), new, values[row, where])
    return values


def _rows(values: Tensor) -> Int[Tensor, "b"]:
    return torch.arange(len(values), device=values.device)


def _spread(of_episodes: Shaped[Tensor, "b"], like: Tensor) -> Tensor:
    """Add axes behind, as many as another tensor has."""
    return of_episodes.reshape(-1, *(1,) * (like.ndim - 1))
