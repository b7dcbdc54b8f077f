"""Where one event ends and the next begins, by surprise (EM-LLM, arXiv:2407.09450).

A sample is a boundary when it is further from what came just before than the mean of such
distances in a local window plus gamma times their deviation (there, section 3.1, for the surprise
of tokens). Its place is then refined: of the splits around it the one with the highest modularity
of the samples' similarity (section 3.2), all of them from one table of prefix sums, O(T^2).
"""

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.config import Config


class SurpriseConfig(Config, frozen=True):
    """When something new begins."""

    gamma: float = 2.5
    """Deviations above the mean surprise."""
    window: float = 30.0
    """Surprises of so long before count [s]."""
    before: float = 1.0
    """A sample is compared with the mean of those of so long before [s]."""
    least: float = 0.04
    """Least surprise of a boundary; features have unit length."""
    apart: float = 3.0
    """Least time between two boundaries [s]."""
    refined: float = 2.0
    """A boundary is moved by modularity at most so far [s]."""


class SurpriseState(msgspec.Struct, kw_only=True):
    """The samples that decisions still depend on, oldest first."""

    stamps: list[float] = []
    """[s]"""
    vectors: list[np.ndarray] = []
    surprises: list[float] = []
    latest: float = -1e9
    """The latest boundary [s]."""
    pending: float | None = None
    """A boundary that is not refined yet [s]."""
    pending_surprise: float = 0.0


class SurpriseBoundaries:
    """Finds boundaries online; each is told as soon as what follows it was seen."""

    def __init__(self, config: SurpriseConfig, state: SurpriseState | None = None):
        self.config = config
        self.state = state or SurpriseState()

    def __call__(self, vector: Float[np.ndarray, "d"], stamp: float) -> list[tuple[float, float]]:
        """Take in one sample and return the boundaries that are certain now, with surprises."""
        state, config = self.state, self.config
        surprise = self._surprise(vector, stamp)
        if state.pending is None and self._exceeds(surprise, stamp):
            state.pending, state.pending_surprise = stamp, surprise
        elif state.pending is not None:
            state.pending_surprise = max(state.pending_surprise, surprise)
        state.stamps.append(stamp)
        state.vectors.append(vector)
        state.surprises.append(surprise)
        found = []
        if state.pending is not None and stamp >= state.pending + 2 * config.refined:
            at = self._refined(state.pending)
            if at - state.latest >= config.apart:
                found = [(at, state.pending_surprise)]
                state.latest = at
            state.pending, state.pending_surprise = None, 0.0
        self._forget(stamp)
        return found

    def _surprise(self, vector: Float[np.ndarray, "d"], stamp: float) -> float:
        """Return the distance to the mean of the samples just before, at least of one."""
        state = self.state
        if not state.vectors:
            return 0.0
        near = [
            earlier
            for earlier, at in zip(state.vectors, state.stamps, strict=True)
            if at >= stamp - self.config.before
        ]
        before = np.mean(near or state.vectors[-1:], axis=0)
        return float(np.linalg.norm(vector - before))

    def _exceeds(self, surprise: float, stamp: float) -> bool:
        state, config = self.state, self.config
        if len(state.surprises) < 4 or stamp - state.latest < config.apart:
            return False
        known = np.array(state.surprises)
        return bool(surprise > max(config.least, known.mean() + config.gamma * known.std()))

    def _refined(self, around: float) -> float:
        """Return the best split within reach of a boundary."""
        state, reach = self.state, self.config.refined
        stamps = np.array(state.stamps)
        inside = np.flatnonzero(np.abs(stamps - around) <= 2 * reach)
        window = np.stack([state.vectors[number] for number in inside])
        gains = split_modularity(similarity(window))
        near = np.abs(stamps[inside] - around) <= reach
        near[0] = False
        gains = np.where(near, gains, -np.inf)
        return float(stamps[inside[int(np.argmax(gains))]])

    def _forget(self, stamp: float) -> None:
        state = self.state
        oldest = stamp - self.config.window
        while state.stamps and state.stamps[0] < oldest:
            state.stamps.pop(0)
            state.vectors.pop(0)
            state.surprises.pop(0)


def similarity(vectors: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "t t"]:
    """Return correlations of samples with their mean taken out, none of them negative."""
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(lengths, 1e-12)
    alike = np.maximum(unit @ unit.T, 0.0)
    np.fill_diagonal(alike, 0.0)
    return alike


def split_modularity(alike: Float[np.ndarray, "t t"]) -> Float[np.ndarray, "t"]:
    """Return the modularity of splitting a sequence before each sample; 0 before the first.

    Q(s) = sum over both sides of in / 2m - (volume / 2m)^2, with `in` the weight inside a side and
    2m all weight (Newman and Girvan 2004). Both come from prefix sums: O(T^2) for all splits.
    """
    total = alike.sum()
    if total <= 0:
        return np.zeros(len(alike))
    sums = np.pad(alike.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))  # (t + 1, t + 1)
    split = np.arange(len(alike))
    left_in = sums[split, split]
    left = sums[split, -1]  # All weight at the left side's samples.
    right = total - left
    right_in = total - 2 * left + left_in
    return (left_in + right_in) / total - (left / total) ** 2 - (right / total) ** 2
