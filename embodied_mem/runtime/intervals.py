"""Bootstrap intervals of means and of ratios, over episodes."""

import msgspec
import numpy as np
from jaxtyping import Float

_RESAMPLES = 2000
_CONFIDENCE = 0.95


class Estimate(msgspec.Struct, frozen=True):
    """A number with its 95 % interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "-"
        return f"{self.value:.2f} ({self.low:.2f}..{self.high:.2f})"


def pooled_ratio(
    numerators: Float[np.ndarray, "n"],
    denominators: Float[np.ndarray, "n"],
    *,
    seed: int = 0,
    complement: bool = False,
) -> Estimate:
    """Estimate sum(a) / sum(b) over episodes, with a percentile bootstrap that keeps pairs.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: episodes are drawn
    with replacement, both of their numbers at once. With ones as denominators it is a mean.

    Args:
        numerators: One for each episode.
        denominators: One for each episode, of the same ones.
        seed: Of the draws.
        complement: Estimate 1 - sum(a) / sum(b) instead.
    """
    n = len(numerators)
    nothing = Estimate(float("nan"), float("nan"), float("nan"))
    if not n or not denominators.sum():
        return nothing
    draws = np.random.default_rng(seed).integers(n, size=(_RESAMPLES, n))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = numerators[draws].sum(axis=1) / denominators[draws].sum(axis=1)
    ratios = ratios[~np.isnan(ratios)]
    value = float(numerators.sum() / denominators.sum())
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail), method="nearest").tolist()
    if complement:
        return Estimate(1 - value, 1 - high, 1 - low)
    return Estimate(value, low, high)


def mean(values: Float[np.ndarray, "n"], *, seed: int = 0) -> Estimate:
    """Estimate a mean over episodes; see `pooled_ratio`."""
    return pooled_ratio(values, np.ones(len(values)), seed=seed)
