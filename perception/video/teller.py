"""Glances at a video in; what came, moved, was hidden and went out, as events.

This part goes through a whole video in order, whoever took the glances and where.
"""

import math

import msgspec
import numpy as np
from jaxtyping import Float32

from embodied_mem.memory.events.records import EventKind, EventRow, ThingRow
from perception.video import words
from perception.video.eye import Glance, WatcherConfig
from perception.video.follower import (
    Followed,
    Follower,
    FollowerState,
    Step,
    Turn,
    distance,
)
from perception.video.sighting import Kind


class TellerState(msgspec.Struct, kw_only=True):
    """What is known between two pictures."""

    movers: FollowerState
    things: FollowerState
    steady: bool = True
    shaken: float = -math.inf
    """When the camera last moved [s]."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one picture showed."""

    vector: np.ndarray
    """How it looks, of unit length, float32."""
    motion: float
    """Share of the picture that moves."""
    steady: bool
    """Whether the camera stands still."""
    events: list[EventRow]
    """What is certain now, in order of the time when it became so."""
    boundaries: list[tuple[float, str]]
    """Times at which something came, went or was hidden [s], and why."""
    things: list[ThingRow]
    """What is known of things that the events name."""


class Teller:
    """Tells what the glances at one video mean, one after another."""

    def __init__(
        self,
        video: int,
        config: WatcherConfig,
        state: TellerState | None = None,
        *,
        prefix: str | None = None,
    ):
        """Begin, or go on.

        Args:
            video: Its number in the index.
            config: How to look.
            state: What it knew before.
            prefix: Of the ids of things; of the video by default.
        """
        self.video, self.config = video, config
        self._prefix = prefix or f"v{video}"
        known = state or TellerState(movers=FollowerState(), things=FollowerState())
        self._movers = Follower("mover", config.follow_movers, known.movers)
        self._things = Follower("thing", config.follow_things, known.things)
        self._steady, self._shaken = known.steady, known.shaken
        self._events: list[EventRow] = []
        self._boundaries: list[tuple[float, str]] = []
        self._rows: dict[str, ThingRow] = {}

    @property
    def state(self) -> TellerState:
        """Return what is needed to go on."""
        return TellerState(
            movers=self._movers.state,
            things=self._things.state,
            steady=self._steady,
            shaken=self._shaken,
        )

    def __call__(self, glance: Glance, stamp: float) -> Seen:
        """Take in the glance at the next picture."""
        self._steady = glance.steady
        if not glance.steady:
            self._shaken = stamp
        turns = self._movers(glance.movers, stamp)
        thing_turns = self._things(glance.things, stamp)
        self._mark_parts(thing_turns)
        for turn in turns:
            self._tell_mover(turn, stamp)
        self._establish()
        for turn in thing_turns:
            self._tell_thing(turn, stamp)
        return self._seen(glance.vector, glance.motion)

    def finish(self, stamp: float) -> Seen:
        """Tell what the end of the video ends."""
        for turn in self._movers.finish(stamp):
            self._tell_mover(turn, stamp, to_end=True)
        for turn in self._things.finish(stamp):
            self._tell_thing(turn, stamp, to_end=True)
        return self._seen(np.zeros(0, np.float32), 0.0)

    def present(self, start: float, stop: float) -> list[str]:
        """Return what that moves was there between two times [s], a sentence each."""
        known = self._movers.state.active + self._movers.state.lost
        return [
            words.present(mover)
            for mover in known
            if mover.told and mover.first < stop and mover.last > start
        ]

    def take_trails(self) -> dict[str, list[Step]]:
        """Return where everything was seen since the last call, by its id, in order of time."""
        trails: dict[str, list[Step]] = {}
        for follower in (self._movers, self._things):
            for number, trail in follower.take_trails():
                trails.setdefault(self._id(follower.kind, number), []).extend(trail)
        return trails

    def _id(self, kind: Kind, number: int) -> str:
        return f"{self._prefix}-{kind}-{number}"

    def _seen(self, vector: Float32[np.ndarray, "d"], motion: float) -> Seen:
        seen = Seen(
            vector=vector,
            motion=motion,
            steady=self._steady,
            events=self._events,
            boundaries=self._boundaries,
            things=list(self._rows.values()),
        )
        self._events, self._boundaries, self._rows = [], [], {}
        return seen

    # -- what moves ------------------------------------------------------------------------------

    def _establish(self) -> None:
        """Tell the coming of movers that have stayed long enough to be no part of another."""
        for mover in self._movers.believed():
            if not mover.told and mover.last - mover.first >= self.config.stay:
                self._tell_coming(mover)

    def _tell_coming(self, mover: Followed) -> None:
        mover.told = True
        if mover.first > self.config.beginning:
            self._boundaries.append((mover.first, "came"))
            self._tell("came", "mover", mover, (mover.first, mover.first),
                       words.came("mover", mover))  # fmt: skip

    def _tell_mover(self, turn: Turn, stamp: float, *, to_end: bool = False) -> None:
        mover = turn.thing
        if turn.kind != "ended":
            return
        if not mover.told:
            if self._is_part(mover):
                return
            self._tell_coming(mover)
        start = mover.first <= self.config.beginning
        still = to_end and mover.last >= stamp - self.config.beginning
        self._tell("visit", "mover", mover, (mover.first, mover.last),
                   words.stay("mover", mover, from_start=start, to_end=still))  # fmt: skip
        if not still:
            self._boundaries.append((mover.last, "left"))
            self._tell("left", "mover", mover, (mover.last, mover.last),
                       words.left("mover", mover))  # fmt: skip

    def _is_part(self, mover: Followed) -> bool:
        """Return whether something that moved briefly did so beside something that stayed.

        What has a name is a thing of its own.
        """
        if mover.latest.name:
            return False
        since = mover.first - self.config.follow_movers.patience
        return any(
            other.number != mover.number and other.first < mover.last and other.told
            for other in self._movers.state.active + self._movers.state.lost
            if other.last > since
        )

    # -- small things ----------------------------------------------------------------------------

    def _mark_parts(self, turns: list[Turn]) -> None:
        """Mark things without a name that appear on something that moves: they are parts of it."""
        for turn in turns:
            nameless = not turn.thing.latest.name
            if nameless and turn.kind == "begun" and turn.start > self.config.beginning:
                turn.thing.part = any(
                    _inside(point, mover.latest.box)
                    for mover in self._movers.state.active
                    for point in (turn.thing.entered.centre, turn.thing.latest.centre)
                )

    def _tell_thing(self, turn: Turn, stamp: float, *, to_end: bool = False) -> None:
        thing = turn.thing
        if thing.part or thing.steadiness < self.config.steady:
            return
        if turn.kind == "moved" and turn.origin is not None:
            if thing.latest.name and turn.start <= self._shaken:
                return  # The camera moved, not the thing.
            carriers = [m for m in self._movers.believed() if m.told and _touch(m, thing)]
            name = words.label("mover", carriers[0]) if carriers else ""
            self._tell("moved", "thing", thing, (turn.start, turn.stop),
                       words.moved("thing", thing, turn.origin, name),
                       others=[(self._name("mover", m), "with") for m in carriers])  # fmt: skip
        elif turn.kind == "again" and turn.lost is not None:
            self._boundaries.append((thing.first, "revealed"))
            self._tell("revealed", "thing", thing, (thing.first, thing.first),
                       words.revealed(thing, turn.lost))  # fmt: skip
        elif turn.kind == "ended":
            start = thing.first <= self.config.beginning
            still = to_end and thing.last >= stamp - self.config.beginning
            self._tell("presence", "thing", thing, (thing.first, thing.last),
                       words.stay("thing", thing, from_start=start, to_end=still))  # fmt: skip
            if not still and not thing.latest.at_edge:
                self._tell_hidden(thing)

    def _tell_hidden(self, thing: Followed) -> None:
        """Tell that a thing is hidden, where something is that may hide it."""
        kind, cover = self._cover(thing)
        if cover is None:
            return
        # A mover may only pass by; of things, the nearer is the likelier cover.
        nearness = 1 - _gap(cover, thing) / 2 if kind == "thing" else 0.5
        self._boundaries.append((thing.last, "hidden"))
        self._tell("hidden", "thing", thing, (thing.last, thing.last),
                   words.hidden(thing, kind, cover),
                   others=[(self._name(kind, cover), "cover")], doubt=1 - nearness)  # fmt: skip

    def _cover(self, thing: Followed) -> tuple[Kind, Followed | None]:
        """Return what came to where a thing was lost: the nearest thing, else what moves there."""
        near = [
            other
            for other in self._things.believed()
            if other.steadiness >= self.config.steady
            and (other.moving_since is not None
                 or other.still_since > thing.last - self.config.lately)
            and _gap(other, thing) < 1
        ]  # fmt: skip
        if near:
            return "thing", min(near, key=lambda other: _gap(other, thing))
        above = [m for m in self._movers.believed() if _inside(thing.latest.centre, m.latest.box)]
        return "mover", above[0] if above else None

    # -- telling ---------------------------------------------------------------------------------

    def _name(self, kind: Kind, thing: Followed) -> str:
        """Return the id of a thing, and note what is known of it."""
        name = self._id(kind, thing.number)
        self._rows[name] = ThingRow(
            id=name,
            video=self.video,
            kind=kind,
            label=words.label(kind, thing),
            first=thing.first,
            last=thing.last,
            box=thing.latest.box,
            region=words.region(thing.latest.centre),
            steadiness=thing.steadiness,
            colours=[float(share) for share in thing.colours],
        )
        return name

    def _tell(
        self,
        what: EventKind,
        kind: Kind,
        thing: Followed,
        interval: tuple[float, float],
        caption: str,
        *,
        others: list[tuple[str, str]] | None = None,
        doubt: float = 0.0,
    ) -> None:
        shown = thing.entered if what in {"came", "revealed"} else thing.latest
        where = thing.rest if what in {"visit", "presence"} else shown.centre
        self._events.append(
            EventRow(
                video=self.video,
                level="moment",
                kind=what,
                start=interval[0],
                stop=interval[1],
                first=0,
                last=0,
                caption=caption,
                confidence=round(thing.steadiness * thing.score * (1 - doubt), 3),
                region=words.region(where),
                box=shown.box,
                things=[(self._name(kind, thing), "it"), *(others or [])],
            )
        )


def _inside(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _gap(a: Followed, b: Followed) -> float:
    """Return the distance of two things, in sizes of both."""
    return distance(a.latest.centre, b.latest.centre) / (a.size + b.size)


def _touch(mover: Followed, thing: Followed) -> bool:
    """Return whether a thing is at or beside something that moves."""
    left, top, right, bottom = mover.latest.box
    margin = thing.size
    wide = (left - margin, top - margin, right + margin, bottom + margin)
    return _inside(thing.latest.centre, wide)
