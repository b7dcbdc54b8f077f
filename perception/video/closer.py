"""A second, closer look at a part of a video: more pictures a second, and larger ones.

What it shows is written to the memory, so that nobody has to look there again (VideoLucy,
arXiv:2510.12422, looks again for every question and forgets).
"""

from pathlib import Path

import cv2
import msgspec
import numpy as np

from embodied_mem.config import Config
from embodied_mem.errors import BackendError
from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.intervals import Interval, without
from embodied_mem.memory.events.records import EventRow, VideoRow
from embodied_mem.video.samples import Sample, Samples, quick_digest
from perception.video.intake import IntakeConfig
from perception.video.look import GridLook
from perception.video.watcher import Seen, Watcher, WatcherConfig


class CloserConfig(Config, frozen=True):
    """How much closer."""

    rate: float = 4.0
    """So many times as many pictures a second."""
    side: float = 2.0
    """So many times as large pictures."""
    least: float = 0.25
    """So much smaller things count."""
    before: float = 3.0
    """The background is learned from so long before the part [s]."""
    known: float = 1.0
    """What is like a known event and so near to it is that event [s]."""


class Closer:
    """Looks again at parts of videos, and writes what it sees."""

    def __init__(self, index: EventIndex, config: CloserConfig | None = None):
        self.index = index
        self.config = config or CloserConfig()
        self.seconds = 0.0
        """How much of videos was looked at again [s]."""

    def __call__(self, video: int, part: Interval) -> int:
        """Look at a part of a video again. Returns how many events are new.

        What was looked at closely before is left out.

        Args:
            video: Its number in the index.
            part: The times of it [s].

        Raises:
            BackendError: The video is not there any more, or is another one.
        """
        row = next(known for known in self.index.videos() if known.id == video)
        pieces = without(part, self.index.looks(video))
        return sum(self._look(row, piece) for piece in pieces)

    def _look(self, video: VideoRow, part: Interval) -> int:
        samples, watcher = self._open(video, part)
        batch, shown = Batch(seconds=0.0), []
        begin = part[0] - self.config.before
        for sample in samples.between(samples.position_of(begin), part[1] + self.config.known):
            if sample.stamp >= begin:
                self._note(batch, watcher(sample.rgb, sample.stamp))
                shown.append(sample)
        if shown:
            self._note(batch, watcher.finish(shown[-1].stamp))
            batch.events = self._new(batch.events, video.id, part, shown[0].stamp)
        for event in batch.events:
            _illustrate(event, shown, batch)
        named = {thing for event in batch.events for thing, _ in event.things}
        batch.things = [thing for thing in batch.things if thing.id in named]
        self.index.refine(video.id, part, batch)
        self.seconds += part[1] - part[0]
        return len(batch.events)

    def _open(self, video: VideoRow, part: Interval) -> tuple[Samples, Watcher]:
        if not Path(video.path).exists() or quick_digest(video.path) != video.quick:
            raise BackendError(
                f"{video.path} is gone or has changed; what is not in the memory cannot be looked "
                "at again."
            )
        settings = msgspec.json.decode(video.settings, type=IntakeConfig)
        config = self.config
        samples = Samples(
            video.path,
            rate=settings.rate * config.rate,
            side=round(settings.side * config.side),
            folder_rate=settings.folder_rate,
            topic=settings.topic,
        )
        closer = _closer(settings.recorder.watcher, config)
        prefix = f"v{video.id}at{round(1000 * part[0])}"  # [ms]; no two looks begin together.
        return samples, Watcher(video.id, closer, GridLook(), prefix=prefix)

    def _note(self, batch: Batch, seen: Seen) -> None:
        batch.events += seen.events
        batch.things += seen.things

    def _new(
        self, events: list[EventRow], video: int, part: Interval, begun: float
    ) -> list[EventRow]:
        """Return the events of a part that are not known yet.

        They begin in it; or they last into it, and began after the look did, so that it is known
        when.
        """
        known = self.index.events(
            "video = ? AND level = 'moment' AND start < ? AND stop > ?",
            (video, part[1] + 1, part[0] - self.config.before - 1),
        )
        return [
            event
            for event in events
            if (part[0] <= event.start or begun < event.start < part[0] < event.stop)
            and event.start < part[1]
            and not any(_same(event, other, self.config.known) for other in known)
        ]


def _closer(watcher: WatcherConfig, config: CloserConfig) -> WatcherConfig:
    """Return how to look, so much closer."""
    change = msgspec.structs.replace
    return change(
        watcher,
        side=round(watcher.side * config.side),
        movers=change(watcher.movers, least=watcher.movers.least * config.least),
        things=change(watcher.things, least=watcher.things.least * config.least),
        follow_movers=change(
            watcher.follow_movers, confirmed=watcher.follow_movers.confirmed / config.rate
        ),
        follow_things=change(
            watcher.follow_things, confirmed=watcher.follow_things.confirmed / config.rate
        ),
        beginning=0.0,
    )


def _same(a: EventRow, b: EventRow, gap: float) -> bool:
    """Return whether two events may be one: of a kind, at one time; small things at one place.

    What a part shows of something that lasts longer is cut off at its ends, and what moves is in
    another region by then. Rather is something new taken for what is known than counted twice.
    """
    together = a.start <= b.stop + gap and b.start <= a.stop + gap
    moves = a.kind in {"came", "left", "visit"}
    return a.kind == b.kind and together and (moves or a.region == b.region)


def _illustrate(event: EventRow, shown: list[Sample], batch: Batch) -> None:
    """Give an event its positions and a key frame."""
    middle = (event.start + event.stop) / 2
    first = min(shown, key=lambda sample: abs(sample.stamp - event.start))
    last = min(shown, key=lambda sample: abs(sample.stamp - event.stop))
    best = min(shown, key=lambda sample: abs(sample.stamp - middle))
    event.first, event.last = first.position, last.position
    event.picture = f"v{event.video}-{best.position}-closer.jpg"
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(best.rgb[..., ::-1]))
    assert done, "OpenCV writes any 8-bit picture as JPEG"
    batch.pictures[event.picture] = data.tobytes()
