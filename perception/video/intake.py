"""A video into a memory: read, look, record, write; from where an earlier run was cut off."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.video.ahead import read_ahead
from embodied_mem.video.samples import Sample, Samples, content_digest, quick_digest
from perception.video.look import Look
from perception.video.recorder import Recorder, RecorderConfig

_AHEAD = 16
"""Pictures that are decoded ahead."""
_SHORT = 0.9
"""A source that holds less than this share of what it promises was cut short."""


class IntakeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that the content of a memory depends on, besides the video."""

    rate: float
    """Pictures a second [1/s]."""
    side: int
    """Longer side of a picture [px]."""
    folder_rate: float
    """Images a second of a folder [1/s]."""
    look: str
    """What describes a whole picture: `grid`, or a network and the digest of its weights."""
    recorder: RecorderConfig = RecorderConfig()


def no_progress(seconds: float) -> None:
    """Tell nobody."""


def no_check() -> None:
    """Go on."""


def take_in(
    index: EventIndex,
    path: str | Path,
    config: IntakeConfig,
    look: Look,
    *,
    progress: Callable[[float], None] = no_progress,
    check: Callable[[], None] = no_check,
) -> VideoRow:
    """Take a video into an index; one that is in it is left as it is, a part is gone on with.

    Args:
        index: Open for writing.
        path: A video file or a folder of images.
        config: How.
        look: What `config.look` names.
        progress: Told how far it is [s].
        check: Called after each picture; may raise, and nothing written is lost.

    Raises:
        BackendError: It cannot be read, or holds no pictures that can be decoded.
        ConfigError: It was begun with other settings.
        StoreError: The index cannot be written.
    """
    samples = Samples(path, rate=config.rate, side=config.side, folder_rate=config.folder_rate)
    settings = msgspec.json.encode(config).decode()
    video = index.begin(
        VideoRow(
            id=0,
            name=Path(path).name,
            path=str(Path(path).resolve()),
            digest=content_digest(path),
            quick=quick_digest(path),
            settings=settings,
            seconds=0.0,
            done=False,
            note="",
        )
    )
    if video.done:
        return video
    if video.settings != settings:
        raise ConfigError(
            f"{path} was begun with other settings in {index.store.path}. Give the same again "
            "to go on, or another `--store`."
        )
    index.remove_strays(video.id)
    recorder = Recorder(video.id, config.recorder, look, index.places(), index.checkpoint(video.id))
    _record(index, samples, recorder, progress, check)
    if recorder.state.position is None:
        index.forget(video.id)
        raise BackendError(f"{path} holds no pictures that can be decoded.")
    index.add(video.id, recorder.finish(_note(samples, recorder.state.stamp)))
    return next(known for known in index.videos() if known.id == video.id)


def _record(
    index: EventIndex,
    samples: Samples,
    recorder: Recorder,
    progress: Callable[[float], None],
    check: Callable[[], None],
) -> None:
    with closing(read_ahead(_after(samples, recorder.state.position), _AHEAD)) as pictures:
        for sample in pictures:
            batch = recorder(sample)
            if batch is not None:
                index.add(recorder.video, batch)
            progress(sample.stamp)
            check()


def _after(samples: Samples, position: int | None) -> Iterator[Sample]:
    yield from samples.after(position)


def _note(samples: Samples, stamp: float) -> str:
    """Say so where a source holds less than it promises."""
    step = 1 / float(samples.rate)
    if samples.promised is None or stamp + 2 * step >= _SHORT * samples.promised:
        return ""
    return f"cut short: {stamp:.1f} s of {samples.promised:.1f} s could be read"
