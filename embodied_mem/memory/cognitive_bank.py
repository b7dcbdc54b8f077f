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

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.chunked_reading import read_chunks
from embodied_mem.memory.consolidation import (
    BankEntries,
    Forgetting,
    ForgettingByPlace,
    Merging,
    Rule,
    append,
    coefficients,
)


class WholeReading(Config, frozen=True, tag="whole"):
    """Attention over all entries at once (MemoryVLA)."""


class ChunkedReading(Config, frozen=True, tag="chunks"):
    """Which stretches of time matter, then what in them (HCAM); see `chunked_reading`."""

    entries: int = 8
    """Consecutive entries of a chunk."""
    top: int = 2
    """Chunks that are looked into."""

    def __post_init__(self) -> None:
        if self.entries < 1 or self.top < 1:
            raise ConfigError(
                "reading by chunks needs 1 or more entries to a chunk, and 1 or more chunks, "
                f"got {self.entries} and {self.top}."
            )


Reading = WholeReading | ChunkedReading


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
class BankState:
    """What a batch of episodes remembers."""

    perceptual: BankEntries
    cognitive: BankEntries


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
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b m e"], BankState]:
        """Look into the memory, then write.

        Args:
            state: The memory so far.
            perceptual: Tokens of the current frame.
            cognitive: Tokens of what it means.
            times: Steps of the environment since each episode began.
            begins: Which episodes begin now; they remember nothing.
            places: Number of the place where each is; None: there is one.

        Returns:
            Both kinds of tokens with what was found mixed in, and the memory for the next step.
        """
        seen, first = self.perceptual.step(state.perceptual, perceptual, times, begins, places)
        meant, second = self.cognitive.step(state.cognitive, cognitive, times, begins, places)
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

    def initial(self, tokens: Float[Tensor, "b n d"]) -> BankEntries:
        """Return empty entries for tokens like these."""
        batch, count, width = tokens.shape
        slots = self._config.capacity
        return BankEntries(
            tokens=tokens.new_zeros(batch, slots, count, width),
            times=torch.zeros(batch, slots, device=tokens.device),
            counts=torch.zeros(batch, slots, device=tokens.device),
            places=torch.zeros(batch, slots, device=tokens.device),
        )

    def step(
        self,
        entries: BankEntries,
        tokens: Float[Tensor, "b n d"],
        times: Float[Tensor, "b"],
        begins: Bool[Tensor, "b"],
        places: Float[Tensor, "b"] | None = None,
    ) -> tuple[Float[Tensor, "b n d"], BankEntries]:
        """Look into the bank, then write."""
        entries = entries.cleared(begins)
        fused = self._read(tokens, entries.tokens, entries.times, entries.counts > 0)
        written = append(entries, self._stored(tokens), times, self._rule, places)
        return fused, written

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
            past, when = coefficients(tokens, times, self._config.capacity, self._rule, places)
        past, when = past[row, asked, :filled], when[row, asked, :filled]  # (b, q, l, s), (b, q, l)
        stored = torch.einsum("bqls,bsnd->bqlnd", past.to(tokens.dtype), self._stored(tokens))
        fused = self._read(
            tokens[row, asked].flatten(0, 1),
            stored.flatten(0, 1),
            when.flatten(0, 1),
            (past > 0).any(-1).flatten(0, 1),
        )
        return fused.unflatten(0, asked.shape)

    def _stored(self, tokens: Tensor) -> Tensor:
        return tokens.detach() if self._config.memory_grad == "detach" else tokens

    def _read(
        self,
        tokens: Float[Tensor, "b n d"],
        stored: Float[Tensor, "b l n d"],
        times: Float[Tensor, "b l"],
        used: Bool[Tensor, "b l"],
    ) -> Float[Tensor, "b n d"]:
        """Mix in what was found; where nothing is stored, tokens stay exactly as they are."""
        keys = stored if self.time is None else stored + self.time(times)[:, :, None].to(stored)
        empty = ~used.any(1, keepdim=True)  # (b, 1)
        found = tokens
        for layer in self.rounds:
            found = layer(found, keys, stored, used | empty)
        fused = (tokens + found) / 2 if self.gate is None else self.gate(tokens, found)
        return torch.where(empty[:, :, None], tokens, fused.to(tokens.dtype))


class TimeEncoding(nn.Module):
    """Sinusoids of a time, through a small network (MemoryVLA).

    Args:
        width: Of what comes out.
        waves: Sines and cosines together.
    """

    frequencies: Tensor

    def __init__(self, width: int, waves: int = 64) -> None:
        super().__init__()
        steps = torch.arange(waves // 2) / (waves // 2)
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * steps), persistent=False)
        last = nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(waves, width), nn.SiLU(), last)
        nn.init.zeros_(last.weight)  # At first, what is alike is found whenever it was.
        nn.init.zeros_(last.bias)

    def forward(self, times: Float[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """Encode times [steps]."""
        angles = times[..., None].to(self.frequencies) * self.frequencies
        return self.network(torch.cat([angles.cos(), angles.sin()], -1))


class Retrieval(nn.Module):
    """One round of looking into a bank: cross-attention, then a network, each normalised after.

    Keys and queries begin as the same rotation, so that tokens find what is like them before
    anything was learnt: a cue and what it decides on meet by chance too rarely to begin with. What
    fits nothing finds nothing: an entry of zeros is always among the keys and values.
    """

    def __init__(self, width: int, heads: int, reading: Reading | None = None) -> None:
        super().__init__()
        self._heads, self._reading = heads, reading or WholeReading()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        nn.init.orthogonal_(self.query.weight)
        self.key.weight.data.copy_(self.query.weight)
        for layer in (self.query, self.key):
            nn.init.zeros_(layer.bias)
        self.value = nn.Linear(width, width)
        self.first = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.second = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "b n d"],
        keys: Float[Tensor, "b l m d"],
        values: Float[Tensor, "b l m d"],
        used: Bool[Tensor, "b l"],
    ) -> Float[Tensor, "b n d"]:
        """Look for what the tokens need; every episode must use some entry."""
        q, k, v = self.query(tokens), self.key(keys), self.value(values)
        match self._reading:
            case WholeReading():
                found = self._whole(q, k, v, used)
            case ChunkedReading(entries=entries, top=top):
                found = read_chunks(q, k, v, used, entries=entries, top=top, heads=self._heads)
        tokens = self.first(tokens + found)
        return self.second(tokens + self.network(tokens))

    def _whole(
        self,
        q: Float[Tensor, "b n d"],
        k: Float[Tensor, "b l m d"],
        v: Float[Tensor, "b l m d"],
        used: Bool[Tensor, "b l"],
    ) -> Float[Tensor, "b n d"]:
        nothing = torch.zeros_like(k[:, 0, :1])
        mask = used.repeat_interleave(k.shape[2], 1)
        mask = nn.functional.pad(mask, (1, 0), value=True)[:, None, None]  # (b, 1, 1, 1 + l m)
        found = nn.functional.scaled_dot_product_attention(
            self._parted(q),
            self._parted(torch.cat([nothing, k.flatten(1, 2)], 1)),
            self._parted(torch.cat([nothing, v.flatten(1, 2)], 1)),
            attn_mask=mask,
        )
        return found.transpose(1, 2).flatten(2)

    def _parted(self, x: Float[Tensor, "b m d"]) -> Float[Tensor, "b h m e"]:
        return x.unflatten(-1, (self._heads, -1)).transpose(1, 2)


class Gate(nn.Module):
    """How much of each channel stays as seen; the rest is what was found. Half of it at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.share = nn.Linear(2 * width, width)
        nn.init.normal_(self.share.weight, std=1e-3)
        nn.init.normal_(self.share.bias, std=1e-3)

    def forward(
        self, seen: Float[Tensor, "b n d"], found: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b n d"]:
        """Mix."""
        share = self.share(torch.cat([seen, found], -1)).sigmoid()
        return share * seen + (1 - share) * found
