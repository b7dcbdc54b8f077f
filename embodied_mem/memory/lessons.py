"""Lessons drawn from weighed records of episodes: pure functions.

CLIN (arXiv:2310.10134) keeps sentences "X is necessary to Y" and "X does not contribute to Y"; here
they are counted: a skill that succeeded after another one speaks for it, without it against it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from embodied_mem.memory.episodes import FRONTIER, EpisodeRecord, Lesson

if TYPE_CHECKING:
    from embodied_mem.memory.experience import Rate, Weighed

_NECESSARY = 0.75
"""Least confidence for calling a skill necessary."""
_NEEDLESS = 0.35
"""Most confidence for saying that it does not contribute."""
_PRIOR = 1.0
"""Of the Beta distributions: this many cases for and against before any evidence."""


def telling(lesson: Lesson) -> float:
    """Return how much a lesson should count: relevance, times evidence, times decidedness."""
    evidence = lesson.support + lesson.against
    decided = max(lesson.confidence, 1 - lesson.confidence)
    if lesson.kind in {"place", "plan"}:
        decided = lesson.confidence
    return lesson.relevance * evidence / (evidence + 1.0) * decided


def places(
    weighed: Sequence["Weighed"],
    wanted: set[str],
    looks: Mapping[str, Mapping[str, "Rate"]],
) -> list[Lesson]:
    """Return where kinds of things were found when looked for."""
    found = []
    for label in sorted(wanted & looks.keys()):
        for at, rate in sorted(looks[label].items()):
            sources = [
                w for w in weighed if any(x.wanted == label and x.at == at for x in w.record.looks)
            ]
            where = "unseen space" if at.startswith(FRONTIER) else f"a {at}"
            found.append(
                Lesson(
                    kind="place",
                    about=label,
                    claim=at,
                    text=f"a look at {where} showed a {label} {_times(rate.hits, rate.cases)}",
                    confidence=_beta(rate.hits, rate.cases - rate.hits),
                    support=rate.hits,
                    against=max(rate.cases - rate.hits, 0.0),
                    relevance=_relevance(sources),
                    episodes=tuple(w.number for w in sources),
                )
            )
    return found


def causes(weighed: Sequence["Weighed"], wanted: set[str], task: str) -> list[Lesson]:
    """Return which skill is necessary for which, and which does not contribute."""
    after = [(w, _before(w.record)) for w in weighed if w.record.plan]
    pairs = {
        (earlier, skill)
        for w, acts in after
        if w.record.task == task or wanted & set(_things(w.record.plan))
        for skill, before in acts.items()
        for earlier in before
        if _related(earlier, skill)
    }
    found = []
    for earlier, skill in sorted(pairs):
        with_it = [w for w, acts in after if earlier in acts.get(skill, ())]
        without = [w for w, acts in after if skill in acts and earlier not in acts[skill]]
        support = sum((w.weight for w in with_it), 0.0)
        against = sum((w.weight for w in without), 0.0)
        confidence = _beta(support, against)
        kind = "necessary" if confidence >= _NECESSARY else "needless"
        if _NEEDLESS < confidence < _NECESSARY:
            continue
        says = "is necessary for" if kind == "necessary" else "does not contribute to"
        found.append(
            Lesson(
                kind=kind,
                about=skill,
                claim=earlier,
                text=f"{earlier} {says} {skill} ({_times(support, support + against)})",
                confidence=confidence,
                support=support,
                against=against,
                relevance=_relevance([*with_it, *without]),
                episodes=tuple(sorted(w.number for w in (*with_it, *without))),
            )
        )
    return found


def failures(weighed: Sequence["Weighed"], wanted: set[str]) -> list[Lesson]:
    """Return which actions failed on which kinds of things, why, and what then worked."""
    keys = {
        (t.action, t.item, t.target)
        for w in weighed
        for t in w.record.tries
        if t.failed and ({t.item, t.target} & wanted or not wanted)
    }
    found = []
    for action, item, target in sorted(keys):
        tried = [
            (w, t)
            for w in weighed
            for t in w.record.tries
            if (t.action, t.item, t.target) == (action, item, target)
        ]
        failed = sum((w.weight * t.failed / t.times for w, t in tried), 0.0)
        worked = sum((w.weight * (1 - t.failed / t.times) for w, t in tried), 0.0)
        last = next(t for w, t in reversed(tried) if t.failed)
        remedy = next((t.remedy for w, t in reversed(tried) if t.remedy), "")
        skill = " ".join(filter(None, (action, item, target)))
        text = f"{skill} failed {_times(failed, failed + worked)}: '{last.message}'"
        found.append(
            Lesson(
                kind="fails",
                about=skill,
                claim=last.message,
                text=text + (f"; what then worked: {remedy}" if remedy else ""),
                confidence=_beta(failed, worked),
                support=failed,
                against=worked,
                relevance=_relevance([w for w, _ in tried]),
                episodes=tuple(w.number for w, _ in tried),
            )
        )
    return found


def plans(weighed: Sequence["Weighed"]) -> list[Lesson]:
    """Return the cheapest plan that worked for each task type, the likest goals first."""
    by_task: dict[str, list[Weighed]] = {}
    for w in weighed:
        by_task.setdefault(w.record.task, []).append(w)
    found = []
    for task, all_of_them in sorted(by_task.items()):
        worked = [w for w in all_of_them if w.record.success and w.record.plan]
        if not worked:
            continue
        best = max(worked, key=lambda w: (round(w.relevance, 6), -w.record.steps, w.number))
        support = sum((w.weight for w in all_of_them if w.record.success), 0.0)
        against = sum((w.weight for w in all_of_them if not w.record.success), 0.0)
        steps = "; ".join(best.record.plan)
        found.append(
            Lesson(
                kind="plan",
                about=task,
                claim=steps,
                text=f"for {best.record.goal} this worked in {best.record.steps} steps: {steps}",
                confidence=_beta(support, against),
                support=support,
                against=against,
                relevance=best.relevance,
                episodes=tuple(w.number for w in all_of_them),
            )
        )
    return found


def _before(record: EpisodeRecord) -> dict[str, set[str]]:
    """Return for each act of a plan those that came before its first time."""
    found: dict[str, set[str]] = {}
    so_far: list[str] = []
    for act in record.plan:
        found.setdefault(act, set(so_far))
        so_far.append(act)
    return found


def _things(plan: Iterable[str]) -> list[str]:
    return [word for act in plan for word in act.split()[1:]]


def _related(earlier: str, skill: str) -> bool:
    """Tell whether one act may bear on another: the same thing, or something taken in the hand."""
    shared = set(earlier.split()[1:]) & set(skill.split()[1:])
    return earlier != skill and (bool(shared) or earlier.startswith("PickupObject"))


def _relevance(sources: Sequence["Weighed"]) -> float:
    return max((w.relevance for w in sources), default=0.0)


def _beta(support: float, against: float) -> float:
    """Return the mean of Beta(1 + support, 1 + against)."""
    return (_PRIOR + support) / (2 * _PRIOR + support + max(against, 0.0))


def _times(hits: float, cases: float) -> str:
    return f"{hits:.1f} of {cases:.1f} times"
