"""The record of a run: one JSON line for each start, decision and end, each complete when written.

A run may hold several episodes one after another; their lines follow each other in one file.
"""

import os
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from embodied_mem.errors import StoreError


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """Base of every line."""

    episode: int
    """Number of the episode in this run, from 0."""


class StartLine(Line, frozen=True, kw_only=True, tag="start"):
    """An episode begins."""

    goal: str
    """In predicate form."""
    text: str = ""
    """The words it was given in."""
    known: int = 0
    """Objects in memory at that moment."""


class ChangeLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that memory learnt."""

    change: str
    """appeared, moved, gone, held or state."""
    object_id: str
    label: str
    position: tuple[float, float, float]
    """Centre in the world [m]."""
    detail: str = ""
    """Which state, or where to."""


class StepLine(Line, frozen=True, kw_only=True, tag="step"):
    """One decision, with what it was based on."""

    step: int
    """Number of the decision in its episode, from 0."""
    stamp: float
    """Of the frame that the decision was based on [s]."""
    action: str
    phase: str
    target: str = ""
    """Memory's id of the object that the action touches."""
    reason: str = ""
    last_success: bool = True
    """Whether the action before this one succeeded."""
    last_message: str = ""
    plan: tuple[str, ...] | None = None
    """The plan, where it differs from the line before."""
    pose: tuple[float, float, float] | None = None
    """Body in the world: x, y [m], yaw [rad]."""
    seen: int = 0
    """Detections in the frame."""
    changes: tuple[ChangeLine, ...] = ()
    frame: str = ""
    """The frame's picture, relative to the run's folder, where one was kept."""


class EndLine(Line, frozen=True, kw_only=True, tag="end"):
    """An episode ended."""

    success: bool
    met: int
    total: int
    steps: int
    failed_actions: int
    exploration_steps: int
    path_length: float
    """[m]."""
    seconds: float
    """Wall time [s]."""
    reason: str = ""


AnyLine = StartLine | StepLine | EndLine

LineType = TypeVar("LineType")


class LineWriter:
    """Appends JSON lines; each is handed to the system before `write` returns."""

    def __init__(self, path: str | Path):
        """Open a file for appending, and cut off what a crash left of its last line.

        Raises:
            StoreError: The file cannot be written.
        """
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self.path.open("ab")
            self._file.truncate(whole_length(self.path))
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}.") from error

    def write(self, line: msgspec.Struct, *, sync: bool = False) -> None:
        """Append one line.

        Args:
            line: What to write.
            sync: Wait until the disk has it; otherwise a crash of the machine may lose it, a crash
                of the process does not.

        Raises:
            StoreError: The disk is full or gone.
        """
        try:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}.") from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


def whole_length(path: Path) -> int:
    """Return the length of a file up to the end of its last whole line [bytes]."""
    return path.read_bytes().rfind(b"\n") + 1


def read_lines(path: str | Path, decoder: msgspec.json.Decoder[LineType]) -> list[LineType]:
    """Read a file of JSON lines; a last line without its end, as a crash leaves it, is passed over.

    Args:
        path: The file.
        decoder: Reads one line.

    Raises:
        StoreError: The file cannot be read, or a line is not of this kind.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}.") from error
    lines: list[LineType] = []
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            lines.append(decoder.decode(line))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise StoreError(f"line {number} of {path} is not a record: {error}.") from error
    return lines


_DECODER: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)


def read_trace(path: str | Path) -> list[AnyLine]:
    """Read the lines of a run's metrics.jsonl; see `read_lines`."""
    return read_lines(path, _DECODER)
