"""`embodied-mem convert SOURCE`: a recorded folder into one of ours, or into a memory."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.progress import Progress

from embodied_mem.app.build import AgentConfig, build_perceiver, senses
from embodied_mem.app.commands import Convert
from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.ground_recording import Grounded, grounded
from embodied_mem.backends.calibration import Distortion
from embodied_mem.backends.recordings.folder import Head, RecordingWriter
from embodied_mem.backends.recordings.index import Shot, told
from embodied_mem.backends.recordings.recording import Recording, RecordingConfig
from embodied_mem.config import Config, load_config
from embodied_mem.errors import ConfigError, StoreError
from embodied_mem.memory import Memory
from embodied_mem.runtime.interrupts import deferred_interrupts
from embodied_mem.types import Frame
from perception import GeometricConfig
from perception.naming import Namer

PROGRESS = "conversion.json"
"""Name of the note in a memory's folder of how far a recording was taken in."""


class Taken(Config, frozen=True):
    """How far a memory has taken a recording in."""

    source: str
    """The recording and the settings that matter."""
    last: str
    """Name of its newest shot that memory knows."""
    frame: int
    """Percepts that memory held then."""


def convert_recording(command: Convert) -> int:
    """Read the recording and write it; go on where an earlier run was stopped."""
    configure_logging()
    if command.out is not None and command.store is not None:
        raise ConfigError("say one of `--out` and `--store`; convert twice to have both.")
    if command.agent is not None and command.perception is not None:
        raise ConfigError("say one of `--agent` and `--perception`.")
    ground = grounded(recording_config(command), command.ground)
    recording = Recording(ground.config)
    console.print(f"{command.source}: layout {recording.layout}, {len(recording)} frames")
    if ground.told:
        console.print(ground.told)
    count, target = (
        _to_folder(recording, Path(command.out))
        if command.out is not None
        else _to_store(recording, _agent(recording, command, ground), Path(command.store or ""))
    )
    left_out = f"; left out: {told(recording.skipped)}" if recording.skipped else ""
    console.print(f"took {count} frames into {target}{left_out}")
    return 0


def recording_config(command: Convert) -> RecordingConfig:
    """Return what the command says of the recording."""
    return RecordingConfig(
        folder=command.source or "",
        layout=command.layout,
        intrinsics=command.intrinsics,
        distortion=None if command.distortion is None else Distortion.of(command.distortion),
        depth_unit=command.depth_unit,
        fps=command.fps,
        up=command.up,
        stride=command.stride,
        limit=command.limit,
    )


def _identity(recording: Recording) -> str:
    """Tell the recording and the settings on which its frames depend."""
    settings = msgspec.structs.replace(
        recording.config, folder=str(Path(recording.config.folder).resolve()), limit=None
    )
    return msgspec.json.encode(settings).decode()


def _to_folder(recording: Recording, target: Path) -> tuple[int, Path]:
    if target.resolve() == Path(recording.config.folder).resolve():
        raise ConfigError("a recording cannot be converted onto itself; choose another folder.")
    head = Head(depth_unit=recording.depth_unit, source=_identity(recording))
    count = 0
    with RecordingWriter(target, head) as writer, deferred_interrupts() as check:
        for shot, frame in _shown(recording, writer.last):
            writer.write(frame, shot.name)
            count += 1
            check()
    return count, target


def _agent(recording: Recording, command: Convert, ground: Grounded) -> AgentConfig:
    """Return who looks at the recording, and how it is remembered."""
    if command.agent is not None:
        return load_config(command.agent, AgentConfig)
    has_truth = any(shot.truth is not None for shot in recording.shots)
    sense = command.perception or ("oracle" if has_truth else "geometric")
    perception = senses(sense, seed=command.seed)
    if isinstance(perception, GeometricConfig) and ground.floor:
        perception = msgspec.structs.replace(perception, floor=0.0)
    return AgentConfig(perception=perception)


def _to_store(recording: Recording, agent: AgentConfig, target: Path) -> tuple[int, Path]:
    source = _identity(recording) + msgspec.json.encode((agent.perception, agent.features)).decode()
    count = 0
    with Memory.open(target, agent.memory) as memory, deferred_interrupts() as check:
        perceive = Namer(build_perceiver(agent.perception, agent.features), memory)
        after, written = _resume(target / PROGRESS, source, memory.frame)
        for shot, frame in _shown(recording, after):
            if written:  # In memory already, when the last run was killed before its note.
                written -= 1
            else:
                memory.write(perceive(frame))
                count += 1
            note = Taken(source=source, last=shot.name, frame=memory.frame)
            _note(target / PROGRESS, note)
            check()
    return count, target


def _resume(path: Path, source: str, frames: int) -> tuple[str | None, int]:
    """Tell after which shot to go on, and how many of those that follow memory knows already.

    Raises:
        StoreError: Something else was written to the memory since.
    """
    if not path.is_file():
        return None, 0
    try:
        note = msgspec.json.decode(path.read_bytes(), type=Taken)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path} cannot be read; remove it to convert from the start.") from error
    if note.source != source:
        return None, 0
    if frames - note.frame not in (0, 1):
        raise StoreError(
            f"the memory beside {path} was written to since the conversion was stopped, so it "
            "cannot be gone on with. Convert into a new store."
        )
    return note.last, frames - note.frame


def _note(path: Path, note: Taken) -> None:
    unfinished = path.with_suffix(".partial")
    try:
        unfinished.write_bytes(msgspec.json.encode(note))
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error


def _shown(recording: Recording, after: str | None) -> Iterator[tuple[Shot, Frame]]:
    """Yield the frames that are left, with a bar that counts all of them."""
    place = {shot.name: number for number, shot in enumerate(recording.shots, start=1)}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("converting", total=len(recording))
        progress.update(task, completed=place.get(after or "", 0))
        for shot, frame in recording.frames(after):
            yield shot, frame
            progress.update(task, completed=place[shot.name])
