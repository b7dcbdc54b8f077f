"""`embodied-mem video track`: objects followed through a video, from masks to masks."""

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.video_commands import VideoTrack
from embodied_mem.app.video_run import OVERLAY, TRACKS, Settings, Summary, VideoRun
from embodied_mem.errors import BackendError, ConfigError, FrameError
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.runtime.interrupts import deferred_interrupts
from embodied_mem.video.ahead import WriteBehind, read_ahead
from embodied_mem.video.annotations import (
    Annotations,
    annotations_from_points,
    read_annotations,
)
from embodied_mem.video.frames import FrameFolder, FrameSource, VideoFrame, open_frames
from embodied_mem.video.overlay import OverlayVideo, draw_overlay
from perception.compact.weights import SHIPPED
from perception.devices import choose_device
from perception.xmem.loading import load_network
from perception.xmem.looks import Look
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

_log = logging.getLogger(__name__)
_AHEAD = 8
"""Frames read ahead, and masks waiting to be written."""


def track_video(command: VideoTrack) -> int:
    """Follow the objects through what is not done yet, write everything, print a table."""
    configure_logging()
    config = _tracker_config(command)
    device = command.device or ("cuda" if torch.cuda.is_available() else "cpu")
    choose_device(device)  # Refused before hours of work.
    if command.save_every < 1:
        raise ConfigError(f"save_every must be at least 1 frame, got {command.save_every}.")
    if command.tracks:
        import embodied_mem.video.coco  # noqa: F401, PLC0415 - an extra: missed before hours of work.
    source = open_frames(command.source)
    annotations = _annotations(command, source)
    weights = _weights(command.weights)
    settings = Settings(
        source=_digest_of_source(source),
        annotations=annotations.digest,
        weights=_digest_of_weights(weights),
        tracker=config,
    )
    run = VideoRun(
        Path(command.out), settings, largest=annotations.largest, palette=annotations.palette
    )
    if run.done is None:
        tracker, start = run.resume(load_network(weights), config, device)
        if start:
            console.print(f"going on with frame {start} of {command.source}")
        run.finish(_follow(command, run, source, annotations, tracker, start))
    _write_extras(command, run, source)
    assert run.done is not None, "finished above"
    _show(run.done, run.folder)
    return 0


def _tracker_config(command: VideoTrack) -> TrackerConfig:
    long_term = command.long_term > 0
    memory = FeatureStoreConfig(
        long_term=long_term,
        max_long_term=command.long_term if long_term else FeatureStoreConfig().max_long_term,
    )
    return TrackerConfig(
        memory=memory,
        memory_every=command.every,
        max_internal_size=command.size,
        precision=command.precision,
        look_ahead=command.look_ahead,
    )


def _annotations(command: VideoTrack, source: FrameSource) -> Annotations:
    if (command.masks is None) == (command.points is None):
        raise ConfigError(
            "say what to follow: either `--masks DIR_OR_FILE` or `--points FILE`, and not both."
        )
    if command.points is not None:
        annotations = annotations_from_points(command.points)
    else:
        annotations = read_annotations(str(command.masks), source)
    strays = annotations.strays(source, source.count)
    if len(strays) == len(annotations.by_frame):
        frames = (
            f"frames are called {source.names[0]} to {source.names[-1]}"
            if isinstance(source, FrameFolder) and not annotations.numbered
            else f"frames are numbered from 0 to {(source.count or 1) - 1}"
        )
        raise FrameError(
            f"nothing in {annotations.origin} is of a frame of {source.path}: it is for "
            f"{', '.join(strays[:3])}, and {frames}."
        )
    if strays:
        _log.warning(
            "%d masks in %s are of no frame: %s", len(strays), annotations.origin,
            ", ".join(strays[:5]),
        )  # fmt: skip
    return annotations


def _follow(
    command: VideoTrack,
    run: VideoRun,
    source: FrameSource,
    annotations: Annotations,
    tracker: ObjectTracker,
    start: int,
) -> Summary:
    """Step through the frames from `start` on; on Ctrl-C keep where that was."""
    position, began = start, time.perf_counter()

    def write(item: tuple[str, np.ndarray]) -> None:
        run.write_mask(*item)

    with (
        _bar("following", source.count, start) as (bar, task),
        deferred_interrupts() as check,
        closing(read_ahead(source.frames(start), _AHEAD)) as frames,
        WriteBehind(write, _AHEAD) as writer,
    ):
        for frame, view in _views(frames, tracker):
            found = _step(tracker, source, annotations, frame, view)
            if found is not None:
                writer.put((frame.name, found))
            position = frame.index + 1
            bar.update(task, completed=position)
            try:
                check()
            except KeyboardInterrupt:
                writer.flush()
                run.save(tracker, position)
                console.print(f"interrupted after frame {position - 1}; the same command goes on.")
                raise
            if position % command.save_every == 0:
                writer.flush()
                run.save(tracker, position)
    return _summary(run, source, tracker, position, (position - start, began))


def _views(
    frames: Iterable[VideoFrame], tracker: ObjectTracker
) -> Iterator[tuple[VideoFrame, np.ndarray | Look | None]]:
    """Yield each frame and what to step with; several are encoded at once where asked for."""
    ahead, left = tracker.config.look_ahead, iter(frames)
    while some := list(islice(left, ahead)):
        views: list[np.ndarray | Look | None] = [frame.rgb for frame in some]
        if ahead > 1 and tracker.objects:
            looks = iter(tracker.look([frame.rgb for frame in some if frame.rgb is not None]))
            views = [None if frame.rgb is None else next(looks) for frame in some]
        yield from zip(some, views, strict=True)


def _step(
    tracker: ObjectTracker,
    source: FrameSource,
    annotations: Annotations,
    frame: VideoFrame,
    view: np.ndarray | Look | None,
) -> np.ndarray | None:
    """Return the ids in a frame; None where it cannot be read."""
    if view is None:
        lost = annotations.key(source, frame) in annotations.by_frame
        _log.warning(
            "frame %s cannot be read and is skipped%s", frame.name,
            ", with the mask that was given for it" if lost else "",
        )  # fmt: skip
        return None
    return tracker.step(view, annotations.of(source, frame)).ids


def _summary(
    run: VideoRun,
    source: FrameSource,
    tracker: ObjectTracker,
    frames: int,
    pace: tuple[int, float],
) -> Summary:
    if frames == 0:
        raise BackendError(f"{source.path} holds no frames that can be decoded.")
    if not tracker.objects:
        raise FrameError(f"no frame of {source.path} got a mask: nothing was followed.")
    done, began = pace
    return Summary(
        frames=frames,
        skipped=frames - len(run.names()),
        missing=max(0, (source.count or 0) - frames),
        objects=len(tracker.objects),
        frames_per_second=done / (time.perf_counter() - began),
        work_elements=tracker.memory.work_size,
        long_elements=tracker.memory.long_size,
        memory_bytes=tracker.memory.nbytes,
    )


def _write_extras(command: VideoTrack, run: VideoRun, source: FrameSource) -> None:
    """Write what is made of masks alone, where it is not there yet."""
    tracks, overlay = run.folder / TRACKS, run.folder / OVERLAY
    if command.tracks and not tracks.exists():
        from embodied_mem.video.coco import write_coco  # noqa: PLC0415 - an extra.

        write_coco(tracks, _written(run))
    if command.overlay and not overlay.exists():
        rate = source.rate or Fraction(command.fps).limit_denominator(1001)
        with (
            _bar("drawing", source.count, 0) as (bar, task),
            closing(read_ahead(source.frames(), _AHEAD)) as frames,
            OverlayVideo(overlay, rate) as video,
        ):
            for frame in frames:
                ids = run.read_mask(frame.name)
                if frame.rgb is not None and ids is not None:
                    video.write(draw_overlay(frame.rgb, ids, run.palette))
                bar.update(task, completed=frame.index + 1)


def _written(run: VideoRun) -> Iterator[tuple[str, np.ndarray]]:
    for name in run.names():
        ids = run.read_mask(name)
        assert ids is not None, "listed just now"
        yield f"{name}.png", ids


def _weights(path: str | None) -> Path:
    """Choose the weights: those that are given, else those that come with the package."""
    if path is not None:
        return Path(path)
    if not SHIPPED.is_file():
        raise ConfigError(
            "no weights of a tracker come with this package: give `--weights FILE`, XMem's "
            "published checkpoint (XMem.pth) or what `embodied-mem train tracker` wrote."
        )
    return SHIPPED


def _digest_of_weights(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"cannot read weights from {path}: {error.strerror}. Give the path of XMem's published "
            "checkpoint (XMem.pth), or of another one of its shapes."
        ) from error


def _digest_of_source(source: FrameSource) -> str:
    path = source.path
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    text = "\n".join(f"{file.name} {file.stat().st_size}" for file in files)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _bar(words: str, total: int | None, completed: int) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, transient=True) as bar:
        yield bar, bar.add_task(words, total=total, completed=completed)


def _show(summary: Summary, folder: Path) -> None:
    if summary.skipped:
        console.print(f"[yellow]{summary.skipped} frames could not be read and have no mask[/]")
    if summary.missing:
        console.print(
            f"[yellow]the video promises {summary.missing} frames more than could be read: it is "
            "truncated or damaged[/]"
        )
    table = Table()
    for name in ("frames", "objects", "frames/s", "working", "long-term", "memory"):
        table.add_column(name, justify="right")
    table.add_row(
        str(summary.frames),
        str(summary.objects),
        f"{summary.frames_per_second:.1f}",
        f"{summary.work_elements} el.",
        f"{summary.long_elements} el.",
        f"{summary.memory_bytes / 2**20:.1f} MiB",
    )
    console.print(table)
    console.print(f"masks and all else: {folder}")
