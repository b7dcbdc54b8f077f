"""`embodied-mem video score`: masks held against the truth, as one table."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from rich.progress import track
from rich.table import Table

from embodied_mem.app.console import configure_logging, console, plain
from embodied_mem.app.video_commands import VideoScore
from embodied_mem.app.video_run import MASKS
from embodied_mem.errors import ConfigError, FrameError, StoreError
from embodied_mem.runtime.video_scores import (
    MEASURES,
    MaskPair,
    ObjectScore,
    Scores,
    score_sequence,
    summarise,
)
from embodied_mem.video.frames import natural_key
from embodied_mem.video.mask_files import read_mask

_log = logging.getLogger(__name__)


class _Meta(msgspec.Struct):
    class Video(msgspec.Struct):
        class Object(msgspec.Struct):
            category: str

        objects: dict[str, Object]

    videos: dict[str, Video]


def score_videos(command: VideoScore) -> int:
    """Score every sequence of the truth, print the table, and write it as JSON if asked to."""
    configure_logging()
    seen = _seen(command)
    truth, results = Path(command.truth), Path(command.results)
    sequences = _sequences(truth)
    objects: list[ObjectScore] = []
    for name in track(sequences, description="comparing", console=console, transient=True):
        objects += _score(command, name, sequences[name], _results_of(results, name, sequences),
                          seen.get(name, {}))  # fmt: skip
    scores = summarise(objects, command.protocol)
    _show(scores)
    if command.json is not None:
        _write(scores, Path(command.json))
    return 0


def _score(
    command: VideoScore, name: str, truth: Path, results: Path, seen: Mapping[int, bool]
) -> list[ObjectScore]:
    frames = _frames(truth)
    if not frames:
        raise FrameError(f"the folder {truth} holds no masks (PNG).")
    absent = [frame for frame in frames if not (results / f"{frame}.png").is_file()]
    if absent:
        raise FrameError(
            f"{results} lacks the masks of {len(absent)} annotated frames, the first of them "
            f"{absent[0]}.png. Masks are called as their annotations are."
        )
    objects = {i for frame in frames for i in read_mask(truth / f"{frame}.png").objects}
    found: set[int] = set()

    def pairs() -> Iterator[MaskPair]:
        for number, frame in enumerate(frames, start=1):
            mine = read_mask(results / f"{frame}.png", strict=False)
            found.update(mine.objects)
            yield MaskPair(
                frame=frame,
                found=mine.ids,
                truth=read_mask(truth / f"{frame}.png").ids,
                last=number == len(frames),
            )

    scores = score_sequence(
        name, pairs(), objects, protocol=command.protocol, void=command.void, seen=seen
    )
    extra = sorted(found - objects)
    if extra:
        _log.warning("%s: objects %s are not in the truth and count for nothing", name, extra)
    return scores


def _sequences(truth: Path) -> dict[str, Path]:
    """Return the folders of annotations by the names of their sequences."""
    if not truth.is_dir():
        raise FrameError(f"there is no folder {truth} of annotations.")
    if _frames(truth):
        return {truth.name: truth}
    inside = sorted(path for path in truth.iterdir() if path.is_dir() and _frames(path))
    if not inside:
        raise FrameError(f"the folder {truth} holds no masks (PNG), nor folders of them.")
    return {path.name: path for path in inside}


def _results_of(results: Path, name: str, sequences: Mapping[str, Path]) -> Path:
    candidates = [results / name / MASKS, results / name]
    if len(sequences) == 1:
        candidates += [results / MASKS, results]
    for folder in candidates:
        if folder.is_dir() and _frames(folder):
            return folder
    raise FrameError(f"{results} holds no masks (PNG) of the sequence {name}.")


def _frames(folder: Path) -> list[str]:
    return sorted((path.stem for path in folder.glob("*.png")), key=natural_key)


def _seen(command: VideoScore) -> dict[str, dict[int, bool]]:
    """Return for each object of each sequence whether its category was trained on."""
    if (command.meta is None) != (command.seen is None):
        raise ConfigError("`--meta` and `--seen` go together: give both, or neither.")
    if command.meta is None or command.seen is None:
        return {}
    known = _categories(Path(command.seen))
    return {
        name: {int(number): one.category in known for number, one in video.objects.items()}
        for name, video in _meta(Path(command.meta)).videos.items()
    }


def _categories(path: Path) -> set[str]:
    if path.suffix == ".json":
        videos = _meta(path).videos.values()
        return {one.category for video in videos for one in video.objects.values()}
    try:
        return {line.strip() for line in path.read_text().splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the categories in {path}: {error}.") from error


def _meta(path: Path) -> _Meta:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Meta)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is not a meta.json of YouTube-VOS: {error}.") from error


def _show(scores: Scores) -> None:
    names = ("J&F", "J mean", "J recall", "J decay", "F mean", "F recall", "F decay")
    table = Table(title=f"protocol {scores.protocol}", title_justify="left")
    for name in ("sequence", "object", "frames"):
        table.add_column(name)
    for name in names:
        table.add_column(name, justify="right")
    for sequence, means in scores.sequences.items():
        mine = [one for one in scores.objects if one.sequence == sequence]
        for one in mine:
            cells = (f"{getattr(one, name):.3f}" for name in MEASURES)
            table.add_row(plain(sequence), str(one.object_id), str(one.frames), *cells)
        if len(mine) > 1 and len(scores.sequences) > 1:
            cells = (f"{means[name]:.3f}" for name in MEASURES)
            table.add_row(plain(sequence), "all", "", *cells, style="dim")
        table.add_section()
    cells = (f"{scores.overall[name]:.3f}" for name in MEASURES)
    table.add_row("overall", str(len(scores.objects)), "", *cells, style="bold")
    console.print(table)
    groups = {name: scores.overall[name] for name in scores.overall if name not in MEASURES}
    if groups:
        console.print("  ".join(f"{name} {value:.3f}" for name, value in groups.items()))


def _write(scores: Scores, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(scores), indent=2) + b"\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error
    console.print(f"everything as JSON: {path}")
