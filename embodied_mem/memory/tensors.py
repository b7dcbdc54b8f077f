"""Tensors by owner in numbered segments: inside the database while young, then in files.

A segment is one safetensors buffer that holds the tensors of many owners, named `owner|field`.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from embodied_mem.errors import StoreFormatError

Fields = dict[str, np.ndarray]
"""The tensors of one owner, by name."""


_SEGMENT = re.compile(r"segment-\d+\.(safetensors|tmp)")


def pack(owners: dict[str, Fields]) -> bytes:
    """Write the tensors of many owners as one safetensors buffer."""
    return save(
        {
            f"{owner}|{field}": np.ascontiguousarray(value)
            for owner, fields in owners.items()
            for field, value in fields.items()
        }
    )


def unpack(data: bytes, origin: str) -> dict[str, Fields]:
    """Read what `pack` wrote.

    Raises:
        StoreFormatError: The buffer is damaged; the message names `origin`.
    """
    try:
        flat = load(data)
    except SafetensorError as error:
        raise StoreFormatError(
            f"{origin} is damaged: {error}. Restore it from a copy made with `save`."
        ) from error
    owners: dict[str, Fields] = {}
    for name, value in flat.items():
        owner, _, field = name.rpartition("|")
        owners.setdefault(owner, {})[field] = value
    return owners


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"segment-{number:08d}.safetensors"


def write_segment(folder: Path, number: int, data: bytes, fault: Callable[[str], None]) -> None:
    """Write a segment's file so that it is whole or absent, and on the disk on return."""
    target = folder / segment_name(number)
    temporary = target.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        fault("segment written")
        file.flush()
        os.fsync(file.fileno())
    fault("segment synced")
    temporary.rename(target)
    fault("segment renamed")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_orphans(folder: Path, kept: Iterable[int]) -> list[Path]:
    """Delete segments of the folder that are referred to no more; return them."""
    names = {segment_name(number) for number in kept}
    ours = [path for path in sorted(folder.iterdir()) if _SEGMENT.fullmatch(path.name)]
    orphans = [path for path in ours if path.name not in names]
    for path in orphans:
        path.unlink(missing_ok=True)
    return orphans
