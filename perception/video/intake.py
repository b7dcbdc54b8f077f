"""A video into a memory: read, look, record, write; from where an earlier run was cut off."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import msgspec

from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.video.samples import Samples, content_digest, quick_digest
from perception.video.chunks import (
    Chunk,
    ChunksConfig,
    Observation,
    ObserveConfig,
    chunks_of,
    observe,
)
from perception.video.detecting import VideoDetector
from perception.video.look import Look
from perception.video.recorder import Recorder, RecorderConfig, RecorderState

_AHEAD = 16
"""Pictures that are decoded ahead."""
_SHORT = 0.9
"""A source that holds less than this share of what it promises was cut short."""


Observed = Callable[[str, Chunk], Generator[Observation, None, None]]
"""Gives the observations of a chunk of the video of a digest that was looked at elsewhere, behind
what is in the index; raises a BackendError where that failed."""


class IntakeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that the content of a memory depends on, besides the video."""

    rate: float
    """Pictures a second [1/s]."""
    side: int
    """Longer side of a picture [px]."""
    folder_rate: float
    """Images a second of a folder [1/s]."""
    topic: str = ""
    """Images of a bag that are wanted; of the only topic of them by default."""
    look: str
    """What describes a whole picture: `grid`, or a network and the digest of its weights."""
    recorder: RecorderConfig = RecorderConfig()
    detector: str | msgspec.UnsetType = msgspec.UNSET
    """What finds things: its settings, with digests for its files; unset for motion and colours.
    What is unset is not written, so that settings from before there were detectors are the same."""
    masks: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether outlines of what moves and of coloured things are kept; a detector's always are."""

    @property
    def observe(self) -> ObserveConfig:
        """How the pictures are looked at."""
        return msgspec.structs.replace(self.recorder.observe, outlined=self.masks is True)


def no_progress(seconds: float) -> None:
    """Tell nobody."""


def no_check() -> None:
    """Go on."""


def take_in(  # noqa: PLR0913 - those with a default are seams, each of its own.
    index: EventIndex,
    path: str | Path,
    config: IntakeConfig,
    look: Look,
    *,
    detector: VideoDetector | None = None,
    progress: Callable[[float], None] = no_progress,
    check: Callable[[], None] = no_check,
    observed: Observed | None = None,
) -> VideoRow:
    """Take a video into an index; one that is in it is left as it is, a part is gone on with.

    Args:
        index: Open for writing.
        path: A video file, a folder of images, a recording or a bag.
        config: How.
        look: What `config.look` names.
        detector: What `config.detector` names.
        progress: Told how far it is [s].
        check: Called after each picture; may raise, and nothing written is lost.
        observed: Gives what was observed elsewhere; without it, chunks are looked at here.

    Raises:
        BackendError: It cannot be read, or holds no pictures that can be decoded.
        ConfigError: It was begun with other settings, or the index with another detector.
        StoreError: The index cannot be written.
    """
    intake = Intake(index, path, config)
    for chunk, after in intake.left():
        if observed is None:
            observations = observe(
                intake.samples, chunk, config.observe, look,
                detector=detector, after=after, ahead=_AHEAD,
            )  # fmt: skip
        else:
            observations = observed(intake.video.digest, chunk)
        with closing(observations):
            for observation in observations:
                intake.add(observation)
                progress(observation.stamp)
                check()
    return intake.finish()


class Intake:
    """A video on its way into an index, an observation at a time."""

    def __init__(self, index: EventIndex, path: str | Path, config: IntakeConfig):
        """Begin a video, or go on with it behind what is written.

        Raises:
            BackendError: It cannot be read.
            ConfigError: It was begun with other settings, or the index with another detector.
            StoreError: The index cannot be written.
        """
        _check_detector(index, config)
        self.index, self.path = index, path
        self.samples = open_samples(path, config)
        settings = msgspec.json.encode(config).decode()
        self.video = index.begin(
            VideoRow(
                id=0,
                name=Path(path).name,
                path=str(Path(path).resolve()),
                digest=video_digest(path, config),
                quick=quick_digest(path),
                settings=settings,
                seconds=0.0,
                done=False,
                note="",
            )
        )
        if not self.video.done and self.video.settings != settings:
            raise ConfigError(
                f"{path} was begun with other settings in {index.store.path}. Give the same again "
                "to go on, or another `--store`."
            )
        self._chunks = config.recorder.chunks
        if not self.video.done:
            index.remove_strays(self.video.id)
            state = index.checkpoint(self.video.id)
            self._recorder = Recorder(self.video.id, config.recorder, index.places(), state)

    def left(self) -> list[tuple[Chunk, int | None]]:
        """Return the chunks to be observed, and the last position in each that is known."""
        if self.video.done:
            return []
        return chunks_left(self.samples, self._chunks, self._recorder.state)

    def add(self, observation: Observation) -> None:
        """Take in what was observed next."""
        batch = self._recorder(observation)
        if batch is not None:
            self.index.add(self.video.id, batch)

    def finish(self) -> VideoRow:
        """Write the end of the video.

        Raises:
            BackendError: It held no pictures that can be decoded.
        """
        if self.video.done:
            return self.video
        state = self._recorder.state
        if state.position is None:
            self.index.forget(self.video.id)
            raise BackendError(f"{self.path} holds no pictures that can be decoded.")
        self.index.add(self.video.id, self._recorder.finish(_note(self.samples, state.stamp)))
        return next(known for known in self.index.videos() if known.id == self.video.id)


def open_samples(path: str | Path, config: IntakeConfig, threads: int | None = None) -> Samples:
    """Open a video as it is taken in.

    Args:
        path: A video file, a folder of images, a recording or a bag.
        config: How it is taken in.
        threads: Threads that decode; as many as the decoder likes by default.

    Raises:
        BackendError: It cannot be read.
    """
    return Samples(
        path,
        rate=config.rate,
        side=config.side,
        folder_rate=config.folder_rate,
        threads=threads,
        topic=config.topic,
    )


def video_digest(path: str | Path, config: IntakeConfig) -> str:
    """Return what a video is known by: the SHA-256 of its content, and of the topic of a bag.

    Raises:
        BackendError: It cannot be read.
    """
    digest = content_digest(path)
    if not config.topic:
        return digest
    return hashlib.sha256(f"{digest} {config.topic}".encode()).hexdigest()


def chunks_left(
    samples: Samples, config: ChunksConfig, state: RecorderState | None
) -> list[tuple[Chunk, int | None]]:
    """Return the chunks behind what was recorded, and the last position in each that is known."""
    position = None if state is None else state.position
    chunks = chunks_of(samples, config)
    if state is None or position is None:
        return [(chunk, None) for chunk in chunks]
    return [
        (chunk, position if chunk.start <= state.stamp else None)
        for chunk in chunks
        if chunk.stop is None or chunk.stop > state.stamp
    ]


class _Detector(msgspec.Struct):
    """What is needed of how a video was taken in."""

    detector: str | None = None


def detector_of(video: VideoRow) -> str | None:
    """Return what found the things of a video, as its settings name it; None where nothing did."""
    return msgspec.json.decode(video.settings, type=_Detector).detector


def _check_detector(index: EventIndex, config: IntakeConfig) -> None:
    """Refuse another detector than that of the videos before: what they are asked is compared."""
    for video in index.videos():
        known = detector_of(video)
        if known != (config.detector or None):
            before = "without a detector" if known is None else "with another, or set otherwise"
            raise ConfigError(
                f"a store keeps to one detector: the videos in {index.store.path} were looked at "
                f"{before}. Give the same again, or another `--store`."
            )


def _note(samples: Samples, stamp: float) -> str:
    """Say so where a source holds less than it promises."""
    step = 1 / float(samples.rate)
    if samples.promised is None or stamp + 2 * step >= _SHORT * samples.promised:
        return ""
    return f"cut short: {stamp:.1f} s of {samples.promised:.1f} s could be read"
