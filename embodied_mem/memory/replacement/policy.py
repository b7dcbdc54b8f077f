"""What a replacement policy is."""

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Policy(Protocol):
    """Keeps an order over keys. The owner holds the values and does what it says.

    Stamps never go back. No policy refuses a newcomer while another key can go: what was just seen
    is known, at least until the next one comes.
    """

    def __len__(self) -> int: ...

    def use(self, key: str, stamp: float) -> None:
        """Note that a key was stored, seen or asked for at `stamp` [s]."""
        ...

    def drop(self, key: str) -> None:
        """Forget a key; unknown ones are ignored."""
        ...

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:
        """Choose whom to evict at `stamp` [s]; None where all are pinned."""
        ...


def first_free(keys: Iterable[str], pinned: Callable[[str], bool]) -> str | None:
    """Return the first key that may go."""
    return next((key for key in keys if not pinned(key)), None)


def sparing(
    newest: str | None,
    pinned: Callable[[str], bool],
    choose: Callable[[Callable[[str], bool]], str | None],
) -> str | None:
    """Choose among all keys but the newest; the newest only where no other can go."""
    found = choose(lambda key: key == newest or pinned(key))
    if found is None and newest is not None and not pinned(newest):
        return newest
    return found
