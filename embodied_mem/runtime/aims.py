"""Whether the figures of an ablation reach what is aimed at, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embodied_mem.runtime.ablation import BASELINE, Ablation
from embodied_mem.runtime.intervals import Estimate, shown

WHOLE = "both"
"""The condition with the whole memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """How much better the whole memory should be than none."""

    success: float
    """So many times the success."""
    exploration: float
    """Exploration to success so many times lower."""


AIMS: Mapping[str, Aim] = {
    "composite": Aim(success=1.5, exploration=4.0),
    "complex": Aim(success=2.5, exploration=10.0),
}
"""By the kind of a suite's tasks, the last word of its name."""


def verdicts(numbers: Sequence[Ablation]) -> tuple[str, ...]:
    """Return a line for each aim that the figures can be held against."""
    return tuple(
        line
        for suite in dict.fromkeys(a.suite for a in numbers)
        for line in _of_suite(suite, {a.group: a for a in numbers if a.suite == suite})
    )


def _of_suite(suite: str, numbers: Mapping[str, Ablation]) -> Iterator[str]:
    aim, whole = AIMS.get(suite.rsplit(maxsplit=1)[-1]), numbers.get(WHOLE)
    if aim is None or whole is None or BASELINE not in numbers:
        return
    yield _line(f"{suite}: success, both memories over none", whole.success_ratio, aim.success)
    what = f"{suite}: exploration to success, none over both memories"
    yield _line(what, whole.cost_ratio, aim.exploration)
    parts = [a for name, a in numbers.items() if name not in {WHOLE, BASELINE}]
    if parts:
        yield _between(f"{suite}: success of one memory alone", numbers, "success_rate")
        yield _between(
            f"{suite}: exploration to success of one memory alone",
            numbers,
            "exploration_to_success",
        )


def _line(what: str, found: Estimate, aim: float) -> str:
    if not found.known:
        return f"{what}: nothing to compare, aim {aim:g}."
    if found.value < aim:
        verdict = "does not hold"
    elif found.low < aim:
        verdict = "holds; the interval reaches below"
    else:
        verdict = "holds, with the whole interval"
    return f"{what}: {found} times, aim {aim:g}: {verdict}."


def _between(what: str, numbers: Mapping[str, Ablation], name: str) -> str:
    values = {group: getattr(a, name).value for group, a in numbers.items()}
    ends = sorted((values[BASELINE], values[WHOLE]))
    parts = {group: v for group, v in values.items() if group not in {WHOLE, BASELINE}}
    outside = [group for group, v in parts.items() if not ends[0] <= v <= ends[1]]
    told = ", ".join(
        f"{group} {shown(value)}" for group, value in values.items() if not np.isnan(value)
    )
    verdict = f"does not hold for {', '.join(outside)}" if outside else "holds"
    return f"{what} lies in between: {verdict} ({told})."
