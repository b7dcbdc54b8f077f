"""What past episodes teach: lessons for a prompt, hints for a planner.

Records of episodes are all that is kept; lessons are drawn from them when asked for. A record's
weight is a product: decay with age, one vote for each source, and trust, see `consensus`. A lesson
that turns out wrong is outweighed by the records of the episodes that followed it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import GoalError
from embodied_mem.goals import Goal, parse_goal
from embodied_mem.memory import lessons
from embodied_mem.memory.consensus import Slot, trust
from embodied_mem.memory.episodes import (
    FRONTIER,
    EpisodeRecord,
    Lesson,
    Numbered,
    checked,
    name,
    task_type,
)

_MOST_LOOKS = 3
"""One record speaks for at most so many looks at a kind of place, and so many tries."""


class ExperienceConfig(Config, frozen=True):
    """How many episodes are kept, and how they are weighed."""

    capacity: int = 1000
    """Episodes kept; the oldest go first [episodes]."""
    half_life: float = 100.0
    """So many episodes later, one counts half [episodes]."""
    consensus: bool = True
    """Whether records that contradict the others lose weight."""


class Rate(msgspec.Struct, frozen=True):
    """How often something happened, of how many cases, both weighed."""

    hits: float = 0.0
    cases: float = 0.0

    def mean(self) -> float:
        """Return the mean of the Beta distribution, from an even prior."""
        return (1 + self.hits) / (2 + self.cases)

    def blended(self, prior: float, strength: float) -> float:
        """Return the rate when the prior counts as so many cases."""
        return (strength * prior + self.hits) / (strength + self.cases)


class Hints(msgspec.Struct, frozen=True):
    """What experience tells a planner that searches and acts."""

    looks: dict[str, dict[str, Rate]] = {}
    """For each kind of thing wanted and each kind of place: how often a look there showed one."""
    tries: dict[str, Rate] = {}
    """How often an action failed; by `action item target`."""
    episodes: int = 0
    """Records that these come from."""

    def look(self, wanted: str, at: str) -> Rate:
        """Return how often a look at a kind of place showed a kind of thing."""
        return self.looks.get(wanted, {}).get(at, Rate())

    def failure(self, action: str, item: str, target: str) -> Rate:
        """Return how often an action failed."""
        return self.tries.get(f"{action} {item} {target}", Rate())


@dataclass(frozen=True, slots=True)
class Weighed:
    """A record, its number and its weight."""

    number: int
    record: EpisodeRecord
    weight: float
    relevance: float = 1.0


class Experience:
    """Episodes, and what they teach."""

    def __init__(
        self,
        config: ExperienceConfig | None = None,
        *,
        keep: Callable[[int, EpisodeRecord], None] | None = None,
    ):
        """Start without experience.

        Args:
            config: Capacity and weights.
            keep: Stores a record under its number, before it counts here.
        """
        self.config = config or ExperienceConfig()
        self._keep = keep
        self._records: deque[Numbered] = deque(maxlen=self.config.capacity)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> tuple[EpisodeRecord, ...]:
        """The episodes that are kept, oldest first."""
        return tuple(record for _, record in self._records)

    @property
    def numbered(self) -> tuple[Numbered, ...]:
        """The episodes with their numbers, oldest first."""
        return tuple(self._records)

    def learn(self, record: EpisodeRecord) -> None:
        """Take in one episode.

        Raises:
            StoreFormatError: It breaks a bound.
            StoreError: It cannot be stored.
        """
        record = checked(record)
        number = self._records[-1][0] + 1 if self._records else 1
        if self._keep is not None:
            self._keep(number, record)
        self._records.append((number, record))

    def restore(self, records: Iterable[Numbered]) -> None:
        """Begin anew with stored episodes, oldest first."""
        self._records.clear()
        self._records.extend(records)

    def recall(self, goal: Goal, limit: int = 10) -> tuple[Lesson, ...]:
        """Return what episodes with like goals teach, the most telling first.

        Args:
            goal: The task at hand.
            limit: Most lessons.
        """
        weighed = [
            Weighed(w.number, w.record, w.weight, likeness(goal, w.record)) for w in self.weighed()
        ]
        wanted = {name(term.label) for term in goal.terms()}
        found = [
            *lessons.places(weighed, wanted, self.hints().looks),
            *lessons.causes(weighed, wanted, task_type(goal)),
            *lessons.failures(weighed, wanted),
            *lessons.plans(weighed),
        ]
        found.sort(key=lambda x: (-lessons.telling(x), x.kind, x.about, x.claim))
        return tuple(found[:limit])

    def hints(self) -> Hints:
        """Return what a planner can use of all episodes."""
        looks: dict[str, dict[str, list[float]]] = {}
        tries: dict[str, list[float]] = {}
        for each in self.weighed():
            for look in each.record.looks:
                share = min(look.times, _MOST_LOOKS) / look.times * each.weight
                rate = looks.setdefault(look.wanted, {}).setdefault(look.at, [0.0, 0.0])
                rate[0] += share * look.shown
                rate[1] += share * look.times
            for tried in each.record.tries:
                share = min(tried.times, _MOST_LOOKS) / tried.times * each.weight
                key = f"{tried.action} {tried.item} {tried.target}"
                rate = tries.setdefault(key, [0.0, 0.0])
                rate[0] += share * tried.failed
                rate[1] += share * tried.times
        return Hints(
            looks={
                wanted: {at: Rate(*rate) for at, rate in places.items()}
                for wanted, places in looks.items()
            },
            tries={key: Rate(*rate) for key, rate in tries.items()},
            episodes=len(self),
        )

    def weighed(self) -> list[Weighed]:
        """Return the records with their weights: decay, one vote for each source, trust."""
        if not self._records:
            return []
        newest = self._records[-1][0]
        sources = Counter(record.source for _, record in self._records if record.source)
        weights = [
            0.5 ** ((newest - number) / self.config.half_life) / max(sources[record.source], 1)
            for number, record in self._records
        ]
        if self.config.consensus:
            believed = trust([_votes(record) for record in self.records], weights)
            weights = [w * t for w, t in zip(weights, believed, strict=True)]
        return [
            Weighed(number, record, weight)
            for (number, record), weight in zip(self._records, weights, strict=True)
        ]


def likeness(goal: Goal, record: EpisodeRecord) -> float:
    """Return how like a record's goal is, 0..1: type, predicates, objects, words."""
    try:
        other = parse_goal(record.goal)
    except GoalError:
        return 0.0
    mine = ({a.predicate for a in goal.atoms}, {t.label for t in goal.terms()}, _grams(str(goal)))
    theirs = (
        {a.predicate for a in other.atoms},
        {t.label for t in other.terms()},
        _grams(str(other)),
    )
    same = 0.4 * (task_type(goal) == task_type(other))
    shares = [len(a & b) / max(len(a | b), 1) for a, b in zip(mine, theirs, strict=True)]
    return same + 0.2 * shares[0] + 0.25 * shares[1] + 0.15 * shares[2]


def _grams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def _votes(record: EpisodeRecord) -> dict[Slot, dict[str, float]]:
    """Return what a record says that others may confirm or contradict."""
    votes: dict[Slot, dict[str, float]] = {}
    for look in record.looks:
        if look.shown and not look.at.startswith(FRONTIER):
            votes.setdefault((look.wanted, "place"), {})[look.at] = float(look.shown)
        if not look.at.startswith(FRONTIER):
            share = look.shown / look.times
            votes[look.wanted, f"look at {look.at}"] = {"shown": share, "empty": 1 - share}
    for tried in record.tries:
        share = tried.failed / tried.times
        act = f"{tried.action} {tried.item} {tried.target}"
        votes[act, "works"] = {"fails": share, "works": 1 - share}
    for values in votes.values():
        total = sum(values.values()) or 1.0
        for value in values:
            values[value] /= total
    return votes
