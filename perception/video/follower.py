"""Sightings from picture to picture become things that come, stay, move and go.

Sightings are assigned to what is followed by the Hungarian method on distance and colour; what a
detector calls by another name is another thing. What is lost is remembered for a while: a like
thing at the same place is the same one.
"""

from typing import Literal

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment

from embodied_mem.config import Config
from embodied_mem.memory.run_lengths import Runs
from perception.video.sighting import Box, Kind, Sighting

_NEVER = 1e6
"""Cost of what may not be assigned."""


class FollowerConfig(Config, frozen=True):
    """When something is believed, lost, moved."""

    confirmed: float = 0.6
    """What is seen for so long is something [s]."""
    patience: float = 1.0
    """What is not seen for so long is gone [s]."""
    reach: float = 0.12
    """Furthest way between two pictures, besides its own size, as a share of the picture."""
    speed: float = 0.6
    """What is added to that for each second between them [1/s]."""
    alike: float = 0.35
    """Least share of colours in common."""
    again: float = 0.06
    """A lost thing that is seen so near to where it was is the same."""
    remembered: int = 32
    """Lost things that are remembered, the newest."""
    moved: float = 0.05
    """What is further than this from its resting place moves."""
    rested: float = 0.8
    """What stays for so long rests [s]."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """When and where something was seen."""

    stamp: float
    """[s]"""
    box: Box
    score: float = 1.0
    """How sure a detector was, 0..1."""
    outline: Runs | None = None
    """Its mask, where masks are kept."""


class Followed(msgspec.Struct, kw_only=True):
    """One thing that is followed."""

    number: int
    """Its number among all of its kind; 0 until it is believed."""
    first: float
    """When it was first seen [s]."""
    last: float
    """When it was last seen [s]."""
    seen: int
    """Pictures that showed it."""
    passed: int
    """Pictures since the first."""
    span: int
    """Pictures from the first to the latest that showed it."""
    latest: Sighting
    entered: Sighting
    """As it was first seen."""
    colours: np.ndarray
    """Mean share of each colour term, (11,) float32."""
    area: float
    """Largest share of the picture."""
    score: float = 1.0
    """How sure a detector is on the whole, 0..1."""
    rest: tuple[float, float]
    """Where it last rested, or rests."""
    still_at: tuple[float, float]
    """Where it has been since `still_since`."""
    still_since: float
    moving_since: float | None = None
    part: bool = False
    """Whether it is a part of something larger that moves."""
    told: bool = False
    """Whether its coming was told."""
    trail: list[Step] = []
    """Where it was seen since its trail was last taken."""

    @property
    def steadiness(self) -> float:
        """Share of the pictures, from the first to the latest with it, that showed it."""
        return self.seen / self.span

    @property
    def size(self) -> float:
        """Longer side of its box, as a share of the picture."""
        left, top, right, bottom = self.latest.box
        return max(right - left, bottom - top)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a followed thing did."""

    kind: Literal["begun", "again", "moved", "ended"]
    start: float
    """[s]"""
    stop: float
    """[s]"""
    thing: Followed
    """As it is now."""
    origin: tuple[float, float] | None = None
    """Where it moved from."""
    lost: float | None = None
    """When it had been lost, for one that is seen again [s]."""


class FollowerState(msgspec.Struct, kw_only=True):
    """What is followed between two pictures."""

    active: list[Followed] = []
    lost: list[Followed] = []
    count: int = 0
    trails: list[tuple[int, list[Step]]] = []
    """Numbers and trails of what was lost since they were last taken."""


class Follower:
    """Follows sightings of one kind."""

    def __init__(self, kind: Kind, config: FollowerConfig, state: FollowerState | None = None):
        self.kind: Kind = kind
        self.config = config
        self.state = state or FollowerState()

    def __call__(self, sightings: list[Sighting], stamp: float) -> list[Turn]:
        """Take in the sightings of one picture and return what was done."""
        state = self.state
        pairs = self._assign(sightings, stamp)
        turns: list[Turn] = []
        for followed in state.active:
            followed.passed += 1
        for row, column in pairs:
            turns += self._see(state.active[row], sightings[column], stamp)
        taken = {column for _, column in pairs}
        for column, sighting in enumerate(sightings):
            if column not in taken:
                state.active.append(_begin(sighting, stamp))
        return turns + self._lose(stamp)

    def finish(self, stamp: float) -> list[Turn]:
        """Return what is ended by the end of the video."""
        turns = [
            Turn(kind="ended", start=followed.first, stop=followed.last, thing=followed)
            for followed in self.state.active
            if followed.number and followed.last >= stamp - self.config.patience
        ]
        for turn in turns:
            self._keep_trail(turn.thing)
        self.state.active = []
        return turns

    def believed(self) -> list[Followed]:
        """Return what is followed and believed."""
        return [followed for followed in self.state.active if followed.number]

    def take_trails(self) -> list[tuple[int, list[Step]]]:
        """Return where all that is believed was seen since the last call, by number."""
        state = self.state
        trails, state.trails = state.trails, []
        for followed in self.believed():
            trails.append((followed.number, followed.trail))
            followed.trail = []
        return [(number, trail) for number, trail in trails if trail]

    def _assign(self, sightings: list[Sighting], stamp: float) -> list[tuple[int, int]]:
        active = self.state.active
        if not active or not sightings:
            return []
        costs = np.array([[self._cost(a, s, stamp) for s in sightings] for a in active])
        rows, columns = linear_sum_assignment(costs)
        return [
            (int(row), int(column))
            for row, column in zip(rows, columns, strict=True)
            if costs[row, column] < _NEVER
        ]

    def _cost(self, followed: Followed, sighting: Sighting, stamp: float) -> float:
        if not _may_be_one(followed.latest, sighting):
            return _NEVER
        way = distance(followed.latest.centre, sighting.centre)
        reach = self.config.reach + self.config.speed * (stamp - followed.last)
        size = max(_size(followed.latest.box), _size(sighting.box)) / 2
        alike = float(np.minimum(followed.colours, sighting.colours).sum())
        if way > reach + size or (alike < self.config.alike and way > size):
            return _NEVER
        doubt = 0.0 if followed.number else 0.05  # What is believed has the first choice.
        return way + 0.3 * (1 - alike) + doubt

    def _see(self, followed: Followed, sighting: Sighting, stamp: float) -> list[Turn]:
        followed.last, followed.latest = stamp, sighting
        followed.trail.append(_step(sighting, stamp))
        followed.seen += 1
        followed.span = followed.passed
        followed.area = max(followed.area, sighting.area)
        followed.colours += (sighting.colours - followed.colours) / min(followed.seen, 50)
        followed.score += (sighting.score - followed.score) / min(followed.seen, 50)
        turns = self._believe(followed, stamp)
        if followed.number:
            turns += self._rest(followed, stamp)
        return turns

    def _believe(self, followed: Followed, stamp: float) -> list[Turn]:
        if followed.number or stamp - followed.first < self.config.confirmed:
            return []
        known = self._known(followed)
        if known is None:
            self.state.count += 1
            followed.number = self.state.count
            return [Turn(kind="begun", start=followed.first, stop=stamp, thing=followed)]
        self.state.lost = [lost for lost in self.state.lost if lost is not known]
        followed.number, followed.part = known.number, known.part
        return [
            Turn(kind="again", start=followed.first, stop=stamp, thing=followed, lost=known.last)
        ]

    def _known(self, followed: Followed) -> Followed | None:
        """Return the lost thing that this one is."""
        near = [
            lost
            for lost in self.state.lost
            if _may_be_one(lost.latest, followed.latest)
            and distance(lost.latest.centre, followed.entered.centre)
            < self.config.again + self.config.reach * self._haste(lost, followed)
            and np.minimum(lost.colours, followed.colours).sum() >= self.config.alike
        ]
        return min(
            near,
            key=lambda lost: distance(lost.latest.centre, followed.entered.centre),
            default=None,
        )

    def _haste(self, lost: Followed, followed: Followed) -> float:
        """Return 1 for what was lost a moment ago while it moved, 0 for what was at rest."""
        lately = followed.first - lost.last < 3 * self.config.patience
        return 1.0 if lately and lost.moving_since is not None else 0.0

    def _rest(self, followed: Followed, stamp: float) -> list[Turn]:
        here = followed.latest.centre
        if distance(here, followed.still_at) > self.config.moved / 2:
            followed.still_at, followed.still_since = here, stamp
        away = distance(here, followed.rest) > self.config.moved
        if away and followed.moving_since is None:
            followed.moving_since = stamp
        if followed.moving_since is None or stamp - followed.still_since < self.config.rested:
            return []
        began, origin = followed.moving_since, followed.rest
        followed.moving_since, followed.rest = None, here
        if not away:
            return []
        return [Turn(kind="moved", start=began, stop=followed.still_since, thing=followed,
                     origin=origin)]  # fmt: skip

    def _lose(self, stamp: float) -> list[Turn]:
        state, turns = self.state, []
        kept = []
        for followed in state.active:
            patience = self.config.patience if followed.number else self.config.confirmed
            if stamp - followed.last < patience:
                kept.append(followed)
            elif followed.number:
                turns.append(
                    Turn(kind="ended", start=followed.first, stop=followed.last, thing=followed)
                )
                self._keep_trail(followed)
                state.lost = [*state.lost, followed][-self.config.remembered :]
        state.active = kept
        return turns

    def _keep_trail(self, followed: Followed) -> None:
        """Keep the trail of something that is followed no more."""
        self.state.trails.append((followed.number, followed.trail))
        followed.trail = []


def _begin(sighting: Sighting, stamp: float) -> Followed:
    return Followed(
        number=0,
        first=stamp,
        last=stamp,
        seen=1,
        passed=1,
        span=1,
        latest=sighting,
        entered=sighting,
        colours=sighting.colours.astype(np.float32).copy(),
        area=sighting.area,
        score=sighting.score,
        rest=sighting.centre,
        still_at=sighting.centre,
        still_since=stamp,
        trail=[_step(sighting, stamp)],
    )


def _step(sighting: Sighting, stamp: float) -> Step:
    return Step(stamp, sighting.box, sighting.score, sighting.outline)


def _may_be_one(a: Sighting, b: Sighting) -> bool:
    return a.group == b.group and a.name == b.name


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return how far two points are from each other."""
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
