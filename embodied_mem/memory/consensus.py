"""Whom to believe: witnesses that contradict the others lose weight.

A-MemGuard's idea (arXiv:2510.02373: several memories are recalled and judged against each other;
one that stands alone is not followed) without a language model: each record is a witness that names
values in slots (where was a mug found?) and rates (how often did a look into a drawer show one?).
"""

from collections.abc import Mapping, Sequence

Votes = Mapping[str, Mapping[str, float]]
"""Of one witness: for each slot, the values it names, with the share of its vote 0..1."""


def trust(
    votes: Sequence[Votes],
    weights: Sequence[float],
    *,
    rounds: int = 3,
    least: float = 0.02,
    prior: float = 1.0,
) -> list[float]:
    """Return how far each witness is to be believed, `least`..1.

    In each slot the others vote with weight times trust. Let s be the share of their vote for what
    witness r says, and m the largest share of any value; then r gains s in agreement, and where
    m > 1/2 it gains m - s in disagreement. Trust is the square of
    (prior + agree) / (prior + agree + disagree), found by iteration, since it weighs the votes.

    Args:
        votes: Of each witness.
        weights: Of each witness, without trust.
        rounds: Iterations.
        least: Nobody's trust falls below, so that a minority can be right in the end.
        prior: Agreement granted to everyone.
    """
    believed = [1.0] * len(votes)
    for _ in range(rounds):
        tally = _tally(votes, [w * t for w, t in zip(weights, believed, strict=True)])
        fresh = []
        for mine, weight, old in zip(votes, weights, believed, strict=True):
            agree = disagree = 0.0
            for slot, values in mine.items():
                others = {
                    value: max(total - weight * old * values.get(value, 0.0), 0.0)
                    for value, total in tally[slot].items()
                }
                mass = sum(others.values())
                if mass < 1e-9:
                    continue
                share = sum(values.get(v, 0.0) * w for v, w in others.items()) / mass
                most = max(others.values()) / mass
                agree += share
                disagree += max(most - share, 0.0) if most > 0.5 else 0.0
            ratio = (prior + agree) / (prior + agree + disagree)
            fresh.append(max(ratio**2, least))
        believed = fresh
    return believed


def _tally(votes: Sequence[Votes], weights: Sequence[float]) -> dict[str, dict[str, float]]:
    total: dict[str, dict[str, float]] = {}
    for mine, weight in zip(votes, weights, strict=True):
        for slot, values in mine.items():
            into = total.setdefault(slot, {})
            for value, share in values.items():
                into[value] = into.get(value, 0.0) + weight * share
    return total
