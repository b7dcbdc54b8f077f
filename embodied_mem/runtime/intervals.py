"""Bootstrap intervals of means, ratios and other figures made of sums, over episodes."""

from collections.abc import Callable

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
        return f"{shown(self.value)} ({shown(self.low)}..{shown(self.high)})"

    @property
    def known(self) -> bool:
        """Whether there was anything to estimate from; it may be infinite."""
        return not np.isnan(self.value)


NOTHING = Estimate(float("nan"), float("nan"), float("nan"))
"""Estimated from nothing."""


def shown(value: float, digits: int = 2) -> str:
    """Return a number as it is printed; `-` for what is none."""
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def of_sums(
    columns: Float[np.ndarray, "n k"],
    figure: Callable[[Float[np.ndarray, "d k"]], Float[np.ndarray, "d"]],
    *,
    seed: int = 0,
) -> Estimate:
    """Estimate a figure that is made of sums over episodes, with a percentile bootstrap.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: episodes are drawn
    with replacement, all of their numbers at once, which keeps pairs. Draws of which the figure is
    0/0 are left out; x/0 is infinite.

    Args:
        columns: The numbers of each episode.
        figure: Makes the figure of sums, a row for each draw.
        seed: Of the draws.
    """
    n = len(columns)
    if not n:
        return NOTHING
    draws = np.random.default_rng(seed).integers(n, size=(_RESAMPLES, n))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(columns.sum(axis=0, keepdims=True))[0])
        figures = figure(columns[draws].sum(axis=1))
    figures = figures[~np.isnan(figures)]
    if np.isnan(value) or not len(figures):
        return NOTHING
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(figures, (tail, 1 - tail), method="nearest").tolist()
    return Estimate(value, low, high)


def pooled_ratio(
    numerators: Float[np.ndarray, "n"],
    denominators: Float[np.ndarray, "n"],
    *,
    seed: int = 0,
    complement: bool = False,
) -> Estimate:
    """Estimate sum(a) / sum(b) over episodes; with ones as denominators it is a mean.

    Args:
        numerators: One for each episode.
        denominators: One for each episode, of the same ones.
        seed: Of the draws.
        complement: Estimate 1 - sum(a) / sum(b) instead.
    """

    def ratio(sums: Float[np.ndarray, "d 2"]) -> Float[np.ndarray, "d"]:
        found = sums[:, 0] / sums[:, 1]
        return 1 - found if complement else found

    return of_sums(np.stack((numerators, denominators), axis=1), ratio, seed=seed)


def mean(values: Float[np.ndarray, "n"], *, seed: int = 0) -> Estimate:
    """Estimate a mean over episodes; see `pooled_ratio`."""
    return pooled_ratio(values, np.ones(len(values)), seed=seed)
