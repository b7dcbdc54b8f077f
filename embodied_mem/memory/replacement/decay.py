"""Ebbinghaus' forgetting curve, with what is recalled remembered longer."""

import math
from collections import OrderedDict
from collections.abc import Callable

from embodied_mem.config import Config
from embodied_mem.memory.replacement.policy import first_free, sparing


class DecayConfig(Config, frozen=True, tag="decay"):
    """Retention exp(-t / (tau S)); the least retained goes first."""

    tau: float = 300.0
    """Time constant of an object seen once [s]."""
    spacing: float = 10.0
    """Uses in a row less than this apart are one sight; only a later one is a recall [s]."""
    max_strength: int = 64
    """Most that recalls add up to."""


class Decay:
    """Keys by retention exp(-t / (tau S)), t [s] since the last use.

    The strength S is 1 at first, and each recall adds 1 and sets t to 0 (the rule in the text of
    MemoryBank, arXiv:2305.10250, section 2.3). An object that stays in view for many frames is not
    recalled in each of them: a use counts as a recall only if `spacing` has gone by since the one
    before, which is what repetition needs to strengthen memory (Ebbinghaus' spacing effect).
    """

    def __init__(self, config: DecayConfig):
        self._config = config
        self._used: dict[str, float] = {}
        self._strength: dict[str, int] = {}
        self._queues: dict[int, OrderedDict[str, None]] = {}
        """For each strength its keys by last use: the first is the least retained."""
        self._newest: str | None = None

    def __len__(self) -> int:
        return len(self._used)

    def use(self, key: str, stamp: float) -> None:
        """Restart a key's decay, and strengthen it if this is a recall."""
        before = self._strength.get(key, 0)
        strength = before or 1
        if before:
            del self._queues[before][key]
            if stamp - self._used[key] >= self._config.spacing:
                strength = min(before + 1, self._config.max_strength)
        self._used[key], self._strength[key] = stamp, strength
        self._queues.setdefault(strength, OrderedDict())[key] = None
        self._newest = key

    def drop(self, key: str) -> None:
        """Forget a key and its strength."""
        strength = self._strength.pop(key, 0)
        if strength:
            del self._queues[strength][key], self._used[key]
        if key == self._newest:
            self._newest = None

    def retention(self, key: str, stamp: float) -> float:
        """Return exp(-t / (tau S)) of a key at `stamp` [s]."""
        return math.exp(-self._faded(key, stamp) / self._config.tau)

    def victim(self, stamp: float, *, pinned: Callable[[str], bool]) -> str | None:
        """Return the least retained key that is not pinned."""

        def choose(stays: Callable[[str], bool]) -> str | None:
            first = (first_free(self._queues[s], stays) for s in sorted(self._queues))
            faded = ((self._faded(key, stamp), key) for key in first if key is not None)
            return max(faded, default=(0.0, None), key=lambda pair: pair[0])[1]

        return sparing(self._newest, pinned, choose)

    def _faded(self, key: str, stamp: float) -> float:
        """Return t / S, which grows as retention falls [s]."""
        return max(stamp - self._used[key], 0.0) / self._strength[key]
