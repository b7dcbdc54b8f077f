"""Short films with the masks of everything in them, on disk and in memory.

One safetensors file for each house. Of clip k it holds

    video_k  uint8 (bytes,)    colours as MP4 (H.264)
    ids_k    uint8 (bytes,)    ids of all frames (t, h, w), xz

and its header names the version, the seed, what was asked for and the shape of each clip. Seen from
a clip, a thing has one id from 1 to 255 in all frames; 0 is the building, and what found no number.
"""

import json
import lzma
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embodied_mem.errors import StoreError, StoreFormatError

FORMAT = "film clips 1"
"""Name and version of the format, in every file's header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One film, all of it in memory."""

    rgb: UInt8[np.ndarray, "t h w 3"]
    ids: UInt8[np.ndarray, "t h w"]
    """Thing at each pixel, the same number in all frames; 0 for none."""

    def __len__(self) -> int:
        return len(self.rgb)


def clip_path(folder: Path, seed: int) -> Path:
    """The file of the house of a seed."""
    return folder / f"films_{seed:06d}.safetensors"


def write_clips(
    path: Path,
    videos: Sequence[bytes],
    ids: Sequence[UInt8[np.ndarray, "t h w"]],
    header: Mapping[str, object],
) -> None:
    """Write the films of one house, whole or not at all.

    Args:
        path: The file.
        videos: Each film's colours, as `clip_encoding.encode` makes them.
        ids: Each film's ids.
        header: What else is to be known of them.
    """
    arrays: dict[str, np.ndarray] = {}
    for number, (video, masks) in enumerate(zip(videos, ids, strict=True)):
        packed = lzma.compress(np.ascontiguousarray(masks).tobytes(), preset=6)
        arrays[f"video_{number}"] = np.frombuffer(video, np.uint8)
        arrays[f"ids_{number}"] = np.frombuffer(packed, np.uint8)
    shapes = [list(masks.shape) for masks in ids]
    note = json.dumps({**header, "shapes": shapes})
    part = path.with_suffix(".part")
    save_file(arrays, part, metadata={"format": FORMAT, "header": note})
    part.replace(path)


def read_clips(path: Path) -> Iterator[Clip]:
    """Read the films of one house.

    Raises:
        StoreError: There is no such file.
        StoreFormatError: It is damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="np") as file:  # pyright: ignore
            metadata = file.metadata() or {}
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise StoreError(f"cannot read films from {path}: {error}.") from error
    except SafetensorError as error:
        raise StoreFormatError(f"the films in {path} are damaged: {error}.") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "something else")
        raise StoreFormatError(f"{path} holds no films of this version, but '{found}'.")
    for number, shape in enumerate(json.loads(metadata["header"])["shapes"]):
        raw = lzma.decompress(held[f"ids_{number}"].tobytes())
        ids = np.frombuffer(raw, np.uint8).reshape(shape)
        rgb = _decode(held[f"video_{number}"].tobytes())
        if rgb.shape[:3] != ids.shape:
            raise StoreFormatError(
                f"film {number} in {path} has frames {rgb.shape[:3]} and masks {ids.shape}. "
                "Delete the file: it is made anew."
            )
        yield Clip(rgb=rgb, ids=ids)


def _decode(video: bytes) -> UInt8[np.ndarray, "t h w 3"]:
    """Read all frames of an MP4 file; OpenCV takes them from a file only."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(video)
        file.flush()
        capture = cv2.VideoCapture(file.name)
        frames = []
        while True:
            some, frame = capture.read()
            if not some:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        capture.release()
    return np.stack(frames) if frames else np.zeros((0, 0, 0, 3), np.uint8)
