"""A bounded bank of features of earlier frames, and how new features read it.

MAMBA (Sun et al., AAAI 2021; arXiv:2401.09923) keeps features of object proposals of a whole video.
What is written first fills the bank; when it is full, each new row takes the place of a random one,
whatever frame that is from, so that old rows survive for a while by chance: of a bank of N rows
that takes n a frame, half of a frame's rows are left after about ln 2 * N / n frames. A read
attends to a random part of the bank, the light key set, which costs less.

The published code lets a bank grow beyond its size, and an update without features empties it; here
a bank never holds more than its capacity, and an update without features changes nothing.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from embodied_mem.errors import ConfigError


class FeatureBank:
    """At most `capacity` rows of features; storage is allocated once."""

    def __init__(
        self, capacity: int, width: int, *, seed: int = 0, device: str | torch.device = "cpu"
    ):
        self._rows = torch.zeros(capacity, width, device=device)
        self._seed = seed
        self._chance = torch.Generator()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and begin chance anew."""
        self._count = 0
        self._chance.manual_seed(self._seed)

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Float[Tensor, "t d"]:
        """What is kept, in no order."""
        return self._rows[: self._count]

    def write(self, features: Float[Tensor, "n d"]) -> None:
        """Take in features: into free rows first, then in place of random ones."""
        capacity = len(self._rows)
        features = features[:capacity].to(self._rows)
        free = min(len(features), capacity - self._count)
        self._rows[self._count : self._count + free] = features[:free]
        rest = features[free:]
        if len(rest):
            # Rows of this very write stay: what is new is the least likely to be there already.
            places = torch.randperm(self._count, generator=self._chance)[: len(rest)]
            self._rows[places.to(self._rows.device)] = rest
        self._count += free

    def draw(self, most: int) -> Float[Tensor, "k d"]:
        """Return random rows, each at most once; all of them where there are no more."""
        if self._count <= most:
            return self.rows
        places = torch.randperm(self._count, generator=self._chance)[:most]
        return self._rows[places.to(self._rows.device)]


@runtime_checkable
class Reader(Protocol):
    """Makes features clearer by what they are like in the bank."""

    def __call__(
        self, features: Float[Tensor, "n d"], keys: Float[Tensor, "k d"]
    ) -> Float[Tensor, "n d"]:
        """Return the features with what was read; `keys` has at least one row."""
        ...


class AlikeReader:
    """Averages rows by the cosine with a feature, and mixes the average in: no weights."""

    def __init__(self, sharpness: float, share: float):
        self.sharpness, self.share = sharpness, share

    def __call__(
        self, features: Float[Tensor, "n d"], keys: Float[Tensor, "k d"]
    ) -> Float[Tensor, "n d"]:
        """Return (1 - share) x + share softmax(sharpness cos(x, K)) K."""
        unit = nn.functional.normalize(features, dim=1)
        alike = unit @ nn.functional.normalize(keys, dim=1).T  # (n, k)
        read = torch.softmax(self.sharpness * alike, dim=1) @ keys
        return torch.lerp(features, read, self.share)


class TrainedReader(nn.Module):
    """MAMBA's aggregation: scaled dot-product attention in heads, added."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ConfigError(f"{width} features cannot be divided into {heads} heads.")
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self, features: Float[Tensor, "n d"], keys: Float[Tensor, "k d"]
    ) -> Float[Tensor, "n d"]:
        """Return x + W_o softmax(W_q x (W_k K)^T / sqrt(d / heads)) W_v K."""
        query, key = self._split(self.query(features)), self._split(self.key(keys))
        weights = torch.softmax(query @ key.mT / math.sqrt(query.shape[-1]), dim=-1)  # (h, n, k)
        read = weights @ self._split(self.value(keys))  # (h, n, d / h)
        return features + self.out(read.movedim(0, 1).flatten(1))

    def _split(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "h n e"]:
        return rows.unflatten(1, (self.heads, -1)).movedim(1, 0)
