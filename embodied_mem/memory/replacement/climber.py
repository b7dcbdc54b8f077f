"""How large a window is best, found while it is in use."""

_FIRST_STEP = 0.0625
_FADE = 0.98
_RESTART = 0.05


class WindowClimber:
    """Hill climbing on the hit rate: go on while it rises, turn back when it falls.

    Adaptive W-TinyLFU (Einziger et al., "Adaptive Software Cache Management", Middleware 2018).
    Steps begin at 1/16 of the capacity, at least 1 key, and shrink while the hit rate stays the
    same; a change of more than 5 points begins anew. Once a step is less than a key, the window
    rests.
    """

    def __init__(self, capacity: int, period: int):
        """Begin.

        Args:
            capacity: Keys that the cache holds.
            period: Uses between two steps.
        """
        self._first = max(1.0, _FIRST_STEP * capacity)
        self._step = self._first
        self._period = period
        self._uses = self._hits = 0
        self._before: float | None = None

    def note(self, *, hit: bool) -> int:
        """Count a use; return by how many keys the window is to grow, less than 0 to shrink."""
        self._uses += 1
        self._hits += hit
        if self._uses < self._period:
            return 0
        rate = self._hits / self._uses
        self._uses = self._hits = 0
        change = rate - self._before if self._before is not None else 0.0
        self._before = rate
        direction = 1.0 if self._step > 0 else -1.0
        if change < 0:
            direction = -direction
        size = self._first if abs(change) >= _RESTART else abs(self._step) * _FADE
        self._step = direction * size
        return int(self._step)
