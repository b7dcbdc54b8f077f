"""Demonstrations of a task on disk: some episodes to a safetensors file, images without loss.

    frames    uint8   (bytes,)   all images (n, h, w, 3), one after another, compressed (xz)
    lengths   int32   (e,)       frames of each episode; n is their sum
    proprio   float32 (n, 16)    pose of the tool (x y z [m], qw qx qy qz), joints [rad, m]
    actions   float32 (n, a)     what the expert would do
    executed  float32 (n, a)     what was done: with noise, so that mistakes are seen and corrected
    options   float32 (e, o, 3)  where the things to choose from stand after the reveal [m]
    cue       int32   (e,)       which of them is the right one
    reveal    int32   (e,)       first frame that shows them
    seeds     int64   (e,)
    success   bool    (e,)

The task's name, its instruction and the size of the images stand in the file's header.
Simulators have environments of their own; this file is all that training needs of them.
"""

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embodied_mem.errors import StoreError, StoreFormatError

FORMAT = "demonstrations 1"
"""Name and version of the format, in every file's header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """One episode."""

    frames: UInt8[np.ndarray, "t h w 3"]
    proprio: Float32[np.ndarray, "t 16"]
    """Pose of the tool (x y z [m], qw qx qy qz) and joints [rad, m]."""
    actions: Float32[np.ndarray, "t a"]
    """What the expert would do."""
    executed: Float32[np.ndarray, "t a"]
    """What was done."""
    options: Float32[np.ndarray, "o 3"]
    """Where the things to choose from stand [m]."""
    cue: int
    """Which of them is the right one."""
    reveal: int
    """First frame that shows them all."""
    seed: int
    success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the episodes of a file have in common."""

    name: str
    """As the benchmark calls it."""
    instruction: str


def write_demonstrations(path: Path, task: Task, episodes: Sequence[Demonstration]) -> None:
    """Write episodes to a file, whole or not at all."""
    frames = np.concatenate([episode.frames for episode in episodes])
    header = {"task": task.name, "instruction": task.instruction, "size": frames.shape[1:3]}
    tensors = {
        "frames": np.frombuffer(lzma.compress(frames.tobytes(), preset=6), np.uint8),
        "lengths": np.array([len(episode.frames) for episode in episodes], np.int32),
        "proprio": np.concatenate([episode.proprio for episode in episodes]),
        "actions": np.concatenate([episode.actions for episode in episodes]),
        "executed": np.concatenate([episode.executed for episode in episodes]),
        "options": np.stack([episode.options for episode in episodes]),
        "cue": np.array([episode.cue for episode in episodes], np.int32),
        "reveal": np.array([episode.reveal for episode in episodes], np.int32),
        "seeds": np.array([episode.seed for episode in episodes], np.int64),
        "success": np.array([episode.success for episode in episodes]),
    }
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"format": FORMAT, "header": json.dumps(header)})
    part.replace(path)


def read_demonstrations(path: Path) -> tuple[Task, list[Demonstration]]:
    """Read the episodes of a file.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It holds something else, or is damaged.
    """
    try:
        with safe_open(path, framework="np") as file:  # pyright: ignore
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise StoreError(f"cannot read demonstrations {path}: {error}.") from error
    except SafetensorError as error:
        raise StoreFormatError(f"the demonstrations {path} are damaged: {error}.") from error
    if metadata.get("format") != FORMAT:
        raise StoreFormatError(f"{path} holds no demonstrations of this version.")
    try:
        header = json.loads(metadata["header"])
        task = Task(name=header["task"], instruction=header["instruction"])
        return task, _parted(tensors, *header["size"])
    except (lzma.LZMAError, KeyError, ValueError) as error:
        raise StoreFormatError(f"the demonstrations {path} are damaged: {error}.") from error


def _parted(tensors: dict[str, np.ndarray], height: int, width: int) -> list[Demonstration]:
    ends = np.cumsum(tensors["lengths"])[:-1]
    raw = np.frombuffer(lzma.decompress(tensors["frames"].tobytes()), np.uint8)
    frames = np.split(raw.reshape(-1, height, width, 3), ends)
    rows = {name: np.split(tensors[name], ends) for name in ("proprio", "actions", "executed")}
    return [
        Demonstration(
            frames=frames[index],
            proprio=rows["proprio"][index],
            actions=rows["actions"][index],
            executed=rows["executed"][index],
            options=tensors["options"][index],
            cue=int(tensors["cue"][index]),
            reveal=int(tensors["reveal"][index]),
            seed=int(tensors["seeds"][index]),
            success=bool(tensors["success"][index]),
        )
        for index in range(len(frames))
    ]
