"""Looking into a cognitive bank: a frame's tokens attend to keys and values of its entries.

Keys and values say nothing of who looks, or when. So a bank at work makes them once, when an entry
is written or merged, and keeps them: see `Projected`.

Axes: b episodes, l entries, k entries and nothing, n, m tokens of an entry, d width, h heads, e
width of a head.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.chunked_reading import read_chunks
from embodied_mem.memory.consolidation import taken
from embodied_mem.memory.lone_attention import attend, suits


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """Keys and values of all entries, for one round of looking.

    Before them there is an entry of zeros. Its last token is among what is looked at: what fits
    nothing finds nothing.
    """

    keys: Float[Tensor, "b k n d"]
    values: Float[Tensor, "b k n d"]

    @staticmethod
    def of(keys: Float[Tensor, "b l n d"], values: Float[Tensor, "b l n d"]) -> "Projected":
        """Put nothing before entries."""
        with_nothing = (0, 0, 0, 0, 1, 0)
        return Projected(
            keys=nn.functional.pad(keys, with_nothing),
            values=nn.functional.pad(values, with_nothing),
        )

    def cleared(self, episodes: Bool[Tensor, "b"]) -> "Projected":
        """Forget the entries of some episodes."""
        kept = ~episodes[:, None, None, None]
        return Projected(
            keys=torch.where(kept, self.keys, 0.0), values=torch.where(kept, self.values, 0.0)
        )

    def following(
        self,
        slots: Int[Tensor, "b c"],
        keys: Float[Tensor, "b c n d"],
        values: Float[Tensor, "b c n d"],
        *,
        overwrites: bool,
    ) -> "Projected":
        """Go along with a write; those of the c slots that it touched are given."""
        after = self
        if not overwrites:
            after = Projected(keys=self.keys.clone(), values=self.values.clone())
        row = torch.arange(len(keys), device=keys.device)[:, None]
        # The same slot may be given twice. One after the other, only the last gets its gradients.
        for each in (slice(None),) if overwrites else (slice(0, 1), slice(1, None)):
            after.keys[row, slots[:, each] + 1] = keys[:, each].to(after.keys.dtype)
            after.values[row, slots[:, each] + 1] = values[:, each].to(after.values.dtype)
        return after

    def taken(self, slots: Int[Tensor, "b l"]) -> "Projected":
        """Copy entries in another order."""
        return Projected.of(taken(self.keys, slots + 1), taken(self.values, slots + 1))


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
        return self.look(tokens, Projected.of(*self.project(keys, values)), used)

    def project(
        self, keys: Float[Tensor, "*b d"], values: Float[Tensor, "*b d"]
    ) -> tuple[Float[Tensor, "*b d"], Float[Tensor, "*b d"]]:
        """Say what tokens are found by, and what is found of them."""
        return self.key(keys), self.value(values)

    def look(
        self, tokens: Float[Tensor, "b n d"], bank: Projected, used: Bool[Tensor, "b l"] | None
    ) -> Float[Tensor, "b n d"]:
        """Do the same, given what is kept of the entries; None: all of them are used."""
        query = self.query(tokens)
        match self._reading:
            case WholeReading():
                found = self._whole(query, bank, used)
            case ChunkedReading(entries=entries, top=top):
                if used is None:
                    used = bank.keys.new_ones(bank.keys[:, 1:, 0, 0].shape, dtype=torch.bool)
                found = read_chunks(
                    query, bank.keys[:, 1:], bank.values[:, 1:], used,
                    entries=entries, top=top, heads=self._heads,
                )  # fmt: skip
        tokens = self.first(tokens + found)
        return self.second(tokens + self.network(tokens))

    def _whole(
        self, query: Float[Tensor, "b n d"], bank: Projected, used: Bool[Tensor, "b l"] | None
    ) -> Float[Tensor, "b n d"]:
        count = bank.keys.shape[2]
        keys, values = (x.flatten(1, 2)[:, count - 1 :] for x in (bank.keys, bank.values))
        mask = None
        if used is not None:
            mask = nn.functional.pad(used.repeat_interleave(count, 1), (1, 0), value=True)
        if suits(query, keys.shape[1], self._heads):
            return attend(query[0], keys[0], values[0], None if mask is None else mask[0])[None]
        found = nn.functional.scaled_dot_product_attention(
            self._parted(query),
            self._parted(keys),
            self._parted(values),
            attn_mask=None if mask is None else mask[:, None, None],  # (b, 1, 1, 1 + l m)
        )
        return found.transpose(1, 2).flatten(2)

    def _parted(self, x: Float[Tensor, "b m d"]) -> Float[Tensor, "b h m e"]:
        return x.unflatten(-1, (self._heads, -1)).transpose(1, 2)


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
