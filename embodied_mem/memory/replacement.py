"""Who is forgotten when the memory is full: policies over object ids."""

import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, assert_never, runtime_checkable

import numpy as np

from embodied_mem.config import Config


class FIFOConfig(Config, frozen=True, tag="fifo"):
    """The oldest goes first, however often it was used."""


class LRUConfig(Config, frozen=True, tag="lru"):
    """The one not seen or asked for longest goes first."""


class TinyLFUConfig(Config, frozen=True, tag="w_tinylfu"):
    """W-TinyLFU (Einziger et al., arXiv:1512.00727): admission by frequency."""

    window: float = 0.01
    """Share of the capacity for newcomers."""
    protected: float = 0.8
    """Share of the main part for what was used again."""
    sample: int = 10
    """Counters are halved after this many uses per object of capacity."""


class DecayConfig(Config, frozen=True, tag="decay"):
    """Ebbinghaus: retention exp(-t / (tau S)); each use adds one to the strength S."""

    tau: float = 300.0
    """Time constant of an object seen once [s]."""


ReplacementConfig = FIFOConfig | LRUConfig | TinyLFUConfig | DecayConfig


@runtime_checkable
class Policy(Protocol):
    """Keeps an order over keys. The owner holds the values and does what it says."""

    def use(self, key: str, stamp: float) -> None:
        """Note that a key was stored, seen or asked for at `stamp` [s]."""
        ...

    def drop(self, key: str) -> None:
        """Forget a key; unknown ones are ignored."""
        ...

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:
        """Choose whom to evict at `stamp` [s]; None where all are pinned."""
        ...


def make_policy(config: ReplacementConfig, capacity: int) -> Policy:
    """Build the policy that a config names, for at most `capacity` keys."""
    match config:
        case FIFOConfig():
            return FIFO()
        case LRUConfig():
            return LRU()
        case TinyLFUConfig():
            return TinyLFU(config, capacity)
        case DecayConfig():
            return Decay(config)
        case _:
            assert_never(config)


def _first_free(keys: "OrderedDict[str, None]", pinned: Callable[[str], bool]) -> str | None:
    return next((key for key in keys if not pinned(key)), None)


class FIFO:
    """First in, first out."""

    def __init__(self):
        self._order: OrderedDict[str, None] = OrderedDict()

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Note a key; only its first use counts."""
        self._order.setdefault(key)

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._order.pop(key, None)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Return the oldest key that is not pinned."""
        return _first_free(self._order, pinned)


class LRU(FIFO):
    """Least recently used."""

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Note a key as the newest."""
        self._order[key] = None
        self._order.move_to_end(key)


class Decay:
    """Forgetting curve: the least retained goes (strength counts uses, as in MemoryBank's text)."""

    def __init__(self, config: DecayConfig):
        self._tau = config.tau
        self._used: dict[str, tuple[float, int]] = {}

    def use(self, key: str, stamp: float) -> None:
        """Strengthen a key and restart its decay."""
        self._used[key] = (stamp, self._used.get(key, (stamp, 0))[1] + 1)

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._used.pop(key, None)

    def retention(self, key: str, stamp: float) -> float:
        """Return exp(-t / (tau S)) of a key at `stamp` [s]."""
        used, strength = self._used[key]
        return float(np.exp(-max(stamp - used, 0.0) / (self._tau * strength)))

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:
        """Return the least retained key that is not pinned."""

        def faded(key: str) -> float:  # Grows as retention falls.
            used, strength = self._used[key]
            return (stamp - used) / strength

        return max((key for key in self._used if not pinned(key)), key=faded, default=None)


class FrequencySketch:
    """Count-min sketch of 4-bit counters that are halved now and then, behind a doorkeeper."""

    def __init__(self, capacity: int, sample: int):
        self._width = 1 << max(6, (8 * capacity - 1).bit_length())
        self._door_width = 1 << max(7, (8 * sample * capacity - 1).bit_length())
        self._counts = [bytearray(self._width) for _ in range(4)]
        self._door = bytearray(self._door_width)
        self._uses = 0
        self._limit = max(16, sample * capacity)

    def add(self, key: str) -> None:
        """Count one use. The first since the last halving only passes the doorkeeper."""
        doors = self._doors(key)
        if not all(self._door[door] for door in doors):
            for door in doors:
                self._door[door] = 1
        else:
            cells = self._cells(key)
            least = min(row[cell] for row, cell in zip(self._counts, cells, strict=True))
            for row, cell in zip(self._counts, cells, strict=True):
                if row[cell] == least < 15:  # Conservative: only the smallest counters grow.
                    row[cell] += 1
        self._uses += 1
        if self._uses >= self._limit:
            self._halve()

    def estimate(self, key: str) -> int:
        """Return about how often a key was used lately; never less than it was, up to 15."""
        passed = all(self._door[door] for door in self._doors(key))
        cells = self._cells(key)
        return min(row[cell] for row, cell in zip(self._counts, cells, strict=True)) + passed

    def _halve(self) -> None:
        for row in self._counts:
            np.frombuffer(row, np.uint8)[:] >>= 1
        self._door = bytearray(self._door_width)
        self._uses //= 2

    def _cells(self, key: str) -> list[int]:
        data = key.encode()
        return [zlib.crc32(data, seed) * 0x9E3779B1 >> 7 & self._width - 1 for seed in range(4)]

    def _doors(self, key: str) -> list[int]:
        data, mask = key.encode(), self._door_width - 1
        return [zlib.crc32(data, seed) * 0x85EBCA6B >> 5 & mask for seed in (11, 12, 13)]


class TinyLFU:
    """A small LRU window before a segmented LRU; by frequency, the one admits to the other."""

    def __init__(self, config: TinyLFUConfig, capacity: int):
        self._window: OrderedDict[str, None] = OrderedDict()
        self._probation: OrderedDict[str, None] = OrderedDict()
        self._protected: OrderedDict[str, None] = OrderedDict()
        self._window_size = max(1, round(config.window * capacity))
        self._main_size = max(0, capacity - self._window_size)
        self._protected_size = int(config.protected * self._main_size)
        self._sketch = FrequencySketch(capacity, config.sample)

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Count a use; newcomers enter the window, the second use on probation protects."""
        self._sketch.add(key)
        if key in self._window:
            self._window.move_to_end(key)
        elif key in self._protected:
            self._protected.move_to_end(key)
        elif key in self._probation:
            del self._probation[key]
            self._protected[key] = None
            if len(self._protected) > self._protected_size:
                demoted, _ = self._protected.popitem(last=False)
                self._probation[demoted] = None
        else:
            self._window[key] = None
            main = len(self._probation) + len(self._protected)
            if len(self._window) > self._window_size and main < self._main_size:
                self._admit(next(iter(self._window)))

    def drop(self, key: str) -> None:
        """Forget a key; its frequency stays known."""
        for part in (self._window, self._probation, self._protected):
            part.pop(key, None)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Let the window's oldest and the main part's victim compete; the rarer one goes."""
        free = _first_free(self._probation, pinned) or _first_free(self._protected, pinned)
        while len(self._window) > self._window_size:
            candidate = next(iter(self._window))
            if not pinned(candidate) and free is not None:
                if self._sketch.estimate(candidate) <= self._sketch.estimate(free):
                    return candidate
                self._admit(candidate)
                return free
            self._admit(candidate)
            free = free or (None if pinned(candidate) else candidate)
        return free or _first_free(self._window, pinned)

    def _admit(self, key: str) -> None:
        del self._window[key]
        self._probation[key] = None
