"""Whom to believe: witnesses that contradict the others lose weight.

A-MemGuard's idea (arXiv:2510.02373: several memories are recalled and judged against each other;
one that stands alone is not followed) without a language model: each record is a witness that names
values in slots (where was a mug found?) and rates (how often did a look into a drawer show one?).
"""

from collections.abc import Mapping, Sequence

Slot = tuple[str, str]
"""A subject and a question about it: `("mug", "place")`."""

Votes = Mapping[Slot, Mapping[str, float]]
"""Of one witness: for each slot, the values it names, with the share of its vote 0..1."""


def trust(
    votes: Sequence[Votes],
    weights: Sequence[float],
    *,
    rounds: int = 4,
    least: float = 0.02,
    prior: float = 0.3,
) -> list[float]:
    """Return how far each witness is to be believed, `least`..1.

    In each slot the others vote with weight times trust. Let s be the share of their vote for what
    witness r says, m the largest share of any value, and c the share of those with something to say
    about the subject who speak to this question. Then r gains c s in agreement, so that a few who
    confirm each other in what nobody else speaks of gain little; and where m > 1/2 it gains m - s
    in disagreement. Trust is the square of (prior + agree) / (prior + agree + disagree), found by
    iteration, since it weighs the votes.

    Args:
        votes: Of each witness.
        weights: Of each witness, without trust.
        rounds: Iterations.
        least: Nobody's trust falls below, so that a minority can be right in the end.
        prior: Agreement granted to everyone.
    """
    believed = [1.0] * len(votes)
    for _ in range(rounds):
        mine = [w * t for w, t in zip(weights, believed, strict=True)]
        tally, speaking = _tally(votes, mine)
        believed = [
            max(_agreement(each, weight, tally, speaking, prior) ** 2, least)
            for each, weight in zip(votes, mine, strict=True)
        ]
    return believed


def _agreement(
    votes: Votes,
    weight: float,
    tally: Mapping[Slot, Mapping[str, float]],
    speaking: Mapping[str, float],
    prior: float,
) -> float:
    """Return how far the others confirm one witness, 0..1."""
    agree = disagree = 0.0
    for slot, values in votes.items():
        others = {v: max(w - weight * values.get(v, 0.0), 0.0) for v, w in tally[slot].items()}
        mass = sum(others.values())
        if mass < 1e-9:
            continue
        covered = min(mass / max(speaking[slot[0]] - weight, 1e-9), 1.0)
        share = sum(values.get(v, 0.0) * w for v, w in others.items()) / mass
        most = max(others.values()) / mass
        agree += covered * share
        disagree += max(most - share, 0.0) if most > 0.5 else 0.0
    return (prior + agree) / (prior + agree + disagree)


def _tally(
    votes: Sequence[Votes], weights: Sequence[float]
) -> tuple[dict[Slot, dict[str, float]], dict[str, float]]:
    """Return the vote in each slot, and the weight of those who speak of each subject."""
    total: dict[Slot, dict[str, float]] = {}
    speaking: dict[str, float] = {}
    for mine, weight in zip(votes, weights, strict=True):
        for subject in {slot[0] for slot in mine}:
            speaking[subject] = speaking.get(subject, 0.0) + weight
        for slot, values in mine.items():
            into = total.setdefault(slot, {})
            for value, share in values.items():
                into[value] = into.get(value, 0.0) + weight * share
    return total, speaking
