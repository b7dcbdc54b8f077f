"""Observations of a video become segments, clips and moments, in bounded memory.

Each segment is one batch. It is written when its end is certain, some seconds after it. The state
at that moment goes with it, so that a run that is cut off goes on behind its last segment and ends
with the same rows.
"""

import msgspec
import numpy as np
from jaxtyping import Float32

from embodied_mem.config import Config
from embodied_mem.memory.events import checkpoint
from embodied_mem.memory.events.boundaries import (
    SurpriseBoundaries,
    SurpriseConfig,
    SurpriseState,
)
from embodied_mem.memory.events.index import Batch
from embodied_mem.memory.events.records import Detail, EventRow, PathRow, PlaceRow
from perception.video.chunks import ChunksConfig, Observation, ObserveConfig
from perception.video.eye import WatcherConfig
from perception.video.follower import Step
from perception.video.identities import MoverIdentityConfig
from perception.video.places import Places, PlacesConfig
from perception.video.teller import Seen, Teller, TellerState


class RecorderConfig(Config, frozen=True):
    """How a video is divided and kept."""

    watcher: WatcherConfig = WatcherConfig()
    chunks: ChunksConfig = ChunksConfig()
    surprise: SurpriseConfig = SurpriseConfig()
    places: PlacesConfig = PlacesConfig()
    identities: MoverIdentityConfig = MoverIdentityConfig()
    horizon: float = 6.0
    """A segment is written so long after its end [s]."""
    merged: float = 3.0
    """A surprise so near to something that came or went is that [s]."""
    shortest: float = 1.0
    """Least length of a segment [s]."""
    longest: float = 60.0
    """Greatest length of a segment [s]."""
    clip: float = 60.0
    """A clip ends with the first segment that makes it so long [s]."""
    quality: int = 85
    """JPEG quality of key frames, of 100."""
    glance: float = 1.5
    """The key frame of a coming shows what had come after so long [s]."""

    @property
    def observe(self) -> ObserveConfig:
        """How the pictures are looked at."""
        return ObserveConfig(watcher=self.watcher, chunks=self.chunks, quality=self.quality)


class Pending(msgspec.Struct, kw_only=True):
    """A picture that no written segment holds yet."""

    stamp: float
    position: int
    motion: float
    steady: bool
    vector: np.ndarray
    jpeg: bytes


class Cut(msgspec.Struct, kw_only=True):
    """A boundary to come."""

    stamp: float
    why: str
    surprise: float = 0.0


class RecorderState(msgspec.Struct, kw_only=True):
    """All that a recorder needs to go on."""

    teller: TellerState | None = None
    surprise: SurpriseState
    pending: list[Pending] = []
    cuts: list[Cut] = []
    events: list[EventRow] = []
    """Told and not written."""
    shown: dict[str, str] = {}
    """Key frames of the comings of what is there."""
    start: float = 0.0
    """Of the segment that is open [s]."""
    opened_by: str = "start"
    surprise_of_start: float = 0.0
    clip_start: float = 0.0
    clip_captions: list[str] = []
    clip_vectors: list[np.ndarray] = []
    origin: int = 0
    """Position of the first picture."""
    origin_stamp: float = 0.0
    """Its time [s]."""
    position: int | None = None
    """Of the last picture that was taken in."""
    stamp: float = 0.0
    """Of that picture [s]."""


class Recorder:
    """Takes in the observations of one video and gives out batches for the event index."""

    def __init__(
        self,
        video: int,
        config: RecorderConfig,
        places: list[PlaceRow],
        state: bytes | None = None,
    ):
        """Begin, or go on from a checkpoint.

        Args:
            video: Its number in the index.
            config: How it is divided.
            places: Those that the index knows.
            state: What the last batch's checkpoint holds.
        """
        self.video, self.config = video, config
        known = RecorderState(surprise=SurpriseState())
        if state is not None:
            known = checkpoint.decode(state, RecorderState)
        self.state = known
        self._teller = Teller(video, config.watcher, known.teller)
        self._surprise = SurpriseBoundaries(config.surprise, known.surprise)
        self._places = Places(video, config.places, places)
        self._batch = Batch(seconds=0.0)

    def __call__(self, observed: Observation) -> Batch | None:
        """Take in the next picture. Returns a batch when a segment is complete."""
        seen = self._teller(observed.glance, observed.stamp)
        self._note(seen)
        for at, surprise in self._surprise(seen.vector, observed.stamp):
            self._cut(Cut(stamp=at, why="surprise", surprise=surprise))
        state = self.state
        state.pending.append(
            Pending(
                stamp=observed.stamp,
                position=observed.position,
                motion=seen.motion,
                steady=seen.steady,
                vector=seen.vector.astype(np.float32),
                jpeg=observed.jpeg,
            )
        )
        if state.position is None:
            state.origin, state.origin_stamp = observed.position, observed.stamp
        state.position, state.stamp = observed.position, observed.stamp
        return self._close_due()

    def finish(self, note: str = "") -> Batch:
        """Return the last batch; the video is done."""
        state = self.state
        self._note(self._teller.finish(state.stamp))
        for cut in sorted(state.cuts, key=lambda cut: cut.stamp):
            if cut.stamp - state.start >= self.config.shortest:
                self._close(cut)
        state.cuts = []
        if state.pending:
            end = state.stamp + _step(state.pending)
            self._close(Cut(stamp=end, why="end"))
        if state.clip_captions:
            self._close_clip(state.start)
        batch = self._taken()
        batch.checkpoint, batch.note = None, note
        return batch

    def _note(self, seen: Seen) -> None:
        self.state.events += seen.events
        self._batch.things += seen.things
        for at, why in seen.boundaries:
            self._cut(Cut(stamp=at, why=why))

    def _cut(self, cut: Cut) -> None:
        """Note a boundary; what came or went takes the place of a surprise beside it."""
        state, near = self.state, self.config.merged
        if cut.why == "surprise":
            if any(abs(other.stamp - cut.stamp) < near for other in state.cuts):
                return
            if state.opened_by != "surprise" and cut.stamp - state.start < near:
                return
        else:
            state.cuts = [
                other
                for other in state.cuts
                if other.why != "surprise" or abs(other.stamp - cut.stamp) >= near
            ]
        state.cuts.append(cut)

    def _close_due(self) -> Batch | None:
        state, config = self.state, self.config
        due = state.stamp - config.horizon
        closed = False
        for cut in sorted(state.cuts, key=lambda cut: cut.stamp):
            if cut.stamp <= due:
                state.cuts = [other for other in state.cuts if other is not cut]
                if cut.stamp - state.start >= config.shortest:
                    self._close(cut)
                    closed = True
        if state.pending and due - state.start >= config.longest:
            self._close(Cut(stamp=state.start + config.longest, why="length"))
            closed = True
        return self._taken() if closed else None

    def _close(self, cut: Cut) -> None:
        """Write the open segment, which ends at a cut, and open the next."""
        state = self.state
        inside = [pending for pending in state.pending if pending.stamp < cut.stamp]
        if not inside:
            return
        self._segment(inside, cut.stamp)
        self._moments(cut.stamp)
        state.pending = state.pending[len(inside) :]
        state.start, state.opened_by = cut.stamp, cut.why
        state.surprise_of_start = cut.surprise
        if state.start - state.clip_start >= self.config.clip:
            self._close_clip(state.start)

    def _segment(self, inside: list[Pending], stop: float) -> None:
        state = self.state
        vector = _mean([pending.vector for pending in inside])
        shown = min(inside, key=lambda pending: float(np.linalg.norm(pending.vector - vector)))
        own = [event for event in state.events if state.start <= event.start < stop]
        caption = _segment_caption(own, inside, self._teller.present(state.start, stop))
        place = self._places(vector)
        self._batch.places = [row for row in self._batch.places if row.id != place.id] + [place]
        self._batch.events.append(
            EventRow(
                video=self.video,
                level="segment",
                kind="segment",
                start=state.start,
                stop=stop,
                first=inside[0].position,
                last=inside[-1].position,
                caption=caption,
                surprise=state.surprise_of_start,
                opened_by=state.opened_by,
                place=place.id,
                picture=self._picture(shown),
                vector=vector.astype(np.float16),
            )
        )
        state.clip_captions.append(caption)
        state.clip_vectors.append(vector)

    def _moments(self, stop: float) -> None:
        """Write what was told and began before a time, with key frames."""
        state = self.state
        for event in (event for event in state.events if event.start < stop):
            at = event.start
            if event.kind in {"came", "revealed"}:
                at += self.config.glance
            elif event.kind == "left":
                at -= self.config.glance
            shown = min(state.pending, key=lambda pending: abs(pending.stamp - at))
            event.first, event.last = self._position(event.start), self._position(event.stop)
            event.vector = shown.vector.astype(np.float16)
            event.picture = self._picture_of(event, shown)
            self._batch.events.append(event)
        state.events = [event for event in state.events if event.start >= stop]

    def _position(self, stamp: float) -> int:
        """Return the position of the picture of a time, which is linear in time."""
        state = self.state
        if state.position is None or state.stamp <= state.origin_stamp:
            return state.origin
        share = (stamp - state.origin_stamp) / (state.stamp - state.origin_stamp)
        return state.origin + round(share * (state.position - state.origin))

    def _picture_of(self, event: EventRow, shown: Pending) -> str:
        """Return an event's key frame; that of a visit shows the coming, long ago as it may be."""
        (thing, _), *_ = event.things
        if event.kind == "visit" and thing in self.state.shown:
            return self.state.shown.pop(thing)
        name = self._picture(shown)
        if event.kind == "came":
            self.state.shown[thing] = name
        return name

    def _close_clip(self, stop: float) -> None:
        state = self.state
        told = [caption for caption in state.clip_captions if caption != _QUIET]
        segments = [event for event in self._batch.events if event.level == "segment"]
        self._batch.events.append(
            EventRow(
                video=self.video,
                level="clip",
                kind="clip",
                start=state.clip_start,
                stop=stop,
                first=self._position(state.clip_start),
                last=segments[-1].last,
                caption=" ".join(told) or _QUIET,
                place=segments[-1].place,
                picture=segments[-1].picture,
                vector=_mean(state.clip_vectors).astype(np.float16),
            )
        )
        state.clip_start, state.clip_captions, state.clip_vectors = stop, [], []

    def _picture(self, shown: Pending) -> str:
        """Keep a key frame, and return its name."""
        name = f"v{self.video}-{shown.position}.jpg"
        self._batch.pictures[name] = shown.jpeg
        return name

    def _taken(self) -> Batch:
        """Return what is to be written, with the state to go on from."""
        batch, self._batch = self._batch, Batch(seconds=0.0)
        batch.paths = self._paths()
        self.state.teller = self._teller.state
        batch.seconds = self.state.stamp
        batch.checkpoint = checkpoint.encode(self.state)
        return batch

    def _paths(self) -> list[PathRow]:
        """Return where things were seen since the last batch."""
        return [
            PathRow(
                thing=thing,
                video=self.video,
                positions=np.array([self._position(step.stamp) for step in trail]),
                stamps=np.array([step.stamp for step in trail]),
                boxes=np.array([step.box for step in trail], np.float32),
                details=_details(trail),
            )
            for thing, trail in self._teller.take_trails().items()
        ]


_QUIET = "Nothing moved."


def _details(trail: list[Step]) -> list[Detail]:
    """Return scores and outlines; none where there is nothing to tell."""
    if all(step.score == 1.0 and step.outline is None for step in trail):
        return []
    return [Detail(step.score, step.outline) for step in trail]


def _segment_caption(own: list[EventRow], inside: list[Pending], present: list[str]) -> str:
    """Tell a segment in a few sentences."""
    told = list(dict.fromkeys(event.caption for event in own if event.kind != "visit"))
    if not all(pending.steady for pending in inside):
        told.insert(0, "The camera moved.")
    elif present and not told:
        told = present[:3]
    elif not told and max(pending.motion for pending in inside) > 0.01:
        told = ["Something moved."]
    return " ".join(told[:12]) or _QUIET


def _mean(vectors: list[Float32[np.ndarray, "d"]]) -> Float32[np.ndarray, "d"]:
    """Return the mean direction of some vectors."""
    mean = np.mean(vectors, axis=0)
    return (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)


def _step(pending: list[Pending]) -> float:
    """Return how long the last picture is shown, as far as the pictures tell [s]."""
    if len(pending) < 2:
        return 0.04
    return (pending[-1].stamp - pending[0].stamp) / (len(pending) - 1)
