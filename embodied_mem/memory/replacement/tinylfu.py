"""W-TinyLFU: newcomers must be wanted more often than whom they would replace."""

from collections import OrderedDict
from collections.abc import Callable

from embodied_mem.config import Config
from embodied_mem.memory.replacement.climber import WindowClimber
from embodied_mem.memory.replacement.policy import first_free
from embodied_mem.memory.replacement.sketch import FrequencySketch


class TinyLFUConfig(Config, frozen=True, tag="w_tinylfu"):
    """W-TinyLFU (Einziger et al., arXiv:1512.00727): admission by frequency."""

    window: float = 0.01
    """Share of the capacity for newcomers, at first."""
    adaptive: bool = True
    """Whether the window's share follows the hit rate."""
    protected: float = 0.8
    """Share of the main part for what was used again."""
    sample: int = 10
    """Counters are halved after this many uses per object of capacity."""


class TinyLFU:
    """A small LRU window before a segmented LRU; by frequency, the one admits to the other.

    A newcomer enters the window. What the window's newcomers push out competes with the main part's
    least recently used key on probation: the one used more often lately stays, at equal counts the
    one that was there. A use on probation protects; what is protected too long unused is on
    probation again.
    """

    def __init__(self, config: TinyLFUConfig, capacity: int):
        self._window: OrderedDict[str, None] = OrderedDict()
        self._probation: OrderedDict[str, None] = OrderedDict()
        self._protected: OrderedDict[str, None] = OrderedDict()
        self._capacity = capacity
        self._share = config.protected
        self.window_size = max(1, round(config.window * capacity))
        """Keys that the window holds."""
        self._sketch = FrequencySketch(capacity, config.sample)
        self._climber = (
            WindowClimber(capacity, self._sketch.period)
            if config.adaptive and capacity > 2
            else None
        )

    def __len__(self) -> int:
        return len(self._window) + len(self._probation) + len(self._protected)

    @property
    def main_size(self) -> int:
        """Keys that the main part holds."""
        return self._capacity - self.window_size

    @property
    def parts(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The keys in the window, on probation and protected, each the next to go first."""
        return tuple(self._window), tuple(self._probation), tuple(self._protected)

    def use(self, key: str, stamp: float) -> None:  # noqa: ARG002 - the protocol's signature.
        """Count a use; newcomers enter the window, a use on probation protects."""
        self._sketch.add(key)
        hit = True
        if key in self._window:
            self._window.move_to_end(key)
        elif key in self._protected:
            self._protected.move_to_end(key)
        elif key in self._probation:
            del self._probation[key]
            self._protected[key] = None
            self._demote()
        else:
            hit = False
            self._window[key] = None
            self._fill_main()
        if self._climber is not None and (step := self._climber.note(hit=hit)):
            self._resize(step)

    def drop(self, key: str) -> None:
        """Forget a key; only the sketch still counts its uses, until they are halved away."""
        for part in (self._window, self._probation, self._protected):
            part.pop(key, None)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:  # noqa: ARG002
        """Let the window's oldest and the main part's victim compete; the rarer one goes."""
        rival = first_free(self._probation, pinned) or first_free(self._protected, pinned)
        while len(self._window) > self.window_size:
            candidate = next(iter(self._window))
            if pinned(candidate):
                self._admit(candidate)
            elif rival is None:
                return candidate
            elif self._sketch.estimate(candidate) <= self._sketch.estimate(rival):
                return candidate
            else:
                self._admit(candidate)
                return rival
        return rival or first_free(self._window, pinned)

    def _fill_main(self) -> None:
        """Let the window's oldest into the main part while that has room."""
        while len(self._window) > self.window_size and len(self) - len(self._window) < (
            self.main_size
        ):
            self._admit(next(iter(self._window)))

    def _admit(self, key: str) -> None:
        del self._window[key]
        self._probation[key] = None

    def _demote(self) -> None:
        """Put what is protected too long unused on probation again."""
        while len(self._protected) > int(self._share * self.main_size):
            key, _ = self._protected.popitem(last=False)
            self._probation[key] = None

    def _resize(self, step: int) -> None:
        """Move the border between window and main part by some keys."""
        self.window_size = min(max(1, self.window_size + step), self._capacity - 1)
        self._demote()
        while len(self._probation) + len(self._protected) > self.main_size:
            key, _ = self._probation.popitem(last=False)
            self._window[key] = None
        self._fill_main()
