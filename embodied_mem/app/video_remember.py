"""`embodied-mem video IN... --store DIR`: videos into a memory that can be asked questions."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from embodied_mem.app.console import configure_logging, console, plain
from embodied_mem.app.video_commands import VideoRemember
from embodied_mem.app.video_detector import chosen_detector, detector_name
from embodied_mem.app.video_look import BuiltLook, LookChoice, build_identities, build_look
from embodied_mem.app.video_ray import observed_by_ray
from embodied_mem.config import load_config
from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.memory.events.vectors import VectorSearch
from embodied_mem.runtime.interrupts import deferred_interrupts
from embodied_mem.video.folders import expanded
from perception.appearance import Describer
from perception.video.detecting import VideoDetector, VideoDetectorConfig
from perception.video.identities import identify_movers
from perception.video.intake import IntakeConfig, Observed, open_samples, take_in
from perception.video.look import Look
from perception.video.recorder import RecorderConfig


def remember_videos(command: VideoRemember) -> int:
    """Take in what is not in the store yet, say what could not be, and print a table."""
    configure_logging()
    detecting = chosen_detector(command)
    config, choice, built = _intake(command, detecting)
    by = command.identities
    parts = built.parts if by is None else build_identities(by, choice)
    detector = None
    if detecting is not None and command.ray is None:
        detector = VideoDetector(detecting)
    sources = expanded(command.sources)
    describe = _describer(command)
    failed = 0
    with EventIndex(command.store) as index, ExitStack() as stack:
        observed: Observed | None = None
        if command.ray is not None:
            observed = stack.enter_context(
                observed_by_ray(index, sources, config, choice, detecting, command.ray)
            )
        for source in sources:
            try:
                _take_in(index, source, config, _Eyes(built.look, detector, observed))
            except BackendError as error:  # The others can be taken in all the same.
                failed += 1
                console.print(f"[yellow]skipped:[/] {plain(str(error))}")
        if parts is not None:
            _identify(index, parts, config)
        if describe is not None:
            describe(index)
        _index_vectors(index)
        _show(index)
    if failed == len(sources):
        raise BackendError(f"none of {failed} sources could be taken in.")
    return 0


def _describer(command: VideoRemember) -> Callable[[EventIndex], int] | None:
    """Return what lets a model describe segments; None where no model is named."""
    if command.llm_url is None and command.llm_model is None:
        return None
    from embodied_mem.app.endpoint import chat_client  # noqa: PLC0415 - an extra.
    from embodied_mem.app.video_captions import describe_segments  # noqa: PLC0415

    client = chat_client(command.llm_url, command.llm_model, command.llm_key_env)
    return partial(describe_segments, client=client)


def _index_vectors(index: EventIndex) -> None:
    """Bring the index of vectors up to date, where there are so many that one is used."""
    for width in index.vector_widths():
        search = VectorSearch(index, width)
        search.keep_up()
        search.wait()


class _Eyes(NamedTuple):
    """What looks at videos."""

    look: Look
    detector: VideoDetector | None
    observed: Observed | None


def _take_in(index: EventIndex, source: str, config: IntakeConfig, eyes: _Eyes) -> None:
    before = {video.digest for video in index.videos() if video.done}
    promised = open_samples(source, config).promised
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console, transient=True) as bar,
        deferred_interrupts() as check,
    ):
        task = bar.add_task(plain(Path(source).name), total=promised)
        video = take_in(
            index, source, config, eyes.look, detector=eyes.detector,
            progress=lambda seconds: bar.update(task, completed=seconds), check=check,
            observed=eyes.observed,
        )  # fmt: skip
    if video.digest in before:
        other = "" if video.name == Path(source).name else f", as {plain(video.name)}"
        console.print(f"{plain(source)} is in the memory already{other}")
    if video.note:
        console.print(f"[yellow]{plain(video.name)} was {plain(video.note)}[/]")


def _identify(index: EventIndex, describe: Describer, config: IntakeConfig) -> None:
    """Find out which tracks of all videos are of one thing, and say how many they are."""
    identities = identify_movers(index, describe, config.recorder.identities)
    index.identify(identities)
    if identities:
        different = len(set(identities.values()))
        console.print(f"{len(identities)} tracks that look like {different} different things")


def _intake(
    command: VideoRemember, detector: VideoDetectorConfig | None
) -> tuple[IntakeConfig, LookChoice, BuiltLook]:
    if not 0 < command.rate <= 1000 or command.side < 16 or command.folder_rate <= 0:
        raise ConfigError("rates must be above 0 (at most 1000), and `--side` at least 16 px.")
    choice = LookChoice(features=command.features, model=command.model, weights=command.weights)
    built = build_look(choice)
    recorder = RecorderConfig()
    if command.config is not None:
        recorder = load_config(command.config, RecorderConfig)
    config = IntakeConfig(
        rate=command.rate,
        side=command.side,
        folder_rate=command.folder_rate,
        topic=command.topic,
        look=built.name,
        recorder=recorder,
        detector=msgspec.UNSET if detector is None else detector_name(detector),
        masks=command.masks or msgspec.UNSET,
    )
    return config, choice, built


def _show(index: EventIndex) -> None:
    table = Table()
    for name in ("video", "length", "clips", "segments", "moments", "things"):
        table.add_column(name, justify="left" if name == "video" else "right")
    for video in index.videos():
        table.add_row(*_counts(index, video))
    console.print(table)
    console.print(f"memory: {index.store.path}; ask it with `embodied-mem ask {index.store.path}`")


def _counts(index: EventIndex, video: VideoRow) -> tuple[str, ...]:
    events = index.events("video = ?", (video.id,))
    levels = [event.level for event in events]
    things = sum(thing.video == video.id for thing in index.things())
    length = f"{video.seconds:.1f} s" if video.done else f"{video.seconds:.1f} s, unfinished"
    counts = (str(levels.count(level)) for level in ("clip", "segment", "moment"))
    return plain(video.name), length, *counts, str(things)
