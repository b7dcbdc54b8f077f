"""W-TinyLFU: newcomers must be wanted more often than whom they would replace."""

import zlib
from collections.abc import Callable

from embodied_mem.config import Config
from embodied_mem.memory.replacement.segments import Segments
from embodied_mem.memory.replacement.sketch import FrequencySketch


class TinyLFUConfig(Config, frozen=True, tag="w_tinylfu"):
    """W-TinyLFU (Einziger et al., arXiv:1512.00727): admission by frequency."""

    window: float = 0.01
    """Share of the capacity for newcomers, at first."""
    adaptive: bool = True
    """Whether the window's share follows what would have hit most often."""
    protected: float = 0.8
    """Share of the main part for what was used again."""
    sample: int = 10
    """Counters are halved after this many uses per object of capacity..."""
    least_sample: int = 1000
    """... but not before so many: of tens of objects, too few uses tell nothing."""


_SHARES = (0.01, 0.25, 0.5, 0.75, 1.0)
"""Windows that are tried; the last is LRU."""
_MODEL_KEYS = 256
"""Largest capacity that is modelled in full, and about the size of the models of larger ones."""
_MARGIN = 0.02
"""By how much of the uses another window must hit more often to be taken."""
_KEPT = 0.9
"""What counts of the past at each choice: about the last ten periods."""


class WindowChoice:
    """Tells which share of the window hits most often, by trying several on keys alone.

    One model of the policy for each share sees the same uses as the policy, and all judge by its
    sketch. Large caches are modelled in small by a fixed part of the keys, chosen by hash
    (Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations", 2017; for
    W-TinyLFU in Einziger et al., "Adaptive Software Cache Management", 2018).
    """

    def __init__(self, config: TinyLFUConfig, capacity: int, sketch: FrequencySketch):
        self.share = self._base = config.window
        """The share that is best now."""
        self._part = max(1, capacity // _MODEL_KEYS)
        small = max(2, capacity // self._part)
        shares = sorted({config.window, *_SHARES})
        self._models = {share: Segments(small, share, config.protected, sketch) for share in shares}
        self._hits = dict.fromkeys(shares, 0.0)
        self._uses = 0.0
        self._period = max(32, 2 * small)
        self._due = self._period

    def note(self, key: str) -> bool:
        """Count a use; return whether another share is best now."""
        if self._part > 1 and zlib.crc32(key.encode()) % self._part:
            return False
        self._uses += 1
        for share, model in self._models.items():
            self._hits[share] += model.use(key)
            if len(model) > model.capacity:
                victim = model.victim(_none)
                assert victim is not None
                model.drop(victim)
        self._due -= 1
        return self._due <= 0 and self._choose()

    def _choose(self) -> bool:
        """Take the share that hits clearly more often than the configured one, or else that one."""
        before, self._due = self.share, self._period
        margin = _MARGIN * self._uses
        best = max(self._hits, key=lambda share: self._hits[share])
        if self._hits[best] <= self._hits[self._base] + margin:
            self.share = self._base
        elif self._hits[best] > self._hits[before] + margin:
            self.share = best
        self._uses *= _KEPT
        for share in self._hits:
            self._hits[share] *= _KEPT
        return self.share != before


def _none(_: str) -> bool:
    return False


class TinyLFU:
    """W-TinyLFU, with a window that finds its size."""

    def __init__(self, config: TinyLFUConfig, capacity: int):
        self._sketch = FrequencySketch(max(config.least_sample, config.sample * capacity))
        self._segments = Segments(capacity, config.window, config.protected, self._sketch)
        adapts = config.adaptive and capacity > 2
        self._choice = WindowChoice(config, capacity, self._sketch) if adapts else None

    def __len__(self) -> int:
        return len(self._segments)

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Count a use; newcomers enter the window, a use on probation protects."""
        self._sketch.add(key)
        self._segments.use(key)
        if self._choice is not None and self._choice.note(key):
            self._segments.resize(self._choice.share)

    def drop(self, key: str) -> None:
        """Forget a key; only the sketch still counts its uses, until they are halved away."""
        self._segments.drop(key)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Let the window's oldest and the main part's victim compete; the rarer one goes."""
        return self._segments.victim(pinned)
