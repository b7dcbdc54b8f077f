"""Chunks of videos, looked at by the workers of a Ray cluster; the memory is written here."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import msgspec

from embodied_mem.app.video_detector import detector_name
from embodied_mem.app.video_look import LookChoice, build_look
from embodied_mem.errors import BackendError, MissingExtraError
from embodied_mem.memory.events import checkpoint
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.runtime.interrupts import immediate_interrupts
from embodied_mem.runtime.ordering import in_order
from embodied_mem.runtime.workers import Answer
from embodied_mem.video.ahead import read_ahead
from embodied_mem.video.samples import quick_digest
from perception.video.chunks import Chunk, Observation, observe
from perception.video.detecting import VideoDetector, VideoDetectorConfig
from perception.video.intake import (
    IntakeConfig,
    Observed,
    chunks_left,
    open_samples,
    video_digest,
)
from perception.video.recorder import RecorderState


class ChunkJob(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk of a video, to be looked at by some worker."""

    path: str
    """Where the video lies, on every machine."""
    quick: str
    """Digest of its size and ends."""
    config: IntakeConfig
    look: LookChoice
    detector: VideoDetectorConfig | None
    chunk: Chunk
    after: int | None
    """Position of the last picture that is known."""


class Observations(msgspec.Struct, frozen=True):
    """What a worker saw."""

    rows: list[Observation]


def look_at(job: ChunkJob) -> bytes:
    """Look at a chunk, on one thread.

    Raises:
        BackendError: The file is missing or another one on this machine.
        ConfigError: So are the weights.
        WeightsError: A detector's are missing.
    """
    cv2.setNumThreads(1)
    if quick_digest(job.path) != job.quick:
        raise BackendError(f"{job.path} is another file on a machine of the cluster.")
    built = build_look(job.look)
    if built.name != job.config.look:
        raise BackendError(f"{job.look.weights} are other weights on a machine of the cluster.")
    samples = open_samples(job.path, job.config, threads=1)
    observations = observe(
        samples, job.chunk, job.config.observe, built.look,
        detector=_detector(job), after=job.after,
    )  # fmt: skip
    return checkpoint.encode(Observations(list(observations)))


def _detector(job: ChunkJob) -> VideoDetector | None:
    if job.detector is None:
        return None
    if detector_name(job.detector) != job.config.detector:
        raise BackendError("a machine of the cluster has another detector's weights.")
    return VideoDetector(job.detector)


@contextmanager
def observed_by_ray(
    index: EventIndex,
    sources: Sequence[str],
    config: IntakeConfig,
    look: LookChoice,
    detector: VideoDetectorConfig | None,
    address: str,
) -> Iterator[Observed]:
    """Have what is left of all videos looked at in a cluster, in order, while it is asked for.

    Raises:
        ConfigError: No cluster answers, or it has another release.
        MissingExtraError: Ray is not installed.
    """
    try:
        from embodied_mem.runtime.ray_jobs import connected, run_ray_jobs  # noqa: PLC0415 - an extra.
    except ModuleNotFoundError as error:
        raise MissingExtraError("looking at videos on a Ray cluster", "ray") from error
    jobs = _jobs(index, sources, config, look, detector)
    if not jobs:
        yield _Answers(iter(()), set())
        return
    with (
        connected(address),
        closing(run_ray_jobs(jobs, look_at, address=address)) as answers,
        # A thread waits for answers, so that workers get their next chunk while one is told here.
        closing(read_ahead(in_order(answers, list(jobs)), 1)) as ordered,
    ):
        yield _Answers(ordered, set(jobs))


class _Answers:
    """Gives out what workers saw, a chunk at a time."""

    def __init__(self, ordered: Iterator[Answer[bytes]], coming: set[str]):
        self._ordered = ordered
        self._coming = coming

    def __call__(self, digest: str, chunk: Chunk) -> Generator[Observation, None, None]:
        """Yield the observations of a chunk; those that nobody asked for before are passed by."""
        wanted = _key(digest, chunk)
        while wanted in self._coming:
            with immediate_interrupts():
                answer = next(self._ordered)
            self._coming.remove(answer.key)
            if answer.key == wanted and answer.result is not None:
                yield from checkpoint.decode(answer.result, Observations).rows
                return
            if answer.key == wanted:
                raise BackendError(f"a part of a video could not be looked at: {answer.error}")
        raise BackendError("another part of this video could not be looked at before.")


def _jobs(
    index: EventIndex,
    sources: Sequence[str],
    config: IntakeConfig,
    look: LookChoice,
    detector: VideoDetectorConfig | None,
) -> dict[str, ChunkJob]:
    """Return what is to be looked at; sources that cannot be read come up when it is their turn."""
    jobs: dict[str, ChunkJob] = {}
    if look.weights is not None:  # A worker's folder is another one.
        look = msgspec.structs.replace(look, weights=str(Path(look.weights).resolve()))
    for source in sources:
        try:
            samples, digest = open_samples(source, config), video_digest(source, config)
        except BackendError:
            continue
        known = next((video for video in index.videos() if video.digest == digest), None)
        if known is not None and known.done:
            continue
        state = None if known is None else index.checkpoint(known.id)
        written = None if state is None else checkpoint.decode(state, RecorderState)
        for chunk, after in chunks_left(samples, config.recorder.chunks, written):
            jobs[_key(digest, chunk)] = ChunkJob(
                path=str(Path(source).resolve()), quick=quick_digest(source), config=config,
                look=look, detector=detector, chunk=chunk, after=after,
            )  # fmt: skip
    return jobs


def _key(digest: str, chunk: Chunk) -> str:
    return f"{digest} {chunk.start}"
