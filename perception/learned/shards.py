"""Labelled frames on disk: one safetensors file for each house, read a frame at a time.

    rgb     uint8   (n, h, w, 3)
    depth   uint16  (n, h, w)      along the optical axis [mm], 0 where unknown
    ids     uint16  (n, h, w)      number of the thing within its frame, 0 for the building
    cameras float32 (n, 4)         fx, fy, cx, cy [px]
    poses   float64 (n, 4, 4)      T_world_camera
    things  int32   (m, 8)         frame, number, label, pixels, left, top, right, bottom [px]
    states  int8    (m, s)         1 yes, 0 no, -1 does not apply

Labels and states are named in the file's header.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int8, Int32, UInt8, UInt16
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embodied_mem.errors import StoreError, StoreFormatError
from embodied_mem.runtime.carded_weights import reason_of

FORMAT = "labelled frames 1"
"""Name and version of the format, in every file's header."""

FRAME, NUMBER, LABEL, PIXELS, LEFT, TOP, RIGHT, BOTTOM = range(8)
"""Columns of `things`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFrame:
    """One frame and what is seen in it."""

    rgb: UInt8[np.ndarray, "h w 3"]
    depth: UInt16[np.ndarray, "h w"]
    """Along the optical axis [mm]; 0 where unknown."""
    ids: UInt16[np.ndarray, "h w"]
    """Number of the thing that each pixel shows; 0 for none."""
    camera: Float32[np.ndarray, "4"]
    """fx, fy, cx, cy [px]."""
    pose: Float[np.ndarray, "4 4"]
    """T_world_camera."""
    labels: Int32[np.ndarray, "k"]
    """Label of each thing; thing i has the number i + 1."""
    states: Int8[np.ndarray, "k s"]
    """States of each thing: 1 yes, 0 no, -1 does not apply."""


def write_shard(path: Path, frames: Sequence[LabelledFrame], header: Mapping[str, object]) -> None:
    """Write frames to a file, whole or not at all.

    Args:
        path: The file.
        frames: At least one; all of one size.
        header: What else is to be known of them; `labels` and `states` name the columns.
    """
    tables = [_things(index, frame) for index, frame in enumerate(frames)]
    arrays = {
        "rgb": np.stack([frame.rgb for frame in frames]),
        "depth": np.stack([frame.depth for frame in frames]),
        "ids": np.stack([frame.ids for frame in frames]),
        "cameras": np.stack([frame.camera for frame in frames]),
        "poses": np.stack([frame.pose for frame in frames]),
        "things": np.concatenate(tables),
        "states": np.concatenate([frame.states for frame in frames]),
    }
    part = path.with_suffix(".part")
    save_file(arrays, part, metadata={"format": FORMAT, "header": json.dumps(header)})
    part.replace(path)


def _things(index: int, frame: LabelledFrame) -> Int32[np.ndarray, "k 8"]:
    """The rows of one frame: places and sizes of its things."""
    rows = np.zeros((len(frame.labels), 8), np.int32)
    rows[:, FRAME], rows[:, LABEL] = index, frame.labels
    for row, number in zip(rows, range(1, len(rows) + 1), strict=True):
        down, across = np.nonzero(frame.ids == number)
        row[NUMBER], row[PIXELS] = number, len(down)
        row[LEFT:] = across.min(), down.min(), across.max() + 1, down.max() + 1
    return rows


class Shard:
    """One file of labelled frames; images are read when they are asked for.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is not a file of labelled frames.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: Any = safe_open(path, framework="numpy")
            metadata = self._file.metadata() or {}
        except OSError as error:
            raise StoreError(f"cannot read {path}: {reason_of(error)}.") from error
        except SafetensorError as error:
            raise StoreFormatError(
                f"{path} is damaged: {error}. Delete it; it will be generated again."
            ) from error
        if metadata.get("format") != FORMAT:
            raise StoreFormatError(
                f"{path} holds no labelled frames of this version, but "
                f"'{metadata.get('format', 'something else')}'. Use another folder."
            )
        self.header: Mapping[str, Any] = json.loads(metadata["header"])
        self.things: Int32[np.ndarray, "m 8"] = self._file.get_tensor("things")
        self._states: Int8[np.ndarray, "m s"] = self._file.get_tensor("states")

    def __len__(self) -> int:
        return len(self._cameras)

    @property
    def pixels(self) -> int:
        """Pixels of all frames."""
        return int(np.prod(self._file.get_slice("ids").get_shape()))

    @cached_property
    def _cameras(self) -> Float32[np.ndarray, "n 4"]:
        return self._file.get_tensor("cameras")

    @cached_property
    def _poses(self) -> Float[np.ndarray, "n 4 4"]:
        return self._file.get_tensor("poses")

    def frame(self, index: int) -> LabelledFrame:
        """Read one frame."""
        rows = self.things[:, FRAME] == index
        return LabelledFrame(
            rgb=self._file.get_slice("rgb")[index],
            depth=self._file.get_slice("depth")[index],
            ids=self._file.get_slice("ids")[index],
            camera=self._cameras[index],
            pose=self._poses[index],
            labels=self.things[rows, LABEL],
            states=self._states[rows],
        )


def open_shards(folder: Path, seeds: Sequence[int]) -> list[Shard]:
    """Open the files of some houses.

    Raises:
        StoreError: One is missing or damaged.
    """
    return [Shard(shard_path(folder, seed)) for seed in seeds]


def shard_path(folder: Path, seed: int) -> Path:
    """The file of the house of a seed."""
    return folder / f"house_{seed:06d}.safetensors"
