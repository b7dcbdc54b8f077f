"""The queues of W-TinyLFU: a window before a segmented main part."""

from collections import OrderedDict
from collections.abc import Callable

from embodied_mem.memory.replacement.policy import first_free
from embodied_mem.memory.replacement.sketch import FrequencySketch


class Segments:
    """An LRU window, and a main part of probation and protection, by one shared sketch.

    A newcomer enters the window. What the window's newcomers push out competes with the main part's
    least recently used key on probation: the one used more often lately stays, at equal counts the
    one that was there. A use on probation protects; what is protected too long unused is on
    probation again.
    """

    def __init__(self, capacity: int, window: float, protected: float, sketch: FrequencySketch):
        """Make empty queues.

        Args:
            capacity: Keys held.
            window: Share of the capacity for newcomers; at least one key, at 1 all is one LRU.
            protected: Share of the main part for what was used again.
            sketch: Tells how often keys were used lately.
        """
        self.capacity = capacity
        self.window: OrderedDict[str, None] = OrderedDict()
        self.probation: OrderedDict[str, None] = OrderedDict()
        self.protected: OrderedDict[str, None] = OrderedDict()
        self._share = protected
        self._sketch = sketch
        self.window_size = min(max(1, round(window * capacity)), capacity)
        """Keys that the window holds."""

    def __len__(self) -> int:
        return len(self.window) + len(self.probation) + len(self.protected)

    def __contains__(self, key: str) -> bool:
        return key in self.window or key in self.protected or key in self.probation

    @property
    def main_size(self) -> int:
        """Keys that the main part holds."""
        return self.capacity - self.window_size

    def use(self, key: str) -> bool:
        """Note a use; return whether the key was there."""
        if key in self.window:
            self.window.move_to_end(key)
        elif key in self.protected:
            self.protected.move_to_end(key)
        elif key in self.probation:
            del self.probation[key]
            self.protected[key] = None
            self._demote()
        else:
            self.window[key] = None
            self._fill_main()
            return False
        return True

    def drop(self, key: str) -> None:
        """Forget a key."""
        for part in (self.window, self.probation, self.protected):
            part.pop(key, None)

    def victim(self, pinned: Callable[[str], bool]) -> str | None:
        """Let the window's oldest and the main part's victim compete; the rarer one goes."""
        rival = first_free(self.probation, pinned) or first_free(self.protected, pinned)
        while len(self.window) > self.window_size:
            candidate = next(iter(self.window))
            if pinned(candidate):
                self._admit(candidate)
            elif rival is None or not self._is_wanted_more(candidate, rival):
                return candidate
            else:
                self._admit(candidate)
                return rival
        return rival or first_free(self.window, pinned)

    def resize(self, window: float) -> None:
        """Give the window another share; who was least recently used crosses the border."""
        self.window_size = min(max(1, round(window * self.capacity)), self.capacity)
        self._demote()
        while len(self.probation) + len(self.protected) > self.main_size:
            key, _ = self.probation.popitem(last=False)
            self.window[key] = None
        self._fill_main()

    def _is_wanted_more(self, candidate: str, rival: str) -> bool:
        return self._sketch.estimate(candidate) > self._sketch.estimate(rival)

    def _fill_main(self) -> None:
        """Let the window's oldest into the main part while that has room."""
        room = self.main_size - len(self.probation) - len(self.protected)
        for _ in range(min(room, len(self.window) - self.window_size)):
            self._admit(next(iter(self.window)))

    def _admit(self, key: str) -> None:
        del self.window[key]
        self.probation[key] = None

    def _demote(self) -> None:
        """Put what is protected too long unused on probation again."""
        while len(self.protected) > int(self._share * self.main_size):
            key, _ = self.protected.popitem(last=False)
            self.probation[key] = None
