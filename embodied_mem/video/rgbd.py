"""Colour pictures of RGB-D recordings, with their times: of depth and poses nothing is needed here.

The layouts are those that `convert` reads: TUM's rgb.txt, 7-Scenes' frame-*.color.png, Record3D's
rgb/ with metadata.json, and our own frames.jsonl.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec

from embodied_mem.errors import BackendError
from embodied_mem.video.frames import natural_key
from embodied_mem.video.shots import ImageFiles

_COLOR = re.compile(r"frame-(\d+)\.color\.(?:png|jpg)")
_METADATA = ("metadata.json", "poses.json")
_PICTURES = {".jpg", ".jpeg", ".png"}

_Files = list[tuple[Fraction, Path]]


class _Metadata(msgspec.Struct):
    """What is needed of Record3D's metadata."""

    fps: float | None = None
    frameTimestamps: list[float] | None = None  # noqa: N815 - its name in the file.


class _Line(msgspec.Struct):
    """What is needed of a line of our own recordings."""

    number: int
    stamp: float


def open_recording(path: Path, rate: Fraction) -> ImageFiles | None:
    """Return the pictures of a recording; None where a folder is none that is known.

    Args:
        path: The folder.
        rate: Pictures a second, where a layout keeps no times [1/s].

    Raises:
        BackendError: It is one, and its list cannot be read or holds no picture.
    """
    readers: tuple[tuple[bool, Callable[[Path, Fraction], _Files]], ...] = (
        ((path / "frames.jsonl").is_file(), _ours),
        ((path / "rgb.txt").is_file(), _tum),
        (any(path.glob("frame-*.color.*")), _seven_scenes),
        (_is_record3d(path), _record3d),
    )
    for fits, read in readers:
        if fits:
            try:
                files = read(path, rate)
            except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
                raise BackendError(f"the recording {path} cannot be read: {error}.") from error
            if not files:
                raise BackendError(f"the recording {path} lists no picture that is there.")
            return ImageFiles(path, files)
    return None


def _ours(path: Path, _: Fraction) -> _Files:
    files = []
    for line in (path / "frames.jsonl").read_bytes().splitlines():
        try:
            frame = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            break  # The last line of a writer that was killed.
        files.append((Fraction(frame.stamp), path / "color" / f"{frame.number:06d}.png"))
    return _present(files, path)


def _tum(path: Path, _: Fraction) -> _Files:
    files = []
    for line in (path / "rgb.txt").read_text().splitlines():
        words = line.split()
        if len(words) >= 2 and not line.lstrip().startswith("#"):
            try:
                files.append((Fraction(words[0]), path / words[1]))
            except ValueError:
                continue
    return _present(files, path)


def _seven_scenes(path: Path, rate: Fraction) -> _Files:
    named = ((_COLOR.fullmatch(file.name), file) for file in path.iterdir())
    return _present([(int(match[1]) / rate, file) for match, file in named if match], path)


def _is_record3d(path: Path) -> bool:
    return (path / "rgb").is_dir() and any((path / name).is_file() for name in _METADATA)


def _record3d(path: Path, rate: Fraction) -> _Files:
    name = next(name for name in _METADATA if (path / name).is_file())
    known = msgspec.json.decode((path / name).read_bytes(), type=_Metadata)
    if known.fps is not None and known.fps > 0:
        rate = Fraction(known.fps).limit_denominator(1001)
    stamps = known.frameTimestamps or []
    pictures = [file for file in (path / "rgb").iterdir() if file.suffix.lower() in _PICTURES]
    pictures.sort(key=lambda file: natural_key(file.stem))
    return [
        (Fraction(stamps[place]) if place < len(stamps) else place / rate, file)
        for place, file in enumerate(pictures)
    ]


def _present(files: _Files, path: Path) -> _Files:
    """Return the files that are there, and in the folder: a list may name anything."""
    root = path.resolve()
    return [
        (stamp, file)
        for stamp, file in files
        if file.is_file() and file.resolve().is_relative_to(root)
    ]
