"""Perceptual-cognitive memory bank of a policy (MemoryVLA, arXiv:2508.19236, section 3.2).

Two streams of tokens, what is seen and what it means, each with its own bank: bounded lists of
tokens with the time of their making. Current tokens look for what matters now (cross-attention,
time on the keys alone), what they find is mixed in through a gate, and the current tokens are
written. A full bank merges the two neighbours that are most alike.

Other than in the published code, gradients flow into what is stored (`memory_grad`), merged tokens
weigh as much as the frames that they stand for, times are steps of the environment, and episodes
come in batches, each begun anew on its own.

Axes: b episodes, t steps, q steps asked about, s steps written, l entries, n tokens, d width.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.bank_reading import (
    Gate,
    Projected,
    Reading,
    Retrieval,
    TimeEncoding,
    WholeReading,
)
from embodied_mem.memory.consolidation import (
    BankEntries,
    Change,
    Forgetting,
    ForgettingByPlace,
    Merging,
    Rule,
    planned,
    taken,
)
from embodied_mem.memory.written_episodes import coefficients


class PerPlace(Config, frozen=True, tag="per_place"):
    """Each place has an equal share of a bank, and forgets its own oldest entry."""

    places: int
    """How many there are, numbered from 0."""


Consolidation = Literal["merge", "fifo"] | PerPlace


class BankConfig(Config, frozen=True, tag="bank"):
    """How a policy remembers."""

    capacity: int = 16
    """Entries of each stream and episode."""
    layers: int = 2
    """Rounds of looking into the bank."""
    heads: int = 1
    """Attention heads; they must divide the widths of the streams. One compares whole tokens."""
    reading: Reading = WholeReading()
    """How entries are looked through."""
    time_encoding: bool = True
    """Whether keys tell when they were written."""
    fusion: Literal["gate", "add"] = "gate"
    """How what was found is mixed with what is seen."""
    consolidation: Consolidation = "merge"
    """What a full bank does: merge the most similar neighbours, or forget the oldest entry, of all
    or of the same place."""
    memory_grad: Literal["bptt", "detach"] = "bptt"
    """Whether what is stored learns from what it is used for later. An encoder that is trained from
    scratch needs it; `detach` is as published."""

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.layers < 1 or self.heads < 1:
            raise ConfigError(
                "a bank needs 1 or more entries, layers and heads, "
                f"got {self.capacity}, {self.layers} and {self.heads}."
            )
        if isinstance(self.consolidation, PerPlace):
            places = self.consolidation.places
            if not 1 <= places <= self.capacity:
                raise ConfigError(
                    f"a bank of {self.capacity} entries can be shared by 1 to as many places, "
                    f"got {places}."
                )

    def rule(self) -> Rule:
        """What makes room in a full bank."""
        match self.consolidation:
            case "merge":
                return Merging()
            case "fifo":
                return Forgetting()
            case PerPlace(places=places):
                return ForgettingByPlace(share=self.capacity // places)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """What a batch of episodes remembers of one stream.

    Keys and values are those of the weights that it was written with.
    """

    entries: BankEntries
    projected: tuple[Projected, ...]
    """What each round of looking finds them by."""

    def cleared(self, episodes: Bool[Tensor, "b"]) -> "StreamState":
        """Forget all of some episodes."""
        if not episodes.any():  # Nearly always; large banks need not be copied then.
            return self
        return StreamState(
            entries=self.entries.cleared(episodes),
            projected=tuple(each.cleared(episodes) for each in self.projected),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BankState:
    """What a batch of episodes remembers."""

    perceptual: StreamState
    cognitive: StreamState


class CognitiveBank(nn.Module):
    """Both streams.

    Args:
        perceptual: Width of a perceptual token.
        cognitive: Width of a cognitive token.
        config: How it remembers.
    """

    def __init__(self, *, perceptual: int, cognitive: int, config: BankConfig) -> None:
        super().__init__()
        self.perceptual = StreamBank(perceptual, config)
        self.cognitive = StreamBank(cognitive, config)

    def initial(
        self, perceptual: Float[Tensor, "b n d"], cognitive: Float[Tensor, "b m e"]
    ) -> BankState:
        """Return the memory of episodes that begin, for tokens like these."""
        return BankState(
            perceptual=self.perceptual.initial(perceptual),
            cognitive=self.cognitive.initial(cognitive),
        )

    def step(
        self,
        state: BankState,
        perceptual: Float[Tensor, "b n d"],
        cognitive: Float[Tensor, "b m e"],
        *,
        times: Float[Tensor, "b"],
        begins: Bool[Tensor, "b"],
        places: Float[Tensor, "b"] | None = None,
        overwrites: bool = False,
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b m e"], BankState]:
        """Look into the memory, then write.

        Args:
            state: The memory so far.
            perceptual: Tokens of the current frame.
            cognitive: Tokens of what it means.
            times: Steps of the environment since each episode began.
            begins: Which episodes begin now; they remember nothing.
            places: Number of the place where each is; None: there is one.
            overwrites: Whether the memory so far is written over, and must not be used again. A
                large bank spends most of its time on copies of itself otherwise. Only where no
                gradients are recorded.

        Returns:
            Both kinds of tokens with what was found mixed in, and the memory for the next step.
        """
        now = (times, begins, places)
        seen, first = self.perceptual.step(
            state.perceptual, perceptual, *now, overwrites=overwrites
        )
        meant, second = self.cognitive.step(state.cognitive, cognitive, *now, overwrites=overwrites)
        return seen, meant, BankState(perceptual=first, cognitive=second)

    def sequence(
        self,
        perceptual: Float[Tensor, "b t n d"],
        cognitive: Float[Tensor, "b t m e"],
        times: Float[Tensor, "b t"],
        asked: Int[Tensor, "b q"] | None = None,
        places: Float[Tensor, "b t"] | None = None,
    ) -> tuple[Float[Tensor, "b q n d"], Float[Tensor, "b q m e"]]:
        """Do what `step` does for each step of whole episodes, all at once.

        Episodes may be padded at their ends: no step depends on later ones.

        Args:
            perceptual: Tokens of each frame.
            cognitive: Tokens of what it means.
            times: Steps of the environment since each episode began.
            asked: Which steps to answer for; the others are written only. None: all.
            places: Number of the place of each step; None: there is one.
        """
        return (
            self.perceptual.sequence(perceptual, times, asked, places),
            self.cognitive.sequence(cognitive, times, asked, places),
        )


class StreamBank(nn.Module):
    """One stream.

    Args:
        width: Of a token.
        config: How it remembers.
    """

    def __init__(self, width: int, config: BankConfig) -> None:
        super().__init__()
        if width % config.heads:
            raise ConfigError(
                f"{config.heads} heads of attention must divide the tokens' width, got {width}."
            )
        self._config, self._rule = config, config.rule()
        self.time = TimeEncoding(width) if config.time_encoding else None
        self.rounds = nn.ModuleList(
            Retrieval(width, config.heads, config.reading) for _ in range(config.layers)
        )
        self.gate = Gate(width) if config.fusion == "gate" else None

    def initial(self, tokens: Float[Tensor, "b n d"]) -> StreamState:
        """Return an empty memory for tokens like these."""
        batch, count, width = tokens.shape
        slots = self._config.capacity
        nothing = tokens.new_zeros(batch, slots + 1, count, width)
        return StreamState(
            entries=BankEntries.nothing(tokens, slots),
            projected=tuple(
                Projected(keys=nothing.clone(), values=nothing.clone()) for _ in self._rounds()
            ),
        )

    def step(
        self,
        state: StreamState,
        tokens: Float[Tensor, "b n d"],
        times: Float[Tensor, "b"],
        begins: Bool[Tensor, "b"],
        places: Float[Tensor, "b"] | None = None,
        *,
        overwrites: bool = False,
    ) -> tuple[Float[Tensor, "b n d"], StreamState]:
        """Look into the bank, then write; see `CognitiveBank.step`."""
        state = state.cleared(begins)
        fused = self._mixed(tokens, *self._looked_at(state))
        stored = self._stored(tokens)
        change = planned(state.entries, stored, self._rule, places, overwrites=overwrites)
        entries = change.applied(state.entries, stored, times, places)
        return fused, StreamState(
            entries=entries, projected=self._following(state.projected, change, entries)
        )

    def projected(self, entries: BankEntries) -> tuple[Projected, ...]:
        """Make anew what is kept of entries, for each round of looking."""
        return self._projected(entries.tokens, entries.by_slot(entries.times))

    def sequence(
        self,
        tokens: Float[Tensor, "b t n d"],
        times: Float[Tensor, "b t"],
        asked: Int[Tensor, "b q"] | None = None,
        places: Float[Tensor, "b t"] | None = None,
    ) -> Float[Tensor, "b q n d"]:
        """Do what `step` does for each step of whole episodes, or for those asked about.

        What is merged is found first, step by step but without the network. Then each bank at each
        step is a weighted sum of the tokens written before it, and all of them are read at once.
        """
        batch, steps = times.shape
        if asked is None:
            asked = torch.arange(steps, device=times.device).expand(batch, -1)
        row = torch.arange(batch, device=times.device)[:, None]
        filled = max(1, min(self._config.capacity, steps - 1))  # Slots that any step can have used.
        with torch.autocast(tokens.device.type, enabled=False):  # Times and weights stay exact.
            past, when = coefficients(
                tokens, times, asked, self._config.capacity, self._rule, places
            )
        past, when = past[:, :, :filled], when[:, :, :filled]  # (b, q, l, s), (b, q, l)
        stored = torch.einsum("bqls,bsnd->bqlnd", past.to(tokens.dtype), self._stored(tokens))
        fused = self._mixed(
            tokens[row, asked].flatten(0, 1),
            self._projected(stored.flatten(0, 1), when.flatten(0, 1)),
            (past > 0).any(-1).flatten(0, 1),
        )
        return fused.unflatten(0, asked.shape)

    def _stored(self, tokens: Tensor) -> Tensor:
        return tokens.detach() if self._config.memory_grad == "detach" else tokens

    def _rounds(self) -> list[Retrieval]:
        return [layer for layer in self.rounds if isinstance(layer, Retrieval)]

    def _keys(
        self, stored: Float[Tensor, "b l n d"], times: Float[Tensor, "b l"]
    ) -> Float[Tensor, "b l n d"]:
        """What entries are known by: their tokens, and when they were written."""
        return stored if self.time is None else stored + self.time(times)[:, :, None].to(stored)

    def _projected(
        self, stored: Float[Tensor, "b l n d"], times: Float[Tensor, "b l"]
    ) -> tuple[Projected, ...]:
        keys = self._keys(stored, times)
        return tuple(Projected.of(*layer.project(keys, stored)) for layer in self._rounds())

    def _looked_at(
        self, state: StreamState
    ) -> tuple[tuple[Projected, ...], Bool[Tensor, "b l"] | None]:
        """What is kept of entries, in order if that counts; and which are used, if not all are."""
        entries, used = state.entries, state.entries.counts > 0
        full = bool(used.all())
        if isinstance(self._config.reading, WholeReading):
            return state.projected, None if full else entries.by_slot(used)
        kept = tuple(each.taken(entries.slots) for each in state.projected)
        return kept, None if full else used

    def _following(
        self, projected: tuple[Projected, ...], change: Change, entries: BankEntries
    ) -> tuple[Projected, ...]:
        """Bring what is kept of entries up to date after a write."""
        slots = change.touched()
        stored = taken(entries.tokens, slots)
        keys = self._keys(stored, taken(entries.by_slot(entries.times), slots))
        return tuple(
            kept.following(slots, *layer.project(keys, stored), overwrites=change.overwrites)
            for layer, kept in zip(self._rounds(), projected, strict=True)
        )

    def _mixed(
        self,
        tokens: Float[Tensor, "b n d"],
        projected: tuple[Projected, ...],
        used: Bool[Tensor, "b l"] | None,
    ) -> Float[Tensor, "b n d"]:
        """Mix in what was found; where nothing is stored, tokens stay exactly as they are."""
        empty = None if used is None else ~used.any(1, keepdim=True)  # (b, 1)
        looked_at = None if used is None or empty is None else used | empty
        found = tokens
        for layer, kept in zip(self._rounds(), projected, strict=True):
            found = layer.look(found, kept, looked_at)
        fused = (tokens + found) / 2 if self.gate is None else self.gate(tokens, found)
        fused = fused.to(tokens.dtype)
        return fused if empty is None else torch.where(empty[:, :, None], tokens, fused)
