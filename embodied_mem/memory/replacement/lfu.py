"""Least frequently used."""

from collections import OrderedDict
from collections.abc import Callable

from embodied_mem.config import Config
from embodied_mem.memory.replacement.policy import first_free, sparing


class LFUConfig(Config, frozen=True, tag="lfu"):
    """The one used least often since it came goes first; among equals the one used longest ago."""


class LFU:
    """Keys by how often they were used since they came, without ageing.

    One queue for each count, so that a use and a choice cost the same however many keys there are
    (Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme").
    """

    def __init__(self):
        self._counts: dict[str, int] = {}
        self._queues: dict[int, OrderedDict[str, None]] = {}
        self._least = 0
        self._newest: str | None = None

    def __len__(self) -> int:
        return len(self._counts)

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Count a use."""
        before = self._counts.get(key, 0)
        if before:
            self._remove(key, before)
            if self._least == before and before not in self._queues:
                self._least = before + 1
        else:
            self._least = 1
        self._counts[key] = before + 1
        self._queues.setdefault(before + 1, OrderedDict())[key] = None
        self._newest = key

    def drop(self, key: str) -> None:
        """Forget a key and its count."""
        count = self._counts.pop(key, 0)
        if count:
            self._remove(key, count)
            if self._least not in self._queues:
                self._least = min(self._queues, default=0)
        if key == self._newest:
            self._newest = None

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Return the rarest key that is neither pinned nor, if any other can go, the newest."""
        return sparing(self._newest, pinned, self._rarest)

    def _rarest(self, stays: Callable[[str], bool]) -> str | None:
        found = first_free(self._queues.get(self._least, ()), stays)
        if found is not None:
            return found
        order = sorted(self._queues)
        return first_free((key for count in order for key in self._queues[count]), stays)

    def _remove(self, key: str, count: int) -> None:
        queue = self._queues[count]
        del queue[key]
        if not queue:
            del self._queues[count]
