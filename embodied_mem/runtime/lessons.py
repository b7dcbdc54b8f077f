"""A subscriber that turns each episode into a record of experience."""

import re
from dataclasses import dataclass, field

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Seeking, Step
from embodied_mem.memory import Memory
from embodied_mem.memory.episodes import FRONTIER, EpisodeRecord, Look, Try, name, plain, task_type
from embodied_mem.runtime.episode import INTERRUPTED
from embodied_mem.runtime.recorders import MOVES
from embodied_mem.types import Percept

_MOST = 64
"""Kinds of looks, and of tries, kept of one episode."""
_MOST_ACTS = 40
_ELSEWHERE = "from another place"
"""The remedy where nothing but moves lay between a failure and the success."""


@dataclass(slots=True)
class _Tried:
    """Tries of one action on one kind of thing."""

    times: int = 0
    failed: int = 0
    message: str = ""
    remedy: str = ""
    since: list[str] | None = None
    """What was done since it failed last, while it has not succeeded."""


@dataclass(slots=True)
class _Notes:
    """What is noted of the episode at hand."""

    goal: Goal
    tries: dict[tuple[str, str, str], _Tried] = field(default_factory=dict)
    looks: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Times and shown, by wanted and place."""
    plan: list[str] = field(default_factory=list)
    last: Decision | None = None
    item: str = ""
    """What was in the hand at the last decision."""
    target: str = ""
    """Kind of thing that it touched."""
    seeking: Seeking | None = None
    known: frozenset[str] = frozenset()
    """Of the things wanted, those that were known when the look began."""


class LessonKeeper:
    """Learns from every episode it watches, into the memory of the agent that did it."""

    def __init__(self, *, source: str = ""):
        """Start with nothing noted.

        Args:
            source: Who vouches for the episodes, e.g. the house; episodes of one source count as
                one witness. Empty: each stands for itself.
        """
        self._source = source
        self._notes: _Notes | None = None

    def on_start(self, goal: Goal, memory: Memory) -> None:  # noqa: ARG002
        """Begin a record."""
        self._notes = _Notes(goal=goal)

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:  # noqa: ARG002
        """Note how the last action went, and what the look that is over has shown."""
        notes = self._notes
        if notes is None:
            return
        _note_act(notes, step)
        _note_look(notes, decision.seeking, memory)
        notes.last = decision
        held = memory.held
        notes.item = name(held.label) if held is not None else ""
        notes.target = _kind(decision.target, memory)

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Take the episode in, unless it was broken off from outside."""
        notes, self._notes = self._notes, None
        broken_off = outcome.reason == INTERRUPTED or outcome.reason.startswith("failed: ")
        if notes is None or broken_off:
            return
        _note_look(notes, None, memory)
        memory.experience.learn(_record(notes, outcome, self._source))


def _note_act(notes: _Notes, step: Step) -> None:
    """Note how the last action went, if it touched something."""
    last = notes.last
    if last is None or not notes.target or last.action.name.startswith(MOVES):
        return
    act = last.action.name
    item = notes.item if notes.item != notes.target else ""
    tried = notes.tries.setdefault((act, item, notes.target), _Tried())
    tried.times += 1
    words = " ".join(filter(None, (act, item, notes.target)))
    if not step.action_success:
        tried.failed += 1
        tried.message, tried.since = plain(step.message), []
        return
    if tried.since is not None:
        tried.remedy = plain("; ".join(dict.fromkeys(tried.since)) or _ELSEWHERE)
        tried.since = None
    for other in notes.tries.values():
        if other.since is not None and other is not tried:
            other.since.append(words)
    if last.phase != "explore" and len(notes.plan) < _MOST_ACTS:
        notes.plan.append(words)


def _note_look(notes: _Notes, seeking: Seeking | None, memory: Memory) -> None:
    """Note what a look has shown, where another one begins or none goes on."""
    if seeking == notes.seeking:
        return
    ended, notes.seeking = notes.seeking, seeking
    if ended is not None:
        for wanted in ended.wanted:
            found = [k for k in _findable(memory, wanted) if k not in notes.known]
            _count_look(notes, memory, ended, wanted, found)
    if seeking is not None:
        notes.known = frozenset(k for wanted in seeking.wanted for k in _findable(memory, wanted))


def _count_look(
    notes: _Notes, memory: Memory, ended: Seeking, wanted: str, found: list[str]
) -> None:
    """Count a look for one kind of thing; what was seen on the way is a find where it lay."""
    places = {_place(memory, object_id) for object_id in found} - {""}
    if places and not ended.at.startswith(FRONTIER) and ended.at not in places:
        for place in sorted(places):
            _add(notes, wanted, place, shown=True)
        return
    _add(notes, wanted, ended.at, shown=bool(found))


def _add(notes: _Notes, wanted: str, at: str, *, shown: bool) -> None:
    counts = notes.looks.setdefault((wanted, at), [0, 0])
    counts[0] += 1
    counts[1] += shown


def _findable(memory: Memory, label: str) -> list[str]:
    return [e.object_id for e in memory.objects.labelled(label) if e.status != "gone"]


def _place(memory: Memory, object_id: str) -> str:
    """Return the kind of thing that an object lies on or in."""
    placed = memory.get(object_id).placement
    return _kind(placed.parent if placed is not None else None, memory)


def _kind(object_id: str | None, memory: Memory) -> str:
    if object_id is None or object_id not in memory.objects.entries:
        return ""
    return name(memory.objects[object_id].label)


def _record(notes: _Notes, outcome: Outcome, source: str) -> EpisodeRecord:
    return EpisodeRecord(
        goal=str(notes.goal)[:400],
        task=task_type(notes.goal),
        success=outcome.success,
        steps=min(outcome.steps, 10_000),
        exploration_steps=min(outcome.exploration_steps, 10_000),
        failed_actions=min(outcome.failed_actions, 10_000),
        plan=tuple(act[:160] for act in notes.plan),
        looks=tuple(
            Look(wanted=wanted[:48], at=at, times=times, shown=shown)
            for (wanted, at), (times, shown) in list(notes.looks.items())[:_MOST]
            if at
        ),
        tries=tuple(
            Try(
                action=act[:40],
                item=item,
                target=target,
                times=tried.times,
                failed=tried.failed,
                message=tried.message,
                remedy=tried.remedy,
            )
            for (act, item, target), tried in list(notes.tries.items())[:_MOST]
        ),
        source=re.sub(r"[^\w :|.-]+", " ", source)[:80],
    )
