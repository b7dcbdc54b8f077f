"""Policies that are one queue."""

from collections import OrderedDict
from collections.abc import Callable

from embodied_mem.config import Config
from embodied_mem.memory.replacement.policy import first_free


class FIFOConfig(Config, frozen=True, tag="fifo"):
    """The oldest goes first, however often it was used."""


class LRUConfig(Config, frozen=True, tag="lru"):
    """The one not seen or asked for longest goes first."""


class FIFO:
    """First in, first out."""

    def __init__(self):
        self._order: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._order)

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Note a key; only its first use counts."""
        self._order.setdefault(key)

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._order.pop(key, None)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Return the oldest key that is not pinned."""
        return first_free(self._order, pinned)


class LRU(FIFO):
    """Least recently used."""

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Note a key as the newest."""
        self._order[key] = None
        self._order.move_to_end(key)
